/* oracle: 95% intervals hold the truth in 95% of 1,000 draws.
 *
 * Each draw is a set of predictions whose law is known, so that the metric's true value is a closed form (or an
 * integral): AUC of two normal laws Phi(d / sqrt 2), MAE of a normal law sqrt(2 / pi), R2 by the variances, the Brier
 * score of true probabilities E p (1 - p), C-index of exponential times with a common end of follow-up. The number of
 * hits is binomial: of 1,000 draws 950 with a standard deviation of 6.9; the bounds are those of 99.9%. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cormack/parallel.h"
#include "learn/kind.h"
#include "learn/numbers.h"
#include "learn/rng.h"

enum { DRAWS = 1000, LEAST = 927, MOST = 973, RESAMPLES = 500, MOST_ROWS = 600 };

static CmContext *ctx;

/* ---- draws ---------------------------------------------------------------------------------------------------------
 */

typedef struct Dice {
  uint64_t stream, at;
} Dice;

static double uniform(Dice *d) { /* inside of 0 and 1 */
  return ((double)(cm__draw(d->stream, d->at++) >> 11) + 0.5) * 0x1p-53;
}

static double normal(Dice *d) {
  double radius = sqrt(-2 * log(uniform(d)));
  return radius * cos(6.283185307179586 * uniform(d));
}

static double sigmoid(double x) {
  return 1 / (1 + exp(-x));
}

typedef struct Sample {
  CmLearnTask task;
  int64_t rows, each; /* each: rows of a subject */
  int width;
  int y[MOST_ROWS];
  int64_t subject[MOST_ROWS], row[MOST_ROWS];
  double p[2 * MOST_ROWS], value[MOST_ROWS];
  uint8_t event[MOST_ROWS];
} Sample;

static void start(Sample *s, CmLearnTask task, int64_t rows, int64_t each) {
  *s = (Sample){.task = task, .rows = rows, .each = each, .width = task == CM_TASK_REGRESSION ? 1 : 2};
  for (int64_t i = 0; i < rows; i++) {
    s->subject[i] = i / each;
    s->row[i] = i;
  }
}

static void put_probability(Sample *s, int64_t i, double p) {
  s->p[2 * i] = 1 - p;
  s->p[2 * i + 1] = p;
}

/* Two normal laws one apart, an increasing map of them as the probability. */
static void two_normals(Sample *s, Dice *d) {
  start(s, CM_TASK_BINARY, 400, 1);
  for (int64_t i = 0; i < s->rows; i++) {
    s->y[i] = (int)(i & 1);
    put_probability(s, i, sigmoid(s->y[i] + normal(d)));
  }
}

/* 150 subjects of 4 rows that resemble each other. */
static void clusters(Sample *s, Dice *d) {
  double own = 0;
  start(s, CM_TASK_BINARY, 600, 4);
  for (int64_t i = 0; i < s->rows; i++) {
    if (i % 4 == 0) own = sqrt(0.5) * normal(d);
    s->y[i] = (int)(i / 4 & 1);
    put_probability(s, i, sigmoid(s->y[i] - 0.5 + own + sqrt(0.5) * normal(d)));
  }
}

/* Probabilities that come true: log-odds 1.5 times a normal. */
static void honest(Sample *s, Dice *d) {
  start(s, CM_TASK_BINARY, 400, 1);
  for (int64_t i = 0; i < s->rows; i++) {
    double p = sigmoid(1.5 * normal(d));
    s->y[i] = uniform(d) < p;
    put_probability(s, i, p);
  }
}

static void normal_errors(Sample *s, Dice *d) {
  start(s, CM_TASK_REGRESSION, 400, 1);
  for (int64_t i = 0; i < s->rows; i++) {
    s->p[i] = normal(d);
    s->value[i] = s->p[i] + normal(d);
  }
}

/* Exponential times with the risk as log hazard; who lives past 1 is seen to live until then. */
static void exponential(Sample *s, Dice *d) {
  start(s, CM_TASK_SURVIVAL, 300, 1);
  for (int64_t i = 0; i < s->rows; i++) {
    double risk = normal(d), time = -log(uniform(d)) / exp(risk);
    s->p[2 * i + CM__SURVIVAL_RISK] = risk;
    s->p[2 * i + CM__SURVIVAL_MEDIAN] = log(2.0) / exp(risk);
    s->event[i] = time < 1;
    s->value[i] = fmin(time, 1);
  }
}

/* ---- truths --------------------------------------------------------------------------------------------------------
 */

static double phi(double x) {
  return 0.5 * erfc(-x / sqrt(2));
}

/* Of a function of one standard normal. */
static double mean_of(double (*f)(double)) {
  double sum = 0;
  for (int i = -800; i <= 800; i++) sum += f(i / 100.0) * exp(-i * (double)i / 20000) / 100 / sqrt(6.283185307179586);
  return sum;
}

static double doubt(double x) { /* p (1 - p) */
  return sigmoid(1.5 * x) * sigmoid(-1.5 * x);
}

static double sure(double x) { /* of the likelier class */
  return sigmoid(fabs(1.5 * x));
}

/* Of the pairs whose first event comes before 1, those in which it is that of the higher risk. */
static double true_concordance(void) {
  double won = 0, met = 0;
  for (int i = -300; i <= 300; i++) {
    for (int j = -300; j <= 300; j++) {
      double x = i / 50.0, z = j / 50.0, weight = exp(-(x * x + z * z) / 2) * -expm1(-exp(x) - exp(z));
      met += weight;
      won += weight * sigmoid(fabs(x - z));
    }
  }
  return won / met;
}

