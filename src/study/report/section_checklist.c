/* What journals ask of a prediction model, filled in where the run knows it: TRIPOD+AI (Collins et al., BMJ 385, 2024,
 * e078378) with the items of CLAIM that ask the same (Mongan, Moy, Kahn, Radiol. Artif. Intell. 2, 2020, e200029). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "study/report/sections.h"

enum { MOST_MODELS = 16 };

typedef void Fill(CmReport *report);

/* Numbers are those of the checklists; "–": the other one alone asks. fill NULL: only a person can say. */
typedef struct Item {
  const char *tripod, *claim, *topic;
  Fill *fill;
} Item;

static bool is_given(const char *number) {
  return *number && strcmp(number, "0") != 0;
}

/* ---- what the run knows ---------------------------------------------------------------------------------------------
 */

static void fill_title(CmReport *report) {
  const CmStudyResult *r = report->result;
  cm__html_textf(&report->out, "«%s»; outcome «%s», %s", *r->title ? r->title : r->study, r->target,
                 cm__report_summary(report, "task"));
}

static void fill_sources(CmReport *report) {
  const CmStudyResult *r = report->result;
  for (int i = 0; i < r->input_count; i++) {
    const CmResultInput *input = &r->inputs[i];
    cm__html_textf(&report->out, "%s%s: %lld images of %lld subjects%s%s", i ? "; " : "", input->name,
                   (long long)input->images, (long long)input->subjects, *input->modality ? ", " : "", input->modality);
  }
}

static void fill_preparation(CmReport *report) {
  const CmStudyResult *r = report->result;
  for (int i = 0; i < r->step_count; i++)
    cm__html_textf(&report->out, "%s%s (%s)", i ? ", " : "", r->steps[i].name, r->steps[i].op->name);
  cm__text_add(&report->out, "; all parameters in <a href=\"#methods\">Methods</a>");
}

static void fill_outcome(CmReport *report) {
  cm__html_textf(&report->out, "column «%s»; its definition, and who assessed it, is for a person",
                 report->result->target);
}

static void fill_predictors(CmReport *report) {
  cm__html_textf(&report->out, "%s measurements of the images, the same for all",
                 cm__report_summary(report, "features"));
  cm__text_add(&report->out, " (<a href=\"#tables\">Tables</a>), made without the outcome");
}

static void fill_sample(CmReport *report) {
  const CmTable *models = report->result->learn[CM_LEARN_MODELS];
  cm__html_textf(&report->out, "%s rows of %s subjects", cm__report_summary(report, "rows"),
                 cm__report_summary(report, "subjects"));
  double least = INFINITY;
  for (int64_t row = 0; row < cm_table_rows(models); row++)
    least = fmin(least, cm__row_real(models, row, "events_per_variable"));
  if (isfinite(least)) cm__html_textf(&report->out, "; at least %.3g events a variable", least);
  cm__text_add(&report->out, "; why so many is for a person");
}

static void fill_missing(CmReport *report) {
  const char *without = cm__report_summary(report, "rows_without_target");
  cm__text_add(&report->out,
               "measurements: filled inside each training set, as «preparation» in tables/learn_models.csv says");
  if (is_given(without)) cm__html_textf(&report->out, "; %s rows without an outcome are left out", without);
}

static void fill_methods(CmReport *report) {
  const char *models[MOST_MODELS];
  int count = cm__distinct(report->result->learn[CM_LEARN_MODELS], "model", models, MOST_MODELS);
  for (int i = 0; i < count; i++) cm__html_textf(&report->out, "%s%s", i ? ", " : "", models[i]);
  cm__text_add(&report->out,
               "; parameters in tables/learn_models.csv; preparation and models saw training subjects only");
}

static void fill_partitions(CmReport *report) {
  const char *held = cm__report_summary(report, "hold_out_subjects");
  if (is_given(cm__report_summary(report, "folds")))
    cm__html_textf(&report->out, "%s-fold cross-validation, %s times, seed %s", cm__report_summary(report, "folds"),
                   cm__report_summary(report, "repeats"), cm__report_summary(report, "seed"));
  if (is_given(held)) cm__html_textf(&report->out, "; %s subjects held out", held);
  cm__text_add(&report->out, "; all rows of a subject on one side");
}

static void fill_measures(CmReport *report) {
  cm__html_textf(&report->out, "%s and others, each with its interval (confidence %s) and how it is made",
                 report->measure_shown, cm__report_summary(report, "confidence"));
  cm__text_add(&report->out, " (tables/learn_metrics.csv)");
}

static void fill_imbalance(CmReport *report) {
  const CmTable *summary = report->result->learn[CM_LEARN_SUMMARY];
  const char *comma = "";
  for (int64_t row = 0; row < cm_table_rows(summary); row++) {
    const char *name = cm__row_text(summary, row, "name");
    if (strncmp(name, "rows ", 5) != 0) continue;
    cm__html_textf(&report->out, "%s%s rows of «%s»", comma, cm__row_text(summary, row, "value"), name + 5);
    comma = ", ";
  }
  cm__text_add(&report->out, *comma ? "; folds are even in the classes" : "no classes; folds are even in the outcome");
}

static void fill_output(CmReport *report) {
  bool numbers = !*report->class_name;
  cm__text_add(&report->out, numbers ? "a number for each row" : "a probability of each class");
  if (cm_table_rows(report->result->learn[CM_LEARN_THRESHOLDS]))
    cm__text_add(&report->out, "; thresholds and what they do in <a href=\"#prediction\">Prediction</a>");
}

static void fill_code(CmReport *report) {
  cm__html_textf(&report->out, "Cormack %s and the study file", report->result->version);
  cm__text_add(&report->out, " in <a href=\"#provenance\">Provenance</a>");
}

