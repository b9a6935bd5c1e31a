#include <math.h>
#include <string.h>

#include "ops/segment/components.h"

typedef struct ComponentsParams {
  int32_t connectivity;
  bool by_label;
  double min_size, max_size;
  int32_t units;
  int64_t largest;
  int32_t order;
  int32_t type;
} ComponentsParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(ComponentsParams, connectivity, CM_CONNECT_CHOICES, "26",
                  "which voxels touch: by faces (6), also edges (18), also corners (26); each slice by itself: sides "
                  "(4), also corners (8)"),
    CM_PARAM_BOOL(ComponentsParams, by_label, "false", "in a label map, voxels join only with those of the same label"),
    CM_PARAM_REAL(ComponentsParams, min_size, 0, 0, 1e18, "", "smaller components are dropped"),
    CM_PARAM_REAL(ComponentsParams, max_size, 0, 0, 1e18, "", "larger components are dropped; 0: none"),
    CM_PARAM_ENUM(ComponentsParams, units, "voxel|mm3", "voxel", "what sizes are given in"),
    CM_PARAM_INT(ComponentsParams, largest, 0, 0, 4294967295, "1", "how many are kept, the largest; 0: all"),
    CM_PARAM_ENUM(ComponentsParams, order, "size|first", "size",
                  "numbers from 1 by falling size (equal ones by first voxel), or by first voxel in memory order"),
    CM_PARAM_ENUM(ComponentsParams, type, "auto|u8|u16|u32", "auto",
                  "voxel type of the result; auto: u16, or u32 for more than 65535 components"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "mask, label map or image: what is not 0 is foreground"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "keeps only components with a voxel where it is not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "1, 2, 3 ... per component"},
};

/* What decides the order: largest first, then first voxel. */
typedef struct Rank {
  int64_t voxels, component;
} Rank;

enum { DIGITS = 2048, DIGIT_BITS = 11 };

/* Falling by size, equal ones as they were: digit by digit, since there may be millions. */
static void sort_ranks(Rank *ranks, Rank *spare, int64_t n) {
  int64_t most = 0, from_count[DIGITS];
  for (int64_t k = 0; k < n; k++) most = ranks[k].voxels > most ? ranks[k].voxels : most;
  for (int shift = 0; most >> shift; shift += DIGIT_BITS) {
    memset(from_count, 0, DIGITS * sizeof(int64_t));
    for (int64_t k = 0; k < n; k++) from_count[ranks[k].voxels >> shift & (DIGITS - 1)]++;
    int64_t begin = 0;
    for (int digit = DIGITS - 1; digit >= 0; digit--) {
      const int64_t count = from_count[digit];
      from_count[digit] = begin;
      begin += count;
    }
    for (int64_t k = 0; k < n; k++) spare[from_count[ranks[k].voxels >> shift & (DIGITS - 1)]++] = ranks[k];
    memcpy(ranks, spare, (size_t)n * sizeof(Rank));
  }
}

/* label[k] = 1 for components that the mask touches. */
static bool touched(CmContext *ctx, const CmComponents *found, const CmMask *mask, int64_t *label, CmError **err) {
  uint8_t *inside = cm_alloc(ctx, (size_t)found->grid.nx, err);
  if (!inside) return false;
  for (int64_t row = 0; row < found->grid.rows; row++) {
    cm__mask_row(mask, row, inside);
    for (int64_t at = found->row_begin[row]; at < found->row_begin[row + 1]; at++)
      for (int64_t x = found->runs[at].x0; x < found->runs[at].x1; x++)
        if (inside[x]) {
          label[found->runs[at].component] = 1;
          break;
        }
  }
  cm_free(inside);
  return true;
}

