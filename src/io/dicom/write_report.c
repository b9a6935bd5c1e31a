/* Features of regions as an Imaging Measurement Report: PS3.3 A.35.2 Enhanced SR; PS3.16 TID 1500, 1204, 1001, 1600,
 * 1501, 1411, 1419, 4019. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/dicom/read.h"
#include "io/dicom/report_tree.h"
#include "io/dicom/write.h"

#define SR_UID "1.2.840.10008.5.1.4.1.1.88.22"
#define IBSI_UID "1.2.840.10008.2.16.13"

typedef struct Instance {
  char uids[2][65]; /* class, instance */
  char study[65], series[65];
} Instance;

typedef struct Job {
  CmDicomSeries series; /* of the report; its sources are the images */
  CmDicomWriteOptions write;
  const CmReportOptions *options;
  const CmTable *table;
  CmDicomScan *scan;
  const char **files;
  Instance image, regions; /* the first image */
  bool segments;           /* the regions are a segmentation's */
  CmCode intensity, intensity2, intensity_mm3, intensity2_mm3;
} Job;

static CmCode dcm(const char *value, const char *meaning) {
  return (CmCode){value, "DCM", meaning};
}

/* ---- what is referred to
 */

static bool read_instance(CmContext *ctx, const char *path, Instance *instance, CmError **err) {
  static const uint32_t tags[] = {CM_TAG(8, 0x16), CM_TAG(8, 0x18), CM_TAG(0x20, 0x0D), CM_TAG(0x20, 0x0E)};
  char *to[] = {instance->uids[0], instance->uids[1], instance->study, instance->series};
  CmDicom *file = cm_dicom_open(ctx, path, CM_DICOM_HEADER, err);
  bool good = file != NULL;
  for (int k = 0; good && k < 4; k++) {
    good = cm_dicom_text(cm_dicom_root(file), tags[k], to[k], 65) != NULL;
    if (!good)
      cm_error_set(err, CM_ERR_DATA, "%s: %s is missing, so a report cannot refer to it", path,
                   cm_dicom_keyword(tags[k]));
  }
  cm_dicom_close(&file);
  return good;
}

static bool find_images(Job *job, CmError **err) {
  CmContext *ctx = job->series.ctx;
  const char *path = job->options->image;
  job->scan = cm_dicom_scan(ctx, &path, 1, err);
  const int volume = job->scan ? cm__dicom_select(ctx, job->scan, path, job->options->select, err) : -1;
  if (volume < 0) return false;
  const int64_t count = cm_dicom_scan_volume(job->scan, volume)->file_count;
  job->files = cm_alloc_array(ctx, (size_t)count, sizeof *job->files, err);
  for (int64_t k = 0; job->files && k < count; k++) job->files[k] = cm_dicom_scan_file(job->scan, volume, k);
  job->write =
      (CmDicomWriteOptions){.source_files = job->files, .source_count = (int)count, .uid_seed = job->options->uid_seed};
  return job->files && cm__dicom_read_sources(&job->series, err) && read_instance(ctx, job->files[0], &job->image, err);
}

static bool find_regions(Job *job, CmError **err) {
  const char *path = job->options->regions;
  const CmRegionSource source = cm_region_source(job->series.ctx, path);
  job->segments = source == CM_REGIONS_SEGMENTATION;
  if (source != CM_REGIONS_MAP) return read_instance(job->series.ctx, path, &job->regions, err);
  cm_error_set(err, CM_ERR_UNSUPPORTED,
               "%s: a report refers to a DICOM segmentation or structure set; make one of a label map with «cormack "
               "segmentation»",
               path);
  return false;
}

