/* Convex hulls of sets of voxels, in whole numbers: coordinates are doubled, so that the middles of faces have some. Of
 * each row only the ends matter, of each slice only the corners of its own hull. */
#include <string.h>

#include "cormack/parallel.h"
#include "ops/hull.h"
#include "ops/morphology/pack.h"
#include "ops/segment/components.h"
#include "ops/segment/label_list.h"

typedef struct HullParams {
  int32_t of, connectivity;
  bool offset_coordinates;
} HullParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(HullParams, of, "all|label|object", "all",
                  "one hull around what is not 0, one around each label, or one around each connected piece"),
    CM_PARAM_BOOL(HullParams, offset_coordinates, "true",
                  "voxels reach to the middles of their faces; else they are their centres"),
    CM_PARAM_ENUM(HullParams, connectivity, CM_CONNECT_CHOICES, "26",
                  "with of=object, which voxels touch: by faces (6), also edges (18), also corners (26); each slice by "
                  "itself: sides (4), also corners (8)"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "mask, label map or image: what is not 0 is foreground"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "the result is 0 where it is 0; hulls are around what lies outside, too"},
};
static const CmPort outputs[] = {{.name = "hull", .kind = CM_KIND_LABELS, .help = "1, or the labels, in the hulls"}};

enum { NOWHERE = INT32_MAX, LONGEST = 262144 };

/* One set: what has the value in its box. */
typedef struct Set {
  CmContext *ctx;
  const CmImage *labels;
  CmImage *out;
  CmGrid grid, out_grid;
  const CmLabelBox *box;
  bool offset, flat;   /* flat: the image is one slice */
  double value;        /* to be written */
  int64_t ny, nz;      /* rows and slices of the box */
  int32_t *low, *high; /* per row of the box: its ends; low > high where there is nothing */
} Set;

static int64_t floor_ratio(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}
static int64_t ceil_ratio(int64_t a, int64_t b) {
  return -floor_ratio(-a, b);
}

/* Row `at` of the box in the image. */
static int64_t box_row(const Set *set, int64_t at) {
  const CmLabelBox *box = set->box;
  return (box->t * set->grid.nz + box->box_min[2] + at / set->ny) * set->grid.ny + box->box_min[1] + at % set->ny;
}

static bool find_ends(void *arg, CmRange range, CmError **err) {
  const Set *set = arg;
  const CmLabelBox *box = set->box;
  const CmGrid *grid = &set->grid;
  const int64_t n = box->box_max[0] - box->box_min[0] + 1, words = (n + 63) / 64;
  uint64_t *bits = cm_alloc_array(set->ctx, (size_t)words, sizeof(uint64_t), err);
  for (int64_t at = range.begin; bits && at < range.end; at++) {
    const char *from = cm__row(set->labels, grid, box_row(set, at));
    cm__bits_pack_row(cm_image_type(set->labels), from + (size_t)box->box_min[0] * grid->size, n, box->value, bits);
    int64_t first = 0, last = words - 1;
    while (first < words && !bits[first]) first++;
    while (last >= 0 && !bits[last]) last--;
    set->low[at] = first == words ? NOWHERE : (int32_t)(box->box_min[0] + 64 * first + __builtin_ctzll(bits[first]));
    set->high[at] = last < 0 ? -1 : (int32_t)(box->box_min[0] + 64 * last + 63 - __builtin_clzll(bits[last]));
  }
  cm_free(bits);
  return bits != NULL;
}

/* ---- in a slice */

/* Corners of one side of a hull: (x, y) with y rising. */
typedef struct Chain {
  int64_t (*at)[2];
  int64_t count;
} Chain;

/* sign 1: the left side, of least x; -1: the right side. */
static void chain_add(Chain *chain, int64_t x, int64_t y, int64_t sign) {
  while (chain->count >= 2) {
    const int64_t *a = chain->at[chain->count - 2], *b = chain->at[chain->count - 1];
    if (sign * ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) < 0) break; /* b lies further out */
    chain->count--;
  }
  chain->at[chain->count][0] = x;
  chain->at[chain->count++][1] = y;
}

