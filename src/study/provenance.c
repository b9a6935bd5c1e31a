/* What made each output: for people as a table, for machines as JSON. Nothing in it depends on the machine or the hour.
 */
#include <jansson.h>
#include <libdeflate.h>
#include <linear.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "core/text.h"
#include "study/finish.h"

static void add_field(CmTextBuffer *to, const char *name, const char *value) {
  cm__text_add_json(to, name);
  cm__text_add(to, ": ");
  cm__text_add_json(to, value);
}

static void add_hash(CmTextBuffer *to, const char *name, const CmHash *hash) {
  char hex[2 * CM_HASH_SIZE + 1];
  cm_hash_hex(hash, hex);
  add_field(to, name, hex);
}

static int find_step(const CmSpec *spec, const char *name) {
  for (int s = 0; s < spec->step_count; s++)
    if (strcmp(spec->steps[s].name, name) == 0) return s;
  return -1;
}

CmTable *cm__provenance_table(CmFinish *f, CmError **err) {
  static const char *const columns[] = {"output", "hash", "step", "operation", "parameters", "made_from"};
  CmTable *table = cm_table_create(f->ctx, err);
  bool good = table != NULL;
  for (int c = 0; c < CM_COUNT(columns) && good; c++)
    good = cm_table_add_column(table, columns[c], CM_COLUMN_TEXT, "", err) >= 0;
  for (int i = 0; i < f->outputs->count && good; i++) {
    CmOutput *output = &f->outputs->list[i];
    char hex[2 * CM_HASH_SIZE + 1];
    int s = *output->step ? find_step(f->spec, output->step) : -1;
    if (s >= 0) {
      output->operation = f->spec->steps[s].op->name;
      output->params = f->spec->steps[s].params_json;
      output->made_from = f->result.steps[s].of;
    }
    cm_hash_hex(&output->hash, hex);
    const char *const cells[] = {output->path, hex, output->step, output->operation, output->params, output->made_from};
    int64_t row = cm_table_add_row(table, err);
    for (int c = 0; row >= 0 && c < CM_COUNT(cells) && good; c++)
      good = !*cells[c] || cm_table_set_text(table, row, c, cells[c], err);
    good = good && row >= 0;
  }
  if (!good) cm_table_unref(&table);
  return table;
}

/* ---- JSON -----------------------------------------------------------------------------------------------------------
 */

/* The path below what the study file names, for its input or its catalogue, so that it is the same wherever the data
 * lie. */
static const char *path_within(const CmSpec *spec, const CmItem *item) {
  const CmSpecInput *input = &spec->inputs[item->input];
  const char *const *paths = input->sql ? spec->catalog.paths : input->paths;
  int count = input->sql ? spec->catalog.path_count : input->path_count;
  for (int i = 0; i < count; i++) {
    const char *base = strrchr(item->shown, '/');
    size_t length = strlen(paths[i]);
    while (length && paths[i][length - 1] == '/') length--;
    if (strncmp(item->shown, paths[i], length) == 0 && item->shown[length] == '/') return item->shown + length + 1;
    if (strcmp(item->shown, paths[i]) == 0 && base) return base + 1;
  }
  const char *slash = strrchr(item->shown, '/');
  return slash ? slash + 1 : item->shown;
}

static void add_units_keys(CmTextBuffer *to, const CmPlanSubject *subject, const CmNode *node) {
  add_field(to, "subject", subject->name);
  cm__text_add(to, ", ");
  add_field(to, "visit", node->visit);
  if (node->later) {
    cm__text_add(to, ", ");
    add_field(to, "later_visit", node->later);
  } else if (*node->series) {
    cm__text_add(to, ", ");
    add_field(to, "series", node->series);
  }
}

static const char *state_name(const CmNode *node) {
  return node->state == CM__NODE_FAILED ? "quarantined" : node->state == CM__NODE_WAITS ? "not done" : "done";
}

