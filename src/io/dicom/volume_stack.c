/* Stacks frames of one orientation, size and kind: positions along the normal, time points, and what is wrong with
 * them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/dicom/volume.h"

/* A frame with where it lies. */
typedef struct Item {
  const CmFrame *frame;
  double along;     /* mm along the normal */
  int64_t position; /* index of its position, ascending */
  int64_t group;    /* of the partition that is tried */
} Item;

typedef struct Group {
  Item *items;
  int64_t count, positions;
  double direction[9];
  double pixel; /* mm, the smaller pixel spacing */
} Group;

/* ---- a new stack */

CmStack *cm__stack_new(CmPool *pool, CmStackList *list, int64_t slices, int64_t times, const char *label,
                       CmError **err) {
  if (list->count == list->room) {
    int room = list->room ? 2 * list->room : 8;
    CmStack *items = cm__pool_alloc(pool, (size_t)room, sizeof *items, err);
    if (!items) return NULL;
    if (list->count) memcpy(items, list->items, (size_t)list->count * sizeof *items);
    list->items = items;
    list->room = room;
  }
  CmStack *stack = &list->items[list->count];
  *stack = (CmStack){.slices = slices, .times = times, .grid_slices = slices, .label = label};
  stack->frames = cm__pool_alloc(pool, (size_t)slices * (size_t)times, sizeof *stack->frames, err);
  stack->places = cm__pool_alloc(pool, (size_t)slices, sizeof *stack->places, err);
  if (!stack->frames || !stack->places) return NULL;
  for (int64_t i = 0; i < slices; i++) stack->places[i] = i;
  cm_geometry_default(&stack->geometry);
  list->count++;
  return stack;
}

/* More than one thing may be wrong; the first is told first. */
static bool add_defect(CmPool *pool, CmStack *stack, const char *text, CmError **err) {
  if (!text) return false;
  stack->defect = stack->defect ? cm__pool_printf(pool, err, "%s; and %s", stack->defect, text) : text;
  return stack->defect != NULL;
}

bool cm__stack_note(CmPool *pool, CmStack *stack, const char *text, CmError **err) {
  if (!text) return false;
  stack->note = stack->note ? cm__pool_printf(pool, err, "%s; %s", stack->note, text) : text;
  return stack->note != NULL;
}

/* Spacing in the plane and, for a single slice, across it. */
bool cm__stack_spacing(CmPool *pool, CmStack *stack, const CmFrame *frame, CmError **err) {
  for (int i = 0; i < 2; i++)
    if (frame->spacing[i] > 0) stack->geometry.spacing[i] = frame->spacing[i];
  double across = cm__frame_depth(frame);
  if (across > 0) stack->geometry.spacing[2] = across;
  if (!(frame->spacing[0] > 0 && frame->spacing[1] > 0))
    return cm__stack_note(pool, stack, "the pixel spacing is unknown and stands as 1", err);
  return true;
}

/* ---- grid and tilt */

/* Offset of slice `at` from the first one along axis 0 or 1, in mm. */
static double in_plane(const Group *group, const CmFrame *const *frames, int64_t at, int axis) {
  double sum = 0;
  for (int i = 0; i < 3; i++)
    sum += (frames[at]->position[i] - frames[0]->position[i]) * group->direction[3 * i + axis];
  return sum;
}