/* Both sides of slice z of the box, in voxels. */
static void slice_chains(const Set *set, int64_t z, Chain side[2]) {
  side[0].count = side[1].count = 0;
  for (int64_t y = 0; y < set->ny; y++) {
    const int64_t at = z * set->ny + y;
    if (set->low[at] > set->high[at]) continue;
    chain_add(&side[0], set->low[at], set->box->box_min[1] + y, 1);
    chain_add(&side[1], set->high[at], set->box->box_min[1] + y, -1);
  }
}

/* The same in doubled coordinates, with the middles of the voxels' sides. */
static void offset_chain(const Set *set, const Chain *plain, int64_t sign, Chain *to) {
  to->count = 0;
  int64_t last = INT64_MIN;
  for (int64_t k = 0; k < plain->count; k++) {
    const int64_t x = 2 * plain->at[k][0], y = 2 * plain->at[k][1];
    if (!set->offset) {
      chain_add(to, x, y, sign);
      continue;
    }
    if (y - 1 > last)
      chain_add(to, x, y - 1, sign);
    else if (sign * (x - to->at[to->count - 1][0]) < 0) {
      to->count--;
      chain_add(to, x, y - 1, sign);
    }
    chain_add(to, x - sign, y, sign);
    chain_add(to, x, y + 1, sign);
    last = y + 1;
  }
}

/* x at y (doubled) on a chain, as voxels inside: rounded up on the left side, down on the right. */
static int64_t chain_x(const Chain *chain, int64_t *at, int64_t y, bool left) {
  while (*at + 1 < chain->count - 1 && chain->at[*at + 1][1] < y) ++*at;
  const int64_t *a = chain->at[*at], *b = chain->at[chain->count > 1 ? *at + 1 : *at];
  const int64_t dy = b[1] > a[1] ? b[1] - a[1] : 1, x = a[0] * dy + (b[0] - a[0]) * (y - a[1]);
  return left ? ceil_ratio(x, 2 * dy) : floor_ratio(x, 2 * dy);
}

static bool fill_slice(const Set *set, CmError **err) {
  Chain plain[2], wide[2];
  int64_t(*points)[2] = cm_alloc_array(set->ctx, (size_t)set->ny, 8 * sizeof(*points), err);
  if (!points) return false;
  plain[0].at = points;
  plain[1].at = points + set->ny;
  wide[0].at = points + 2 * set->ny;
  wide[1].at = points + 5 * set->ny;
  slice_chains(set, 0, plain);
  int64_t at[2] = {0, 0};
  for (int side = 0; side < 2; side++) offset_chain(set, &plain[side], side ? -1 : 1, &wide[side]);
  for (int64_t y = 0; wide[0].count > 0 && y < set->ny; y++) {
    const int64_t twice = 2 * (set->box->box_min[1] + y);
    if (twice < wide[0].at[0][1] || twice > wide[0].at[wide[0].count - 1][1]) continue;
    set->low[y] = (int32_t)chain_x(&wide[0], &at[0], twice, true);
    set->high[y] = (int32_t)chain_x(&wide[1], &at[1], twice, false);
  }
  cm_free(points);
  return true;
}

/* ---- in space */

/* The corners of all slices as points of the hull. */
static bool slice_corners(const Set *set, CmHull3 *hull, CmError **err) {
  Chain side[2];
  int64_t(*points)[2] = cm_alloc_array(set->ctx, (size_t)set->ny, 2 * sizeof(*points), err);
  hull->point = cm_alloc_array(set->ctx, (size_t)(2 * set->ny * set->nz), sizeof(*hull->point), err);
  if (points && hull->point) {
    side[0].at = points;
    side[1].at = points + set->ny;
    for (int64_t z = 0; z < set->nz; z++) {
      slice_chains(set, z, side);
      for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < side[k].count; i++) {
          int32_t *point = hull->point[hull->points++];
          point[0] = (int32_t)side[k].at[i][0];
          point[1] = (int32_t)side[k].at[i][1];
          point[2] = (int32_t)(set->box->box_min[2] + z);
        }
    }
  }
  cm_free(points);
  return points && hull->point;
}

