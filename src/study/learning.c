#include "study/learning.h"

#include <string.h>

#include "study/bytes.h"

static void add_params(CmHasher *hasher, CmContext *ctx, const CmOp *about, const void *params) {
  char *json = cm_params_to_json(ctx, about, params, NULL);
  cm_hash_add_text(hasher, json);
  cm_free(json);
}

static void make_key(const CmSpec *spec, CmContext *ctx, const CmTable *features, CmHash *key) {
  const CmSpecLearn *learn = &spec->learn;
  CmHasher hasher;
  CmHash table;
  cm_table_hash(features, &table);
  cm__store_key_start(&hasher, "learn");
  cm_hash_add(&hasher, table.bytes, sizeof table.bytes);
  cm_hash_add_text(&hasher, spec->labels.target);
  for (int i = 0; i < spec->labels.target_count; i++) cm_hash_add_text(&hasher, spec->labels.targets[i]);
  cm_hash_add_text(&hasher, learn->positive);
  cm_hash_add_text(&hasher, learn->hold_out);
  cm_hash_add_text(&hasher, learn->group);
  cm_hash_add_text(&hasher, learn->task);
  cm_hash_add_text(&hasher, learn->event);
  for (int i = 0; i < learn->order_count; i++) cm_hash_add_text(&hasher, learn->order[i]);
  cm_hash_add_text(&hasher, NULL);
  for (int i = 0; i < learn->feature_count; i++) cm_hash_add_text(&hasher, learn->features[i]);
  cm_hash_add_text(&hasher, NULL);
  for (int i = 0; i < learn->ignore_count; i++) cm_hash_add_text(&hasher, learn->ignore[i]);
  add_params(&hasher, ctx, cm_prepare_about(), learn->prepare);
  add_params(&hasher, ctx, cm_validate_about(), learn->validate);
  add_params(&hasher, ctx, cm_tune_about(), learn->tune);
  add_params(&hasher, ctx, cm_recalibrate_about(), learn->recalibrate);
  cm_hash_add_text(&hasher, NULL);
  for (int i = 0; i < learn->subgroup_count; i++) cm_hash_add_text(&hasher, learn->subgroups[i]);
  for (int i = 0; i < learn->learner_count; i++) {
    cm_hash_add_text(&hasher, learn->learners[i].name);
    cm_hash_add_text(&hasher, learn->learners[i].kind->about.name);
    cm_hash_add_text(&hasher, learn->learner_json[i]);
    cm_hash_add_text(&hasher, learn->learners[i].search);
  }
  cm_hash_finish(&hasher, key);
}

static bool start_models(CmLearning *learning, CmContext *ctx, int count, CmError **err) {
  learning->models = cm_calloc(ctx, (size_t)count, sizeof *learning->models, err);
  learning->model_json = learning->models ? cm_calloc(ctx, (size_t)count, sizeof *learning->model_json, err) : NULL;
  if (learning->model_json) learning->model_count = count;
  return learning->model_json != NULL;
}

static void drop(CmLearning *learning) {
  for (int i = 0; i < CM_LEARN_TABLE_COUNT; i++) cm_table_unref(&learning->tables[i]);
  for (int i = 0; i < learning->model_count; i++) {
    cm_model_unref(&learning->models[i]);
    cm_free(learning->model_json[i]);
  }
  cm_free(learning->models);
  cm_free(learning->model_json);
  learning->models = NULL;
  learning->model_json = NULL;
  learning->model_count = 0;
}

void cm__learning_free(CmLearning *learning) {
  drop(learning);
}

/* false without an error: it is not there whole, and must be done. */
static bool load(CmLearning *learning, CmContext *ctx, CmStore *store, int models, CmError **err) {
  const CmStoreEntry *entry = cm__store_find(store, &learning->key);
  if (!entry || cm__store_parts(entry) != CM_LEARN_TABLE_COUNT + models) return false;
  if (!start_models(learning, ctx, models, err)) return false;
  bool good = true;
  for (int i = 0; i < CM_LEARN_TABLE_COUNT + models && good; i++) {
    size_t size = 0;
    uint8_t *bytes = cm__store_read(store, entry, i, &size, err);
    good = bytes != NULL;
    if (good && i < CM_LEARN_TABLE_COUNT) {
      CmView view = {.at = bytes, .end = bytes + size};
      CmValue value;
      good = cm__value_take(ctx, &view, &value, err);
      if (good) learning->tables[i] = value.table;
    } else if (good) {
      int m = i - CM_LEARN_TABLE_COUNT;
      good =
          (learning->model_json[m] = cm_strndup(ctx, (const char *)bytes, size, err)) != NULL &&
          (learning->models[m] = cm_model_from_json(ctx, learning->model_json[m], size, "a kept model", err)) != NULL;
    }
    cm_free(bytes);
  }
  if (!good) drop(learning);
  learning->kept = good;
  return good;
}

