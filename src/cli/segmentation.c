/* cormack segmentation LABELS SOURCE OUT.dcm: a label map as a DICOM segmentation of the series that it belongs to. */
#include <string.h>

#include "cli/cli.h"
#include "cormack/io.h"
#include "io/image_file.h"

typedef struct SegmentationOptions {
  CmText names;
} SegmentationOptions;

static const CmParam options_table[] = {
    CM_PARAM_TEXT(SegmentationOptions, names, "",
                  "names of the labels 1, 2, 3 …, separated by commas, as in liver,spleen"),
};

static bool name_labels(CmImage *labels, char *names, CmError **err) {
  int64_t value = 1;
  for (char *name; names && (name = strsep(&names, ",")); value++) {
    uint8_t rgb[3];
    cm_label_colour(value, rgb);
    if (*name && !cm_image_set_label(labels, value, name, rgb, err)) return false;
  }
  return true;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)argc;
  CmReadOptions read;
  CmText names = ((const SegmentationOptions *)options)->names;
  cm_read_default_options(&read);
  CmImage *map = cm_image_read(cli->ctx, argv[0], &read, err);
  CmImage *labels = map ? cm_image_share(cli->ctx, map, err) : NULL;
  const bool good = labels && name_labels(labels, names.value[0] ? names.value : NULL, err) &&
                    cm__dicom_write_derived(cli->ctx, labels, argv[2], argv[1], cm_dicom_write_segmentation, err);
  cm_image_unref(&labels);
  cm_image_unref(&map);
  return good;
}

CM_COMMAND(segmentation) = {
    .name = "segmentation",
    .arguments = "LABELS SOURCE OUT.dcm",
    .summary = "Write a label map as a DICOM segmentation of its series.",
    .details =
        "LABELS is a label map in any format, SOURCE the folder of DICOM that it was made from. OUT is one DICOM file\n"
        "(Segmentation Storage, binary) with a segment for each label; patient, study and frame of reference are\n"
        "SOURCE's, and each frame refers to the slice at its place. Example:\n"
        "  cormack segmentation lungs.nii.gz ct/ lungs.dcm --names right_lung,left_lung",
    CM_COMMAND_OPTIONS(SegmentationOptions, options_table),
    .min_args = 3,
    .max_args = 3,
    .run = run,
};
