/* Support vector classification: one machine a pair of classes, trained by LIBSVM, applied here. */
#include <math.h>
#include <string.h>

#include "learn/json.h"
#include "learn/kernel.h"
#include "learn/platt.h"
#include "learn/rng.h"
#include "learn/split.h"

enum { CLASS_WEIGHT_NONE, CLASS_WEIGHT_BALANCED };

typedef struct SvmParams {
  double C;
  CM__KERNEL_FIELDS;
  int32_t class_weight;
  double tolerance;
  int64_t calibration_folds;
} SvmParams;

static const CmParam params_table[] = {
    CM_PARAM_REAL(SvmParams, C, 1, 1e-12, 1e12, "1", "cost of a row on the wrong side of the margin"),
    CM__KERNEL_PARAMS(SvmParams),
    CM_PARAM_ENUM(SvmParams, class_weight, "none|balanced", "none",
                  "whether each class weighs the same whatever its number of rows"),
    CM_PARAM_REAL(SvmParams, tolerance, 1e-3, 1e-12, 1, "1", "how far the optimality conditions may be missed"),
    CM_PARAM_INT(SvmParams, calibration_folds, 5, 2, 50, "",
                 "folds by subject inside the training rows, for probabilities from decision values"),
};

/* Machine of classes a < b: positive decisions are for a. */
typedef struct Pair {
  int a, b, count;
  int *vector; /* of the shared ones */
  double *alpha;
  double rho, slope, offset; /* P(a | a or b) = 1 / (1 + exp(slope decision + offset)) */
} Pair;

typedef struct Svm {
  CmKernel kernel;
  int features, classes, pairs, vectors;
  double *vector; /* vectors x features */
  Pair *pair;
} Svm;

/* ---- applying -------------------------------------------------------------------------------------------------------
 */

static double decide(const Pair *pair, const double *values) {
  double sum = -pair->rho;
  for (int i = 0; i < pair->count; i++) sum += pair->alpha[i] * values[pair->vector[i]];
  return sum;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *probability,
                         CmError **err) {
  const Svm *svm = state;
  int k = svm->classes;
  double *values = cm_alloc_array(ctx, (size_t)svm->vectors + 1, sizeof *values, err), *scratch = NULL;
  if (!values) return false;
  bool ok = false;
  scratch = cm_alloc_array(ctx, (size_t)(2 * k * k + k), sizeof *scratch, err);
  if (!scratch) goto done;
  for (int64_t i = 0; i < rows; i++) {
    cm__kernel_values(&svm->kernel, x + i * svm->features, svm->vector, svm->vectors, svm->features, values);
    for (int p = 0; p < svm->pairs; p++) {
      const Pair *pair = &svm->pair[p];
      double share = cm__platt(decide(pair, values), pair->slope, pair->offset);
      share = fmin(fmax(share, 1e-7), 1 - 1e-7);
      scratch[pair->a * k + pair->b] = share;
      scratch[pair->b * k + pair->a] = 1 - share;
    }
    if (k == 2) {
      probability[2 * i] = scratch[1];
      probability[2 * i + 1] = scratch[2];
    } else {
      cm__couple(scratch, k, scratch + k * k, probability + i * k);
    }
  }
  ok = true;
done:
  cm_free(scratch);
  cm_free(values);
  return ok;
}

/* ---- training -------------------------------------------------------------------------------------------------------
 */

typedef struct Trainer {
  const CmTraining *training;
  const SvmParams *params;
  Svm *svm;
  double *class_weight;
  struct svm_node **row; /* a training row each */
  struct svm_node **subset;
  double *y;
  int64_t *source; /* training row of each row of the subset */
} Trainer;

static bool make_trainer(CmArena *scratch, const CmTraining *training, const SvmParams *params, Svm *svm,
                         Trainer *trainer, CmError **err) {
  *trainer = (Trainer){.training = training, .params = params, .svm = svm};
  trainer->row = cm__svm_rows(scratch, training, err);
  trainer->subset = CM__NEW(scratch, struct svm_node *, training->rows, err);
  trainer->y = CM__NEW(scratch, double, training->rows, err);
  trainer->source = CM__NEW(scratch, int64_t, training->rows, err);
  trainer->class_weight = CM__NEW(scratch, double, training->classes, err);
  if (!trainer->row || !trainer->subset || !trainer->y || !trainer->source || !trainer->class_weight) return false;
  for (int64_t i = 0; i < training->rows; i++) trainer->class_weight[training->y[i]] += 1;
  for (int c = 0; c < training->classes; c++)
    trainer->class_weight[c] = params->class_weight == CLASS_WEIGHT_BALANCED
                                   ? (double)training->rows / (training->classes * trainer->class_weight[c])
                                   : 1;
  return true;
}

