/* A smooth field as a cubic B-spline lattice over a grid of samples: fitting by rows and evaluation by rows. */
#ifndef CM_OPS_INTENSITY_SPLINE_FIELD_H
#define CM_OPS_INTENSITY_SPLINE_FIELD_H

#include "cormack/context.h"

/* One axis: samples in [0, 1] of it, cut into equal spans; a sample in span s is touched by the points s .. s + 3. An
 * axis of one sample has one point that counts. */
typedef struct CmSplineAxis {
  int64_t n, spans, points;  /* points = spans + 3 */
  int64_t *first;            /* of each span and one past the last: its first sample */
  float *weight[4];          /* of the four points, for each sample */
  float *square[4], *fit[4]; /* weight^2, and weight^3 / sum of weight^2: what Lee's approximation adds up */
} CmSplineAxis;

/* Sample i stands at (offset + i * step) / (length - 1) of the axis. Free with cm__spline_axis_free, on failure too. */
bool cm__spline_axis(CmContext *ctx, CmSplineAxis *axis, int64_t n, int64_t offset, int64_t step, int64_t length,
                     int64_t spans, CmError **err);
void cm__spline_axis_free(CmSplineAxis *axis);
int64_t cm__spline_span(const CmSplineAxis *axis, int64_t sample);

/* The points of row (y, z) along x, into row[axes[0].points]; lattice: x fastest. */
void cm__spline_row(const CmSplineAxis axes[3], const double *lattice, int64_t y, int64_t z, double *row);
/* The field of that row at its n samples. */
void cm__spline_line(const CmSplineAxis *axis, const double *row, float *line);

/* Adds one row of samples to the sums of a plane z (points x by points y): weights of `square` for how much of each
 * point is known (line: 1 inside, 0 outside), of `fit` for the values (0 outside). */
void cm__spline_add(const CmSplineAxis axes[3], bool square, const float *line, int64_t y, double *plane);
/* Adds a plane's sums to those of the lattice. */
void cm__spline_add_plane(const CmSplineAxis axes[3], bool square, const double *plane, int64_t z, double *lattice);

/* The same field with twice the spans along an axis (`from` has `points` of it, `to` 2 * points - 3). inner: points of
 * the faster axes together, outer: of the slower ones. */
void cm__spline_refine(const double *from, int64_t inner, int64_t points, int64_t outer, double *to);

#endif
