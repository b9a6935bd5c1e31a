#include <math.h>
#include <string.h>

#include "ops/exp.h"
#include "ops/segment/cluster.h"
#include "ops/simd.h"

typedef struct FuzzyParams {
  int64_t classes;
  double m;
  CmReals initial;
  int64_t seed, max_iterations;
  double tolerance;
  bool standardize;
  int32_t per;
} FuzzyParams;

static const CmParam params[] = {
    CM_PARAM_INT(FuzzyParams, classes, 3, 1, 255, "1", "into how many classes the voxels are shared out"),
    CM_PARAM_REAL(FuzzyParams, m, 2.0, 1.01, 100, "1", "fuzziness: towards 1 memberships become 0 and 1"),
    CM_PARAM_REALS(FuzzyParams, initial, "", -1e30, 1e30, 0, 64, "",
                   "centroids to start from: the components of the first, of the second ...; empty: those of k-means"),
    CM_PARAM_INT(FuzzyParams, seed, 0, 0, 9007199254740991, "1", "of the k-means that it starts from"),
    CM_PARAM_INT(FuzzyParams, max_iterations, 300, 0, 100000, "1", "most steps"),
    CM_PARAM_REAL(FuzzyParams, tolerance, 1e-4, 0, 1, "1",
                  "ends where the squared shifts of the centroids add up to at most this, in mean variances"),
    CM_PARAM_BOOL(FuzzyParams, standardize, "false", "bring each component to mean 0 and variance 1 before"),
    CM_PARAM_ENUM(FuzzyParams, per, CM_SCOPE_CHOICES, "image",
                  "what gets its own classes: the image, each time point, or each slice"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "intensities, or features as components"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels",
     .kind = CM_KIND_LABELS,
     .help = "u8: 1 for the class with the lowest centroid, 2 ...; 0 outside"},
    {.name = "memberships",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .components = true,
     .help = "f32, a component a class, which add up to 1; 0 outside"},
    {.name = "centroids",
     .kind = CM_KIND_TABLE,
     .optional = true,
     .help = "part, class, voxels, share of the objective and centroid"},
};

/* ---- memberships of a block ------------------------------------------------------------------------------------ */

enum { B = CM_SAMPLE_BLOCK };

typedef struct Fuzzy {
  int64_t classes, features;
  double m;
  const double *centre;
} Fuzzy;

CM_SIMD static void add_squares(const double *v, double centre, int64_t n, double *to) {
  for (int64_t i = 0; i < n; i++) to[i] += (v[i] - centre) * (v[i] - centre);
}

CM_SIMD static void to_logarithm(double *v, double factor, int64_t n) {
  for (int64_t i = 0; i < n; i++) v[i] = cm__log(v[i]) * factor;
}

CM_SIMD static void keep_least(const double *v, int64_t n, double number, double *least, double *label) {
  for (int64_t i = 0; i < n; i++) {
    const bool better = v[i] < least[i]; /* the first of equals */
    label[i] = better ? number : label[i];
    least[i] = better ? v[i] : least[i];
  }
}

CM_SIMD static void add_power(const double *v, const double *least, int64_t n, double *sum) {
  for (int64_t i = 0; i < n; i++) sum[i] += cm__exp(least[i] - v[i]);
}

CM_SIMD static void add_logarithm(const double *sum, int64_t n, double *least) {
  for (int64_t i = 0; i < n; i++) least[i] -= cm__log(sum[i]);
}

/* The membership to a power: 1 or m. */
CM_SIMD static void to_membership(double *v, const double *base, double power, int64_t n) {
  for (int64_t i = 0; i < n; i++) v[i] = cm__exp(power * (base[i] - v[i]));
}

/* With m = 2 memberships are inverse squares: no logarithm is needed. */
CM_SIMD static void to_nearness(const double *least, int64_t n, double *v, double *sum) {
  for (int64_t i = 0; i < n; i++) {
    v[i] = least[i] / v[i]; /* at most 1 */
    sum[i] += v[i];
  }
}

CM_SIMD static void to_share(const double *by, bool squared, int64_t n, double *v) {
  if (squared)
    for (int64_t i = 0; i < n; i++) v[i] = v[i] * by[i] * (v[i] * by[i]);
  else
    for (int64_t i = 0; i < n; i++) v[i] *= by[i];
}

CM_SIMD static void invert(int64_t n, double *v) {
  for (int64_t i = 0; i < n; i++) v[i] = 1.0 / v[i];
}

/* A voxel on a centroid counts as 1e-150 away from it: all of it belongs there. */
CM_SIMD static void keep_apart(int64_t n, double *v) {
  for (int64_t i = 0; i < n; i++) v[i] = v[i] > 1e-300 ? v[i] : 1e-300;
}