/* Keeps the points that are corners of the hull, where it has faces. */
static bool keep_corners(CmHull3 *hull, CmError **err) {
  if (!cm__hull3_make(hull, err)) return false;
  if (hull->faces == 0) return true;
  uint8_t *used = cm_calloc(hull->ctx, (size_t)hull->points, 1, err);
  if (!used) return false;
  for (int64_t f = 0; f < hull->faces; f++)
    for (int k = 0; k < 3; k++) used[hull->face[f][k]] = 1;
  int64_t kept = 0;
  for (int64_t k = 0; k < hull->points; k++)
    if (used[k]) memmove(hull->point[kept++], hull->point[k], sizeof(*hull->point));
  hull->points = kept;
  cm_free(used);
  return true;
}

/* Doubled coordinates, and where voxels have an extent the middles of their six faces. */
static bool double_points(const Set *set, CmHull3 *hull, CmError **err) {
  const int64_t each = set->offset ? 6 : 1;
  int32_t(*points)[3] = cm_alloc_array(set->ctx, (size_t)(hull->points * each), sizeof(*points), err);
  if (!points) return false;
  for (int64_t k = 0; k < hull->points; k++)
    for (int64_t i = 0; i < each; i++) {
      for (int axis = 0; axis < 3; axis++) points[k * each + i][axis] = 2 * hull->point[k][axis];
      if (set->offset) points[k * each + i][i / 2] += i % 2 ? 1 : -1;
    }
  cm_free(hull->point);
  hull->point = points;
  hull->points *= each;
  return true;
}

/* The voxels y of slice z (doubled) that the triangle's shadow along x covers, its edges included. */
static void shadow(const int32_t *const p[3], int64_t z, int64_t *first, int64_t *last) {
  *first = INT64_MAX;
  *last = INT64_MIN;
  for (int k = 0; k < 3; k++) {
    const int32_t *a = p[k], *b = p[(k + 1) % 3];
    const int64_t least = a[2] < b[2] ? a[2] : b[2], most = a[2] < b[2] ? b[2] : a[2];
    if (z < least || z > most) continue;
    const int64_t dz = b[2] == a[2] ? 1 : (int64_t)b[2] - a[2];
    const int64_t y = a[1] * dz + (b[2] == a[2] ? 0 : ((int64_t)b[1] - a[1]) * (z - a[2]));
    const int64_t from = ceil_ratio(y, 2 * dz), to = floor_ratio(y, 2 * dz);
    *first = from < *first ? from : *first;
    *last = to > *last ? to : *last;
  }
}

/* Widens the rows that meet the triangle by where they meet it. */
static void add_triangle(const Set *set, const int32_t *const p[3]) {
  int64_t u[3], v[3], normal[3], least = p[0][2], most = p[0][2];
  for (int k = 0; k < 3; k++) {
    u[k] = (int64_t)p[1][k] - p[0][k];
    v[k] = (int64_t)p[2][k] - p[0][k];
    least = p[k][2] < least ? p[k][2] : least;
    most = p[k][2] > most ? p[k][2] : most;
  }
  for (int k = 0; k < 3; k++) normal[k] = u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3];
  if (normal[0] == 0) return; /* its shadow is that of its neighbours' edges */
  const CmLabelBox *box = set->box;
  for (int64_t z = ceil_ratio(least, 2); 2 * z <= most; z++) {
    int64_t first, last;
    shadow(p, 2 * z, &first, &last);
    for (int64_t y = first; y <= last; y++) {
      const int64_t over = p[0][0] * normal[0] - normal[1] * (2 * y - p[0][1]) - normal[2] * (2 * z - p[0][2]);
      const int32_t from = (int32_t)ceil_ratio(over, 2 * normal[0]), to = (int32_t)floor_ratio(over, 2 * normal[0]);
      const int64_t at = (z - box->box_min[2]) * set->ny + y - box->box_min[1];
      set->low[at] = from < set->low[at] ? from : set->low[at];
      set->high[at] = to > set->high[at] ? to : set->high[at];
    }
  }
}

