/* A run: claim the folder, find the inputs, do the work, finish; or find that nothing is to be done. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cormack/file.h"
#include "study/finish.h"
#include "study/study_priv.h"

typedef struct Run {
  CmContext *ctx;
  CmSpec *spec;
  const char *out;
  CmStore *store;
  CmPlan plan;
  CmWork work;
  CmOutputs outputs;
  CmFinish finish;
  bool planned, worked, finishing;
} Run;

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- what the outputs will be called
 * ---------------------------------------------------------------------------------- */

typedef struct Names {
  CmArena *arena;
  const char **list;
  int count;
} Names;

static bool add_name(Names *names, CmError **err, const char *format, const char *word) {
  const char **list = cm__arena_grow(names->arena, names->list, names->count, sizeof *list, err);
  if (!list) return false;
  names->list = list;
  const char *hole = strchr(format, '*');
  char *name = cm__arena_printf(names->arena, err, "%.*s%s%s", (int)(hole - format), format, word, hole + 1);
  if (!name) return false;
  list[names->count++] = name;
  return true;
}

static bool add_table_names(Names *names, const char *name, CmError **err) {
  return add_name(names, err, "tables/*.csv", name) && add_name(names, err, "tables/*.json", name);
}

static bool name_images(const CmPlan *plan, Names *names, CmError **err) {
  for (int s = 0; s < plan->subject_count; s++)
    for (int n = plan->subjects[s].first_node; n < plan->subjects[s].first_node + plan->subjects[s].nodes; n++) {
      const CmNode *node = &plan->nodes[n];
      for (int o = 0; node->step >= 0 && o < plan->spec->steps[node->step].op->output_count; o++) {
        char path[4096];
        if (!plan->spec->steps[node->step].save[o] ||
            plan->spec->steps[node->step].op->outputs[o].kind == CM_KIND_TABLE)
          continue;
        if (cm__node_image_path(plan, &plan->subjects[s], node, o, path, sizeof path) &&
            !add_name(names, err, "*", path))
          return false;
      }
    }
  return true;
}

/* A model of each learner, or of each target by each learner. */
static bool add_model_names(Names *names, const CmSpec *spec, CmError **err) {
  int targets = spec->labels.target_count;
  for (int i = 0; i < spec->learn.learner_count * (targets ? targets : 1); i++) {
    char word[300];
    const char *name = spec->learn.learners[i % spec->learn.learner_count].name;
    if (targets)
      name = cm__arena_printf(names->arena, err, "%s-%s", name, spec->labels.targets[i / spec->learn.learner_count]);
    if (!name) return false;
    cm__path_word(name, word, sizeof word);
    if (!add_name(names, err, "models/*.json", word)) return false;
  }
  return true;
}

static bool expect_outputs(Run *run, CmError **err) {
  static const char *const fixed[] = {"quarantine.csv", "provenance.json", "results.json", "report.html"};
  Names names = {.arena = &run->outputs.arena};
  char word[300];
  bool good = name_images(&run->plan, &names, err);
  for (int i = 0; i < CM_COUNT(fixed) && good; i++) good = add_name(&names, err, "*", fixed[i]);
  for (int s = 0; s < run->spec->step_count && good; s++)
    for (int o = 0; o < run->spec->steps[s].op->output_count && good; o++) {
      if (run->spec->steps[s].op->outputs[o].kind != CM_KIND_TABLE) continue;
      cm__table_name(run->spec, s, o, word, sizeof word);
      good = add_table_names(&names, word, err);
    }
  if (run->plan.inputs.catalogs) good = good && add_table_names(&names, "catalog", err);
  static const char *const predicted[] = {CM__PREDICTIONS, CM__PREDICT_INPUT, CM__PREDICT_METRICS};
  for (int i = 0; run->spec->learn.model && i < CM_COUNT(predicted) && good; i++)
    good = add_table_names(&names, predicted[i], err);
  if (run->spec->learn.at && !run->spec->learn.model) {
    good = good && add_table_names(&names, CM__LEARN_INPUT, err);
    for (int i = 0; i < CM_LEARN_TABLE_COUNT && good; i++) {
      snprintf(word, sizeof word, "learn_%s", cm_learn_table_name((CmLearnTable)i));
      good = add_table_names(&names, word, err);
    }
    good = good && add_model_names(&names, run->spec, err);
  }
  return good && cm__outputs_expect(&run->outputs, names.list, names.count, err);
}

/* ---- nothing to be done
 * ------------------------------------------------------------------------------------------------ */

/* Everything that the files of OUT follow from: where it is as in the last whole run, and the files are there, nothing
 * is done again. */
