/* Radiomics by PyRadiomics' book: van Griethuysen JJM et al. Computational radiomics system to decode the radiographic
 * phenotype. Cancer Res 77(21), 2017; definitions of version 3.0.1. */
#ifndef CM_OPS_RADIOMICS_PYRAD_H
#define CM_OPS_RADIOMICS_PYRAD_H

#include <float.h>

#include "ops/measure/statistics.h"
#include "ops/radiomics/pyrad_params.h"
#include "ops/radiomics/region.h"
#include "ops/segment/label_list.h"

bool cm__pyrad_run(const CmCall *call, const CmPyradParams *params, size_t params_offset, int64_t label, CmError **err);

/* For readers of parameter files: are these features (with ',' between) of the class? */
bool cm__pyrad_check_class(const char *name, const char *features, CmError **err);

/* ---- results ---- */

typedef struct CmPyradItem {
  char name[CM__FEATURE_NAME];
  double value;
  char *text; /* NULL: a number */
} CmPyradItem;

typedef struct CmPyradItems {
  CmContext *ctx;
  CmPyradItem *item;
  int count, room;
} CmPyradItems;

bool cm__pyrad_add(CmPyradItems *items, const char *name, double value, CmError **err);
/* Takes text over, on failure as well; NULL (no memory) is a failure. */
bool cm__pyrad_add_text(CmPyradItems *items, const char *name, char *text, CmError **err);
void cm__pyrad_items_free(CmPyradItems *items);

/* ---- images and masks ---- */

/* The region of one label: a box of an image, and which of its voxels are inside. */
typedef struct CmPyradRoi {
  CmContext *ctx;
  int64_t label;
  int64_t lo[3], size[3]; /* box in the image, x, y, z; tight */
  int64_t voxels;
  uint8_t *inside; /* of the box; 0 or 1 */
} CmPyradRoi;
void cm__pyrad_roi_free(CmPyradRoi *roi);
bool cm__pyrad_roi_copy(const CmPyradRoi *from, CmPyradRoi *to, CmError **err);
/* The voxels of `labels` that have the label, within the box lo..hi (inclusive) that holds them all; tight. CM_ERR_DATA
 * where there is none. */
bool cm__pyrad_roi_make(CmContext *ctx, const CmImage *labels, int64_t label, const int64_t lo[3], const int64_t hi[3],
                        CmPyradRoi *roi, CmError **err);
/* Values of the box lo, size of an image as double, x fastest. */
bool cm__pyrad_values(CmContext *ctx, const CmImage *image, const int64_t lo[3], const int64_t size[3], double *to,
                      CmError **err);

CM_NODISCARD CmImage *cm__pyrad_normalize(CmContext *ctx, const CmImage *image, const CmPyradParams *p, CmError **err);
/* Image on the grid (CM_F64) by one of ITK's interpolators that have a kernel of their own: from CM__PYRAD_GAUSSIAN on.
 * 0 beyond the image. */
CM_NODISCARD CmImage *cm__pyrad_interpolate(CmContext *ctx, const CmImage *image, const CmGeometry *geometry,
                                            const int64_t size[3], int32_t interpolator, CmError **err);
/* Is there a number for each axis? Of an image of this rank (0: any). */
bool cm__pyrad_check_spacing(const CmPyradParams *p, int rank, CmError **err);
/* Image and region on the grid of resampledPixelSpacing, or cropped where that is the image's own. */
bool cm__pyrad_resample(CmContext *ctx, CmImage *image, const CmImage *labels, const CmLabelBox *box,
                        const CmPyradParams *p, CmImage **resampled, CmPyradRoi *roi, CmError **err);
/* The part of the image around the region that preCrop keeps; moves the region into it. */
CM_NODISCARD CmImage *cm__pyrad_crop(CmContext *ctx, CmImage *image, CmPyradRoi *roi, int64_t pad, CmError **err);
/* labels on the grid of image by nearest neighbour. CM_ERR_GEOMETRY where the label's box leaves the image. */
CM_NODISCARD CmImage *cm__pyrad_correct(CmContext *ctx, const CmImage *image, const CmImage *labels,
                                        const CmLabelBox *box, CmError **err);
/* One component of a label map. */
CM_NODISCARD CmImage *cm__pyrad_channel(CmContext *ctx, CmImage *labels, int64_t channel, CmError **err);