static bool fill_volume(const Set *set, CmError **err) {
  CmHull3 hull = {.ctx = set->ctx};
  bool ok = slice_corners(set, &hull, err) && keep_corners(&hull, err) && double_points(set, &hull, err) &&
            cm__hull3_make(&hull, err);
  if (ok && hull.faces == 0 && hull.points > 0) {
    cm_error_set(
        err, CM_ERR_DATA,
        "the voxels of time point %lld, value %lld (0: all) lie in one plane, where their centres have no hull in 3D; "
        "give offset_coordinates=true",
        (long long)set->box->t, (long long)set->box->value);
    ok = false;
  }
  for (int64_t f = 0; ok && f < hull.faces; f++) {
    const int32_t *const corners[3] = {hull.point[hull.face[f][0]], hull.point[hull.face[f][1]],
                                       hull.point[hull.face[f][2]]};
    add_triangle(set, corners);
  }
  cm__hull3_free(&hull);
  cm_free(hull.point);
  return ok;
}

/* ---- the whole */

/* Writes the value where there is none yet. */
static bool write_rows(void *arg, CmRange range, CmError **err) {
  const Set *set = arg;
  const CmGrid *grid = &set->out_grid;
  static const uint8_t zero[8] = {0};
  uint8_t one[8];
  (void)err;
  cm__line_from_f64(cm_image_type(set->out), &set->value, 1, one);
  for (int64_t at = range.begin; at < range.end; at++) {
    char *to = cm__row_mut(set->out, grid, box_row(set, at));
    for (int64_t x = set->low[at]; x <= set->high[at]; x++)
      if (memcmp(to + (size_t)x * grid->size, zero, grid->size) == 0)
        memcpy(to + (size_t)x * grid->size, one, grid->size);
  }
  return true;
}

static bool do_set(Set *set, CmError **err) {
  set->ny = set->box->box_max[1] - set->box->box_min[1] + 1;
  set->nz = set->box->box_max[2] - set->box->box_min[2] + 1;
  const int64_t rows = set->ny * set->nz;
  set->low = cm_alloc_array(set->ctx, (size_t)rows, 2 * sizeof(int32_t), err);
  if (!set->low) return false;
  set->high = set->low + rows;
  const bool ok = cm_parallel_for(set->ctx, NULL, rows, 256, find_ends, set, err) &&
                  (set->flat ? fill_slice(set, err) : fill_volume(set, err)) &&
                  cm_parallel_for(set->ctx, "hulls", rows, 1024, write_rows, set, err);
  cm_free(set->low);
  return ok;
}

/* The pieces as labels. */
static CmImage *number_pieces(const CmCall *call, CmError **err) {
  const HullParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmComponents found;
  if (!cm__components_find(call->ctx, image, (CmConnect)p->connectivity, CM_COMPONENTS_NONZERO, &found, err))
    return NULL;
  CmImage *out = cm_image_create_like(call->ctx, image, CM_U32, 1, err);
  int64_t *label = cm_alloc_array(call->ctx, (size_t)found.count, sizeof(int64_t), err);
  for (int64_t k = 0; label && k < found.count; k++) label[k] = k + 1;
  if (out && !(label && cm__components_paint(call->ctx, &found, label, false, out, err))) cm_image_unref(&out);
  cm_free(label);
  cm__components_free(&found);
  return out;
}

