/* Segmentation by learned pixels: filters make a stack of features of each voxel; a classifier learns from labelled
 * voxels (scribbles or masks) which class they belong to, and then labels every voxel of other images.
 *
 * A filter is any operation that keeps the grid of its one image, in words: "gaussian sigma=1,2,4". A list of values
 * for a parameter that takes one value, or one for all axes, makes one filter of each; sizes along x,y,z stand with
 * colons: "gaussian sigma=1:1:0". Each component of a result is a feature, named like its filter, with [k] behind where
 * there are several. Results are f32 where the operation has a choice.
 *
 * The model is a CmModel whose file holds the filters too (member "pixels"); cm_model_save(), cm_model_load() and
 * cm_model_predict() on tables of the features take it as any other. */
#ifndef CORMACK_PIXELS_H
#define CORMACK_PIXELS_H

#include "cormack/learn.h"

typedef struct CmPixelParams {
  int64_t samples; /* voxels that are drawn of each class in each image, at most */
  bool balance;    /* draw as many of each class of an image as of its rarest one */
  bool background; /* label 0 is a class of its own, as in masks; else such voxels are not labelled */
  int32_t units;   /* of sizes of filters that do not say: 0 mm, 1 voxel */
  int64_t folds;   /* of the judgement at most; 0: none */
  int64_t seed;
} CmPixelParams;
CM_API const CmOp *cm_pixel_about(void); /* the description of the struct above; name: "pixels" */

/* The filters that are taken where none are named; ends with NULL. */
CM_API const char *const *cm_pixel_default_filters(void);

/* Voxels to learn from, of one image after the other. */
typedef struct CmPixelSet CmPixelSet;
/* filters NULL: the default ones. params NULL: defaults. */
CM_API CM_NODISCARD CmPixelSet *cm_pixel_set_create(CmContext *ctx, const char *const *filters, int count,
                                                    const CmPixelParams *params, CmError **err);
/* Draws voxels of the image and works out their features. labels: an integer image on the same grid, 0 to 65535; 0 is
 * not labelled unless params say otherwise. name: for messages and the table. All images of a set have the same
 * components, and all are planes or all are volumes; an image that is given again (with other labels) counts as the
 * same one. The images are not kept. */
CM_API bool cm_pixel_set_add(CmPixelSet *set, CmImage *image, const CmImage *labels, const char *name, CmError **err);
CM_API void cm_pixel_set_free(CmPixelSet **set); /* nulls it; NULL is allowed */
/* A row a voxel: «image», «block» (a part of the image), «x», «y», «z», «t», «class», and the features. */
CM_API CM_NODISCARD CmTable *cm_pixel_set_table(const CmPixelSet *set, CmError **err);

/* Fits the learner to all voxels of the set. CM_ERR_DATA with fewer than two classes. CM_ERR_PARAMETER for a kind that
 * predicts no classes. judged (may be NULL): how well voxels are classified by models that have not seen their image,
 * or, where a class is in one image only, their part of the image (a quarter of the labelled extent along each axis):
 * «class», «voxels», «groups» that have it, «recall», «precision», «dice», and a last row «all» with their means and
 * «accuracy»; «grouped» ("image" or "block") and «folds». No rows where a class is in one group only, or folds is 0. */
CM_API CM_NODISCARD CmModel *cm_pixel_set_fit(CmPixelSet *set, const CmLearner *learner, CmTable **judged,
                                              CmError **err);

CM_API int cm_model_filters(const CmModel *model);                                /* 0: it is no model of pixels */
CM_API const char *cm_model_filter(const CmModel *model, int at);                 /* in words */
CM_API int64_t cm_model_filter_reach(const CmModel *model, const CmImage *image); /* -1: some need the whole image */

/* Labels every voxel: the class of the largest probability (of equals the first), as u8 or u16. probabilities (may be
 * NULL): f32, a component for each class in the order of cm_model_class(). The image is filtered in blocks with a rim
 * as wide as the filters reach: what is needed beside image and results is bounded (256 MiB, or half of what the
 * context has left) and the bits are those of the whole image in one piece, at any thread count. Filters that need the
 * whole image (CmOp.reach) are run on it first and kept. CM_ERR_DATA: the image has other components, is a plane where
 * the model was trained on volumes or the other way round, or has another unit than the training images (unit "1"
 * passes). A spacing unlike that of training is logged as a warning where sizes are in voxels. */
CM_API bool cm_pixel_predict(CmContext *ctx, const CmModel *model, CmImage *image, CmImage **labels,
                             CmImage **probabilities, CmError **err);

#endif
