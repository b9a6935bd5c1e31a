/* cormack phantom thorax OUT: a cohort of chest CT studies as DICOM, with its truth beside it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cormack/dicom.h"
#include "cormack/io.h"
#include "cormack/phantom.h"

typedef struct PhantomCommand {
  int64_t patients, seed, matrix;
  double slice;
  bool intact, no_images;
} PhantomCommand;

typedef struct Cohort {
  CmContext *ctx;
  const CmPhantomPlan *plan;
  const char *out;
  CmTable *diagnoses, *visits, *nodules;
} Cohort;

typedef struct Column {
  const char *name, *unit;
  CmColumnType type;
} Column;

static const Column diagnosis_columns[] = {{"patient_id", "", CM_COLUMN_TEXT},
                                           {"malignant", "", CM_COLUMN_INT},
                                           {"study_date", "", CM_COLUMN_TEXT},
                                           {"sex", "", CM_COLUMN_TEXT},
                                           {"age", "a", CM_COLUMN_INT}};
static const Column visit_columns[] = {
    {"patient_id", "", CM_COLUMN_TEXT},  {"visit", "", CM_COLUMN_INT},         {"study_date", "", CM_COLUMN_TEXT},
    {"days", "d", CM_COLUMN_INT},        {"noise", "HU", CM_COLUMN_REAL},      {"contrast", "", CM_COLUMN_INT},
    {"breathing", "mm", CM_COLUMN_REAL}, {"missing_slice", "", CM_COLUMN_INT}, {"truncated_slice", "", CM_COLUMN_INT},
    {"dicom", "", CM_COLUMN_TEXT},       {"lungs", "", CM_COLUMN_TEXT},        {"nodules", "", CM_COLUMN_TEXT}};
static const Column nodule_columns[] = {
    {"patient_id", "", CM_COLUMN_TEXT}, {"visit", "", CM_COLUMN_INT},          {"study_date", "", CM_COLUMN_TEXT},
    {"nodule", "", CM_COLUMN_INT},      {"malignant", "", CM_COLUMN_INT},      {"margin", "", CM_COLUMN_TEXT},
    {"place", "", CM_COLUMN_TEXT},      {"density", "", CM_COLUMN_TEXT},       {"x", "mm", CM_COLUMN_REAL},
    {"y", "mm", CM_COLUMN_REAL},        {"z", "mm", CM_COLUMN_REAL},           {"diameter", "mm", CM_COLUMN_REAL},
    {"volume", "mm3", CM_COLUMN_REAL},  {"doubling_time", "d", CM_COLUMN_REAL}};

static CmTable *new_table(CmContext *ctx, const Column *columns, int count, CmError **err) {
  CmTable *table = cm_table_create(ctx, err);
  for (int i = 0; table && i < count; i++)
    if (cm_table_add_column(table, columns[i].name, columns[i].type, columns[i].unit, err) < 0) cm_table_unref(&table);
  return table;
}

static bool add_diagnosis(const Cohort *c, const CmPhantomPatient *p, CmError **err) {
  const int64_t row = cm_table_add_row(c->diagnoses, err);
  const char sex[2] = {p->sex, 0};
  if (row < 0 || !cm_table_set_text(c->diagnoses, row, 0, p->id, err) ||
      !cm_table_set_text(c->diagnoses, row, 2, p->visit[0].date, err) ||
      !cm_table_set_text(c->diagnoses, row, 3, sex, err))
    return false;
  cm_table_set_int(c->diagnoses, row, 1, p->malignant);
  cm_table_set_int(c->diagnoses, row, 4, p->age);
  return true;
}

static bool add_visit(const Cohort *c, const CmPhantomPatient *p, int visit, CmError **err) {
  const CmPhantomVisit *v = &p->visit[visit];
  const int64_t row = cm_table_add_row(c->visits, err);
  if (row < 0 || !cm_table_set_text(c->visits, row, 0, p->id, err) ||
      !cm_table_set_text(c->visits, row, 2, v->date, err))
    return false;
  cm_table_set_int(c->visits, row, 1, visit + 1);
  cm_table_set_int(c->visits, row, 3, v->days);
  cm_table_set_real(c->visits, row, 4, v->noise_hu);
  cm_table_set_int(c->visits, row, 5, p->contrast);
  cm_table_set_real(c->visits, row, 6, v->breathing_mm);
  if (v->missing_slice >= 0) cm_table_set_int(c->visits, row, 7, v->missing_slice + 1);
  if (v->truncated_slice >= 0) cm_table_set_int(c->visits, row, 8, v->truncated_slice + 1);
  char path[3][96];
  snprintf(path[0], sizeof path[0], "dicom/%s/%s", p->id, v->date);
  snprintf(path[1], sizeof path[1], "truth/%s_%s_lungs.nii.gz", p->id, v->date);
  snprintf(path[2], sizeof path[2], "truth/%s_%s_nodules.nii.gz", p->id, v->date);
  for (int k = 0; k < 3; k++)
    if (!cm_table_set_text(c->visits, row, 9 + k, path[k], err)) return false;
  return true;
}

static bool add_nodules(const Cohort *c, int patient, int visit, CmError **err) {
  const CmPhantomPatient *p = cm_phantom_patient(c->plan, patient);
  for (int i = 0; i < p->nodule_count; i++) {
    const CmPhantomNodule *n = &p->nodule[i];
    CmPhantomTruth truth;
    cm_phantom_truth(c->plan, patient, visit, i, &truth);
    const int64_t row = cm_table_add_row(c->nodules, err);
    if (row < 0 || !cm_table_set_text(c->nodules, row, 0, p->id, err) ||
        !cm_table_set_text(c->nodules, row, 2, p->visit[visit].date, err) ||
        !cm_table_set_text(c->nodules, row, 5, cm_phantom_margin_name(n->margin), err) ||
        !cm_table_set_text(c->nodules, row, 6, cm_phantom_place_name(n->place), err) ||
        !cm_table_set_text(c->nodules, row, 7, cm_phantom_density_name(n->density), err))
      return false;
    cm_table_set_int(c->nodules, row, 1, visit + 1);
    cm_table_set_int(c->nodules, row, 3, n->id);
    cm_table_set_int(c->nodules, row, 4, n->malignant);
    for (int k = 0; k < 3; k++) cm_table_set_real(c->nodules, row, 8 + k, truth.centre_mm[k]);
    cm_table_set_real(c->nodules, row, 11, truth.diameter_mm);
    cm_table_set_real(c->nodules, row, 12, truth.volume_mm3);
    if (n->doubling_days > 0) cm_table_set_real(c->nodules, row, 13, n->doubling_days);
  }
  return true;
}

/* Half of a file goes: of every matrix that is within the pixel data. */
static bool cut_off(const char *path, CmError **err) {
  struct stat info;
  if (stat(path, &info) == 0 && truncate(path, info.st_size / 2) == 0) return true;
  cm_error_set(err, CM_ERR_IO, "%s: cannot be cut off; check the folder's permissions", path);
  return false;
}

