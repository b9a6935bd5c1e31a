/* k-means (Lloyd's iteration from k-means++ starts) for operations that cut an image or a stack of features into
 * classes. The bits are the same at any thread count and on every machine. */
#ifndef CM_OPS_SEGMENT_CLUSTER_H
#define CM_OPS_SEGMENT_CLUSTER_H

#include "ops/segment/samples.h"

enum { CM_MOST_CLASSES = 255 };

typedef struct CmKmeans {
  int64_t classes;        /* 1..255 */
  int64_t n_init;         /* starts; the one with the least sum of squares is kept, the first of equals */
  int64_t max_iterations; /* of each start */
  double tolerance; /* ends where the centroids' squared shifts add up to no more than this times the mean variance */
  uint64_t seed;    /* of the starts */
  const double *initial; /* [classes][features] in the image's units, in place of k-means++; NULL */
} CmKmeans;
/* CM_ERR_PARAMETER unless the list is empty or has a number for each class and component. */
bool cm__initial_check(const CmReals *initial, int64_t classes, int64_t components, CmError **err);
/* 300 iterations, tolerance 1e-4, one start, seed 0. */
CmKmeans cm__kmeans_options(int64_t classes);

typedef struct CmClusters {
  int64_t classes, features;
  double *centre;     /* [classes][features], as the samples are shifted and scaled; rising by the first feature, then
                         the second ... */
  double *count;      /* [classes] voxels */
  double *within;     /* [classes] sums of squared distances to the centroid */
  double inertia;     /* their sum */
  int64_t iterations; /* of the start that was kept */
} CmClusters;

/* CM_ERR_DATA where there are fewer different samples than classes. Free with cm__clusters_free(), also after a
 * failure. */
bool cm__kmeans(const CmSamples *samples, const CmKmeans *options, CmClusters *clusters, CmError **err);
/* 1 for the class of the first centroid, 2 ...; 0 where there is no sample. labels: u8 on the grid of the image; the
 * part's rows are written. */
bool cm__clusters_paint(const CmSamples *samples, const CmClusters *clusters, CmImage *labels, CmError **err);
/* Into the order of the centres. */
void cm__clusters_sort(CmClusters *clusters);
void cm__clusters_free(CmClusters *clusters);

/* All of it on a whole image, whose components are the features: a new u8 image, 1 ... classes, 0 outside the mask (may
 * be NULL) and where a component is NaN. */
CM_NODISCARD CmImage *cm__kmeans_image(CmContext *ctx, const CmImage *image, const CmMask *mask, bool standardize,
                                       const CmKmeans *options, CmError **err);

/* Numbers of a table of classes by part: columns t, z (where parts have them), class, voxels, then what `fill` adds. */
typedef struct CmClassTable {
  CmTable *table;
  CmScope scope;
  int64_t nz;
  int first; /* first column of the centroids: "mean" (one feature) or "mean_1" ... */
  int64_t features;
} CmClassTable;
bool cm__class_table_open(CmContext *ctx, CmScope scope, const CmImage *image, const char *const *columns, int count,
                          CmClassTable *table, CmError **err);
/* A row for class number `k` (0-based) of a part; values[count] of the columns, then the centre in the image's units.
 * -1: no memory. */
int64_t cm__class_table_add(CmClassTable *table, int64_t part, int64_t k, double voxels, const double *values,
                            int count, const CmSamples *samples, const double *centre, CmError **err);

#endif
