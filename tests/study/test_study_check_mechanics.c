/* Every kind of problem that a study file can have: found, with its line and its mend, and all of them at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cormack/catalog.h"
#include "cormack/study.h"

static CmContext *ctx;
static char folder[] = "/tmp/cormack-check-XXXXXX";

static void write_file(const char *name, const char *text) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static int set_up(void **state) {
  (void)state;
  ctx = cm_context_create(NULL, NULL);
  if (!ctx || !mkdtemp(folder)) return -1;
  write_file("labels.csv", "patient_id,malignant,study_date\nA,0,2020-01-01\nB,1,2020-01-01\n");
  char path[200];
  snprintf(path, sizeof path, "%s/studies", folder);
  return mkdir(path, 0777);
}

static int tear_down(void **state) {
  (void)state;
  char path[200];
  snprintf(path, sizeof path, "%s/studies", folder);
  rmdir(path);
  snprintf(path, sizeof path, "%s/labels.csv", folder);
  unlink(path);
  rmdir(folder);
  return cm_context_destroy(&ctx) == 0 ? 0 : -1;
}

static CmStudy *parse(const char *text) {
  CmError *err = NULL;
  CmStudy *study = cm_study_parse(ctx, text, strlen(text), "s.yaml", folder, &err);
  if (!study) fail_msg("%s", cm_error_text(err));
  return study;
}

/* The file has a problem in the line that holds the words. */
static void expect(const char *text, int line, const char *words) {
  CmStudy *study = parse(text);
  bool found = false;
  for (int i = 0; i < cm_study_problem_count(study); i++) {
    const CmStudyProblem *problem = cm_study_problem_at(study, i);
    found |= problem->line == line && strstr(problem->text, words) != NULL;
  }
  if (!found) {
    for (int i = 0; i < cm_study_problem_count(study); i++)
      print_message("%d:%d: %s\n", cm_study_problem_at(study, i)->line, cm_study_problem_at(study, i)->column,
                    cm_study_problem_at(study, i)->text);
    fail_msg("no problem with «%s» in line %d", words, line);
  }
  cm_study_free(&study);
}

/* HEAD is line 1 to 3; what is tested begins in line 4. */
#define HEAD "study: s\ninputs: {ct: studies}\nlabels: {file: labels.csv, subject: patient_id, target: malignant}\n"
#define STEPS "steps: [{name: a, op: gaussian, of: ct}]\n"

static void good_file_has_no_problem(void **state) {
  (void)state;
  CmError *err = NULL;
  CmStudy *study = parse(
      HEAD
      "steps:\n  - {name: a, op: gaussian, of: ct, sigma: [1, 1, 2]}\n  - {name: b, op: otsu, of: a, save: labels}\n"
      "learn: {table: b, models: [logistic, {svm: {}}, {model: knn, name: near}], validate: {folds: 5, group: "
      "subject}}\n"
      "explain: {shap: all}\nreport: {title: T, pictures: [{image: ct, overlay: b, window: [40, 400]}]}\noutputs: [a, "
      "b.labels]\n");
  for (int i = 0; i < cm_study_problem_count(study); i++) print_message("%s\n", cm_study_problem_at(study, i)->text);
  assert_int_equal(cm_study_problem_count(study), 0);
  assert_true(cm_study_check(study, &err));
  assert_string_equal(cm_study_name(study), "s");
  cm_study_free(&study);
}

static void whole_file(void **state) {
  (void)state;
  expect("", 0, "empty");
  expect("- a\n", 1, "not with a list");
  expect("study: [\n", 2, "not valid YAML");
  expect("a: b: c\n", 1, "not valid YAML");
  expect("study: s\n\tinputs: {}\n", 2, "spaces, not tabs");
  expect("study: s\xff\n", 0, "UTF-8");
  expect(HEAD STEPS "---\nstudy: t\n", 6, "second document");
  expect(HEAD STEPS "stepz: 1\n", 5, "did you mean «steps»?");
  expect(HEAD STEPS "study: again\n", 5, "second time (first in line 1)");
  expect("inputs: {ct: studies}\n" STEPS, 1, "no name");
  expect("study: s\n" STEPS, 1, "no inputs");
  expect("study: s\ninputs: {ct: studies}\n", 1, "no steps");
  expect(HEAD STEPS "cache: some\n", 5, "must be all or outputs");
  expect("study: &a [*a]\n", 1, "");
}

