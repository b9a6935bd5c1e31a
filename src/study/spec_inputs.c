/* «inputs:» and «labels:» of a study file. */
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "study/pattern.h"
#include "study/spec.h"

static const char *const input_keys[] = {
    "path",       "modality", "series", "keys",     "subject", "visit", "kind",       "where", "query",      "catalog",
    "min_slices", "select",   "suv",    "optional", "labels",  "fill",  "duplicates", "shape", "components", "unit"};
static const char *const kinds[] = {"image", "labels"};
static const char *const duplicates[] = {"keep", "drop"};
const char *const cm__spec_fills[3] = {"refuse", "linear", "drop"}; /* CmFill */
const char *const cm__spec_subject_keys[4] = {"PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID"};
const char *const cm__spec_visit_keys[3] = {"StudyDate", "StudyInstanceUID", "none"};

/* A name that can be part of a reference and of a file name. */
static void check_name(CmSpec *spec, const CmYaml *at, const char *name, const char *what) {
  size_t length = strlen(name);
  bool good = length > 0 && length <= 64 && name[0] != '-' && name[0] != '_';
  for (size_t i = 0; i < length && good; i++)
    good = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
           (name[i] >= '0' && name[i] <= '9') || name[i] == '_' || name[i] == '-';
  if (!good)
    cm__problem_add(&spec->problems, at, "«%s» cannot name %s; use letters, digits, _ and -, at most 64", name, what);
}

static void check_paths(CmSpec *spec, const CmYaml *at, const char *const *paths, int count, const char *what) {
  for (int i = 0; i < count; i++) {
    const CmYaml *node = at->kind == CM__YAML_LIST && i < at->count ? at->items[i] : at;
    const char *path = cm__spec_path(spec, paths[i]);
    struct stat info;
    if (stat(path, &info) == 0) continue;
    bool is_glob = strpbrk(path, "*?[") != NULL;
    glob_t found = {0};
    if (is_glob && glob(path, 0, NULL, &found) == 0 && found.gl_pathc > 0) {
      globfree(&found);
      continue;
    }
    globfree(&found);
    if (is_glob)
      cm__problem_add(&spec->problems, node, "%s: no file matches «%s»", what, path);
    else
      cm__problem_add(&spec->problems, node,
                      "%s: there is no file or folder «%s»; paths are relative to the study file", what, path);
  }
}

/* The paths as they stand in the file, so that what is told of them is the same wherever the data lie. */
static const char *written_paths(CmSpec *spec, const CmYaml *node) {
  const char *text = node->kind == CM__YAML_SCALAR ? node->raw : "";
  for (int i = 0; node->kind == CM__YAML_LIST && i < node->count && text; i++)
    text = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s%s%s", text, i ? ", " : "", node->items[i]->raw);
  return text ? text : "";
}

const char **cm__spec_paths(CmSpec *spec, const CmYaml *node, const char *what, bool optional, int *count,
                            const char **written) {
  const char **paths = cm__yaml_texts(&spec->problems, node, "a path", count);
  *written = written_paths(spec, node);
  if (paths && !optional) check_paths(spec, node, paths, *count, what);
  return paths;
}

static void parse_paths(CmSpec *spec, CmSpecInput *input, const CmYaml *node) {
  const char *what = cm__arena_printf(&spec->arena, &spec->problems.failure, "input «%s»", input->name);
  if (!what) return;
  input->paths = cm__spec_paths(spec, node, what, input->optional, &input->path_count, &input->written);
}

/* Where the images are: at paths, or in a catalogue. */
static void parse_place(CmSpec *spec, CmSpecInput *input, const CmYaml *node) {
  const CmYaml *path = cm__yaml_get(node, "path"), *query = cm__yaml_get(node, "query");
  const CmYaml *asks = query ? query : cm__yaml_get(node, "where");
  if (!asks) asks = cm__yaml_get(node, "catalog");
  if (path && asks)
    cm__problem_add(&spec->problems, asks, "input «%s»: its images lie at path or in a catalogue, not both; keep one",
                    input->name);
  else if (path)
    parse_paths(spec, input, path);
  else if (cm__yaml_get(node, "catalog") || spec->catalog.at)
    cm__spec_input_asks(spec, input, node);
  else if (asks)
    cm__problem_add(&spec->problems, asks,
                    "input «%s»: there is no catalogue to be asked; add catalog: FILE, or catalog: {path: studies/} "
                    "at the top of the study",
                    input->name);
  else
    cm__problem_add(&spec->problems, input->at, "input «%s» has no path; add path: a folder, a file or a pattern",
                    input->name);
}

