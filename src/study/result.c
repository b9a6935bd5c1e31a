/* What the report is told of inputs and steps, and its pictures. */
#include <string.h>

#include "study/finish.h"

typedef struct Handle { /* of a picture */
  CmWork *work;
  int node, port;
  int *overlay_nodes, *overlay_ports;
} Handle;

static bool is_done(const CmNode *node) {
  return node->state == CM__NODE_KEPT || node->state == CM__NODE_RUN;
}

static bool fill_inputs(CmFinish *f, CmError **err) {
  const CmInputs *inputs = &f->work->plan->inputs;
  CmResultInput *list = cm__arena_alloc(&f->arena, (size_t)f->spec->input_count, sizeof *list, err);
  if (!list) return false;
  for (int i = 0; i < f->spec->input_count; i++) {
    const CmSpecInput *input = &f->spec->inputs[i];
    const char *last = NULL;
    list[i] = (CmResultInput){.name = input->name,
                              .kind = input->kind,
                              .path = input->written,
                              .catalog = input->sql ? input->catalog_name : NULL,
                              .modality = input->modality,
                              .files = inputs->files[i]};
    for (int k = 0; k < inputs->count; k++) {
      const CmItem *item = &inputs->items[k];
      if (item->input != i) continue;
      list[i].images++;
      if (!last || strcmp(last, item->subject) != 0) list[i].subjects++;
      last = item->subject;
    }
  }
  f->result.inputs = list;
  f->result.input_count = f->spec->input_count;
  return true;
}

static const char *fed_by(CmFinish *f, const CmSpecStep *step, CmError **err) {
  static const char *const when[] = {"", "@before", "@after"};
  const char *text = "";
  for (int i = 0; i < step->op->input_count && text; i++)
    if (step->in[i].input >= 0 || step->in[i].step >= 0)
      text = cm__arena_printf(&f->arena, err, "%s%s%s=%s%s", text, *text ? ", " : "", step->op->inputs[i].name,
                              cm__spec_ref_text(f->spec, &step->in[i]), when[step->in[i].when]);
  return text;
}

static bool fill_steps(CmFinish *f, CmError **err) {
  const CmPlan *plan = f->work->plan;
  CmResultStep *list = cm__arena_alloc(&f->arena, (size_t)f->spec->step_count, sizeof *list, err);
  if (!list) return false;
  for (int s = 0; s < f->spec->step_count; s++) {
    const CmSpecStep *step = &f->spec->steps[s];
    list[s] = (CmResultStep){.name = step->name,
                             .op = step->op,
                             .params_json = step->params_json,
                             .of = fed_by(f, step, err),
                             .between = step->between};
    if (!list[s].of) return false;
  }
  for (int n = 0; n < plan->node_count; n++) {
    const CmNode *node = &plan->nodes[n];
    if (node->step < 0) continue;
    list[node->step].units++;
    if (is_done(node))
      list[node->step].done++;
    else
      list[node->step].failed++;
  }
  f->result.steps = list;
  f->result.step_count = f->spec->step_count;
  return true;
}

/* ---- pictures -------------------------------------------------------------------------------------------------------
 */