/* What is not 0 in a time point, in a box of the whole of it. */
static bool whole_hulls(Set *set, CmError **err) {
  CmLabelBox box = {.box_max = {set->grid.nx - 1, set->grid.ny - 1, set->grid.nz - 1}};
  set->box = &box;
  set->value = 1.0;
  bool ok = true;
  for (; ok && box.t < set->grid.nt; box.t++) ok = do_set(set, err);
  return ok;
}

static bool label_hulls(Set *set, bool name, CmError **err) {
  CmLabelList list;
  if (!cm__label_list(set->ctx, set->labels, &list, err)) return false;
  bool ok = true;
  for (int64_t k = 0; ok && k < list.count; k++) {
    set->box = &list.items[k];
    set->value = name ? (double)list.items[k].value : 1.0;
    ok = do_set(set, err);
  }
  cm_free(list.items);
  return ok;
}

static bool make_hulls(const CmCall *call, CmImage *out, CmError **err) {
  const HullParams *p = call->params;
  CmImage *labels = p->of == 2 ? number_pieces(call, err) : cm_image_ref(call->in[0].image);
  if (!labels) return false;
  Set set = {.ctx = call->ctx,
             .labels = labels,
             .out = out,
             .grid = cm__grid(labels),
             .out_grid = cm__grid(out),
             .offset = p->offset_coordinates,
             .flat = cm_image_dims(labels)[2] == 1};
  const bool ok = p->of == 0 ? whole_hulls(&set, err) : label_hulls(&set, p->of == 1, err);
  cm_image_unref(&labels);
  return ok;
}

static bool check_size(const CmImage *image, CmError **err) {
  for (int axis = 0; axis < 3; axis++)
    if (cm_image_dims(image)[axis] > LONGEST) {
      cm_error_set(err, CM_ERR_UNSUPPORTED, "the image is %lld voxels long along %c; hulls take up to %d",
                   (long long)cm_image_dims(image)[axis], "xyz"[axis], LONGEST);
      return false;
    }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const HullParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  if (p->of == 1 && !cm_type_is_integer(cm_image_type(image))) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 "of=label needs a label map, but the image is %s; convert it to an integer type",
                 cm_type_name(cm_image_type(image)));
    return false;
  }
  if (!check_size(image, err) || !cm__mask_open(&mask, &call->in[1], image, err)) return false;
  /* labels keep their voxels: hulls grow into the background only */
  CmImage *out =
      p->of == 1 ? cm_image_copy(call->ctx, image, err) : cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (out && p->of != 1) memset(cm_image_data_mut(out), 0, cm_image_bytes(out));
  const bool ok = out && make_hulls(call, out, err) && cm__mask_blank(call->ctx, &mask, out, err);
  if (ok) call->out[0] = cm_value_labels(cm_image_ref(out));
  cm_image_unref(&out);
  return ok;
}

CM_OP(convex_hull) = {
    .name = "convex_hull",
    .family = "morphology",
    .since = "0.1",
    .summary = "Fill the convex hull of what is not 0.",
    .details =
        "A voxel is in the hull if its centre is, or lies on its border; exact, in whole numbers. Images of one slice "
        "have flat hulls, others hulls in space. Hulls do not depend on the spacing. of=label: each label's hull "
        "grows into the background only, and where two claim a voxel the smaller label has it; of=object: the hulls "
        "of the pieces together. With offset_coordinates=false voxels of one plane in a volume are refused. An image "
        "that is all background stays so; NaN is background. Mask: the result is 0 outside. Time points stay apart.",
    CM_OP_PARAMS(HullParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Barber CB, Dobkin DP, Huhdanpaa H. The quickhull algorithm for convex hulls. ACM Trans Math Softw 22(4), "
        "1996; Andrew AM. Another efficient algorithm for convex hulls in two dimensions. Inf Process Lett 9(5), 1979",
    .examples =
        "cormack convex_hull lungs.nii.gz hull.nii.gz\n"
        "cormack convex_hull organs.nii.gz hulls.nii.gz --of label",
    .run = run,
};
