/* Incomplete beta and gamma functions by their continued fractions and series (DLMF 8.17.22, 8.9.2 and 8.7.1), the
 * fractions by Lentz's method as modified by Thompson and Barnett (1986). */
#define _DEFAULT_SOURCE /* lgamma_r: lgamma writes a global */
#include "core/distribution.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#define TERMS 20000
#define TINY 1e-300

static double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

/* What Stirling's formula leaves of log gamma, for x >= 10 (DLMF 5.11.1). */
static double stirling_rest(double x) {
  static const double c[] = {1. / 12, -1. / 360, 1. / 1260, -1. / 1680, 1. / 1188, -691. / 360360, 1. / 156};
  double sum = 0;
  for (int i = 6; i >= 0; i--) sum = sum / (x * x) + c[i];
  return sum / x;
}

/* log of the beta function; where an argument is large, without the differences of large numbers. */
static double log_beta(double a, double b) {
  double p = fmin(a, b), q = fmax(a, b), sum = p + q;
  if (q < 10) return log_gamma(p) + log_gamma(q) - log_gamma(sum);
  double rest = stirling_rest(q) - stirling_rest(sum), without = log1p(-p / sum);
  if (p < 10) return log_gamma(p) + rest + p - p * log(sum) + (q - 0.5) * without;
  return 0.5 * log(2 * M_PI / q) + stirling_rest(p) + rest + (p - 0.5) * log(p / sum) + q * without;
}

/* ---- continued fractions -------------------------------------------------------------------------------------------
 */

typedef struct Fraction {
  double value, c, d;
} Fraction;

static double not_zero(double x) {
  return fabs(x) < TINY ? TINY : x;
}

static Fraction fraction_start(double b) {
  double value = not_zero(b);
  return (Fraction){value, value, 0};
}

/* Adds the level a / (b + …); true once it changes nothing. */
static bool fraction_add(Fraction *f, double a, double b) {
  f->d = 1 / not_zero(b + a * f->d);
  f->c = not_zero(b + a / f->c);
  double factor = f->c * f->d;
  f->value *= factor;
  return fabs(factor - 1) < DBL_EPSILON;
}

/* ---- beta ----------------------------------------------------------------------------------------------------------
 */

static double beta_fraction(double x, double a, double b) {
  Fraction f = fraction_start(1);
  for (int m = 0; m < TERMS; m++) {
    double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double even = (m + 1) * (b - m - 1) * x / ((a + 2 * m + 1) * (a + 2 * m + 2));
    bool still = fraction_add(&f, odd, 1);
    if (fraction_add(&f, even, 1) && still) break;
  }
  return 1 / f.value;
}

/* I_x(a, b) where y = 1 - x is known better than by subtraction. */
static double beta_below(double x, double y, double a, double b) {
  if (!(x > 0)) return 0;
  if (!(y > 0)) return 1;
  bool swap = x > (a + 1) / (a + b + 2);
  double front = exp(a * log(x) + b * log(y) - log_beta(a, b));
  return swap ? 1 - front * beta_fraction(y, b, a) / b : front * beta_fraction(x, a, b) / a;
}

double cm__beta_below(double x, double a, double b) {
  return beta_below(x, 1 - x, a, b);
}

/* ---- gamma ---------------------------------------------------------------------------------------------------------
 */

static double gamma_series(double x, double a) { /* P(a, x) */
  double term = 1 / a, sum = term;
  for (int n = 1; n < TERMS && term > sum * DBL_EPSILON; n++) sum += term *= x / (a + n);
  return sum * exp(a * log(x) - x - log_gamma(a));
}

static double gamma_fraction(double x, double a) { /* Q(a, x) */
  Fraction f = fraction_start(x + 1 - a);
  for (int n = 1; n < TERMS && !fraction_add(&f, -n * (n - a), x + 2 * n + 1 - a); n++) {
  }
  return exp(a * log(x) - x - log_gamma(a)) / f.value;
}

/* ---- distributions -------------------------------------------------------------------------------------------------
 */

double cm__normal_two_sided(double z) {
  return erfc(fabs(z) * M_SQRT1_2);
}

double cm__normal_z(double confidence) {
  double low = 0, high = 40;
  for (int i = 0; i < 200; i++) { /* erfc falls: halving finds z to the last bit */
    double middle = (low + high) / 2;
    if (cm__normal_two_sided(middle) > 1 - confidence)
      low = middle;
    else
      high = middle;
  }
  return low;
}

double cm__student_two_sided(double t, double df) {
  if (isinf(t)) return 0;
  double square = t * t;
  return beta_below(df / (df + square), square / (df + square), df / 2, 0.5);
}

double cm__chi_square_above(double x, double df) {
  if (!(x > 0)) return 1;
  if (isinf(x)) return 0;
  return x < df + 2 ? 1 - gamma_series(x / 2, df / 2) : gamma_fraction(x / 2, df / 2);
}

double cm__f_below(double f, double df1, double df2) {
  if (!(f > 0)) return 0;
  if (isinf(f)) return 1;
  return beta_below(df1 * f / (df1 * f + df2), df2 / (df1 * f + df2), df1 / 2, df2 / 2);
}

double cm__f_quantile(double p, double df1, double df2) {
  double low = -700, high = 700; /* of log f */
  for (int i = 0; i < 100; i++) {
    double middle = (low + high) / 2;
    if (cm__f_below(exp(middle), df1, df2) < p)
      low = middle;
    else
      high = middle;
  }
  return exp(low + (high - low) / 2);
}

double cm__student_quantile(double confidence, double df) {
  return sqrt(cm__f_quantile(confidence, 1, df));
}