static bool find_tilt(CmPool *pool, const Group *group, CmStack *stack, CmError **err) {
  int64_t last = stack->places[stack->slices - 1];
  double whole = 0, off = 0;
  int64_t worst = 0;
  for (int axis = 0; axis < 2; axis++) {
    stack->shear[axis] = in_plane(group, stack->frames, stack->slices - 1, axis) / (double)last;
    whole = fmax(whole, fabs(stack->shear[axis]) * (double)last);
    for (int64_t i = 1; i < stack->slices; i++) {
      double deviation = fabs(in_plane(group, stack->frames, i, axis) - (double)stack->places[i] * stack->shear[axis]);
      if (deviation <= off) continue;
      off = deviation;
      worst = i;
    }
  }
  double allowed = CM_SPACING_TOLERANCE * group->pixel;
  if (off > allowed) {
    stack->fillable = false;
    return add_defect(
        pool, stack,
        cm__pool_printf(
            pool, err,
            "slice %lld of %lld lies %.3f mm beside the line through the others: the slices form no volume; "
            "read them one by one",
            (long long)worst + 1, (long long)stack->slices, off),
        err);
  }
  if (whole <= allowed) {
    stack->shear[0] = stack->shear[1] = 0;
    return true;
  }
  stack->tilted = true;
  stack->tilt_degrees = atan2(hypot(stack->shear[0], stack->shear[1]), stack->geometry.spacing[2]) * 180 / M_PI;
  return add_defect(
      pool, stack,
      cm__pool_printf(
          pool, err,
          "the slices are sheared by %.2f degrees (gantry tilt: each lies %.3f mm along the rows and %.3f mm "
          "down the columns from the one before); tilt correct resamples them",
          stack->tilt_degrees, stack->shear[0], stack->shear[1]),
      err);
}

static const char *gap_text(CmPool *pool, const CmStack *stack, const double *along, CmError **err) {
  const char *text = NULL;
  int64_t gaps = 0, missing = stack->grid_slices - stack->slices;
  for (int64_t i = 1; i < stack->slices; i++) {
    int64_t absent = stack->places[i] - stack->places[i - 1] - 1;
    if (absent <= 0 || gaps++ >= 3) continue;
    const CmFrame *a = stack->frames[i - 1], *b = stack->frames[i];
    text = cm__pool_printf(
        pool, err, "%s%s%lld between slice %lld (%.2f mm, instance %.0f) and slice %lld (%.2f mm, instance %.0f)",
        text ? text : "", text ? ", " : "", (long long)absent, (long long)i, along[i - 1],
        isnan(a->fact[CM_FACT_INSTANCE]) ? 0 : a->fact[CM_FACT_INSTANCE], (long long)i + 1, along[i],
        isnan(b->fact[CM_FACT_INSTANCE]) ? 0 : b->fact[CM_FACT_INSTANCE]);
    if (!text) return NULL;
  }
  return cm__pool_printf(
      pool, err,
      "%lld slice%s missing: %s%s; the spacing is %.4g mm; fill linear interpolates, fill drop keeps the longest even "
      "run",
      (long long)missing, missing == 1 ? " is" : "s are", text, gaps > 3 ? ", and more" : "",
      stack->geometry.spacing[2]);
}

/* Grid, gaps and tilt of a stack whose frames are in place. */
static bool find_grid(CmPool *pool, const Group *group, CmStack *stack, const double *along, CmError **err) {
  CmGrid grid = cm__grid_fit(along, stack->slices, stack->places);
  stack->geometry.spacing[2] = grid.step;
  if (grid.kind == CM_GRID_IRREGULAR) {
    for (int64_t i = 0; i < stack->slices; i++) stack->places[i] = i;
    return add_defect(
        pool, stack,
        cm__pool_printf(
            pool, err,
            "the slices are unevenly spaced: %.4g mm between slice %lld and slice %lld (of %lld), elsewhere "
            "%.4g mm, and no whole multiple; select the even part, or resample from the single slices",
            grid.worst_step, (long long)grid.worst + 1, (long long)grid.worst + 2, (long long)stack->slices, grid.step),
        err);
  }
  stack->grid_slices = grid.places;
  if (grid.kind == CM_GRID_GAPS) {
    stack->fillable = true;
    if (!add_defect(pool, stack, gap_text(pool, stack, along, err), err)) return false;
  }
  return find_tilt(pool, group, stack, err);
}

/* ---- a stack out of frames in place */

static int by_group_and_position(const void *a, const void *b) {
  const Item *x = a, *y = b;
  int order = (x->group > y->group) - (x->group < y->group);
  if (!order) order = (x->position > y->position) - (x->position < y->position);
  return order ? order : cm__frame_order(x->frame, y->frame);
}