/* shape: [28, 28]; 0: any length. */
static void parse_shape(CmProblems *problems, CmSpecInput *input, const CmYaml *node) {
  if (!node) return;
  bool good = node->kind == CM__YAML_LIST && node->count >= 2 && node->count <= 4;
  for (int k = 0; good && k < node->count; k++)
    good = cm__yaml_as_int(node->items[k], &input->shape[k]) && input->shape[k] >= 0 && input->shape[k] <= CM_MAX_DIM;
  if (good)
    input->shape_rank = node->count;
  else
    cm__problem_add(problems, node,
                    "input «%s»: shape must be two to four lengths such as [512, 512, 0], 0 for any; it is not",
                    input->name);
}

static void parse_input(CmSpec *spec, CmSpecInput *input, const CmYaml *node) {
  CmProblems *problems = &spec->problems;
  int kind = 0;
  *input = (CmSpecInput){.name = input->name,
                         .at = input->at,
                         .kind = CM_KIND_IMAGE,
                         .written = "",
                         .modality = "",
                         .series = "",
                         .keys = ""};
  if (node->kind != CM__YAML_MAP) { /* ct: studies/ */
    parse_paths(spec, input, node);
    return;
  }
  cm__yaml_known_keys(problems, node, input_keys, CM_COUNT(input_keys), "an input");
  cm__yaml_text(problems, node, "modality", &input->modality);
  cm__yaml_text(problems, node, "series", &input->series);
  cm__yaml_text(problems, node, "keys", &input->keys);
  cm__yaml_text(problems, node, "select", &input->select);
  cm__yaml_text(problems, node, "labels", &input->labels);
  cm__yaml_bool(problems, node, "suv", &input->suv);
  cm__yaml_bool(problems, node, "optional", &input->optional);
  cm__yaml_choice(problems, node, "kind", kinds, CM_COUNT(kinds), &kind);
  cm__yaml_choice(problems, node, "fill", cm__spec_fills, CM_COUNT(cm__spec_fills), &input->fill);
  cm__yaml_choice(problems, node, "duplicates", duplicates, CM_COUNT(duplicates), &input->duplicates);
  cm__yaml_choice(problems, node, "subject", cm__spec_subject_keys, CM_COUNT(cm__spec_subject_keys),
                  &input->subject_key);
  cm__yaml_choice(problems, node, "visit", cm__spec_visit_keys, CM_COUNT(cm__spec_visit_keys), &input->visit_key);
  cm__yaml_int(problems, node, "min_slices", 0, 1000000, &input->min_slices);
  cm__yaml_int(problems, node, "components", 1, CM_MAX_COMPONENTS, &input->components);
  cm__yaml_text(problems, node, "unit", &input->unit);
  parse_shape(problems, input, cm__yaml_get(node, "shape"));
  input->kind = kind ? CM_KIND_LABELS : CM_KIND_IMAGE;
  const char *wrong = *input->keys ? cm__pattern_problem(input->keys) : NULL;
  if (wrong) cm__problem_add(problems, cm__yaml_get(node, "keys"), "input «%s»: keys: %s", input->name, wrong);
  parse_place(spec, input, node);
}

void cm__spec_inputs(CmSpec *spec) {
  const CmYaml *node = cm__yaml_get(spec->root, "inputs");
  if (!node || node->kind != CM__YAML_MAP || node->count == 0) {
    cm__problem_add(&spec->problems, node ? node : spec->root,
                    "the study has no inputs; add e.g. «inputs: {ct: {path: studies/, modality: CT}}»");
    return;
  }
  if (node->count > CM__MAX_INPUTS) {
    cm__problem_add(&spec->problems, node, "%d inputs are more than a study may have (%d); use patterns in path",
                    node->count, CM__MAX_INPUTS);
    return;
  }
  spec->inputs = cm__arena_alloc(&spec->arena, (size_t)node->count, sizeof *spec->inputs, &spec->problems.failure);
  if (!spec->inputs) return;
  for (int i = 0; i < node->count; i++) {
    spec->inputs[i].name = node->keys[i]->text;
    spec->inputs[i].at = node->keys[i];
    check_name(spec, node->keys[i], node->keys[i]->text, "an input");
    parse_input(spec, &spec->inputs[i], node->items[i]);
  }
  spec->input_count = node->count;
}

/* ---- labels ---------------------------------------------------------------------------------------------------------
 */

