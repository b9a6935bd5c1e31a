/* Models as JSON documents. */
#include <stdio.h>
#include <string.h>

#include "cormack/file.h"
#include "learn/json.h"
#include "learn/model.h"
#include "learn/pixels/pixels.h"

#define FORMAT_VERSION 3
#define OLDEST_VERSION 2
#define LARGEST_FILE ((size_t)4 << 30)
#define MOST_FEATURES 1000000
#define MOST_CLASSES 1000

static void write_texts(CmTextBuffer *json, const char *const *text, int count) {
  for (int i = 0; i < count; i++) {
    cm__text_add(json, i ? "," : "");
    cm__text_add_json(json, text[i]);
  }
}

char *cm_model_to_json(CmContext *ctx, const CmModel *model, CmError **err) {
  CmTextBuffer json;
  cm__text_start(&json, ctx, err);
  cm__text_addf(&json, "{\"cormack_model\":%d,\n\"name\":", FORMAT_VERSION);
  cm__text_add_json(&json, model->name);
  cm__text_addf(&json, ",\n\"kind\":\"%s\",\n\"task\":\"%s\",\n\"parameters\":%s,\n\"preparation\":%s,\n\"target\":",
                model->body->kind.about.name, cm_learn_task_name(model->task), model->params_json, model->prepare_json);
  cm__text_add_json(&json, model->target);
  cm__text_add(&json, ",\n\"target_unit\":");
  cm__text_add_json(&json, model->target_unit);
  cm__text_add(&json, ",\n\"event\":");
  cm__text_add_json(&json, model->event_column);
  cm__text_add(&json, ",\n\"subject\":");
  cm__text_add_json(&json, model->subject_column);
  cm__text_add(&json, ",\n\"classes\":[");
  write_texts(&json, model->class_name, model->classes);
  cm__text_add(&json, "],\n\"features\":[");
  write_texts(&json, model->feature, model->features);
  cm__text_add(&json, "],\n\"units\":[");
  write_texts(&json, model->unit, model->features);
  cm__text_add(&json, "]");
  if (model->pixels) {
    cm__text_add(&json, ",\n\"pixels\":");
    cm__stack_write(model->pixels, ctx, &json);
  }
  if (model->study) {
    cm__text_add(&json, ",\n\"study\":");
    cm__text_add_json(&json, model->study);
  }
  cm__text_addf(&json, ",\n\"training\":{\"rows\":%lld,\"subjects\":%lld,\"table\":\"%s\",\"cormack\":",
                (long long)model->rows, (long long)model->subjects, model->table_hash);
  cm__text_add_json(&json, model->version);
  cm__text_add(&json, "},\n\"prepare\":");
  cm__prepare_write(&model->prepare, &json);
  cm__text_add(&json, ",\n\"predictor\":");
  model->body->write(model->state, &json);
  if (model->recalibration.method) {
    cm__text_add(&json, ",\n\"recalibration\":");
    cm__recalibration_write(&model->recalibration, &json);
  }
  cm__text_add(&json, "}\n");
  return cm__text_finish(&json);
}

bool cm_model_save(CmContext *ctx, const CmModel *model, const char *path, CmError **err) {
  char *json = cm_model_to_json(ctx, model, err);
  bool ok = json && cm_file_write(ctx, path, json, strlen(json), err);
  cm_free(json);
  return ok;
}

/* ---- reading --------------------------------------------------------------------------------------------------------
 */

static const char *read_text(CmArena *hold, const json_t *json, const char *where, CmError **err) {
  if (!json_is_string(json) || strlen(json_string_value(json)) != json_string_length(json))
    return cm__json_refuse(err, where), NULL;
  return cm__arena_strdup(hold, json_string_value(json), err);
}

static const char **read_texts(CmArena *hold, const json_t *array, const char *where, int64_t least, int64_t most,
                               int *count, CmError **err) {
  int64_t size = (int64_t)json_array_size(array);
  if (!json_is_array(array) || size < least || size > most) return cm__json_refuse(err, where), NULL;
  const char **text = CM__NEW(hold, const char *, size, err);
  for (int64_t i = 0; text && i < size; i++)
    if (!(text[i] = read_text(hold, json_array_get(array, (size_t)i), where, err))) return NULL;
  *count = (int)size;
  return text;
}

