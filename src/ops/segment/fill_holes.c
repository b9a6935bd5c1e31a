#include <float.h>
#include <stdlib.h>

#include "ops/segment/holes.h"

typedef struct FillParams {
  int32_t mode;
  int32_t connectivity;
  double max_size;
  int32_t units;
} FillParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(FillParams, mode, "volume|slices", "volume", "holes of the volume, or of every slice by itself"),
    CM_PARAM_ENUM(FillParams, connectivity, "faces|corners", "faces",
                  "how background voxels touch: by faces (6, in slices 4), or also at edges and corners (26, 8)"),
    CM_PARAM_REAL(FillParams, max_size, 0, 0, 1e18, "", "larger holes stay open; 0: no limit"),
    CM_PARAM_ENUM(FillParams, units, "voxel|mm3", "voxel", "what max_size is given in"),
};

static const CmPort inputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "mask or label map"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "voxels are filled only where it is not 0"},
};
static const CmPort outputs[] = {
    {.name = "filled", .kind = CM_KIND_LABELS, .help = "the labels with their holes filled"},
};

/* One contact of a hole with a voxel that has a label. */
typedef struct Contact {
  int64_t hole, label;
} Contact;

typedef struct Contacts {
  CmContext *ctx;
  const CmImage *labels;
  Contact *items;
  int64_t count, room;
} Contacts;

static int by_hole(const void *a, const void *b) {
  const Contact *ca = a, *cb = b;
  if (ca->hole != cb->hole) return ca->hole < cb->hole ? -1 : 1;
  return ca->label < cb->label ? -1 : ca->label > cb->label;
}

static bool is_open(const CmComponents *found, const CmComponent *item, CmConnect connect) {
  const int64_t size[3] = {found->grid.nx, found->grid.ny, found->grid.nz};
  const int axes = connect == CM_CONNECT_4 || connect == CM_CONNECT_8 || found->grid.nz == 1 ? 2 : 3;
  for (int axis = 0; axis < axes; axis++)
    if (item->box_min[axis] == 0 || item->box_max[axis] == size[axis] - 1) return true;
  return false;
}

static bool add_contact(Contacts *contacts, int64_t hole, int64_t voxel, CmError **err) {
  int64_t label = (int64_t)cm_image_value(contacts->labels, voxel);
  if (label == 0) return true;
  if (contacts->count == contacts->room) {
    int64_t room = contacts->room ? 2 * contacts->room : 1024;
    size_t size;
    if (!cm_size_multiply((size_t)room, sizeof(Contact), &size, err)) return false;
    Contact *items = cm_realloc(contacts->ctx, contacts->items, size, err);
    if (!items) return false;
    contacts->items = items;
    contacts->room = room;
  }
  contacts->items[contacts->count++] = (Contact){hole, label};
  return true;
}

/* All contacts by faces of one run of a hole. */
static bool run_contacts(Contacts *contacts, const CmGrid *grid, const CmRun *run, int64_t row, bool slices,
                         CmError **err) {
  const int64_t y = row % grid->ny, z = row / grid->ny % grid->nz, hole = run->component;
  if (run->x0 > 0 && !add_contact(contacts, hole, row * grid->nx + run->x0 - 1, err)) return false;
  if (run->x1 < grid->nx && !add_contact(contacts, hole, row * grid->nx + run->x1, err)) return false;
  for (int64_t x = run->x0; x < run->x1; x++) {
    int64_t at = row * grid->nx + x;
    if ((y > 0 && !add_contact(contacts, hole, at - grid->nx, err)) ||
        (y + 1 < grid->ny && !add_contact(contacts, hole, at + grid->nx, err)) ||
        (!slices && z > 0 && !add_contact(contacts, hole, at - grid->nx * grid->ny, err)) ||
        (!slices && z + 1 < grid->nz && !add_contact(contacts, hole, at + grid->nx * grid->ny, err)))
      return false;
  }
  return true;
}

#define WANTED INT64_MIN /* a hole whose label is not known yet */

