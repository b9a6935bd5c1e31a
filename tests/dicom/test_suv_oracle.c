/* SUV factors against the closed form of QIBA's pseudo-code, one for each way through it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/dicom/suv.h"
#include "io/dicom/when.h"

#define assert_near(a, b, within) assert_true(fabs((double)(a) - (double)(b)) <= (within))

/* 80 kg, 400 MBq of fluorine-18 at 9:00, scan at 10:00 of 2024-01-02. */
static CmSuvFacts usual(void) {
  CmSuvFacts facts = {.units = "BQML",
                      .corrected = "DECY\\ATTN\\SCAT",
                      .decay = "START",
                      .weight_kg = 80,
                      .dose_bq = 4e8,
                      .half_life_s = 6586.2};
  facts.start_time = 9 * 3600;
  facts.start = facts.ge_scan = facts.frame_reference_s = facts.frame_duration_s = facts.philips_suv =
      facts.philips_bqml = NAN;
  assert_true(cm__when("20240102", "100000", &facts.series));
  facts.first_acquisition = facts.series + 30;
  return facts;
}

static double factor_of(const CmSuvFacts *facts) {
  CmError *err = NULL;
  const char *note;
  double factor = NAN;
  assert_true(cm__suv_factor(facts, &factor, &note, &err));
  assert_null(err);
  return factor;
}

static void refused_for(const CmSuvFacts *facts, const char *what) {
  CmError *err = NULL;
  const char *note;
  double factor;
  assert_false(cm__suv_factor(facts, &factor, &note, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_DATA);
  assert_non_null(strstr(cm_error_text(err), what));
  cm_error_free(&err);
}

static void decay_to_the_start(void **state) {
  (void)state;
  CmSuvFacts facts = usual();
  double expected = 80000 / (4e8 * exp(-log(2) * 3600 / 6586.2));
  assert_near(factor_of(&facts) / expected, 1, 1e-12);
  assert_true(cm__when_datetime("20240102090000.000000+0100", &facts.start));
  assert_near(factor_of(&facts) / expected, 1, 1e-12);
}

static void decay_to_the_injection(void **state) {
  (void)state;
  CmSuvFacts facts = usual();
  strcpy(facts.decay, "ADMIN");
  assert_near(factor_of(&facts), 80000 / 4e8, 1e-16);
  strcpy(facts.decay, "NONE");
  refused_for(&facts, "DecayCorrection (0054,1102)");
}

/* Injected at 23:30, scanned at 0:30 of the next day: one hour. */
static void across_midnight(void **state) {
  (void)state;
  CmSuvFacts facts = usual();
  facts.start_time = 23.5 * 3600;
  assert_true(cm__when("20240102", "003000", &facts.series));
  facts.first_acquisition = facts.series;
  assert_near(factor_of(&facts) / (80000 / (4e8 * exp2(-3600 / 6586.2))), 1, 1e-12);
}

/* A series made anew at 18:00: GE's private time counts, else the acquisition's with the frame's reference time. */
static void series_made_later(void **state) {
  (void)state;
  CmSuvFacts facts = usual();
  double scan = facts.series;
  facts.series += 8 * 3600;
  refused_for(&facts, "FrameReferenceTime (0054,1300)");
  facts.ge_scan = scan;
  double expected = 80000 / (4e8 * exp2(-3600 / 6586.2));
  assert_near(factor_of(&facts) / expected, 1, 1e-12);
  /* Bed two of 120 s, begun 300 s after the scan's start. The mean count rate lies where A(t) equals its average over
   * the frame. */
  facts.ge_scan = NAN;
  double lambda = log(2) / 6586.2, mean = -log((1 - exp(-lambda * 120)) / (lambda * 120)) / lambda;
  facts.first_acquisition = scan + 300;
  facts.frame_duration_s = 120;
  facts.frame_reference_s = 300 + mean;
  assert_near(factor_of(&facts) / expected, 1, 1e-9);
}

static void other_units(void **state) {
  (void)state;
  CmSuvFacts facts = usual();
  strcpy(facts.units, "GML");
  assert_near(factor_of(&facts), 1, 0);
  strcpy(facts.suv_type, "LBM");
  refused_for(&facts, "SUVType (0054,1006)");
  strcpy(facts.units, "CNTS");
  refused_for(&facts, "(7053,1000)");
  facts.philips_bqml = 1.5;
  assert_near(factor_of(&facts) / (1.5 * 80000 / (4e8 * exp2(-3600 / 6586.2))), 1, 1e-12);
  facts.philips_suv = 0.000412;
  assert_near(factor_of(&facts), 0.000412, 0);
  strcpy(facts.units, "PROPCNTS");
  refused_for(&facts, "PROPCNTS");
}

static void what_is_missing_is_named(void **state) {
  (void)state;
  CmSuvFacts facts = usual();
  facts.weight_kg = 0;
  refused_for(&facts, "PatientWeight (0010,1030)");
  facts = usual();
  facts.dose_bq = NAN;
  refused_for(&facts, "RadionuclideTotalDose (0018,1074)");
  facts = usual();
  facts.half_life_s = NAN;
  refused_for(&facts, "RadionuclideHalfLife (0018,1075)");
  facts = usual();
  facts.start_time = NAN;
  refused_for(&facts, "RadiopharmaceuticalStartTime (0018,1072)");
  facts = usual();
  strcpy(facts.corrected, "DECY");
  refused_for(&facts, "ATTN");
  facts = usual();
  facts.start = facts.series + 60;
  refused_for(&facts, "later than the scan");
}

/* Days between dates, from the calendar: 2000 was a leap year, 1900 was not. */
static void dates_and_times(void **state) {
  (void)state;
  double a = 0, b = 0;
  assert_true(cm__when("19000101", "000000", &a));
  assert_near(a, 0, 0);
  assert_true(cm__when("19000301", "000000", &a));
  assert_near(a, 59 * 86400.0, 0);
  assert_true(cm__when("20000228", "235959.5", &a) && cm__when("20000301", "000000", &b));
  assert_near(b - a, 86400.5, 1e-6);
  assert_true(cm__when_time("10", &a) && cm__when_time("10:15:30", &b));
  assert_near(a, 36000, 0);
  assert_near(b, 36930, 0);
  assert_false(cm__when_time("", &a) || cm__when_time("25", &a) || cm__when_time("1x", &a) || cm__when_time(NULL, &a));
  assert_false(cm__when("2024", "10", &a) || cm__when("20241301", "10", &a) || cm__when_datetime("20240102", &a));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decay_to_the_start), cmocka_unit_test(decay_to_the_injection),
      cmocka_unit_test(across_midnight),    cmocka_unit_test(series_made_later),
      cmocka_unit_test(other_units),        cmocka_unit_test(what_is_missing_is_named),
      cmocka_unit_test(dates_and_times),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
