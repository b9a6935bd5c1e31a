/* cormack nodules: candidates for nodules in the lungs of a chest CT. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/op.h"
#include "cormack/parallel.h"
#include "ops/chest/lungs.h"
#include "ops/chest/nodule_find.h"

#define BIN_MM 1.0

typedef struct NodulesParams {
  double smallest, largest, sensitivity, score;
} NodulesParams;

typedef struct CutJob {
  CmContext *ctx;
  const Field *field;
  const Seed *seeds;
  Nodule *nodules;
  bool *found;
} CutJob;

static bool cut_seeds(void *arg, CmRange range, CmError **err) {
  CutJob *job = arg;
  for (int64_t i = range.begin; i < range.end; i++)
    if (!cm__nodule_cut(job->ctx, job->field, &job->seeds[i], &job->nodules[i], &job->found[i], err)) return false;
  return true;
}

static double ramp(double x, double zero, double one) {
  const double t = (x - zero) / (one - zero);
  return t < 0 ? 0 : t > 1 ? 1 : t;
}

/* How much a candidate looks like a nodule, 0..1: round, not part of something longer, not a fold of the pleura or a
 * vessel of the hilum, as bright a blob as its size promises. */
static double rate(const Nodule *n) {
  const double round = ramp(n->sphericity, 0, 0.5) * ramp(n->elongation, 2.3, 1.5);
  const double free = ramp(n->vessel, 0.3, 0.03) * ramp(n->wall, 0.55, 0.36) * ramp(n->medial, 0.16, 0.04);
  return round * free * ramp(n->seed.response, 0, 0.45);
}

static int better(const void *pa, const void *pb) {
  const Nodule *a = pa, *b = pb;
  if (a->score != b->score) return a->score < b->score ? 1 : -1;
  return a->voxel[0] < b->voxel[0] ? -1 : a->voxel[0] > b->voxel[0];
}

/* Keeps what passes, the better one of two that overlap; order by volume. Returns how many. */
static int64_t choose(const NodulesParams *p, Nodule *n, const bool *found, int64_t count, uint8_t *labels) {
  int64_t kept = 0;
  for (int64_t i = 0; i < count; i++) {
    if (found[i]) n[i].score = rate(&n[i]);
    if (found[i] && n[i].diameter_mm >= p->smallest && n[i].diameter_mm <= p->largest && n[i].score >= p->score) {
      const Nodule t = n[kept];
      n[kept++] = n[i];
      if (kept - 1 != i) n[i] = t;
    }
  }
  qsort(n, (size_t)kept, sizeof *n, better);
  int64_t last = 0;
  for (int64_t i = 0; i < kept && last < 255; i++) {
    bool free = true;
    for (int64_t k = 0; k < n[i].count; k++) free = free && !labels[n[i].voxel[k]];
    if (!free) continue;
    for (int64_t k = 0; k < n[i].count; k++) labels[n[i].voxel[k]] = (uint8_t)(last + 1);
    const Nodule t = n[last];
    n[last++] = n[i];
    n[i] = t;
  }
  return last;
}

static const struct {
  const char *name, *unit;
  CmColumnType type;
} columns[] = {
    {"nodule", "", CM_COLUMN_INT},       {"side", "", CM_COLUMN_TEXT},          {"x", "mm", CM_COLUMN_REAL},
    {"y", "mm", CM_COLUMN_REAL},         {"z", "mm", CM_COLUMN_REAL},           {"volume", "mm3", CM_COLUMN_REAL},
    {"diameter", "mm", CM_COLUMN_REAL},  {"mean", "HU", CM_COLUMN_REAL},        {"elongation", "1", CM_COLUMN_REAL},
    {"sphericity", "1", CM_COLUMN_REAL}, {"wall_contact", "1", CM_COLUMN_REAL}, {"vessel_contact", "1", CM_COLUMN_REAL},
    {"response", "1", CM_COLUMN_REAL},   {"score", "1", CM_COLUMN_REAL}};

