/* Features that tell much of the target and little of each other: minimum redundancy, maximum relevance. */
#include <math.h>
#include <string.h>

#include "learn/prepare/fit.h"

enum { STATES = 3 };

/* Below mean - half a deviation, between, above. */
static void discretise(const double *value, int64_t rows, double mean, double deviation, int *state) {
  for (int64_t i = 0; i < rows; i++) state[i] = (value[i] > mean - deviation / 2) + (value[i] > mean + deviation / 2);
}

/* Mutual information in nats of the observed shares; table: room for states x others counts. */
static double information(const int *state, const int *other, int others, int64_t rows, double *table) {
  double in_state[STATES] = {0}, sum = 0;
  memset(table, 0, sizeof *table * (size_t)((STATES + 1) * others));
  double *in_other = table + STATES * others;
  for (int64_t i = 0; i < rows; i++) {
    table[state[i] * others + other[i]]++;
    in_state[state[i]]++;
    in_other[other[i]]++;
  }
  for (int s = 0; s < STATES; s++) {
    for (int o = 0; o < others; o++) {
      double both = table[s * others + o];
      if (both > 0) sum += both / (double)rows * log(both * (double)rows / (in_state[s] * in_other[o]));
    }
  }
  return sum;
}

typedef struct Mrmr {
  CmFit *fit;
  int **state; /* of each feature; NULL: gone */
  const int *target;
  int targets;
  double *relevance, *redundancy; /* redundancy: sum over those that are taken */
  bool *taken;
  double *table;
} Mrmr;

/* The classes, or a number's states; survival has neither. */
static bool make_target(Mrmr *m, CmError **err) {
  const CmTraining *t = m->fit->training;
  m->target = t->y;
  m->targets = t->classes;
  if (t->classes && t->y) return true;
  if (t->task != CM_TASK_REGRESSION) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "choose=mrmr: it takes classes or numbers, not a %s target; use choose=test",
                 cm_learn_task_name(t->task));
    return false;
  }
  int *state = CM__NEW(m->fit->scratch, int, t->rows, err);
  if (!state) return false;
  double mean = cm__column_mean(t->value, t->rows);
  discretise(t->value, t->rows, mean, sqrt(cm__column_variance(t->value, t->rows, mean)), state);
  m->target = state;
  m->targets = STATES;
  return true;
}

static bool make_states(Mrmr *m, CmError **err) {
  CmFit *fit = m->fit;
  CmArena *hold = fit->scratch;
  m->state = CM__NEW(hold, int *, fit->features, err);
  m->relevance = CM__NEW(hold, double, fit->features, err);
  m->redundancy = CM__NEW(hold, double, fit->features, err);
  m->taken = CM__NEW(hold, bool, fit->features, err);
  m->table = CM__NEW(hold, double, (STATES + 1) * (m->targets > STATES ? m->targets : STATES), err);
  if (!m->state || !m->relevance || !m->redundancy || !m->taken || !m->table) return false;
  for (int j = 0; j < fit->features; j++) {
    const CmColumnFit *column = &fit->column[j];
    if (column->gone) continue;
    if (!(m->state[j] = CM__NEW(hold, int, fit->rows, err))) return false;
    discretise(column->value, fit->rows, column->mean, column->deviation, m->state[j]);
    m->relevance[j] = information(m->state[j], m->target, m->targets, fit->rows, m->table);
  }
  return true;
}

/* The best of those that are not taken; of equals the first. -1: none is left. */
static int next_feature(const Mrmr *m, int64_t count) {
  int best = -1;
  double most = 0;
  for (int j = 0; j < m->fit->features; j++) {
    if (!m->state[j] || m->taken[j]) continue;
    double worth = m->relevance[j], redundancy = count ? m->redundancy[j] / (double)count : 0;
    if (count && m->fit->params->choose == CM_CHOOSE_MRMR_DIFFERENCE) worth -= redundancy;
    if (count && m->fit->params->choose == CM_CHOOSE_MRMR_QUOTIENT) worth /= redundancy + 0.01;
    if (best >= 0 && worth <= most) continue;
    best = j;
    most = worth;
  }
  return best;
}

bool cm__choose_mrmr(CmFit *fit, CmError **err) {
  Mrmr m = {.fit = fit};
  if (!fit->params->k_best) {
    cm_error_set(err, CM_ERR_PARAMETER, "choose=mrmr: it does not know where to end; say how many with k_best");
    return false;
  }
  if (!make_target(&m, err) || !make_states(&m, err)) return false;
  for (int64_t count = 0; count < fit->params->k_best; count++) {
    int last = next_feature(&m, count);
    if (last < 0) break;
    m.taken[last] = true;
    for (int j = 0; j < fit->features; j++)
      if (m.state[j] && !m.taken[j])
        m.redundancy[j] += information(m.state[j], m.state[last], STATES, fit->rows, m.table);
  }
  for (int j = 0; j < fit->features; j++)
    if (m.state[j] && !m.taken[j]) fit->column[j].gone = "irrelevant or redundant";
  return true;
}
