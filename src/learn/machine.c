#include "learn/machine.h"

#include <string.h>

#include "learn/json.h"

static bool keep_vectors(CmArena *hold, const CmTraining *training, const double *alpha, CmMachine *machine,
                         CmError **err) {
  int d = training->features, at = 0;
  for (int64_t i = 0; i < training->rows; i++) machine->vectors += alpha[i] != 0;
  machine->vector = CM__NEW(hold, double, (int64_t)machine->vectors *d, err);
  machine->alpha = CM__NEW(hold, double, machine->vectors, err);
  if (!machine->vector || !machine->alpha) return false;
  for (int64_t i = 0; i < training->rows; i++) {
    if (alpha[i] == 0) continue;
    memcpy(machine->vector + (int64_t)at * d, training->x + i * d, sizeof(double) * (size_t)d);
    machine->alpha[at++] = alpha[i];
  }
  return true;
}

CmMachine *cm__machine_fit(CmArena *hold, const CmTraining *training, const CmKernel *kernel, CmSmo *problem,
                           CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  CmMachine *machine = CM__NEW(hold, CmMachine, 1, err), *result = NULL;
  double *alpha = CM__NEW(&scratch, double, training->rows, err);
  CmGram gram = {.row = NULL};
  CmGramView view;
  if (!machine || !alpha || !cm__gram_open(&scratch, kernel, training, &gram, err) ||
      !cm__gram_view(&scratch, &gram, &view, err) || !cm__smo(&scratch, &view, problem, err))
    goto done;
  for (int i = 0; i < problem->count; i++) alpha[problem->row[i]] += problem->b[i];
  *machine = (CmMachine){.kernel = *kernel, .features = training->features, .rho = problem->rho};
  if (keep_vectors(hold, training, alpha, machine, err)) result = machine;
done:
  cm__gram_close(&gram);
  cm__arena_free(&scratch);
  return result;
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
