/* Nodules, their growth and the transform between visits, against the phantom's truth: what the demo promises, by
 * numbers that were written down before the images were made. The 13 patients with two visits, 26 scans. */
#include <stdlib.h>

#include "phantom_kit.h"

typedef struct Score {
  int large, found, scans, false_ones, pairs;
  double error[128], worst_tre, slowest;
} Score;

static int64_t nearest(const CmTable *t, const CmPhantomTruth *truth) {
  int64_t best = -1;
  double least = fmax(3, 0.5 * truth->diameter_mm);
  for (int64_t r = 0; r < cm_table_rows(t); r++) {
    const double d[3] = {kit_real(t, r, "x") - truth->centre_mm[0], kit_real(t, r, "y") - truth->centre_mm[1],
                         kit_real(t, r, "z") - truth->centre_mm[2]};
    const double mm = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    if (mm < least) {
      least = mm;
      best = r;
    }
  }
  return best;
}

/* Finds the nodules of one visit; volume[k]: measured for nodule k, 0 where it was not found. */
static CmTable *find(CmContext *ctx, const CmPhantomPlan *plan, int patient, int visit, CmImage **scan, double *volume,
                     Score *s) {
  CmError *err = NULL;
  CmImage *ct;
  kit_good(cm_phantom_thorax_image(ctx, plan, patient, visit, &ct, NULL, NULL, &err), err);
  CmValue in[2] = {cm_value_image(ct), {0}}, out[2] = {{0}, {0}};
  kit_run(ctx, "nodules", NULL, in, out);
  CmTable *t = out[1].table;
  int64_t hits = 0;
  const CmPhantomPatient *p = cm_phantom_patient(plan, patient);
  for (int k = 0; k < p->nodule_count; k++) {
    CmPhantomTruth truth;
    cm_phantom_truth(plan, patient, visit, k, &truth);
    const int64_t row = nearest(t, &truth);
    hits += row >= 0;
    volume[k] = row >= 0 ? kit_real(t, row, "volume") : 0;
    s->large += truth.diameter_mm >= 6;
    s->found += truth.diameter_mm >= 6 && row >= 0;
  }
  s->scans++;
  s->false_ones += (int)(cm_table_rows(t) - hits);
  cm_value_unref(&out[0]);
  *scan = ct;
  return t;
}

/* Largest error of the transform at points all over both lungs, in mm. */
static double target_error(const CmPhantomPatient *p, const CmTable *t) {
  static const char *const names[] = {"matrix_11", "matrix_12", "matrix_13", "matrix_14", "matrix_21", "matrix_22",
                                      "matrix_23", "matrix_24", "matrix_31", "matrix_32", "matrix_33", "matrix_34"};
  double m[12], worst = 0;
  for (int k = 0; k < 12; k++) m[k] = kit_real(t, 0, names[k]);
  for (int i = 0; i < 27; i++) {
    const double q[3] = {-100 + 100 * (i % 3), -60 + 60 * (i / 3 % 3), -110 + 100 * (i / 9)};
    double a[3], b[3], d = 0; /* the patient's own frame to that of either visit */
    for (int k = 0; k < 3; k++) {
      a[k] = p->visit[0].shift_mm[k];
      b[k] = p->visit[1].shift_mm[k];
      for (int j = 0; j < 3; j++) {
        a[k] += p->visit[0].rotation[3 * k + j] * q[j];
        b[k] += p->visit[1].rotation[3 * k + j] * q[j];
      }
    }
    for (int k = 0; k < 3; k++) {
      const double e = m[4 * k] * a[0] + m[4 * k + 1] * a[1] + m[4 * k + 2] * a[2] + m[4 * k + 3] - b[k];
      d += e * e;
    }
    worst = fmax(worst, sqrt(d));
  }
  return worst;
}

