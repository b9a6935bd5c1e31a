/* The settings of PyRadiomics as parameters of the operation `radiomics`: its names, its defaults (docs: «Radiomic
 * Feature Extraction Customization», PyRadiomics 3.0.1). What is None there is an empty list, "" or 0 here. */
#ifndef CM_OPS_RADIOMICS_PYRAD_PARAMS_H
#define CM_OPS_RADIOMICS_PYRAD_PARAMS_H

#include "cormack/op.h"
#include "ops/radiomics/pyrad_wavelet_bank.h"

typedef enum CmPyradMode { CM__PYRAD_ABSOLUTE, CM__PYRAD_RELATIVE, CM__PYRAD_SIGMA } CmPyradMode;
typedef enum CmPyradNorm {
  CM__PYRAD_NONE,
  CM__PYRAD_EUCLIDEAN,
  CM__PYRAD_MANHATTAN,
  CM__PYRAD_INFINITY,
  CM__PYRAD_NO_WEIGHTING
} CmPyradNorm;
typedef enum CmPyradInterpolator {
  CM__PYRAD_NO_INTERPOLATOR,
  CM__PYRAD_NEAREST,
  CM__PYRAD_LINEAR,
  CM__PYRAD_BSPLINE,
  CM__PYRAD_GAUSSIAN,
  CM__PYRAD_HAMMING,
  CM__PYRAD_COSINE,
  CM__PYRAD_WELCH,
  CM__PYRAD_LANCZOS,
  CM__PYRAD_BLACKMAN,
} CmPyradInterpolator;
#define CM__PYRAD_INTERPOLATORS                                                           \
  "none|sitkNearestNeighbor|sitkLinear|sitkBSpline|sitkGaussian|sitkHammingWindowedSinc|" \
  "sitkCosineWindowedSinc|sitkWelchWindowedSinc|sitkLanczosWindowedSinc|sitkBlackmanWindowedSinc"

typedef struct CmPyradParams {
  CmText imageType;
  CmText firstorder, shape, shape2D, glcm, glrlm, glszm, ngtdm, gldm;
  bool additionalInfo;
  int64_t label_channel;
  bool correctMask;
  double geometryTolerance;
  int64_t minimumROIDimensions, minimumROISize;
  bool normalize;
  double normalizeScale, removeOutliers;
  CmReals resampledPixelSpacing;
  int32_t interpolator;
  int64_t padDistance;
  bool preCrop;
  CmReals resegmentRange;
  int32_t resegmentMode;
  bool resegmentShape;
  double binWidth;
  int64_t binCount;
  int64_t voxelArrayShift;
  CmInts distances;
  bool force2D;
  int64_t force2Ddimension;
  bool symmetricalGLCM;
  int32_t weightingNorm;
  int64_t gldm_a;
  CmText sigma;
  int32_t wavelet;
  int64_t start_level, level;
  bool gradientUseSpacing;
  double lbp2DRadius;
  int64_t lbp2DSamples;
  int32_t lbp2DMethod;
  int64_t lbp3DLevels;
  double lbp3DIcosphereRadius;
  int64_t lbp3DIcosphereSubdivision;
} CmPyradParams;

#define CM__PYRAD_FIELD(S, field, type_, initial_, unit_, help_)                                         \
  .name = #field, .type = type_, .offset = offsetof(S, pyrad.field), .initial = initial_, .unit = unit_, \
  .help = "(pyradiomics) " help_
#define CM__PYRAD_TEXT(S, field, initial_, help_) \
  { CM__PYRAD_FIELD(S, field, CM_TEXT, initial_, "", help_) }
#define CM__PYRAD_BOOL(S, field, initial_, help_) \
  { CM__PYRAD_FIELD(S, field, CM_BOOL, initial_, "", help_) }
#define CM__PYRAD_INT(S, field, initial_, min_, max_, unit_, help_) \
  { CM__PYRAD_FIELD(S, field, CM_INT, initial_, unit_, help_), .min = min_, .max = max_ }
#define CM__PYRAD_REAL(S, field, initial_, min_, max_, unit_, help_) \
  { CM__PYRAD_FIELD(S, field, CM_REAL, initial_, unit_, help_), .min = min_, .max = max_ }
#define CM__PYRAD_REALS(S, field, min_, max_, most_, unit_, help_) \
  { CM__PYRAD_FIELD(S, field, CM_REALS, "", unit_, help_), .min = min_, .max = max_, .max_count = most_ }
#define CM__PYRAD_ENUM(S, field, choices_, initial_, help_) \
  { CM__PYRAD_FIELD(S, field, CM_ENUM, initial_, "", help_), .choices = choices_ }