static void variables(void **state) {
  (void)state;
  unsetenv("CORMACK_NOT_SET");
  expect("study: s\ninputs:\n  ct: ${CORMACK_NOT_SET}/x\n" STEPS, 3, "${CORMACK_NOT_SET:-default}");
  expect("study: s\ninputs:\n  ct: ${1}/x\n" STEPS, 3, "not a variable");
  expect("study: s\ninputs: {ct: ${HOME}}\n" STEPS, 2, "in quotes");
  setenv("CORMACK_SET", "studies", 1);
  CmStudy *study = parse("study: $${x}\ninputs:\n  ct: ${CORMACK_SET}\n  mr: \"${CORMACK_NOT_SET:-studies}\"\n" STEPS);
  assert_int_equal(cm_study_problem_count(study), 0);
  assert_string_equal(cm_study_name(study), "${x}");
  cm_study_free(&study);
}

static void inputs(void **state) {
  (void)state;
  expect("study: s\ninputs:\n  ct: {path: nowhere}\n" STEPS, 3, "there is no file or folder");
  expect("study: s\ninputs:\n  ct: {path: \"*.nii\"}\n" STEPS, 3, "no file matches");
  expect("study: s\ninputs:\n  ct: {modality: CT}\n" STEPS, 3, "has no path");
  expect("study: s\ninputs:\n  ct: {path: studies, fil: linear}\n" STEPS, 3, "did you mean «fill»?");
  expect("study: s\ninputs:\n  ct: {path: studies, fill: lineer}\n" STEPS, 3, "did you mean «linear»?");
  expect("study: s\ninputs:\n  ct: {path: studies, suv: maybe}\n" STEPS, 3, "true or false");
  expect("study: s\ninputs:\n  ct: {path: studies, keys: \"{patient}.nii\"}\n" STEPS, 3,
         "{subject}, {visit} and {label}");
  expect("study: s\ninputs:\n  ct: {path: studies, keys: \"*.nii\"}\n" STEPS, 3, "no {subject}");
  expect("study: s\ninputs:\n  c t: {path: studies}\n" STEPS, 3, "cannot name an input");
  expect("study: s\ninputs:\n  ct: {path: studies, min_slices: many}\n" STEPS, 3, "whole number");
}

