#include "learn/kernel.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "learn/json.h"
#include "learn/lanes.h"

static double usual_gamma(const CmTraining *training) {
  double n = (double)training->rows * training->features, mean = 0, variance = 0;
  for (int64_t i = 0; i < training->rows * training->features; i++) mean += training->x[i];
  mean /= n;
  for (int64_t i = 0; i < training->rows * training->features; i++)
    variance += (training->x[i] - mean) * (training->x[i] - mean);
  variance /= n;
  return variance > 0 ? 1 / (training->features * variance) : 1;
}

CmKernel cm__kernel(int kind, double gamma, int64_t degree, double coef0, const CmTraining *training) {
  return (CmKernel){kind, (int)degree, gamma > 0 ? gamma : usual_gamma(training), coef0};
}

void cm__kernel_values(const CmKernel *kernel, const double *x, const double *vectors, int count, int features,
                       double *values) {
  if (kernel->kind == CM__KERNEL_RBF) {
    cm__lanes_distances(x, vectors, count, features, values);
    for (int v = 0; v < count; v++) values[v] = exp(-kernel->gamma * values[v]);
    return;
  }
  cm__lanes_products(x, vectors, count, features, values);
  for (int v = 0; v < count && kernel->kind != CM__KERNEL_LINEAR; v++) {
    double base = kernel->gamma * values[v] + kernel->coef0, power = 1;
    for (int i = 0; i < kernel->degree; i++) power *= base;
    values[v] = power;
  }
}

void cm__kernel_write(const CmKernel *kernel, CmTextBuffer *json) {
  cm__text_addf(json, "{\"kind\":%d,\"degree\":%d,\"numbers\":", kernel->kind, kernel->degree);
  cm__json_reals(json, (double[]){kernel->gamma, kernel->coef0}, 2);
  cm__text_add(json, "}");
}

bool cm__kernel_read(CmArena *hold, const json_t *json, CmKernel *kernel, CmError **err) {
  const json_t *kind, *degree, *numbers;
  const char *where = "predictor.kernel";
  CmJsonMember members[] = {{"kind", &kind}, {"degree", &degree}, {"numbers", &numbers}};
  if (!cm__json_members(json, where, members, CM_COUNT(members), err)) return false;
  double *number = cm__json_read_reals(hold, numbers, where, 2, false, err);
  if (!number) return false;
  json_int_t which = json_integer_value(kind), power = json_integer_value(degree);
  bool good = json_is_integer(kind) && which >= 0 && which <= CM__KERNEL_POLY && json_is_integer(degree) &&
              power >= 1 && power <= 10;
  if (!good) return cm__json_refuse(err, where);
  *kernel = (CmKernel){(int)which, (int)power, number[0], number[1]};
  return true;
}

/* ---- LIBSVM ---------------------------------------------------------------------------------------------------------
 */

static pthread_once_t silence_once = PTHREAD_ONCE_INIT;
static void say_nothing(const char *text) {
  (void)text;
}
static void silence(void) {
  svm_set_print_string_function(say_nothing);
}

struct svm_node **cm__svm_rows(CmArena *scratch, const CmTraining *training, CmError **err) {
  if (training->rows > INT32_MAX) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "LIBSVM takes at most %d rows; train on fewer", INT32_MAX);
    return NULL;
  }
  int64_t stride = training->features + 1;
  size_t cells;
  if (!cm_size_multiply((size_t)training->rows, (size_t)stride, &cells, err)) return NULL;
  struct svm_node *nodes = CM__NEW(scratch, struct svm_node, cells, err);
  struct svm_node **row = CM__NEW(scratch, struct svm_node *, training->rows, err);
  if (!nodes || !row) return NULL;
  for (int64_t i = 0; i < training->rows; i++) {
    struct svm_node *node = row[i] = nodes + i * stride;
    for (int j = 0; j < training->features; j++, node++)
      *node = (struct svm_node){j + 1, training->x[i * training->features + j]};
    node->index = -1;
  }
  return row;
}

struct svm_parameter cm__svm_settings(const CmKernel *kernel, double tolerance) {
  static const int kinds[] = {LINEAR, RBF, POLY};
  return (struct svm_parameter){.kernel_type = kinds[kernel->kind],
                                .degree = kernel->degree,
                                .gamma = kernel->gamma,
                                .coef0 = kernel->coef0,
                                .cache_size = 100,
                                .eps = tolerance,
                                .shrinking = 1};
}

