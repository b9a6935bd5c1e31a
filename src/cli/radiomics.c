/* cormack radiomics IMAGE MASK [OUT] --params P.yaml, and the same for a table of them. */
#include "cli/radiomics.h"

#include <string.h>

#include "cormack/io.h"

typedef struct RadiomicsOptions {
  CmText output, params, regions, sr;
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
    CM_PARAM_BOOL(RadiomicsOptions, fresh, "false", "of a table: forget what earlier runs have kept"),
};
static const CmOp own = {.name = "radiomics", CM_OP_PARAMS(RadiomicsOptions, option_table)};
enum { SEGMENT, VOXEL };

static bool measure(const CmRadiomicsWork *work, int32_t mode, int count, char **argv, CmError **err) {
  if (count == 1 && mode == SEGMENT) return cm__radiomics_batch(work, argv[0], err);
  const CmRadiomicsCase one = {
      .image = argv[0], .mask = argv[1], .region = work->regions, .label_named = work->label_named};
  if (mode == VOXEL) return cm__radiomics_maps(work, &one, err);
  CmTable *table = cm__radiomics_measure(work, work->params, &one, err);
  if (!table) {
    cm_error_context(err, "%s", argv[0]);
    return false;
  }
  const CmValue value = cm_value_table(table);
  const bool ok = (!*work->report || cm__radiomics_report(work, table, &one, work->report, err)) &&
                  (!*work->out || cm__cli_write(work->cli, &value, work->out, err));
  cm_table_unref(&table);
  return ok;
}

/* -o FILE.dcm is the report alone. */
static bool choose_outputs(RadiomicsOptions *options, int count, CmError **err) {
  if (!cm_path_has_extension(options->output.value, ".dcm")) return true;
  if (count == 1 || *options->sr.value) {
    cm_error_set(err, CM_ERR_USAGE, "%s",
                 count == 1 ? "of a table the reports go to a folder: --sr FOLDER, beside -o FEATURES.csv"
                            : "-o FILE.dcm and --sr say the same thing; give one of them");
    return false;
  }
  options->sr = options->output;
  options->output.value[0] = 0;
  return true;
}

static bool run(CmCli *cli, const void *unused, int argc, char **argv, CmError **err) {
  (void)unused;
  CmRadiomicsCall call;
  const int count = cm__radiomics_call(&call, cli, &own, argc, argv, err);
  RadiomicsOptions *options = call.options;
  bool good = count >= 0;
  if (good && (count < 1 || count > 3 || (count == 1 && !cm_path_has_extension(argv[0], ".csv")))) {
    cm_error_set(err, CM_ERR_USAGE,
                 "the form is «cormack radiomics IMAGE MASK -o FEATURES.csv» or «cormack radiomics "
                 "TABLE.csv -o FEATURES.csv», the table with columns Image and Mask");
    good = false;
  }
  if (good && count == 1 && options->mode == VOXEL) {
    cm_error_set(err, CM_ERR_USAGE, "--mode voxel takes one image and its mask, not a table");
    good = false;
  }
  if (good && count == 3) good = cm_params_set(&own, options, "output", argv[2], err);
  good = good && choose_outputs(options, count, err);
  if (good) {
    const CmRadiomicsWork work = {.cli = cli,
                                  .op = call.op,
                                  .params = call.params,
                                  .out = options->output.value,
                                  .report = options->sr.value,
                                  .regions = options->regions.value,
                                  .resample = options->resample_mask,
                                  .label_named = call.label_named,
                                  .fresh = options->fresh};
    good = measure(&work, options->mode, count, argv, err);
  }
  cm__radiomics_call_free(&call);
  return good;
}

CM_COMMAND(radiomics) = {
    .name = "radiomics",
    .arguments = "IMAGE MASK -o FEATURES.csv | TABLE.csv -o FEATURES.csv | IMAGE MASK --mode voxel -o FOLDER",
    .summary = "Radiomics features of regions, by IBSI's or PyRadiomics' book, of one image or a table of them.",
    .details =
        "IMAGE is a file or a folder of DICOM; MASK is a label map in any format, a DICOM segmentation (SEG) or an RT\n"
        "structure set (RTSTRUCT): all of its regions are measured, each by itself, with their names; --regions or\n"
        "--label chooses. Columns `outside` and `overlaps` tell what reaches beyond the image or is another's as "
        "well.\n"
        "Every parameter of the operation is an option here as well (below); what is typed counts more than the file.\n"
        "A PyRadiomics parameter file works as it is, and chooses convention=pyradiomics; of a label map label 1 is\n"
        "measured then unless one is named.\n"
        "A table has the columns Image and Mask, and may have Label (a number or a name); paths are relative to it,\n"
        "other columns are copied. Rows that fail go to FEATURES.csv.quarantine.csv with their reason and the rest is\n"
        "done; what is done is kept in FEATURES.csv.resume, so that a run that was stopped carries on.\n"
        "  cormack radiomics ct.nii.gz tumour.nii.gz --params Params.yaml -o features.csv\n"
        "  cormack radiomics ct/ RS.dcm --regions GTV-1 -o features.csv\n"
        "  cormack radiomics ct/ seg.dcm -o features.csv --sr features.dcm\n"
        "  cormack radiomics ct.nii.gz tumour.nii.gz --convention pyradiomics --binWidth 10 --imageType \"Original; "
        "LoG sigma=1.0,3.0\"\n"
        "  cormack radiomics cases.csv --params Params.yaml -o features.csv\n"
        "  cormack radiomics ct.nii.gz tumour.nii.gz --mode voxel --params Params.yaml --kernelRadius 2 -o maps/",
    CM_COMMAND_OPTIONS(RadiomicsOptions, option_table),
    .min_args = 1,
    .max_args = 3,
    .own_words = true,
    .run = run,
};