/* Where a region is looked for, and by which settings. */
typedef struct CmPyradPlace {
  CmContext *ctx;
  const CmPyradParams *p;
  CmImage *image;
  const CmImage *labels;
  const CmLabelBox *box;
  CmPyradItems *items; /* for what is to be told of it; NULL: nothing */
} CmPyradPlace;
/* The image that is measured (resampled, cropped, or the image itself) and the region in it. */
bool cm__pyrad_locate(const CmPyradPlace *place, CmImage **in, CmPyradRoi *roi, CmError **err);
bool cm__pyrad_same_grid(const CmImage *image, const CmImage *labels, double tolerance, CmError **err);
/* minimumROIDimensions, minimumROISize. */
bool cm__pyrad_check(const CmPyradRoi *roi, const CmPyradParams *p, CmError **err);
/* Leaves out what resegmentRange says; the box becomes tight again. */
bool cm__pyrad_resegment(const CmImage *image, const CmPyradParams *p, CmPyradRoi *roi, CmError **err);

/* ---- image types ---- */

/* One image to measure: `box` of the source (lo, size), with a name such as "wavelet-LLH". */
typedef struct CmPyradImage {
  CmImage *image;
  int64_t at[3]; /* where its first voxel lies in the source */
  char name[64];
  const CmPyradParams *params; /* with the settings of its image type */
} CmPyradImage;
typedef bool (*CmPyradImageFn)(void *arg, const CmPyradImage *image, CmError **err);

typedef struct CmPyradSource {
  CmContext *ctx;
  CmImage *image;
  int64_t lo[3], size[3]; /* box that holds all regions */
  const CmPyradRoi *rois; /* of LBP3D */
  int64_t roi_count;
} CmPyradSource;

enum { CM__PYRAD_TYPES = 10 };
typedef struct CmPyradType {
  int kind;        /* index into the names of image types */
  void *values;    /* all parameters of the operation */
  CmPyradParams p; /* its PyRadiomics part */
} CmPyradType;
/* The parameter imageType, with the settings of each; op has the parameters p at this offset. Free with
 * cm__pyrad_types_free(), after a failure as well. */
bool cm__pyrad_types_read(CmContext *ctx, const CmOp *op, const CmPyradParams *p, size_t params_offset,
                          CmPyradType *types, int *count, CmError **err);
void cm__pyrad_types_free(CmPyradType *types, int count);
const char *cm__pyrad_type_name(int kind);
/* Calls fn for each image of this type in turn. */
bool cm__pyrad_images(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                      CmError **err);

/* ---- features ---- */

/* Where the region lies in a row of its box: from begin to before end; empty where it has no voxel there. */
typedef struct CmSpan {
  int64_t begin, end; /* in the view */
} CmSpan;

/* A region of one image, ready for the classes. */
/* The axis (0 x) that force2D takes for the one across slices: PyRadiomics counts from the image's last axis, so that a
 * 2D image is followed along its rows (force2Ddimension 0) or its columns (1) alone; -1: none. */
static inline int cm__pyrad_across(const CmPyradParams *p, bool flat_image) {
  return p->force2D ? (flat_image ? 1 : 2) - (int)p->force2Ddimension : -1;
}

typedef struct CmPyradView {
  CmRoi roi; /* levels: 1 .. levels, those that occur; level_value gives their numbers */
  const CmPyradParams *p;
  bool flat_image;      /* of rank 2 */
  double *values;       /* the intensities inside that are finite, in the order of the voxels */
  int present;          /* levels that occur */
  int *level_value;     /* of each that occurs, rising; roi.level holds the index + 1 */
  int64_t *level_count; /* voxels of each */
  int highest;          /* Ng */
  CmSpan *spans;        /* of the rows y, z of the region's box */
} CmPyradView;
/* With the intensities of the box (roi.value) as well, or without. Free the view after a failure too. */
bool cm__pyrad_view_make(CmContext *ctx, const CmImage *image, const int64_t at[3], const CmPyradRoi *from,
                         const CmPyradParams *p, CmPyradView *view, CmError **err);
bool cm__pyrad_view_levels(CmContext *ctx, const CmImage *image, const int64_t at[3], const CmPyradRoi *from,
                           const CmPyradParams *p, CmPyradView *view, CmError **err);
void cm__pyrad_view_free(CmPyradView *view);
/* The span of row y, z of the view, which lie in the region's box. */
static inline CmSpan cm__pyrad_span(const CmPyradView *view, int64_t y, int64_t z) {
  const CmRoi *roi = &view->roi;
  return view->spans[(z - roi->lo[2]) * (roi->hi[1] - roi->lo[1]) + y - roi->lo[1]];
}

/* Rows of levels are worked on in blocks of so many, the last one as well: so many levels lie behind the last of the
 * box, and what rows are written to has room for whole blocks. */
enum { CM__PYRAD_WIDE = 32 };
static inline int64_t cm__pyrad_wide(int64_t n) {
  return (n + CM__PYRAD_WIDE - 1) / CM__PYRAD_WIDE * CM__PYRAD_WIDE;
}

/* Offsets of neighbours, each direction once (the other half is their negative): the largest part of each is one of the
 * distances, none goes beyond the size of the region, none across the slices of force2D. */
