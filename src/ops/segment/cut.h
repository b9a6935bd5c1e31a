/* What the operations share that find thresholds in a histogram. */
#ifndef CM_OPS_SEGMENT_CUT_H
#define CM_OPS_SEGMENT_CUT_H

#include "ops/intensity/counts.h"

#define CM_CUT_BINS_HELP "bins of the histogram between the smallest and largest value; 0: one for each whole number"
#define CM_CUT_BINS_PARAM(S) CM_PARAM_INT(S, bins, 256, 0, 65536, "1", CM_CUT_BINS_HELP)
#define CM_CUT_PER_PARAM(S)                        \
  CM_PARAM_ENUM(S, per, CM_SCOPE_CHOICES, "image", \
                "what gets its own threshold: the image, each time point, or each slice")
#define CM_CUT_DETAILS                                                                                               \
  " A voxel is 1 where it lies above the threshold. An image without contrast is 0 everywhere. Mask: the threshold " \
  "comes from inside, voxels outside are 0. NaN: left out, 0. Infinite values are an error."

/* image, mask -> labels, thresholds */
extern const CmPort cm__cut_inputs[2];
extern const CmPort cm__cut_outputs[2];
#define CM_CUT_PORTS                                                                         \
  .inputs = cm__cut_inputs, .input_count = 2, .outputs = cm__cut_outputs, .output_count = 2, \
  .geometry = CM_GEOMETRY_KEEP

enum { CM_CUT_MOST_BINS = 65536 };

/* The histogram of a part. */
typedef struct CmCut {
  CmContext *ctx;
  const CmPart *part;
  CmMoments moments;
  CmBins bins;     /* count 0: all values are equal, or no histogram was asked for */
  int64_t *counts; /* [bins.count] */
  double *centre;  /* likewise */
} CmCut;

/* bins: 0: one for each whole number, at most `most` of them; below 0: none. CM_ERR_DATA: no values, or infinite ones.
 * Close with cm__cut_close(), after a failure too. */
bool cm__cut_open(CmContext *ctx, const CmPart *part, int64_t bins, int64_t most, CmCut *cut, CmError **err);
void cm__cut_close(CmCut *cut);

/* A new u8 image: how many of its part's `each` thresholds (cm__part_of; rising) a voxel lies above. */
CM_NODISCARD CmImage *cm__cut_apply(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask,
                                    CmScope scope, const double *thresholds, int64_t each, CmError **err);

/* *threshold: between different values, so that some lie above it and some do not. */
typedef bool (*CmCutFn)(const CmCut *cut, const void *params, double *threshold, CmError **err);
/* The whole of an operation with one threshold a part. */
bool cm__cut_run(const CmCall *call, const char *what, CmScope scope, int64_t bins, CmCutFn find, CmError **err);

#endif
