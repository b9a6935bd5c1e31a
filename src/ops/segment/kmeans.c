#include "ops/segment/cluster.h"

typedef struct KmeansParams {
  int64_t classes;
  CmReals initial;
  int64_t seed, n_init, max_iterations;
  double tolerance;
  bool standardize;
  int32_t per;
} KmeansParams;

static const CmParam params[] = {
    CM_PARAM_INT(KmeansParams, classes, 3, 1, 255, "1", "into how many classes the voxels are cut"),
    CM_PARAM_REALS(KmeansParams, initial, "", -1e30, 1e30, 0, 64, "",
                   "centroids to start from: the components of the first, of the second ...; empty: k-means++"),
    CM_PARAM_INT(KmeansParams, seed, 0, 0, 9007199254740991, "1", "of the random starts"),
    CM_PARAM_INT(KmeansParams, n_init, 1, 1, 100, "1", "random starts, of which the best is kept"),
    CM_PARAM_INT(KmeansParams, max_iterations, 300, 0, 100000, "1", "most steps of a start"),
    CM_PARAM_REAL(KmeansParams, tolerance, 1e-4, 0, 1, "1",
                  "ends where the squared shifts of the centroids add up to at most this, in mean variances"),
    CM_PARAM_BOOL(KmeansParams, standardize, "false", "bring each component to mean 0 and variance 1 before"),
    CM_PARAM_ENUM(KmeansParams, per, CM_SCOPE_CHOICES, "image",
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
    {.name = "centroids",
     .kind = CM_KIND_TABLE,
     .optional = true,
     .help = "part, class, voxels, sum of squared distances and centroid"},
};

static bool do_part(const CmCall *call, const CmPart *part, int64_t number, CmImage *labels, CmClassTable *table,
                    CmError **err) {
  static const char *const columns[] = {"sum_of_squares"};
  const KmeansParams *p = call->params;
  const CmKmeans options = {.classes = p->classes,
                            .n_init = p->n_init,
                            .max_iterations = p->max_iterations,
                            .tolerance = p->tolerance,
                            .seed = (uint64_t)p->seed,
                            .initial = p->initial.count ? p->initial.value : NULL};
  CmSamples samples;
  CmClusters clusters = {.classes = 0};
  bool ok = cm__samples_open(call->ctx, part, p->standardize, &samples, err) &&
            cm__kmeans(&samples, &options, &clusters, err) && cm__clusters_paint(&samples, &clusters, labels, err);
  if (ok && !table->table) ok = cm__class_table_open(call->ctx, (CmScope)p->per, part->image, columns, 1, table, err);
  for (int64_t k = 0; ok && k < clusters.classes; k++)
    ok = cm__class_table_add(table, number, k, clusters.count[k], &clusters.within[k], 1, &samples,
                             clusters.centre + k * clusters.features, err) >= 0;
  cm__samples_free(&samples);
  cm__clusters_free(&clusters);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const KmeansParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  const int64_t parts = cm__part_count(&grid, (CmScope)p->per, false);
  CmMask mask;
  CmImage *labels = NULL;
  CmClassTable table = {.table = NULL};
  bool ok = false;
  if (!cm__initial_check(&p->initial, p->classes, grid.components, err) ||
      !cm__mask_open(&mask, &call->in[1], image, err))
    return false;
  labels = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (!labels || !cm_image_set_unit(labels, "1", err)) goto done;
  for (int64_t k = 0; k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &grid, (CmScope)p->per, false, k);
    if (!do_part(call, &part, k, labels, &table, err)) goto done;
  }
  call->out[0] = cm_value_labels(cm_image_ref(labels));
  if (call->wanted[1]) call->out[1] = cm_value_table(cm_table_ref(table.table));
  ok = true;
done:
  cm_image_unref(&labels);
  cm_table_unref(&table.table);
  return ok;
}

CM_OP(kmeans) = {
    .name = "kmeans",
    .family = "segment",
    .since = "0.2",
    .summary = "Cut voxels into classes around centroids, by k-means.",
    .details =
        "Lloyd's iteration: each voxel goes to the nearest centroid (Euclidean over all components together, the first "
        "of equals), each centroid to the mean of its voxels, until they rest. Starts by k-means++: the first centroid "
        "is a voxel drawn evenly, each further one a voxel drawn in proportion to its squared distance to the nearest "
        "so far. A class that loses all voxels starts again at the voxel that is farthest from all centroids. Classes "
        "are numbered by their centroids: rising in the first component, then the second. Integers of one component "
        "are counted once, so that the time does not depend on the number of steps. Voxels outside the mask, and "
        "those with a component that is NaN, take no part and get 0. Infinite values, and fewer different voxels than "
        "classes, are errors.",
    CM_OP_PARAMS(KmeansParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Lloyd SP. Least squares quantization in PCM. IEEE Trans Inf Theory 28(2), 1982; Arthur D, Vassilvitskii S. "
        "k-means++: the advantages of careful seeding. Proc. SODA, 2007",
    .examples =
        "cormack kmeans mr.nii.gz tissues.nii.gz --classes 3 --mask brain.nii.gz --centroids centroids.csv\n"
        "cormack kmeans stack.nii.gz regions.nii.gz --classes 5 --standardize true --n_init 10 --seed 7",
    .run = run,
};
