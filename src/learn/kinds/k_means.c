/* k-means clustering. */
#include "learn/json.h"
#include "learn/means.h"

typedef struct KMeansParams {
  int64_t clusters, starts, rounds;
  double tolerance;
  int64_t seed;
} KMeansParams;

static const CmParam params_table[] = {
    CM_PARAM_INT(KMeansParams, clusters, 3, 1, 1000, "", "how many"),
    CM_PARAM_INT(KMeansParams, starts, 20, 1, 10000, "", "from other centres; the one with the least spread counts"),
    CM_PARAM_INT(KMeansParams, rounds, 300, 1, 1000000, "", "at most, from each start"),
    CM_PARAM_REAL(KMeansParams, tolerance, 1e-8, 0, 1, "1",
                  "ends where the centres shift less, squared, than this share of the mean variance"),
    CM_PARAM_INT(KMeansParams, seed, 0, 0, 2147483647, "", "of the starts"),
};

typedef struct KMeans {
  int clusters, features;
  double *centre, inertia;
} KMeans;

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const KMeansParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  KMeans *means = CM__NEW(hold, KMeans, 1, err);
  int *label = CM__NEW(&scratch, int, training->rows, err);
  bool ok = means && label;
  if (ok) {
    *means = (KMeans){.clusters = (int)p->clusters, .features = training->features};
    means->centre = CM__NEW(hold, double, p->clusters * training->features, err);
  }
  const CmMeans options = {p->clusters, p->starts, p->rounds, p->seed, p->tolerance};
  ok = ok && means->centre && cm__means(hold->ctx, training, &options, means->centre, label, &means->inertia, err);
  cm__arena_free(&scratch);
  return ok ? means : NULL;
}

static int parts(const void *state) {
  return ((const KMeans *)state)->clusters;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  const KMeans *means = state;
  double *distances = cm_alloc_array(ctx, (size_t)means->clusters, sizeof *distances, err), distance;
  if (!distances) return false;
  for (int64_t i = 0; i < rows; i++) {
    int nearest = cm__means_nearest(x + i * means->features, means->centre, means->clusters, means->features, distances,
                                    &distance);
    for (int c = 0; c < means->clusters; c++) to[i * means->clusters + c] = c == nearest;
  }
  cm_free(distances);
  return true;
}

static void write_state(const void *state, CmTextBuffer *json) {
  const KMeans *means = state;
  cm__text_add(json, "{\"inertia\":");
  cm__json_reals(json, &means->inertia, 1);
  cm__text_add(json, ",\"centre\":");
  cm__json_reals(json, means->centre, (int64_t)means->clusters * means->features);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *inertia, *centre;
  CmJsonMember members[] = {{"inertia", &inertia}, {"centre", &centre}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  KMeans *means = CM__NEW(hold, KMeans, 1, err);
  double *number = means ? cm__json_read_reals(hold, inertia, "predictor.inertia", 1, false, err) : NULL;
  if (!number) return NULL;
  *means = (KMeans){shape->classes, shape->features, NULL, *number};
  means->centre =
      cm__json_read_reals(hold, centre, "predictor.centre", (int64_t)shape->classes * shape->features, false, err);
  return means->centre ? means : NULL;
}

CM_MODEL_KIND(k_means) = {
    .kind = {.about = {.name = "k_means",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Clusters around means.",
                       .details =
                           "Greedy k-means++ starts, Lloyd's rounds, and then moves of single rows; the start with the "
                           "least sum of squared "
                           "distances counts. Clusters are numbered by their first training row; the probability "
                           "of the nearest one is 1.",
                       CM_OP_PARAMS(KMeansParams, params_table),
                       .cite = "Lloyd, IEEE Trans. Inf. Theory 28, 1982; Arthur, Vassilvitskii: k-means++, SODA 2007; "
                               "Hartigan, Wong, Appl. Stat. 28, 1979"},
             .tasks = 1u << CM_TASK_CLUSTERING,
             .wants_scaling = true},
    .fit = fit,
    .predict = predict_rows,
    .parts = parts,
    .write = write_state,
    .read = read_state,
};
