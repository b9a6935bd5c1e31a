/* The fourth axis, and frames that have no place in space. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/dicom/volume.h"

/* ---- time */

/* Earliest value of a fact at each time point; false where one is absent or they do not ascend. */
static bool clock_values(const CmStack *stack, CmFact fact, double *values) {
  for (int64_t t = 0; t < stack->times; t++) {
    double least = INFINITY;
    for (int64_t s = 0; s < stack->slices; s++) {
      double value = stack->frames[t * stack->slices + s]->fact[fact];
      if (isnan(value)) return false;
      least = fmin(least, value);
    }
    values[t] = least;
    if (t > 0 && !(values[t] > values[t - 1])) return false;
  }
  return true;
}

bool cm__stack_clock(CmPool *pool, CmStack *stack, const char *name, CmFact fact, bool *even, CmError **err) {
  *even = true;
  stack->time_name = name;
  if (fact == CM_FACT_COUNT) return true; /* an axis of directions has no time */
  /* Percent of a heart beat or a breath is no time unless the trigger delay says so; content time is when a file was
   * written. */
  static const CmFact clocks[] = {CM_FACT_TIME_OFFSET, CM_FACT_REFERENCE_TIME, CM_FACT_TRIGGER_TIME,
                                  CM_FACT_ACQUISITION_TIME};
  bool percent = fact == CM_FACT_CARDIAC_PERCENT || fact == CM_FACT_RESPIRATORY_PERCENT;
  double *values = cm__pool_alloc(pool, (size_t)stack->times, sizeof *values, err);
  if (!values) return false;
  bool known = false;
  for (int i = 0; i < CM_COUNT(clocks) && !known; i++) {
    if (percent && clocks[i] == CM_FACT_ACQUISITION_TIME) continue;
    known = clock_values(stack, clocks[i], values);
  }
  if (!known && fact == CM_FACT_CONTENT_TIME) known = clock_values(stack, fact, values);
  if (!known) return cm__stack_note(pool, stack, "the time between time points is unknown and stands as 1 s", err);
  double first = values[0], step = (values[stack->times - 1] - first) / (double)(stack->times - 1);
  for (int64_t t = 0; t < stack->times; t++) {
    values[t] -= first;
    if (fabs(values[t] - (double)t * step) > CM_TIME_TOLERANCE * step) *even = false;
  }
  stack->time_values = values;
  stack->geometry.spacing_t = fmax(floor(step * 1e6 + 0.5) / 1e6, 1e-6); /* clocks of DICOM count microseconds */
  return true;
}

/* ---- without positions */

static int by_order(const void *a, const void *b) {
  return cm__frame_order(*(const CmFrame *const *)a, *(const CmFrame *const *)b);
}

static const char *stack_of(const CmFrame *frame) {
  return frame->trait[CM_TRAIT_STACK] ? frame->trait[CM_TRAIT_STACK] : "";
}

/* Frames of one file stay together, and of these the ones of one detector and energy window. */
static int by_picture(const void *a, const void *b) {
  const CmFrame *x = *(const CmFrame *const *)a, *y = *(const CmFrame *const *)b;
  int order = strcmp(x->uid, y->uid) ? cm__frame_order(x, y) : 0;
  if (!order) order = strcmp(stack_of(x), stack_of(y));
  return order ? order : cm__frame_order(x, y);
}

static bool same_picture(const CmFrame *a, const CmFrame *b) {
  return !strcmp(a->uid, b->uid) && !strcmp(stack_of(a), stack_of(b));
}

/* Direction where the orientation is known, though the position is not. */
static bool set_place(CmPool *pool, CmStack *stack, const CmFrame *frame, CmError **err) {
  double direction[9];
  if (cm__frame_axes(frame, direction)) memcpy(stack->geometry.direction, direction, sizeof direction);
  if (cm__frame_has_position(frame)) memcpy(stack->geometry.origin, frame->position, sizeof frame->position);
  return cm__stack_spacing(pool, stack, frame, err);
}

bool cm__stack_alone(CmPool *pool, const CmFrame **frames, int64_t count, const char *label, CmStackList *list,
                     CmError **err) {
  qsort(frames, (size_t)count, sizeof *frames, by_picture);
  int64_t pictures = 0;
  for (int64_t i = 0; i < count; i++) pictures += i == 0 || !same_picture(frames[i], frames[i - 1]);
  int64_t picture = 0;
  for (int64_t begin = 0, end; begin < count; begin = end) {
    end = begin + 1;
    while (end < count && same_picture(frames[end], frames[begin])) end++;
    picture++;
    const char *name = label;
    if (pictures > 1) name = cm__pool_printf(pool, err, "%s/image=%lld", label, (long long)picture);
    CmStack *stack = name ? cm__stack_new(pool, list, 1, end - begin, name, err) : NULL;
    if (!stack) return false;
    memcpy(stack->frames, frames + begin, (size_t)(end - begin) * sizeof *frames);
    stack->rank = end - begin > 1 ? 4 : 2;
    if (!set_place(pool, stack, frames[begin], err)) return false;
    if (end - begin == 1) continue;
    bool even;
    if (!cm__stack_clock(pool, stack, "frame", CM_FACT_TIME_OFFSET, &even, err)) return false;
    /* A film stays a film: its times stand in the metadata. */
    if (!even && !cm__stack_note(pool, stack, "the time between frames varies; their times are in the metadata", err))
      return false;
  }
  return true;
}

bool cm__stack_ordered(CmPool *pool, const CmFrame **frames, int64_t count, const char *label, CmStackList *list,
                       CmError **err) {
  qsort(frames, (size_t)count, sizeof *frames, by_order);
  bool distinct = !isnan(cm__frame_depth(frames[0]));
  for (int64_t i = 0; i < count && distinct; i++) {
    double number = frames[i]->fact[CM_FACT_INSTANCE];
    distinct = !isnan(number) && (i == 0 || number > frames[i - 1]->fact[CM_FACT_INSTANCE]);
  }
  if (count == 1 || !distinct) return cm__stack_alone(pool, frames, count, label, list, err);
  CmStack *stack = cm__stack_new(pool, list, count, 1, label, err);
  if (!stack) return false;
  memcpy(stack->frames, frames, (size_t)count * sizeof *frames);
  stack->rank = 3;
  return set_place(pool, stack, frames[0], err) &&
         cm__stack_note(
             pool, stack,
             "no slice has a position: the order is that of the instance numbers, the spacing that of the slice "
             "thickness, the place unknown",
             err);
}
