/* Distribution functions of the tests and intervals. */
#ifndef CORMACK_CORE_DISTRIBUTION_H
#define CORMACK_CORE_DISTRIBUTION_H

/* z with P(|Z| < z) = confidence, 0 < confidence < 1, for a standard normal Z. */
double cm__normal_z(double confidence);
/* P(|Z| > |z|). */
double cm__normal_two_sided(double z);
/* P(|T| > |t|) for Student's T with df > 0 degrees of freedom (real). */
double cm__student_two_sided(double t, double df);
/* t with P(|T| < t) = confidence, 0 < confidence < 1, for such a T. */
double cm__student_quantile(double confidence, double df);
/* P(X > x) for chi-square with df > 0 degrees of freedom. */
double cm__chi_square_above(double x, double df);
/* P(F <= f) for Fisher's F with df1, df2 > 0 degrees of freedom. */
double cm__f_below(double f, double df1, double df2);
/* f with P(F <= f) = p, 0 < p < 1. */
double cm__f_quantile(double p, double df1, double df2);
/* The regularized incomplete beta function I_x(a, b), a, b > 0, 0 <= x <= 1, to about 1e-14 relative. */
double cm__beta_below(double x, double a, double b);

#endif
