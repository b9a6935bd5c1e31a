/* Splits the frames of a series by everything that must never stack. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/dicom/volume.h"

/* One way to split: sorts by it, tells neighbours apart, and says its value in keys. */
typedef struct Splitter {
  const char *name;
  int (*compare)(const CmFrame *a, const CmFrame *b, int which);
  bool (*same)(const CmFrame *a, const CmFrame *b, int which);
  const char *(*value)(CmPool *pool, const CmFrame *frame, int which, CmError **err);
  int which;
} Splitter;

/* ---- layout and size */

static int compare_layout(const CmFrame *a, const CmFrame *b, int which) {
  (void)which;
  return (int)a->layout - (int)b->layout;
}
static bool same_layout(const CmFrame *a, const CmFrame *b, int which) {
  (void)which;
  return a->layout == b->layout;
}
static const char *layout_value(CmPool *pool, const CmFrame *frame, int which, CmError **err) {
  (void)which;
  static const char *const names[] = {"space", "order", "alone"};
  return cm__pool_text(pool, names[frame->layout], err);
}

static int compare_size(const CmFrame *a, const CmFrame *b, int which) {
  (void)which;
  int order = (a->columns > b->columns) - (a->columns < b->columns);
  if (!order) order = (a->rows > b->rows) - (a->rows < b->rows);
  return order ? order : (int)a->colour - (int)b->colour;
}
static bool same_size(const CmFrame *a, const CmFrame *b, int which) {
  return compare_size(a, b, which) == 0;
}
static const char *size_value(CmPool *pool, const CmFrame *frame, int which, CmError **err) {
  (void)which;
  return cm__pool_printf(pool, err, "%lldx%lld%s", (long long)frame->columns, (long long)frame->rows,
                         frame->colour ? "rgb" : "");
}

/* ---- pixel spacing and orientation */

static int compare_reals(const double *a, const double *b, int count) {
  for (int i = 0; i < count; i++) {
    if (isnan(a[i]) || isnan(b[i])) {
      if (isnan(a[i]) != isnan(b[i])) return isnan(a[i]) - isnan(b[i]);
    } else if (a[i] < b[i] || a[i] > b[i]) {
      return a[i] < b[i] ? -1 : 1;
    }
  }
  return 0;
}
static bool close_reals(const double *a, const double *b, int count, double absolute, double relative) {
  for (int i = 0; i < count; i++) {
    if (isnan(a[i]) != isnan(b[i])) return false;
    if (!isnan(a[i]) && fabs(a[i] - b[i]) > absolute + relative * fabs(a[i])) return false;
  }
  return true;
}

static int compare_spacing(const CmFrame *a, const CmFrame *b, int which) {
  (void)which;
  return compare_reals(a->spacing, b->spacing, 2);
}
/* 0.1% of a pixel's size adds up to half a pixel over 512 of them. */
static bool same_spacing(const CmFrame *a, const CmFrame *b, int which) {
  (void)which;
  return close_reals(a->spacing, b->spacing, 2, 0, 1e-3);
}
static const char *spacing_value(CmPool *pool, const CmFrame *frame, int which, CmError **err) {
  (void)which;
  return cm__pool_printf(pool, err, "%gx%g", frame->spacing[0], frame->spacing[1]);
}

static int compare_orientation(const CmFrame *a, const CmFrame *b, int which) {
  (void)which;
  return compare_reals(a->orientation, b->orientation, 6);
}
/* 0.002 is 0.1 degree; scanners repeat the vectors of a series to 6 digits and more. */
static bool same_orientation(const CmFrame *a, const CmFrame *b, int which) {
  (void)which;
  return close_reals(a->orientation, b->orientation, 6, 2e-3, 0);
}
static const char *orientation_value(CmPool *pool, const CmFrame *frame, int which, CmError **err) {
  (void)which;
  double direction[9];
  if (!cm__frame_axes(frame, direction)) return cm__pool_text(pool, "none", err);
  static const char *const planes[] = {"sagittal", "coronal", "axial"};
  int most = 0;
  for (int i = 1; i < 3; i++)
    if (fabs(direction[3 * i + 2]) > fabs(direction[3 * most + 2])) most = i;
  return cm__pool_text(pool, planes[most], err);
}

/* ---- traits and facts */

static int compare_trait(const CmFrame *a, const CmFrame *b, int which) {
  const char *s = a->trait[which], *t = b->trait[which];
  return s && t ? strcmp(s, t) : (s != NULL) - (t != NULL);
}
static bool same_trait(const CmFrame *a, const CmFrame *b, int which) {
  return compare_trait(a, b, which) == 0;
}
/* Keys are words in a shell and parts of file names: anything else than letters, digits, dot, sign and comma becomes a
 * dash. */
static const char *trait_value(CmPool *pool, const CmFrame *frame, int which, CmError **err) {
  const char *text = frame->trait[which] ? frame->trait[which] : "none";
  size_t size = strlen(text);
  char *word = cm__pool_alloc(pool, size + 1, 1, err);
  for (size_t i = 0; word && i < size; i++) {
    char c = text[i];
    bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(".,+-_", c) != NULL;
    word[i] = plain ? c : '-';
  }
  return word;
}

static int compare_fact(const CmFrame *a, const CmFrame *b, int which) {
  return compare_reals(&a->fact[which], &b->fact[which], 1);
}
static bool same_fact(const CmFrame *a, const CmFrame *b, int which) {
  return cm__fact_same((CmFact)which, a->fact[which], b->fact[which]);
}
static const char *fact_value(CmPool *pool, const CmFrame *frame, int which, CmError **err) {
  double value = frame->fact[which];
  return isnan(value) ? cm__pool_text(pool, "none", err) : cm__pool_printf(pool, err, "%.10g", value);
}

