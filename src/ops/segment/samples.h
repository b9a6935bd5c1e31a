/* The voxels of a part of an image as samples of as many features as it has components, in blocks of planes: what
 * clustering methods read again and again. Nothing is copied: blocks are made anew in each pass. Integers of one
 * component are counted once, and the passes go over their different values. */
#ifndef CM_OPS_SEGMENT_SAMPLES_H
#define CM_OPS_SEGMENT_SAMPLES_H

#include "ops/intensity/stats.h"

enum { CM_SAMPLE_BLOCK = 512, CM_SAMPLE_LANES = 8 };

typedef struct CmSampleBlock {
  const double *plane;  /* feature f of sample i: plane[f * CM_SAMPLE_BLOCK + i] */
  const double *weight; /* how often the sample counts; 0 in the padding */
  int64_t n, padded;    /* samples; the same rounded up to whole lanes */
} CmSampleBlock;

typedef struct CmSamples {
  CmContext *ctx;
  CmPart part;
  CmGrid grid;
  int64_t features;
  double *offset, *scale;   /* per feature: samples are (v - offset) * scale */
  double *mean, *variance;  /* of the samples, per feature, after that */
  double count;             /* samples: voxels inside without NaN */
  int64_t low, range, bins; /* counted values: smallest, span, how many differ; bins 0: not counted */
  double *value, *weight;   /* [bins] */
} CmSamples;

/* part: `component` -1. standardize: features are shifted and scaled to mean 0 and variance 1. Voxels where a component
 * is NaN are left out. CM_ERR_DATA: no voxel, or infinite values. Free with cm__samples_free(), after a failure too. */
bool cm__samples_open(CmContext *ctx, const CmPart *part, bool standardize, CmSamples *samples, CmError **err);
void cm__samples_free(CmSamples *samples);

/* Adds to `sum`, or fills `scratch`. */
typedef void (*CmSampleFn)(void *arg, const CmSampleBlock *block, double *scratch, double *sum);

/* total[size]: the sums over all blocks, added in the order of the data. scratch: doubles of room that fn needs. */
bool cm__samples_sum(const CmSamples *samples, const char *what, CmSampleFn fn, void *arg, int64_t scratch,
                     int64_t size, double *total, CmError **err);
/* One sample (its features into `picked`). fn fills scratch[i] with a score >= 0. u in [0,1): drawn with a probability
 * in proportion to score * weight; u < 0: the one with the largest score, the first of equals. False without an error
 * where all scores are 0. */
bool cm__samples_pick(const CmSamples *samples, CmSampleFn fn, void *arg, double u, double *picked, CmError **err);
/* Writes a label per voxel (labels: integer image), and per voxel `maps` values (maps: f32 or f64 with as many
 * components; NULL: none); 0 where there is no sample. fn fills scratch[i] with the label and
 * scratch[(1 + k) * CM_SAMPLE_BLOCK + i] with value k; where maps is NULL it has room for them all the same, and for
 * `room` doubles after them. */
bool cm__samples_paint(const CmSamples *samples, const char *what, CmSampleFn fn, void *arg, int64_t values,
                       int64_t room, CmImage *labels, CmImage *maps, CmError **err);

/* Sum of a * b over a block (n: padded), in an order that no machine changes. */
double cm__sample_dot(const double *a, const double *b, int64_t n);

#endif
