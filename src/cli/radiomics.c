/* cormack radiomics IMAGE MASK [OUT] --params P.yaml, and the same for a table of them. */
#include "cli/radiomics.h"

#include <string.h>

#include "cormack/io.h"

typedef struct RadiomicsOptions {
  CmText output, params, regions, sr, select;
  bool resample_mask, fresh;
  int32_t mode;
} RadiomicsOptions;

static const CmParam option_table[] = {
    CM_PARAM_TEXT(RadiomicsOptions, output, "-",
                  "FILE.csv or .json, or .dcm: a DICOM structured report; otherwise standard output (-o)"),
    CM_PARAM_TEXT(
        RadiomicsOptions, params, "",
        "parameter file, YAML or JSON: PyRadiomics' kind (setting, imageType, featureClass, voxelSetting) as it "
        "is, or parameters of the operation"),
    CM_PARAM_TEXT(RadiomicsOptions, regions, "",
                  "only the regions of these names or numbers, separated by commas, as in GTV-1,lung"),
    CM_PARAM_BOOL(RadiomicsOptions, resample_mask, "false",
                  "bring a mask on another grid to the image's (nearest voxel); otherwise it is refused"),
    CM_PARAM_TEXT(RadiomicsOptions, sr, "",
                  "write a DICOM structured report (TID 1500) as well: a file; of a table a folder, a file per row"),
    CM_PARAM_ENUM(RadiomicsOptions, mode, "segment|voxel", "segment",
                  "of regions, or maps: features of the window around every voxel (operation radiomics_map), a file "
                  "FEATURE.nrrd each in the folder that -o names"),
    CM_PARAM_TEXT(RadiomicsOptions, select, "",
                  "of an IMAGE folder with several series: the SeriesInstanceUID (the message lists them)"),
    CM_PARAM_BOOL(RadiomicsOptions, fresh, "false", "of a table: forget what earlier runs have kept"),
};
static const CmOp own = {.name = "radiomics", CM_OP_PARAMS(RadiomicsOptions, option_table)};
enum { SEGMENT, VOXEL };

static bool measure_one(const CmRadiomicsWork *work, const CmRadiomicsCase *one, CmError **err) {
  if (*work->report && !cm__radiomics_reportable(work, one, err)) return false;
  CmTable *table = cm__radiomics_measure(work, work->params, one, err);
  if (!table) return false;
  const CmValue value = cm_value_table(table);
  const bool ok = (!*work->report || cm__radiomics_report(work, table, one, work->report, err)) &&
                  (!*work->out || cm__cli_write(work->cli, &value, work->out, err));
  cm_table_unref(&table);
  return ok;
}

static bool measure(const CmRadiomicsWork *work, int count, char **argv, CmError **err) {
  if (count == 1) return cm__radiomics_batch(work, argv[0], err);
  char *mask = cm__radiomics_mask(work->cli->ctx, argv[1], err);
  const CmRadiomicsCase one = {
      .image = argv[0], .mask = mask, .region = work->regions, .label_named = work->label_named};
  const bool ok = mask && measure_one(work, &one, err);
  cm_free(mask);
  return ok;
}

/* ---- where results go: checked before there are any
 */

static bool refuse(CmError **err, const char *why) {
  cm_error_set(err, CM_ERR_USAGE, "%s", why);
  return false;
}

static bool check_maps(const RadiomicsOptions *options, CmError **err) {
  static const char *const files[] = {".csv", ".json", ".dcm", ".nrrd", ".nii", ".gz"};
  bool folder = strcmp(options->output.value, "-") != 0;
  for (int k = 0; k < CM_COUNT(files); k++) folder = folder && !cm_path_has_extension(options->output.value, files[k]);
  if (!folder) return refuse(err, "maps go to a folder, a file each: --mode voxel -o FOLDER");
  return !*options->sr.value || refuse(err, "maps have no structured report; leave --sr away");
}

/* -o FILE.dcm is the report alone. */
static bool choose_outputs(RadiomicsOptions *options, int count, CmError **err) {
  const char *out = options->output.value, *sr = options->sr.value;
  if (options->mode == VOXEL) return check_maps(options, err);
  if (count == 1 && cm_path_has_extension(sr, ".dcm"))
    return refuse(err, "of a table the reports go to a folder, a file per row: --sr FOLDER");
  if (count == 2 && *sr && !cm_path_has_extension(sr, ".dcm")) return refuse(err, "--sr names the report: FILE.dcm");
  if (cm_path_has_extension(out, ".dcm")) {
    if (count == 1) return refuse(err, "of a table the reports go to a folder: --sr FOLDER, beside -o FEATURES.csv");
    if (*sr) return refuse(err, "-o FILE.dcm and --sr say the same thing; give one of them");
    options->sr = options->output;
    options->output.value[0] = 0;
    return true;
  }
  if (strcmp(out, "-") == 0 || cm_path_has_extension(out, ".csv") || cm_path_has_extension(out, ".json")) return true;
  cm_error_set(err, CM_ERR_USAGE,
               "-o %s: features are written as .csv, .json or .dcm (a structured report), or to standard output as -",
               out);
  return false;
}

