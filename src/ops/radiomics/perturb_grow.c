#include <math.h>
#include <stdlib.h>

#include "ops/radiomics/perturb.h"

/* A voxel that may be added or removed, and its lot. */
typedef struct Rim {
  uint64_t lot;
  int64_t at;
} Rim;

typedef struct Job {
  CmContext *ctx;
  int32_t *label;
  int64_t n[3], step[3];
  int32_t value, from, to; /* voxels `from` become `to` */
  uint64_t key;
  uint8_t *seen;
  Rim *rim;
  int64_t count, room;
} Job;

static int by_lot(const void *a, const void *b) {
  const Rim *x = a, *y = b;
  if (x->lot != y->lot) return x->lot < y->lot ? -1 : 1;
  return (x->at > y->at) - (x->at < y->at);
}

static bool add_to_rim(Job *job, int64_t at, CmError **err) {
  if (job->seen[at] || job->label[at] != job->from) return true;
  if (job->count == job->room) {
    const int64_t room = job->room ? 2 * job->room : 1024;
    Rim *grown = cm_realloc(job->ctx, job->rim, (size_t)room * sizeof *grown, err);
    if (!grown) return false;
    job->rim = grown;
    job->room = room;
  }
  job->seen[at] = 1;
  job->rim[job->count++] = (Rim){.lot = rng_at(job->key, (uint64_t)at), .at = at};
  return true;
}

/* Neighbours of a voxel by faces that are `from`. *outer: it has one that is not `value`, or the border. */
static bool look_around(Job *job, int64_t at, bool add, bool *outer, CmError **err) {
  const int64_t index[3] = {at % job->n[0], at / job->n[0] % job->n[1], at / job->step[2]};
  for (int k = 0; k < 3; k++) {
    if (job->n[k] == 1) continue;
    for (int side = -1; side <= 1; side += 2) {
      const bool within = index[k] + side >= 0 && index[k] + side < job->n[k];
      if (!within || job->label[at + side * job->step[k]] != job->value) *outer = true;
      if (within && add && !add_to_rim(job, at + side * job->step[k], err)) return false;
    }
  }
  return true;
}

/* The first layer: for growth what touches the label, else its voxels that touch something else. */
static bool first_layer(Job *job, const CmLabelBox *box, CmError **err) {
  for (int64_t z = box->box_min[2]; z <= box->box_max[2]; z++)
    for (int64_t y = box->box_min[1]; y <= box->box_max[1]; y++)
      for (int64_t x = box->box_min[0]; x <= box->box_max[0]; x++) {
        const int64_t at = x + y * job->step[1] + z * job->step[2];
        bool outer = false;
        if (job->label[at] != job->value) continue;
        if (!look_around(job, at, job->from == 0, &outer, err)) return false;
        if (job->from != 0 && outer && !add_to_rim(job, at, err)) return false;
      }
  return true;
}

/* Changes the first `wanted` of the layer, or all of it and finds the next. */
static bool change_layer(Job *job, int64_t wanted, CmError **err) {
  const int64_t count = job->count;
  bool unused = false;
  if (wanted < count) qsort(job->rim, (size_t)count, sizeof *job->rim, by_lot);
  for (int64_t k = 0; k < count && k < wanted; k++) job->label[job->rim[k].at] = job->to;
  if (wanted <= count) {
    job->count = 0;
    return true;
  }
  for (int64_t k = 0; k < count; k++)
    if (!look_around(job, job->rim[k].at, true, &unused, err)) return false;
  for (int64_t k = count; k < job->count; k++) job->rim[k - count] = job->rim[k];
  job->count -= count;
  return true;
}

bool cm__perturb_grow(CmContext *ctx, CmImage *labels, const CmLabelBox *box, double fraction, uint64_t seed,
                      CmError **err) {
  const int64_t *dims = cm_image_dims(labels);
  const int32_t value = (int32_t)box->value;
  const double goal = fmin(fmax(rint((double)box->voxels * (1.0 + fraction)), 1.0), (double)cm_image_voxels(labels));
  int64_t left = (int64_t)fabs(goal - (double)box->voxels);
  Job job = {.ctx = ctx,
             .label = cm_image_data_mut(labels),
             .n = {dims[0], dims[1], dims[2]},
             .step = {1, dims[0], dims[0] * dims[1]},
             .value = value,
             .from = fraction > 0.0 ? 0 : value,
             .to = fraction > 0.0 ? value : 0,
             .key = rng_stream(rng_mix(seed) ^ (uint64_t)box->value, CM__PERTURB_RIM).key};
  job.seen = cm_calloc(ctx, (size_t)cm_image_voxels(labels), 1, err);
  bool good = job.seen && first_layer(&job, box, err);
  while (good && left > 0 && job.count > 0) {
    const int64_t layer = job.count;
    good = !cm_context_cancelled(ctx, err) && change_layer(&job, left, err);
    left -= layer;
  }
  cm_free(job.seen);
  cm_free(job.rim);
  return good;
}