/* Items are complete: `times` groups of one frame at every position. */
static CmStack *fill_stack(CmPool *pool, Group *group, int64_t times, const char *label, CmStackList *list,
                           CmError **err) {
  CmStack *stack = cm__stack_new(pool, list, group->positions, times, label, err);
  double *along = cm__pool_alloc(pool, (size_t)group->positions, sizeof *along, err);
  if (!stack || !along) return NULL;
  qsort(group->items, (size_t)group->count, sizeof *group->items, by_group_and_position);
  for (int64_t i = 0; i < group->count; i++) stack->frames[i] = group->items[i].frame;
  for (int64_t i = 0; i < group->positions; i++) along[i] = group->items[i].along;
  const CmFrame *first = stack->frames[0];
  memcpy(stack->geometry.direction, group->direction, sizeof group->direction);
  memcpy(stack->geometry.origin, first->position, sizeof first->position);
  stack->rank = times > 1 ? 4 : stack->slices > 1 ? 3 : 2;
  if (!cm__stack_spacing(pool, stack, first, err)) return NULL;
  if (stack->slices > 1 && !find_grid(pool, group, stack, along, err)) return NULL;
  return stack;
}

/* ---- telling frames at the same position apart */

/* Which partition is tried: a fact, or the gradient. */
typedef struct Divider {
  bool gradient;
  CmFact fact;
} Divider;

static const char *divider_name(Divider divider) {
  return divider.gradient ? cm__trait_name(CM_TRAIT_GRADIENT) : cm__fact_name(divider.fact);
}

static bool divider_same(Divider divider, const CmFrame *a, const CmFrame *b) {
  if (!divider.gradient) return cm__fact_same(divider.fact, a->fact[divider.fact], b->fact[divider.fact]);
  const char *s = a->trait[CM_TRAIT_GRADIENT], *t = b->trait[CM_TRAIT_GRADIENT];
  return s && t ? !strcmp(s, t) : s == t;
}

static int by_divider(const void *a, const void *b, void *user) {
  const Item *x = a, *y = b;
  const Divider *divider = user;
  if (!divider->gradient) {
    double s = x->frame->fact[divider->fact], t = y->frame->fact[divider->fact];
    if (isnan(s) != isnan(t)) return isnan(s) - isnan(t);
    if (s < t || s > t) return s < t ? -1 : 1;
  }
  return cm__frame_order(x->frame, y->frame); /* gradients in the order of acquisition */
}

typedef struct Partition {
  int64_t groups;
  bool full;   /* every group is at every position */
  bool single; /* no group is twice at one position */
} Partition;

/* Sorts the items by the divider and numbers its groups. */
static bool partition(CmPool *pool, Group *group, Divider divider, Partition *result, CmError **err) {
  qsort_r(group->items, (size_t)group->count, sizeof *group->items, by_divider, &divider);
  const CmFrame **starts = cm__pool_alloc(pool, (size_t)group->count, sizeof *starts, err);
  int64_t *seen = cm__pool_alloc(pool, (size_t)group->count, sizeof *seen, err);
  if (!starts || !seen) return false;
  *result = (Partition){.full = true, .single = true};
  for (int64_t i = 0; i < group->count; i++) {
    int64_t at = result->groups - 1;
    while (at >= 0 && !divider_same(divider, starts[at], group->items[i].frame)) at = divider.gradient ? at - 1 : -1;
    if (at < 0) starts[at = result->groups++] = group->items[i].frame;
    group->items[i].group = at;
  }
  qsort(group->items, (size_t)group->count, sizeof *group->items, by_group_and_position);
  for (int64_t i = 0; i < group->count; i++) {
    const Item *item = &group->items[i];
    bool again = i > 0 && item[-1].group == item->group && item[-1].position == item->position;
    if (again)
      result->single = false;
    else
      seen[item->group]++;
  }
  for (int64_t at = 0; at < result->groups; at++)
    if (seen[at] != group->positions) result->full = false;
  return true;
}

static bool assemble_items(CmPool *pool, const Group *group, const char *label, CmStackList *list, CmError **err);

