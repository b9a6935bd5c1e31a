#include "study/plan.h"

#include <stdio.h>
#include <string.h>

typedef struct Builder {
  CmPlan *plan;
  CmPlanSubject *subject;
  CmError **err;
} Builder;

static CmNode *node_at(const Builder *b, int at) {
  return &b->plan->nodes[at];
}

static const CmItem *item_at(const Builder *b, int at) {
  return &b->plan->inputs.items[at];
}

static int add_node(Builder *b, int step, int item, const char *visit, const char *later) {
  CmPlan *plan = b->plan;
  CmNode *nodes = cm__arena_grow(&plan->arena, plan->nodes, plan->node_count, sizeof *nodes, b->err);
  if (!nodes) return -1;
  plan->nodes = nodes;
  CmNode *node = &nodes[plan->node_count];
  *node = (CmNode){
      .step = step, .item = item, .visit = visit, .later = later, .series = later ? "" : item_at(b, item)->series};
  if (step >= 0) {
    int count = plan->spec->steps[step].op->input_count;
    node->in = cm__arena_alloc(&plan->arena, (size_t)count, sizeof *node->in, b->err);
    if (!node->in) return -1;
    for (int i = 0; i < count; i++) node->in[i] = (CmNodeIn){-1, 0};
    plan->step_nodes++;
  }
  b->subject->nodes++;
  return plan->node_count++;
}

static bool quarantine(Builder *b, int item, const char *visit, const char *step, CmErrorCode code,
                       const char *reason) {
  CmPlan *plan = b->plan;
  CmQuarantined *rows = cm__arena_grow(&plan->arena, plan->quarantined, plan->quarantined_count, sizeof *rows, b->err);
  if (!rows || !reason) return false;
  plan->quarantined = rows;
  rows[plan->quarantined_count++] =
      (CmQuarantined){item_at(b, item)->shown, b->subject->name, visit, step, cm_error_code_name(code), reason};
  return true;
}

static bool is_single(uint64_t roots) {
  return (roots & (roots - 1)) == 0;
}

/* The only item of an input at a visit: its index; -1: none, -2: several. */
static int only_item(const Builder *b, int input, const char *visit) {
  int found = -1;
  for (int i = b->subject->first_item; i < b->subject->first_item + b->subject->items; i++) {
    const CmItem *item = item_at(b, i);
    if (item->input != input || strcmp(item->visit, visit) != 0) continue;
    if (found >= 0) return -2;
    found = i;
  }
  return found;
}

static int find_node(const Builder *b, int step, int item, const char *visit, const char *later) {
  for (int n = b->subject->first_node; n < b->plan->node_count; n++) {
    const CmNode *node = node_at(b, n);
    if (node->step != step || (item >= 0 && node->item != item)) continue;
    if (visit && strcmp(node->visit, visit) != 0) continue;
    if ((later != NULL) != (node->later != NULL) || (later && strcmp(node->later, later) != 0)) continue;
    return n;
  }
  return -1;
}

/* The node that gives a reference its value for one visit; `item` where the unit is one image. */
static int resolve(const Builder *b, const CmSpecRef *ref, int item, const char *visit) {
  uint64_t roots = ref->input >= 0 ? (uint64_t)1 << ref->input : b->plan->spec->steps[ref->step].roots;
  if (is_single(roots)) {
    int root = 0;
    while (!(roots >> root & 1)) root++;
    if (item < 0 || item_at(b, item)->input != root) item = only_item(b, root, visit);
    return item < 0 ? -1 : find_node(b, ref->input >= 0 ? -1 : ref->step, item, NULL, NULL);
  }
  return find_node(b, ref->step, -1, visit, NULL);
}

static bool connect(Builder *b, int at, int item, const char *visit, const char *later) {
  const CmSpecStep *step = &b->plan->spec->steps[node_at(b, at)->step];
  for (int i = 0; i < step->op->input_count; i++) {
    const CmSpecRef *ref = &step->in[i];
    if (ref->input < 0 && ref->step < 0) continue;
    int from;
    if (!later)
      from = resolve(b, ref, item, visit);
    else if (ref->when == CM__WHEN_SAME)
      from = find_node(b, ref->step, -1, visit, later);
    else
      from = resolve(b, ref, -1, ref->when == CM__WHEN_BEFORE ? visit : later);
    if (from < 0) return false;
    node_at(b, at)->in[i] = (CmNodeIn){from, ref->step >= 0 ? ref->port : 0};
  }
  return true;
}

