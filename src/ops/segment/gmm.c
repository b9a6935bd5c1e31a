#include <stdio.h>

#include "ops/exp.h"
#include "ops/segment/mixture.h"

typedef struct GmmParams {
  int64_t classes;
  int32_t covariance;
  CmReals initial;
  int64_t seed, n_init, max_iterations;
  double tolerance, regularization;
  bool standardize;
  int32_t per;
} GmmParams;

static const CmParam params[] = {
    CM_PARAM_INT(GmmParams, classes, 3, 1, 255, "1", "of how many Gaussians the mixture is"),
    CM_PARAM_ENUM(GmmParams, covariance, CM_COVARIANCE_CHOICES, "full",
                  "each class its own (full), one for all (tied), each its own variance per component (diag) or for "
                  "all components (spherical)"),
    CM_PARAM_REALS(GmmParams, initial, "", -1e30, 1e30, 0, 64, "",
                   "centroids for the k-means that it starts from; empty: k-means++"),
    CM_PARAM_INT(GmmParams, seed, 0, 0, 9007199254740991, "1", "of the random starts"),
    CM_PARAM_INT(GmmParams, n_init, 1, 1, 100, "1", "random starts, of which the likeliest is kept"),
    CM_PARAM_INT(GmmParams, max_iterations, 100, 0, 100000, "1", "most steps of a start"),
    CM_PARAM_REAL(GmmParams, tolerance, 1e-3, 0, 1e6, "1",
                  "ends where the mean log-likelihood changes by less than this"),
    CM_PARAM_REAL(GmmParams, regularization, 1e-6, 0, 1, "1",
                  "added to the variances of all classes, as a share of each component's variance"),
    CM_PARAM_BOOL(GmmParams, standardize, "false", "bring each component to mean 0 and variance 1 before"),
    CM_PARAM_ENUM(GmmParams, per, CM_SCOPE_CHOICES, "image",
                  "what gets its own mixture: the image, each time point, or each slice"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "intensities, or features as components"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "u8: 1 for the class with the lowest mean, 2 ...; 0 outside"},
    {.name = "probabilities",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .components = true,
     .help = "f32, a component a class: how probably the voxel is of it; 0 outside"},
    {.name = "mixture",
     .kind = CM_KIND_TABLE,
     .optional = true,
     .help = "part, class, voxels, weight, mean log-likelihood, BIC, means and covariances"},
};

typedef struct Out {
  CmImage *labels, *probabilities;
  CmClassTable table;
  int first; /* column of the covariances */
} Out;

/* The number of a covariance's entry, and whether it stands in the table: the lower triangle, or the diagonal. */
static bool entry_at(const CmMixture *m, int64_t f, int64_t g, int64_t *at) {
  const bool diagonal = m->size == m->features && (m->kind == CM_DIAG || m->kind == CM_SPHERICAL);
  *at = diagonal ? f : f * m->features + g;
  return !diagonal || f == g;
}

static bool open_table(const CmCall *call, const CmPart *part, const CmMixture *m, Out *out, CmError **err) {
  static const char *const columns[] = {"weight", "log_likelihood", "bic"};
  const GmmParams *p = call->params;
  int64_t at;
  if (!cm__class_table_open(call->ctx, (CmScope)p->per, part->image, columns, 3, &out->table, err)) return false;
  out->first = out->table.first + (int)m->features;
  for (int64_t f = 0; f < m->features; f++)
    for (int64_t g = 0; g <= f; g++) {
      char name[64];
      if (!entry_at(m, f, g, &at)) continue;
      snprintf(name, sizeof(name), m->features == 1 ? "variance" : "covariance_%lld_%lld", (long long)g + 1,
               (long long)f + 1);
      if (cm_table_add_column(out->table.table, name, CM_COLUMN_REAL, "", err) < 0) return false;
    }
  return true;
}

static bool tell(const CmCall *call, const CmSamples *s, const CmMixture *m, int64_t part, Out *out, CmError **err) {
  if (!out->table.table && !open_table(call, &s->part, m, out, err)) return false;
  const double bic = -2.0 * s->count * m->log_likelihood + cm__mixture_freedom(m) * cm__log(s->count);
  for (int64_t k = 0; k < m->classes; k++) {
    const double values[] = {m->weight[k], m->log_likelihood, bic};
    const int64_t row =
        cm__class_table_add(&out->table, part, k, m->count[k], values, 3, s, m->mean + k * m->features, err);
    if (row < 0) return false;
    int column = out->first;
    int64_t at;
    for (int64_t f = 0; f < m->features; f++)
      for (int64_t g = 0; g <= f; g++)
        if (entry_at(m, f, g, &at))
          cm_table_set_real(out->table.table, row, column++,
                            m->covariance[k * m->size + at] / (s->scale[f] * s->scale[g]));
  }
  return true;
}