static bool fill_table(CmTable *table, const Field *f, const Nodule *n, int64_t count, CmError **err) {
  for (int k = 0; k < CM_COUNT(columns); k++)
    if (cm_table_add_column(table, columns[k].name, columns[k].type, columns[k].unit, err) < 0) return false;
  for (int64_t i = 0; i < count; i++) {
    const int64_t row = cm_table_add_row(table, err);
    if (row < 0) return false;
    double index[3], lps[3];
    for (int k = 0; k < 3; k++) index[k] = n[i].centre[k] + (double)f->low[k];
    cm_geometry_to_physical(cm_image_geometry(f->c->hu), index, lps);
    const double real[] = {
        lps[0],          lps[1],          lps[2],    n[i].volume_mm3, n[i].diameter_mm,   n[i].mean_hu,
        n[i].elongation, n[i].sphericity, n[i].wall, n[i].vessel,     n[i].seed.response, n[i].score};
    cm_table_set_int(table, row, 0, i + 1);
    if (!cm_table_set_text(table, row, 1, n[i].side == 1 ? "right" : "left", err)) return false;
    for (int k = 0; k < CM_COUNT(real); k++) cm_table_set_real(table, row, k + 2, real[k]);
  }
  return true;
}

static bool label_image(CmImage *image, int64_t count, CmError **err) {
  for (int64_t i = 1; i <= count; i++) {
    char name[32];
    uint8_t rgb[3];
    cm_label_colour(i, rgb);
    snprintf(name, sizeof name, "nodule_%d", (int)i);
    if (!cm_image_set_label(image, i, name, rgb, err)) return false;
  }
  return cm_image_set_unit(image, "1", err);
}

/* Lungs on the canonical grid: those given, or found here. */
static bool get_lungs(const CmCall *call, const Canonical *c, CmImage *lungs, CmError **err) {
  CmContext *ctx = call->ctx;
  if (call->in[1].kind == CM_KIND_NONE) {
    LungsParams lp;
    CmImage *airway = cm__canonical_mask(ctx, c, err);
    const bool ok =
        airway && cm__lungs_default_params(ctx, &lp, err) && cm__lungs_find(ctx, c, &lp, lungs, airway, err);
    cm_image_unref(&airway);
    return ok;
  }
  const CmImage *given = call->in[1].image;
  const int64_t *d = cm_image_dims(given);
  uint8_t *m = cm_image_data_mut(lungs);
  memset(m, 0, (size_t)c->voxels);
  for (int64_t i = 0; i < cm_image_voxels(given); i++) {
    const double v = cm_image_value(given, i);
    const int64_t index[3] = {i % d[0], i / d[0] % d[1], i / (d[0] * d[1])};
    if (v != 0) m[cm__canonical_cell(c, index)] = v == 2 ? 2 : 1;
  }
  return true;
}

