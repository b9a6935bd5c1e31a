/* «report:» of a study file, and which pictures it shows where nothing is said. */
#include <string.h>

#include "study/spec.h"

static const char *const report_keys[] = {"title", "text", "pictures", "subjects"};
static const char *const picture_keys[] = {"image", "overlay", "window"};

static void parse_window(CmSpec *spec, CmSpecPicture *picture, const CmYaml *node) {
  if (!node) return;
  bool good = node->kind == CM__YAML_LIST && node->count == 2 && cm__yaml_as_real(node->items[0], &picture->centre) &&
              cm__yaml_as_real(node->items[1], &picture->width) && picture->width > 0;
  if (good)
    picture->has_window = true;
  else
    cm__problem_add(&spec->problems, node, "window must be [centre, width] in the image's unit, e.g. [-600, 1500]");
}

static bool parse_picture(CmSpec *spec, CmSpecPicture *picture, const CmYaml *node) {
  const char *image = NULL;
  if (node->kind == CM__YAML_SCALAR && !cm__yaml_is_null(node))
    return cm__spec_ref(spec, node, node->text, CM_KIND_IMAGE, "report: picture", &picture->image);
  if (node->kind != CM__YAML_MAP) {
    cm__problem_add(&spec->problems, node, "a picture must be e.g. {image: ct, overlay: [lungs, nodules]}, not %s",
                    cm__yaml_kind_name(node));
    return false;
  }
  cm__yaml_known_keys(&spec->problems, node, picture_keys, CM_COUNT(picture_keys), "a picture");
  cm__yaml_text(&spec->problems, node, "image", &image);
  if (!cm__yaml_get(node, "image")) cm__problem_add(&spec->problems, node, "a picture needs image: an input or a step");
  parse_window(spec, picture, cm__yaml_get(node, "window"));
  const CmYaml *overlay = cm__yaml_get(node, "overlay");
  if (overlay) {
    bool list = overlay->kind == CM__YAML_LIST;
    int count = list ? overlay->count : 1;
    picture->overlays =
        cm__arena_alloc(&spec->arena, (size_t)count, sizeof *picture->overlays, &spec->problems.failure);
    if (!picture->overlays) return false;
    for (int i = 0; i < count; i++) {
      const CmYaml *item = list ? overlay->items[i] : overlay;
      if (item->kind != CM__YAML_SCALAR || cm__yaml_is_null(item))
        cm__problem_add(&spec->problems, item, "overlay must name a step or steps");
      else if (cm__spec_ref(spec, item, item->text, CM_KIND_LABELS, "report: overlay",
                            &picture->overlays[picture->overlay_count]))
        picture->overlay_count++;
    }
  }
  return image &&
         cm__spec_ref(spec, cm__yaml_get(node, "image"), image, CM_KIND_IMAGE, "report: image", &picture->image);
}

/* Every image input with the label maps that are made from it alone, on one visit. */
static void default_pictures(CmSpec *spec) {
  CmSpecReport *report = &spec->report;
  report->pictures =
      cm__arena_alloc(&spec->arena, (size_t)spec->input_count, sizeof *report->pictures, &spec->problems.failure);
  if (!report->pictures) return;
  for (int i = 0; i < spec->input_count; i++) {
    if (spec->inputs[i].kind != CM_KIND_IMAGE) continue;
    CmSpecPicture *picture = &report->pictures[report->picture_count++];
    picture->image = (CmSpecRef){.input = i, .step = -1};
    picture->overlays =
        cm__arena_alloc(&spec->arena, (size_t)spec->step_count, sizeof *picture->overlays, &spec->problems.failure);
    if (!picture->overlays) return;
    for (int s = 0; s < spec->step_count; s++) {
      const CmSpecStep *step = &spec->steps[s];
      if (!step->op || step->between || step->roots != (uint64_t)1 << i) continue;
      for (int o = 0; o < step->op->output_count; o++)
        if (step->op->outputs[o].kind == CM_KIND_LABELS && !step->op->outputs[o].optional) {
          picture->overlays[picture->overlay_count++] = (CmSpecRef){.input = -1, .step = s, .port = o};
          break;
        }
    }
  }
}

void cm__spec_report(CmSpec *spec) {
  const CmYaml *node = cm__yaml_get(spec->root, "report");
  CmSpecReport *report = &spec->report;
  bool on = true;
  report->title = spec->name;
  report->text = "";
  report->subjects = 12;
  if (node && cm__yaml_as_bool(node, &on)) {
    report->off = !on;
    node = NULL;
  }
  if (node && node->kind != CM__YAML_MAP) {
    cm__problem_add(&spec->problems, node,
                    "report must be e.g. {title: \"Do nodules predict malignancy?\"}, or false, not %s",
                    cm__yaml_kind_name(node));
    return;
  }
  cm__yaml_known_keys(&spec->problems, node, report_keys, CM_COUNT(report_keys), "a report");
  cm__yaml_text(&spec->problems, node, "title", &report->title);
  cm__yaml_text(&spec->problems, node, "text", &report->text);
  cm__yaml_int(&spec->problems, node, "subjects", 0, 100000, &report->subjects);
  const CmYaml *pictures = cm__yaml_get(node, "pictures");
  if (!pictures) {
    default_pictures(spec);
    return;
  }
  bool list = pictures->kind == CM__YAML_LIST;
  int count = list ? pictures->count : 1;
  report->pictures = cm__arena_alloc(&spec->arena, (size_t)count, sizeof *report->pictures, &spec->problems.failure);
  for (int i = 0; report->pictures && i < count; i++)
    if (parse_picture(spec, &report->pictures[report->picture_count], list ? pictures->items[i] : pictures))
      report->picture_count++;
}