static void check_column(CmSpec *spec, const CmYaml *node, const char *key, const char *column, bool required) {
  const CmTable *table = spec->labels.table;
  if (!column) {
    if (required)
      cm__problem_add(&spec->problems, spec->labels.at, "labels: say which column is the %s, e.g. %s: COLUMN", key,
                      key);
    return;
  }
  if (!table || cm_table_find_column(table, column) >= 0) return;
  int count = cm_table_columns(table);
  const char **names = cm__arena_alloc(&spec->arena, (size_t)count, sizeof *names, &spec->problems.failure);
  if (!names) return;
  const char *list = "";
  for (int i = 0; i < count && list; i++) {
    names[i] = cm_table_column_name(table, i);
    if (i < 20) list = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s%s%s", list, i ? ", " : "", names[i]);
  }
  const char *near = cm_nearest_name(column, names, count);
  const CmYaml *at = cm__yaml_get(node, key);
  if (near)
    cm__problem_add(&spec->problems, at, "labels: «%s» has no column «%s»; did you mean «%s»?", spec->labels.file,
                    column, near);
  else if (list)
    cm__problem_add(&spec->problems, at, "labels: «%s» has no column «%s»; it has %s", spec->labels.file, column, list);
}

/* target: malignant | [effusion, nodule] */
void cm__spec_target(CmSpec *spec, const CmYaml *node) {
  CmSpecLabels *labels = &spec->labels;
  const CmYaml *target = cm__yaml_get(node, "target");
  if (!target) return;
  labels->target_count = 0;
  if (target->kind != CM__YAML_LIST) {
    cm__yaml_text(&spec->problems, node, "target", &labels->target);
    return;
  }
  const char *all = "";
  labels->targets = cm__yaml_texts(&spec->problems, target, "a column", &labels->target_count);
  for (int i = 0; i < labels->target_count && all; i++)
    all = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s%s%s", all, i ? ", " : "", labels->targets[i]);
  labels->target = all;
}

static void parse_label_file(CmSpec *spec, const CmYaml *node) {
  CmSpecLabels *labels = &spec->labels;
  CmError *wrong = NULL;
  cm__yaml_text(&spec->problems, node, "subject", &labels->subject);
  cm__yaml_text(&spec->problems, node, "time", &labels->time);
  labels->table = cm_table_read_csv(spec->ctx, cm__spec_path(spec, labels->file), &wrong);
  if (!labels->table) {
    if (cm_error_code(wrong) == CM_ERR_MEMORY)
      cm_error_move(&spec->problems.failure, &wrong);
    else
      cm__problem_add(&spec->problems, cm__yaml_get(node, "file"), "labels: %s", cm_error_text(wrong));
    cm_error_free(&wrong);
  }
  check_column(spec, node, "subject", labels->subject, true);
  for (int i = 0; i < labels->target_count; i++) check_column(spec, node, "target", labels->targets[i], true);
  if (!labels->target_count) check_column(spec, node, "target", labels->target, true);
  check_column(spec, node, "time", labels->time, false);
}

void cm__spec_labels(CmSpec *spec) {
  static const char *const keys[] = {"file", "of", "subject", "target", "time"};
  const CmYaml *node = cm__yaml_get(spec->root, "labels");
  if (!node) return;
  CmSpecLabels *labels = &spec->labels;
  labels->at = cm__yaml_key(spec->root, "labels");
  if (node->kind != CM__YAML_MAP) {
    cm__problem_add(&spec->problems, node,
                    "labels must be e.g. {file: diagnoses.csv, subject: patient_id, target: malignant}");
    return;
  }
  cm__yaml_known_keys(&spec->problems, node, keys, CM_COUNT(keys), "labels");
  cm__yaml_text(&spec->problems, node, "file", &labels->file);
  cm__spec_target(spec, node);
  const CmYaml *of = cm__yaml_get(node, "of");
  if (labels->file && of)
    cm__problem_add(&spec->problems, of, "labels come from a file or of an input, not both; drop one");
  else if (labels->file)
    parse_label_file(spec, node);
  else if (of) {
    const char *name = NULL;
    CmSpecRef ref;
    cm__yaml_text(&spec->problems, node, "of", &name);
    if (!name || !cm__spec_ref(spec, of, name, CM_KIND_NONE, "labels", &ref)) return;
    if (ref.input < 0)
      cm__problem_add(&spec->problems, of,
                      "labels: «%s» is a step; name an input whose files carry labels (.npz, or {label} in keys)",
                      name);
    else
      labels->input = ref.input;
    if (!labels->target) labels->target = "label";
    if (labels->target_count)
      cm__problem_add(&spec->problems, cm__yaml_get(node, "target"),
                      "labels: an image carries one label; several targets come from a file");
  } else
    cm__problem_add(
        &spec->problems, labels->at,
        "labels: say where they are: file: TABLE.csv, or of: an input that carries them (.npz, or {label} in keys)");
}
