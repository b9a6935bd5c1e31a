/* The inside of an image, for the core's own files. */
#ifndef CORE_IMAGE_PRIV_H
#define CORE_IMAGE_PRIV_H

#include <stdatomic.h>

#include "cormack/image.h"

typedef struct CmVoxels {
  atomic_int references;
  void *data;
  void (*release)(void *user);
  void *user;
} CmVoxels;

typedef struct CmMeta {
  char *key, *value;
} CmMeta;

typedef struct CmLabelWords {
  int64_t value;
  char *name;
  uint8_t rgb[3];
} CmLabelWords;

struct CmImage {
  CmContext *ctx;
  atomic_int references;
  CmType type;
  int rank, components;
  int64_t dims[4];
  size_t bytes;
  CmGeometry geometry;
  CmVoxels *voxels;
  char *unit; /* NULL: "1" */
  CmMeta *meta;
  int meta_count, meta_room;
  CmLabelWords *labels; /* sorted by value */
  int label_count, label_room;
};

/* image_words.c: releases unit, metadata and labels. */
void cm__image_free_words(CmImage *image);

#endif