static bool all_differ(const char *const *text, int count, const char *where, CmError **err) {
  json_t *seen = json_object();
  bool ok = seen != NULL;
  for (int i = 0; ok && i < count; i++)
    ok = !json_object_get(seen, text[i]) && json_object_set_new(seen, text[i], json_true()) == 0;
  json_decref(seen);
  return ok || cm__json_refuse(err, where);
}

/* Parses the parameters and writes them again, so that what is kept is what Cormack would write. */
static const char *read_params(CmArena *hold, const CmOp *about, const json_t *json, bool old, CmError **err) {
  void *params = cm__json_read_params(hold->ctx, about, json, old, err);
  char *text = params ? cm_params_to_json(hold->ctx, about, params, err) : NULL;
  const char *copy = text ? cm__arena_strdup(hold, text, err) : NULL;
  cm_free(text);
  cm_free(params);
  return copy;
}

static bool read_training(CmModel *model, const json_t *json, CmError **err) {
  const json_t *rows, *subjects, *table, *version;
  CmJsonMember members[] = {{"rows", &rows}, {"subjects", &subjects}, {"table", &table}, {"cormack", &version}};
  if (!cm__json_members(json, "training", members, CM_COUNT(members), err)) return false;
  CmHash hash;
  bool good = json_is_integer(rows) && json_integer_value(rows) > 0 && json_is_integer(subjects) &&
              json_integer_value(subjects) > 0 && json_is_string(table) &&
              json_string_length(table) == 2 * CM_HASH_SIZE && cm_hash_from_hex(json_string_value(table), &hash);
  if (!good) return cm__json_refuse(err, "training");
  model->rows = json_integer_value(rows);
  model->subjects = json_integer_value(subjects);
  cm_hash_hex(&hash, model->table_hash);
  model->version = read_text(&model->hold, version, "training.cormack", err);
  return model->version != NULL;
}

static bool check_version(const json_t *root, int *format, CmError **err) {
  const json_t *version = json_object_get(root, "cormack_model");
  if (!json_is_integer(version)) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "it is not a model of Cormack; give a file that «cormack train» or «cormack run» wrote");
    return false;
  }
  *format = (int)json_integer_value(version);
  if (json_integer_value(version) >= OLDEST_VERSION && json_integer_value(version) <= FORMAT_VERSION) return true;
  cm_error_set(
      err, CM_ERR_UNSUPPORTED,
      "it is a model of format %lld, and this version reads %d to %d; use another Cormack, or make the model again",
      (long long)json_integer_value(version), OLDEST_VERSION, FORMAT_VERSION);
  return false;
}

static bool read_task(CmModel *model, const json_t *json, CmError **err) {
  for (int t = 0; t < CM_LEARN_TASK_COUNT; t++) {
    model->task = (CmLearnTask)t;
    bool it = json_is_string(json) && !strcmp(json_string_value(json), cm_learn_task_name(model->task));
    if (it && model->body->kind.tasks & 1u << t) return true;
  }
  return cm__json_refuse(err, "task");
}

/* Target and event are there where the task has them. */
static bool read_roles(CmModel *model, const json_t *target, const json_t *unit, const json_t *event,
                       const json_t *subject, CmError **err) {
  CmArena *hold = &model->hold;
  bool without = 1u << model->task & CM_TASKS_WITHOUT_TARGET, survival = model->task == CM_TASK_SURVIVAL;
  if (without != json_is_null(target)) return cm__json_refuse(err, "target");
  if (survival == json_is_null(event)) return cm__json_refuse(err, "event");
  if (!without && !(model->target = read_text(hold, target, "target", err))) return false;
  if (survival && !(model->event_column = read_text(hold, event, "event", err))) return false;
  if (!json_is_null(subject) && !(model->subject_column = read_text(hold, subject, "subject", err))) return false;
  return (model->target_unit = read_text(hold, unit, "target_unit", err)) != NULL;
}

static int fewest_classes(CmLearnTask task) {
  if (1u << task & (CM_TASKS_CLASSES | 1u << CM_TASK_ORDINAL)) return 2;
  return task == CM_TASK_CLUSTERING || task == CM_TASK_EMBEDDING;
}

/* As many as the task has; clusters and components are numbered. */
static bool right_classes(const CmModel *model) {
  if (model->task == CM_TASK_BINARY) return model->classes == 2;
  if (model->task == CM_TASK_MULTICLASS) return model->classes > 2;
  if (!model->body->parts) return true;
  for (int c = 0; c < model->classes; c++) {
    char text[16];
    snprintf(text, sizeof text, "%d", c + 1);
    if (strcmp(model->class_name[c], text)) return false;
  }
  return true;
}

