#include "ops/segment/cluster.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/phantom/random.h"
#include "ops/simd.h"

enum { B = CM_SAMPLE_BLOCK, LANES = CM_SAMPLE_LANES };

CmKmeans cm__kmeans_options(int64_t classes) {
  return (CmKmeans){.classes = classes, .n_init = 1, .max_iterations = 300, .tolerance = 1e-4};
}

bool cm__initial_check(const CmReals *initial, int64_t classes, int64_t components, CmError **err) {
  if (!initial->count || initial->count == classes * components) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "initial has %d numbers; %lld classes of %lld components need %lld",
               initial->count, (long long)classes, (long long)components, (long long)(classes * components));
  return false;
}

typedef struct Lloyd {
  const CmSamples *s;
  int64_t classes; /* centres to look at */
  const double *centre;
} Lloyd;

/* Squared distance to a centre that is nearer than `least`; the class as a double, so that lanes are alike. */
CM_SIMD static void nearer(const double *plane, int64_t n, int64_t features, const double *centre, double number,
                           double *least, double *label) {
  double distance[B];
  for (int64_t f = 0; f < features; f++) {
    const double c = centre[f], *v = plane + f * B;
    if (f == 0)
      for (int64_t i = 0; i < n; i++) distance[i] = (v[i] - c) * (v[i] - c);
    else
      for (int64_t i = 0; i < n; i++) distance[i] += (v[i] - c) * (v[i] - c);
  }
  for (int64_t i = 0; i < n; i++) {
    const bool better = distance[i] < least[i]; /* the first of equally near classes */
    label[i] = better ? number : label[i];
    least[i] = better ? distance[i] : least[i];
  }
}

static void find_nearest(const Lloyd *job, const CmSampleBlock *block, double *least, double *label) {
  for (int64_t i = 0; i < block->padded; i++) {
    least[i] = INFINITY;
    label[i] = 0.0;
  }
  for (int64_t k = 0; k < job->classes; k++)
    nearer(block->plane, block->padded, job->s->features, job->centre + k * job->s->features, (double)k, least, label);
}

/* Adds count, squared distances and features of the samples of one class: sum[0], [1], [2 + f]. Lanes are added in
 * their order, whatever the machine. */
CM_SIMD static void add_class(const CmSampleBlock *block, int64_t features, double number, const double *label,
                              const double *least, double *sum) {
  double own[B], lane[LANES] = {0};
  const double *weight = block->weight;
  for (int64_t i = 0; i < block->padded; i++) {
    const double whole = weight[i]; /* loaded in any case: else this becomes a jump that nobody can foretell */
    own[i] = label[i] == number ? whole : 0.0;
  }
  for (int64_t i = 0; i < block->padded; i += LANES)
    for (int k = 0; k < LANES; k++) lane[k] += own[i + k];
  double count = 0.0;
  for (int k = 0; k < LANES; k++) count += lane[k];
  if (count == 0.0) return;
  sum[0] += count;
  for (int64_t f = -1; f < features; f++) {
    const double *v = f < 0 ? least : block->plane + f * B;
    for (int k = 0; k < LANES; k++) lane[k] = 0.0;
    for (int64_t i = 0; i < block->padded; i += LANES)
      for (int k = 0; k < LANES; k++) lane[k] += own[i + k] * v[i + k];
    for (int k = 0; k < LANES; k++) sum[2 + f] += lane[k];
  }
}

/* sum[class][2 + features] */
static void assign(void *arg, const CmSampleBlock *block, double *scratch, double *sum) {
  const Lloyd *job = arg;
  double *least = scratch, *label = scratch + B;
  find_nearest(job, block, least, label);
  for (int64_t k = 0; k < job->classes; k++)
    add_class(block, job->s->features, (double)k, label, least, sum + k * (2 + job->s->features));
}

static void score(void *arg, const CmSampleBlock *block, double *scratch, double *sum) {
  const Lloyd *job = arg;
  double label[B];
  (void)sum;
  find_nearest(job, block, scratch, label);
  for (int64_t i = 0; job->classes == 0 && i < block->n; i++) scratch[i] = 1.0;
}

static bool too_few(int64_t found, int64_t classes, CmError **err) {
  cm_error_set(err, CM_ERR_DATA, "there are only %lld different samples for %lld classes; give fewer classes",
               (long long)found, (long long)classes);
  return false;
}

/* A sample far from all centres so far; u as in cm__samples_pick(). */
static bool pick(const CmSamples *s, double *centre, int64_t known, int64_t classes, double u, CmError **err) {
  Lloyd job = {.s = s, .classes = known, .centre = centre};
  if (cm__samples_pick(s, score, &job, u, centre + known * s->features, err)) return true;
  return *err ? false : too_few(known, classes, err);
}