/* Rows of the parameter table of a struct S that has a CmPyradParams named `pyrad`. */
#define CM__PYRAD_PARAMS(S)                                                                                            \
  CM__PYRAD_TEXT(S, imageType, "Original",                                                                             \
                 "images to measure, ';' between: Original; LoG sigma=1.0,2.0; Wavelet; Square; SquareRoot; "          \
                 "Logarithm; Exponential; Gradient; LBP2D; LBP3D, each with settings of its own behind the name"),     \
      CM__PYRAD_TEXT(S, firstorder, "all", "all, none, or features with ',' between"),                                 \
      CM__PYRAD_TEXT(S, shape, "all", "all, none, or features"),                                                       \
      CM__PYRAD_TEXT(S, shape2D, "none", "all, none, or features; of 2D images, or with force2D"),                     \
      CM__PYRAD_TEXT(S, glcm, "all", "all, none, or features"),                                                        \
      CM__PYRAD_TEXT(S, glrlm, "all", "all, none, or features"),                                                       \
      CM__PYRAD_TEXT(S, glszm, "all", "all, none, or features"),                                                       \
      CM__PYRAD_TEXT(S, ngtdm, "all", "all, none, or features"),                                                       \
      CM__PYRAD_TEXT(S, gldm, "all", "all, none, or features"),                                                        \
      CM__PYRAD_BOOL(S, additionalInfo, "true", "columns diagnostics_ on image, mask and settings"),                   \
      CM__PYRAD_INT(S, label_channel, "0", 0, 4095, "1", "component of the label map that is used, from 0"),           \
      CM__PYRAD_BOOL(S, correctMask, "false", "a mask on another grid is put on the image's by nearest neighbour"),    \
      CM__PYRAD_REAL(S, geometryTolerance, "0", 0, 1e6, "1",                                                           \
                     "how far origin, spacing (in voxels) and direction may differ; 0: corners within 0.001 voxel"),   \
      CM__PYRAD_INT(S, minimumROIDimensions, "2", 1, 3, "1", "axes along which the region has to be above one voxel"), \
      CM__PYRAD_INT(S, minimumROISize, "0", 0, 1e15, "voxel", "regions of up to so many voxels are refused; 0: none"), \
      CM__PYRAD_BOOL(S, normalize, "false", "the whole image to mean 0 and standard deviation 1 first"),               \
      CM__PYRAD_REAL(S, normalizeScale, "1", 1e-30, 1e30, "1", "factor after normalize"),                              \
      CM__PYRAD_REAL(S, removeOutliers, "0", 0, 1e30, "1",                                                             \
                     "normalized values are cut at this many standard deviations; 0: not"),                            \
      CM__PYRAD_REALS(S, resampledPixelSpacing, 0, 1e6, 3, "mm", "spacing after resampling, x,y,z; 0 keeps an axis"),  \
      CM__PYRAD_ENUM(S, interpolator, CM__PYRAD_INTERPOLATORS, "sitkBSpline", "of the image; none: not resampled"),    \
      CM__PYRAD_INT(S, padDistance, "5", 0, 100000, "voxel", "kept around the region by resampling and preCrop"),      \
      CM__PYRAD_BOOL(S, preCrop, "false", "the image is cropped to the region and padDistance before filters"),        \
      CM__PYRAD_REALS(S, resegmentRange, -1e30, 1e30, 2, "", "LOW or LOW,HIGH: intensities that stay in the region"),  \
      CM__PYRAD_ENUM(S, resegmentMode, "absolute|relative|sigma", "absolute",                                          \
                     "what resegmentRange is: intensities, shares of the largest, or standard deviations"),            \
      CM__PYRAD_BOOL(S, resegmentShape, "false", "shape is measured after re-segmentation as well"),                   \
      CM__PYRAD_REAL(S, binWidth, "25", 1e-12, 1e30, "", "width of a bin; edges are its multiples"),                   \
      CM__PYRAD_INT(S, binCount, "0", 0, 65535, "1", "number of bins in place of a width; 0: none"),                   \
      CM__PYRAD_INT(S, voxelArrayShift, "0", -2147483648, 2147483647, "",                                              \
                    "added to intensities in Energy, TotalEnergy and RootMeanSquared"),                                \
      {CM__PYRAD_FIELD(S, distances, CM_INTS, "1", "voxel", "of neighbours in glcm, ngtdm and gldm"), .min = 1,        \
       .max = 20, .min_count = 1, .max_count = 20},                                                                    \
      CM__PYRAD_BOOL(S, force2D, "false", "texture slice by slice"),                                                   \
      CM__PYRAD_INT(S, force2Ddimension, "0", 0, 2, "1", "axis across the slices: 0 z, 1 y, 2 x"),                     \
      CM__PYRAD_BOOL(S, symmetricalGLCM, "true", "each pair counts both ways"),                                        \
      CM__PYRAD_ENUM(S, weightingNorm, "none|euclidean|manhattan|infinity|no_weighting", "none",                       \
                     "directions of glcm and glrlm put together with weights by their length; none: averaged"),        \
      CM__PYRAD_INT(S, gldm_a, "0", 0, 65535, "1", "largest difference of levels that are dependent"),                 \
      CM__PYRAD_TEXT(S, sigma, "", "of LoG, in mm, ',' between; written as they stand into the names"),                \
      CM__PYRAD_ENUM(S, wavelet, CM__PYRAD_WAVELETS, "coif1", "of Wavelet"),                                           \
      CM__PYRAD_INT(S, start_level, "0", 0, 12, "1", "first level of Wavelet, from 0"),                                \
      CM__PYRAD_INT(S, level, "1", 1, 12, "1", "levels of Wavelet"),                                                   \
      CM__PYRAD_BOOL(S, gradientUseSpacing, "true", "Gradient by mm, otherwise by voxel"),                             \
      CM__PYRAD_REAL(S, lbp2DRadius, "1", 1e-6, 1000, "voxel", "of LBP2D"),                                            \
      CM__PYRAD_INT(S, lbp2DSamples, "8", 1, 24, "1", "of LBP2D"),                                                     \
      CM__PYRAD_ENUM(S, lbp2DMethod, "default|ror|uniform|var", "uniform", "of LBP2D"),                                \
      CM__PYRAD_INT(S, lbp3DLevels, "2", 1, 16, "1", "of LBP3D: degrees of the spherical harmonics"),                  \
      CM__PYRAD_REAL(S, lbp3DIcosphereRadius, "1", 1e-6, 1000, "voxel", "of LBP3D"),                                   \
      CM__PYRAD_INT(S, lbp3DIcosphereSubdivision, "1", 0, 4, "1", "of LBP3D")

#endif
