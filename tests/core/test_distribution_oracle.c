/* Distribution functions against SciPy 1.15 (scipy.stats.norm, t, chi2, f; scipy.special.betainc), whose values are
 * good to about 1e-14; ours are asked to agree to 1e-12 of the value. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/distribution.h"

static void agrees(double value, double expected) {
  if (!(fabs(value - expected) <= 1e-12 * fabs(expected))) fail_msg("%.17g, not %.17g", value, expected);
}

static void test_normal(void **state) {
  (void)state;
  agrees(cm__normal_two_sided(0.3), 0.7641771556220948);
  agrees(cm__normal_two_sided(-1.96), 0.04999579029644087);
  agrees(cm__normal_two_sided(8), 1.244192114854348e-15);
  agrees(cm__normal_z(0.95), 1.959963984540054);
}

static void test_student(void **state) {
  (void)state;
  agrees(cm__student_two_sided(0, 3), 1);
  agrees(cm__student_two_sided(0.5, 1), 0.7048327646991335);
  agrees(cm__student_two_sided(-2.2, 9), 0.05534057279861165);
  agrees(cm__student_two_sided(3.1, 4.5), 2 - 1.9690844553262659);
  agrees(cm__student_two_sided(12, 30), 5.580185415199261e-13);
  agrees(cm__student_two_sided(1.3, 5000), 0.19366089361872058);
  agrees(cm__student_two_sided((double)INFINITY, 2), 0);
}

static void test_chi_square(void **state) {
  (void)state;
  agrees(cm__chi_square_above(0, 2), 1);
  agrees(cm__chi_square_above(0.1, 1), 0.7518296340458492);
  agrees(cm__chi_square_above(3.84, 1), 0.05004352124870519);
  agrees(cm__chi_square_above(7, 3), 0.07189777249646509);
  agrees(cm__chi_square_above(40, 10), 1.694474393006737e-05);
  agrees(cm__chi_square_above(900, 1000), 0.9892827619087102);
}

static void test_fisher(void **state) {
  (void)state;
  agrees(cm__f_below(0.2, 3, 7), 0.10683204433751023);
  agrees(cm__f_below(1, 10, 10), 0.5);
  agrees(cm__f_below(2.5, 5, 120), 0.9657238618606216);
  agrees(cm__f_below(30, 2, 3.5), 0.9937300358399601);
  agrees(cm__f_quantile(0.025, 5, 15), 0.15557596307848703);
  agrees(cm__f_quantile(0.975, 5, 15), 3.5764153492790607);
  agrees(cm__f_quantile(0.5, 100, 1), 2.1821544019743597);
  agrees(cm__f_quantile(0.999, 2, 300), 7.069282207634928);
}

static void test_beta(void **state) {
  (void)state;
  agrees(cm__beta_below(0.3, 0.5, 0.5), 0.36901011956554536);
  agrees(cm__beta_below(0.9, 20, 3), 0.6200409384119034);
  agrees(cm__beta_below(0.01, 0.1, 40), 0.927171196668713);
  agrees(cm__beta_below(0.5, 3000, 3100), 0.8998126825348736);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_normal), cmocka_unit_test(test_student),
                                     cmocka_unit_test(test_chi_square), cmocka_unit_test(test_fisher),
                                     cmocka_unit_test(test_beta)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
