/* cormack robustness IMAGE MASK --params P.yaml -o ICC.csv: how features change when images are perturbed. */
#include "cli/robustness.h"

#include <string.h>

#include "core/text.h"
#include "cormack/io.h"

#define MOST_PERTURBATIONS 10000

typedef struct RobustnessOptions {
  CmText output, params, regions, values, plot, select;
  bool resample_mask;
  CmReals rotation, translation, growth;
  int64_t noise, contours, seed;
  int32_t model;
  double confidence;
} RobustnessOptions;

static const CmParam option_table[] = {
    CM_PARAM_TEXT(RobustnessOptions, output, "-",
                  "FILE.csv or .json: a row per feature; otherwise standard output (-o)"),
    CM_PARAM_TEXT(RobustnessOptions, params, "", "parameter file, as of «cormack radiomics»"),
    CM_PARAM_TEXT(RobustnessOptions, regions, "", "only the regions of these names or numbers, separated by commas"),
    CM_PARAM_TEXT(RobustnessOptions, values, "", "write the features under every perturbation: FILE.csv or .json"),
    CM_PARAM_TEXT(RobustnessOptions, plot, "", "draw the correlations: FILE.svg"),
    CM_PARAM_BOOL(RobustnessOptions, resample_mask, "false", "bring a mask on another grid to the image's"),
    CM_PARAM_TEXT(RobustnessOptions, select, "", "of an IMAGE folder with several series: the SeriesInstanceUID"),
    CM_PARAM_REALS(RobustnessOptions, rotation, "-6,0,6", -360, 360, 0, CM_LIST_MAX, "deg", "angles about z"),
    CM_PARAM_REALS(RobustnessOptions, translation, "", -1000, 1000, 0, CM_LIST_MAX, "voxel",
                   "shifts along every axis, as parts of a voxel, such as 0,0.5"),
    CM_PARAM_REALS(RobustnessOptions, growth, "-0.1,0,0.1", -0.999, 1000, 0, CM_LIST_MAX, "1",
                   "parts of its volume that a region grows by"),
    CM_PARAM_INT(RobustnessOptions, noise, 0, 0, 1000, "1",
                 "how often noise is added, as much as the image has; 0: none"),
    CM_PARAM_INT(RobustnessOptions, contours, 3, 0, 1000, "1",
                 "how often contours are drawn anew along supervoxels; 0: never"),
    CM_PARAM_INT(RobustnessOptions, seed, 0, 0, 9007199254740991, "1", "of noise, growth and contours"),
    CM_PARAM_ENUM(RobustnessOptions, model, "1-1|2-1|3-1", "1-1", "of the intraclass correlation"),
    CM_PARAM_REAL(RobustnessOptions, confidence, 0.95, 0.5, 0.9999, "1", "of its interval"),
};
static const CmOp own = {.name = "robustness", CM_OP_PARAMS(RobustnessOptions, option_table)};

/* ---- which perturbations: every combination
 */

static double item(const CmReals *list, int64_t at) {
  return list->count > 0 ? list->value[at] : 0.0;
}

static int64_t at_least_one(int64_t count) {
  return count > 0 ? count : 1;
}

/* The range of intensities that are measured, for supervoxels; "" if there is none. */
static void find_range(const CmRadiomicsCall *call, char *to, size_t size) {
  char mode[32];
  cm_params_get(call->op, call->params, cm_op_find_param(call->op, "range"), to, size);
  if (strchr(to, ',')) return;
  cm_params_get(call->op, call->params, cm_op_find_param(call->op, "resegmentMode"), mode, sizeof mode);
  cm_params_get(call->op, call->params, cm_op_find_param(call->op, "resegmentRange"), to, size);
  if (strcmp(mode, "absolute") != 0 || !strchr(to, ',')) *to = 0;
}

static bool write_words(CmContext *ctx, const RobustnessOptions *o, const char *range, const double moves[3],
                        CmPerturbed *to, CmError **err) {
  static const char *const names[] = {"rotation", "translation", "growth"};
  CmTextBuffer text;
  char number[32];
  cm__text_start(&text, ctx, err);
  cm__text_add(&text, "");
  for (int k = 0; k < 3; k++)
    if (moves[k] != 0.0)
      cm__text_addf(&text, "%s%s=%s", text.size ? " " : "", names[k], cm_real_text(moves[k], number));
  if (o->noise > 0) cm__text_addf(&text, "%snoise=estimate", text.size ? " " : "");
  if (o->contours > 0) cm__text_addf(&text, "%scontour=true", text.size ? " " : "");
  if (o->contours > 0 && *range) cm__text_addf(&text, " range=%s", range);
  const bool good = !text.failed;
  if (good) snprintf(to->words, sizeof to->words, "%s", text.text ? text.text : "");
  cm_free(text.text);
  return good;
}

