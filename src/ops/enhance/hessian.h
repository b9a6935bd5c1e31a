/* The Hessian of an image smoothed with a Gaussian, as eigenvalues, a piece of a row at a time: what filters for
 * vessels are made of. No temporary of the image's size. */
#ifndef CM_OPS_ENHANCE_HESSIAN_H
#define CM_OPS_ENHANCE_HESSIAN_H

#include "ops/filter/separable.h"

/* Voxels x .. x + n - 1 of a row. */
typedef struct CmHessianPiece {
  double *e[3]; /* eigenvalues, largest first; of `axes` lines */
  int axes;     /* 3, or 2 where an axis is one voxel long */
  int64_t row, x, n;
} CmHessianPiece;

typedef struct CmHessian {
  const char *what; /* for progress */
  const CmImage *image;
  bool wide; /* calculate in double */
  /* The same bits wherever the voxel lies: in double, and nothing is taken from the values first (else that of the
   * first voxel is, so that slopes of flat images are 0). */
  bool anywhere;
  double sigma;  /* in mm, or in voxels */
  int32_t units; /* CM_UNITS_CHOICES: of sigma, and of the derivatives */
  double truncate;
  CmBorder border;
  double border_value;
  void (*piece)(void *arg, const CmHessianPiece *piece); /* of each row once, from several threads */
  void *arg;
} CmHessian;

/* Of one component of time point t. */
bool cm__hessian(CmContext *ctx, const CmHessian *job, int64_t t, int64_t component, CmError **err);

/* ---- what operations on scales share */

#define CM_SCALES_PARAMS(S)                                                                                            \
  CM_PARAM_REALS(S, sigmas, "1,3,5,7,9", 0.1, 100, 1, CM_LIST_MAX, "",                                                 \
                 "scales: standard deviations of the smoothing; a vessel answers most to about its radius"),           \
      CM_UNITS_PARAM(S, "mm"),                                                                                         \
      CM_PARAM_ENUM(S, select, "bright|dark", "bright", "lines brighter or darker than what is around them"),          \
      CM_PARAM_REAL(S, truncate, 4, 1, 10, "1", "where the kernels end, in standard deviations"), CM_BORDER_PARAMS(S), \
      CM_PARAM_ENUM(S, type, "f32|f64", "f32", "voxel type of the result")

/* The walk of such an operation; sigma is set for each scale. */
#define CM_SCALES_HESSIAN(what_, call, p, piece_, arg_)                                                             \
  {                                                                                                                 \
    .what = what_, .image = (call)->in[0].image,                                                                    \
    .wide = !cm__type_fits_f32(cm_image_type((call)->in[0].image)) || (p)->type == 1, .units = (p)->units,          \
    .truncate = (p)->truncate, .border = (CmBorder)(p)->border, .border_value = (p)->border_value, .piece = piece_, \
    .arg = arg_                                                                                                     \
  }

/* The mask and the result, f32 or f64 by `type`. */
bool cm__scales_open(const CmCall *call, int32_t type, CmMask *mask, CmImage **out, CmError **err);
/* Blanks what is outside the mask and hands the result over, or, where not ok, releases it. */
bool cm__scales_close(const CmCall *call, bool ok, const CmMask *mask, CmImage *out, CmError **err);
/* A piece of one component of out (f32 or f64) becomes line, at the first scale, else the larger one; NaN counts as
 * largest. */
void cm__scales_keep(CmImage *out, const CmHessianPiece *piece, int64_t component, bool first, const double *line);
void cm__scales_get(const CmImage *out, const CmHessianPiece *piece, int64_t component, double *line);

#define CM_SCALES_DETAILS                                                                                              \
  "The Hessian is that of `gaussian_derivative`, per mm with units=mm, else per voxel. The image is continued once "   \
  "beyond its border; scikit-image continues its slopes once more, and so differs within a kernel of the border, and " \
  "by 1e-4 and more for scales below 2 voxels, whose kernels it samples twice. An image with an axis of one voxel is " \
  "2D. Border: replicate aaa|abcd|ddd, reflect cba|abcd|dcb, mirror dcb|abcd|cba, wrap bcd|abcd|abc, constant "        \
  "kkk|abcd|kkk. Mask: voxels outside are 0; neighbourhoods inside still see them. NaN: spreads to every voxel whose " \
  "kernel holds it. Every time point and component is filtered by itself. "

#endif
