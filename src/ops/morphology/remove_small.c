#include <string.h>

#include "cormack/parallel.h"
#include "ops/segment/holes.h"

typedef struct SmallParams {
  int32_t what;
  double max_size;
  int32_t units;
  int32_t connectivity;
  bool by_label;
} SmallParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(SmallParams, what, "objects|holes|both", "objects", "what is removed; both: objects, then holes"),
    CM_PARAM_REAL(SmallParams, max_size, 64, 0, 1e18, "", "objects and holes of this size and smaller are removed"),
    CM_PARAM_ENUM(SmallParams, units, "voxel|mm3", "voxel", "what max_size is given in"),
    CM_PARAM_ENUM(SmallParams, connectivity, CM_CONNECT_CHOICES, "6",
                  "which voxels touch, of objects and of holes: by faces (6), also edges (18), also corners (26); each "
                  "slice by itself: sides (4), also corners (8)"),
    CM_PARAM_BOOL(SmallParams, by_label, "false",
                  "in a label map, voxels are one object only with those of their label"),
};

static const CmPort inputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "mask or label map"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "voxels are changed only where it is not 0"},
};
static const CmPort outputs[] = {{.name = "result", .kind = CM_KIND_LABELS, .help = "the labels without them"}};

typedef struct Erase {
  const CmComponents *found;
  double limit;
  CmImage *out;
  CmGrid grid;
} Erase;

static bool erase_rows(void *arg, CmRange range, CmError **err) {
  const Erase *job = arg;
  const CmComponents *found = job->found;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    for (int64_t at = found->row_begin[row]; at < found->row_begin[row + 1]; at++) {
      const CmRun *run = &found->runs[at];
      if ((double)found->items[run->component].voxels > job->limit) continue;
      char *to = cm__row_mut(job->out, &job->grid, row);
      memset(to + (size_t)run->x0 * job->grid.size, 0, (size_t)(run->x1 - run->x0) * job->grid.size);
    }
  return true;
}

static bool remove_objects(CmContext *ctx, const SmallParams *p, double limit, CmImage *out, CmError **err) {
  CmComponents found;
  if (!cm__components_find(ctx, out, (CmConnect)p->connectivity,
                           p->by_label ? CM_COMPONENTS_VALUE : CM_COMPONENTS_NONZERO, &found, err))
    return false;
  Erase job = {.found = &found, .limit = limit, .out = out, .grid = cm__grid(out)};
  const bool ok = cm_parallel_for(ctx, NULL, job.grid.rows, cm__row_chunk(&job.grid), erase_rows, &job, err);
  cm__components_free(&found);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const SmallParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmGeometry *geometry = cm_image_geometry(image);
  const double voxel = p->units == 1 ? geometry->spacing[0] * geometry->spacing[1] * geometry->spacing[2] : 1.0;
  const double limit = p->max_size / voxel * (1.0 + 1e-12);
  CmMask mask;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  CmImage *out = cm_image_copy(call->ctx, image, err);
  bool ok = out != NULL;
  if (p->what != 1) ok = ok && remove_objects(call->ctx, p, limit, out, err);
  /* a limit below one voxel leaves every hole open, which 0 would not */
  if (p->what != 0 && limit >= 1.0)
    ok = ok && cm__fill_holes(call->ctx, out, (CmConnect)p->connectivity, limit, true, err);
  ok = ok && cm__mask_keep(call->ctx, &mask, image, out, err);
  if (ok) call->out[0] = cm_value_labels(cm_image_ref(out));
  cm_image_unref(&out);
  return ok;
}

CM_OP(remove_small) = {
    .name = "remove_small",
    .family = "morphology",
    .since = "0.1",
    .summary = "Remove small objects, or fill small holes.",
    .details =
        "An object is a connected piece of what is not 0 (by_label: of one label); a hole is a connected piece of "
        "background, also where it reaches the border (fill_holes leaves those open). Pieces of max_size voxels or "
        "mm3, "
        "and smaller ones, become 0; a hole gets the label that most of its face contacts have (equal counts: the "
        "smaller label). A piece counts with its whole size, also where it leaves the mask. An image that is all "
        "background stays so. Time points stay apart.",
    CM_OP_PARAMS(SmallParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Soille P. Morphological Image Analysis, 2nd ed., section 4.4 (area openings)",
    .examples =
        "cormack remove_small mask.nii.gz clean.nii.gz --max_size 500 --units mm3\n"
        "cormack remove_small organs.nii.gz clean.nii.gz --what both --by_label true --max_size 20",
    .run = run,
};