/* fill[k]: in WANTED for holes; out the label to fill with. */
static bool vote(Contacts *contacts, const CmComponents *found, bool slices, int64_t *fill, CmError **err) {
  for (int64_t row = 0; row < found->grid.rows; row++)
    for (int64_t at = found->row_begin[row]; at < found->row_begin[row + 1]; at++)
      if (fill[found->runs[at].component] && !run_contacts(contacts, &found->grid, &found->runs[at], row, slices, err))
        return false;
  if (contacts->count) qsort(contacts->items, (size_t)contacts->count, sizeof(Contact), by_hole);
  for (int64_t begin = 0, end, most = 0, hole = -1; begin < contacts->count; begin = end) {
    const Contact *first = &contacts->items[begin];
    end = begin + 1;
    while (end < contacts->count && by_hole(&contacts->items[end], first) == 0) end++;
    if (first->hole != hole || end - begin > most) {
      most = end - begin;
      fill[first->hole] = first->label;
    }
    hole = first->hole;
  }
  return true;
}

bool cm__fill_holes(CmContext *ctx, CmImage *labels, CmConnect connect, double max_voxels, bool at_border,
                    CmError **err) {
  CmComponents found;
  Contacts contacts = {.ctx = ctx, .labels = labels};
  int64_t *fill = NULL;
  bool ok = false;
  if (!cm__components_find(ctx, labels, connect, CM_COMPONENTS_ZERO, &found, err)) return false;
  fill = cm_calloc(ctx, (size_t)found.count, sizeof(int64_t), err);
  if (!fill) goto done;
  for (int64_t k = 0; k < found.count; k++)
    if ((at_border || !is_open(&found, &found.items[k], connect)) &&
        (max_voxels <= 0.0 || (double)found.items[k].voxels <= max_voxels))
      fill[k] = WANTED;
  if (!vote(&contacts, &found, connect == CM_CONNECT_4 || connect == CM_CONNECT_8, fill, err)) goto done;
  for (int64_t k = 0; k < found.count; k++)
    if (fill[k] == WANTED) fill[k] = 0; /* nothing touches it: all is background */
  ok = cm__components_paint(ctx, &found, fill, true, labels, err);
done:
  cm_free(contacts.items);
  cm_free(fill);
  cm__components_free(&found);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const FillParams *p = call->params;
  CmImage *image = call->in[0].image, *out = NULL;
  const CmGeometry *geometry = cm_image_geometry(image);
  static const CmConnect connects[2][2] = {{CM_CONNECT_6, CM_CONNECT_26}, {CM_CONNECT_4, CM_CONNECT_8}};
  double limit = p->max_size;
  CmMask mask;
  bool ok = false;
  if (p->units == 1) limit /= geometry->spacing[0] * geometry->spacing[1] * geometry->spacing[2];
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  out = cm_image_copy(call->ctx, image, err);
  if (!out || !cm__fill_holes(call->ctx, out, connects[p->mode][p->connectivity], limit * (1.0 + 1e-12), false, err) ||
      !cm__mask_keep(call->ctx, &mask, image, out, err))
    goto done;
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&out);
  return ok;
}

CM_OP(fill_holes) = {
    .name = "fill_holes",
    .family = "segment",
    .since = "0.1",
    .summary = "Fill background that is enclosed by labels.",
    .details =
        "A hole is a connected piece of background (0) that does not reach the border of the volume (mode=slices: of "
        "its "
        "slice). It gets the label that most of its face contacts have (equal counts: the smaller label), so every "
        "label of a "
        "map is filled at once. An image with one slice is filled in that slice. Time points stay apart.",
    CM_OP_PARAMS(FillParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Soille P. Morphological Image Analysis, 2nd ed., section 6.3.7",
    .examples =
        "cormack fill_holes lungs.nii.gz filled.nii.gz --mode slices\n"
        "cormack fill_holes mask.nii.gz filled.nii.gz --max_size 500 --units mm3",
    .run = run,
};