static bool whole_key(Run *run, CmHash *key, CmError **err) {
  CmHasher hasher;
  cm__store_key_start(&hasher, "study");
  cm_hash_add_text(&hasher, run->spec->text);
  for (int n = 0; n < run->plan.node_count; n++) {
    const CmNode *node = &run->plan.nodes[n];
    uint8_t done = node->state == CM__NODE_KEPT || node->state == CM__NODE_RUN;
    cm_hash_add(&hasher, &done, 1);
    cm_hash_add(&hasher, node->key.bytes, done ? sizeof node->key.bytes : 0);
  }
  for (int i = 0; i < run->plan.inputs.count; i++) {
    const CmItem *item = &run->plan.inputs.items[i];
    const char *const words[] = {item->subject, item->visit, item->series, item->shown, item->label};
    for (int w = 0; w < CM_COUNT(words); w++) cm_hash_add_text(&hasher, words[w]);
  }
  if (run->spec->learn.model) {
    char *model = cm_model_to_json(run->ctx, run->spec->learn.model, err);
    cm_hash_add_text(&hasher, model);
    cm_free(model);
    if (!model) return false;
  }
  CmTable *quarantine = cm__quarantine_table(&run->work, err);
  if (!quarantine) return false;
  CmHash part;
  cm_table_hash(quarantine, &part);
  cm_table_unref(&quarantine);
  cm_hash_add(&hasher, part.bytes, sizeof part.bytes);
  const CmTable *const tables[] = {run->spec->labels.table, run->plan.inputs.catalogs};
  for (int i = 0; i < CM_COUNT(tables); i++) {
    if (!tables[i]) continue;
    cm_table_hash(tables[i], &part);
    cm_hash_add(&hasher, part.bytes, sizeof part.bytes);
  }
  cm_hash_finish(&hasher, key);
  return true;
}

/* The list that was kept under the key: a hash and a path a line. */
static bool files_are_there(Run *run, const CmHash *key) {
  const CmStoreEntry *entry = cm__store_find(run->store, key);
  size_t size;
  char *text = entry ? (char *)cm__store_read(run->store, entry, 0, &size, NULL) : NULL;
  bool same = text != NULL;
  if (text) text[size] = 0;
  for (char *line = text, *end; same && line && *line; line = end + 1) {
    CmHash hash, now;
    char path[4400];
    CmError *why = NULL;
    end = strchr(line, '\n');
    if (!end || end - line < 2 * CM_HASH_SIZE + 2) break;
    *end = line[2 * CM_HASH_SIZE] = 0;
    snprintf(path, sizeof path, "%s/%s", run->out, line + 2 * CM_HASH_SIZE + 1);
    same = cm_hash_from_hex(line, &hash) && cm__store_file_hash(run->store, path, &now, &why) &&
           cm_hash_equal(&hash, &now);
    cm_error_free(&why);
  }
  cm_free(text);
  return same;
}

static bool remember_files(Run *run, const CmHash *key, CmError **err) {
  size_t size = 0;
  for (int i = 0; i < run->outputs.count; i++) size += 2 * CM_HASH_SIZE + 2 + strlen(run->outputs.list[i].path);
  char *text = cm_alloc(run->ctx, size + 1, err), *at = text;
  if (!text) return false;
  for (int i = 0; i < run->outputs.count; i++) {
    cm_hash_hex(&run->outputs.list[i].hash, at);
    at += 2 * CM_HASH_SIZE;
    at += snprintf(at, size - (size_t)(at - text) + 1, " %s\n", run->outputs.list[i].path);
  }
  CmStorePart parts[2] = {{.bytes = (const uint8_t *)text, .size = size}, {.hash = run->finish.learning.key}};
  cm_hash_bytes(text, size, &parts[0].hash);
  bool good = cm__store_put(run->store, key, parts, 2, err);
  cm_free(text);
  return good;
}

/* The other entries that the whole rests on stay as well: the store drops what a run has not asked for. */
static void keep_learning(Run *run, const CmHash *key) {
  const CmStoreEntry *entry = cm__store_find(run->store, key);
  if (entry && cm__store_parts(entry) > 1) cm__store_find(run->store, cm__store_hash(entry, 1));
}

/* ---- running
 * ---------------------------------------------------------------------------------------------------------- */

static bool start(Run *run, const CmStudyOptions *options, CmError **err) {
  if (!cm__outputs_claim(run->ctx, run->out, err)) return false;
  run->store = cm__store_open(run->ctx, run->out, options->fresh ? CM__STORE_FRESH : CM__STORE_WORK, err);
  if (!run->store) return false;
  cm__outputs_clean(run->out);
  cm__outputs_start(&run->outputs, run->ctx, run->store, run->out);
  run->planned = true;
  char keep[4400];
  snprintf(keep, sizeof keep, "%s/.cormack", run->out);
  return cm__plan_make(&run->plan, run->ctx, run->spec, keep, err) && expect_outputs(run, err);
}