/* share[k * B + i]: membership to the power; label: the nearest class. */
static void find_shares(const Fuzzy *f, const CmSampleBlock *block, double power, double *share, double *label) {
  const int64_t n = block->padded;
  double least[B], sum[B];
  for (int64_t i = 0; i < n; i++) {
    least[i] = INFINITY;
    sum[i] = label[i] = 0.0;
  }
  memset(share, 0, (size_t)(f->classes * B) * sizeof(double));
  for (int64_t k = 0; k < f->classes; k++) {
    for (int64_t a = 0; a < f->features; a++)
      add_squares(block->plane + a * B, f->centre[k * f->features + a], n, share + k * B);
    keep_apart(n, share + k * B);
    if (f->m != 2.0) to_logarithm(share + k * B, 1.0 / (f->m - 1.0), n);
    keep_least(share + k * B, n, (double)k, least, label);
  }
  if (f->m == 2.0) {
    for (int64_t k = 0; k < f->classes; k++) to_nearness(least, n, share + k * B, sum);
    invert(n, sum);
    for (int64_t k = 0; k < f->classes; k++) to_share(sum, power == 2.0, n, share + k * B);
    return;
  }
  for (int64_t k = 0; k < f->classes; k++) add_power(share + k * B, least, n, sum);
  add_logarithm(sum, n, least);
  for (int64_t k = 0; k < f->classes; k++) to_membership(share + k * B, least, power, n);
}

/* ---- steps ----------------------------------------------------------------------------------------------------- */

enum { LANES = CM_SAMPLE_LANES };

static double add_lanes(const double lane[LANES]) {
  double sum = 0.0;
  for (int k = 0; k < LANES; k++) sum += lane[k];
  return sum;
}

/* Weights of a class; adds them, and those of the voxels that are nearest to it. */
CM_SIMD static void weigh(const double *share, const double *weight, const double *label, double number, int64_t n,
                          double *weighted, double *sum) {
  double all[LANES] = {0}, own[LANES] = {0}, nearest[B];
  for (int64_t i = 0; i < n; i++) {
    const double whole = weight[i];
    weighted[i] = share[i] * whole;
    nearest[i] = label[i] == number ? whole : 0.0;
  }
  for (int64_t i = 0; i < n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      all[k] += weighted[i + k];
      own[k] += nearest[i + k];
    }
  sum[0] += add_lanes(all);
  sum[1] += add_lanes(own);
}

/* Weighted distances from the centroid along a feature, and their squares. */
CM_SIMD static void add_distances(const double *v, double centre, const double *weighted, int64_t n, double *first,
                                  double *second) {
  double once[LANES] = {0}, twice[LANES] = {0};
  for (int64_t i = 0; i < n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double away = v[i + k] - centre;
      once[k] += weighted[i + k] * away;
      twice[k] += weighted[i + k] * away * away;
    }
  *first += add_lanes(once);
  *second += add_lanes(twice);
}

/* sum[class]: weight, voxels that are nearest, objective, weighted distances from the centroid */
static void step_block(void *arg, const CmSampleBlock *block, double *scratch, double *sum) {
  const Fuzzy *f = arg;
  const int64_t n = block->padded;
  double *share = scratch, *label = share + f->classes * B, weighted[B];
  find_shares(f, block, f->m, share, label);
  for (int64_t k = 0; k < f->classes; k++, sum += 3 + f->features) {
    weigh(share + k * B, block->weight, label, (double)k, n, weighted, sum);
    for (int64_t a = 0; a < f->features; a++)
      add_distances(block->plane + a * B, f->centre[k * f->features + a], weighted, n, sum + 3 + a, sum + 2);
  }
}

/* From the centroids in c until they rest; count and within (the objective's shares) belong to them. */
static bool iterate(const CmSamples *s, const FuzzyParams *p, CmClusters *c, double *sum, CmError **err) {
  const int64_t d = c->features, size = 3 + d;
  Fuzzy job = {.classes = c->classes, .features = d, .m = p->m, .centre = c->centre};
  double spread = 0.0;
  bool resting = false;
  for (int64_t a = 0; a < d; a++) spread += s->variance[a] / (double)d;
  for (int64_t at = 0;; at++) {
    if (!cm__samples_sum(s, "fuzzy c-means", step_block, &job, (c->classes + 1) * B, c->classes * size, sum, err))
      return false;
    if (resting || at == p->max_iterations) break;
    double shift = 0.0;
    for (int64_t k = 0; k < c->classes; k++)
      for (int64_t a = 0; sum[k * size] > 0.0 && a < d; a++) {
        const double step = sum[k * size + 3 + a] / sum[k * size];
        shift += step * step;
        c->centre[k * d + a] += step;
      }
    resting = shift <= p->tolerance * spread;
  }
  for (int64_t k = 0; k < c->classes; k++) {
    c->count[k] = sum[k * size + 1];
    c->within[k] = sum[k * size + 2];
  }
  return true;
}