/* Each group of the partition by itself. */
static bool divide(CmPool *pool, Group *group, Divider divider, int64_t groups, const char *label, CmStackList *list,
                   CmError **err) {
  Group part = *group;
  int64_t begin = 0;
  for (int64_t at = 0; at < groups; at++) {
    int64_t end = begin;
    while (end < group->count && group->items[end].group == at) end++;
    part.items = group->items + begin;
    part.count = end - begin;
    const CmFrame *frame = part.items[0].frame;
    bool number =
        !divider.gradient && cm__fact_role(divider.fact) != CM_ROLE_ORDER && !isnan(frame->fact[divider.fact]);
    const char *name =
        number ? cm__pool_printf(pool, err, "%s/%s=%.10g", label, divider_name(divider), frame->fact[divider.fact])
               : cm__pool_printf(pool, err, "%s/%s=%lld", label, divider_name(divider), (long long)at + 1);
    if (!name || !assemble_items(pool, &part, name, list, err)) return false;
    begin = end;
  }
  return true;
}

/* A complete partition into time points: one stack with a fourth axis where they are evenly spaced, else one for each.
 */
static bool make_times(CmPool *pool, Group *group, Divider divider, int64_t times, const char *label, CmStackList *list,
                       CmError **err) {
  int before = list->count;
  CmStack *stack = fill_stack(pool, group, times, label, list, err);
  bool even = true;
  if (!stack) return false;
  if (!cm__stack_clock(pool, stack, divider_name(divider), divider.gradient ? CM_FACT_COUNT : divider.fact, &even, err))
    return false;
  if (even) return true;
  list->count = before;
  return divide(pool, group, divider, times, label, list, err);
}

/* The k-th frame at each position, by a fact that merely orders, makes time point k, provided that time points do not
 * overlap. */
static bool rank_times(Group *group, CmFact fact, int64_t *times) {
  Divider divider = {.fact = fact};
  qsort_r(group->items, (size_t)group->count, sizeof *group->items, by_divider, &divider);
  if (isnan(group->items[group->count - 1].frame->fact[fact])) return false;
  *times = group->count / group->positions;
  if (*times * group->positions != group->count) return false;
  /* Sorted by the fact, the first `positions` frames must be one of each position, and so on. Instance numbers may also
   * count the times of the first position, then of the second. */
  bool by_position = fact == CM_FACT_INSTANCE;
  for (int64_t i = 1; i < group->count && by_position; i++)
    by_position = (group->items[i].position == group->items[i - 1].position) == (i % *times != 0);
  for (int64_t i = 0; i < group->count; i++) group->items[i].group = by_position ? i % *times : i / group->positions;
  for (int64_t i = group->positions; i < group->count; i += group->positions)
    if (cm__fact_same(fact, group->items[i - 1].frame->fact[fact], group->items[i].frame->fact[fact])) return false;
  qsort(group->items, (size_t)group->count, sizeof *group->items, by_group_and_position);
  for (int64_t i = 0; i < group->count; i++)
    if (group->items[i].position != i % group->positions) return false;
  return true;
}

typedef bool (*Accepts)(Partition partition);
static bool is_axis(Partition p) {
  return p.groups > 1 && p.full && p.single;
}
static bool is_full(Partition p) {
  return p.groups > 1 && p.full;
}
static bool is_single(Partition p) {
  return p.groups > 1 && p.single;
}

/* First divider of the role whose partition is acceptable; groups = 0: none. */
static bool find_divider(CmPool *pool, Group *group, CmRole role, Accepts accepts, Divider *divider, int64_t *groups,
                         CmError **err) {
  *groups = 0;
  for (int fact = 0; fact <= CM_FACT_COUNT; fact++) {
    *divider = (Divider){.gradient = fact == CM_FACT_COUNT, .fact = (CmFact)(fact % CM_FACT_COUNT)};
    if (divider->gradient ? role != CM_ROLE_TIME : cm__fact_role(divider->fact) != role) continue;
    Partition tried;
    if (!partition(pool, group, *divider, &tried, err)) return false;
    if (!accepts(tried)) continue;
    *groups = tried.groups;
    return true;
  }
  return true;
}

