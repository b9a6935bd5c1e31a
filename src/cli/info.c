/* cormack info PATH: what a file, series or folder is. */
#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "core/text.h"
#include "cormack/dicom.h"
#include "io/image_file.h"

typedef struct InfoOptions {
  CmText select;
} InfoOptions;

static const CmParam options_table[] = {
    CM_PARAM_TEXT(InfoOptions, select, "", "of several arrays in an archive the one to describe"),
};

/* ---- words for geometry -------------------------------------------------------------------------------------------
 */

/* Where each axis leads: L or R, P or A, S or I, by its largest part. */
static void orientation_code(const CmGeometry *g, int axes, char code[4]) {
  static const char names[3][2] = {{'L', 'R'}, {'P', 'A'}, {'S', 'I'}};
  for (int k = 0; k < axes; k++) {
    int best = 0;
    for (int i = 1; i < 3; i++)
      if (fabs(g->direction[3 * i + k]) > fabs(g->direction[3 * best + k])) best = i;
    code[k] = names[best][g->direction[3 * best + k] < 0];
  }
  code[axes] = 0;
}

/* Largest angle in degrees between an axis and the nearest axis of the patient. */
static double obliqueness(const CmGeometry *g) {
  double worst = 1;
  for (int k = 0; k < 3; k++) {
    double most = 0;
    for (int i = 0; i < 3; i++) most = fmax(most, fabs(g->direction[3 * i + k]));
    worst = fmin(worst, most);
  }
  return acos(fmin(1, worst)) * 57.29577951308232;
}

static void print_geometry(int rank, const int64_t *dims, const CmGeometry *g) {
  static const char *const names[4] = {"x", "x, y", "x, y, z", "x, y, z, t"};
  int space = rank < 3 ? 2 : 3;
  char code[4];
  printf("  size         ");
  for (int i = 0; i < rank; i++) printf("%s%lld", i ? " x " : "", (long long)dims[i]);
  printf(" (%s)\n  spacing      ", names[rank - 1]);
  for (int i = 0; i < space; i++) printf("%s%.6g", i ? " x " : "", g->spacing[i]);
  printf(" mm");
  if (rank == 4) printf(", %.6g s between time points", g->spacing_t);
  printf("\n  extent       ");
  for (int i = 0; i < space; i++) printf("%s%.6g", i ? " x " : "", g->spacing[i] * (double)dims[i]);
  printf(" mm\n  origin       %.6g, %.6g, %.6g mm (first voxel's centre; LPS)\n", g->origin[0], g->origin[1],
         g->origin[2]);
  orientation_code(g, space, code);
  printf("  orientation  %s (where the axes lead)", code);
  double degrees = obliqueness(g);
  if (degrees > 0.05) printf(", oblique by %.1f degrees", degrees);
  printf("\n");
}

static void add_numbers(CmTextBuffer *out, const char *key, const double *values, int count) {
  cm__text_addf(out, ",\"%s\":[", key);
  for (int i = 0; i < count; i++) {
    if (i) cm__text_add(out, ",");
    cm__text_add_real(out, values[i]);
  }
  cm__text_add(out, "]");
}

static void add_text(CmTextBuffer *out, const char *key, const char *value) {
  cm__text_addf(out, ",\"%s\":", key);
  cm__text_add_json(out, value);
}

static void add_geometry(CmTextBuffer *out, int rank, const int64_t *dims, const CmGeometry *g) {
  char code[4];
  cm__text_addf(out, ",\"rank\":%d,\"size\":[", rank);
  for (int i = 0; i < rank; i++) cm__text_addf(out, "%s%lld", i ? "," : "", (long long)dims[i]);
  cm__text_add(out, "]");
  add_numbers(out, "spacing_mm", g->spacing, 3);
  add_numbers(out, "origin_mm", g->origin, 3);
  add_numbers(out, "direction", g->direction, 9);
  if (rank == 4) {
    cm__text_add(out, ",\"spacing_s\":");
    cm__text_add_real(out, g->spacing_t);
  }
  orientation_code(g, rank < 3 ? 2 : 3, code);
  add_text(out, "orientation", code);
}

/* ---- one image
 * ----------------------------------------------------------------------------------------------------------- */

typedef struct Range {
  double low, high;
  int64_t not_numbers;
} Range;