/* A slice left out, a file cut off in its pixel data: what quarantine is for. */
static bool make_defects(const Cohort *c, const CmPhantomVisit *v, const char *folder, CmError **err) {
  char *path = NULL;
  bool ok = true;
  if (v->missing_slice >= 0) {
    path = cm_sprintf(c->ctx, err, "%s/IM%04d.dcm", folder, v->missing_slice + 1);
    ok = path != NULL;
    if (ok && unlink(path) != 0) {
      cm_error_set(err, CM_ERR_IO, "%s: cannot be removed; check the folder's permissions", path);
      ok = false;
    }
    cm_free(path);
  }
  if (ok && v->truncated_slice >= 0) {
    path = cm_sprintf(c->ctx, err, "%s/IM%04d.dcm", folder, v->truncated_slice + 1);
    ok = path && cut_off(path, err);
    cm_free(path);
  }
  return ok;
}

static bool write_dicom(const Cohort *c, int patient, int visit, const CmImage *ct, CmError **err) {
  const CmPhantomPatient *p = cm_phantom_patient(c->plan, patient);
  const CmPhantomVisit *v = &p->visit[visit];
  char age[8], sex[2] = {p->sex, 0}, birth[20], kvp[8], time[8], field[32], seed[64], current[8], accession[32];
  const int year = (v->date[0] - '0') * 1000 + (v->date[1] - '0') * 100 + (v->date[2] - '0') * 10 + (v->date[3] - '0');
  snprintf(age, sizeof age, "%03dY", (p->age + v->days / 365) % 1000);
  snprintf(birth, sizeof birth, "%04d0101", (year - p->age - v->days / 365) % 10000);
  snprintf(kvp, sizeof kvp, "%d", p->sex == 'F' ? 100 : 120);
  snprintf(time, sizeof time, "%02d%02d00", 8 + patient % 9, patient * 7 % 60);
  snprintf(field, sizeof field, "%.1f", v->matrix * v->pixel_mm);
  snprintf(current, sizeof current, "%d", (int)(20000 / (v->noise_hu * v->noise_hu)) % 10000);
  snprintf(seed, sizeof seed, "cormack phantom %s %s", p->id, v->date);
  snprintf(accession, sizeof accession, "P%04d%d", patient + 1, visit + 1);
  const CmDicomAttribute attributes[] = {
      {CM_TAG(0x0008, 0x0008), "ORIGINAL\\PRIMARY\\AXIAL"},
      {CM_TAG(0x0008, 0x0020), v->date},
      {CM_TAG(0x0008, 0x0021), v->date},
      {CM_TAG(0x0008, 0x0022), v->date},
      {CM_TAG(0x0008, 0x0023), v->date},
      {CM_TAG(0x0008, 0x0030), time},
      {CM_TAG(0x0008, 0x0031), time},
      {CM_TAG(0x0008, 0x0032), time},
      {CM_TAG(0x0008, 0x0033), time},
      {CM_TAG(0x0008, 0x0050), accession},
      {CM_TAG(0x0008, 0x0060), "CT"},
      {CM_TAG(0x0008, 0x0070), "Cormack"},
      {CM_TAG(0x0008, 0x0090), ""},
      {CM_TAG(0x0008, 0x1030), "Chest CT (synthetic)"},
      {CM_TAG(0x0008, 0x103E), v->sharp ? "Thorax lung kernel" : "Thorax soft tissue kernel"},
      {CM_TAG(0x0008, 0x1090), "Thorax phantom"},
      {CM_TAG(0x0010, 0x0010), p->name},
      {CM_TAG(0x0010, 0x0020), p->id},
      {CM_TAG(0x0010, 0x0030), birth},
      {CM_TAG(0x0010, 0x0040), sex},
      {CM_TAG(0x0010, 0x1010), age},
      {CM_TAG(0x0018, 0x0010), p->contrast ? "IV" : ""},
      {CM_TAG(0x0018, 0x0015), "CHEST"},
      {CM_TAG(0x0018, 0x0060), kvp},
      {CM_TAG(0x0018, 0x1100), field},
      {CM_TAG(0x0018, 0x1151), current},
      {CM_TAG(0x0018, 0x1210), v->sharp ? "SHARP" : "SOFT"},
      {CM_TAG(0x0018, 0x5100), "HFS"},
      {CM_TAG(0x0020, 0x0010), accession},
      {CM_TAG(0x0020, 0x0011), "2"},
      {CM_TAG(0x0020, 0x0012), "1"},
      {CM_TAG(0x0028, 0x1050), "40\\-600"},
      {CM_TAG(0x0028, 0x1051), "400\\1500"}};
  const CmDicomWriteOptions options = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.2",
                                       .attributes = attributes,
                                       .attribute_count = CM_COUNT(attributes),
                                       .uid_seed = seed};
  char *folder = cm_sprintf(c->ctx, err, "%s/dicom/%s/%s", c->out, p->id, v->date);
  const bool ok = folder && cm_dicom_write_series(c->ctx, ct, folder, &options, err) && make_defects(c, v, folder, err);
  cm_free(folder);
  return ok;
}