/* Whether a fold leaves out a row, or one that it was made from: else the machine would have seen what it is judged by.
 */
static bool is_left_out(const CmTraining *t, const int *fold, int64_t row, int left_out) {
  if (row < t->rows - t->made) return fold[row] == left_out;
  const int64_t *parent = t->parent + 2 * (row - (t->rows - t->made));
  return fold[parent[0]] == left_out || fold[parent[1]] == left_out;
}

/* Trains a against b on the rows of either class that `left_out` does not mark. NULL with *err on failure, free with
 * LIBSVM. */
static struct svm_model *train_pair(Trainer *trainer, int a, int b, const int *fold, int left_out, CmError **err) {
  const CmTraining *training = trainer->training;
  const SvmParams *p = trainer->params;
  int n = 0, seen[2] = {0, 0};
  for (int64_t i = 0; i < training->rows; i++) {
    if ((training->y[i] != a && training->y[i] != b) || (fold && is_left_out(training, fold, i, left_out))) continue;
    trainer->subset[n] = trainer->row[i];
    trainer->source[n] = i;
    trainer->y[n++] = training->y[i] == a ? 1 : -1;
    seen[training->y[i] == b]++;
  }
  if (!seen[0] || !seen[1]) {
    cm_error_set(
        err, CM_ERR_DATA,
        "a class has too few subjects to calibrate probabilities; use more subjects or a model other than svm");
    return NULL;
  }
  int labels[2] = {1, -1};
  double weights[2] = {trainer->class_weight[a], trainer->class_weight[b]};
  struct svm_problem problem = {.l = n, .y = trainer->y, .x = trainer->subset};
  struct svm_parameter parameter = cm__svm_settings(&trainer->svm->kernel, p->tolerance);
  parameter.svm_type = C_SVC;
  parameter.C = p->C;
  parameter.nr_weight = 2;
  parameter.weight_label = labels;
  parameter.weight = weights;
  return cm__svm_train(&problem, &parameter, err);
}

/* LIBSVM keeps pointers to its rows and their 1-based numbers in the subset. */
static bool keep_pair(CmArena *hold, Trainer *trainer, const struct svm_model *model, Pair *pair, CmError **err) {
  pair->count = model->l;
  pair->rho = model->rho[0];
  pair->vector = CM__NEW(hold, int, model->l, err);
  pair->alpha = CM__NEW(hold, double, model->l, err);
  if (!pair->vector || !pair->alpha) return false;
  for (int i = 0; i < model->l; i++) {
    pair->vector[i] = (int)trainer->source[model->sv_indices[i] - 1];
    pair->alpha[i] = model->sv_coef[0][i];
  }
  return true;
}