static bool do_part(const CmCall *call, const CmPart *part, int64_t number, Out *out, CmError **err) {
  const GmmParams *p = call->params;
  CmMixtureOptions options = {.start = cm__kmeans_options(p->classes),
                              .covariance = (CmCovariance)p->covariance,
                              .max_iterations = p->max_iterations,
                              .tolerance = p->tolerance,
                              .regularization = p->regularization};
  CmSamples samples;
  CmMixture mixture = {.classes = 0};
  options.start.n_init = p->n_init;
  options.start.seed = (uint64_t)p->seed;
  options.start.initial = p->initial.count ? p->initial.value : NULL;
  const bool ok = cm__samples_open(call->ctx, part, p->standardize, &samples, err) &&
                  cm__mixture(&samples, &options, &mixture, err) &&
                  cm__mixture_paint(&samples, &mixture, out->labels, out->probabilities, err) &&
                  (!call->wanted[2] || tell(call, &samples, &mixture, number, out, err));
  cm__samples_free(&samples);
  cm__mixture_free(&mixture);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const GmmParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  const int64_t parts = cm__part_count(&grid, (CmScope)p->per, false);
  CmMask mask;
  Out out = {.labels = NULL};
  bool ok = false;
  if (!cm__initial_check(&p->initial, p->classes, grid.components, err) ||
      !cm__mask_open(&mask, &call->in[1], image, err))
    return false;
  out.labels = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (!out.labels || !cm_image_set_unit(out.labels, "1", err)) goto done;
  if (call->wanted[1]) {
    out.probabilities = cm_image_create_like(call->ctx, image, CM_F32, (int)p->classes, err);
    if (!out.probabilities || !cm_image_set_unit(out.probabilities, "1", err)) goto done;
  }
  for (int64_t k = 0; k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &grid, (CmScope)p->per, false, k);
    if (!do_part(call, &part, k, &out, err)) goto done;
  }
  call->out[0] = cm_value_labels(cm_image_ref(out.labels));
  if (call->wanted[1]) call->out[1] = cm_value_image(cm_image_ref(out.probabilities));
  if (call->wanted[2]) call->out[2] = cm_value_table(cm_table_ref(out.table.table));
  ok = true;
done:
  cm_image_unref(&out.labels);
  cm_image_unref(&out.probabilities);
  cm_table_unref(&out.table.table);
  return ok;
}

CM_OP(gmm) = {
    .name = "gmm",
    .family = "segment",
    .since = "0.2",
    .summary = "Cut voxels into classes by a mixture of Gaussians.",
    .details =
        "Expectation and maximization: each voxel belongs to each class in proportion to the class' weight times its "
        "Gaussian density over all components together; each class gets the weight, mean and covariance of what "
        "belongs to it; until the mean logarithm of the mixture's density changes by less than tolerance. It starts "
        "from the classes of k-means (operation kmeans) with the same seed. A voxel's label is its likeliest class, "
        "the first of equals; classes are numbered by their means: rising in the first component, then the second. "
        "The table's log_likelihood is the mean per voxel (natural logarithm, density in the image's units), bic "
        "Schwarz's criterion: of several numbers of classes, the one with the lowest describes the voxels best. "
        "Integers of one component are counted once. Voxels outside the mask, and those with a component that is NaN, "
        "take no part and get 0. Infinite values, fewer different voxels than classes, and covariances without an "
        "inverse are errors. Memory: beside the results, up to 8 bytes times the covariances of all classes for each "
        "64 Ki values.",
    CM_OP_PARAMS(GmmParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Dempster AP, Laird NM, Rubin DB. Maximum likelihood from incomplete data via the EM algorithm. J R Stat Soc B "
        "39(1), 1977; Schwarz G. Estimating the dimension of a model. Ann Stat 6(2), 1978",
    .examples =
        "cormack gmm t1.nii.gz tissues.nii.gz --classes 3 --mask brain.nii.gz --probabilities maps.nii.gz\n"
        "cormack gmm stack.nii.gz regions.nii.gz --classes 4 --covariance diag --standardize true",
    .run = run,
};