static bool work_and_finish(Run *run, CmError **err) {
  CmHash key;
  run->worked = true;
  if (!cm__work_do(&run->work, &run->plan, run->store, run->out, err)) return false;
  if (!whole_key(run, &key, err)) return false;
  if (files_are_there(run, &key)) {
    keep_learning(run, &key);
    return cm__store_finish(run->store, err);
  }
  run->finishing = true;
  if (!cm__finish_do(&run->finish, &run->work, &run->outputs, err) || !cm__outputs_settle(&run->outputs, err))
    return false;
  if (run->finish.refusal) {
    cm_error_move(err, &run->finish.refusal);
    return false;
  }
  return remember_files(run, &key, err) && cm__store_finish(run->store, err);
}

static void count(const Run *run, CmStudyOutcome *outcome) {
  if (!run->planned) return;
  outcome->subjects = run->plan.subject_count;
  outcome->images = run->plan.inputs.count;
  outcome->quarantined = run->plan.inputs.quarantined_count + run->plan.quarantined_count;
  if (!run->worked) return;
  outcome->steps_run = atomic_load(&run->work.run);
  outcome->steps_kept = atomic_load(&run->work.kept);
  for (int s = 0; s < run->plan.subject_count && run->work.quarantined_count; s++)
    outcome->quarantined += run->work.quarantined_count[s];
  for (int n = 0; n < run->plan.node_count; n++)
    outcome->steps_failed += run->plan.nodes[n].step >= 0 && run->plan.nodes[n].state >= CM__NODE_FAILED;
}

/* The only place where a run's hour is written. */
static void write_log(const Run *run, const CmStudyOutcome *outcome, const CmError *err) {
  char path[4400], when[40] = "";
  time_t now = time(NULL);
  struct tm parts;
  if (gmtime_r(&now, &parts)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
  snprintf(path, sizeof path, "%s/.cormack/log", run->out);
  FILE *log = fopen(path, "a");
  if (!log) return;
  fprintf(log, /* lint: into the run's own file */
          "%s cormack %s threads %d seconds %.1f steps run %lld kept %lld failed %lld quarantined %lld%s%s\n", when,
          CM_VERSION, cm_context_threads(run->ctx), outcome->seconds, (long long)outcome->steps_run,
          (long long)outcome->steps_kept, (long long)outcome->steps_failed, (long long)outcome->quarantined,
          err ? " stopped: " : "", cm_error_text(err));
  fclose(log);
}

bool cm_study_run(CmContext *ctx, const CmStudy *study, const CmStudyOptions *options, CmStudyOutcome *outcome,
                  CmError **err) {
  CmStudyOutcome counted = {0};
  CmError *why = NULL;
  double started = now_s();
  if (outcome) *outcome = counted;
  if (!cm_study_check(study, err)) return false;
  if (!options || !options->out || !*options->out) {
    cm_error_set(err, CM_ERR_USAGE, "no folder for the outputs is given; add -o OUT");
    return false;
  }
  Run run = {.ctx = ctx, .spec = (CmSpec *)(uintptr_t)&study->spec, .out = options->out};
  bool good = start(&run, options, &why) && work_and_finish(&run, &why);
  count(&run, &counted);
  counted.seconds = now_s() - started;
  if (outcome) *outcome = counted;
  if (run.store) write_log(&run, &counted, why);
  if (run.worked && good) cm_progress(ctx, run.spec->name, run.plan.step_nodes + 1, run.plan.step_nodes + 1);
  if (run.finishing) cm__finish_free(&run.finish);
  if (run.worked) cm__work_free(&run.work);
  if (run.planned) {
    cm__plan_free(&run.plan);
    cm__outputs_free(&run.outputs);
  }
  cm__store_close(&run.store);
  if (!good) cm_error_move(err, &why);
  return good;
}

/* ---- the plan, told
 * --------------------------------------------------------------------------------------------------- */

char *cm_study_plan(CmContext *ctx, const CmStudy *study, const CmStudyOptions *options, bool json, CmError **err) {
  CmPlan plan;
  CmWork work = {.plan = &plan};
  char *text = NULL;
  if (!cm_study_check(study, err)) return NULL;
  bool good = cm__plan_make(&plan, ctx, (CmSpec *)(uintptr_t)&study->spec, NULL, err);
  if (good && options && options->out && !options->fresh && cm__outputs_is_ours(options->out)) {
    work.store = cm__store_open(ctx, options->out, CM__STORE_LOOK, err);
    if (work.store) cm__work_look(&work);
    good = !err || !*err;
  }
  if (good) text = cm__plan_tell(&plan, &work, json, err);
  cm__store_close(&work.store);
  cm__plan_free(&plan);
  return text;
}