/* A class that lost all its samples starts again at the sample that is farthest from all centres. */
static bool fill_empty(const CmSamples *s, int64_t classes, const double *sum, double *centre, CmError **err) {
  const int64_t d = s->features, size = 2 + d;
  double *found = NULL;
  int64_t filled = 0;
  for (int64_t k = 0; k < classes; k++) filled += sum[k * size] > 0.0;
  if (filled == classes) return true;
  found = cm_alloc_array(s->ctx, (size_t)(classes * d), sizeof(double), err);
  if (!found) return false;
  filled = 0;
  for (int64_t k = 0; k < classes; k++)
    if (sum[k * size] > 0.0) memcpy(found + d * filled++, centre + k * d, (size_t)d * sizeof(double));
  bool ok = true;
  for (int64_t k = 0; ok && k < classes; k++) {
    if (sum[k * size] > 0.0) continue;
    ok = pick(s, found, filled, classes, -1.0, err);
    if (ok) memcpy(centre + k * d, found + d * filled++, (size_t)d * sizeof(double));
  }
  cm_free(found);
  return ok;
}

/* From the centres in c->centre until they rest; at the end count, within and inertia belong to the centres. */
static bool iterate(const CmSamples *s, const CmKmeans *options, CmClusters *c, double *sum, CmError **err) {
  const int64_t d = s->features, size = 2 + d;
  double spread = 0.0;
  for (int64_t f = 0; f < d; f++) spread += s->variance[f] / (double)d;
  Lloyd job = {.s = s, .classes = c->classes, .centre = c->centre};
  bool resting = false;
  for (c->iterations = 0;; c->iterations++) {
    if (!cm__samples_sum(s, "k-means", assign, &job, 2 * B, c->classes * size, sum, err)) return false;
    if (resting || c->iterations == options->max_iterations) break;
    double shift = 0.0;
    bool empty = false;
    for (int64_t k = 0; k < c->classes; k++) {
      const double *own = sum + k * size;
      empty = empty || own[0] == 0.0;
      for (int64_t f = 0; own[0] > 0.0 && f < d; f++) {
        const double mean = own[2 + f] / own[0], step = mean - c->centre[k * d + f];
        shift += step * step;
        c->centre[k * d + f] = mean;
      }
    }
    if (empty && !fill_empty(s, c->classes, sum, c->centre, err)) return false;
    resting = !empty && shift <= options->tolerance * spread;
  }
  c->inertia = 0.0;
  for (int64_t k = 0; k < c->classes; k++) {
    c->count[k] = sum[k * size];
    c->within[k] = sum[k * size + 1];
    c->inertia += c->within[k];
  }
  return true;
}

static bool start(const CmSamples *s, const CmKmeans *options, int64_t number, double *centre, CmError **err) {
  Rng rng = rng_stream(options->seed, (uint64_t)number);
  if (options->initial) {
    for (int64_t i = 0; i < options->classes * s->features; i++)
      centre[i] = (options->initial[i] - s->offset[i % s->features]) * s->scale[i % s->features];
    return true;
  }
  for (int64_t k = 0; k < options->classes; k++)
    if (!pick(s, centre, k, options->classes, rng_uniform(&rng), err)) return false;
  return true;
}

static int compare_centres(const CmClusters *c, int64_t a, int64_t b) {
  for (int64_t f = 0; f < c->features; f++) {
    const double u = c->centre[a * c->features + f], v = c->centre[b * c->features + f];
    if (u != v) return u < v ? -1 : 1;
  }
  return 0;
}

static void swap(double *a, double *b) {
  const double keep = *a;
  *a = *b;
  *b = keep;
}

/* By insertion: there are few, and equal ones keep their order. */
void cm__clusters_sort(CmClusters *c) {
  for (int64_t k = 1; k < c->classes; k++)
    for (int64_t at = k; at > 0 && compare_centres(c, at - 1, at) > 0; at--) {
      for (int64_t f = 0; f < c->features; f++)
        swap(&c->centre[(at - 1) * c->features + f], &c->centre[at * c->features + f]);
      swap(&c->count[at - 1], &c->count[at]);
      swap(&c->within[at - 1], &c->within[at]);
    }
}

static bool clusters_open(const CmSamples *s, int64_t classes, CmClusters *c, CmError **err) {
  size_t values;
  *c = (CmClusters){.classes = classes, .features = s->features};
  if (!cm_size_multiply((size_t)classes, (size_t)s->features + 2, &values, err)) return false;
  c->centre = cm_alloc_array(s->ctx, values, sizeof(double), err);
  if (!c->centre) return false;
  c->count = c->centre + classes * s->features;
  c->within = c->count + classes;
  return true;
}

void cm__clusters_free(CmClusters *c) {
  cm_free(c->centre);
  *c = (CmClusters){.classes = 0};
}