/* «where.sqlite» is a catalogue of an empty folder, made here. */
static void catalogues(void **state) {
  (void)state;
  char catalog[200], place[200];
  const char *paths[] = {place};
  CmCatalogReport report;
  CmError *err = NULL;
  snprintf(catalog, sizeof catalog, "%s/where.sqlite", folder);
  snprintf(place, sizeof place, "%s/studies", folder);
  if (!cm_catalog_add(ctx, catalog, paths, 1, &report, &err)) fail_msg("%s", cm_error_text(err));
#define ASK(text) "study: s\ncatalog: {path: studies}\ninputs:\n  ct: " text "\n" STEPS
  CmStudy *study = parse(ASK("{modality: CT, where: \"patient_id = 'A' -- all of it\"}"));
  assert_int_equal(cm_study_problem_count(study), 0);
  cm_study_free(&study);
  study = parse(ASK("{query: \"WITH a AS (SELECT * FROM series_list) SELECT series_uid FROM a WHERE images > 10;\"}"));
  assert_int_equal(cm_study_problem_count(study), 0);
  cm_study_free(&study);
  expect("study: s\ncatalog: none.sqlite\ninputs: {ct: {modality: CT}}\n" STEPS, 2, "there is no catalogue");
  expect("study: s\ncatalog: labels.csv\ninputs: {ct: {modality: CT}}\n" STEPS, 2, "labels.csv");
  expect("study: s\ncatalog: {path: nowhere}\ninputs: {ct: {modality: CT}}\n" STEPS, 2, "there is no file or folder");
  expect("study: s\ncatalog: {}\ninputs: {ct: {modality: CT}}\n" STEPS, 2, "say what it is");
  expect("study: s\ncatalog: [a, b]\ninputs: {ct: {modality: CT}}\n" STEPS, 2, "catalog must be");
  expect("study: s\ncatalog: {pat: studies}\ninputs: {ct: {modality: CT}}\n" STEPS, 2, "did you mean «path»?");
  expect("study: s\ninputs:\n  ct: {where: \"modality = 'CT'\"}\n" STEPS, 3, "no catalogue to be asked");
  expect("study: s\ninputs:\n  ct: {catalog: none.sqlite}\n" STEPS, 3, "there is no catalogue");
  expect("study: s\ninputs:\n  ct: {path: studies, where: \"1\"}\n" STEPS, 3, "not both");
  expect(ASK("{where: \"1\", query: \"SELECT path FROM images\"}"), 4, "keep one");
  expect(ASK("{where: \"modalty = 'CT'\"}"), 4, "no such column: modalty; did you mean «modality»?");
  expect(ASK("{where: \"modality = \"}"), 4, "syntax error");
  expect(ASK("{where: \"1) OR (\"}"), 4, "the query is wrong");
  expect(ASK("{query: \"SELEC path FROM images\"}"), 4, "syntax error");
  expect(ASK("{query: \"SELECT path FROM image\"}"), 4, "no such table");
  expect(ASK("{query: \"DELETE FROM files\"}"), 4, "only SELECT");
  expect(ASK("{query: \"SELECT 1; SELECT 2\"}"), 4, "one statement");
  expect(ASK("{query: \"SELECT modality, images FROM series_list\"}"), 4,
         "gives modality, images, and nothing that names images");
  expect(ASK("\n    modality: CT\n    query: |\n      SELECT patient FROM images"), 6, "did you mean");
  expect("study: s\ninputs:\n  ct: {catalog: where.sqlite, modality: CT}\n" STEPS, 3, "has no image that fits");
  expect("study: s\ncatalog: where.sqlite\ninputs:\n  ct: {query: \"SELECT path FROM images\"}\n" STEPS, 4,
         "has no image that fits");
  study = parse("study: s\ncatalog: where.sqlite\ninputs:\n  ct: {modality: CT, optional: true}\n" STEPS);
  assert_int_equal(cm_study_problem_count(study), 0);
  cm_study_free(&study);
  expect(
      "study: s\ncatalog: {path: studies}\ninputs: {ct: {modality: CT}}\nsteps:\n  - {name: catalog, op: otsu, of: "
      "ct}\n",
      5, "another name");
  expect(HEAD "steps:\n  - {name: learn_features, op: otsu, of: ct}\nlearn: {table: learn_features, models: svm}\n", 5,
         "another name");
#undef ASK
  unlink(catalog);
}

static void labels(void **state) {
  (void)state;
  expect("study: s\ninputs: {ct: studies}\nlabels: {file: no.csv, subject: a, target: b}\n" STEPS, 3, "no.csv");
  expect("study: s\ninputs: {ct: studies}\nlabels: {file: labels.csv, subject: patientid, target: malignant}\n" STEPS,
         3, "did you mean «patient_id»?");
  expect("study: s\ninputs: {ct: studies}\nlabels: {file: labels.csv, subject: patient_id}\n" STEPS, 3,
         "target: COLUMN");
  expect("study: s\ninputs: {ct: studies}\nlabels: {of: a}\n" STEPS, 3, "is a step");
  expect("study: s\ninputs: {ct: studies}\nlabels: {subject: a}\n" STEPS, 3, "where they are");
}

