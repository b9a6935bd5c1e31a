/* Colours: conversion between spaces, a row at a time. RGB is sRGB, 0 to 1 (integers: 0 to the type's largest value);
 * XYZ and CIELAB under D65, 2 degrees; hue, saturation and value 0 to 1; YCbCr as in ITU-R BT.601, Y 16 to 235. */
#ifndef CM_OPS_COLOUR_COLOUR_H
#define CM_OPS_COLOUR_COLOUR_H

#include "ops/lines.h"

#define CM_COLOUR_CHOICES "rgb|hsv|lab|xyz|ycbcr|grey"
typedef enum CmColourSpace { CM_RGB, CM_HSV, CM_LAB, CM_XYZ, CM_YCBCR, CM_GREY } CmColourSpace;

typedef struct CmColour {
  CmColourSpace from, to;
  CmType type;
  int64_t components; /* of the rows; a fourth (opacity) is passed over */
  double scale;       /* of integers */
} CmColour;

/* CM_ERR_DATA where the image has not the components of such colours, or a type that cannot hold them. */
bool cm__colour_open(CmColour *colour, const CmImage *image, CmColourSpace from, CmColourSpace to, CmError **err);
int64_t cm__colour_components(CmColourSpace space); /* 1 or 3 */
/* Voxels of a row that are done at a time, so that their planes stay in the first cache. */
enum { CM_COLOUR_PIECE = 512 };
/* n voxels of a row to three planes of n values (grey: the first). plane[k]: n values of room. line: components * n. */
void cm__colour_row_f32(const CmColour *colour, const void *row, int64_t n, float *line, float *const plane[3]);
void cm__colour_row_f64(const CmColour *colour, const void *row, int64_t n, double *line, double *const plane[3]);

/* A new image. Integer types: RGB and grey run to the largest value, what is beyond is clamped. */
CM_NODISCARD CmImage *cm__colour_image(CmContext *ctx, const CmImage *image, CmColourSpace from, CmColourSpace to,
                                       CmType type, CmError **err);

#endif