static bool list_perturbations(const CmRadiomicsCall *call, CmRobustness *job, CmPerturbed **list, CmError **err) {
  const RobustnessOptions *o = call->options;
  const int64_t sizes[] = {at_least_one(o->rotation.count), at_least_one(o->translation.count),
                           at_least_one(o->growth.count), at_least_one(o->noise) * at_least_one(o->contours)};
  char range[CM_TEXT_MAX];
  const double wanted = (double)sizes[0] * (double)sizes[1] * (double)sizes[2] * (double)sizes[3];
  if (wanted < 2 || wanted > MOST_PERTURBATIONS) {
    cm_error_set(err, CM_ERR_USAGE, "these are %.0f combinations of perturbations; give 2 to %d", wanted,
                 MOST_PERTURBATIONS);
    return false;
  }
  find_range(call, range, sizeof range);
  job->count = (int64_t)wanted;
  *list = cm_calloc(call->cli->ctx, (size_t)job->count, sizeof **list, err);
  bool good = *list != NULL;
  for (int64_t k = 0; good && k < job->count; k++) {
    const int64_t repeat = k % sizes[3], g = k / sizes[3] % sizes[2], t = k / (sizes[3] * sizes[2]) % sizes[1],
                  r = k / (sizes[3] * sizes[2] * sizes[1]);
    const double moves[3] = {item(&o->rotation, r), item(&o->translation, t), item(&o->growth, g)};
    (*list)[k].repeat = repeat;
    good = write_words(call->cli->ctx, o, range, moves, &(*list)[k], err);
  }
  job->perturbed = *list;
  return good;
}

/* ---- measuring
 */

static CmTable *start_values(CmContext *ctx, CmError **err) {
  static const struct {
    const char *name;
    CmColumnType type;
  } columns[] = {{"case", CM_COLUMN_INT},  {"Image", CM_COLUMN_TEXT},       {"label", CM_COLUMN_INT},
                 {"name", CM_COLUMN_TEXT}, {"perturbation", CM_COLUMN_INT}, {"perturbed", CM_COLUMN_TEXT}};
  CmTable *table = cm_table_create(ctx, err);
  for (int k = 0; table && k < CM_COUNT(columns); k++)
    if (cm_table_add_column(table, columns[k].name, columns[k].type, "", err) < 0) cm_table_unref(&table);
  return table;
}

/* A case that fails is told, and the rest is done. */
static bool measure_table(const CmRobustness *job, const char *path, CmTable *values, CmError **err) {
  CmCli *cli = job->work.cli;
  CmRadiomicsInputs inputs;
  bool good = cm__radiomics_inputs_read(cli->ctx, path, &inputs, err);
  for (int64_t k = 0; good && k < inputs.count; k++) {
    const CmRadiomicsInput *input = &inputs.items[k];
    const CmRadiomicsCase one = cm__radiomics_case_of(&job->work, input);
    CmError *why = NULL;
    CmRobustness own_job = *job;
    void *params = cm_params_create(cli->ctx, job->work.op, &why);
    if (params) memcpy(params, job->work.params, job->work.op->params_size);
    own_job.work.params = params;
    if (params && cm__radiomics_input_check(input, &why) &&
        ((one.region && *one.region) || !*input->label ||
         cm_params_set(job->work.op, params, "label", input->label, &why)))
      cm__robustness_case(&own_job, k + 1, &one, values, &why);
    cm_free(params);
    if (!why) continue;
    good = cm_error_code(why) != CM_ERR_CANCELLED && cm_error_code(why) != CM_ERR_MEMORY;
    if (good) {
      cm_log(cli->ctx, CM_LOG_WARNING, "row %lld is left out: %s", (long long)k + 1, cm_error_text(why));
      cli->quarantined++;
      cm_error_free(&why);
    } else
      *err = why;
  }
  cm__radiomics_inputs_free(&inputs);
  return good;
}

static bool measure(const CmRobustness *job, int count, char **argv, CmTable *values, CmError **err) {
  if (count == 1) return measure_table(job, argv[0], values, err);
  const CmRadiomicsCase one = {
      .image = argv[0], .mask = argv[1], .region = job->work.regions, .label_named = job->work.label_named};
  return cm__robustness_case(job, 1, &one, values, err);
}

