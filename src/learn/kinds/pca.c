/* Principal components. */
#include <math.h>

#include "learn/dense.h"
#include "learn/json.h"
#include "learn/linear.h"

typedef struct PcaParams {
  int64_t components;
  bool whiten;
} PcaParams;

static const CmParam params_table[] = {
    CM_PARAM_INT(PcaParams, components, 2, 0, 1000, "", "how many; 0: as many as there can be, at most 1000"),
    CM_PARAM_BOOL(PcaParams, whiten, "false", "make the variance of each component 1"),
};

typedef struct Pca {
  CmLinear *linear; /* an output a component */
  double *variance; /* of each, over the training rows (n - 1) */
  double total;     /* of all features */
} Pca;

static int count_components(const CmTraining *t, int64_t wanted, CmError **err) {
  int64_t most = t->rows < t->features ? t->rows : t->features;
  if (most > 1000 && !wanted) most = 1000;
  if (wanted <= most) return (int)(wanted ? wanted : most);
  cm_error_set(err, CM_ERR_DATA, "components: %lld are asked of %lld rows and %d features; use fewer",
               (long long)wanted, (long long)t->rows, t->features);
  return 0;
}

static bool take_components(const CmSvd *svd, const CmTraining *t, bool whiten, Pca *pca, CmError **err) {
  int d = t->features;
  for (int r = 0; r < svd->rank; r++) pca->total += svd->value[r] * svd->value[r] / (double)(t->rows - 1);
  for (int c = 0; c < pca->linear->outputs; c++) {
    const double *direction = svd->right + (int64_t)c * d;
    double *weight = pca->linear->weight + (int64_t)c * d, factor = 1;
    pca->variance[c] = svd->value[c] * svd->value[c] / (double)(t->rows - 1);
    if (whiten && !(pca->variance[c] > 0)) {
      cm_error_set(err, CM_ERR_DATA, "component %d has no variance to whiten; use fewer components", c + 1);
      return false;
    }
    if (whiten) factor /= sqrt(pca->variance[c]);
    for (int j = 0; j < d; j++) {
      weight[j] = factor * direction[j];
      pca->linear->intercept[c] -= weight[j] * pca->linear->mean[j];
    }
  }
  return true;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const PcaParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  int d = training->features, count = count_components(training, p->components, err);
  int64_t n = training->rows;
  Pca *pca = count ? CM__NEW(hold, Pca, 1, err) : NULL, *result = NULL;
  CmSvd svd;
  if (!pca || !(pca->linear = cm__linear_create(hold, training, count, err))) goto done;
  pca->variance = CM__NEW(hold, double, count, err);
  double *x = CM__NEW(&scratch, double, n *d, err);
  if (!pca->variance || !x) goto done;
  for (int64_t i = 0; i < n; i++)
    for (int j = 0; j < d; j++) x[i * d + j] = training->x[i * d + j] - pca->linear->mean[j];
  if (cm__svd(&scratch, x, n, d, NULL, 0, &svd, err) && take_components(&svd, training, p->whiten, pca, err))
    result = pca;
done:
  cm__arena_free(&scratch);
  return result;
}

static int parts(const void *state) {
  return ((const Pca *)state)->linear->outputs;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  return cm__linear_predict(((const Pca *)state)->linear, ctx, x, rows, to, err);
}

static bool explain(const void *state, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                    CmError **err) {
  return cm__linear_explain(((const Pca *)state)->linear, ctx, x, rows, contribution, err);
}

static void weights(const void *state, const double *scale, CmWeights *to) {
  cm__linear_weights(((const Pca *)state)->linear, scale, to);
}

static void write_state(const void *state, CmTextBuffer *json) {
  const Pca *pca = state;
  cm__text_add(json, "{\"variance\":");
  cm__json_reals(json, pca->variance, pca->linear->outputs);
  cm__text_add(json, ",\"total\":");
  cm__json_reals(json, &pca->total, 1);
  cm__text_add(json, ",\"linear\":");
  cm__linear_write(pca->linear, json);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *variance, *total, *linear;
  CmJsonMember members[] = {{"variance", &variance}, {"total", &total}, {"linear", &linear}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  Pca *pca = CM__NEW(hold, Pca, 1, err);
  if (!pca || !(pca->linear = cm__linear_read(hold, linear, shape, err))) return NULL;
  pca->variance = cm__json_read_reals(hold, variance, "predictor.variance", shape->classes, false, err);
  double *number = pca->variance ? cm__json_read_reals(hold, total, "predictor.total", 1, false, err) : NULL;
  if (!number) return NULL;
  pca->total = *number;
  return pca;
}

CM_MODEL_KIND(pca) = {
    .kind = {.about = {.name = "pca",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Principal components: few numbers with most of the variance.",
                       .details =
                           "By singular values of the centred features, which are scaled unless scale=none. Of a "
                           "component and its opposite the one whose largest weight is positive. The saved model "
                           "has the variance of each component and of all features.",
                       CM_OP_PARAMS(PcaParams, params_table),
                       .cite = "Pearson: On lines and planes of closest fit, Phil. Mag. 2, 1901"},
             .tasks = 1u << CM_TASK_EMBEDDING,
             .wants_scaling = true,
             .explains_rows = true},
    .fit = fit,
    .predict = predict_rows,
    .parts = parts,
    .explain = explain,
    .weights = weights,
    .write = write_state,
    .read = read_state,
};
