/* cormack contours STRUCTURES IMAGE OUT: the contours of an RT Structure Set as a label map. */
#include "cli/cli.h"
#include "cormack/dicom.h"
#include "cormack/io.h"

typedef struct ContoursOptions {
  CmText roi;
  int32_t overlap;
  CmText table, select;
} ContoursOptions;

static const CmParam options_table[] = {
    CM_PARAM_TEXT(ContoursOptions, roi, "", "only the ROI of this name or number"),
    CM_PARAM_ENUM(ContoursOptions, overlap, "refuse|last", "refuse",
                  "what to do about a voxel in two ROIs: refuse, or let the one later in the file win"),
    CM_PARAM_TEXT(ContoursOptions, table, "-", "where the table of ROIs goes: .csv, .json, or - for the screen"),
    CM_PARAM_TEXT(ContoursOptions, select, "", "of an IMAGE folder with several series: the SeriesInstanceUID"),
};

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)argc;
  const ContoursOptions *o = options;
  CmContourOptions wanted;
  CmReadOptions read;
  cm_contour_default_options(&wanted);
  cm_read_default_options(&read);
  read.select = o->select.value[0] ? o->select.value : NULL;
  wanted.roi = o->roi.value[0] ? o->roi.value : NULL;
  wanted.overlap = (CmOverlap)o->overlap;
  CmTable *table = NULL;
  CmDicom *file = cm_dicom_open(cli->ctx, argv[0], CM_DICOM_WHOLE, err);
  CmImage *image = file ? cm_image_read(cli->ctx, argv[1], &read, err) : NULL;
  CmImage *labels = image ? cm_dicom_contours(cli->ctx, file, image, &wanted, &table, err) : NULL;
  bool good = labels && cm_image_write(cli->ctx, labels, argv[2], NULL, err);
  const CmValue value = cm_value_table(table);
  good = good && cm__cli_write(cli, &value, o->table.value, err);
  cm_table_unref(&table);
  cm_image_unref(&labels);
  cm_image_unref(&image);
  cm_dicom_close(&file);
  return good;
}

CM_COMMAND(contours) = {
    .name = "contours",
    .arguments = "STRUCTURES IMAGE OUT",
    .summary = "Turn the contours of an RT Structure Set into a label map.",
    .details =
        "STRUCTURES is the DICOM file (RTSTRUCT), IMAGE what it was drawn on, a folder of DICOM or a file; OUT gets\n"
        "IMAGE's grid and a label for each region of interest, with its number and name. A voxel is in where its "
        "centre\n"
        "is; holes and keyholes are out. The table says for each region how many contours it has, how many of them\n"
        "reach beyond the image, its voxels and volume. Examples:\n"
        "  cormack contours RS.dcm ct/ regions.nii.gz\n"
        "  cormack contours RS.dcm ct/ tumour.nii.gz --roi GTV-1",
    CM_COMMAND_OPTIONS(ContoursOptions, options_table),
    .min_args = 3,
    .max_args = 3,
    .run = run,
};