static void fill_flow(CmReport *report) {
  const CmStudyResult *r = report->result;
  cm__html_textf(
      &report->out, "%lld subjects found, %lld files or images in quarantine with the reason, %s subjects learned from",
      (long long)r->subjects, (long long)cm_table_rows(r->quarantine), cm__report_summary(report, "subjects"));
}

static void fill_specification(CmReport *report) {
  cm__html_textf(&report->out, "%d models as files in models/, with all their numbers", report->result->model_count);
  cm__text_add(&report->out, "; <code>cormack predict</code> applies them");
}

static void fill_performance(CmReport *report) {
  const CmTable *metrics = report->result->learn[CM_LEARN_METRICS];
  if (!report->best_model) return;
  cm__html_textf(&report->out, "%s of %s %.3f (%.3f to %.3f), cross-validated", report->measure_shown,
                 report->best_model, cm__row_real(metrics, report->best_row, "value"),
                 cm__row_real(metrics, report->best_row, "low"), cm__row_real(metrics, report->best_row, "high"));
  cm__text_add(&report->out, "; all in <a href=\"#prediction\">Prediction</a>");
}

static void fill_explanation(CmReport *report) {
  cm__text_add(&report->out,
               report->explained_model ? "contributions by row and permutation importance" : "permutation importance");
  cm__text_add(&report->out, " in <a href=\"#why\">Why</a>");
}

static void fill_failures(CmReport *report) {
  cm__text_add(&report->out, "each subject's prediction beside what is, in <a href=\"#subjects\">Each subject</a>");
}

/* ---- the checklist --------------------------------------------------------------------------------------------------
 */

static const Item items[] = {
    {"1", "1", "Title: a model of what, in whom", fill_title},
    {"2", "2", "Abstract", NULL},
    {"3a", "3", "Health care context, and earlier models", NULL},
    {"3b", "3", "Whom it is for, and where in their care", NULL},
    {"3c", "–", "Known inequalities between groups", NULL},
    {"4", "4, 6", "Objectives: development, evaluation or both", NULL},
    {"5a", "5, 7", "Sources of data", fill_sources},
    {"5b", "7", "Dates of the data", NULL},
    {"6a", "8", "Setting and centres", NULL},
    {"6b", "8, 10", "Who was eligible", NULL},
    {"6c", "–", "Treatments", NULL},
    {"7", "9", "Preparation of data, and its quality", fill_preparation},
    {"–", "12", "De-identification", NULL},
    {"8a–c", "11, 14–18", "Outcome: definition, assessors, blinding", fill_outcome},
    {"9a–c", "11", "Predictors: choice, definition, assessors", fill_predictors},
    {"10", "19", "Sample size", fill_sample},
    {"11", "13", "Missing data", fill_missing},
    {"12a–c", "22–26", "Models: how they were made and chosen", fill_methods},
    {"12d, 16", "20, 21", "Partitions of the data, and how they differ", fill_partitions},
    {"12e", "28, 29", "Measures of performance", fill_measures},
    {"12f, 24", "–", "Updating of the model", NULL},
    {"13", "–", "Class imbalance", fill_imbalance},
    {"14", "–", "Fairness", NULL},
    {"15", "–", "What the model gives, and thresholds", fill_output},
    {"–", "31", "Explanation", fill_explanation},
    {"17", "–", "Ethical approval, consent", NULL},
    {"18a", "42", "Funding", NULL},
    {"18b", "–", "Conflicts of interest", NULL},
    {"18c, d", "40, 41", "Protocol and registration", NULL},
    {"18e", "–", "Sharing of data", NULL},
    {"18f", "23, 41", "Sharing of code", fill_code},
    {"19", "–", "Involvement of patients and the public", NULL},
    {"20a", "33", "Flow of participants", fill_flow},
    {"20b, c", "34", "Characteristics of participants, in each partition", NULL},
    {"21", "33", "Participants and events in each analysis", fill_imbalance},
    {"22", "22", "Specification of the model", fill_specification},
    {"23a", "35, 36", "Performance, with intervals", fill_performance},
    {"23b", "30", "Performance in subgroups and clusters", NULL},
    {"–", "37", "Analysis of failures", fill_failures},
    {"–", "32", "External validation", NULL},
    {"25", "39", "Interpretation", NULL},
    {"26", "38", "Limitations", NULL},
    {"27a–c", "39", "Use in practice, and next steps", NULL},
};

bool cm__report_checklist(CmReport *report, CmError **err) {
  (void)err;
  CmTextBuffer *out = &report->out;
  int known = 0;
  char lead[224];
  if (!report->result->learn) return true;
  for (int i = 0; i < CM_COUNT(items); i++) known += items[i].fill != NULL;
  snprintf(
      lead, sizeof lead,
      "Items of TRIPOD+AI (2024) and CLAIM (2020). The run knows something of %d of %d; the others, and whether what "
      "it knows is enough, are for the authors.",
      known, CM_COUNT(items));
  cm__html_section(out, "checklist", "What a journal asks", lead);
  cm__text_add(out,
               "<div class=\"scroll\"><table class=\"tight\"><thead><tr><th>TRIPOD+AI</th><th>CLAIM</th><th>item</th>"
               "<th>from this run</th></tr></thead>\n");
  for (int i = 0; i < CM_COUNT(items); i++) {
    cm__text_addf(out, "<tr><td>%s</td><td>%s</td><td class=\"k\">%s</td><td>", items[i].tripod, items[i].claim,
                  items[i].topic);
    if (items[i].fill)
      items[i].fill(report);
    else
      cm__text_add(out, "<span class=\"note\">for the authors</span>");
    cm__text_add(out, "</td></tr>\n");
  }
  cm__text_add(out, "</table></div>\n");
  cm__html_section_end(out);
  return true;
}
