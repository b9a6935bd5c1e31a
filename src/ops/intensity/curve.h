/* Piecewise linear curves that values go through, one per part of an image. */
#ifndef CM_OPS_INTENSITY_CURVE_H
#define CM_OPS_INTENSITY_CURVE_H

#include "ops/intensity/points.h"

typedef struct CmCurve {
  int64_t n;              /* points; 0: values stay */
  double *at, *to;        /* at rises strictly */
  double below, above;    /* slopes beyond the first and the last point; 0: its value */
  int64_t buckets, *from; /* internal: where to search */
} CmCurve;

/* a at part 0, b at part 1, also where b - a is more than a double holds. */
double cm__between(double a, double b, double part);

/* Memory for n points (at and to; free with cm__curve_free). */
bool cm__curve_open(CmContext *ctx, CmCurve *curve, int64_t n, CmError **err);
void cm__curve_free(CmCurve *curve);

/* Every value through the curve of its part (cm__part_of); NaN stays. 8 and 16 bit images go through a table. */
bool cm__curves(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask, CmOutsideMask outside,
                CmScope scope, bool per_component, CmCurve *curves, CmImage *out, CmError **err);

/* The call of an operation that finds a curve per part: opens the mask (input number mask_at), calls find for each part
 * and makes the result. Curves are freed. */
typedef bool (*CmCurveFn)(void *arg, const CmPart *part, int64_t at, CmCurve *curve, CmError **err);
bool cm__curve_call(const CmCall *call, const char *what, int mask_at, CmOutsideMask outside, CmScope scope,
                    bool per_component, CmType type, CmCurveFn find, void *arg, CmError **err);

#endif