/* ---- the ladder */

#define FIRST_SPLITTERS 4
static const Splitter first_splitters[FIRST_SPLITTERS] = {
    {"layout", compare_layout, same_layout, layout_value, 0},
    {"size", compare_size, same_size, size_value, 0},
    {"orientation", compare_orientation, same_orientation, orientation_value, 0},
    {"spacing", compare_spacing, same_spacing, spacing_value, 0},
};

/* Step `at` of the ladder: size and space first, then texts, then numbers. false: the ladder ends. */
static bool splitter_at(int at, Splitter *splitter) {
  if (at < FIRST_SPLITTERS) {
    *splitter = first_splitters[at];
    return true;
  }
  at -= FIRST_SPLITTERS;
  if (at < CM_TRAIT_GRADIENT) {
    *splitter = (Splitter){cm__trait_name((CmTrait)at), compare_trait, same_trait, trait_value, at};
    return true;
  }
  at -= CM_TRAIT_GRADIENT;
  for (int fact = 0; fact < CM_FACT_COUNT; fact++) {
    if (cm__fact_role((CmFact)fact) != CM_ROLE_SPLIT || at-- > 0) continue;
    *splitter = (Splitter){cm__fact_name((CmFact)fact), compare_fact, same_fact, fact_value, fact};
    return true;
  }
  return false;
}

static int compare_frames(const void *a, const void *b, void *user) {
  const Splitter *splitter = user;
  const CmFrame *x = *(const CmFrame *const *)a, *y = *(const CmFrame *const *)b;
  int order = splitter->compare(x, y, splitter->which);
  return order ? order : cm__frame_order(x, y);
}

static bool stack_group(CmPool *pool, const CmFrame **frames, int64_t count, const char *label, CmStackList *list,
                        CmError **err) {
  switch (frames[0]->layout) {
    case CM_LAYOUT_SPACE:
      return cm__stack_assemble(pool, frames, count, label, list, err);
    case CM_LAYOUT_ORDER:
      return cm__stack_ordered(pool, frames, count, label, list, err);
    default:
      return cm__stack_alone(pool, frames, count, label, list, err);
  }
}

/* The label of group `group` of `groups`: nothing where there is one; a number where an earlier group has the same
 * value. */
static const char *group_label(CmPool *pool, const Splitter *splitter, const CmFrame *const *starts, int64_t group,
                               int64_t groups, const char *label, CmError **err) {
  if (groups == 1) return label;
  const char *value = splitter->value(pool, starts[group], splitter->which, err);
  if (!value) return NULL;
  int64_t again = 1;
  for (int64_t i = 0; i < group; i++) {
    const char *earlier = splitter->value(pool, starts[i], splitter->which, err);
    if (!earlier) return NULL;
    if (!strcmp(earlier, value)) again++;
  }
  if (again == 1) return cm__pool_printf(pool, err, "%s/%s=%s", label, splitter->name, value);
  return cm__pool_printf(pool, err, "%s/%s=%s.%lld", label, splitter->name, value, (long long)again);
}

static bool split(CmPool *pool, const CmFrame **frames, int64_t count, int at, const char *label, CmStackList *list,
                  CmError **err) {
  Splitter splitter;
  /* Pictures of their own are told apart by file alone. */
  if (!splitter_at(at, &splitter) || (at > 0 && frames[0]->layout == CM_LAYOUT_ALONE))
    return stack_group(pool, frames, count, label, list, err);
  qsort_r(frames, (size_t)count, sizeof *frames, compare_frames, &splitter);
  int64_t *begins = cm__pool_alloc(pool, (size_t)count + 1, sizeof *begins, err);
  int64_t *group_of = cm__pool_alloc(pool, (size_t)count, sizeof *group_of, err);
  const CmFrame **starts = cm__pool_alloc(pool, (size_t)count, sizeof *starts, err);
  const CmFrame **sorted = cm__pool_alloc(pool, (size_t)count, sizeof *sorted, err);
  if (!begins || !group_of || !starts || !sorted) return false;
  /* Sorted by value, yet compared with every group: of six noisy numbers the sort alone would tear groups apart. */
  int64_t groups = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t group = groups - 1;
    while (group >= 0 && !splitter.same(starts[group], frames[i], splitter.which)) group--;
    if (group < 0) starts[group = groups++] = frames[i];
    group_of[i] = group;
    begins[group + 1]++;
  }
  for (int64_t group = 0; group < groups; group++) begins[group + 1] += begins[group];
  int64_t *next = cm__pool_alloc(pool, (size_t)groups, sizeof *next, err);
  if (!next) return false;
  memcpy(next, begins, (size_t)groups * sizeof *next);
  for (int64_t i = 0; i < count; i++) sorted[next[group_of[i]]++] = frames[i];
  memcpy(frames, sorted, (size_t)count * sizeof *frames);
  for (int64_t group = 0; group < groups; group++) {
    const char *name = group_label(pool, &splitter, starts, group, groups, label, err);
    if (!name || !split(pool, frames + begins[group], begins[group + 1] - begins[group], at + 1, name, list, err))
      return false;
  }
  return true;
}

bool cm__frames_to_stacks(CmPool *pool, const CmFrame *const *frames, int64_t count, CmStackList *list, CmError **err) {
  if (count <= 0) return true;
  const CmFrame **own = cm__pool_alloc(pool, (size_t)count, sizeof *own, err);
  if (!own) return false;
  for (int64_t i = 0; i < count; i++) own[i] = frames[i];
  return split(pool, own, count, 0, "", list, err);
}
