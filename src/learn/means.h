/* k-means: centres and who belongs to which. */
#ifndef CORMACK_LEARN_MEANS_H
#define CORMACK_LEARN_MEANS_H

#include "learn/kind.h"

typedef struct CmMeans {
  int64_t clusters, starts, rounds, seed;
  double tolerance; /* of the centres' shift, squared, as a share of the mean variance of the features */
} CmMeans;

/* centre: clusters x features; label: rows. Clusters are numbered by their first row. Greedy k-means++ (Arthur,
 * Vassilvitskii, SODA 2007), Lloyd's rounds (IEEE Trans. Inf. Theory 28, 1982), moves of single rows, the best of
 * several starts. */
bool cm__means(CmContext *ctx, const CmTraining *training, const CmMeans *options, double *centre, int *label,
               double *inertia, CmError **err);
/* Nearest of `count` centres, of equals the first; its squared distance. */
int cm__means_nearest(const double *x, const double *centre, int count, int features, double *distances,
                      double *distance);

#endif