static bool read_model(CmModel *model, const json_t *root, CmError **err) {
  const json_t *version, *name, *kind, *task, *parameters, *preparation, *target, *unit, *event, *subject, *classes,
      *features, *units, *training, *prepare, *predictor, *recalibration = NULL, *pixels = NULL, *study = NULL;
  CmJsonMember members[] = {{"cormack_model", &version},
                            {"name", &name},
                            {"kind", &kind},
                            {"task", &task},
                            {"parameters", &parameters},
                            {"preparation", &preparation},
                            {"target", &target},
                            {"target_unit", &unit},
                            {"event", &event},
                            {"subject", &subject},
                            {"classes", &classes},
                            {"features", &features},
                            {"units", &units},
                            {"training", &training},
                            {"prepare", &prepare},
                            {"predictor", &predictor},
                            {NULL, NULL}, /* three that may be absent */
                            {NULL, NULL},
                            {NULL, NULL}};
  int format, count = CM_COUNT(members) - 3;
  if (json_object_get(root, "recalibration")) members[count++] = (CmJsonMember){"recalibration", &recalibration};
  if (json_object_get(root, "pixels")) members[count++] = (CmJsonMember){"pixels", &pixels};
  if (json_object_get(root, "study")) members[count++] = (CmJsonMember){"study", &study};
  if (!check_version(root, &format, err) || !cm__json_members(root, "the model", members, count, err)) return false;
  CmArena *hold = &model->hold;
  const CmModelKind *known = cm_model_kind_get(json_string_value(kind), err);
  if (!known) return false;
  model->body = cm__model_body(known);
  model->name = read_text(hold, name, "name", err);
  if (!model->name || !read_task(model, task, err) || !read_roles(model, target, unit, event, subject, err))
    return false;
  int unit_count, least = fewest_classes(model->task);
  model->class_name = read_texts(hold, classes, "classes", least, least ? MOST_CLASSES : 0, &model->classes, err);
  model->feature =
      model->class_name ? read_texts(hold, features, "features", 1, MOST_FEATURES, &model->features, err) : NULL;
  model->unit =
      model->feature ? read_texts(hold, units, "units", model->features, model->features, &unit_count, err) : NULL;
  if (!model->unit || !all_differ(model->class_name, model->classes, "classes", err) ||
      !all_differ(model->feature, model->features, "features", err))
    return false;
  if (!right_classes(model)) return cm__json_refuse(err, "classes");
  model->params_json = read_params(hold, &known->about, parameters, format < FORMAT_VERSION, err);
  model->prepare_json =
      model->params_json ? read_params(hold, cm_prepare_about(), preparation, format < FORMAT_VERSION, err) : NULL;
  if (!model->prepare_json || !read_training(model, training, err)) return false;
  if (!cm__prepare_read(hold, prepare, format, model->features, &model->prepare, err)) return false;
  const CmModelShape shape = {model->task, model->classes, model->prepare.width};
  model->state = model->body->read(hold, predictor, &shape, err);
  if (study && !(model->study = read_text(hold, study, "study", err))) return false;
  if (!model->state || (recalibration && !model->target)) return model->state && cm__json_refuse(err, "recalibration");
  return (!recalibration || cm__recalibration_read(hold, recalibration, model->classes, &model->recalibration, err)) &&
         (!pixels || cm__model_read_pixels(model, pixels, err));
}

CmModel *cm_model_from_json(CmContext *ctx, const char *text, size_t size, const char *name, CmError **err) {
  json_error_t where;
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
  CmModel *model = NULL;
  if (!root) {
    cm_error_set(err, CM_ERR_FORMAT, "%s: line %d: it is not JSON (%.100s); give a file that Cormack wrote", name,
                 where.line, where.text);
    return NULL;
  }
  model = cm__model_create(ctx, err);
  if (model && !read_model(model, root, err)) cm_model_unref(&model);
  if (!model) cm_error_context(err, "%s", name);
  json_decref(root);
  return model;
}

CmModel *cm_model_load(CmContext *ctx, const char *path, CmError **err) {
  size_t size;
  uint8_t *text = cm_file_read(ctx, path, LARGEST_FILE, &size, err);
  CmModel *model = text ? cm_model_from_json(ctx, (const char *)text, size, path, err) : NULL;
  cm_free(text);
  return model;
}
