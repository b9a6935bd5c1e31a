/* Lines of voxels: conversion between the voxel types and what kernels calculate in, masks, rows of a grid.
 *
 * A row is one line along x: rows are numbered ((t * nz + z) * ny + y), values in it x * components + c. */
#ifndef CM_OPS_LINES_H
#define CM_OPS_LINES_H

#include "cormack/image.h"
#include "cormack/op.h"

/* n values of voxel type `type`, to float or double. */
void cm__line_to_f32(CmType type, const void *from, int64_t n, float *to);
void cm__line_to_f64(CmType type, const void *from, int64_t n, double *to);
/* The other way: integers are rounded to nearest (ties to even) and clamped to the type's range, NaN becomes 0. */
void cm__line_from_f32(CmType type, const float *from, int64_t n, void *to);
void cm__line_from_f64(CmType type, const double *from, int64_t n, void *to);

/* Does float hold every value of `type`? Else kernels calculate in double. */
bool cm__type_fits_f32(CmType type);

/* The grid of an image as numbers. */
typedef struct CmGrid {
  int64_t nx, ny, nz, nt, components;
  int64_t row;  /* values in a row: nx * components */
  int64_t rows; /* ny * nz * nt */
  size_t size;  /* bytes of a value */
} CmGrid;
CmGrid cm__grid(const CmImage *image);
const void *cm__row(const CmImage *image, const CmGrid *grid, int64_t row);
void *cm__row_mut(CmImage *image, const CmGrid *grid, int64_t row);
/* How many rows make one piece of parallel work (about 64 Ki values); fixed by the data. */
int64_t cm__row_chunk(const CmGrid *grid);

/* A mask: inside is where the voxel is not 0. One time point may serve all of the image's. */
typedef struct CmMask {
  const CmImage *image; /* NULL: everything is inside */
  CmGrid grid;
} CmMask;
/* value: an optional port's. CM_ERR_GEOMETRY where the number of time points does not agree. */
bool cm__mask_open(CmMask *mask, const CmValue *value, const CmImage *image, CmError **err);
/* nx bytes, 1 inside, 0 outside. */
void cm__mask_row(const CmMask *mask, int64_t row, uint8_t *inside);
/* Where inside is 0, `row` of `image` is put back into `line` (values of type `type`, as many components). */
void cm__mask_restore(const uint8_t *inside, const CmGrid *grid, CmType from_type, const void *from, CmType type,
                      void *line, double *scratch);

/* Puts the voxels of image (grid and type of out) that lie outside the mask back into out. */
bool cm__mask_keep(CmContext *ctx, const CmMask *mask, const CmImage *image, CmImage *out, CmError **err);
/* Sets what lies outside the mask to 0, in place. */
bool cm__mask_blank(CmContext *ctx, const CmMask *mask, CmImage *out, CmError **err);

/* The `type` parameter of filters: what the result is stored as. */
#define CM_TYPE_CHOICES "keep|f32|f64"
#define CM_TYPE_PARAM(S)                          \
  CM_PARAM_ENUM(S, type, CM_TYPE_CHOICES, "keep", \
                "voxel type of the result: the input's (integers rounded and clamped), f32 or f64")
CmType cm__out_type(int32_t choice, CmType keep);

/* Unit, metadata and label names of `from`, for a result of another size. */
bool cm__copy_words(CmImage *to, const CmImage *from, CmError **err);

/* The ports of a filter: one image, an optional mask, one image out. */
extern const CmPort cm__filter_inputs[2];
extern const CmPort cm__filter_outputs[1];
#define CM_FILTER_PORTS                                                                            \
  .inputs = cm__filter_inputs, .input_count = 2, .outputs = cm__filter_outputs, .output_count = 1, \
  .geometry = CM_GEOMETRY_KEEP

/* One to three numbers per axis x,y,z (one serves all three) as voxels. An axis that is one voxel long gets 0.
 * units: 0 voxel, 1 mm (divided by the spacing). */
#define CM_UNITS_CHOICES "voxel|mm"
#define CM_UNITS_PARAM(S, initial) \
  CM_PARAM_ENUM(S, units, CM_UNITS_CHOICES, initial, "what sizes are given in: voxel or mm")
void cm__axis_sizes(const CmReals *sizes, int32_t units, const CmImage *image, double voxels[3]);
/* As above, as whole radii: floor(size + 1e-6). CM_ERR_PARAMETER above 10000. */
bool cm__axis_radii(const CmReals *sizes, int32_t units, const CmImage *image, int64_t radii[3], CmError **err);

/* What lies beyond the border, for the indices -1, -2 ... and n, n+1 ...:
 * replicate aaa|abcd|ddd   reflect cba|abcd|dcb   mirror dcb|abcd|cba   wrap bcd|abcd|abc   constant kkk|abcd|kkk */
#define CM_BORDER_CHOICES "replicate|reflect|mirror|wrap|constant"
typedef enum CmBorder {
  CM_BORDER_REPLICATE,
  CM_BORDER_REFLECT,
  CM_BORDER_MIRROR,
  CM_BORDER_WRAP,
  CM_BORDER_CONSTANT
} CmBorder;
#define CM_BORDER_PARAMS(S)                                                                                     \
  CM_PARAM_ENUM(S, border, CM_BORDER_CHOICES, "replicate",                                                      \
                "what lies beyond the border: the nearest voxel, reflected with (reflect) or without (mirror) " \
                "repeating it, the other side (wrap), or border_value (constant)"),                             \
      CM_PARAM_REAL(S, border_value, 0, -1e30, 1e30, "", "value beyond the border where border is constant")
#define CM_BORDER_DETAILS                                                                                   \
  "Border: replicate aaa|abcd|ddd, reflect cba|abcd|dcb, mirror dcb|abcd|cba, wrap bcd|abcd|abc, constant " \
  "kkk|abcd|kkk. An axis one voxel long is left alone; every time point and component is filtered by itself. "
#define CM_FILTER_MASK_DETAILS "Mask: voxels outside keep their value; neighbourhoods inside still see them. "
/* CmOp.reach of a box of these radii; a border that wraps reaches everywhere. */
bool cm__box_reach(const CmReals *radius, int32_t units, int32_t border, const CmImage *image, int64_t reach[3]);
/* The index in 0..n-1 that stands for i, or -1 (constant). */
int64_t cm__border_index(CmBorder border, int64_t i, int64_t n);
/* The same where all are kept and what lies beyond has a place of its own behind them: 0..n. */
int64_t cm__border_slot(CmBorder border, int64_t i, int64_t n);

#endif