static void drop_last(Builder *b) {
  b->plan->node_count--;
  b->plan->step_nodes--;
  b->subject->nodes--;
}

/* ---- one visit ------------------------------------------------------------------------------------------------------
 */

static bool add_single(Builder *b, int step, int root) {
  for (int i = b->subject->first_item; i < b->subject->first_item + b->subject->items; i++) {
    if (item_at(b, i)->input != root) continue;
    int at = add_node(b, step, i, item_at(b, i)->visit, NULL);
    if (at < 0) return false;
    if (!connect(b, at, i, item_at(b, i)->visit, NULL)) drop_last(b);
  }
  return true;
}

static const char *missing_reason(Builder *b, int input, bool several) {
  const char *name = b->plan->spec->inputs[input].name;
  if (several)
    return cm__arena_printf(
        &b->plan->arena, b->err,
        "there are several images of «%s» for this visit; say which with series, select or modality at the input",
        name);
  return cm__arena_printf(
      &b->plan->arena, b->err,
      "there is no image of «%s» for this visit; say optional: true at the input if it may be absent", name);
}

/* A step on several inputs: one image of each at a visit. */
static bool add_joint(Builder *b, int step, const char *visit, int item) {
  const CmSpec *spec = b->plan->spec;
  uint64_t roots = spec->steps[step].roots;
  for (int r = 0; r < spec->input_count; r++) {
    if (!(roots >> r & 1)) continue;
    int only = only_item(b, r, visit);
    if (only == -1 && spec->inputs[r].optional) return true;
    if (only < 0)
      return quarantine(b, item, visit, spec->steps[step].name, only == -1 ? CM_ERR_MISSING : CM_ERR_DATA,
                        missing_reason(b, r, only == -2));
  }
  int first = 0;
  while (!(roots >> first & 1)) first++;
  int at = add_node(b, step, only_item(b, first, visit), visit, NULL);
  if (at < 0) return false;
  b->plan->nodes[at].series = "";
  if (!connect(b, at, -1, visit, NULL)) drop_last(b);
  return true;
}

/* Calls for every visit at which the roots have an image: `each` gets the first item of the visit. */
static int next_visit(const Builder *b, uint64_t roots, int from, bool all) {
  for (int i = from; i < b->subject->first_item + b->subject->items; i++) {
    const CmItem *item = item_at(b, i);
    if (i > b->subject->first_item && strcmp(item_at(b, i - 1)->visit, item->visit) == 0 && i != from) continue;
    bool any = false, every = true;
    for (int r = 0; r < b->plan->spec->input_count; r++) {
      if (!(roots >> r & 1)) continue;
      bool has = only_item(b, r, item->visit) != -1;
      any |= has;
      every &= has;
    }
    if (all ? every : any) return i;
  }
  return -1;
}

static int behind_visit(const Builder *b, int item) {
  int end = b->subject->first_item + b->subject->items, next = item + 1;
  while (next < end && strcmp(item_at(b, next)->visit, item_at(b, item)->visit) == 0) next++;
  return next;
}

/* ---- two visits -----------------------------------------------------------------------------------------------------
 */

static bool add_pair(Builder *b, int step, int before, int after) {
  const char *visit = item_at(b, before)->visit, *later = item_at(b, after)->visit;
  int at = add_node(b, step, after, visit, later);
  if (at < 0) return false;
  if (connect(b, at, -1, visit, later)) return true;
  drop_last(b);
  for (int v = 0; v < 2; v++)
    for (int r = 0; r < b->plan->spec->input_count; r++)
      if ((b->plan->spec->steps[step].roots >> r & 1) && only_item(b, r, v ? later : visit) == -2)
        return quarantine(b, v ? after : before, v ? later : visit, b->plan->spec->steps[step].name, CM_ERR_DATA,
                          missing_reason(b, r, true));
  return true;
}