/* ---- hits ----------------------------------------------------------------------------------------------------------
 */

typedef struct Wanted {
  const char *metric, *interval;
  double truth;
} Wanted;

enum { MOST_WANTED = 8 };

typedef struct Simulation {
  void (*draw)(Sample *s, Dice *d);
  uint64_t seed;
  int count;
  Wanted wanted[MOST_WANTED];
  uint8_t *hit; /* DRAWS x count */
} Simulation;

static const CmMetric *find(const CmMetricList *list, const Wanted *wanted) {
  for (int m = 0; m < list->count; m++)
    if (!strcmp(list->metric[m].metric, wanted->metric) && !strcmp(list->metric[m].interval, wanted->interval))
      return &list->metric[m];
  return NULL;
}

static bool judge_draws(void *arg, CmRange range, CmError **err) {
  Simulation *sim = arg;
  Sample *s = malloc(sizeof *s);
  for (int64_t at = range.begin; s && at < range.end; at++) {
    Dice dice = {cm__stream(sim->seed, 100, (uint64_t)at), 0};
    CmArena hold = {.ctx = ctx};
    CmMetricList list = {0};
    sim->draw(s, &dice);
    CmLearnData data = {.task = s->task,
                        .rows = s->rows,
                        .value = s->value,
                        .classes = s->task == CM_TASK_BINARY ? 2 : 0,
                        .event = s->task == CM_TASK_SURVIVAL ? s->event : NULL};
    CmScores scores = {s->rows, s->rows / s->each, s->width, 1, s->y, s->subject, s->p, s->row};
    bool ok = data.classes ? cm__metrics(&hold, &scores, 0.95, RESAMPLES, (uint64_t)at + 1, &list, err)
                           : cm__number_metrics(&hold, &data, &scores, 0.95, RESAMPLES, (uint64_t)at + 1, &list, err);
    for (int w = 0; ok && w < sim->count; w++) {
      const CmMetric *metric = find(&list, &sim->wanted[w]);
      sim->hit[at * sim->count + w] =
          metric ? metric->low <= sim->wanted[w].truth && sim->wanted[w].truth <= metric->high : 2;
    }
    cm__arena_free(&hold);
    if (!ok) {
      free(s);
      return false;
    }
  }
  free(s);
  return true;
}

static void run(Simulation *sim) {
  CmError *err = NULL;
  while (sim->count < MOST_WANTED && sim->wanted[sim->count].metric) sim->count++;
  sim->hit = calloc((size_t)(DRAWS * sim->count), 1);
  assert_non_null(sim->hit);
  assert_true(cm_parallel_for(ctx, NULL, DRAWS, 10, judge_draws, sim, &err));
  int bad = 0;
  for (int w = 0; w < sim->count; w++) {
    int hits = 0, absent = 0;
    for (int64_t at = 0; at < DRAWS; at++) {
      hits += sim->hit[at * sim->count + w] == 1;
      absent += sim->hit[at * sim->count + w] == 2;
    }
    printf("%-22s %-18s truth %.4f: %d of %d\n", sim->wanted[w].metric, sim->wanted[w].interval, sim->wanted[w].truth,
           hits, DRAWS);
    bad += absent > 0 || hits < LEAST || hits > MOST;
  }
  free(sim->hit);
  assert_int_equal(bad, 0);
}

/* ---- simulations ---------------------------------------------------------------------------------------------------
 */

static void areas(void **state) {
  (void)state;
  run(&(Simulation){.draw = two_normals, .seed = 1, .wanted = {{"auc", "delong", phi(1 / sqrt(2))}}});
}

static void several_rows_a_subject(void **state) {
  (void)state;
  double right = phi(0.5);
  run(&(Simulation){.draw = clusters,
                    .seed = 2,
                    .wanted = {{"auc", "clustered_delong", phi(1 / sqrt(2))},
                               {"accuracy", "bootstrap", right},
                               {"recall", "bootstrap", right},
                               {"specificity", "bootstrap", right}}});
}

static void probabilities(void **state) {
  (void)state;
  double right = mean_of(sure);
  run(&(Simulation){.draw = honest,
                    .seed = 3,
                    .wanted = {{"accuracy", "wilson", right},
                               {"precision", "wilson", right},
                               {"recall", "wilson", right},
                               {"specificity", "wilson", right},
                               {"brier", "bootstrap", mean_of(doubt)},
                               {"calibration_slope", "sandwich", 1},
                               {"calibration_intercept", "sandwich", 0}}});
}

static void numbers(void **state) {
  (void)state;
  run(&(Simulation){.draw = normal_errors,
                    .seed = 4,
                    .wanted = {{"mae", "bootstrap", sqrt(2 / 3.141592653589793)},
                               {"rmse", "bootstrap", 1},
                               {"r2", "bootstrap", 0.5},
                               {"correlation", "bootstrap", sqrt(0.5)},
                               {"calibration_intercept", "bootstrap", 0},
                               {"calibration_slope", "bootstrap", 1}}});
}

static void survival(void **state) {
  (void)state;
  run(&(Simulation){.draw = exponential, .seed = 5, .wanted = {{"c_index", "jackknife", true_concordance()}}});
}

static int set_up(void **state) {
  CmError *err = NULL;
  (void)state;
  ctx = cm_context_create(NULL, &err);
  return ctx ? 0 : 1;
}

static int tear_down(void **state) {
  (void)state;
  cm_context_destroy(&ctx);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(areas), cmocka_unit_test(several_rows_a_subject),
                                     cmocka_unit_test(probabilities), cmocka_unit_test(numbers),
                                     cmocka_unit_test(survival)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