static bool same_text(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

/* The node of a step that belongs to the same image as `of`, or to the same visit or visits. */
static int companion(const CmPlan *plan, const CmPlanSubject *subject, const CmNode *of, const CmSpecRef *ref) {
  int by_visit = -1;
  for (int n = subject->first_node; n < subject->first_node + subject->nodes; n++) {
    const CmNode *node = &plan->nodes[n];
    bool fits =
        ref->step >= 0 ? node->step == ref->step : node->step < 0 && plan->inputs.items[node->item].input == ref->input;
    if (!fits || !is_done(node) || !same_text(node->later, of->later)) continue;
    if (node->item == of->item && !of->later) return n;
    if (strcmp(node->visit, of->visit) == 0) by_visit = by_visit == -1 ? n : -2;
  }
  return by_visit < 0 ? -1 : by_visit;
}

static bool add_picture(CmFinish *f, const CmSpecPicture *spec, const CmPlanSubject *subject, int at, CmError **err) {
  CmWork *work = f->work;
  const CmNode *node = &work->plan->nodes[at];
  size_t overlays = (size_t)spec->overlay_count;
  CmResultPicture *list =
      cm__arena_grow(&f->arena, (void *)(uintptr_t)f->result.pictures, f->result.picture_count, sizeof *list, err);
  Handle *handle = list ? cm__arena_alloc(&f->arena, 1, sizeof *handle, err) : NULL;
  const char **names = handle ? cm__arena_alloc(&f->arena, overlays, sizeof *names, err) : NULL;
  if (!names) return false;
  *handle = (Handle){.work = work, .node = at, .port = spec->image.step >= 0 ? spec->image.port : 0};
  handle->overlay_nodes = cm__arena_alloc(&f->arena, overlays, sizeof *handle->overlay_nodes, err);
  handle->overlay_ports = cm__arena_alloc(&f->arena, overlays, sizeof *handle->overlay_ports, err);
  if (!handle->overlay_nodes || !handle->overlay_ports) return false;
  for (int o = 0; o < spec->overlay_count; o++) {
    const CmSpecRef *ref = &spec->overlays[o];
    names[o] = ref->step >= 0 ? f->spec->steps[ref->step].name : f->spec->inputs[ref->input].name;
    handle->overlay_nodes[o] = companion(work->plan, subject, node, ref);
    handle->overlay_ports[o] = ref->step >= 0 ? ref->port : 0;
  }
  f->result.pictures = list;
  list[f->result.picture_count++] = (CmResultPicture){
      .subject = subject->name,
      .visit = node->later ? node->later : node->visit,
      .series = node->series,
      .image = spec->image.step >= 0 ? f->spec->steps[spec->image.step].name : f->spec->inputs[spec->image.input].name,
      .modality = work->plan->inputs.items[node->item].modality,
      .overlays = names,
      .overlay_count = spec->overlay_count,
      .has_window = spec->has_window,
      .centre = spec->centre,
      .width = spec->width,
      .handle = handle,
  };
  return true;
}

static bool fill_pictures(CmFinish *f, CmError **err) {
  const CmPlan *plan = f->work->plan;
  for (int s = 0; s < plan->subject_count && s < f->spec->report.subjects; s++) {
    const CmPlanSubject *subject = &plan->subjects[s];
    for (int n = subject->first_node; n < subject->first_node + subject->nodes; n++) {
      const CmNode *node = &plan->nodes[n];
      for (int p = 0; p < f->spec->report.picture_count && is_done(node); p++) {
        const CmSpecPicture *picture = &f->spec->report.pictures[p];
        bool fits = picture->image.step >= 0
                        ? node->step == picture->image.step
                        : node->step < 0 && plan->inputs.items[node->item].input == picture->image.input;
        if (fits && !add_picture(f, picture, subject, n, err)) return false;
      }
    }
  }
  return true;
}

bool cm__result_picture(const CmStudyResult *result, const CmResultPicture *picture, CmImage **image,
                        CmImage **overlays, CmError **err) {
  const Handle *handle = picture->handle;
  CmValue value;
  (void)result;
  *image = NULL;
  for (int o = 0; o < picture->overlay_count; o++) overlays[o] = NULL;
  if (!cm__work_value(handle->work, handle->node, handle->port, &value, err)) return false;
  *image = value.image;
  for (int o = 0; o < picture->overlay_count; o++) {
    CmError *why = NULL;
    if (handle->overlay_nodes[o] < 0) continue;
    if (!cm__work_value(handle->work, handle->overlay_nodes[o], handle->overlay_ports[o], &value, err)) goto error;
    if (cm_image_same_grid(*image, "image", value.image, "overlay", &why))
      overlays[o] = value.image;
    else
      cm_image_unref(&value.image);
    cm_error_free(&why);
  }
  return true;
error:
  cm_image_unref(image);
  for (int o = 0; o < picture->overlay_count; o++) cm_image_unref(&overlays[o]);
  return false;
}

bool cm__result_fill(CmFinish *f, CmError **err) {
  const CmPlan *plan = f->work->plan;
  CmStudyResult *result = &f->result;
  result->ctx = f->ctx;
  result->study = f->spec->name;
  result->title = f->spec->report.title;
  result->text = f->spec->report.text;
  result->version = CM_VERSION;
  result->study_file = f->spec->text;
  cm_hash_bytes(f->spec->text, strlen(f->spec->text), &result->study_hash);
  result->subjects = plan->subject_count;
  for (int i = 0; i < plan->inputs.count; i++) {
    const CmItem *item = &plan->inputs.items[i], *before = &plan->inputs.items[i ? i - 1 : 0];
    if (i == 0 || strcmp(item->subject, before->subject) != 0 || strcmp(item->visit, before->visit) != 0)
      result->visits++;
  }
  return fill_inputs(f, err) && fill_steps(f, err) && fill_pictures(f, err);
}