static bool write_truth(const Cohort *c, const CmPhantomPatient *p, int visit, const CmImage *labels, const char *what,
                        CmError **err) {
  CmWriteOptions options;
  cm_write_default_options(&options);
  options.compression = 1; /* label maps are long runs: the first level already makes them small */
  char *path = cm_sprintf(c->ctx, err, "%s/truth/%s_%s_%s.nii.gz", c->out, p->id, p->visit[visit].date, what);
  const bool ok = path && cm_image_write(c->ctx, labels, path, &options, err);
  cm_free(path);
  return ok;
}

static bool write_images(const Cohort *c, int patient, int visit, CmError **err) {
  const CmPhantomPatient *p = cm_phantom_patient(c->plan, patient);
  CmImage *ct = NULL, *lungs = NULL, *nodules = NULL;
  if (!cm_phantom_thorax_image(c->ctx, c->plan, patient, visit, &ct, &lungs, &nodules, err)) return false;
  const bool ok = write_dicom(c, patient, visit, ct, err) && write_truth(c, p, visit, lungs, "lungs", err) &&
                  write_truth(c, p, visit, nodules, "nodules", err);
  cm_image_unref(&ct);
  cm_image_unref(&lungs);
  cm_image_unref(&nodules);
  return ok;
}

/* Rows of the 3 x 4 matrix that takes points of the first visit (LPS, mm) to the second: p2 = R2 R1' (p1 - t1) + t2. */
static int print_transform(const CmPhantomPatient *p, char *to, size_t size) {
  const CmPhantomVisit *a = &p->visit[0], *b = &p->visit[1];
  int at = snprintf(to, size, "    \"%s\": [", p->id);
  for (int i = 0; i < 3; i++) {
    double row[4] = {0, 0, 0, b->shift_mm[i]};
    for (int j = 0; j < 3; j++)
      for (int k = 0; k < 3; k++) row[j] += b->rotation[3 * i + k] * a->rotation[3 * j + k];
    for (int j = 0; j < 3; j++) row[3] -= row[j] * a->shift_mm[j];
    at += snprintf(to + at, size - (size_t)at, "%s[%.17g, %.17g, %.17g, %.17g]", i ? ", " : "", row[0], row[1], row[2],
                   row[3]);
  }
  return at + snprintf(to + at, size - (size_t)at, "]");
}