/* Of the image: Hounsfield units of a CT, what PET says, else none. */
static bool find_unit(Job *job, CmError **err) {
  static const struct {
    const char *modality, *units;
    CmCode code[4];
  } known[] = {
      {"CT",
       NULL,
       {{"[hnsf'U]", "UCUM", "Hounsfield unit"},
        {"[hnsf'U]2", "UCUM", "squared Hounsfield unit"},
        {"[hnsf'U].mm3", "UCUM", "Hounsfield unit cubic millimeter"},
        {"[hnsf'U]2.mm3", "UCUM", "squared Hounsfield unit cubic millimeter"}}},
      {"PT",
       "BQML",
       {{"Bq/ml", "UCUM", "Becquerels/milliliter"},
        {"Bq2/ml2", "UCUM", "squared Becquerels/milliliter"},
        {"Bq/ml.mm3", "UCUM", "Becquerels/milliliter cubic millimeter"},
        {"Bq2/ml2.mm3", "UCUM", "squared Becquerels/milliliter cubic millimeter"}}},
      {"PT",
       "GML",
       {{"g/ml", "UCUM", "gram/milliliter"},
        {"g2/ml2", "UCUM", "squared gram/milliliter"},
        {"g/ml.mm3", "UCUM", "gram/milliliter cubic millimeter"},
        {"g2/ml2.mm3", "UCUM", "squared gram/milliliter cubic millimeter"}}},
      {"",
       NULL,
       {{"1", "UCUM", "no units"},
        {"1", "UCUM", "no units"},
        {"mm3", "UCUM", "cubic millimeter"},
        {"mm3", "UCUM", "cubic millimeter"}}},
  };
  char modality[20] = "", units[20] = "";
  CmDicom *file = cm_dicom_open(job->series.ctx, job->files[0], CM_DICOM_HEADER, err);
  if (!file) return false;
  cm_dicom_text(cm_dicom_root(file), CM_TAG(8, 0x60), modality, sizeof modality);
  cm_dicom_text(cm_dicom_root(file), CM_TAG(0x54, 0x1001), units, sizeof units);
  cm_dicom_close(&file);
  int k = 0;
  for (; k < CM_COUNT(known) - 1; k++)
    if (strcmp(known[k].modality, modality) == 0 && (!known[k].units || strcmp(known[k].units, units) == 0)) break;
  job->intensity = known[k].code[0];
  job->intensity2 = known[k].code[1];
  job->intensity_mm3 = known[k].code[2];
  job->intensity2_mm3 = known[k].code[3];
  return true;
}

static CmCode unit_code(const Job *job, CmFeatureUnit unit) {
  switch (unit) {
    case CM__UNIT_MM:
      return (CmCode){"mm", "UCUM", "millimeter"};
    case CM__UNIT_MM2:
      return (CmCode){"mm2", "UCUM", "square millimeter"};
    case CM__UNIT_MM3:
      return (CmCode){"mm3", "UCUM", "cubic millimeter"};
    case CM__UNIT_PER_MM:
      return (CmCode){"/mm", "UCUM", "per millimeter"};
    case CM__UNIT_INTENSITY:
      return job->intensity;
    case CM__UNIT_INTENSITY2:
      return job->intensity2;
    case CM__UNIT_INTENSITY_MM3:
      return job->intensity_mm3;
    case CM__UNIT_INTENSITY2_MM3:
      return job->intensity2_mm3;
    case CM__UNIT_ONE:
      break;
  }
  return (CmCode){"1", "UCUM", "no units"};
}

/* ---- content
 */

static void add_context(const Job *job, CmReportItems *items) {
  char uid[65];
  cm__report_coded(items, "HAS CONCEPT MOD", dcm("121049", "Language of Content Item and Descendants"),
                   (CmCode){"en", "RFC5646", "English"});
  cm__report_coded(items, "HAS OBS CONTEXT", dcm("121005", "Observer Type"), dcm("121007", "Device"));
  cm_dicom_uid("Cormack " CM_VERSION, uid);
  cm__report_uid(items, "HAS OBS CONTEXT", dcm("121012", "Device Observer UID"), uid);
  cm__report_text(items, "HAS OBS CONTEXT", dcm("121013", "Device Observer Name"), "Cormack");
  cm__report_text(items, "HAS OBS CONTEXT", dcm("121014", "Device Observer Manufacturer"), "Cormack");
  cm__report_text(items, "HAS OBS CONTEXT", dcm("121015", "Device Observer Model Name"), "Cormack " CM_VERSION);
  cm__report_coded(items, "HAS CONCEPT MOD", dcm("121058", "Procedure reported"),
                   (CmCode){"363679005", "SCT", "Imaging procedure"});
  CmReportItems library, group;
  cm__report_start(&library, items->ctx, items->err);
  cm__report_start(&group, items->ctx, items->err);
  for (int k = 0; k < job->write.source_count; k++)
    cm__report_reference(&group, "IMAGE", (CmCode){NULL}, job->series.source_uids[k], 0);
  cm__report_container(&library, "CONTAINS", dcm("126200", "Image Library Group"), &group);
  cm__report_container(items, "CONTAINS", dcm("111028", "Image Library"), &library);
}