typedef struct CmPyradAngles {
  int count;
  int (*step)[3]; /* x, y, z */
} CmPyradAngles;
bool cm__pyrad_angles(const CmPyradView *view, const CmInts *distances, CmPyradAngles *angles, CmError **err);
/* Of one angle, by weightingNorm: its length in mm; `none`: 0. */
double cm__pyrad_length(const CmPyradView *view, const int step[3]);

/* Logarithms are taken of p + eps there; as p is far above eps, that is log2(p) + eps / (p ln 2): times p, this. */
#define CM__EPS_BITS (DBL_EPSILON * 1.4426950408889634)
enum { CM__PYRAD_ABREAST = 13 }; /* most directions that one walk counts */
enum { CM__PYRAD_MOST = 32 };
typedef bool CmPyradClassFn(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err);
CmPyradClassFn cm__pyrad_firstorder, cm__pyrad_glcm, cm__pyrad_glrlm, cm__pyrad_glszm, cm__pyrad_ngtdm, cm__pyrad_gldm;

/* What classes share with those of windows: the features of values, and of levels that occur (their shares,
 * the sums of their distances from neighbours, their numbers). */
void cm__pyrad_describe_order(const CmPyradView *view, const CmStatistics *s, const double *values, int64_t count,
                              double entropy, double uniformity, double out[CM__PYRAD_MOST]);
void cm__pyrad_describe_tones(int levels, const double *share, const double *apart, const int *value, double voxels,
                              double out[CM__PYRAD_MOST]);

/* The classes by number, in the order in which their columns stand. */
enum {
  CM__PYRAD_FIRSTORDER,
  CM__PYRAD_SHAPE,
  CM__PYRAD_SHAPE2D,
  CM__PYRAD_GLCM,
  CM__PYRAD_GLRLM,
  CM__PYRAD_GLSZM,
  CM__PYRAD_NGTDM,
  CM__PYRAD_GLDM,
  CM__PYRAD_CLASSES
};
CmPyradClassFn *cm__pyrad_class_fn(int number); /* NULL: measures the mask */
const char *cm__pyrad_class_name(int number);
/* Bits of the features that are wanted of each class. */
bool cm__pyrad_wanted(const CmPyradParams *p, uint32_t wanted[CM__PYRAD_CLASSES], CmError **err);
/* values: of all features of the class; adds the wanted ones. image: "original" ... */
bool cm__pyrad_add_features(CmPyradItems *to, const char *image, int number, uint32_t wanted, const double *values,
                            CmError **err);

/* mask alone */
bool cm__pyrad_shape(const CmPyradRoi *roi, const double spacing[3], double out[CM__PYRAD_MOST], CmError **err);
/* axis: across the slice, whose size is 1 */
bool cm__pyrad_shape2d(const CmPyradRoi *roi, const double spacing[3], int axis, double out[CM__PYRAD_MOST],
                       CmError **err);

/* Second largest magnitude among the eigenvalues of a symmetric matrix of n rows (n > 1) whose largest is positive; it
 * is overwritten. Rows have n rounded up to CM__PYRAD_LANES values; scratch: 4 of them. */
enum { CM__PYRAD_LANES = 8 };
double cm__pyrad_second_magnitude(double *matrix, int n, double *scratch);

/* ---- diagnostics ---- */

/* What is the same for all labels. */
typedef struct CmPyradFacts {
  char image_hash[41], mask_hash[41];
  double mean, least, most;
} CmPyradFacts;
bool cm__pyrad_facts(CmContext *ctx, const CmImage *image, const CmImage *labels, CmPyradFacts *facts, CmError **err);
bool cm__pyrad_tell_start(CmPyradItems *to, const CmOp *op, const void *values, const CmImage *image,
                          const CmImage *labels, const CmPyradFacts *facts, CmError **err);
bool cm__pyrad_tell_image(CmPyradItems *to, const char *prefix, const CmImage *image, CmError **err);
/* grid: of the mask. image: on that grid, NULL where intensities are not told. */
bool cm__pyrad_tell_mask(CmPyradItems *to, const char *prefix, const CmImage *grid, const CmImage *image,
                         const CmPyradRoi *roi, CmError **err);

/* SHA-1 (FIPS 180-4) as 40 hexadecimal digits: ITK's hash of an image. For comparison only. */
typedef struct CmSha1 {
  uint32_t state[5];
  uint8_t block[64];
  uint64_t bytes;
  bool fast; /* by the processor's own instructions */
} CmSha1;
void cm__sha1_start(CmSha1 *sha);
void cm__sha1_add(CmSha1 *sha, const void *bytes, size_t size);
/* Two messages at once, which takes as long as the longer one. */
void cm__sha1_add_two(CmSha1 *a, const void *from_a, size_t size_a, CmSha1 *b, const void *from_b, size_t size_b);
void cm__sha1_finish(CmSha1 *sha, char hex[41]);

#endif