static Range range_of(const CmImage *image) {
  Range r = {INFINITY, -INFINITY, 0};
  int64_t count = cm_image_values(image);
  switch (cm_image_type(image)) {
#define RANGE_OF(code, ctype, name, suffix) \
  case CM_##code: {                         \
    const ctype *v = cm_image_data(image);  \
    for (int64_t i = 0; i < count; i++) {   \
      double x = (double)v[i];              \
      if (x < r.low) r.low = x;             \
      if (x > r.high) r.high = x;           \
      r.not_numbers += x != x;              \
    }                                       \
  } break;
    CM_TYPE_MAP(RANGE_OF)
#undef RANGE_OF
    default:
      break;
  }
  return r;
}

static void print_image(const char *path, const char *format, const CmImage *image) {
  Range r = range_of(image);
  char low[32], high[32];
  printf("%s\n  format       %s\n", path, format);
  print_geometry(cm_image_rank(image), cm_image_dims(image), cm_image_geometry(image));
  printf("  type         %s", cm_type_name(cm_image_type(image)));
  if (cm_image_components(image) > 1) printf(", %d components", cm_image_components(image));
  if (strcmp(cm_image_unit(image), "1")) printf(", unit %s", cm_image_unit(image));
  printf("\n  range        %s to %s", cm_real_text(r.low, low), cm_real_text(r.high, high));
  if (r.not_numbers) printf(" (and %lld values that are no number)", (long long)r.not_numbers);
  printf("\n");
  for (int i = 0; i < cm_image_label_count(image); i++) {
    CmLabel label = cm_image_label_at(image, i);
    printf("  %-12s %lld %s\n", i ? "" : "labels", (long long)label.value, label.name);
  }
  for (int i = 0; i < cm_image_meta_count(image); i++) {
    const char *key, *value;
    cm_image_meta_at(image, i, &key, &value);
    printf("  %-12s %s = %s\n", i ? "" : "metadata", key, value);
  }
}

static void add_image(CmTextBuffer *out, const CmImage *image) {
  Range r = range_of(image);
  cm__text_addf(out, "{\"type\":\"%s\",\"components\":%d", cm_type_name(cm_image_type(image)),
                cm_image_components(image));
  add_geometry(out, cm_image_rank(image), cm_image_dims(image), cm_image_geometry(image));
  add_text(out, "unit", cm_image_unit(image));
  cm__text_add(out, ",\"min\":");
  cm__text_add_real(out, r.low);
  cm__text_add(out, ",\"max\":");
  cm__text_add_real(out, r.high);
  cm__text_addf(out, ",\"nan\":%lld,\"labels\":[", (long long)r.not_numbers);
  for (int i = 0; i < cm_image_label_count(image); i++) {
    CmLabel label = cm_image_label_at(image, i);
    cm__text_addf(out, "%s{\"value\":%lld", i ? "," : "", (long long)label.value);
    add_text(out, "name", label.name);
    cm__text_addf(out, ",\"rgb\":[%d,%d,%d]}", label.rgb[0], label.rgb[1], label.rgb[2]);
  }
  cm__text_add(out, "],\"metadata\":{");
  for (int i = 0; i < cm_image_meta_count(image); i++) {
    const char *key, *value;
    cm_image_meta_at(image, i, &key, &value);
    if (i) cm__text_add(out, ",");
    cm__text_add_json(out, key);
    cm__text_add(out, ":");
    cm__text_add_json(out, value);
  }
  cm__text_add(out, "}}");
}

static void start_json(CmTextBuffer *out, CmCli *cli, const char *path, const char *format, CmError **err) {
  cm__text_start(out, cli->ctx, err);
  cm__text_add(out, "{\"path\":");
  cm__text_add_json(out, path);
  add_text(out, "format", format);
}

static bool print_json(CmTextBuffer *out) {
  cm__text_add(out, "}");
  char *text = cm__text_finish(out);
  if (text) puts(text);
  cm_free(text);
  return text != NULL;
}

