/* Gaussian mixtures by expectation and maximization, on samples as k-means has them. The bits are the same at any
 * thread count and on every machine. */
#ifndef CM_OPS_SEGMENT_MIXTURE_H
#define CM_OPS_SEGMENT_MIXTURE_H

#include "ops/segment/cluster.h"

#define CM_COVARIANCE_CHOICES "full|tied|diag|spherical"
typedef enum CmCovariance { CM_FULL, CM_TIED, CM_DIAG, CM_SPHERICAL } CmCovariance;

typedef struct CmMixtureOptions {
  CmKmeans start; /* the k-means that it starts from; its n_init: starts of which the likeliest mixture is kept */
  CmCovariance covariance;
  int64_t max_iterations;
  double tolerance;      /* ends where the mean log-likelihood changes by less */
  double regularization; /* added to the variances, as a share of each feature's */
} CmMixtureOptions;

typedef struct CmMixture {
  CmContext *ctx;
  int64_t classes, features;
  CmCovariance kind;
  int64_t size;          /* numbers of a covariance: features squared, or features where it is diagonal */
  double *weight, *mean; /* [classes], [classes][features]; as the samples are shifted and scaled */
  double *covariance;    /* [classes][size] */
  double *white;         /* [classes][size]: inverse of the covariance's lower Cholesky factor */
  double *peak;          /* [classes]: log of weight and density at the mean */
  double *count;         /* [classes] voxels that are likeliest of the class */
  double log_likelihood; /* mean over the samples, in the units of the image */
  int64_t iterations;
} CmMixture;

/* Classes rise by their means, as k-means'. Free with cm__mixture_free(), after a failure too. */
bool cm__mixture(const CmSamples *samples, const CmMixtureOptions *options, CmMixture *mixture, CmError **err);
/* 1 for the likeliest class ...; maps (f32 or f64, classes components; may be NULL): probabilities of the classes. */
bool cm__mixture_paint(const CmSamples *samples, CmMixture *mixture, CmImage *labels, CmImage *maps, CmError **err);
/* Free parameters of the model. */
double cm__mixture_freedom(const CmMixture *mixture);
void cm__mixture_free(CmMixture *mixture);

#endif