static void paint_block(void *arg, const CmSampleBlock *block, double *scratch, double *sum) {
  (void)sum;
  find_shares(arg, block, 1.0, scratch + B, scratch);
  for (int64_t i = 0; i < block->n; i++) scratch[i] += 1.0;
}

static bool do_samples(const CmSamples *s, const FuzzyParams *p, CmClusters *c, CmImage *labels, CmImage *maps,
                       CmError **err) {
  CmKmeans start = cm__kmeans_options(p->classes);
  start.seed = (uint64_t)p->seed;
  if (p->initial.count) {
    start.initial = p->initial.value;
    start.max_iterations = 0;
  }
  if (!cm__kmeans(s, &start, c, err)) return false;
  double *sum = cm_alloc_array(s->ctx, (size_t)(c->classes * (3 + c->features)), sizeof(double), err);
  bool ok = sum && iterate(s, p, c, sum, err);
  cm_free(sum);
  if (!ok) return false;
  cm__clusters_sort(c);
  Fuzzy job = {.classes = c->classes, .features = c->features, .m = p->m, .centre = c->centre};
  return cm__samples_paint(s, "fuzzy c-means", paint_block, &job, c->classes, 0, labels, maps, err);
}

static bool do_part(const CmCall *call, const CmPart *part, int64_t number, CmImage *labels, CmImage *maps,
                    CmClassTable *table, CmError **err) {
  static const char *const columns[] = {"objective"};
  const FuzzyParams *p = call->params;
  CmSamples samples;
  CmClusters clusters = {.classes = 0};
  bool ok = cm__samples_open(call->ctx, part, p->standardize, &samples, err) &&
            do_samples(&samples, p, &clusters, labels, maps, err);
  if (ok && !table->table) ok = cm__class_table_open(call->ctx, (CmScope)p->per, part->image, columns, 1, table, err);
  for (int64_t k = 0; ok && k < clusters.classes; k++)
    ok = cm__class_table_add(table, number, k, clusters.count[k], &clusters.within[k], 1, &samples,
                             clusters.centre + k * clusters.features, err) >= 0;
  cm__samples_free(&samples);
  cm__clusters_free(&clusters);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const FuzzyParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  const int64_t parts = cm__part_count(&grid, (CmScope)p->per, false);
  CmMask mask;
  CmImage *labels = NULL, *maps = NULL;
  CmClassTable table = {.table = NULL};
  bool ok = false;
  if (!cm__initial_check(&p->initial, p->classes, grid.components, err) ||
      !cm__mask_open(&mask, &call->in[1], image, err))
    return false;
  labels = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (!labels || !cm_image_set_unit(labels, "1", err)) goto done;
  if (call->wanted[1]) {
    maps = cm_image_create_like(call->ctx, image, CM_F32, (int)p->classes, err);
    if (!maps || !cm_image_set_unit(maps, "1", err)) goto done;
  }
  for (int64_t k = 0; k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &grid, (CmScope)p->per, false, k);
    if (!do_part(call, &part, k, labels, maps, &table, err)) goto done;
  }
  call->out[0] = cm_value_labels(cm_image_ref(labels));
  if (maps) call->out[1] = cm_value_image(cm_image_ref(maps));
  if (call->wanted[2]) call->out[2] = cm_value_table(cm_table_ref(table.table));
  ok = true;
done:
  cm_image_unref(&labels);
  cm_image_unref(&maps);
  cm_table_unref(&table.table);
  return ok;
}

CM_OP(fuzzy_cmeans) = {
    .name = "fuzzy_cmeans",
    .family = "segment",
    .since = "0.2",
    .summary = "Share voxels out to classes around centroids, by fuzzy c-means.",
    .details =
        "Bezdek's iteration: voxel i belongs to class k by u_ik = 1 / sum_j (d_ik / d_ij)^(2 / (m - 1)), d the "
        "Euclidean distance to the centroid over all components together; the centroid is the mean of the voxels "
        "weighted with u_ik^m; until the centroids rest. The objective sum u_ik^m d_ik^2 falls with each step; the "
        "table tells each class' share of it. A voxel on a centroid belongs to it alone (to all that lie there, "
        "equally). The label is the class with the largest membership, the first of equals; classes are numbered by "
        "their centroids: rising in the first component, then the second. Integers of one component are counted once. "
        "Voxels outside the mask, and those with a component that is NaN, take no part and get 0. Infinite values, and "
        "fewer different voxels than classes, are errors.",
    CM_OP_PARAMS(FuzzyParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Bezdek JC, Ehrlich R, Full W. FCM: the fuzzy c-means clustering algorithm. Comput Geosci 10(2-3), 1984",
    .examples =
        "cormack fuzzy_cmeans t1.nii.gz tissues.nii.gz --classes 3 --mask brain.nii.gz --memberships maps.nii.gz\n"
        "cormack fuzzy_cmeans mammogram.png regions.png --classes 4 --m 1.5",
    .run = run,
};