static bool check_words(int count, char **argv, CmError **err) {
  if (count == 2 || count == 3 || (count == 1 && cm_path_has_extension(argv[0], ".csv"))) return true;
  return refuse(err,
                "the form is «cormack radiomics IMAGE MASK -o FEATURES.csv» or «cormack radiomics TABLE.csv -o "
                "FEATURES.csv», the table with columns Image and Mask");
}

static bool run(CmCli *cli, const void *unused, int argc, char **argv, CmError **err) {
  (void)unused;
  CmRadiomicsCall call;
  int count = cm__radiomics_call(&call, cli, &own, argc, argv, err);
  RadiomicsOptions *options = call.options;
  bool good = count >= 0 && check_words(count, argv, err);
  if (good && count == 3) good = cm_params_set(&own, options, "output", argv[--count], err);
  good = good && choose_outputs(options, count, err);
  const bool voxel = good && options->mode == VOXEL;
  char *listed = voxel ? cm_sprintf(cli->ctx, err, "%s/maps.csv", options->output.value) : NULL;
  if (good && (!voxel || listed)) {
    const CmRadiomicsWork work = {.cli = cli,
                                  .op = call.op,
                                  .params = call.params,
                                  .out = voxel ? listed : options->output.value,
                                  .maps = voxel ? options->output.value : NULL,
                                  .select = options->select.value,
                                  .report = options->sr.value,
                                  .regions = options->regions.value,
                                  .resample = options->resample_mask,
                                  .label_named = call.label_named,
                                  .fresh = options->fresh};
    good = (!voxel || cm_make_folder(work.maps, err)) && measure(&work, count, argv, err);
  }
  cm_free(listed);
  cm__radiomics_call_free(&call);
  return good && !*err;
}

CM_COMMAND(radiomics) = {
    .name = "radiomics",
    .arguments =
        "IMAGE MASK -o FEATURES.csv | TABLE.csv -o FEATURES.csv | IMAGE MASK --mode voxel -o FOLDER | TABLE.csv --mode "
        "voxel -o FOLDER",
    .summary = "Radiomics features of regions, by IBSI's or PyRadiomics' book, of one image or a table of them.",
    .details =
        "IMAGE is a file or a folder of DICOM; MASK is a label map in any format, a DICOM segmentation (SEG) or an RT\n"
        "structure set (RTSTRUCT): all of its regions are measured, each by itself, with their names; --regions or\n"
        "--label chooses. Columns `outside` and `overlaps` tell what reaches beyond the image or is another's as "
        "well.\n"
        "Every parameter of the operation is an option here as well (below); what is typed counts more than the file.\n"
        "A PyRadiomics parameter file works as it is, and chooses convention=pyradiomics. With that convention, from\n"
        "the file or typed, label 1 of a label map is measured unless another is named (--label 0: all); with\n"
        "convention=ibsi all labels are.\n"
        "A table has the columns Image and Mask, and may have Label (a number or a name); paths are relative to it,\n"
        "other columns are copied. Rows that fail go to FEATURES.csv.quarantine.csv with their reason and the rest is\n"
        "done; what is done is kept in FEATURES.csv.resume, so that a run that was stopped carries on.\n"
        "Maps (--mode voxel) take the same masks and tables: FOLDER/FEATURE.nrrd, of regions "
        "FOLDER/NAME/FEATURE.nrrd,\n"
        "of a table FOLDER/row00001/...; FOLDER/maps.csv lists them.\n"
        "  cormack radiomics ct.nii.gz tumour.nii.gz --params Params.yaml -o features.csv\n"
        "  cormack radiomics ct/ RS.dcm --regions GTV-1 -o features.csv\n"
        "  cormack radiomics ct/ seg.dcm -o features.csv --sr features.dcm\n"
        "  cormack radiomics ct.nii.gz tumour.nii.gz --convention pyradiomics --binWidth 10 --imageType \"Original; "
        "LoG sigma=1.0,3.0\"\n"
        "  cormack radiomics cases.csv --params Params.yaml -o features.csv\n"
        "  cormack radiomics ct.nii.gz tumour.nii.gz --mode voxel --params Params.yaml --kernelRadius 2 -o maps/\n"
        "  cormack radiomics ct/ RS.dcm --mode voxel --regions GTV-1 -o maps/",
    CM_COMMAND_OPTIONS(RadiomicsOptions, option_table),
    .min_args = 1,
    .max_args = 3,
    .own_words = true,
    .run = run,
};