static CmTable *correlate(const CmRadiomicsCall *call, CmTable *values, CmError **err) {
  const RobustnessOptions *o = call->options;
  static const char *const models[] = {"1-1", "2-1", "3-1"};
  const CmOp *op = cm_op_get("icc", err);
  const CmValue in[CM_MAX_PORTS] = {cm_value_table(values)};
  CmValue out[CM_MAX_PORTS] = {{0}};
  char confidence[32];
  void *params = op ? cm_params_create(call->cli->ctx, op, err) : NULL;
  const bool good = params && cm_params_set(op, params, "subject", "case,label", err) &&
                    cm_params_set(op, params, "measurement", "perturbation", err) &&
                    cm_params_set(op, params, "model", models[o->model], err) &&
                    cm_params_set(op, params, "confidence", cm_real_text(o->confidence, confidence), err) &&
                    cm_op_run(call->cli->ctx, op, params, in, out, NULL, err);
  cm_free(params);
  return good ? out[0].table : NULL;
}

static bool write_all(const CmRadiomicsCall *call, CmTable *values, CmTable *icc, CmError **err) {
  const RobustnessOptions *o = call->options;
  const CmValue all = cm_value_table(values), told = cm_value_table(icc);
  return (!*o->values.value || cm__cli_write(call->cli, &all, o->values.value, err)) &&
         (!*o->plot.value || cm__robustness_plot(call->cli->ctx, icc, o->plot.value, err)) &&
         cm__cli_write(call->cli, &told, o->output.value, err);
}

static bool run(CmCli *cli, const void *unused, int argc, char **argv, CmError **err) {
  (void)unused;
  CmRadiomicsCall call;
  CmPerturbed *list = NULL;
  CmTable *values = NULL, *icc = NULL;
  const int count = cm__radiomics_call(&call, cli, &own, argc, argv, err);
  const RobustnessOptions *o = call.options;
  bool good = count >= 0;
  if (good && (count < 1 || count > 2 || (count == 1 && !cm_path_has_extension(argv[0], ".csv")))) {
    cm_error_set(err, CM_ERR_USAGE,
                 "the form is «cormack robustness IMAGE MASK -o ICC.csv» or «cormack robustness TABLE.csv -o ICC.csv», "
                 "the table with columns Image and Mask");
    good = false;
  }
  if (good) {
    CmRobustness job = {.work = {.cli = cli,
                                 .op = call.op,
                                 .params = call.params,
                                 .regions = o->regions.value,
                                 .resample = o->resample_mask,
                                 .select = o->select.value,
                                 .report = "",
                                 .label_named = call.label_named},
                        .seed = (uint64_t)o->seed};
    good = list_perturbations(&call, &job, &list, err) && (values = start_values(cli->ctx, err)) &&
           measure(&job, count, argv, values, err) && (icc = correlate(&call, values, err)) &&
           write_all(&call, values, icc, err);
  }
  cm_table_unref(&values);
  cm_table_unref(&icc);
  cm_free(list);
  cm__radiomics_call_free(&call);
  return good;
}

CM_COMMAND(robustness) = {
    .name = "robustness",
    .arguments = "IMAGE MASK -o ICC.csv | TABLE.csv -o ICC.csv",
    .summary = "How robust radiomics features are: their correlation over perturbed images and regions.",
    .details =
        "Images and regions are rotated, shifted, made noisier, grown, shrunk and drawn anew (operation perturb), in\n"
        "every combination of what is given; the features of each are measured, as «cormack radiomics» does with the\n"
        "same parameters; and each feature gets its intraclass correlation over all regions (operation icc): the part\n"
        "of its variance that is between regions. 1: perturbations do not change it; features whose interval begins\n"
        "below 0.75 are better left out of models. Many regions are needed: a table of many cases, or a map of many\n"
        "labels; of a single region only `variation` is told, its coefficient of variation. IMAGE, MASK and TABLE are\n"
        "as of «cormack radiomics», whose parameters are options here as well (its --help).\n"
        "  cormack robustness cases.csv --params Params.yaml -o icc.csv --plot icc.svg\n"
        "  cormack robustness ct/ seg.dcm --rotation -10,-5,0,5,10 --growth 0 --contours 0 --translation 0,0.5 -o "
        "icc.csv\n"
        "  cormack robustness cases.csv --noise 10 --rotation 0 --growth 0 --contours 0 --values features.csv -o "
        "icc.csv",
    CM_COMMAND_OPTIONS(RobustnessOptions, option_table),
    .min_args = 1,
    .max_args = 2,
    .own_words = true,
    .run = run,
};
