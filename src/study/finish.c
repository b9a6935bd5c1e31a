#include "study/finish.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "study/predicting.h"
#include "study/recipe.h"

static bool add_quarantined(CmTable *table, const CmQuarantined *row, CmError **err) {
  const char *const cells[] = {row->path, row->subject, row->visit, row->step, row->code, row->reason};
  int64_t at = cm_table_add_row(table, err);
  for (int c = 0; at >= 0 && c < CM_COUNT(cells); c++)
    if (*cells[c] && !cm_table_set_text(table, at, c, cells[c], err)) return false;
  return at >= 0;
}

CmTable *cm__quarantine_table(const CmWork *work, CmError **err) {
  static const char *const columns[] = {"path", "subject", "visit", "step", "code", "reason"};
  const CmPlan *plan = work->plan;
  CmTable *table = cm_table_create(plan->ctx, err);
  bool good = table != NULL;
  for (int c = 0; c < CM_COUNT(columns) && good; c++)
    good = cm_table_add_column(table, columns[c], CM_COLUMN_TEXT, "", err) >= 0;
  for (int i = 0; i < plan->inputs.quarantined_count && good; i++)
    good = add_quarantined(table, &plan->inputs.quarantined[i], err);
  for (int i = 0; i < plan->quarantined_count && good; i++) good = add_quarantined(table, &plan->quarantined[i], err);
  for (int s = 0; s < plan->subject_count && work->quarantined_count && good; s++)
    for (int i = 0; i < work->quarantined_count[s] && good; i++)
      good = add_quarantined(table, &work->quarantined[s][i], err);
  if (!good) cm_table_unref(&table);
  return table;
}

/* ---- files ----------------------------------------------------------------------------------------------------------
 */

static bool list_images(CmFinish *f, CmError **err) {
  const CmPlan *plan = f->work->plan;
  for (int s = 0; s < plan->subject_count; s++) {
    const CmPlanSubject *subject = &plan->subjects[s];
    for (int n = subject->first_node; n < subject->first_node + subject->nodes; n++) {
      const CmNode *node = &plan->nodes[n];
      for (int o = 0; node->step >= 0 && o < f->spec->steps[node->step].op->output_count; o++) {
        char path[4096];
        CmHash hash;
        if (!f->spec->steps[node->step].save[o] || f->spec->steps[node->step].op->outputs[o].kind == CM_KIND_TABLE)
          continue;
        if (!cm__node_image_path(plan, subject, node, o, path, sizeof path) ||
            !cm__work_image_hash(f->work, node, o, path, &hash))
          continue;
        CmOutput *output = cm__outputs_add(f->outputs, path, &hash, err);
        if (!output) return false;
        output->step = f->spec->steps[node->step].name;
      }
    }
  }
  return true;
}

static bool write_tables(CmFinish *f, CmError **err) {
  int most = f->spec->step_count * CM_MAX_PORTS + 1;
  CmResultTable *list = cm__arena_alloc(&f->arena, (size_t)most, sizeof *list, err);
  f->tables = list ? cm__arena_alloc(&f->arena, (size_t)most, sizeof *f->tables, err) : NULL;
  if (!f->tables) return false;
  f->result.tables = list;
  for (int s = 0; s < f->spec->step_count; s++) {
    const CmSpecStep *step = &f->spec->steps[s];
    for (int o = 0; o < step->op->output_count; o++) {
      char name[300];
      if (step->op->outputs[o].kind != CM_KIND_TABLE || !step->wanted[o]) continue;
      cm__table_name(f->spec, s, o, name, sizeof name);
      CmTable *table = cm__tables_of_step(f->work, s, o, err);
      if (!table) return false;
      int at = f->result.table_count++;
      f->tables[at] = table;
      list[at] = (CmResultTable){cm__arena_strdup(&f->arena, name, err), s, table};
      CmOutput *output = list[at].name ? cm__outputs_write_table(f->outputs, name, table, err) : NULL;
      if (!output) return false;
      output->step = step->name;
    }
  }
  return true;
}

static bool write_model(CmFinish *f, int m, const char *recipe, CmError **err) {
  char word[200], name[300];
  CmModel *model = f->learning.models[m];
  char *json = cm_model_set_study(model, recipe, err) ? cm_model_to_json(f->ctx, model, err) : NULL;
  cm__path_word(cm_model_name(model), word, sizeof word);
  snprintf(name, sizeof name, "models/%s.json", word);
  CmOutput *output = json ? cm__outputs_write(f->outputs, name, json, strlen(json), err) : NULL;
  cm_free(json);
  if (!output) return false;
  int learner = m % f->spec->learn.learner_count; /* of several targets, all learners of each in turn */
  output->operation = f->spec->learn.learners[learner].kind->about.name;
  output->params = f->spec->learn.learner_json[learner];
  output->made_from = CM__LEARN_INPUT;
  return true;
}

/* Each with the steps that make what it needs. */
static bool write_models(CmFinish *f, CmError **err) {
  char *recipe = cm__recipe_write(f->work, err);
  bool good = recipe != NULL;
  for (int m = 0; good && m < f->learning.model_count; m++) good = write_model(f, m, recipe, err);
  cm_free(recipe);
  return good;
}

static bool write_learning(CmFinish *f, CmError **err) {
  char name[300];
  for (int i = 0; i < CM_LEARN_TABLE_COUNT; i++) {
    snprintf(name, sizeof name, "learn_%s", cm_learn_table_name((CmLearnTable)i));
    CmOutput *output = cm__outputs_write_table(f->outputs, name, f->learning.tables[i], err);
    if (!output) return false;
    output->made_from = CM__LEARN_INPUT;
  }
  return write_models(f, err);
}