static void compare_visits(CmContext *ctx, const CmPhantomPlan *plan, int patient, CmImage *scan[2], CmTable *table[2],
                           bool align, Score *s) {
  const CmPhantomPatient *p = cm_phantom_patient(plan, patient);
  if (!align) return;
  CmValue in[4] = {cm_value_image(scan[0]), cm_value_image(scan[1]), {0}, {0}}, out[3] = {{0}, {0}, {0}};
  kit_run(ctx, "register", "outside=-1024", in, out);
  s->worst_tre = fmax(s->worst_tre, target_error(p, out[1].table));
  CmValue tables[3] = {cm_value_table(table[0]), cm_value_table(table[1]), out[1]}, growth = {0};
  char days[32];
  snprintf(days, sizeof days, "days=%d", p->visit[1].days);
  kit_run(ctx, "compare", days, tables, &growth);
  /* every true nodule of 6 mm that was found in both visits is a pair, and the formula holds in its row */
  for (int k = 0; k < p->nodule_count; k++) {
    CmPhantomTruth truth;
    cm_phantom_truth(plan, patient, 0, k, &truth);
    const int64_t a = nearest(table[0], &truth);
    cm_phantom_truth(plan, patient, 1, k, &truth);
    const int64_t b = nearest(table[1], &truth);
    if (a < 0 || b < 0) continue;
    int64_t row = -1;
    for (int64_t r = 0; r < cm_table_rows(growth.table); r++)
      if (kit_real(growth.table, r, "nodule_1") == (double)a + 1) row = r;
    assert_true(row >= 0 && kit_real(growth.table, row, "nodule_2") == (double)b + 1);
    const double v1 = kit_real(growth.table, row, "volume_1"), v2 = kit_real(growth.table, row, "volume_2");
    assert_true(fabs(kit_real(growth.table, row, "doubling_time") - p->visit[1].days * log(2) / log(v2 / v1)) <
                1e-6 * fabs(kit_real(growth.table, row, "doubling_time")));
  }
  cm_value_unref(&growth);
  cm_value_unref(&out[0]);
  cm_value_unref(&out[1]);
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void test_cohort(void **state) {
  (void)state;
  CmError *err = NULL;
  CmContext *ctx = kit_context(2);
  CmPhantomPlan *plan = cm_phantom_thorax_plan(ctx, NULL, &err);
  kit_good(plan != NULL, err);
  Score s = {0};
  for (int patient = 2; patient < 40; patient += 3) {
    const CmPhantomPatient *p = cm_phantom_patient(plan, patient);
    CmImage *scan[2];
    CmTable *table[2];
    double volume[2][CM_PHANTOM_MAX_NODULES];
    for (int v = 0; v < 2; v++) table[v] = find(ctx, plan, patient, v, &scan[v], volume[v], &s);
    for (int k = 0; k < p->nodule_count; k++) {
      CmPhantomTruth a, b;
      cm_phantom_truth(plan, patient, 0, k, &a);
      cm_phantom_truth(plan, patient, 1, k, &b);
      if (a.diameter_mm < 6 || volume[0][k] <= 0 || volume[1][k] <= 0) continue;
      const double error = volume[1][k] / volume[0][k] / (b.volume_mm3 / a.volume_mm3) - 1;
      print_message("%s nodule %d: %4.1f mm, growth %+5.0f %% true, %+5.0f %% measured, ratio off by %+5.1f %%\n",
                    p->id, k + 1, a.diameter_mm, 100 * (b.volume_mm3 / a.volume_mm3 - 1),
                    100 * (volume[1][k] / volume[0][k] - 1), 100 * error);
      s.error[s.pairs++] = fabs(error);
    }
    compare_visits(ctx, plan, patient, scan, table, patient < 12, &s);
    for (int v = 0; v < 2; v++) {
      cm_image_unref(&scan[v]);
      cm_table_unref(&table[v]);
    }
  }
  qsort(s.error, (size_t)s.pairs, sizeof(double), by_size);
  const double sensitivity = (double)s.found / s.large, false_ones = (double)s.false_ones / s.scans;
  print_message(
      "nodules of 6 mm and more: %d of %d found (%.3f); %.2f false ones a scan; growth off by %.1f %% (median of %d), "
      "%.1f %% at most; "
      "transform off by %.2f mm at most\n",
      s.found, s.large, sensitivity, false_ones, 100 * s.error[s.pairs / 2], s.pairs, 100 * s.error[s.pairs - 1],
      s.worst_tre);
  assert_true(sensitivity >= 0.9);
  assert_true(false_ones < 2);
  assert_true(s.pairs >= 10 && s.error[s.pairs / 2] <= 0.10);
  assert_true(s.worst_tre < 2);
  cm_phantom_plan_free(&plan);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cohort)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
