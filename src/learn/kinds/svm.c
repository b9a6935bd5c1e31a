/* Support vector classification: one machine a pair of classes. */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/json.h"
#include "learn/platt.h"
#include "learn/rng.h"
#include "learn/smo.h"
#include "learn/split.h"
#include "learn/trees.h"

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

/* A machine to be trained: of a pair on all its rows, or on those that one fold of its calibration leaves. */
typedef struct Task {
  int pair, left_out; /* left_out: -1 for all rows */
  CmArena own;
  int count;
  int *vector; /* training rows */
  double *alpha, rho;
} Task;

/* How the rows of a pair are spread for its calibration. */
typedef struct Spread {
  int folds, *fold; /* fold of each training row; -1: not of the pair */
  double *decision; /* of each training row, by the machine that has not seen it */
} Spread;

typedef struct Trainer {
  const CmTraining *training;
  const SvmParams *params;
  const Svm *svm;
  double *class_weight;
  CmGram gram;
  Spread *spread; /* of each pair */
  Task *task;
  int tasks;
} Trainer;

static bool weigh_classes(CmArena *scratch, Trainer *trainer, CmError **err) {
  const CmTraining *t = trainer->training;
  if (trainer->params->class_weight == CLASS_WEIGHT_BALANCED)
    return (trainer->class_weight = cm__balance(scratch, t, err)) != NULL;
  trainer->class_weight = CM__NEW(scratch, double, t->classes, err);
  for (int c = 0; trainer->class_weight && c < t->classes; c++) trainer->class_weight[c] = 1;
  return trainer->class_weight != NULL;
}

static bool is_of(const CmTraining *t, const Pair *pair, int64_t row) {
  return t->y[row] == pair->a || t->y[row] == pair->b;
}

/* Whether a fold leaves out a row, or one that it was made from: else the machine would have seen what it is judged by.
 */
static bool is_left_out(const CmTraining *t, const int *fold, int64_t row, int left_out) {
  if (row < t->rows - t->made) return fold[row] == left_out;
  const int64_t *parent = t->parent + 2 * (row - (t->rows - t->made));
  return fold[parent[0]] == left_out || fold[parent[1]] == left_out;
}

/* Folds of subjects for a pair. */
static bool spread_rows(CmArena *hold, const Trainer *trainer, const Pair *pair, Spread *spread, CmError **err) {
  const CmTraining *t = trainer->training;
  CmArena scratch = {.ctx = hold->ctx};
  bool ok = false;
  int *y = CM__NEW(&scratch, int, t->rows, err), *fold = CM__NEW(&scratch, int, t->rows, err);
  int64_t *subject = CM__NEW(&scratch, int64_t, t->rows, err), *number = CM__NEW(&scratch, int64_t, t->rows, err);
  spread->fold = CM__NEW(hold, int, t->rows, err);
  spread->decision = CM__NEW(hold, double, t->rows, err);
  if (!y || !fold || !subject || !number || !spread->fold || !spread->decision) goto done;
  int64_t n = 0, subjects = 0, of_class[2] = {0, 0};
  for (int64_t i = 0; i < t->rows; i++) {
    spread->fold[i] = -1;
    if (i >= t->rows - t->made || !is_of(t, pair, i)) continue;
    y[n] = t->y[i] == pair->a;
    number[n] = i;
    subject[n++] = t->subject[i];
  }
  if (!cm__compact_subjects(&scratch, subject, n, &subjects, err) ||
      !cm__subjects_of_class(&scratch, y, subject, subjects, n, of_class, err))
    goto done;
  int64_t fewest = of_class[0] < of_class[1] ? of_class[0] : of_class[1];
  spread->folds = (int)(trainer->params->calibration_folds < fewest ? trainer->params->calibration_folds : fewest);
  if (spread->folds < 2) {
    cm_error_set(err, CM_ERR_DATA,
                 "a class has one subject only, so probabilities cannot be calibrated; use more subjects or a model "
                 "other than svm");
    goto done;
  }
  ok = cm__split_folds(hold->ctx, y, 2, subject, subjects, n, spread->folds, cm__stream(0, CM__STREAM_INNER, 0), fold,
                       err);
  for (int64_t i = 0; ok && i < n; i++) spread->fold[number[i]] = fold[i];
done:
  cm__arena_free(&scratch);
  return ok;
}

/* The rows of a task as a problem whose b is zero. */
static bool make_problem(CmArena *scratch, const Trainer *trainer, const Task *task, CmSmo *problem, CmError **err) {
  const CmTraining *t = trainer->training;
  const Pair *pair = &trainer->svm->pair[task->pair];
  if (!cm__smo_make(scratch, t->rows, trainer->params->tolerance, problem, err)) return false;
  problem->count = 0;
  int seen[2] = {0, 0};
  for (int64_t i = 0; i < t->rows; i++) {
    if (!is_of(t, pair, i)) continue;
    if (task->left_out >= 0 && is_left_out(t, trainer->spread[task->pair].fold, i, task->left_out)) continue;
    bool second = t->y[i] == pair->b;
    double cost = trainer->params->C * trainer->class_weight[t->y[i]];
    int at = problem->count++;
    problem->row[at] = (int)i;
    problem->linear[at] = second ? 1 : -1;
    problem->low[at] = second ? -cost : 0;
    problem->high[at] = second ? 0 : cost;
    seen[second]++;
  }
  if (seen[0] && seen[1]) return true;
  cm_error_set(err, CM_ERR_DATA,
               "a class has too few subjects to calibrate probabilities; use more subjects or a model other than svm");
  return false;
}