static void add_inputs(CmTextBuffer *to, const CmFinish *f) {
  const CmPlan *plan = f->work->plan;
  bool first = true;
  cm__text_add(to, "  \"inputs\": [");
  for (int s = 0; s < plan->subject_count; s++) {
    const CmPlanSubject *subject = &plan->subjects[s];
    for (int n = subject->first_node; n < subject->first_node + subject->nodes; n++) {
      const CmNode *node = &plan->nodes[n];
      if (node->step >= 0) continue;
      const CmItem *item = &plan->inputs.items[node->item];
      const CmHash *hash = cm__work_hash(f->work, node, 0);
      cm__text_add(to, first ? "\n    {" : ",\n    {");
      first = false;
      add_field(to, "input", f->spec->inputs[item->input].name);
      cm__text_add(to, ", ");
      add_units_keys(to, subject, node);
      cm__text_add(to, ", ");
      add_field(to, "path", path_within(f->spec, item));
      if (item->kind == CM__ITEM_ARRAY) cm__text_addf(to, ", \"index\": %lld", (long long)item->at);
      cm__text_add(to, ", ");
      add_field(to, "state", state_name(node));
      if (hash) {
        cm__text_add(to, ", ");
        add_hash(to, "files", &node->key);
        cm__text_add(to, ", ");
        add_hash(to, "image", hash);
      }
      cm__text_add(to, "}");
    }
  }
  cm__text_add(to, "\n  ],\n");
}

static void add_hashes(CmTextBuffer *to, const CmFinish *f, const CmNode *node, bool outputs) {
  const CmOp *op = f->spec->steps[node->step].op;
  int count = outputs ? op->output_count : op->input_count;
  bool first = true;
  cm__text_add(to, outputs ? ", \"outputs\": {" : ", \"inputs\": {");
  for (int i = 0; i < count; i++) {
    const CmHash *hash;
    if (outputs)
      hash = cm__work_hash(f->work, node, i);
    else
      hash = node->in[i].node < 0 ? NULL
                                  : cm__work_hash(f->work, &f->work->plan->nodes[node->in[i].node], node->in[i].port);
    if (!hash) continue;
    if (!first) cm__text_add(to, ", ");
    first = false;
    add_hash(to, outputs ? op->outputs[i].name : op->inputs[i].name, hash);
  }
  cm__text_add(to, "}");
}

static void add_units(CmTextBuffer *to, const CmFinish *f, int step) {
  const CmPlan *plan = f->work->plan;
  bool first = true;
  for (int s = 0; s < plan->subject_count; s++) {
    const CmPlanSubject *subject = &plan->subjects[s];
    for (int n = subject->first_node; n < subject->first_node + subject->nodes; n++) {
      const CmNode *node = &plan->nodes[n];
      if (node->step != step) continue;
      cm__text_add(to, first ? "\n      {" : ",\n      {");
      first = false;
      add_units_keys(to, subject, node);
      cm__text_add(to, ", ");
      add_field(to, "state", state_name(node));
      if (node->state == CM__NODE_KEPT || node->state == CM__NODE_RUN) {
        add_hashes(to, f, node, false);
        add_hashes(to, f, node, true);
      }
      cm__text_add(to, "}");
    }
  }
}

static void add_steps(CmTextBuffer *to, const CmFinish *f, bool units) {
  cm__text_add(to, "  \"steps\": [");
  for (int s = 0; s < f->result.step_count; s++) {
    const CmResultStep *step = &f->result.steps[s];
    cm__text_add(to, s ? ",\n    {" : "\n    {");
    add_field(to, "name", step->name);
    cm__text_add(to, ", ");
    add_field(to, "operation", step->op->name);
    cm__text_add(to, ", ");
    add_field(to, "since", step->op->since);
    cm__text_addf(to, ", \"parameters\": %s, ", step->params_json);
    add_field(to, "of", step->of);
    cm__text_add(to, ", \"tolerance\": ");
    cm__text_add_real(to, step->op->tolerance);
    if (step->op->cite) {
      cm__text_add(to, ", ");
      add_field(to, "cite", step->op->cite);
    }
    cm__text_addf(to, ", \"units\": %lld, \"done\": %lld, \"failed\": %lld", (long long)step->units,
                  (long long)step->done, (long long)step->failed);
    if (units) {
      cm__text_add(to, ", \"work\": [");
      add_units(to, f, s);
      cm__text_add(to, "]");
    }
    cm__text_add(to, "}");
  }
  cm__text_add(to, "\n  ],\n");
}

static void add_outputs(CmTextBuffer *to, const CmFinish *f) {
  cm__text_add(to, "  \"outputs\": [");
  for (int i = 0; i < f->outputs->count; i++) {
    const CmOutput *output = &f->outputs->list[i];
    cm__text_add(to, i ? ",\n    {" : "\n    {");
    add_field(to, "path", output->path);
    cm__text_add(to, ", ");
    add_hash(to, "hash", &output->hash);
    if (*output->step) {
      cm__text_add(to, ", ");
      add_field(to, "step", output->step);
    }
    if (*output->made_from) {
      cm__text_add(to, ", ");
      add_field(to, "made_from", output->made_from);
    }
    cm__text_add(to, "}");
  }
  cm__text_add(to, "\n  ]");
}

