#include "learn/boost.h"

#include <math.h>

#include "cormack/parallel.h"
#include "learn/cuts.h"
#include "learn/sampling.h"

enum { ROWS_A_CHUNK = 4096 };
static const float least_hessian = 1e-16F;

/* What a round starts from. */
typedef struct Round {
  const CmTraining *training;
  const CmBoost *options;
  int outputs;
  float *margin; /* rows x outputs: the sums so far */
  CmPull *pull;  /* outputs x rows */
} Round;

static void pull_number(const Round *r, int64_t i) {
  r->pull[i].gradient = r->margin[i] - r->options->target[i];
  r->pull[i].hessian = 1;
}

static void pull_binary(const Round *r, int64_t i) {
  float p = 1 / (expf(fminf(-r->margin[i], 88.7F)) + 1 + least_hessian);
  r->pull[i].gradient = p - r->options->target[i];
  r->pull[i].hessian = fmaxf(p * (1 - p), least_hessian);
}

/* Twice the diagonal of the hessian bounds it whole. */
static void pull_softmax(const Round *r, int64_t i) {
  const float *margin = r->margin + i * r->outputs;
  float most = 0;
  double sum = 0;
  for (int o = 0; o < r->outputs; o++) most = fmaxf(most, margin[o]);
  for (int o = 0; o < r->outputs; o++) sum += (double)expf(margin[o] - most);
  for (int o = 0; o < r->outputs; o++) {
    float p = expf(margin[o] - most) / (float)sum;
    CmPull *pull = &r->pull[o * r->training->rows + i];
    pull->gradient = r->options->target[i] == (float)o ? p - 1 : p;
    pull->hessian = 2 * p * (1 - p);
  }
}

static bool pull_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Round *r = arg;
  const CmTraining *t = r->training;
  for (int64_t i = range.begin; i < range.end; i++) {
    if (!t->y)
      pull_number(r, i);
    else if (r->outputs == 1)
      pull_binary(r, i);
    else
      pull_softmax(r, i);
    float weight = r->options->weight ? r->options->weight[i] : 1;
    for (int o = 0; o < r->outputs; o++) {
      CmPull *pull = &r->pull[o * t->rows + i];
      pull->row = (uint32_t)i;
      pull->gradient *= weight;
      pull->hessian *= weight;
      if (r->outputs > 1) pull->hessian = fmaxf(pull->hessian, least_hessian);
    }
  }
  return true;
}

/* Rows that a tree does not see keep their place without a say: their leaf is theirs too. */
static void leave_out(CmSampling *sampling, float share, CmPull *pull, int64_t rows) {
  uint64_t stream = cm__sampling_rows(sampling);
  for (int64_t i = 0; i < rows; i++)
    if (!cm__sampling_takes(&stream, share)) pull[i].gradient = pull[i].hessian = 0;
}

static bool grow_rounds(CmArena *hold, const Round *r, CmBoostTree *room, CmSampling *sampling, int *chosen,
                        CmTrees *trees, CmError **err) {
  const CmBoost *o = r->options;
  const CmTraining *t = r->training;
  for (int at = 0; at < trees->count; at++) {
    CmTree *tree = &trees->tree[at];
    int output = at % r->outputs;
    CmPull *pull = r->pull + output * t->rows;
    if (output == 0 && !cm_parallel_for(hold->ctx, NULL, t->rows, ROWS_A_CHUNK, pull_rows, (void *)r, err))
      return false;
    if (o->row_share < 1) leave_out(sampling, o->row_share, pull, t->rows);
    int count = cm__sampling_features(sampling, o->feature_share, t->features, chosen);
    if (!cm__boost_tree_grow(hold, room, pull, chosen, count, r->margin + output, r->outputs, tree, err)) return false;
    tree->output = output;
  }
  return true;
}

bool cm__boost(CmArena *hold, const CmTraining *training, const CmBoost *options, CmTrees *trees, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  CmSampling sampling;
  CmCuts cuts;
  bool ok = false;
  int outputs = cm__outputs(training->task, training->classes);
  int64_t cells = training->rows * outputs, count = (int64_t)options->rounds * outputs;
  *trees = (CmTrees){.features = training->features, .outputs = outputs, .base = options->base};
  trees->width = cm__width(training->task, training->classes);
  if (count > INT32_MAX) {
    cm_error_set(err, CM_ERR_PARAMETER, "%lld trees are too many; take fewer rounds", (long long)count);
    return false;
  }
  trees->count = (int)count;
  trees->tree = CM__NEW(hold, CmTree, count, err);
  Round r = {training, options, outputs, CM__NEW(&scratch, float, cells, err), CM__NEW(&scratch, CmPull, cells, err)};
  int *chosen = CM__NEW(&scratch, int, training->features, err);
  if (!trees->tree || !r.margin || !r.pull || !chosen ||
      !cm__cuts_make(&scratch, training, options->weight, options->bins, &cuts, err))
    goto done;
  for (int64_t i = 0; i < cells; i++) r.margin[i] = options->base;
  cm__sampling_start(&sampling, options->seed);
  CmBoostTree *room = cm__boost_tree_create(&scratch, options, &cuts, err);
  ok = room && grow_rounds(hold, &r, room, &sampling, chosen, trees, err) && cm__trees_ready(hold, trees, err);
done:
  cm__arena_free(&scratch);
  return ok;
}
