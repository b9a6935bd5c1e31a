/* cormack convert IN OUT: an image between formats, a DICOM folder being an input and an output like any other. */
#include "cli/cli.h"
#include "cormack/io.h"

typedef struct ConvertOptions {
  int32_t fill, tilt, type;
  bool suv, stored, saturate, identity;
  CmText select, source;
  int64_t compression, quality, segment;
} ConvertOptions;

static const CmParam options_table[] = {
    CM_PARAM_ENUM(ConvertOptions, fill, "refuse|linear|drop", "refuse",
                  "what to do about a missing slice: refuse, interpolate, or keep the longest even run"),
    CM_PARAM_ENUM(ConvertOptions, tilt, "refuse|correct", "refuse",
                  "what to do about a gantry tilt: refuse, or resample the slices along their rows and columns"),
    CM_PARAM_BOOL(ConvertOptions, suv, "false", "convert PET to SUV by body weight"),
    CM_PARAM_BOOL(ConvertOptions, stored, "false", "keep stored values: no rescale, no modality table"),
    CM_PARAM_TEXT(ConvertOptions, select, "",
                  "of several images the one with this volume key, SeriesInstanceUID or array name"),
    CM_PARAM_INT(ConvertOptions, segment, 0, 0, 65535, "1",
                 "of a DICOM segmentation only the segment of this number, whatever it overlaps; 0: all"),
    CM_PARAM_ENUM(ConvertOptions, type, "keep|u8|i8|u16|i16|u32|i32|f32|f64", "keep",
                  "voxel type to write; values that do not fit are an error"),
    CM_PARAM_BOOL(ConvertOptions, saturate, "false", "with --type: clamp values that do not fit"),
    CM_PARAM_INT(ConvertOptions, compression, -1, -1, 9, "1", "0 (none) to 9 (smallest); -1 is the format's usual"),
    CM_PARAM_INT(ConvertOptions, quality, 95, 1, 100, "1", "of JPEG"),
    CM_PARAM_TEXT(ConvertOptions, source, "", "for DICOM out: the folder whose patient and study the images belong to"),
    CM_PARAM_BOOL(ConvertOptions, identity, "false",
                  "write the names of patient, staff and institution too; DICOM always has them"),
};

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)argc;
  const ConvertOptions *o = options;
  CmReadOptions read;
  CmWriteOptions write;
  cm_read_default_options(&read);
  cm_write_default_options(&write);
  read.fill = (CmFill)o->fill;
  read.tilt = (CmTilt)o->tilt;
  read.suv = o->suv;
  read.stored = o->stored;
  read.segment = o->segment;
  read.select = o->select.value[0] ? o->select.value : NULL;
  write.compression = (int)o->compression;
  write.quality = (int)o->quality;
  write.anonymous = !o->identity;
  write.source = o->source.value[0] ? o->source.value : NULL;
  CmImage *image = cm_image_read(cli->ctx, argv[0], &read, err);
  if (image && o->type > 0) {
    CmImage *converted = cm_image_convert(cli->ctx, image, (CmType)(o->type - 1), o->saturate, err);
    if (!converted) cm_error_context(err, "%s", argv[0]);
    cm_image_unref(&image);
    image = converted;
  }
  bool good = image && cm_image_write(cli->ctx, image, argv[1], &write, err);
  cm_image_unref(&image);
  return good;
}

CM_COMMAND(convert) = {
    .name = "convert",
    .arguments = "IN OUT",
    .summary = "Convert an image between formats.",
    .details =
        "IN is a file or a folder of DICOM; its format is found from its contents. OUT's format follows from its "
        "extension: .nii.gz, .nii,\n"
        ".nrrd, .nhdr, .mha, .mhd, .png, .jpg, .tif, .npy, .npz; without an extension it is a folder of DICOM files.\n"
        "What a format cannot hold exactly is refused with the way out. Examples:\n"
        "  cormack convert studies/ct ct.nii.gz\n"
        "  cormack convert pet/ suv.nii.gz --suv\n"
        "  cormack convert scan/ scan.nrrd --fill linear\n"
        "  cormack convert mask.nii.gz mask.mha --type u8",
    CM_COMMAND_OPTIONS(ConvertOptions, options_table),
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
