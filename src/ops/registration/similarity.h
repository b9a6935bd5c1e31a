/* How alike two images are under a rigid transform, with the derivative: the inner loop of registration. */
#ifndef OPS_REGISTRATION_SIMILARITY_H
#define OPS_REGISTRATION_SIMILARITY_H

#include "ops/registration/rigid.h"

/* Points of the fixed image that are looked at. */
typedef struct CmSamples {
  int64_t count;
  float *point; /* 3 a sample: LPS minus the transform's centre, mm */
  float *value; /* of the fixed image */
  float low, high;
  double radius_mm; /* root mean square distance from the centre: what a radian is worth */
} CmSamples;

/* Scratch and inputs of one level of the pyramid. */
typedef struct CmSimilarityJob {
  CmContext *ctx;
  CmSimilarity metric;
  int bins;
  bool flat; /* 2D: no motion along z, no rotation out of the plane */
  const CmSamples *samples;
  const CmImage *moving; /* f32 */
  float low, high;       /* of moving */
  double to_index[12];   /* row-major 3x4: LPS to index of moving */
  float *seen;           /* 5 a sample: moving value, its gradient per mm (3), 1 where it lies inside */
  double *partial;       /* per chunk: sums, histogram */
} CmSimilarityJob;

typedef struct CmSimilarityValue {
  double value;    /* larger is better */
  double shift[3]; /* derivative per mm */
  double turn[3];  /* derivative per radian about the axes x,y,z through the centre */
  double overlap;  /* share of samples inside */
} CmSimilarityValue;

bool cm__similarity_open(CmSimilarityJob *job, CmContext *ctx, const CmSamples *samples, const CmImage *moving,
                         CmSimilarity metric, int bins, CmError **err);
void cm__similarity_close(CmSimilarityJob *job);
bool cm__similarity(CmSimilarityJob *job, const CmRigid *rigid, CmSimilarityValue *value, CmError **err);

#endif
