#include "ops/measure/diameter.h"

#include <math.h>

#include "cormack/context.h"

static bool reserve(CmHull *hull, int64_t more, CmError **err) {
  size_t size;
  if (hull->count + more > hull->room) {
    const int64_t room = 2 * hull->room + more + 64;
    void *grown = cm_size_multiply((size_t)room, sizeof(*hull->point), &size, err)
                      ? cm_realloc(hull->ctx, hull->point, size, err)
                      : NULL;
    if (!grown) return false;
    hull->point = grown;
    hull->room = room;
  }
  if (hull->levels == hull->level_room) {
    const int64_t room = 2 * hull->level_room + 64;
    void *grown = cm_size_multiply((size_t)room, sizeof(*hull->level), &size, err)
                      ? cm_realloc(hull->ctx, hull->level, size, err)
                      : NULL;
    if (!grown) return false;
    hull->level = grown;
    hull->level_room = room;
  }
  return true;
}

/* Does the way a, b, c turn to the left? */
static bool turns_left(const double a[3], const double b[3], const double c[2]) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0.0;
}

/* One chain of the hull over the points in the given direction, behind hull->count. */
static void chain(CmHull *hull, const double (*xy)[2], int64_t first, int64_t last, int64_t step, double z) {
  const int64_t begin = hull->count;
  for (int64_t k = first; k != last + step; k += step) {
    while (hull->count - begin >= 2 && !turns_left(hull->point[hull->count - 2], hull->point[hull->count - 1], xy[k]))
      hull->count--;
    double *to = hull->point[hull->count++];
    to[0] = xy[k][0];
    to[1] = xy[k][1];
    to[2] = z;
  }
}

static double distance(const double a[3], const double b[3]) {
  const double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
  return x * x + y * y + z * z;
}

bool cm__hull_add_level(CmHull *hull, const double (*xy)[2], int64_t n, double z, CmError **err) {
  if (!reserve(hull, 2 * n + 2, err)) return false;
  struct CmHullLevel *level = &hull->level[hull->levels++];
  *level = (struct CmHullLevel){.begin = hull->count, .centre = {0, 0, z}};
  if (n > 0) {
    chain(hull, xy, 0, n - 1, 1, z);
    if (n > 1) chain(hull, xy, n - 1, 0, -1, z);
  }
  level->end = hull->count;
  for (int64_t k = level->begin; k < level->end; k++)
    for (int axis = 0; axis < 2; axis++)
      level->centre[axis] += hull->point[k][axis] / (double)(level->end - level->begin);
  for (int64_t k = level->begin; k < level->end; k++)
    level->radius = fmax(level->radius, sqrt(distance(hull->point[k], level->centre)));
  return true;
}

static double largest_between(const CmHull *hull, const struct CmHullLevel *a, const struct CmHullLevel *b,
                              double best) {
  for (int64_t i = a->begin; i < a->end; i++)
    for (int64_t k = b->begin; k < b->end; k++) {
      const double d = distance(hull->point[i], hull->point[k]);
      best = d > best ? d : best;
    }
  return best;
}

double cm__hull_level_diameter(const CmHull *hull) {
  double best = 0.0;
  for (int64_t a = 0; a < hull->levels; a++) best = largest_between(hull, &hull->level[a], &hull->level[a], best);
  return sqrt(best);
}

double cm__hull_diameter(const CmHull *hull, double *in_level) {
  *in_level = cm__hull_level_diameter(hull);
  double best = *in_level * *in_level;
  /* far levels first: a pair that cannot beat the best is left out */
  for (int64_t apart = hull->levels - 1; apart >= 0; apart--)
    for (int64_t a = 0; a + apart < hull->levels; a++) {
      const struct CmHullLevel *la = &hull->level[a], *lb = &hull->level[a + apart];
      const double reach = sqrt(distance(la->centre, lb->centre)) + la->radius + lb->radius;
      if (la->end > la->begin && lb->end > lb->begin && reach * reach > best)
        best = largest_between(hull, la, lb, best);
    }
  return sqrt(best);
}

void cm__hull_free(CmHull *hull) {
  cm_free(hull->point);
  cm_free(hull->level);
  hull->point = NULL;
  hull->level = NULL;
}