static bool keep(const CmLearning *learning, CmContext *ctx, CmStore *store, CmError **err) {
  CmStorePart parts[CM__STORE_PARTS] = {{{{0}}, NULL, 0}};
  CmBytes bytes[CM_LEARN_TABLE_COUNT] = {{NULL, NULL, NULL, 0, 0, false}};
  int count = CM_LEARN_TABLE_COUNT + learning->model_count;
  bool good = true;
  if (count > CM__STORE_PARTS) return true; /* is done again next time */
  for (int i = 0; i < CM_LEARN_TABLE_COUNT && good; i++) {
    const CmValue value = {.kind = CM_KIND_TABLE, .table = learning->tables[i]};
    cm__bytes_start(&bytes[i], ctx, err);
    good = cm__value_put(&bytes[i], &value);
    cm_table_hash(learning->tables[i], &parts[i].hash);
    parts[i].bytes = bytes[i].data;
    parts[i].size = bytes[i].size;
  }
  for (int m = 0; m < learning->model_count && good; m++) {
    CmStorePart *part = &parts[CM_LEARN_TABLE_COUNT + m];
    part->bytes = (const uint8_t *)learning->model_json[m];
    part->size = strlen(learning->model_json[m]);
    cm_hash_bytes(part->bytes, part->size, &part->hash);
  }
  good = good && cm__store_put(store, &learning->key, parts, count, err);
  for (int i = 0; i < CM_LEARN_TABLE_COUNT; i++) cm__bytes_free(&bytes[i]);
  return good;
}

static bool take_result(CmLearning *learning, CmContext *ctx, const CmLearnResult *result, CmError **err) {
  int count = cm_learn_result_models(result);
  if (!start_models(learning, ctx, count, err)) return false;
  for (int m = 0; m < count; m++) {
    learning->models[m] = cm_model_ref(cm_learn_result_model(result, m));
    if (!(learning->model_json[m] = cm_model_to_json(ctx, learning->models[m], err))) return false;
  }
  for (int i = 0; i < CM_LEARN_TABLE_COUNT; i++)
    learning->tables[i] = cm_table_ref((CmTable *)(uintptr_t)cm_learn_result_table(result, (CmLearnTable)i));
  return true;
}

bool cm__learning_do(CmLearning *learning, CmWork *work, const CmTable *features, CmError **err) {
  CmContext *ctx = work->plan->ctx;
  const CmSpec *spec = work->plan->spec;
  const CmSpecLearn *learn = &spec->learn;
  int labels = spec->labels.target_count;
  CmError *why = NULL;
  make_key(spec, ctx, features, &learning->key);
  if (load(learning, ctx, work->store, learn->learner_count * (labels ? labels : 1), &why)) return true;
  cm_error_free(&why); /* what is kept cannot be read: it is done again */
  bool dated = cm_table_find_column(features, "visit") >= 0;
  const CmLearnColumns columns = {
      .target = labels ? NULL : spec->labels.target,
      .labels = spec->labels.targets,
      .label_count = labels,
      .positive = learn->positive,
      .subject = "subject",
      .time = dated && learn->validate->temporal ? "visit" : NULL,
      .hold_out = learn->hold_out,
      .group = learn->group,
      .features = learn->features,
      .feature_count = learn->feature_count,
      .ignore = learn->ignore,
      .ignore_count = learn->ignore_count,
      .task = learn->task,
      .event = learn->event,
      .order = learn->order,
      .order_count = learn->order_count,
      .subgroups = learn->subgroups,
      .subgroup_count = learn->subgroup_count,
  };
  CmLearnResult *result =
      cm_learn_validate(ctx, learn->learners, learn->learner_count, features, &columns, learn->validate, err);
  if (!result) {
    cm_error_context(err, "learn");
    return false;
  }
  bool good = take_result(learning, ctx, result, err) && keep(learning, ctx, work->store, err);
  cm_learn_result_unref(&result);
  return good;
}