static void add_feature(const Job *job, int64_t row, int column, CmReportItems *items) {
  const char *tag = cm_table_column_name(job->table, column);
  CmFeatureName name;
  CmReportItems properties;
  if (cm_table_column_type(job->table, column) == CM_COLUMN_TEXT || !cm__feature_name(tag, &name)) return;
  if (job->options->binned_volume && strncmp(tag, "ivh_", 4) == 0) name.unit = CM__UNIT_ONE;
  cm__report_start(&properties, items->ctx, items->err);
  if (name.aggregation.value)
    cm__report_coded(&properties, "HAS CONCEPT MOD", (CmCode){"370129005", "SCT", "Measurement Method"},
                     name.aggregation);
  if (*name.filter)
    cm__report_text(&properties, "HAS CONCEPT MOD", (CmCode){"image_type", CM__OWN_SCHEME, "Image filter"},
                    name.filter);
  cm__report_text(&properties, "HAS CONCEPT MOD", (CmCode){"column", CM__OWN_SCHEME, "Name of the feature"}, tag);
  cm__report_number(items, name.feature, cm_table_real(job->table, row, column), unit_code(job, name.unit),
                    &properties);
}

/* The type of the segment, as its segmentation codes it. */
static void add_finding(const Job *job, int64_t number, CmReportItems *items) {
  CmDicom *file = cm_dicom_open(items->ctx, job->options->regions, CM_DICOM_HEADER, NULL);
  CmDicomElement segments;
  CmDicomSet item, type;
  int64_t here;
  char value[65], scheme[65], meaning[256];
  if (file && cm_dicom_find(cm_dicom_root(file), CM_TAG(0x62, 2), &segments))
    for (uint64_t at = 0; cm_dicom_item(&segments, &at, &item);)
      if (cm_dicom_int(item, CM_TAG(0x62, 4), 0, &here) && here == number &&
          cm_dicom_first_item(item, CM_TAG(0x62, 0x0F), &type) &&
          cm_dicom_text(type, CM_TAG(8, 0x100), value, sizeof value) &&
          cm_dicom_text(type, CM_TAG(8, 0x102), scheme, sizeof scheme) &&
          cm_dicom_text(type, CM_TAG(8, 0x104), meaning, sizeof meaning))
        cm__report_coded(items, "CONTAINS", dcm("121071", "Finding"), (CmCode){value, scheme, meaning});
  cm_dicom_close(&file);
}

static void add_algorithm(const Job *job, CmReportItems *items) {
  cm__report_text(items, "HAS CONCEPT MOD", dcm("111001", "Algorithm Name"), "Cormack radiomics");
  cm__report_text(items, "HAS CONCEPT MOD", dcm("111003", "Algorithm Version"), CM_VERSION);
  if (job->options->parameters)
    cm__report_text(items, "HAS CONCEPT MOD", dcm("111002", "Algorithm Parameters"), job->options->parameters);
}

static void add_region(Job *job, int64_t row, CmReportItems *groups) {
  CmReportItems items;
  char uid[65], part[64], number[32], name[300] = "";
  const int64_t label = cm_table_int(job->table, row, 0);
  const char *named = cm_table_text(job->table, row, cm_table_find_column(job->table, "name"));
  const int outside = cm_table_find_column(job->table, "outside"),
            overlaps = cm_table_find_column(job->table, "overlaps");
  snprintf(number, sizeof number, "Region %lld", (long long)label);
  snprintf(name, sizeof name, "%s", named && *named ? named : number);
  snprintf(part, sizeof part, "region %lld", (long long)label);
  cm__dicom_series_uid(&job->series, part, uid);
  cm__report_start(&items, groups->ctx, groups->err);
  cm__report_text(&items, "HAS OBS CONTEXT", dcm("112039", "Tracking Identifier"), name);
  cm__report_uid(&items, "HAS OBS CONTEXT", dcm("112040", "Tracking Unique Identifier"), uid);
  add_algorithm(job, &items);
  if (job->segments) add_finding(job, label, &items);
  cm__report_reference(&items, job->segments ? "IMAGE" : "COMPOSITE",
                       job->segments ? dcm("121191", "Referenced Segment") : dcm("130488", "Region in Space"),
                       job->regions.uids, job->segments ? label : 0);
  cm__report_uid(&items, "CONTAINS", dcm("121232", "Source series for segmentation"), job->image.series);
  for (int c = 0; c < cm_table_columns(job->table); c++) add_feature(job, row, c, &items);
  if (outside >= 0 && cm_table_int(job->table, row, outside) > 0) {
    CmReportItems none;
    cm__report_start(&none, items.ctx, items.err);
    cm__report_number(&items, (CmCode){"outside", CM__OWN_SCHEME, "Voxels outside of the image"},
                      (double)cm_table_int(job->table, row, outside), (CmCode){"{voxels}", "UCUM", "voxels"}, &none);
  }
  if (overlaps >= 0 && cm_table_text(job->table, row, overlaps))
    cm__report_text(&items, "CONTAINS", (CmCode){"overlaps", CM__OWN_SCHEME, "Voxels of other regions as well"},
                    cm_table_text(job->table, row, overlaps));
  cm__report_container(groups, "CONTAINS", dcm("125007", "Measurement Group"), &items);
}

