#include "learn/kernel.h"

#include <math.h>

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
