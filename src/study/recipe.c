#include "study/recipe.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

typedef struct Recipe {
  const CmWork *work;
  CmSpec *spec;
  CmTextBuffer to;
  bool *step;      /* needed for what the model sees */
  uint64_t inputs; /* the same */
  bool more;       /* a comma goes before the next member */
} Recipe;

/* ---- writing --------------------------------------------------------------------------------------------------------
 */

/* A text as it is to be read: «${» would be a variable. */
static void add_text(Recipe *r, const char *text) {
  char *plain = cm_alloc(r->to.ctx, 2 * strlen(text) + 1, r->to.err), *at = plain;
  r->to.failed |= !plain;
  for (; plain && *text; text++) {
    if (text[0] == '$' && text[1] == '{') *at++ = '$';
    *at++ = *text;
  }
  if (plain) *at = 0;
  cm__text_add_json(&r->to, plain);
  cm_free(plain);
}

static void open_group(Recipe *r, const char *bracket) {
  cm__text_add(&r->to, bracket);
  r->more = false;
}

static void close_group(Recipe *r, const char *bracket) {
  cm__text_add(&r->to, bracket);
  r->more = true;
}

static void next_item(Recipe *r) {
  if (r->more) cm__text_add(&r->to, ", ");
  r->more = true;
}

static void add_key(Recipe *r, const char *key) {
  next_item(r);
  add_text(r, key);
  cm__text_add(&r->to, ": ");
}

static void add_pair(Recipe *r, const char *key, const char *value) {
  if (!value || !*value) return;
  add_key(r, key);
  add_text(r, value);
}

static void add_int(Recipe *r, const char *key, int64_t value) {
  add_key(r, key);
  cm__text_addf(&r->to, "%lld", (long long)value);
}

static void add_true(Recipe *r, const char *key) {
  add_key(r, key);
  cm__text_add(&r->to, "true");
}

/* ---- what is needed -------------------------------------------------------------------------------------------------
 */

static void find_needed(Recipe *r) {
  const CmSpecLearn *learn = &r->spec->learn;
  for (int i = 0; i < learn->source_count; i++) r->step[learn->sources[i].ref.step] = true;
  for (int s = r->spec->step_count; s-- > 0;) { /* each stands behind what it uses */
    if (!r->step[s]) continue;
    const CmSpecStep *step = &r->spec->steps[s];
    r->inputs |= step->roots;
    for (int i = 0; i < step->op->input_count; i++)
      if (step->in[i].step >= 0) r->step[step->in[i].step] = true;
  }
}

/* ---- inputs ---------------------------------------------------------------------------------------------------------
 */

/* What all images of an input had in common; false: nothing that could be asked of others. */
static bool common_form(const Recipe *r, int input, CmForm *form) {
  const CmPlan *plan = r->work->plan;
  bool any = false;
  for (int n = 0; n < plan->node_count; n++) {
    const CmNode *node = &plan->nodes[n];
    CmForm one;
    if (node->step >= 0 || plan->inputs.items[node->item].input != input ||
        (node->state != CM__NODE_KEPT && node->state != CM__NODE_RUN))
      continue;
    if (!cm__work_form(r->work, node, &one)) return false;
    if (!any)
      *form = one;
    else if (!cm__form_join(form, &one))
      return false;
    any = true;
  }
  return any;
}

/* Of images with a place in space the lengths are chance: the same patient fits more or fewer slices. */
static void write_form(Recipe *r, int input) {
  CmForm form;
  if (!common_form(r, input, &form)) return;
  add_key(r, "shape");
  open_group(r, "[");
  for (int k = 0; k < form.rank; k++) {
    next_item(r);
    cm__text_addf(&r->to, "%lld", (long long)(form.placed ? 0 : form.dims[k]));
  }
  close_group(r, "]");
  add_int(r, "components", form.components);
  add_pair(r, "unit", form.unit);
}

static void write_input(Recipe *r, int at) {
  const CmSpecInput *input = &r->spec->inputs[at];
  add_key(r, input->name);
  open_group(r, "{");
  add_pair(r, "kind", input->kind == CM_KIND_LABELS ? "labels" : "image");
  add_pair(r, "modality", input->modality);
  add_pair(r, "series", input->series);
  add_pair(r, "keys", input->keys);
  add_pair(r, "select", input->select);
  add_pair(r, "labels", input->labels);
  add_pair(r, "subject", cm__spec_subject_keys[input->subject_key]);
  add_pair(r, "visit", cm__spec_visit_keys[input->visit_key]);
  add_pair(r, "fill", cm__spec_fills[input->fill]);
  if (input->suv) add_true(r, "suv");
  if (input->optional) add_true(r, "optional");
  if (input->min_slices) add_int(r, "min_slices", input->min_slices);
  write_form(r, at);
  close_group(r, "}");
}