static bool describe_image(CmCli *cli, const char *path, const char *format, const char *select, CmError **err) {
  CmReadOptions options;
  cm_read_default_options(&options);
  options.select = *select ? select : NULL;
  CmImage *image = cm_image_read(cli->ctx, path, &options, err);
  if (!image) return false;
  bool good = true;
  if (cli->json) {
    CmTextBuffer out;
    start_json(&out, cli, path, format, err);
    cm__text_add(&out, ",\"images\":[");
    add_image(&out, image);
    cm__text_add(&out, "]");
    good = print_json(&out);
  } else {
    print_image(path, format, image);
  }
  cm_image_unref(&image);
  return good;
}

/* ---- several arrays
 * ------------------------------------------------------------------------------------------------------ */

static bool describe_arrays(CmCli *cli, const char *path, CmError **err) {
  CmArrayInfo *infos;
  int count;
  CmTextBuffer out;
  if (!cm_array_list(cli->ctx, path, &infos, &count, err)) return false;
  if (cli->json)
    start_json(&out, cli, path, "NumPy archive", err);
  else
    printf("%s\n  format       NumPy archive\n", path);
  for (int i = 0; i < count; i++) {
    if (cli->json) {
      cm__text_add(&out, i ? ",{\"name\":" : ",\"arrays\":[{\"name\":");
      cm__text_add_json(&out, infos[i].name);
      add_text(&out, "type", cm_type_name(infos[i].type));
      cm__text_add(&out, ",\"shape\":[");
      for (int k = 0; k < infos[i].rank; k++) cm__text_addf(&out, "%s%lld", k ? "," : "", (long long)infos[i].shape[k]);
      cm__text_add(&out, "]}");
    } else {
      printf("  %-12s %s: %s (", i ? "" : "arrays", infos[i].name, cm_type_name(infos[i].type));
      for (int k = 0; k < infos[i].rank; k++) printf("%s%lld", k ? " x " : "", (long long)infos[i].shape[k]);
      printf(")\n");
    }
  }
  cm_free(infos);
  if (!cli->json) return true;
  cm__text_add(&out, count ? "]" : ",\"arrays\":[]");
  return print_json(&out);
}

/* ---- DICOM
 * ----------------------------------------------------------------------------------------------------------------- */

static const char *or_dash(const char *text) {
  return text && *text ? text : "-";
}

static void print_volume(const CmDicomVolume *v) {
  printf("\n  %s %s\n", or_dash(v->modality), or_dash(v->series_description));
  printf("  key          %s\n  patient      %s, %s\n  study        %s, %s\n", v->key, or_dash(v->patient_id),
         or_dash(v->patient_name), or_dash(v->study_date), or_dash(v->study_description));
  printf("  files        %lld\n", (long long)v->file_count);
  if (v->rank >= 2) print_geometry(v->rank, v->dims, &v->geometry);
  if (v->note) printf("  note         %s\n", v->note);
  if (!v->defect) return;
  printf("  DEFECT       %s%s%s\n", v->defect, v->fillable ? " (convert with --fill linear or --fill drop)" : "",
         v->tilted ? " (convert with --tilt correct)" : "");
}

static void add_volume(CmTextBuffer *out, const CmDicomVolume *v) {
  cm__text_add(out, "{\"key\":");
  cm__text_add_json(out, v->key);
  add_text(out, "modality", v->modality);
  add_text(out, "patient_id", v->patient_id);
  add_text(out, "patient_name", v->patient_name);
  add_text(out, "study_date", v->study_date);
  add_text(out, "study_description", v->study_description);
  add_text(out, "series_description", v->series_description);
  add_text(out, "study_uid", v->study_uid);
  add_text(out, "series_uid", v->series_uid);
  cm__text_addf(out, ",\"files\":%lld", (long long)v->file_count);
  if (v->rank >= 2) add_geometry(out, v->rank, v->dims, &v->geometry);
  add_text(out, "note", v->note);
  add_text(out, "defect", v->defect);
  cm__text_addf(out, ",\"fillable\":%s,\"tilted\":%s}", v->fillable ? "true" : "false", v->tilted ? "true" : "false");
}