static void add_content(Job *job, CmDicomBuilder *set) {
  CmReportItems items, groups, template;
  cm__report_start(&items, set->ctx, set->err);
  cm__report_start(&groups, set->ctx, set->err);
  cm__report_start(&template, set->ctx, set->err);
  cm__build_text(set, CM_TAG(0x40, 0xA040), "CONTAINER");
  cm__report_code(set, CM_TAG(0x40, 0xA043), dcm("126000", "Imaging Measurement Report"));
  cm__build_text(set, CM_TAG(0x40, 0xA050), "SEPARATE");
  CmDicomBuilder *item = cm__report_add(&template);
  if (item) {
    cm__build_text(item, CM_TAG(8, 0x105), "DCMR");
    cm__build_text(item, CM_TAG(0x40, 0xDB00), "1500");
  }
  cm__report_put(set, CM_TAG(0x40, 0xA504), &template);
  add_context(job, &items);
  for (int64_t row = 0; row < cm_table_rows(job->table) && !groups.failed; row++) add_region(job, row, &groups);
  cm__report_container(&items, "CONTAINS", dcm("126010", "Imaging Measurements"), &groups);
  cm__report_put(set, CM_TAG(0x40, 0xA730), &items);
}

/* ---- the document
 */

static void add_series(CmReportItems *series, const char *uid, char (*uids)[2][65], int count) {
  CmReportItems instances;
  CmDicomBuilder *item = cm__report_add(series);
  if (!item) return;
  cm__report_start(&instances, series->ctx, series->err);
  for (int k = 0; k < count; k++) {
    CmDicomBuilder *one = cm__report_add(&instances);
    if (!one) break;
    cm__build_text(one, CM_TAG(8, 0x1150), uids[k][0]);
    cm__build_text(one, CM_TAG(8, 0x1155), uids[k][1]);
  }
  cm__report_put(item, CM_TAG(8, 0x1199), &instances);
  cm__build_text(item, CM_TAG(0x20, 0x0E), uid);
}

/* Everything that the content refers to, by study and series (PS3.3 C.17.2.3). */
static void add_evidence(Job *job, CmDicomBuilder *set) {
  const bool apart = strcmp(job->image.study, job->regions.study) != 0;
  CmReportItems studies, series;
  cm__report_start(&studies, set->ctx, set->err);
  cm__report_start(&series, set->ctx, set->err);
  for (int k = 0; k < 1 + apart; k++) {
    CmDicomBuilder *item = cm__report_add(&studies);
    if (!item) break;
    if (k == 0) add_series(&series, job->image.series, job->series.source_uids, job->write.source_count);
    if (k == apart) add_series(&series, job->regions.series, &job->regions.uids, 1);
    cm__report_put(item, CM_TAG(8, 0x1115), &series);
    cm__build_text(item, CM_TAG(0x20, 0x0D), k == 0 ? job->image.study : job->regions.study);
  }
  cm__report_put(set, CM_TAG(0x40, 0xA375), &studies);
}

static void add_schemes(CmDicomBuilder *set) {
  CmReportItems items;
  cm__report_start(&items, set->ctx, set->err);
  CmDicomBuilder *item = cm__report_add(&items);
  if (item) {
    cm__build_text(item, CM_TAG(8, 0x102), "IBSI");
    cm__build_text(item, CM_TAG(8, 0x10C), IBSI_UID);
    cm__build_text(item, CM_TAG(8, 0x115), "Image Biomarker Standardisation Initiative");
  }
  if ((item = cm__report_add(&items)) != NULL) {
    cm__build_text(item, CM_TAG(8, 0x102), CM__OWN_SCHEME);
    cm__build_text(item, CM_TAG(8, 0x115), "Cormack: names of features as its tables have them");
  }
  cm__report_put(set, CM_TAG(8, 0x110), &items);
}

static void add_empty(CmDicomBuilder *set, uint32_t tag) {
  CmReportItems none;
  cm__report_start(&none, set->ctx, set->err);
  cm__report_put(set, tag, &none);
}