static bool refuse_same_place(CmPool *pool, Group *group, const char *label, CmStackList *list, CmError **err) {
  qsort(group->items, (size_t)group->count, sizeof *group->items, by_group_and_position);
  CmStack *stack = cm__stack_new(pool, list, group->count, 1, label, err);
  if (!stack) return false;
  int64_t most = 0, run = 0, where = 0;
  for (int64_t i = 0; i < group->count; i++) group->items[i].group = 0;
  qsort(group->items, (size_t)group->count, sizeof *group->items, by_group_and_position);
  for (int64_t i = 0; i < group->count; i++) {
    stack->frames[i] = group->items[i].frame;
    run = i > 0 && group->items[i].position == group->items[i - 1].position ? run + 1 : 1;
    if (run <= most) continue;
    most = run;
    where = i;
  }
  const CmFrame *frame = group->items[where].frame;
  stack->rank = 3;
  memcpy(stack->geometry.direction, group->direction, sizeof group->direction);
  memcpy(stack->geometry.origin, group->items[0].frame->position, sizeof group->items[0].frame->position);
  if (!cm__stack_spacing(pool, stack, group->items[0].frame, err)) return false;
  return add_defect(
      pool, stack,
      cm__pool_printf(
          pool, err,
          "%lld frames lie in the same plane (at %.2f, %.2f, %.2f mm; %lld frames at %lld positions) and no "
          "attribute tells them apart as time points, echoes or phases; sort the series apart",
          (long long)most, frame->position[0], frame->position[1], frame->position[2], (long long)group->count,
          (long long)group->positions),
      err);
}

/* Frames that share positions: volumes by parameter, then time points, then whatever tells them apart. */
static bool resolve_shared(CmPool *pool, Group *group, const char *label, CmStackList *list, CmError **err) {
  static const struct {
    CmRole role;
    Accepts accepts;
    bool axis;
  } ways[] = {
      {CM_ROLE_PLACE, is_full, false}, {CM_ROLE_TIME, is_axis, true},    {CM_ROLE_TIME, is_full, false},
      {CM_ROLE_ORDER, NULL, true},     {CM_ROLE_TIME, is_single, false}, {CM_ROLE_PLACE, is_single, false},
  };
  for (int way = 0; way < CM_COUNT(ways); way++) {
    Divider divider;
    int64_t groups = 0;
    if (ways[way].accepts) {
      if (!find_divider(pool, group, ways[way].role, ways[way].accepts, &divider, &groups, err)) return false;
    } else {
      for (int fact = 0; fact < CM_FACT_COUNT && !groups; fact++) {
        divider = (Divider){.fact = (CmFact)fact};
        if (cm__fact_role(divider.fact) == CM_ROLE_ORDER && !rank_times(group, divider.fact, &groups)) groups = 0;
      }
    }
    if (!groups) continue;
    return ways[way].axis ? make_times(pool, group, divider, groups, label, list, err)
                          : divide(pool, group, divider, groups, label, list, err);
  }
  return refuse_same_place(pool, group, label, list, err);
}

/* ---- positions */

static int by_along(const void *a, const void *b) {
  const Item *x = a, *y = b;
  if (x->along < y->along || x->along > y->along) return x->along < y->along ? -1 : 1;
  return cm__frame_order(x->frame, y->frame);
}

/* Numbers the positions along the normal; false in *planar where frames of one position lie beside each other. */
static void number_positions(Group *group, bool *planar) {
  qsort(group->items, (size_t)group->count, sizeof *group->items, by_along);
  *planar = true;
  group->positions = 0;
  const Item *start = NULL;
  for (int64_t i = 0; i < group->count; i++) {
    Item *item = &group->items[i];
    if (!start || item->along - start->along > CM_SAME_POSITION * group->pixel) {
      start = item;
      group->positions++;
    }
    item->position = group->positions - 1;
    item->group = 0;
    double beside = 0;
    for (int k = 0; k < 3; k++) beside += pow(item->frame->position[k] - start->frame->position[k], 2);
    if (sqrt(beside) > CM_SPACING_TOLERANCE * group->pixel) *planar = false;
  }
}