static bool write_transforms(const Cohort *c, CmError **err) {
  const int n = cm_phantom_patients(c->plan);
  const size_t size = 512 + (size_t)n * 512;
  char *text = cm_alloc(c->ctx, size, err);
  if (!text) return false;
  size_t at = (size_t)snprintf(text, size,
                               "{\n  \"about\": \"3 x 4 matrices from points of the first visit to the second, LPS, "
                               "mm\",\n  \"transforms\": {\n");
  bool first = true;
  for (int i = 0; i < n; i++) {
    const CmPhantomPatient *p = cm_phantom_patient(c->plan, i);
    if (p->visit_count < 2) continue;
    at += (size_t)snprintf(text + at, size - at, "%s", first ? "" : ",\n");
    at += (size_t)print_transform(p, text + at, size - at);
    first = false;
  }
  at += (size_t)snprintf(text + at, size - at, "\n  }\n}\n");
  char *path = cm_sprintf(c->ctx, err, "%s/truth/transforms.json", c->out);
  const bool ok = path && cm_file_write(c->ctx, path, text, at, err);
  cm_free(path);
  cm_free(text);
  return ok;
}

static bool write_table(const Cohort *c, const CmTable *table, const char *name, CmError **err) {
  char *path = cm_sprintf(c->ctx, err, "%s/%s", c->out, name);
  const bool ok = path && cm_table_write_csv(c->ctx, table, path, err);
  cm_free(path);
  return ok;
}

