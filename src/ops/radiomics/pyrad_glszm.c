/* Size zones by PyRadiomics' definitions (docs, «Gray Level Size Zone Matrix»). One walk gives each voxel the zone of
 * its neighbours of the same level that have been passed, and unites their zones where there are several. Two planes of
 * zones are kept, and two numbers for each zone that began. */
#include <string.h>

#include "ops/radiomics/pyrad_sizes.h"
#include "ops/simd.h"

enum {
  SMALL = 64,    /* sizes below this are counted in a table */
  SIDES = 4,     /* most neighbours of which none touches another */
  UNKNOWN = 255, /* among the sides: not yet worked out */
  NONE = 254
};

typedef struct Zone {
  uint32_t parent; /* one that began before, or itself */
  uint32_t size;
  uint16_t level;
} Zone;

typedef struct Zones {
  const CmPyradView *view;
  CmPyradAngles angles;
  int64_t behind[CM__PYRAD_ABREAST + 3]; /* to the neighbours in the levels; behind the last one it stands again */
  uint16_t touching[CM__PYRAD_ABREAST];  /* which neighbours are neighbours of this one; a bit each */
  uint8_t (*sides)[SIDES];               /* for each set of neighbours: one of each group that hangs together */
  uint16_t *same;                        /* of a row: which neighbours have the voxel's level */
  uint32_t *place;                       /* zones of two planes */
  Zone *zone;
  size_t count, room;
  uint32_t *small; /* level, size below SMALL: zones */
} Zones;

static bool are_neighbours(const int a[3], const int b[3]) {
  for (int k = 0; k < 3; k++)
    if (a[k] - b[k] > 1 || b[k] - a[k] > 1) return false;
  return true;
}

/* Two neighbours are known to be in one zone where the step between them is one of the directions. */
static void find_touching(Zones *z) {
  const CmPyradAngles *angles = &z->angles;
  memset(z->touching, 0, sizeof z->touching);
  for (int a = 0; a < angles->count; a++)
    for (int b = 0; b < angles->count; b++)
      for (int d = 0; d < angles->count; d++)
        for (int side = -1; side <= 1; side += 2) {
          bool equal = are_neighbours(angles->step[a], angles->step[b]);
          for (int k = 0; k < 3; k++)
            equal = equal && angles->step[a][k] - angles->step[b][k] == side * angles->step[d][k];
          if (equal) z->touching[a] |= (uint16_t)(1u << b);
        }
}

static void find_sides(const Zones *z, unsigned set) {
  uint8_t *to = z->sides[set];
  int groups = 0;
  memset(to, NONE, SIDES);
  for (unsigned left = set; left; groups++) {
    unsigned group = left & (0u - left), grown = 0;
    while (group != grown) {
      grown = group;
      for (int d = 0; d < z->angles.count; d++)
        if (grown >> d & 1u) group |= z->touching[d] & left;
    }
    int one = 0;
    while (!(group >> one & 1u)) one++;
    to[groups] = (uint8_t)one;
    left &= ~group;
  }
}

/* Four neighbours at once, so that `same` is passed less often. Whole blocks. */
CM_SIMD static void add_same(const uint16_t *level, const int64_t behind[4], unsigned first, uint16_t *restrict same,
                             int64_t n) {
  const uint16_t *a = level - behind[0], *b = level - behind[1], *c = level - behind[2], *d = level - behind[3];
  n = cm__pyrad_wide(n);
  for (int64_t x = 0; x < n; x++) {
    const int one = (level[x] == a[x] ? 1 : 0) + (level[x] == b[x] ? 2 : 0);
    const int two = (level[x] == c[x] ? 4 : 0) + (level[x] == d[x] ? 8 : 0);
    same[x] = (uint16_t)(same[x] | ((one + two) << first));
  }
}

static void find_same(const Zones *z, const uint16_t *level, int64_t n) {
  memset(z->same, 0, (size_t)cm__pyrad_wide(n) * sizeof(*z->same));
  for (int d = 0; d < z->angles.count; d += 4) add_same(level, z->behind + d, (unsigned)d, z->same, n);
}

static uint32_t root_of(Zone *zone, uint32_t at) {
  while (zone[at].parent != at) at = zone[at].parent = zone[zone[at].parent].parent;
  return at;
}

static uint32_t unite(Zone *zone, uint32_t a, uint32_t b) {
  a = root_of(zone, a);
  b = root_of(zone, b);
  if (a < b) return zone[b].parent = a;
  return zone[a].parent = b;
}

static bool more_room(Zones *z, size_t needed, CmError **err) {
  if (z->count + needed <= z->room) return true;
  if (z->count + needed >= UINT32_MAX) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "more than %u zones; measure smaller regions", UINT32_MAX);
    return false;
  }
  z->room = z->count + z->count / 2 + needed + 256;
  Zone *grown = cm_realloc(z->view->roi.ctx, z->zone, z->room * sizeof(*grown), err);
  if (grown) z->zone = grown;
  return grown != NULL;
}