static void steps(void **state) {
  (void)state;
  expect(HEAD "steps: [{op: gausian, of: ct}]\n", 4, "did you mean «gaussian»?");
  expect(HEAD "steps: [{name: a, of: ct}]\n", 4, "needs an operation");
  expect(HEAD "steps: [a]\n", 4, "a step must be");
  expect(HEAD "steps: [{op: gaussian, of: cta}]\n", 4, "there is no input or step «cta»");
  expect(HEAD "steps: [{op: gaussian}]\n", 4, "add of: NAME");
  expect(HEAD "steps: [{op: gaussian, of: ct, sigmaa: 1}]\n", 4, "did you mean «sigma»?");
  expect(HEAD "steps: [{op: gaussian, of: ct, sigma: -1}]\n", 4, "sigma");
  expect(HEAD "steps: [{op: gaussian, of: ct, sigma: soft}]\n", 4, "sigma");
  expect(HEAD "steps: [{op: gaussian, of: ct, sigma: {a: 1}}]\n", 4, "a value or a list");
  expect(HEAD "steps: [{op: gaussian, of: ct}, {op: gaussian, of: ct}]\n", 4, "belongs to the step in line 4");
  expect(HEAD "steps: [{name: ct, op: gaussian, of: ct}]\n", 4, "belongs to an input (line 2)");
  expect(HEAD "steps: [{name: ../x, op: gaussian, of: ct}]\n", 4, "cannot name a step");
  expect(HEAD "steps:\n  - {name: a, op: gaussian, of: b}\n  - {name: b, op: gaussian, of: a}\n", 6, "a circle");
  expect(HEAD "steps:\n  - {name: a, op: gaussian, of: a}\n", 5, "a circle");
  expect(HEAD "steps:\n  - {name: a, op: gaussian, of: ct, save: images}\n", 5, "did you mean «result»?");
  expect(HEAD "steps:\n  - {name: a, op: otsu, of: ct}\n  - {name: b, op: gaussian, of: a.label}\n", 6,
         "did you mean «a.labels»?");
  expect(HEAD "steps:\n  - {name: a, op: gaussian, of: ct.image}\n", 5, "is an input and has no outputs");
}

static void kinds(void **state) {
  (void)state;
  expect(HEAD "steps:\n  - {name: a, op: fill_holes, of: ct}\n", 5, "takes a label map");
  expect(HEAD "steps:\n  - {name: a, op: otsu, of: ct}\n  - {name: b, op: gaussian, of: a.thresholds}\n", 6,
         "is a table");
  expect(HEAD "steps:\n  - {name: a, op: gaussian, of: ct}\nlearn: {table: a, models: logistic}\n", 6, "takes a table");
}

static void visits(void **state) {
  (void)state;
  expect(HEAD "steps:\n  - {name: a, op: gaussian, of: ct, between: visits}\n", 5, "cannot work between visits");
  expect(HEAD "steps:\n  - {name: a, op: gaussian, of: ct@before}\n", 5, "uses only one of them");
  expect(HEAD "steps:\n  - {name: a, op: gaussian, of: ct@first}\n", 5, "must be @before or @after");
  expect(HEAD "steps:\n  - {name: a, op: gaussian, of: ct, between: scans}\n", 5, "must be visits");
  expect(HEAD "steps:\n  - {name: a, op: gaussian, of: ct, truncate: from_visits}\n", 5, "for steps between visits");
}

