/* «predict:» of a study file: a saved model is applied to what the steps make, and nothing is learned. */
#include "study/spec.h"

static void load_model(CmSpec *spec, const CmYaml *node) {
  const char *path = NULL;
  CmError *wrong = NULL;
  const CmYaml *at = cm__yaml_get(node, "model");
  cm__yaml_text(&spec->problems, node, "model", &path);
  if (!at)
    cm__problem_add(&spec->problems, spec->learn.at, "predict needs model: the file of a model, e.g. models/svm.json");
  if (!path) return;
  spec->learn.model = cm_model_load(spec->ctx, cm__spec_path(spec, path), &wrong);
  if (cm_error_code(wrong) == CM_ERR_MEMORY)
    cm_error_move(&spec->problems.failure, &wrong);
  else if (wrong)
    cm__problem_add(&spec->problems, at, "predict: %s", cm_error_text(wrong));
  cm_error_free(&wrong);
}

void cm__spec_predict(CmSpec *spec) {
  static const char *const keys[] = {"model", "table", "aggregate", "row", "visit"};
  const CmYaml *node = cm__yaml_get(spec->root, "predict");
  CmSpecLearn *learn = &spec->learn;
  if (!node) return;
  if (learn->at) {
    cm__problem_add(&spec->problems, node, "a study learns or predicts, not both; keep learn or predict");
    return;
  }
  learn->at = cm__yaml_key(spec->root, "predict");
  if (node->kind != CM__YAML_MAP) {
    cm__problem_add(&spec->problems, node, "predict must be e.g. {model: models/svm.json, table: features}, not %s",
                    cm__yaml_kind_name(node));
    return;
  }
  cm__yaml_known_keys(&spec->problems, node, keys, CM_COUNT(keys), "predict");
  cm__spec_rows(spec, node);
  load_model(spec, node);
  if (learn->model) learn->event = cm_model_event(learn->model);
  if (learn->model && !spec->labels.target) spec->labels.target = cm_model_target(learn->model);
}