/* Decision values of rows that the machine has not seen, by folds of subjects; then Platt's sigmoid. */
static bool calibrate(CmArena *scratch, Trainer *trainer, Pair *pair, CmError **err) {
  const CmTraining *training = trainer->training;
  int *fold = CM__NEW(scratch, int, training->rows, err), *y = CM__NEW(scratch, int, training->rows, err);
  int64_t *subject = CM__NEW(scratch, int64_t, training->rows, err),
          *number = CM__NEW(scratch, int64_t, training->rows, err);
  int *spread = CM__NEW(scratch, int, training->rows, err);
  double *decision = CM__NEW(scratch, double, training->rows, err),
         *values = CM__NEW(scratch, double, training->rows, err);
  if (!fold || !y || !subject || !number || !spread || !decision || !values) return false;
  int64_t n = 0, subjects = 0, of_class[2] = {0, 0};
  for (int64_t i = 0; i < training->rows; i++) {
    fold[i] = -1;
    if (i >= training->rows - training->made || (training->y[i] != pair->a && training->y[i] != pair->b)) continue;
    y[n] = training->y[i] == pair->a;
    number[n] = i;
    subject[n++] = training->subject[i];
  }
  if (!cm__compact_subjects(scratch, subject, n, &subjects, err) ||
      !cm__subjects_of_class(scratch, y, subject, subjects, n, of_class, err))
    return false;
  int64_t fewest = of_class[0] < of_class[1] ? of_class[0] : of_class[1];
  int folds = (int)(trainer->params->calibration_folds < fewest ? trainer->params->calibration_folds : fewest);
  if (folds < 2) {
    cm_error_set(err, CM_ERR_DATA,
                 "a class has one subject only, so probabilities cannot be calibrated; use more subjects or a model "
                 "other than svm");
    return false;
  }
  if (!cm__split_folds(scratch->ctx, y, 2, subject, subjects, n, folds, cm__stream(0, CM__STREAM_INNER, 0), spread,
                       err))
    return false;
  for (int64_t i = 0; i < n; i++) fold[number[i]] = spread[i];
  for (int f = 0; f < folds; f++) {
    struct svm_model *model = train_pair(trainer, pair->a, pair->b, fold, f, err);
    if (!model) return false;
    CmArena own = {.ctx = scratch->ctx};
    Pair part = {.a = pair->a, .b = pair->b};
    bool ok = keep_pair(&own, trainer, model, &part, err);
    svm_free_and_destroy_model(&model);
    for (int64_t i = 0; ok && i < n; i++) {
      if (spread[i] != f) continue;
      for (int v = 0; v < part.count; v++)
        cm__kernel_values(&trainer->svm->kernel, training->x + number[i] * training->features,
                          training->x + (int64_t)part.vector[v] * training->features, 1, training->features,
                          &values[part.vector[v]]);
      decision[i] = decide(&part, values);
    }
    cm__arena_free(&own);
    if (!ok) return false;
  }
  cm__platt_fit(decision, y, n, &pair->slope, &pair->offset);
  return true;
}

/* Vectors used by any pair, in the order of the training rows, once each. */
static bool share_vectors(CmArena *hold, CmArena *scratch, const CmTraining *training, Svm *svm, CmError **err) {
  int *place = CM__NEW(scratch, int, training->rows, err);
  if (!place) return false;
  for (int p = 0; p < svm->pairs; p++)
    for (int i = 0; i < svm->pair[p].count; i++) place[svm->pair[p].vector[i]] = 1;
  for (int64_t i = 0; i < training->rows; i++) place[i] = place[i] ? svm->vectors++ : -1;
  svm->vector = CM__NEW(hold, double, (int64_t)svm->vectors * svm->features, err);
  if (!svm->vector) return false;
  for (int64_t i = 0; i < training->rows; i++)
    if (place[i] >= 0)
      memcpy(svm->vector + (int64_t)place[i] * svm->features, training->x + i * svm->features,
             sizeof(double) * (size_t)svm->features);
  for (int p = 0; p < svm->pairs; p++)
    for (int i = 0; i < svm->pair[p].count; i++) svm->pair[p].vector[i] = place[svm->pair[p].vector[i]];
  return true;
}

static Svm *make(CmArena *hold, int features, int classes, CmError **err) {
  Svm *svm = CM__NEW(hold, Svm, 1, err);
  if (!svm) return NULL;
  svm->features = features;
  svm->classes = classes;
  svm->pair = CM__NEW(hold, Pair, classes * (classes - 1) / 2, err);
  if (!svm->pair) return NULL;
  for (int a = 0; a < classes; a++)
    for (int b = a + 1; b < classes; b++) svm->pair[svm->pairs++] = (Pair){.a = a, .b = b};
  return svm;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const SvmParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  Svm *svm = make(hold, training->features, training->classes, err), *result = NULL;
  Trainer trainer;
  if (!svm) goto done;
  svm->kernel = cm__kernel(p->kernel, p->gamma, p->degree, p->coef0, training);
  if (!make_trainer(&scratch, training, p, svm, &trainer, err)) goto done;
  for (int i = 0; i < svm->pairs; i++) {
    Pair *pair = &svm->pair[i];
    struct svm_model *model = train_pair(&trainer, pair->a, pair->b, NULL, 0, err);
    if (!model) goto done;
    bool kept = keep_pair(hold, &trainer, model, pair, err);
    svm_free_and_destroy_model(&model);
    if (!kept || !calibrate(&scratch, &trainer, pair, err)) goto done;
  }
  if (share_vectors(hold, &scratch, training, svm, err)) result = svm;
done:
  cm__arena_free(&scratch);
  return result;
}