static void learning(void **state) {
  (void)state;
  const char *head = HEAD "steps: [{name: b, op: otsu, of: ct}]\n";
  char text[2000];
  static const struct {
    const char *learn, *words;
  } cases[] = {
      {"learn: {models: logistic}", "needs table"},
      {"learn: {table: b}", "needs models"},
      {"learn: {table: b, models: [logistc]}", "did you mean «logistic»?"},
      {"learn: {table: b, models: [{model: svm, colour: 2}]}", "unknown parameter «colour»"},
      {"learn: {table: b, models: [svm, svm]}", "two models are called «svm»"},
      {"learn: {table: b, models: svm, validate: {folds: 1}}", "one fold"},
      {"learn: {table: b, models: svm, validate: {folds: 0}}", "without folds"},
      {"learn: {table: b, models: svm, validate: {folds: few}}", "folds"},
      {"learn: {table: b, models: svm, validate: {group: row}}", "must be subject"},
      {"learn: {table: b, models: svm, validate: {hold_out: split}}", "has no «split»"},
      {"learn: {table: b, models: svm, validate: {hold_out: 1.5}}", "hold_out"},
      {"learn: {table: b, models: svm, prepare: {k_bst: 3}}", "did you mean «k_best»?"},
      {"learn: {table: b, models: svm, aggregate: {larges: x}}", "did you mean «largest»?"},
      {"learn: {table: b, models: svm, row: patient}", "must be subject, visit or image"},
      {"learn: {table: b, models: svm, target: benign}", "no column «benign»"},
      {"learn: {table: b, models: svm}\nexplain: {lime: 3}", "unknown key «lime»"},
      {"explain: {shap: all}", "nothing to explain"},
      {"report: {titel: x}", "did you mean «title»?"},
      {"report: {pictures: [{image: ct, overlay: ct}]}", "takes a label map"},
      {"report: {pictures: [{image: ct, window: 3}]}", "[centre, width]"},
      {"outputs: [c]", "there is no input or step «c»"},
      {"outputs: [ct]", "is an input"},
  };
  for (int i = 0; i < CM_COUNT(cases); i++) {
    snprintf(text, sizeof text, "%s%s\n", head, cases[i].learn);
    expect(text, strstr(cases[i].learn, "explain: {lime") ? 6 : 5, cases[i].words);
  }
}

static void all_at_once(void **state) {
  (void)state;
  CmError *err = NULL;
  CmStudy *study = parse(
      "study: s\ninputs: {ct: nowhere}\nsteps:\n  - {op: gausian, of: ct}\n  - {op: otsu, of: cta, bins: "
      "none}\nreport: {titel: x}\n");
  assert_true(cm_study_problem_count(study) >= 5);
  for (int i = 1; i < cm_study_problem_count(study); i++)
    assert_true(cm_study_problem_at(study, i)->line >= cm_study_problem_at(study, i - 1)->line);
  assert_false(cm_study_check(study, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_USAGE);
  const char *text = cm_error_text(err);
  static const char *const words[] = {"s.yaml: 5 problems", "nowhere", "«gaussian»", "«ct»?", "bins", "«title»"};
  for (int i = 0; i < CM_COUNT(words); i++)
    if (!strstr(text, words[i])) fail_msg("«%s» is not in: %s", words[i], text);
  cm_error_free(&err);
  cm_study_free(&study);
}

/* Each allocation fails in turn: an error or a study, and nothing leaks. */
static void allocations_fail(void **state) {
  (void)state;
  const char *text =
      "study: s\ncatalog: {path: studies}\ninputs: {ct: studies, mr: {modality: MR, where: \"patient_id = 'A'\"},"
      " pt: {query: \"SELECT study_uid FROM studies\"}}\n"
      "labels: {file: labels.csv, subject: patient_id, target: malignant}\n"
      "steps:\n  - {name: a, op: gaussian, of: ct, sigma: [1, 1, 2]}\n  - {name: b, op: otsu, of: a}\n"
      "learn: {table: b, models: [logistic], validate: {folds: 5}}\nreport: {titel: x}\n";
  uint64_t used = cm_context_memory_used(ctx);
  for (uint64_t nth = 1;; nth++) {
    CmError *err = NULL;
    cm_context_fail_allocation(ctx, nth);
    CmStudy *study = cm_study_parse(ctx, text, strlen(text), "s.yaml", folder, &err);
    bool done = study && cm_study_problem_count(study) == 1;
    cm_context_fail_allocation(ctx, 0);
    if (!study) assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
    cm_error_free(&err);
    cm_study_free(&study);
    assert_int_equal(cm_context_memory_used(ctx), used);
    if (done && nth > 20) break;
    assert_true(nth < 5000);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_file_has_no_problem),
      cmocka_unit_test(whole_file),
      cmocka_unit_test(variables),
      cmocka_unit_test(inputs),
      cmocka_unit_test(catalogues),
      cmocka_unit_test(labels),
      cmocka_unit_test(steps),
      cmocka_unit_test(kinds),
      cmocka_unit_test(visits),
      cmocka_unit_test(learning),
      cmocka_unit_test(all_at_once),
      cmocka_unit_test(allocations_fail),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