static bool add_step(Builder *b, int step) {
  uint64_t roots = b->plan->spec->steps[step].roots;
  bool between = b->plan->spec->steps[step].between;
  if (!between && is_single(roots)) {
    int root = 0;
    while (!(roots >> root & 1)) root++;
    return add_single(b, step, root);
  }
  int before = -1;
  for (int i = next_visit(b, roots, b->subject->first_item, between); i >= 0;
       i = next_visit(b, roots, behind_visit(b, i), between)) {
    if (!between && !add_joint(b, step, item_at(b, i)->visit, i)) return false;
    if (between && before >= 0 && !add_pair(b, step, before, i)) return false;
    before = i;
  }
  return true;
}

static bool add_subject(CmPlan *plan, int first, int count, CmError **err) {
  CmPlanSubject *subjects = cm__arena_grow(&plan->arena, plan->subjects, plan->subject_count, sizeof *subjects, err);
  if (!subjects) return false;
  plan->subjects = subjects;
  CmPlanSubject *subject = &subjects[plan->subject_count++];
  *subject = (CmPlanSubject){plan->inputs.items[first].subject, plan->node_count, 0, first, count};
  Builder b = {plan, subject, err};
  for (int i = first; i < first + count; i++)
    if (add_node(&b, -1, i, plan->inputs.items[i].visit, NULL) < 0) return false;
  for (int s = 0; s < plan->spec->step_count; s++)
    if (!add_step(&b, s)) return false;
  return true;
}

bool cm__plan_make(CmPlan *plan, CmContext *ctx, CmSpec *spec, const char *keep, CmError **err) {
  *plan = (CmPlan){.ctx = ctx, .spec = spec, .arena.ctx = ctx};
  if (!cm__inputs_find(&plan->inputs, ctx, spec, keep, err)) return false;
  for (int i = 0; i < plan->inputs.count;) {
    int end = i + 1;
    while (end < plan->inputs.count && strcmp(plan->inputs.items[end].subject, plan->inputs.items[i].subject) == 0)
      end++;
    if (!add_subject(plan, i, end - i, err)) return false;
    i = end;
  }
  return true;
}

void cm__plan_free(CmPlan *plan) {
  cm__inputs_free(&plan->inputs);
  cm__arena_free(&plan->arena);
}

const char *cm__node_series(const CmPlan *plan, const CmNode *node) {
  (void)plan;
  return node->series;
}

void cm__path_word(const char *text, char *to, size_t size) {
  size_t used = 0;
  for (const char *c = text; *c && used + 4 < size; c++) {
    bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_' ||
                 *c == '-' || (*c == '.' && c != text);
    if (plain)
      to[used++] = *c;
    else
      used += (size_t)snprintf(to + used, size - used, "%%%02X", (unsigned)(unsigned char)*c);
  }
  to[used] = 0;
}

bool cm__node_image_path(const CmPlan *plan, const CmPlanSubject *subject, const CmNode *node, int port, char *to,
                         size_t size) {
  char name[700], visit[700], later[700], series[700];
  const CmSpecStep *step = &plan->spec->steps[node->step];
  bool alone = true;
  for (int n = subject->first_node; n < subject->first_node + subject->nodes && !node->later; n++) {
    const CmNode *other = &plan->nodes[n];
    if (other != node && other->step == node->step && strcmp(other->visit, node->visit) == 0) alone = false;
  }
  cm__path_word(subject->name, name, sizeof name);
  cm__path_word(node->visit, visit, sizeof visit);
  cm__path_word(node->later ? node->later : "", later, sizeof later);
  cm__path_word(alone ? "" : node->series, series, sizeof series);
  int images = 0;
  for (int o = 0; o < step->op->output_count; o++) images += step->op->outputs[o].kind != CM_KIND_TABLE;
  const char *output = images > 1 ? step->op->outputs[port].name : "";
  int length = snprintf(to, size, "images/%s%s%s%s%s%s%s/%s%s%s.nii.gz", name, *visit ? "/" : "", visit,
                        *later ? ".." : "", later, *series ? "/" : "", series, step->name, *output ? "." : "", output);
  return length > 0 && (size_t)length < size;
}