/* from: the zones of the row, seen from each neighbour. */
static void walk_row(Zones *z, const uint16_t *level, const uint32_t *const *from, uint32_t *to, int64_t n) {
  Zone *zone = z->zone;
  const unsigned all = (1u << z->angles.count) - 1;
  find_same(z, level, n);
  for (int64_t x = 0; x < n; x++) {
    const unsigned set = z->same[x] & all;
    if (level[x] == 0) continue;
    const uint8_t *side = z->sides[set];
    if (side[0] == UNKNOWN) find_sides(z, set);
    /* whether a zone begins nobody can guess: it is made, and kept where it does */
    const uint32_t fresh = (uint32_t)z->count, old = from[side[0]][x];
    zone[fresh] = (Zone){.parent = fresh, .level = level[x]};
    z->count += set == 0;
    uint32_t own = set == 0 ? fresh : old;
    for (int k = 1; k < SIDES && side[k] != NONE; k++)
      if (from[side[k]][x] != own) own = unite(zone, own, from[side[k]][x]);
    zone[own].size++;
    to[x] = own;
  }
}

static bool walk(Zones *z, CmError **err) {
  const CmRoi *roi = &z->view->roi;
  const int64_t plane = roi->step[2];
  const uint32_t *from[CM__PYRAD_ABREAST] = {z->place}; /* read, but not used, where there is no direction */
  for (int64_t k = roi->lo[2]; k < roi->hi[2]; k++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      const CmSpan span = cm__pyrad_span(z->view, y, k);
      const int64_t at = y * roi->step[1] + span.begin, n = span.end - span.begin;
      for (int d = 0; d < z->angles.count; d++) {
        const int *step = z->angles.step[d];
        from[d] = z->place + (k + step[2]) % 2 * plane + at - step[0] - step[1] * roi->step[1];
      }
      if (!more_room(z, (size_t)n + 1, err)) return false;
      walk_row(z, roi->level + k * plane + at, from, z->place + k % 2 * plane + at, n);
    }
  return true;
}

/* Parents began before: from the last on, each gives its voxels to its parent; what has none is a zone. */
static bool take(Zones *z, CmEntries *to, CmError **err) {
  const int *value = z->view->level_value;
  for (size_t k = z->count; k-- > 0;) {
    const Zone *zone = &z->zone[k];
    if (zone->parent != k)
      z->zone[zone->parent].size += zone->size;
    else if (zone->size < SMALL)
      z->small[(size_t)(zone->level - 1) * SMALL + zone->size]++;
    else if (!cm__entries_add(to, value[zone->level - 1], zone->size, 1.0, err))
      return false;
  }
  cm__entries_merge(to);
  for (int i = 0; i < z->view->present; i++)
    for (int j = 1; j < SMALL; j++)
      if (z->small[i * SMALL + j] && !cm__entries_add(to, value[i], j, z->small[i * SMALL + j], err)) return false;
  return true;
}

static bool make_room(Zones *z, CmError **err) {
  const CmRoi *roi = &z->view->roi;
  const size_t sets = (size_t)1 << z->angles.count;
  for (int d = 0; d < CM_COUNT(z->behind) && z->angles.count > 0; d++) {
    const int *step = z->angles.step[d < z->angles.count ? d : z->angles.count - 1];
    z->behind[d] = cm__roi_at(roi, step[0], step[1], step[2]);
  }
  find_touching(z);
  if (!(z->sides = cm_alloc_array(roi->ctx, sets, sizeof(*z->sides), err)) ||
      !(z->same = cm_alloc_array(roi->ctx, (size_t)cm__pyrad_wide(roi->n[0]), sizeof(*z->same), err)) ||
      !(z->place = cm_calloc(roi->ctx, 2 * (size_t)roi->step[2], sizeof(*z->place), err)) ||
      !(z->small = cm_calloc(roi->ctx, (size_t)z->view->present * SMALL, sizeof(*z->small), err)))
    return false;
  memset(z->sides, UNKNOWN, sets * sizeof(*z->sides));
  memset(z->sides[0], NONE, sizeof(*z->sides));
  z->sides[0][0] = 0; /* any: it is not used */
  return true;
}

bool cm__pyrad_glszm(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  const CmInts next = {.count = 1, .value = {1}};
  Zones zones = {.view = view};
  CmEntries entries = {.ctx = view->roi.ctx};
  double all[CM__EMPHASES];
  const bool ok = cm__pyrad_angles(view, &next, &zones.angles, err) && make_room(&zones, err) && walk(&zones, err) &&
                  take(&zones, &entries, err);
  if (ok) {
    cm__pyrad_describe(&entries, (double)view->roi.voxels, all);
    cm__pyrad_pick(all, cm__pyrad_glszm_order, CM__PYRAD_GLSZM_COUNT, out);
  }
  cm_free(zones.angles.step);
  cm_free(zones.sides);
  cm_free(zones.same);
  cm_free(zones.place);
  cm_free(zones.zone);
  cm_free(zones.small);
  cm__entries_free(&entries);
  return ok;
}