static bool make_cohort(Cohort *c, const PhantomCommand *o, CmError **err) {
  c->diagnoses = new_table(c->ctx, diagnosis_columns, CM_COUNT(diagnosis_columns), err);
  c->visits = c->diagnoses ? new_table(c->ctx, visit_columns, CM_COUNT(visit_columns), err) : NULL;
  c->nodules = c->visits ? new_table(c->ctx, nodule_columns, CM_COUNT(nodule_columns), err) : NULL;
  if (!c->nodules) return false;
  char *folder = cm_sprintf(c->ctx, err, "%s/truth", c->out);
  const bool made = folder && cm_make_folder(folder, err);
  cm_free(folder);
  if (!made) return false;
  const int n = cm_phantom_patients(c->plan);
  for (int i = 0; i < n; i++) {
    const CmPhantomPatient *p = cm_phantom_patient(c->plan, i);
    if (!add_diagnosis(c, p, err)) return false;
    for (int v = 0; v < p->visit_count; v++)
      if (!add_visit(c, p, v, err) || !add_nodules(c, i, v, err) || (!o->no_images && !write_images(c, i, v, err)))
        return false;
    cm_progress(c->ctx, "phantom", i + 1, n);
  }
  return write_table(c, c->diagnoses, "diagnoses.csv", err) && write_table(c, c->visits, "truth/visits.csv", err) &&
         write_table(c, c->nodules, "truth/nodules.csv", err) && write_transforms(c, err);
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)argc;
  const PhantomCommand *o = options;
  if (strcmp(argv[0], "thorax") != 0) {
    cm_error_set(err, CM_ERR_USAGE, "phantom «%s» is unknown; the phantoms are: thorax", argv[0]);
    return false;
  }
  CmPhantomOptions plan;
  cm_phantom_default_options(&plan);
  plan.seed = (uint64_t)o->seed;
  plan.patients = (int)o->patients;
  plan.matrix = (int)o->matrix;
  plan.slice_mm = o->slice;
  plan.defects = !o->intact;
  CmPhantomPlan *made = cm_phantom_thorax_plan(cli->ctx, &plan, err);
  if (!made) return false;
  Cohort c = {.ctx = cli->ctx, .plan = made, .out = argv[1]};
  const bool ok = make_cohort(&c, o, err);
  if (ok && cli->json)
    printf("{\"patients\": %d, \"studies\": %lld, \"nodules\": %lld}\n", plan.patients,
           (long long)cm_table_rows(c.visits), (long long)cm_table_rows(c.nodules));
  else if (ok && !cli->quiet)
    printf("%d patients, %lld studies, %lld nodules in %s\n", plan.patients, (long long)cm_table_rows(c.visits),
           (long long)cm_table_rows(c.nodules), argv[1]);
  cm_table_unref(&c.diagnoses);
  cm_table_unref(&c.visits);
  cm_table_unref(&c.nodules);
  cm_phantom_plan_free(&made);
  return ok;
}

static const CmParam options_table[] = {
    CM_PARAM_INT(PhantomCommand, patients, 40, 1, 9999, "1",
                 "how many patients; half of them with a malignant nodule, every third with a second visit"),
    CM_PARAM_INT(PhantomCommand, seed, 1979, 0, 4503599627370496, "1", "the same seed gives the same bits"),
    CM_PARAM_INT(PhantomCommand, matrix, 192, 64, 1024, "pixel", "rows and columns of a slice"),
    CM_PARAM_REAL(PhantomCommand, slice, 2.5, 0.5, 10, "mm", "distance of the slices"),
    CM_PARAM_BOOL(PhantomCommand, intact, "false", "leave out the defects: one missing slice, one truncated file"),
    CM_PARAM_BOOL(PhantomCommand, no_images, "false", "write the tables of the cohort alone"),
};

CM_COMMAND(phantom) = {
    .name = "phantom",
    .arguments = "thorax OUT",
    .summary = "Make a cohort of synthetic chest CT studies with known truth.",
    .details =
        "OUT/dicom/PATIENT/DATE holds the studies, OUT/diagnoses.csv who has a malignant nodule. The truth lies in "
        "OUT/truth: label maps of lungs\n"
        "and nodules (.nii.gz), nodules.csv, visits.csv, transforms.json. All of it follows from the seed. From four "
        "patients on, one study lacks\n"
        "a slice and one file is cut off, so that quarantine can be seen. Example:\n"
        "  cormack phantom thorax cohort --patients 12",
    CM_COMMAND_OPTIONS(PhantomCommand, options_table),
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