/* A learning that cannot be done is told in the report; only what has nothing to do with the data stops the run. */
static bool refuse(CmFinish *f, CmError **why, CmError **err) {
  CmErrorCode code = cm_error_code(*why);
  if (code == CM_ERR_CANCELLED || code == CM_ERR_IO) {
    cm_error_move(err, why);
    return false;
  }
  f->refusal = *why;
  *why = NULL;
  return true;
}

static bool learn(CmFinish *f, CmError **err) {
  static const char *const rows[] = {"subject", "visit", "image"};
  CmError *why = NULL;
  if (!f->spec->learn.at) return true;
  if (f->spec->learn.model) return cm__predicting_do(f, &why) || refuse(f, &why, err);
  f->result.target = f->spec->labels.target;
  f->result.row = rows[f->spec->learn.row];
  f->result.explained = f->spec->learn.validate->explain;
  f->features = cm__tables_for_learning(f->work, &why);
  if (!f->features) return refuse(f, &why, err);
  f->result.features = f->features;
  CmOutput *output = cm__outputs_write_table(f->outputs, CM__LEARN_INPUT, f->features, err);
  if (!output) return false;
  output->made_from = "the tables of learn, and the labels";
  if (!cm__learning_do(&f->learning, f->work, f->features, &why)) return refuse(f, &why, err);
  f->result.learn = (const CmTable *const *)f->learning.tables;
  f->result.models = f->learning.models;
  f->result.model_count = f->learning.model_count;
  return write_learning(f, err);
}

static bool write_text(CmFinish *f, const char *path, char *text, CmError **err) {
  bool good = text && cm__outputs_write(f->outputs, path, text, strlen(text), err);
  cm_free(text);
  return good;
}

enum { MOST_NAME = 160 }; /* characters of a plot's file; systems take 255, with what is added while it is written */

typedef struct PlotFiles {
  CmFinish *finish;
  const char **paths;
  int count;
} PlotFiles;

static bool name_plot(void *arg, const char *name, size_t length, const char *svg, size_t size, CmError **err) {
  PlotFiles *files = arg;
  CmArena *arena = &files->finish->arena;
  (void)svg;
  (void)size;
  const char **paths = cm__arena_grow(arena, files->paths, files->count, sizeof *paths, err);
  if (!paths) return false;
  files->paths = paths;
  if (length > MOST_NAME) {
    CmHash hash;
    char hex[2 * CM_HASH_SIZE + 1];
    cm_hash_bytes(name, length, &hash);
    cm_hash_hex(&hash, hex);
    return (paths[files->count++] = cm__arena_printf(arena, err, "plots/%.128s-%.16s.svg", name, hex)) != NULL;
  }
  return (paths[files->count++] = cm__arena_printf(arena, err, "plots/%.*s.svg", (int)length, name)) != NULL;
}

static bool write_plot(void *arg, const char *name, size_t length, const char *svg, size_t size, CmError **err) {
  PlotFiles *files = arg;
  CmTextBuffer out;
  (void)name;
  (void)length;
  cm__text_start(&out, files->finish->ctx, err);
  cm__text_addf(&out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" style=\"background:#fff\"%.*s\n",
                (int)size, svg);
  return write_text(files->finish, files->paths[files->count++], cm__text_finish(&out), err);
}

/* The plots of the report as OUT/plots/NAME.svg. */
static bool write_plots(CmFinish *f, const char *page, CmError **err) {
  PlotFiles files = {.finish = f};
  if (!cm__report_plots(page, name_plot, &files, err) || !cm__outputs_expect(f->outputs, files.paths, files.count, err))
    return false;
  files.count = 0;
  return cm__report_plots(page, write_plot, &files, err);
}

static bool write_report(CmFinish *f, CmError **err) {
  if (f->spec->report.off) return true;
  char *page = cm__report_make(&f->result, err);
  bool good =
      page && cm__outputs_write(f->outputs, "report.html", page, strlen(page), err) && write_plots(f, page, err);
  cm_free(page);
  return good;
}

bool cm__finish_do(CmFinish *f, CmWork *work, CmOutputs *outputs, CmError **err) {
  *f = (CmFinish){.ctx = work->plan->ctx, .spec = work->plan->spec, .work = work, .outputs = outputs};
  f->arena.ctx = f->ctx;
  if (!cm__result_fill(f, err) || !list_images(f, err) || !write_tables(f, err)) return false;
  if (!(f->quarantine = cm__quarantine_table(work, err))) return false;
  f->result.quarantine = f->quarantine;
  f->result.catalogs = work->plan->inputs.catalogs;
  if (f->result.catalogs && !cm__outputs_write_table(f->outputs, "catalog", f->result.catalogs, err)) return false;
  if (!write_text(f, "quarantine.csv", cm_table_to_csv(f->ctx, f->quarantine, err), err) || !learn(f, err))
    return false;
  f->result.learn_refusal = f->refusal ? cm_error_text(f->refusal) : NULL;
  if (!(f->provenance = cm__provenance_table(f, err))) return false;
  f->result.provenance = f->provenance;
  return write_report(f, err) && write_text(f, "provenance.json", cm__provenance_json(f, err), err) &&
         write_text(f, "results.json", cm__results_json(f, err), err);
}

void cm__finish_free(CmFinish *f) {
  for (int i = 0; i < f->result.table_count; i++) cm_table_unref(&f->tables[i]);
  cm_table_unref(&f->quarantine);
  cm_table_unref(&f->provenance);
  cm_table_unref(&f->features);
  cm__learning_free(&f->learning);
  cm_error_free(&f->refusal);
  cm__arena_free(&f->arena);
}