bool cm__kmeans(const CmSamples *s, const CmKmeans *options, CmClusters *best, CmError **err) {
  CmClusters now = {.classes = 0};
  double *sum = NULL;
  bool ok = false;
  *best = now;
  if (s->count < (double)options->classes) return too_few((int64_t)s->count, options->classes, err);
  sum = cm_alloc_array(s->ctx, (size_t)(options->classes * (2 + s->features)), sizeof(double), err);
  if (!sum || !clusters_open(s, options->classes, best, err) || !clusters_open(s, options->classes, &now, err))
    goto done;
  best->inertia = INFINITY;
  for (int64_t k = 0; k < (options->initial ? 1 : options->n_init); k++) {
    if (!start(s, options, k, now.centre, err) || !iterate(s, options, &now, sum, err)) goto done;
    if (k > 0 && now.inertia >= best->inertia) continue;
    const CmClusters spare = *best;
    *best = now;
    now = spare;
  }
  cm__clusters_sort(best);
  ok = true;
done:
  cm_free(sum);
  cm__clusters_free(&now);
  if (!ok) cm__clusters_free(best);
  return ok;
}

static void label_block(void *arg, const CmSampleBlock *block, double *scratch, double *sum) {
  double least[B];
  (void)sum;
  find_nearest(arg, block, least, scratch);
  for (int64_t i = 0; i < block->n; i++) scratch[i] += 1.0;
}

bool cm__clusters_paint(const CmSamples *s, const CmClusters *c, CmImage *labels, CmError **err) {
  Lloyd job = {.s = s, .classes = c->classes, .centre = c->centre};
  return cm__samples_paint(s, "k-means", label_block, &job, 0, 0, labels, NULL, err);
}

CmImage *cm__kmeans_image(CmContext *ctx, const CmImage *image, const CmMask *mask, bool standardize,
                          const CmKmeans *options, CmError **err) {
  const CmPart part = {.image = image, .mask = mask, .row_end = cm__grid(image).rows, .component = -1};
  CmSamples samples;
  CmClusters clusters = {.classes = 0};
  CmImage *labels = NULL;
  if (!cm__samples_open(ctx, &part, standardize, &samples, err) || !cm__kmeans(&samples, options, &clusters, err))
    goto done;
  labels = cm_image_create_like(ctx, image, CM_U8, 1, err);
  if (labels && (!cm_image_set_unit(labels, "1", err) || !cm__clusters_paint(&samples, &clusters, labels, err)))
    cm_image_unref(&labels);
done:
  cm__samples_free(&samples);
  cm__clusters_free(&clusters);
  return labels;
}

/* ---- table ----------------------------------------------------------------------------------------------------- */

bool cm__class_table_open(CmContext *ctx, CmScope scope, const CmImage *image, const char *const *columns, int count,
                          CmClassTable *table, CmError **err) {
  const CmGrid grid = cm__grid(image);
  *table = (CmClassTable){.scope = scope, .nz = grid.nz, .first = 4 + count, .features = grid.components};
  table->table = cm_table_create(ctx, err);
  if (!table->table || cm_table_add_column(table->table, "t", CM_COLUMN_INT, "", err) < 0 ||
      cm_table_add_column(table->table, "z", CM_COLUMN_INT, "", err) < 0 ||
      cm_table_add_column(table->table, "class", CM_COLUMN_INT, "", err) < 0 ||
      cm_table_add_column(table->table, "voxels", CM_COLUMN_REAL, "", err) < 0)
    goto error;
  for (int k = 0; k < count; k++)
    if (cm_table_add_column(table->table, columns[k], CM_COLUMN_REAL, "", err) < 0) goto error;
  for (int64_t f = 0; f < grid.components; f++) {
    char name[32];
    snprintf(name, sizeof(name), grid.components == 1 ? "mean" : "mean_%lld", (long long)f + 1);
    if (cm_table_add_column(table->table, name, CM_COLUMN_REAL, cm_image_unit(image), err) < 0) goto error;
  }
  return true;
error:
  cm_table_unref(&table->table);
  return false;
}

int64_t cm__class_table_add(CmClassTable *table, int64_t part, int64_t k, double voxels, const double *values,
                            int count, const CmSamples *s, const double *centre, CmError **err) {
  const int64_t row = cm_table_add_row(table->table, err);
  if (row < 0) return -1;
  if (table->scope == CM_SCOPE_TIME) cm_table_set_int(table->table, row, 0, part);
  if (table->scope == CM_SCOPE_SLICE) {
    cm_table_set_int(table->table, row, 0, part / table->nz);
    cm_table_set_int(table->table, row, 1, part % table->nz);
  }
  cm_table_set_int(table->table, row, 2, k + 1);
  cm_table_set_real(table->table, row, 3, voxels);
  for (int at = 0; at < count; at++) cm_table_set_real(table->table, row, 4 + at, values[at]);
  for (int64_t f = 0; f < s->features; f++)
    cm_table_set_real(table->table, row, table->first + (int)f, centre[f] / s->scale[f] + s->offset[f]);
  return row;
}