/* What the machine says of the rows that it has not seen. */
static bool judge_left_out(const Trainer *trainer, const Task *task, CmGramView *view, CmError **err) {
  const Spread *spread = &trainer->spread[task->pair];
  int rows = trainer->gram.rows;
  for (int i = 0; i < rows; i++)
    if (spread->fold[i] == task->left_out) spread->decision[i] = -task->rho;
  for (int v = 0; v < task->count; v++) {
    const float *kernel = cm__gram_row(view, task->vector[v], err);
    if (!kernel) return false;
    for (int i = 0; i < rows; i++)
      if (spread->fold[i] == task->left_out) spread->decision[i] += task->alpha[v] * (double)kernel[i];
  }
  return true;
}

/* Vectors in the order of the training rows. */
static bool keep_vectors(Task *task, const CmSmo *problem, int rows, CmError **err) {
  double *alpha = CM__NEW(&task->own, double, rows, err);
  task->vector = CM__NEW(&task->own, int, problem->count, err);
  task->alpha = CM__NEW(&task->own, double, problem->count, err);
  if (!alpha || !task->vector || !task->alpha) return false;
  for (int i = 0; i < problem->count; i++) alpha[problem->row[i]] = problem->b[i];
  for (int i = 0; i < rows; i++) {
    if (alpha[i] == 0) continue;
    task->vector[task->count] = i;
    task->alpha[task->count++] = alpha[i];
  }
  task->rho = problem->rho;
  return true;
}

static bool train(void *arg, CmRange range, CmError **err) {
  Trainer *trainer = arg;
  Task *task = &trainer->task[range.begin];
  CmArena scratch = {.ctx = trainer->gram.ctx};
  CmSmo problem;
  CmGramView view;
  bool ok = make_problem(&scratch, trainer, task, &problem, err) &&
            cm__gram_view(&scratch, &trainer->gram, &view, err) && cm__smo(&scratch, &view, &problem, err) &&
            keep_vectors(task, &problem, trainer->gram.rows, err) &&
            (task->left_out < 0 || judge_left_out(trainer, task, &view, err));
  cm__arena_free(&scratch);
  return ok;
}

static bool make_trainer(CmArena *scratch, Trainer *trainer, CmError **err) {
  const Svm *svm = trainer->svm;
  int at = 0;
  trainer->spread = CM__NEW(scratch, Spread, svm->pairs, err);
  if (!trainer->spread || !weigh_classes(scratch, trainer, err)) return false;
  trainer->tasks = svm->pairs;
  for (int p = 0; p < svm->pairs; p++) {
    if (!spread_rows(scratch, trainer, &svm->pair[p], &trainer->spread[p], err)) return false;
    trainer->tasks += trainer->spread[p].folds;
  }
  trainer->task = CM__NEW(scratch, Task, trainer->tasks, err);
  for (int p = 0; trainer->task && p < svm->pairs; p++)
    for (int left_out = -1; left_out < trainer->spread[p].folds; left_out++)
      trainer->task[at++] = (Task){.pair = p, .left_out = left_out, .own = {.ctx = scratch->ctx}};
  return trainer->task && cm__gram_open(scratch, &svm->kernel, trainer->training, &trainer->gram, err);
}

static bool keep_pair(CmArena *hold, const Task *task, Pair *pair, CmError **err) {
  pair->count = task->count;
  pair->rho = task->rho;
  pair->vector = CM__NEW(hold, int, task->count, err);
  pair->alpha = CM__NEW(hold, double, task->count, err);
  if (!pair->vector || !pair->alpha) return false;
  memcpy(pair->vector, task->vector, sizeof *pair->vector * (size_t)task->count);
  memcpy(pair->alpha, task->alpha, sizeof *pair->alpha * (size_t)task->count);
  return true;
}

/* Platt's sigmoid of the decisions about rows that no machine had seen. */
static bool calibrate(CmArena *hold, const CmTraining *t, const Spread *spread, Pair *pair, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  int *y = CM__NEW(&scratch, int, t->rows, err);
  double *decision = CM__NEW(&scratch, double, t->rows, err);
  int64_t n = 0;
  for (int64_t i = 0; y && decision && i < t->rows; i++) {
    if (spread->fold[i] < 0) continue;
    y[n] = t->y[i] == pair->a;
    decision[n++] = spread->decision[i];
  }
  bool ok = y && decision;
  if (ok) cm__platt_fit(decision, y, n, &pair->slope, &pair->offset);
  cm__arena_free(&scratch);
  return ok;
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
  Trainer trainer = {.training = training, .params = p, .svm = svm};
  if (!svm) goto done;
  svm->kernel = cm__kernel(p->kernel, p->gamma, p->degree, p->coef0, training);
  if (!make_trainer(&scratch, &trainer, err) ||
      !cm_parallel_for(hold->ctx, NULL, trainer.tasks, 1, train, &trainer, err))
    goto done;
  for (int i = 0; i < trainer.tasks; i++)
    if (trainer.task[i].left_out < 0 && !keep_pair(hold, &trainer.task[i], &svm->pair[trainer.task[i].pair], err))
      goto done;
  for (int i = 0; i < svm->pairs; i++)
    if (!calibrate(hold, training, &trainer.spread[i], &svm->pair[i], err)) goto done;
  if (share_vectors(hold, &scratch, training, svm, err)) result = svm;
done:
  for (int i = 0; trainer.task && i < trainer.tasks; i++) cm__arena_free(&trainer.task[i].own);
  cm__gram_close(&trainer.gram);
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
                       .details =
                           "A machine for each pair of classes, optimised as LIBSVM does. Probabilities: a sigmoid "
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