/* ---- steps ----------------------------------------------------------------------------------------------------------
 */

static void write_params(Recipe *r, const CmSpecStep *step) {
  char room[CM_TEXT_MAX + CM_LIST_MAX * 32];
  add_key(r, "params");
  open_group(r, "{");
  for (int i = 0; i < step->op->param_count; i++)
    add_pair(r, step->op->params[i].name,
             cm_params_get(step->op, step->params, &step->op->params[i], room, sizeof room));
  close_group(r, "}");
}

static void write_step(Recipe *r, const CmSpecStep *step) {
  static const char *const when[] = {"", "@before", "@after"};
  next_item(r);
  cm__text_add(&r->to, "\n  ");
  open_group(r, "{");
  add_pair(r, "name", step->name);
  add_pair(r, "op", step->op->name);
  add_key(r, "in");
  open_group(r, "{");
  for (int i = 0; i < step->op->input_count; i++) {
    const CmSpecRef *ref = &step->in[i];
    char text[300];
    if (ref->input < 0 && ref->step < 0) continue;
    snprintf(text, sizeof text, "%s%s", cm__spec_ref_text(r->spec, ref), when[ref->when]);
    add_pair(r, step->op->inputs[i].name, text);
  }
  close_group(r, "}");
  write_params(r, step);
  if (step->days) add_pair(r, step->days, "from_visits");
  close_group(r, "}");
}

/* ---- what a row is --------------------------------------------------------------------------------------------------
 */

static void write_aggregate(Recipe *r, const CmSpecAggregate *a) {
  const char *how = cm__spec_how_names[a->how];
  if (a->how == CM__AGG_COUNT) {
    add_true(r, how);
    return;
  }
  if (!a->columns) {
    add_pair(r, how, "all");
    return;
  }
  add_key(r, how);
  open_group(r, "[");
  for (int i = 0; i < a->column_count; i++) {
    next_item(r);
    add_text(r, a->columns[i]);
  }
  close_group(r, "]");
}

static void write_source(Recipe *r, const CmSpecSource *source) {
  next_item(r);
  open_group(r, "{");
  add_pair(r, "of", cm__spec_ref_text(r->spec, &source->ref));
  if (source->aggregate_count) {
    add_key(r, "aggregate");
    open_group(r, "{");
    for (int i = 0; i < source->aggregate_count; i++) write_aggregate(r, &source->aggregates[i]);
    close_group(r, "}");
  }
  close_group(r, "}");
}

static void write_predict(Recipe *r) {
  const CmSpecLearn *learn = &r->spec->learn;
  add_key(r, "predict");
  open_group(r, "{");
  add_pair(r, "row", cm__spec_row_names[learn->row]);
  add_pair(r, "visit", cm__spec_visit_names[learn->visit]);
  add_key(r, "table");
  open_group(r, "[");
  for (int i = 0; i < learn->source_count; i++) write_source(r, &learn->sources[i]);
  close_group(r, "]");
  close_group(r, "}");
}

static void write_labels(Recipe *r) {
  const CmSpecLabels *labels = &r->spec->labels;
  add_key(r, "labels");
  open_group(r, "{");
  if (labels->input >= 0 && (r->inputs >> labels->input & 1)) add_pair(r, "of", r->spec->inputs[labels->input].name);
  add_pair(r, "subject", labels->subject);
  add_pair(r, "time", labels->time);
  close_group(r, "}");
}

static void write_all(Recipe *r) {
  open_group(r, "{");
  add_pair(r, "study", r->spec->name);
  add_key(r, "inputs");
  open_group(r, "{");
  for (int i = 0; i < r->spec->input_count; i++)
    if (r->inputs >> i & 1) write_input(r, i);
  close_group(r, "}");
  write_labels(r);
  add_key(r, "steps");
  open_group(r, "[");
  for (int s = 0; s < r->spec->step_count; s++)
    if (r->step[s]) write_step(r, &r->spec->steps[s]);
  close_group(r, "]");
  write_predict(r);
  add_pair(r, "cache", "outputs");
  add_key(r, "report");
  cm__text_add(&r->to, "false}\n");
}

char *cm__recipe_write(const CmWork *work, CmError **err) {
  CmContext *ctx = work->plan->ctx;
  Recipe r = {.work = work, .spec = work->plan->spec};
  r.step = cm_calloc(ctx, (size_t)r.spec->step_count, sizeof *r.step, err);
  if (!r.step) return NULL;
  cm__text_start(&r.to, ctx, err);
  find_needed(&r);
  write_all(&r);
  cm_free(r.step);
  return cm__text_finish(&r.to);
}