/* ---- as data --------------------------------------------------------------------------------------------------------
 */

static void write_state(const void *state, CmTextBuffer *json) {
  const Svm *svm = state;
  cm__text_add(json, "{\"kernel\":");
  cm__kernel_write(&svm->kernel, json);
  cm__text_addf(json, ",\"vectors\":%d,\"vector\":", svm->vectors);
  cm__json_reals(json, svm->vector, (int64_t)svm->vectors * svm->features);
  cm__text_add(json, ",\"pairs\":[");
  for (int p = 0; p < svm->pairs; p++) {
    const Pair *pair = &svm->pair[p];
    cm__text_add(json, p ? ",{\"vector\":" : "{\"vector\":");
    cm__json_ints(json, pair->vector, pair->count);
    cm__text_add(json, ",\"alpha\":");
    cm__json_reals(json, pair->alpha, pair->count);
    cm__text_add(json, ",\"numbers\":");
    cm__json_reals(json, (double[]){pair->rho, pair->slope, pair->offset}, 3);
    cm__text_add(json, "}");
  }
  cm__text_add(json, "]}");
}

static bool read_pair(CmArena *hold, const json_t *json, int vectors, Pair *pair, CmError **err) {
  const json_t *vector, *alpha, *numbers;
  CmJsonMember members[] = {{"vector", &vector}, {"alpha", &alpha}, {"numbers", &numbers}};
  if (!cm__json_members(json, "predictor.pairs", members, CM_COUNT(members), err)) return false;
  if (json_array_size(vector) > (size_t)vectors) return cm__json_refuse(err, "predictor.pairs");
  pair->count = (int)json_array_size(vector);
  pair->vector = cm__json_read_ints(hold, vector, "predictor.pairs", pair->count, 0, vectors - 1, err);
  pair->alpha = pair->vector ? cm__json_read_reals(hold, alpha, "predictor.pairs", pair->count, false, err) : NULL;
  double *number = pair->alpha ? cm__json_read_reals(hold, numbers, "predictor.pairs", 3, false, err) : NULL;
  if (!number) return false;
  pair->rho = number[0];
  pair->slope = number[1];
  pair->offset = number[2];
  return true;
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *kernel, *vectors, *vector, *pairs;
  CmJsonMember members[] = {{"kernel", &kernel}, {"vectors", &vectors}, {"vector", &vector}, {"pairs", &pairs}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  Svm *svm = make(hold, shape->features, shape->classes, err);
  if (!svm || !cm__kernel_read(hold, kernel, &svm->kernel, err)) return NULL;
  json_int_t count = json_integer_value(vectors);
  bool good = json_is_integer(vectors) && count >= 0 && count <= (json_int_t)json_array_size(vector) &&
              json_is_array(pairs) && json_array_size(pairs) == (size_t)svm->pairs;
  if (!good) return cm__json_refuse(err, "predictor"), NULL;
  svm->vectors = (int)count;
  svm->vector = cm__json_read_reals(hold, vector, "predictor.vector", count * svm->features, false, err);
  if (!svm->vector) return NULL;
  for (int p = 0; p < svm->pairs; p++)
    if (!read_pair(hold, json_array_get(pairs, (size_t)p), svm->vectors, &svm->pair[p], err)) return NULL;
  return svm;
}

CM_MODEL_KIND(svm) = {
    .kind = {.about = {.name = "svm",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Support vector classification with probabilities.",
                       .details = "Trained by LIBSVM, a machine for each pair of classes. Probabilities: a sigmoid "
                                  "fitted to decision values of rows that the "
                                  "machine has not seen, by folds of subjects inside the training rows; pairs are "
                                  "coupled by the second method of Wu, Lin and "
                                  "Weng. The saved model holds the support vectors: treat it as patient data.",
                       CM_OP_PARAMS(SvmParams, params_table),
                       .cite = "Chang, Lin: LIBSVM, ACM TIST 2(3), 2011; Platt 1999; Lin, Lin, Weng: A note on Platt's "
                               "probabilistic outputs, Mach. Learn. "
                               "68, 2007; Wu, Lin, Weng: Probability estimates for multi-class classification by "
                               "pairwise coupling, JMLR 5, 2004"},
             .tasks = CM_TASKS_CLASSES,
             .wants_scaling = true},
    .fit = fit,
    .predict = predict_rows,
    .write = write_state,
    .read = read_state,
};