static void add_document(Job *job, CmDicomBuilder *set) {
  static const struct {
    uint32_t tag;
    const char *text;
  } texts[] = {
      {CM_TAG(8, 0x05), "ISO_IR 192"}, {CM_TAG(8, 0x16), SR_UID},          {CM_TAG(8, 0x60), "SR"},
      {CM_TAG(8, 0x70), "Cormack"},    {CM_TAG(8, 0x1090), "Cormack"},     {CM_TAG(8, 0x103E), "Radiomics features"},
      {CM_TAG(0x18, 0x1000), "1"},     {CM_TAG(0x18, 0x1020), CM_VERSION}, {CM_TAG(0x20, 0x11), "1100"},
      {CM_TAG(0x20, 0x13), "1"},       {CM_TAG(0x40, 0xA491), "COMPLETE"}, {CM_TAG(0x40, 0xA493), "UNVERIFIED"}};
  static const uint32_t needed[] = {CM_TAG(8, 0x20),    CM_TAG(8, 0x30),    CM_TAG(8, 0x50),
                                    CM_TAG(8, 0x90),    CM_TAG(0x10, 0x10), CM_TAG(0x10, 0x20),
                                    CM_TAG(0x10, 0x30), CM_TAG(0x10, 0x40), CM_TAG(0x20, 0x10)};
  static const uint32_t not_of_it[] = {CM_TAG(0x18, 0x15), CM_TAG(0x18, 0x5100), CM_TAG(0x20, 0x52), CM_TAG(0x20, 0x60),
                                       CM_TAG(0x20, 0x1040)};
  for (int k = 0; k < CM_COUNT(texts); k++) cm__build_text(set, texts[k].tag, texts[k].text);
  for (int k = 0; k < CM_COUNT(needed); k++) cm__build_default(set, needed[k], "");
  for (int k = 0; k < CM_COUNT(not_of_it); k++) cm__build_remove(set, not_of_it[k]);
  cm__dicom_content_time(set);
  add_empty(set, CM_TAG(0x40, 0xA372));
  add_empty(set, CM_TAG(8, 0x1111));
  char uid[65];
  cm__dicom_series_uid(&job->series, "instance 1", uid);
  cm__build_text(set, CM_TAG(8, 0x18), uid);
  cm__dicom_series_uid(&job->series, "series", uid);
  cm__build_text(set, CM_TAG(0x20, 0x0E), uid);
}

static bool build(Job *job, CmError **err) {
  CmDicomBuilder *set = &job->series.common;
  CmDicom *source = cm_dicom_open(job->series.ctx, job->files[0], CM_DICOM_HEADER, err);
  if (!source) return false;
  cm__build_start(set, job->series.ctx, err);
  cm__build_copy_set(set, cm_dicom_root(source), cm__dicom_is_context);
  cm_dicom_close(&source);
  add_document(job, set);
  add_schemes(set);
  add_evidence(job, set);
  add_content(job, set);
  return !set->failed;
}

/* The same features of the same regions are the same document. */
static void make_seed(Job *job) {
  CmHasher hasher;
  CmHash hash;
  cm_hash_start(&hasher);
  cm_hash_add_text(&hasher, job->options->uid_seed);
  cm_table_hash(job->table, &hash);
  cm_hash_add(&hasher, &hash, sizeof hash);
  cm_hash_add_text(&hasher, job->regions.uids[1]);
  cm_hash_add_text(&hasher, job->image.uids[1]);
  cm_hash_add_text(&hasher, job->options->parameters ? job->options->parameters : "");
  cm_hash_finish(&hasher, &hash);
  cm_hash_hex(&hash, job->series.seed);
}

bool cm_dicom_write_report(CmContext *ctx, const CmTable *features, const char *path, const CmReportOptions *options,
                           CmError **err) {
  Job job = {.series = {.ctx = ctx, .class_uid = SR_UID}, .options = options, .table = features};
  CmTextBuffer out;
  job.series.options = &job.write;
  cm__text_start(&out, ctx, err);
  bool good = find_regions(&job, err) && find_images(&job, err) && find_unit(&job, err);
  if (good) make_seed(&job);
  good = good && build(&job, err);
  if (good) {
    cm__dicom_add_meta(&out, &job.series, &job.series.common);
    cm__build_write(&job.series.common, CM_TAG(8, 0), UINT32_MAX, &out);
    good = !out.failed && cm_file_write(ctx, path, out.text, out.size, err);
  }
  if (!good) cm_error_context(err, "%s", path);
  cm__build_free(&job.series.common);
  cm_free(job.series.positions);
  cm_free(job.series.source_uids);
  cm_free(job.files);
  cm_dicom_scan_free(&job.scan);
  cm_free(out.text);
  return good;
}
