/* oracle: forecasts at 95% hold the next measurement in 95% of 1,000 draws.
 *
 * Each draw is a training table of known law, and one more measurement of that law: a linear one with 25 rows and 4
 * features; a ridge whose coefficients follow its penalty; 30 patients with intercepts (and slopes over time) of their
 * own, of whom the next visit of one, and the first of a new one, are forecast. The number of hits is binomial: of
 * 1,000 draws 950 with a standard deviation of 6.9; the bounds are those of 99.9%. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/distribution.h"
#include "learn/kind.h"
#include "learn/rng.h"

enum { DRAWS = 1000, LEAST = 927, MOST = 973, PATIENTS = 30, VISITS = 4, MOST_ROWS = 150, MOST_FEATURES = 4 };

static CmContext *ctx;

typedef struct Dice {
  uint64_t stream, at;
} Dice;

static double normal(Dice *d) {
  double u = ((double)(cm__draw(d->stream, d->at++) >> 11) + 0.5) * 0x1p-53,
         v = ((double)(cm__draw(d->stream, d->at++) >> 11) + 0.5) * 0x1p-53;
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

typedef struct Sample {
  CmTraining training;
  double x[MOST_ROWS * MOST_FEATURES], y[MOST_ROWS], new_x[MOST_FEATURES], new_y;
  int64_t subject[MOST_ROWS], known; /* known: patient of the new measurement, -1: none of them */
} Sample;

static char label[PATIENTS][8];
static const char *label_at[PATIENTS];
static const char *const feature_name[] = {"time", "b", "c", "d"};

static void hand_over(Sample *s, int64_t rows, int features) {
  s->training = (CmTraining){.task = CM_TASK_REGRESSION,
                             .x = s->x,
                             .rows = rows,
                             .features = features,
                             .value = s->y,
                             .subject = s->subject,
                             .subject_name = label_at,
                             .name = feature_name};
}

/* spread: of the coefficients. */
static void draw_linear(Sample *s, Dice *d, double spread) {
  double weight[MOST_FEATURES];
  for (int j = 0; j < MOST_FEATURES; j++) weight[j] = spread * normal(d);
  for (int64_t i = 0; i <= 25; i++) {
    double *x = i < 25 ? s->x + i * MOST_FEATURES : s->new_x, y = 3 + 2 * normal(d);
    for (int j = 0; j < MOST_FEATURES; j++) y += weight[j] * (x[j] = normal(d));
    *(i < 25 ? &s->y[i] : &s->new_y) = y;
  }
  hand_over(s, 25, MOST_FEATURES);
}

static void plain(Sample *s, Dice *d) {
  draw_linear(s, d, 1);
}

/* Residual variance 4 over that of the coefficients, 4 / 20: the penalty 20 is right. */
static void shrunk(Sample *s, Dice *d) {
  draw_linear(s, d, sqrt(4.0 / 20));
}

/* The last visit of patient 7, or (fresh) that of one more, is what is forecast. */
static void draw_patients(Sample *s, Dice *d, double slopes, bool fresh) {
  int64_t rows = 0;
  s->known = fresh ? -1 : 7;
  for (int64_t p = 0; p < PATIENTS + fresh; p++) {
    double base = 2 * normal(d), slope = slopes * normal(d);
    bool is_new = p == PATIENTS;
    for (int v = 0; v < VISITS + (p == s->known || is_new); v++) {
      bool target = v == VISITS;
      if (is_new && !target) continue;
      double *x = target ? s->new_x : s->x + 2 * rows;
      x[0] = v + 0.1 * normal(d);
      x[1] = normal(d);
      double y = 5 + base + (0.7 + slope) * x[0] + x[1] + normal(d);
      if (target) {
        s->new_y = y;
        continue;
      }
      s->subject[rows] = p;
      s->y[rows++] = y;
    }
  }
  hand_over(s, rows, 2);
}

static void same_slopes(Sample *s, Dice *d) {
  draw_patients(s, d, 0, false);
}
static void same_slopes_fresh(Sample *s, Dice *d) {
  draw_patients(s, d, 0, true);
}
static void own_slopes(Sample *s, Dice *d) {
  draw_patients(s, d, 0.5, false);
}
static void own_slopes_fresh(Sample *s, Dice *d) {
  draw_patients(s, d, 0.5, true);
}

static bool holds(const CmModelBody *body, const void *params, const Sample *s) {
  CmArena hold = {.ctx = ctx};
  double told[CM__FORECAST_WIDTH];
  CmError *err = NULL;
  void *state = body->fit(&hold, &s->training, params, &err);
  if (!state) fail_msg("%s", cm_error_text(err));
  int64_t known = body->known && s->known >= 0 ? body->known(state, label[s->known]) : -1;
  assert_true(body->forecast(state, ctx, s->new_x, &known, 1, told, &err));
  double reach = told[CM__FORECAST_ERROR] * cm__student_quantile(0.95, told[CM__FORECAST_DEGREES]);
  cm__arena_free(&hold);
  return fabs(s->new_y - told[CM__FORECAST_VALUE]) <= reach;
}

static void cover(const char *kind, const char *words, uint64_t seed, void (*draw)(Sample *, Dice *)) {
  static Sample s;
  const CmModelBody *body = cm__model_body(cm_model_kind_find(kind));
  void *params = cm_params_create(ctx, &body->kind.about, NULL);
  assert_true(params && cm_params_set_words(ctx, &body->kind.about, params, words, NULL));
  int hits = 0;
  for (int i = 0; i < DRAWS; i++) {
    Dice d = {.stream = seed * DRAWS + (uint64_t)i};
    memset(&s, 0, sizeof s);
    draw(&s, &d);
    hits += holds(body, params, &s);
  }
  cm_free(params);
  printf("%s %s, case %d: %d of %d\n", kind, words, (int)seed, hits, DRAWS);
  assert_in_range(hits, LEAST, MOST);
}

static void test_linear(void **state) {
  (void)state;
  cover("linear", "", 1, plain);
  cover("ridge", "alpha=0", 2, plain);
  cover("ridge", "alpha=20", 3, shrunk);
}

static void test_mixed(void **state) {
  (void)state;
  cover("mixed", "", 4, same_slopes);
  cover("mixed", "", 5, same_slopes_fresh);
  cover("mixed", "slope=time", 6, own_slopes);
  cover("mixed", "slope=time", 7, own_slopes_fresh);
  cover("mixed", "method=ml slope=time", 8, own_slopes);
}

static int start(void **state) {
  (void)state;
  for (int p = 0; p < PATIENTS; p++) {
    snprintf(label[p], sizeof label[p], "p%d", p);
    label_at[p] = label[p];
  }
  return (ctx = cm_context_create(NULL, NULL)) ? 0 : -1;
}

static int stop(void **state) {
  (void)state;
  return cm_context_destroy(&ctx) ? -1 : 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_linear), cmocka_unit_test(test_mixed)};
  return cmocka_run_group_tests(tests, start, stop);
}
