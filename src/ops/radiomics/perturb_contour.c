#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/morphology/bits.h"
#include "ops/radiomics/perturb.h"
#include "ops/transform/warp.h"

#define AROUND 25.0     /* mm around the label that supervoxels are made of */
#define LEAST_VOXELS 20 /* of a supervoxel, and 250 mm3 */
#define LEAST_MM3 250.0
#define SURE 0.9
#define NEVER 0.2

typedef struct Job {
  CmContext *ctx;
  int64_t first[3], size[3]; /* of the part that is looked at */
  CmImage *part;             /* of the image, f32 */
  CmImage *pieces;
  uint8_t *in; /* of the part: voxels of the label */
} Job;

static int64_t part_voxels(const Job *job) {
  return job->size[0] * job->size[1] * job->size[2];
}

static bool cut_part(Job *job, const CmImage *image, const CmLabelBox *box, CmError **err) {
  CmGeometry geometry = *cm_image_geometry(image);
  for (int k = 0; k < 3; k++) {
    const int64_t n = cm_image_dims(image)[k], margin = (int64_t)fmin(ceil(AROUND / geometry.spacing[k]), (double)n);
    const int64_t last = box->box_max[k] + margin < n ? box->box_max[k] + margin : n - 1;
    job->first[k] = box->box_min[k] > margin ? box->box_min[k] - margin : 0;
    job->size[k] = last - job->first[k] + 1;
  }
  const double corner[3] = {(double)job->first[0], (double)job->first[1], (double)job->first[2]};
  cm_geometry_to_physical(cm_image_geometry(image), corner, geometry.origin);
  job->part = cm__resample_to(job->ctx, image, &geometry, job->size, CM_INTERPOLATE_NEAREST, 0.0, CM_F32, err);
  job->in = job->part ? cm_alloc(job->ctx, (size_t)part_voxels(job), err) : NULL;
  return job->in != NULL;
}

/* A row of the part in the whole volume. */
static int64_t row_in_whole(const Job *job, const int64_t *dims, int64_t row) {
  const int64_t y = job->first[1] + row % job->size[1], z = job->first[2] + row / job->size[1];
  return (z * dims[1] + y) * dims[0] + job->first[0];
}

static void mark_label(Job *job, const CmImage *labels, int32_t value) {
  const int32_t *label = cm_image_data(labels);
  for (int64_t row = 0; row < job->size[1] * job->size[2]; row++) {
    const int32_t *from = label + row_in_whole(job, cm_image_dims(labels), row);
    for (int64_t x = 0; x < job->size[0]; x++) job->in[row * job->size[0] + x] = from[x] == value;
  }
}

/* Intensities beyond the range say nothing about borders. */
static void clip_part(Job *job, const double range[2]) {
  float *v = cm_image_data_mut(job->part);
  const float low = (float)fmax(range[0], -FLT_MAX), high = (float)fmin(range[1], FLT_MAX);
  for (int64_t k = 0; k < part_voxels(job); k++) v[k] = v[k] == v[k] ? fminf(fmaxf(v[k], low), high) : 0.0F;
}

static bool make_pieces(Job *job, CmError **err) {
  const double *spacing = cm_image_geometry(job->part)->spacing;
  const double each = fmax(LEAST_VOXELS, LEAST_MM3 / (spacing[0] * spacing[1] * spacing[2]));
  char words[96];
  snprintf(words, sizeof words, "sigma=%.17g units=mm", fmin(fmin(spacing[0], spacing[1]), spacing[2]));
  CmImage *smooth = cm_op_apply(job->ctx, "gaussian", words, job->part, err);
  snprintf(words, sizeof words, "n_segments=%.0f compactness=0.05 search=2 units=mm",
           fmax(1.0, floor((double)part_voxels(job) / each)));
  CmImage *pieces = smooth ? cm_op_apply(job->ctx, "slic", words, smooth, err) : NULL;
  job->pieces = pieces ? cm_image_convert(job->ctx, pieces, CM_I32, false, err) : NULL;
  cm_image_unref(&pieces);
  cm_image_unref(&smooth);
  return job->pieces != NULL;
}

/* Whether each piece is in: by lot, with the probability of its share in the label. */
static bool draw(Job *job, uint64_t key, CmError **err) {
  const int32_t *piece = cm_image_data(job->pieces);
  int32_t most = 0, best = 0;
  double largest = -1.0;
  for (int64_t k = 0; k < part_voxels(job); k++) most = piece[k] > most ? piece[k] : most;
  int64_t *count = cm_calloc(job->ctx, 2 * ((size_t)most + 1), sizeof *count, err), *inside = count + most + 1;
  if (!count) return false;
  for (int64_t k = 0; k < part_voxels(job); k++) {
    count[piece[k]]++;
    inside[piece[k]] += job->in[k];
  }
  for (int32_t p = 0; p <= most; p++) {
    const double share = count[p] ? (double)inside[p] / (double)count[p] : 0.0;
    if (share > largest) {
      largest = share;
      best = p;
    }
    const double lot = (double)(rng_at(key, (uint64_t)p) >> 11) * 0x1p-53;
    count[p] = share >= SURE || (share >= NEVER && lot < share);
  }
  count[best] = 1;
  for (int64_t k = 0; k < part_voxels(job); k++) job->in[k] = (uint8_t)count[piece[k]];
  cm_free(count);
  return true;
}

/* Gaps between the pieces that are one voxel wide are closed. */
static CmImage *close_gaps(Job *job, CmError **err) {
  const double radii[3] = {1, 1, 1};
  CmImage *mask = cm_image_create(job->ctx, CM_U8, 3, job->size, 1, err), *closed = NULL;
  if (mask) {
    memcpy(cm_image_data_mut(mask), job->in, (size_t)part_voxels(job));
    closed = cm__morph_mask(job->ctx, mask, CM_MORPH_CLOSE, CM_SHAPE_CROSS, radii, err);
  }
  cm_image_unref(&mask);
  return closed;
}

/* Other labels keep their voxels. */
static void put_label(const Job *job, const CmImage *mask, CmImage *labels, int32_t value) {
  const uint8_t *in = cm_image_data(mask);
  int32_t *label = cm_image_data_mut(labels);
  for (int64_t row = 0; row < job->size[1] * job->size[2]; row++) {
    int32_t *to = label + row_in_whole(job, cm_image_dims(labels), row);
    for (int64_t x = 0; x < job->size[0]; x++)
      if (to[x] == value || to[x] == 0) to[x] = in[row * job->size[0] + x] ? value : 0;
  }
}

bool cm__perturb_contour(CmContext *ctx, const CmImage *image, CmImage *labels, const CmLabelBox *box,
                         const double range[2], uint64_t seed, CmError **err) {
  const int32_t value = (int32_t)box->value;
  Job job = {.ctx = ctx};
  bool good = cut_part(&job, image, box, err);
  if (good) {
    mark_label(&job, labels, value);
    clip_part(&job, range);
    good = make_pieces(&job, err) &&
           draw(&job, rng_stream(rng_mix(seed) ^ (uint64_t)box->value, CM__PERTURB_CONTOUR).key, err);
  }
  CmImage *mask = good ? close_gaps(&job, err) : NULL;
  if (mask) put_label(&job, mask, labels, value);
  good = mask != NULL;
  cm_image_unref(&mask);
  cm_image_unref(&job.part);
  cm_image_unref(&job.pieces);
  cm_free(job.in);
  return good;
}