static void add_head(CmTextBuffer *to, const CmFinish *f) {
  cm__text_add(to, "{\n  ");
  add_field(to, "study", f->result.study);
  cm__text_add(to, ",\n  ");
  add_hash(to, "study_file", &f->result.study_hash);
  cm__text_add(to, ",\n  ");
  add_field(to, "cormack", CM_VERSION);
  cm__text_add(to, ",\n  ");
  add_field(to, "source_hash", cm_source_hash());
  cm__text_add(to, ",\n");
}

char *cm__provenance_json(CmFinish *f, CmError **err) {
  CmTextBuffer to;
  cm__text_start(&to, f->ctx, err);
  add_head(&to, f);
  cm__text_add(&to, "  \"hash\": \"BLAKE2b-256\",\n  \"libraries\": {");
  add_field(&to, "libyaml", yaml_get_version_string());
  cm__text_add(&to, ", ");
  add_field(&to, "jansson", JANSSON_VERSION);
  cm__text_add(&to, ", ");
  add_field(&to, "libdeflate", LIBDEFLATE_VERSION_STRING);
  cm__text_addf(&to, ", \"liblinear\": \"%d\"},\n", liblinear_version);
  add_inputs(&to, f);
  add_steps(&to, f, true);
  if (f->result.learn) {
    cm__text_add(&to, "  \"learning\": {");
    add_hash(&to, "key", &f->learning.key);
    cm__text_add(&to, ", ");
    add_field(&to, "target", f->result.target);
    cm__text_add(&to, ", \"models\": {");
    for (int m = 0; m < f->spec->learn.learner_count; m++) {
      if (m) cm__text_add(&to, ", ");
      cm__text_add_json(&to, f->spec->learn.learners[m].name);
      cm__text_addf(&to, ": %s", f->spec->learn.learner_json[m]);
    }
    cm__text_add(&to, "}},\n");
  }
  add_outputs(&to, f);
  cm__text_add(&to, "\n}\n");
  return cm__text_finish(&to);
}

static void add_table(CmTextBuffer *to, const CmFinish *f, const char *name, const CmTable *table) {
  char *json = cm_table_to_json(f->ctx, table, to->err);
  if (!json) to->failed = true;
  cm__text_add_json(to, name);
  cm__text_addf(to, ": %s", json ? json : "null");
  cm_free(json);
}

char *cm__results_json(CmFinish *f, CmError **err) {
  CmTextBuffer to;
  cm__text_start(&to, f->ctx, err);
  add_head(&to, f);
  cm__text_addf(&to, "  \"subjects\": %lld,\n  \"visits\": %lld,\n  \"inputs\": [", (long long)f->result.subjects,
                (long long)f->result.visits);
  for (int i = 0; i < f->result.input_count; i++) {
    const CmResultInput *input = &f->result.inputs[i];
    cm__text_add(&to, i ? ",\n    {" : "\n    {");
    add_field(&to, "name", input->name);
    cm__text_addf(&to, ", \"files\": %lld, \"images\": %lld, \"subjects\": %lld}", (long long)input->files,
                  (long long)input->images, (long long)input->subjects);
  }
  cm__text_add(&to, "\n  ],\n");
  add_steps(&to, f, false);
  cm__text_add(&to, "  ");
  if (f->result.catalogs) {
    add_table(&to, f, "catalog", f->result.catalogs);
    cm__text_add(&to, ",\n  ");
  }
  add_table(&to, f, "quarantine", f->quarantine);
  cm__text_add(&to, ",\n  \"tables\": {");
  for (int i = 0; i < f->result.table_count; i++) {
    cm__text_add(&to, i ? ",\n    " : "\n    ");
    add_table(&to, f, f->result.tables[i].name, f->result.tables[i].table);
  }
  cm__text_add(&to, "\n  },\n  \"learning\": ");
  if (f->result.learn) {
    cm__text_add(&to, "{");
    for (int i = 0; i < CM_LEARN_TABLE_COUNT; i++) {
      cm__text_add(&to, i ? ",\n    " : "\n    ");
      add_table(&to, f, cm_learn_table_name((CmLearnTable)i), f->result.learn[i]);
    }
    cm__text_add(&to, "\n  }");
  } else {
    cm__text_add(&to, "null");
  }
  if (f->refusal) {
    cm__text_add(&to, ",\n  ");
    add_field(&to, "learning_refused", cm_error_text(f->refusal));
  }
  cm__text_add(&to, ",\n");
  add_outputs(&to, f);
  cm__text_add(&to, "\n}\n");
  return cm__text_finish(&to);
}
