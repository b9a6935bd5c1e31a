/* Diffusion that slows down where the slope is steep: the explicit scheme on fluxes through the faces of voxels. */
#ifndef CM_OPS_DENOISE_DIFFUSION_H
#define CM_OPS_DENOISE_DIFFUSION_H

#include "ops/lines.h"

typedef struct CmDiffusion {
  int64_t iterations;
  double time_step;   /* 0: the smallest spacing / 2^(axes + 1) */
  double conductance; /* times the root mean squared slope; absolute: in image units (per mm) itself */
  bool absolute;
  int64_t interval; /* iterations between two looks at the mean squared slope */
  int32_t per;      /* slopes per mm (0) or per voxel (1) */
  int32_t type;
  bool quadratic; /* conductance 1 / (1 + g^2 / K^2), not exp(-g^2 / K^2) */
  bool face;      /* g is the slope across the face alone, not the whole gradient there */
  bool curvature; /* the modified curvature equation */
} CmDiffusion;

#define CM_DIFFUSION_PARAMS(S)                                                                                     \
  CM_PARAM_INT(S, iterations, 5, 0, 100000, "1", "how many steps"),                                                \
      CM_PARAM_REAL(S, time_step, 0, 0, 1e6, "1",                                                                  \
                    "length of a step; 0: the smallest spacing / 2^(axes + 1), 0.125 in 2D and 0.0625 in 3D at "   \
                    "spacing 1"),                                                                                  \
      CM_PARAM_REAL(S, conductance, 3, 1e-12, 1e30, "",                                                            \
                    "the slope that still lets pass, in root mean squared slopes of the image, or as scale says"), \
      CM_PARAM_ENUM(S, scale, "relative|absolute", "relative",                                                     \
                    "what conductance is given in: root mean squared slopes, or image units (per mm)"),            \
      CM_PARAM_INT(S, interval, 1, 1, 100000, "1", "steps between two looks at the root mean squared slope"),      \
      CM_PARAM_ENUM(S, per, "mm|voxel", "mm", "whether slopes are per mm or per voxel")
#define CM_DIFFUSION_DETAILS                                                                                           \
  "g is the slope per mm or per voxel across the face and, along the other axes, the mean of the central differences " \
  "on both sides of it. Conductance at a face: exp(-g^2 / K^2), K^2 = 2 conductance^2 times the mean squared slope "   \
  "of "                                                                                                                \
  "the whole component and time point by central differences (scale=absolute: K = conductance). Nothing flows "        \
  "through "                                                                                                           \
  "the border, and nothing at all where every voxel is equal. A step that is not stable is refused. Calculated in "    \
  "f32 "                                                                                                               \
  "for every type. Every time point and component is filtered by itself. Memory: 8 bytes per voxel of a time point. "  \
  "Mask: voxels outside keep their value, but take part. NaN: spreads by a voxel in each step, and is left out of "    \
  "the "                                                                                                               \
  "mean slope. "

/* The whole call of an operation with the ports of a filter. */
bool cm__diffusion_call(const CmCall *call, const CmDiffusion *job, const char *what, CmError **err);

#endif