/* Turns label (1: candidate) into the final numbers; how many there are, or -1. */
static int64_t choose(CmContext *ctx, const ComponentsParams *p, double voxel_mm3, const CmComponents *found,
                      int64_t *label, CmError **err) {
  const double unit = p->units == 1 ? voxel_mm3 : 1.0;
  int64_t kept = 0;
  Rank *ranks = cm_alloc_array(ctx, (size_t)found->count, 2 * sizeof(Rank), err);
  if (!ranks) return -1;
  for (int64_t k = 0; k < found->count; k++) {
    double size = (double)found->items[k].voxels * unit;
    bool keep =
        label[k] && size >= p->min_size * (1.0 - 1e-12) && (p->max_size == 0.0 || size <= p->max_size * (1.0 + 1e-12));
    if (keep) ranks[kept++] = (Rank){found->items[k].voxels, k};
    label[k] = 0;
  }
  if (p->order == 0 || p->largest > 0) sort_ranks(ranks, ranks + found->count, kept);
  if (p->largest > 0 && kept > p->largest) kept = p->largest;
  for (int64_t k = 0; k < kept; k++) label[ranks[k].component] = k + 1;
  cm_free(ranks);
  if (p->order == 1) {
    int64_t next = 1;
    for (int64_t k = 0; k < found->count; k++)
      if (label[k]) label[k] = next++;
  }
  return kept;
}

static CmType label_type(const ComponentsParams *p, int64_t count, CmError **err) {
  static const CmType types[] = {CM_U16, CM_U8, CM_U16, CM_U32};
  CmType type = p->type == 0 && count > UINT16_MAX ? CM_U32 : types[p->type];
  if ((double)count > cm_type_max(type)) {
    cm_error_set(err, CM_ERR_DATA,
                 "%lld components do not fit into %s; give type=u32, or largest or min_size to keep fewer",
                 (long long)count, cm_type_name(type));
    return CM_TYPE_COUNT;
  }
  return type;
}

static bool run(const CmCall *call, CmError **err) {
  const ComponentsParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmGeometry *geometry = cm_image_geometry(image);
  CmComponents found = {.count = 0};
  CmMask mask;
  int64_t *label = NULL;
  CmImage *out = NULL;
  bool ok = false;
  if (p->by_label && !cm_type_is_integer(cm_image_type(image))) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 "by_label needs a label map, but the image is %s; convert it to an integer type",
                 cm_type_name(cm_image_type(image)));
    return false;
  }
  if (!cm__mask_open(&mask, &call->in[1], image, err) ||
      !cm__components_find(call->ctx, image, (CmConnect)p->connectivity,
                           p->by_label ? CM_COMPONENTS_VALUE : CM_COMPONENTS_NONZERO, &found, err))
    goto done;
  label = cm_calloc(call->ctx, (size_t)found.count, sizeof(int64_t), err);
  if (!label) goto done;
  for (int64_t k = 0; k < found.count && !mask.image; k++) label[k] = 1;
  if (mask.image && !touched(call->ctx, &found, &mask, label, err)) goto done;
  int64_t count =
      choose(call->ctx, p, geometry->spacing[0] * geometry->spacing[1] * geometry->spacing[2], &found, label, err);
  CmType type = count < 0 ? CM_TYPE_COUNT : label_type(p, count, err);
  if (type == CM_TYPE_COUNT) goto done;
  int64_t dims[4];
  for (int axis = 0; axis < 4; axis++) dims[axis] = cm_image_dims(image)[axis];
  /* a new image: the names of the input's labels do not hold for the components */
  out = cm_image_create(call->ctx, type, cm_image_rank(image), dims, 1, err);
  if (!out || !cm_image_set_geometry(out, geometry, err) ||
      !cm__components_paint(call->ctx, &found, label, false, out, err))
    goto done;
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&out);
  cm_free(label);
  cm__components_free(&found);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const ComponentsParams *p = values;
  if (p->max_size == 0.0 || p->min_size <= p->max_size) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "min_size %g is above max_size %g; swap them", p->min_size, p->max_size);
  return false;
}

CM_OP(connected_components) = {
    .name = "connected_components",
    .family = "segment",
    .since = "0.1",
    .summary = "Number the connected pieces of what is not 0.",
    .details =
        "Two foreground voxels are in one component if a path of touching foreground voxels joins them. Time points "
        "never "
        "touch. Sizes are those of whole components; min_size and max_size are inclusive, then the largest are kept. "
        "Mask: keeps the components that have a voxel inside it. NaN counts as 0.",
    CM_OP_PARAMS(ComponentsParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "He L, Chao Y, Suzuki K. A run-based two-scan labeling algorithm. IEEE Trans Image Process 17(5), 2008",
    .examples =
        "cormack connected_components mask.nii.gz parts.nii.gz --connectivity 6 --min_size 100 --units mm3\n"
        "cormack connected_components organs.nii.gz largest.nii.gz --by_label true --largest 1",
    .check = check,
    .run = run,
};
