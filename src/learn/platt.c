#include "learn/platt.h"

#include <math.h>

double cm__platt(double decision, double slope, double offset) {
  double f = slope * decision + offset;
  return f >= 0 ? exp(-f) / (1 + exp(-f)) : 1 / (1 + exp(f));
}

/* Negative log-likelihood; targets: high for positives, low for the others. */
static double cost(const double *decision, const int *positive, int64_t count, double high, double low, double slope,
                   double offset) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    double t = positive[i] ? high : low, f = slope * decision[i] + offset;
    sum += f >= 0 ? t * f + log1p(exp(-f)) : (t - 1) * f + log1p(exp(f));
  }
  return sum;
}

void cm__platt_fit(const double *decision, const int *positive, int64_t count, double *slope, double *offset) {
  double yes = 0;
  for (int64_t i = 0; i < count; i++) yes += positive[i];
  double no = (double)count - yes, high = (yes + 1) / (yes + 2), low = 1 / (no + 2);
  double a = 0, b = log((no + 1) / (yes + 1)), value = cost(decision, positive, count, high, low, a, b);
  for (int step = 0; step < 100; step++) {
    double h11 = 1e-12, h22 = 1e-12, h21 = 0, g1 = 0, g2 = 0;
    for (int64_t i = 0; i < count; i++) {
      double p = cm__platt(decision[i], a, b), d2 = p * (1 - p), d1 = (positive[i] ? high : low) - p;
      h11 += decision[i] * decision[i] * d2;
      h22 += d2;
      h21 += decision[i] * d2;
      g1 += decision[i] * d1;
      g2 += d1;
    }
    if (fabs(g1) < 1e-9 && fabs(g2) < 1e-9) break;
    double determinant = h11 * h22 - h21 * h21;
    double da = -(h22 * g1 - h21 * g2) / determinant, db = -(-h21 * g1 + h11 * g2) / determinant,
           slope_along = g1 * da + g2 * db, size = 1;
    for (; size >= 1e-10; size /= 2) {
      double next = cost(decision, positive, count, high, low, a + size * da, b + size * db);
      if (next < value + 1e-4 * size * slope_along) {
        a += size * da;
        b += size * db;
        value = next;
        break;
      }
    }
    if (size < 1e-10) break;
  }
  *slope = a;
  *offset = b;
}

void cm__couple(const double *share, int k, double *scratch, double *probability) {
  double *q = scratch, *qp = scratch + k * k;
  for (int t = 0; t < k; t++) {
    probability[t] = 1.0 / k;
    q[t * k + t] = 0;
    for (int j = 0; j < k; j++) {
      if (j == t) continue;
      q[t * k + t] += share[j * k + t] * share[j * k + t];
      q[t * k + j] = -share[j * k + t] * share[t * k + j];
    }
  }
  for (int step = 0; step < 1000; step++) {
    double pqp = 0, worst = 0;
    for (int t = 0; t < k; t++) {
      qp[t] = 0;
      for (int j = 0; j < k; j++) qp[t] += q[t * k + j] * probability[j];
      pqp += probability[t] * qp[t];
    }
    for (int t = 0; t < k; t++) worst = fmax(worst, fabs(qp[t] - pqp));
    if (worst < 1e-12) break;
    for (int t = 0; t < k; t++) {
      double diff = (pqp - qp[t]) / q[t * k + t];
      probability[t] += diff;
      pqp = (pqp + diff * (diff * q[t * k + t] + 2 * qp[t])) / (1 + diff) / (1 + diff);
      for (int j = 0; j < k; j++) {
        qp[j] = (qp[j] + diff * q[t * k + j]) / (1 + diff);
        probability[j] /= 1 + diff;
      }
    }
  }
}