static bool print_scan_json(CmCli *cli, const char *path, const CmDicomScan *scan, CmError **err) {
  CmTextBuffer out;
  start_json(&out, cli, path, "DICOM", err);
  cm__text_add(&out, ",\"images\":[");
  for (int i = 0; i < cm_dicom_scan_volumes(scan); i++) {
    if (i) cm__text_add(&out, ",");
    add_volume(&out, cm_dicom_scan_volume(scan, i));
  }
  cm__text_add(&out, "],\"rejects\":[");
  for (int i = 0; i < cm_dicom_scan_rejects(scan); i++) {
    const CmDicomReject *reject = cm_dicom_scan_reject(scan, i);
    cm__text_add(&out, i ? ",{\"path\":" : "{\"path\":");
    cm__text_add_json(&out, reject->path);
    add_text(&out, "code", reject->code);
    add_text(&out, "reason", reject->reason);
    cm__text_add(&out, "}");
  }
  cm__text_add(&out, "],\"objects\":[");
  for (int i = 0; i < cm_dicom_scan_objects(scan); i++) {
    cm__text_add(&out, i ? ",{\"path\":" : "{\"path\":");
    cm__text_add_json(&out, cm_dicom_scan_object(scan, i)->path);
    add_text(&out, "reason", cm_dicom_scan_object(scan, i)->reason);
    cm__text_add(&out, "}");
  }
  cm__text_addf(&out, "],\"other_files\":%lld", (long long)cm_dicom_scan_other_files(scan));
  return print_json(&out);
}

static void print_scan(const char *path, const CmDicomScan *scan) {
  int volumes = cm_dicom_scan_volumes(scan), rejects = cm_dicom_scan_rejects(scan);
  int64_t others = cm_dicom_scan_other_files(scan);
  if (volumes || rejects)
    printf("%s\n  format       DICOM, %d volume%s\n", path, volumes, volumes == 1 ? "" : "s");
  else
    printf("%s\n  format       none: there is no DICOM in it\n", path);
  for (int i = 0; i < volumes; i++) print_volume(cm_dicom_scan_volume(scan, i));
  if (rejects) printf("\n  %d file%s cannot be used:\n", rejects, rejects == 1 ? "" : "s");
  for (int i = 0; i < rejects; i++)
    printf("  %s: %s\n", cm_dicom_scan_reject(scan, i)->path, cm_dicom_scan_reject(scan, i)->reason);
  int objects = cm_dicom_scan_objects(scan);
  if (objects) printf("\n  %d DICOM object%s without image:\n", objects, objects == 1 ? "" : "s");
  for (int i = 0; i < objects && i < 20; i++)
    printf("  %s: %s\n", cm_dicom_scan_object(scan, i)->path, cm_dicom_scan_object(scan, i)->reason);
  if (objects > 20) printf("  and %d more\n", objects - 20);
  if (others)
    printf("\n  %lld file%s not DICOM; give one by name to learn what it is\n", (long long)others,
           others == 1 ? " is" : "s are");
}

static bool describe_dicom(CmCli *cli, const char *path, CmError **err) {
  CmDicomScan *scan = cm_dicom_scan(cli->ctx, (const char *const *)&path, 1, err);
  if (!scan) return false;
  bool good = true;
  if (cli->json)
    good = print_scan_json(cli, path, scan, err);
  else
    print_scan(path, scan);
  cli->quarantined = cm_dicom_scan_rejects(scan);
  cm_dicom_scan_free(&scan);
  return good;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)argc;
  const InfoOptions *o = options;
  const char *format = cm__image_format(cli->ctx, argv[0], err);
  if (!format) return false;
  if (!strcmp(format, "DICOM")) return describe_dicom(cli, argv[0], err);
  CmError *fault = NULL;
  if (describe_image(cli, argv[0], format, o->select.value, &fault)) return true;
  if (cm_error_code(fault) == CM_ERR_DATA && !strcmp(format, "NumPy archive") && !o->select.value[0]) {
    cm_error_free(&fault);
    return describe_arrays(cli, argv[0], err);
  }
  cm_error_move(err, &fault);
  return false;
}

CM_COMMAND(info) = {
    .name = "info",
    .arguments = "PATH",
    .summary = "Say what a file, series or folder is.",
    .details =
        "For an image: format, size, spacing, origin, orientation, type, unit, range, labels and metadata. For DICOM: "
        "every volume in the file or\n"
        "folder, what is wrong with it, and the files that cannot be used (exit code 1). Examples:\n"
        "  cormack info ct.nii.gz\n"
        "  cormack info studies/ --json",
    CM_COMMAND_OPTIONS(InfoOptions, options_table),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