/* Several even runs that overlap make an uneven one: they come apart by acquisition or another fact, if each part is
 * even. */
static bool comes_apart(CmPool *pool, Group *group, Divider *divider, int64_t *groups, CmError **err) {
  *groups = 0;
  for (int fact = 0; fact < CM_FACT_COUNT; fact++) {
    *divider = (Divider){.fact = (CmFact)fact};
    if (cm__fact_role(divider->fact) != CM_ROLE_TIME && cm__fact_role(divider->fact) != CM_ROLE_PLACE) continue;
    Partition tried;
    if (!partition(pool, group, *divider, &tried, err)) return false;
    if (tried.groups < 2 || tried.groups > group->count / 2) continue;
    bool even = true;
    for (int64_t begin = 0, end; even && begin < group->count; begin = end) {
      for (end = begin; end < group->count && group->items[end].group == group->items[begin].group;) end++;
      double *along = cm__pool_alloc(pool, (size_t)(end - begin), sizeof *along, err);
      int64_t *places = cm__pool_alloc(pool, (size_t)(end - begin), sizeof *places, err);
      if (!along || !places) return false;
      for (int64_t i = begin; i < end; i++) along[i - begin] = group->items[i].along;
      even = end - begin > 1 && cm__grid_fit(along, end - begin, places).kind == CM_GRID_EVEN;
    }
    if (!even) continue;
    *groups = tried.groups;
    return true;
  }
  return true;
}

/* Localizers that form no even stack are pictures of their own. */
static bool one_by_one(CmPool *pool, Group *group, const char *label, CmStackList *list, CmError **err) {
  Group part = *group;
  qsort(group->items, (size_t)group->count, sizeof *group->items, by_along);
  for (int64_t i = 0; i < group->count; i++) {
    part.items = group->items + i;
    part.count = 1;
    const char *name = cm__pool_printf(pool, err, "%s/slice=%lld", label, (long long)i + 1);
    if (!name || !assemble_items(pool, &part, name, list, err)) return false;
  }
  return true;
}

static bool assemble_items(CmPool *pool, const Group *whole, const char *label, CmStackList *list, CmError **err) {
  Group group = *whole;
  bool planar;
  number_positions(&group, &planar);
  if (group.positions != group.count || !planar) {
    if (group.positions == group.count || planar) return resolve_shared(pool, &group, label, list, err);
    return refuse_same_place(pool, &group, label, list, err);
  }
  int before = list->count;
  CmStack *stack = fill_stack(pool, &group, 1, label, list, err);
  if (!stack) return false;
  if (!stack->defect || group.count < 3) return true;
  if (stack->frames[0]->localizer) {
    list->count = before;
    return one_by_one(pool, &group, label, list, err);
  }
  Divider divider;
  int64_t groups = 0;
  if (stack->tilted || stack->fillable) return true;
  if (!comes_apart(pool, &group, &divider, &groups, err)) return false;
  if (!groups) return true;
  list->count = before;
  return divide(pool, &group, divider, groups, label, list, err);
}

bool cm__stack_assemble(CmPool *pool, const CmFrame **frames, int64_t count, const char *label, CmStackList *list,
                        CmError **err) {
  Group group = {.count = count};
  group.items = cm__pool_alloc(pool, (size_t)count, sizeof *group.items, err);
  if (!group.items) return false;
  if (!cm__frame_axes(frames[0], group.direction)) return cm__stack_ordered(pool, frames, count, label, list, err);
  const double *spacing = frames[0]->spacing;
  group.pixel = spacing[0] > 0 && spacing[1] > 0 ? fmin(spacing[0], spacing[1]) : 1;
  for (int64_t i = 0; i < count; i++) {
    double along = 0;
    for (int k = 0; k < 3; k++) along += frames[i]->position[k] * group.direction[3 * k + 2];
    group.items[i] = (Item){.frame = frames[i], .along = along};
  }
  return assemble_items(pool, &group, label, list, err);
}
