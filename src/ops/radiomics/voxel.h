/* Features of the neighbourhood of every voxel: PyRadiomics' voxel-based extraction. A window of 2 r + 1 voxels along
 * each axis slides along x: planes of voxels enter and leave it, and with them the pairs, runs and dependences that are
 * counted. Every row of voxels begins with an empty window, so that the bits do not depend on the threads. */
#ifndef CM_OPS_RADIOMICS_VOXEL_H
#define CM_OPS_RADIOMICS_VOXEL_H

#include "ops/radiomics/pyrad_sizes.h"

enum {
  CM__WINDOW_MOST = 32767,  /* voxels: what is counted of them fits into 16 bits */
  CM__NO_SLOT = UINT16_MAX, /* of what lies outside */
};

/* What all windows read. Places are those of a box with a margin of the radius around the view's. */
typedef struct CmVoxelField {
  CmContext *ctx;
  const CmPyradView *view;
  int64_t radius[3];
  int64_t size[3]; /* of the window */
  int64_t voxels;  /* most in the window */
  int64_t n[3], step[3];
  uint16_t *level;        /* as the view's: 1 .. present, 0 outside */
  CmPyradAngles near;     /* to the next voxels, dx >= 0 */
  CmPyradAngles distant;  /* of glcm, ngtdm and gldm, dx >= 0 */
  bool *turned;           /* of each distant: it is the negative of PyRadiomics' */
  double *bits;           /* log2 of 0 (0), 1 .. 2 voxels */
  double *inverse_square; /* of 0 (0), 1 .. voxels */
  int slots, slot_bits;   /* levels that a window can hold at once: a power of 2 */
} CmVoxelField;

/* One window. Levels that occur in it have a slot, a small number. */
typedef struct CmWindow {
  const CmVoxelField *field;
  int64_t x[2], y[2], z[2]; /* planes and rows that are inside, first and last; empty: x[1] < x[0] */
  uint16_t *slot_of;        /* of each level */
  int *value;               /* of each slot: the number of its level */
  int64_t *count;           /* voxels of each slot */
  uint16_t *spare;          /* slots that are free */
  int spares;
  int64_t voxels; /* inside */
} CmWindow;

bool cm__field_open(CmContext *ctx, const CmPyradView *view, const int64_t radius[3], CmVoxelField *field,
                    CmError **err);
void cm__field_close(CmVoxelField *field);

/* One class of features over one window. Functions but open, tell and close may be NULL. */
typedef struct CmVoxelClass {
  void *(*open)(const CmWindow *window, CmError **err); /* NULL: failed */
  void (*clear)(void *state);                           /* nothing is inside */
  void (*enter)(void *state, int64_t x);                /* of plane x, the last: its voxels have slots */
  void (*leave)(void *state, int64_t x);                /* of plane x, the first: its voxels still have slots */
  void (*tell)(void *state, double out[CM__PYRAD_MOST]);
  void (*close)(void *state);
} CmVoxelClass;
extern const CmVoxelClass cm__voxel_firstorder, cm__voxel_glcm, cm__voxel_glrlm, cm__voxel_glszm, cm__voxel_ngtdm,
    cm__voxel_gldm;

/* f32, a component per wanted feature in the order of the classes: `to` holds `components` numbers for each voxel of
 * mask (a box of `size`, whose first voxel lies at `offset` in the box of the view); what is 0 in mask is left alone.
 */
typedef struct CmVoxelJob {
  const CmPyradView *view;
  const uint8_t *mask;
  int64_t size[3], offset[3];
  int64_t radius;
  uint32_t wanted[CM__PYRAD_CLASSES];
  float *to;
  int64_t step[3]; /* between voxels in `to`, in numbers */
} CmVoxelJob;
bool cm__voxel_features(CmContext *ctx, const CmVoxelJob *job, CmError **err);

static inline int64_t cm__field_at(const CmVoxelField *field, int64_t x, int64_t y, int64_t z) {
  return x + y * field->step[1] + z * field->step[2];
}
static inline uint16_t cm__slot_at(const CmWindow *window, int64_t at) {
  return window->slot_of[window->field->level[at]];
}

/* ---- counts of what occurs ---- */

/* Counts by key, and a list of the keys whose count is not 0. */
typedef struct CmTally {
  uint16_t (*at)[2]; /* of each key: its count, and its place in the list */
  uint32_t *key;
  int keys;
} CmTally;
/* keys: 0 .. keys - 1, of which at most CM__WINDOW_MOST occur at once. */
bool cm__tally_open(CmContext *ctx, int64_t keys, int64_t most, CmTally *tally, CmError **err);
void cm__tally_clear(CmTally *tally);
void cm__tally_close(CmTally *tally);

static inline void cm__tally_add(CmTally *tally, uint32_t key) {
  if (tally->at[key][0]++ > 0) return;
  tally->at[key][1] = (uint16_t)tally->keys;
  tally->key[tally->keys++] = key;
}
static inline void cm__tally_remove(CmTally *tally, uint32_t key) {
  if (--tally->at[key][0] > 0) return;
  const uint32_t last = tally->key[--tally->keys];
  tally->key[tally->at[key][1]] = last;
  tally->at[last][1] = tally->at[key][1];
}

/* An entry of a matrix: of levels (as slots) by levels, or by sizes. */
typedef struct CmCell {
  uint16_t row, column;
  double count; /* may be weighted */
} CmCell;

/* The cells of one tally, or of several with weights. Keys are row << bits | column. */
typedef struct CmCells {
  CmCell *cell;
  int count, bits;
  double *sum; /* of each key; NULL: only one tally at a time */
} CmCells;
/* most: cells. keys: 0 where weights are not wanted. */
bool cm__cells_open(CmContext *ctx, int64_t most, int bits, int64_t keys, CmCells *cells, CmError **err);
void cm__cells_close(CmCells *cells);
void cm__cells_take(CmCells *cells, const CmTally *tally);
/* cm__cells_finish() after the last one. */
void cm__cells_add(CmCells *cells, const CmTally *tally, double weight);
void cm__cells_finish(CmCells *cells);

/* Scratch of cm__cell_emphases(): zeros, for each slot and each size. */
typedef struct CmSums {
  double *level, *size;
} CmSums;
bool cm__sums_open(const CmWindow *window, CmSums *sums, CmError **err);
void cm__sums_close(CmSums *sums);
/* cm__emphases() of cells of slot and size - 1, of which there is at least one. voxels: as there. */
void cm__cell_emphases(const CmWindow *window, const CmCells *cells, const CmSums *sums, double voxels,
                       double out[CM__EMPHASES]);

enum { CM__LANES = 16 }; /* 13 directions */
/* The largest magnitudes of the eigenvalues of symmetric matrices n x n side by side: the entry (i, j) of each stands
 * at (i * stride + j) * CM__LANES. Leaves zeros. work: 2 * stride * CM__LANES numbers. */
void cm__spectral_norms(double *matrix, int stride, int n, double *work, double norm[CM__LANES]);

#endif