struct svm_model *cm__svm_train(const struct svm_problem *problem, const struct svm_parameter *parameter,
                                CmError **err) {
  pthread_once(&silence_once, silence);
  const char *wrong = svm_check_parameter(problem, parameter);
  if (wrong) {
    cm_error_set(err, CM_ERR_PARAMETER, "LIBSVM refuses its settings (%s); use the defaults", wrong);
    return NULL;
  }
  struct svm_model *model = svm_train(problem, parameter);
  if (!model) cm_error_set(err, CM_ERR_MEMORY, "LIBSVM found no memory; train on fewer rows");
  return model;
}

/* ---- one machine ----------------------------------------------------------------------------------------------------
 */

/* LIBSVM keeps the 1-based numbers of its vectors among the rows. */
static CmMachine *keep(CmArena *hold, const CmTraining *training, const CmKernel *kernel, const struct svm_model *model,
                       CmError **err) {
  CmMachine *machine = CM__NEW(hold, CmMachine, 1, err);
  if (!machine) return NULL;
  int d = training->features;
  *machine = (CmMachine){.kernel = *kernel, .features = d, .vectors = model->l, .rho = model->rho[0]};
  machine->vector = CM__NEW(hold, double, (int64_t)model->l *d, err);
  machine->alpha = CM__NEW(hold, double, model->l, err);
  if (!machine->vector || !machine->alpha) return NULL;
  for (int v = 0; v < model->l; v++) {
    machine->alpha[v] = model->sv_coef[0][v];
    memcpy(machine->vector + (int64_t)v * d, training->x + (int64_t)(model->sv_indices[v] - 1) * d,
           sizeof(double) * (size_t)d);
  }
  return machine;
}

CmMachine *cm__machine_fit(CmArena *hold, const CmTraining *training, const CmKernel *kernel,
                           const struct svm_parameter *parameter, const double *target, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  CmMachine *machine = NULL;
  struct svm_problem problem = {.l = (int)training->rows, .x = cm__svm_rows(&scratch, training, err)};
  if (!problem.x || !(problem.y = CM__NEW(&scratch, double, training->rows, err))) goto done;
  for (int64_t i = 0; i < training->rows; i++) problem.y[i] = target ? target[i] : 1;
  struct svm_model *model = cm__svm_train(&problem, parameter, err);
  if (!model) goto done;
  machine = keep(hold, training, kernel, model, err);
  svm_free_and_destroy_model(&model);
done:
  cm__arena_free(&scratch);
  return machine;
}

bool cm__machine_predict(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  const CmMachine *machine = state;
  double *values = cm_alloc_array(ctx, (size_t)machine->vectors + 1, sizeof *values, err);
  if (!values) return false;
  for (int64_t i = 0; i < rows; i++) {
    cm__kernel_values(&machine->kernel, x + i * machine->features, machine->vector, machine->vectors, machine->features,
                      values);
    to[i] = -machine->rho;
    for (int v = 0; v < machine->vectors; v++) to[i] += machine->alpha[v] * values[v];
  }
  cm_free(values);
  return true;
}

void cm__machine_write(const void *state, CmTextBuffer *json) {
  const CmMachine *machine = state;
  cm__text_add(json, "{\"kernel\":");
  cm__kernel_write(&machine->kernel, json);
  cm__text_add(json, ",\"rho\":");
  cm__json_reals(json, &machine->rho, 1);
  cm__text_add(json, ",\"alpha\":");
  cm__json_reals(json, machine->alpha, machine->vectors);
  cm__text_add(json, ",\"vector\":");
  cm__json_reals(json, machine->vector, (int64_t)machine->vectors * machine->features);
  cm__text_add(json, "}");
}

void *cm__machine_read(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *kernel, *rho, *alpha, *vector;
  CmJsonMember members[] = {{"kernel", &kernel}, {"rho", &rho}, {"alpha", &alpha}, {"vector", &vector}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  CmMachine *machine = CM__NEW(hold, CmMachine, 1, err);
  if (!machine || !cm__kernel_read(hold, kernel, &machine->kernel, err)) return NULL;
  size_t count = json_array_size(alpha);
  if (count > INT32_MAX) return cm__json_refuse(err, "predictor.alpha"), NULL;
  machine->features = shape->features;
  machine->vectors = (int)count;
  double *number = cm__json_read_reals(hold, rho, "predictor.rho", 1, false, err);
  machine->alpha = number ? cm__json_read_reals(hold, alpha, "predictor.alpha", (int64_t)count, false, err) : NULL;
  if (!machine->alpha) return NULL;
  machine->rho = *number;
  machine->vector = cm__json_read_reals(hold, vector, "predictor.vector", (int64_t)count * shape->features, false, err);
  return machine->vector ? machine : NULL;
}
