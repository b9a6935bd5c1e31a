/* The description of CmPixelParams, for itself and for commands whose options hold one. */
#ifndef CORMACK_LEARN_PIXELS_PARAMS_H
#define CORMACK_LEARN_PIXELS_PARAMS_H

#include "cormack/pixels.h"

/* in: nothing where S is CmPixelParams, «member.» where it is a member of S. */
#define CM__PIXEL_PARAMS(S, in)                                                                                    \
  {.name = "samples",                                                                                              \
   .type = CM_INT,                                                                                                 \
   .offset = offsetof(S, in samples),                                                                              \
   .initial = "5000",                                                                                              \
   .min = 1,                                                                                                       \
   .max = 1e8,                                                                                                     \
   .unit = "",                                                                                                     \
   .help = "voxels that are drawn of each class in each image, at most"},                                          \
      {.name = "balance",                                                                                          \
       .type = CM_BOOL,                                                                                            \
       .offset = offsetof(S, in balance),                                                                          \
       .initial = "false",                                                                                         \
       .unit = "",                                                                                                 \
       .help = "draw as many of each class of an image as of its rarest one"},                                     \
      {.name = "background",                                                                                       \
       .type = CM_BOOL,                                                                                            \
       .offset = offsetof(S, in background),                                                                       \
       .initial = "false",                                                                                         \
       .unit = "",                                                                                                 \
       .help = "label 0 is a class of its own, as in masks; else such voxels are not labelled"},                   \
      {.name = "units",                                                                                            \
       .type = CM_ENUM,                                                                                            \
       .offset = offsetof(S, in units),                                                                            \
       .initial = "mm",                                                                                            \
       .choices = "mm|voxel",                                                                                      \
       .unit = "",                                                                                                 \
       .help = "what the sizes of filters are given in where their words do not say"},                             \
      {.name = "folds",                                                                                            \
       .type = CM_INT,                                                                                             \
       .offset = offsetof(S, in folds),                                                                            \
       .initial = "5",                                                                                             \
       .max = 100,                                                                                                 \
       .unit = "",                                                                                                 \
       .help = "of the judgement by voxels of images, or parts of one, not trained on; 0: none"},                  \
  {                                                                                                                \
    .name = "seed", .type = CM_INT, .offset = offsetof(S, in seed), .initial = "0", .max = 2147483647, .unit = "", \
    .help = "of the draw and the folds"                                                                            \
  }

#endif