static bool find_nodules(const CmCall *call, const Canonical *c, const CmImage *lungs, CmImage *labels, CmTable *table,
                         int64_t *kept, CmError **err) {
  const NodulesParams *p = call->params;
  CmContext *ctx = call->ctx;
  Field f;
  if (!cm__field_cut(ctx, c, cm_image_data(lungs), 4, &f, err)) return false;
  Seed *seeds = NULL;
  Nodule *n = NULL;
  bool *found = NULL, ok = false;
  int64_t count = 0;
  if (!cm__blobs_find(ctx, &f, 0.5 * p->smallest, 0.5 * p->largest, p->sensitivity, &seeds, &count, err)) goto done;
  n = cm_calloc(ctx, (size_t)count + 1, sizeof *n, err);
  found = n ? cm_calloc(ctx, (size_t)count + 1, sizeof *found, err) : NULL;
  if (!found) goto done;
  CutJob job = {ctx, &f, seeds, n, found};
  if (!cm_parallel_for(ctx, NULL, count, 4, cut_seeds, &job, err)) goto done;
  memset(cm_image_data_mut(labels), 0, (size_t)c->voxels);
  *kept = choose(p, n, found, count, cm_image_data_mut(labels));
  ok = fill_table(table, &f, n, *kept, err);
done:
  for (int64_t i = 0; n && i < count; i++) cm_free(n[i].voxel);
  cm_free(n);
  cm_free(found);
  cm_free(seeds);
  cm__field_free(&f);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  CmContext *ctx = call->ctx;
  Canonical c;
  if (!cm__canonical_make(ctx, call->in[0].image, BIN_MM, &c, err)) return false;
  bool ok = false;
  int64_t kept = 0;
  CmImage *lungs = cm__canonical_mask(ctx, &c, err), *labels = lungs ? cm__canonical_mask(ctx, &c, err) : NULL;
  CmImage *out = labels ? cm_image_create_like(ctx, call->in[0].image, CM_U8, 1, err) : NULL;
  CmTable *table = out ? cm_table_create(ctx, err) : NULL;
  if (!table || !get_lungs(call, &c, lungs, err) || !find_nodules(call, &c, lungs, labels, table, &kept, err) ||
      !cm__canonical_back(ctx, &c, labels, out, err) || !label_image(out, kept, err))
    goto done;
  call->out[0] = cm_value_labels(out);
  call->out[1] = cm_value_table(table);
  out = NULL;
  table = NULL;
  ok = true;
done:
  cm_table_unref(&table);
  cm_image_unref(&out);
  cm_image_unref(&labels);
  cm_image_unref(&lungs);
  cm__canonical_free(&c);
  return ok;
}

static bool check(const void *params, CmError **err) {
  const NodulesParams *p = params;
  if (p->smallest < p->largest) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "smallest %g mm is not below largest %g mm; give a range of diameters",
               p->smallest, p->largest);
  return false;
}

static const CmParam params[] = {
    CM_PARAM_REAL(NodulesParams, smallest, 4, 1, 50, "mm", "least diameter of the ball of equal volume"),
    CM_PARAM_REAL(NodulesParams, largest, 40, 2, 100, "mm", "largest diameter of the ball of equal volume"),
    CM_PARAM_REAL(NodulesParams, sensitivity, 0.18, 0, 1, "1",
                  "least response of the blob filter, that of a solid ball being 1"),
    CM_PARAM_REAL(NodulesParams, score, 0.22, 0, 1, "1",
                  "least score of a candidate: roundness, freedom from vessels and response together"),
};
static const CmPort inputs[] = {
    {.name = "ct", .kind = CM_KIND_IMAGE, .help = "chest CT in HU, any orientation"},
    {.name = "inside",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .help = "lungs of this scan (1 right, 2 left); found here where not given"},
};
static const CmPort outputs[] = {
    {.name = "nodules", .kind = CM_KIND_LABELS, .help = "1, 2, ... by falling score"},
    {.name = "table",
     .kind = CM_KIND_TABLE,
     .optional = true,
     .help = "one row a nodule: place, volume, diameter, value, shape, contacts, score"},
};

CM_OP(nodules) = {
    .name = "nodules",
    .family = "chest",
    .since = "0.1",
    .summary = "Find candidates for nodules in the lungs of a chest CT.",
    .details =
        "Blobs are found by a dot filter on Hessian eigenvalues over scales, with everything outside of the lungs set "
        "to lung. Each is cut out at half the "
        "height between lung and nodule and opened by 0.6 of its own thickness, so that vessels fall off. Volumes "
        "count the voxels of the surface by the "
        "share that their value says, so that they are finer than a voxel. Centres are in mm (LPS). Elongation: "
        "longest over shortest axis of equal moments; "
        "sphericity: volume over that of the ball that holds 95 % of the voxels; contacts: shares of the surface. "
        "Candidates are for a reader to judge.",
    CM_OP_PARAMS(NodulesParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .check = check,
    .cite = "Li, Sone, Doi, Med Phys 30 (2003) 2040; Kostis et al., IEEE Trans Med Imaging 22 (2003) 1259",
    .examples = "cormack nodules ct.nii.gz nodules.nii.gz --inside lungs.nii.gz --table nodules.csv",
    .run = run,
};
