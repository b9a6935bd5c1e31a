/* What all slices of a written series share: patient, study, equipment, and the modules of the class (PS3.3 A.3 CT, A.4
 * MR, A.21 PET, A.8 secondary capture), from the sources, the image's metadata, the defaults and the caller's
 * attributes. */
#include <stdio.h>
#include <string.h>

#include "io/dicom/write.h"

/* Patient, study, equipment and frame of reference: what any image made from the source keeps. */
bool cm__dicom_is_context(uint32_t tag) {
  static const uint32_t tags[] = {
      CM_TAG(0x08, 0x20),   CM_TAG(0x08, 0x30),   CM_TAG(0x08, 0x50),   CM_TAG(0x08, 0x60),   CM_TAG(0x08, 0x70),
      CM_TAG(0x08, 0x80),   CM_TAG(0x08, 0x81),   CM_TAG(0x08, 0x90),   CM_TAG(0x08, 0x201),  CM_TAG(0x08, 0x1010),
      CM_TAG(0x08, 0x1030), CM_TAG(0x08, 0x1032), CM_TAG(0x08, 0x1040), CM_TAG(0x08, 0x1090), CM_TAG(0x08, 0x1110),
      CM_TAG(0x18, 0x15),   CM_TAG(0x18, 0x1000), CM_TAG(0x18, 0x1020), CM_TAG(0x18, 0x5100), CM_TAG(0x20, 0x0D),
      CM_TAG(0x20, 0x10),   CM_TAG(0x20, 0x52),   CM_TAG(0x20, 0x60),   CM_TAG(0x20, 0x1040)};
  if (tag >> 16 == 0x10) return true;
  for (int i = 0; i < CM_COUNT(tags); i++)
    if (tags[i] == tag) return true;
  return false;
}

void cm__dicom_content_time(CmDicomBuilder *set) {
  static const uint32_t pairs[2][2] = {{CM_TAG(8, 0x23), CM_TAG(8, 0x20)}, {CM_TAG(8, 0x33), CM_TAG(8, 0x30)}};
  for (int i = 0; i < 2; i++) {
    size_t length;
    const char *study = cm__build_find(set, pairs[i][1], &length);
    char text[32] = "";
    snprintf(text, sizeof text, "%.*s", (int)(length < 31 ? length : 31), study ? study : "");
    for (size_t n = strlen(text); n > 0 && text[n - 1] == ' '; n--) text[n - 1] = 0;
    cm__build_text(set, pairs[i][0], *text ? text : i == 0 ? "19000101" : "000000");
  }
}

/* Everything about the acquisition; what describes the pixels, the instance and its bulk data is made anew. */
static bool is_acquisition(uint32_t tag) {
  uint32_t group = tag >> 16;
  switch (tag) {
    case CM_TAG(0x08, 0x01):
    case CM_TAG(0x08, 0x05):
    case CM_TAG(0x08, 0x08):
    case CM_TAG(0x08, 0x12):
    case CM_TAG(0x08, 0x13):
    case CM_TAG(0x08, 0x14):
    case CM_TAG(0x08, 0x16):
    case CM_TAG(0x08, 0x18):
    case CM_TAG(0x08, 0x1140):
    case CM_TAG(0x08, 0x1250):
    case CM_TAG(0x08, 0x2111):
    case CM_TAG(0x08, 0x2112):
    case CM_TAG(0x08, 0x9215):
    case CM_TAG(0x20, 0x0E):
    case CM_TAG(0x20, 0x11):
    case CM_TAG(0x20, 0x13):
    case CM_TAG(0x20, 0x30):
    case CM_TAG(0x20, 0x32):
    case CM_TAG(0x20, 0x35):
    case CM_TAG(0x20, 0x37):
    case CM_TAG(0x20, 0x1002):
    case CM_TAG(0x20, 0x1041):
    case CM_TAG(0x20, 0x4000):
    case CM_TAG(0x18, 0x50):
    case CM_TAG(0x18, 0x88):
    case CM_TAG(0x54, 0x81):
    case CM_TAG(0x54, 0x1001):
    case CM_TAG(0x54, 0x1330):
      return false;
    case CM_TAG(0x28, 0x301):
    case CM_TAG(0x28, 0x2110):
    case CM_TAG(0x28, 0x2112):
    case CM_TAG(0x28, 0x2114):
      return true;
    default:
      return group == 0x08 || group == 0x10 || group == 0x18 || group == 0x20 || group == 0x32 || group == 0x40 ||
             group == 0x54;
  }
}

/* ---- class ---- */

static const struct {
  const char *uid;
  CmDicomClass kind;
} classes[] = {
    {"1.2.840.10008.5.1.4.1.1.2", CM__CLASS_CT},   {"1.2.840.10008.5.1.4.1.1.4", CM__CLASS_MR},
    {"1.2.840.10008.5.1.4.1.1.128", CM__CLASS_PT}, {CM__SC_UID, CM__CLASS_SC},
    {"1.2.840.10008.5.1.4.1.1.2.1", CM__CLASS_CT}, {"1.2.840.10008.5.1.4.1.1.2.2", CM__CLASS_CT},
    {"1.2.840.10008.5.1.4.1.1.4.1", CM__CLASS_MR}, {"1.2.840.10008.5.1.4.1.1.4.4", CM__CLASS_MR},
    {"1.2.840.10008.5.1.4.1.1.130", CM__CLASS_PT}, {"1.2.840.10008.5.1.4.1.1.128.1", CM__CLASS_PT},
};

static CmDicomClass class_of(const char *uid) {
  for (int i = 0; i < CM_COUNT(classes); i++)
    if (!strcmp(classes[i].uid, uid)) return classes[i].kind;
  return CM__CLASS_SC;
}

static CmDicomClass class_of_modality(const char *modality) {
  if (modality && !strcmp(modality, "CT")) return CM__CLASS_CT;
  if (modality && !strcmp(modality, "MR")) return CM__CLASS_MR;
  if (modality && !strcmp(modality, "PT")) return CM__CLASS_PT;
  return CM__CLASS_SC;
}

static bool choose_class(CmDicomSeries *series, CmError **err) {
  const CmDicomWriteOptions *options = series->options;
  if (options->sop_class_uid) {
    series->kind = class_of(options->sop_class_uid);
    if (strcmp(classes[series->kind].uid, options->sop_class_uid) != 0) {
      cm_error_set(err, CM_ERR_UNSUPPORTED,
                   "sop_class_uid: images of class %s are not written; use CT, MR, PET or Secondary Capture",
                   options->sop_class_uid);
      return false;
    }
  } else if (options->secondary_capture || cm_image_components(series->image) != 1) {
    series->kind = CM__CLASS_SC;
  } else if (options->source_count) {
    series->kind = class_of(series->source_uids[0][0]);
  } else {
    series->kind = class_of_modality(cm_image_meta(series->image, "Modality"));
  }
  series->class_uid = classes[series->kind].uid;
  return true;
}

/* ---- sources ---- */

static bool read_source(CmDicomSeries *series, int at, CmError **err) {
  CmDicom *source = cm_dicom_open(series->ctx, series->options->source_files[at], CM_DICOM_HEADER, err);
  if (!source) {
    cm_error_context(err, "source image");
    return false;
  }
  CmDicomSet root = cm_dicom_root(source);
  bool good = cm_dicom_text(root, CM_TAG(8, 0x16), series->source_uids[at][0], 65) &&
              cm_dicom_text(root, CM_TAG(8, 0x18), series->source_uids[at][1], 65);
  if (!good)
    cm_error_set(err, CM_ERR_DATA,
                 "%s: SOPClassUID or SOPInstanceUID is missing, so it cannot be referred to; leave this source out",
                 series->options->source_files[at]);
  if (good && cm_dicom_reals(root, CM_TAG(0x20, 0x32), series->positions[at], 3) != 3)
    series->positions[at][0] = series->positions[at][1] = series->positions[at][2] = 1e30; /* belongs to no slice */
  cm_dicom_close(&source);
  return good;
}

bool cm__dicom_read_sources(CmDicomSeries *series, CmError **err) {
  size_t count = (size_t)series->options->source_count;
  if (!count) return true;
  series->positions = cm_calloc(series->ctx, count, sizeof *series->positions, err);
  series->source_uids = series->positions ? cm_calloc(series->ctx, count, sizeof *series->source_uids, err) : NULL;
  if (!series->source_uids) return false;
  for (int i = 0; i < (int)count; i++)
    if (!read_source(series, i, err)) return false;
  return true;
}

bool cm__dicom_is_same_class(const CmDicomSeries *series) {
  if (series->kind == CM__CLASS_SC || !series->options->source_count) return false;
  return !strcmp(series->source_uids[0][0],
                 series->class_uid); /* an enhanced one has its acquisition in functional groups */
}

/* What many PET scanners write against PS3.3 C.8.9.1 and C.8.9.5: a position beside the orientation codes, time slices
 * of a static series. */
static void mend_pet(CmDicomBuilder *builder) {
  size_t length;
  if (cm__build_find(builder, CM_TAG(0x54, 0x410), &length)) cm__build_remove(builder, CM_TAG(0x18, 0x5100));
  const char *type = cm__build_find(builder, CM_TAG(0x54, 0x1000), &length);
  if (!type || length < 7 || memcmp(type, "DYNAMIC", 7) != 0) cm__build_remove(builder, CM_TAG(0x54, 0x101));
}

bool cm__dicom_copy_source(const CmDicomSeries *series, int at, CmDicomBuilder *builder, CmError **err) {
  CmDicom *source = cm_dicom_open(series->ctx, series->options->source_files[at], CM_DICOM_HEADER, err);
  if (!source) return false;
  CmDicomSet root = cm_dicom_root(source);
  cm__build_copy_set(builder, root, cm__dicom_is_same_class(series) ? is_acquisition : cm__dicom_is_context);
  char number[32], type[256];
  int64_t value = 0;
  if (cm_dicom_int(root, CM_TAG(0x20, 0x11), 0, &value) && value >= 0 && value < 100000000) {
    snprintf(number, sizeof number, "%lld", (long long)value + 1000);
    cm__build_text(builder, CM_TAG(0x20, 0x11), number);
  }
  const char *rest = cm_dicom_text(root, CM_TAG(8, 8), type, sizeof type); /* value 3 and on say what was seen */
  for (int i = 0; rest && i < 2; i++) {
    rest = strchr(rest, '\\');
    if (rest) rest++;
  }
  char derived[300];
  const char *level =
      series->kind == CM__CLASS_PT ? "PRIMARY" : "SECONDARY"; /* PET knows no other (PS3.3 C.8.9.4.1.2) */
  snprintf(derived, sizeof derived, "DERIVED\\%s%s%s", level, rest ? "\\" : "", rest ? rest : "");
  cm__build_bytes(builder, CM_TAG(8, 8), CM_VR('C', 'S'), derived, strlen(derived));
  cm_dicom_close(&source);
  if (series->kind == CM__CLASS_PT) mend_pet(builder);
  return !builder->failed;
}

/* ---- metadata and defaults ---- */

static void add_metadata(CmDicomSeries *series) {
  const CmImage *image = series->image;
  bool all = class_of_modality(cm_image_meta(image, "Modality")) == series->kind && series->kind != CM__CLASS_SC;
  for (int i = 0; i < cm_image_meta_count(image); i++) {
    const char *key, *value;
    uint32_t tag;
    cm_image_meta_at(image, i, &key, &value);
    if (!cm_dicom_tag(key, &tag) || !*value || !cm__build_takes(tag, value)) continue;
    if (all ? is_acquisition(tag) : cm__dicom_is_context(tag)) cm__build_text(&series->common, tag, value);
  }
}

static void add_defaults(CmDicomSeries *series) {
  CmDicomBuilder *common = &series->common;
  static const struct {
    uint32_t tag;
    const char *text[4]; /* by class; NULL: not in it. "" is an empty value of type 2 */
  } defaults[] = {
      {CM_TAG(0x08, 0x08),
       {"DERIVED\\SECONDARY\\AXIAL", "DERIVED\\SECONDARY\\OTHER", "DERIVED\\PRIMARY", "DERIVED\\SECONDARY"}},
      {CM_TAG(0x08, 0x20), {"", "", "", ""}},
      {CM_TAG(0x08, 0x22), {NULL, NULL, "", NULL}},
      {CM_TAG(0x08, 0x30), {"", "", "", ""}},
      {CM_TAG(0x08, 0x32), {NULL, NULL, "", NULL}},
      {CM_TAG(0x08, 0x50), {"", "", "", ""}},
      {CM_TAG(0x08, 0x60), {"CT", "MR", "PT", "OT"}},
      {CM_TAG(0x08, 0x64), {NULL, NULL, NULL, "WSD"}},
      {CM_TAG(0x08, 0x70), {"", "", "", ""}},
      {CM_TAG(0x08, 0x90), {"", "", "", ""}},
      {CM_TAG(0x10, 0x10), {"", "", "", ""}},
      {CM_TAG(0x10, 0x20), {"", "", "", ""}},
      {CM_TAG(0x10, 0x30), {"", "", "", ""}},
      {CM_TAG(0x10, 0x40), {"", "", "", ""}},
      {CM_TAG(0x18, 0x20), {NULL, "RM", NULL, NULL}},
      {CM_TAG(0x18, 0x21), {NULL, "NONE", NULL, NULL}},
      {CM_TAG(0x18, 0x22), {NULL, "", NULL, NULL}},
      {CM_TAG(0x18, 0x23), {NULL, "", NULL, NULL}},
      {CM_TAG(0x18, 0x60), {"", NULL, NULL, NULL}},
      {CM_TAG(0x18, 0x80), {NULL, "", NULL, NULL}},
      {CM_TAG(0x18, 0x81), {NULL, "", NULL, NULL}},
      {CM_TAG(0x18, 0x91), {NULL, "", NULL, NULL}},
      {CM_TAG(0x18, 0x1181), {NULL, NULL, "", NULL}},
      {CM_TAG(0x18, 0x1242), {NULL, NULL, "", NULL}},
      {CM_TAG(0x18, 0x5100), {"", "", NULL, NULL}},
      {CM_TAG(0x20, 0x10), {"", "", "", ""}},
      {CM_TAG(0x20, 0x11), {"1", "1", "1", "1"}},
      {CM_TAG(0x20, 0x12), {"", "", "", NULL}},
      {CM_TAG(0x20, 0x20), {NULL, NULL, NULL, ""}},
      {CM_TAG(0x20, 0x1040), {"", "", "", NULL}},
      {CM_TAG(0x28, 0x51), {NULL, NULL, "", NULL}},
      {CM_TAG(0x54, 0x16), {NULL, NULL, "", NULL}},
      {CM_TAG(0x54, 0x410), {NULL, NULL, "", NULL}},
      {CM_TAG(0x54, 0x414), {NULL, NULL, "", NULL}},
      {CM_TAG(0x54, 0x1000), {NULL, NULL, "STATIC\\IMAGE", NULL}},
      {CM_TAG(0x54, 0x1002), {NULL, NULL, "EMISSION", NULL}},
      {CM_TAG(0x54, 0x1102), {NULL, NULL, "NONE", NULL}},
      {CM_TAG(0x54, 0x1300), {NULL, NULL, "0", NULL}},
  };
  for (int i = 0; i < CM_COUNT(defaults); i++)
    if (defaults[i].text[series->kind]) cm__build_default(common, defaults[i].tag, defaults[i].text[series->kind]);
  char uid[65];
  size_t length;
  if (!cm__build_find(common, CM_TAG(0x20, 0x0D), &length) || !length) {
    cm__dicom_series_uid(series, "study", uid);
    cm__build_text(common, CM_TAG(0x20, 0x0D), uid);
  }
  if (series->has_plane && (!cm__build_find(common, CM_TAG(0x20, 0x52), &length) || !length)) {
    cm__dicom_series_uid(series, "frame of reference", uid);
    cm__build_text(common, CM_TAG(0x20, 0x52), uid);
    cm__build_default(common, CM_TAG(0x20, 0x1040), "");
  }
  cm__dicom_series_uid(series, "series", uid);
  cm__build_text(common, CM_TAG(0x20, 0x0E), uid);
  cm__build_text(common, CM_TAG(8, 5), "ISO_IR 192");
  cm__build_text(common, CM_TAG(8, 0x16), series->class_uid);
}

/* Laterality is due, though maybe unknown, unless the body part is known to be no paired one (PS3.3 C.7.3.1). */
static void add_laterality(CmDicomSeries *series) {
  static const char *const paired[] = {"ANKLE",   "ARM",       "BREAST", "CALF",    "CLAVICLE", "EAR",
                                       "ELBOW",   "EXTREMITY", "EYE",    "FEMUR",   "FINGER",   "FOOT",
                                       "FOREARM", "HAND",      "HIP",    "HUMERUS", "KNEE",     "LEG",
                                       "LUNG",    "SHOULDER",  "THIGH",  "THUMB",   "TOE",      "WRIST"};
  size_t length = 0;
  const char *part = cm__build_find(&series->common, CM_TAG(0x18, 0x15), &length);
  while (length && (part[length - 1] == ' ' || !part[length - 1])) length--;
  bool due = length == 0;
  for (int i = 0; i < CM_COUNT(paired); i++) due |= strlen(paired[i]) == length && !memcmp(paired[i], part, length);
  if (due) cm__build_default(&series->common, CM_TAG(0x20, 0x60), "");
}

/* What a derived image says of itself; an attribute may have made it an original one. */
static void add_derivation(CmDicomSeries *series) {
  size_t length;
  const char *type = cm__build_find(&series->common, CM_TAG(8, 8), &length);
  if (type && length >= 8 && !memcmp(type, "ORIGINAL", 8)) return;
  const char *told = cm_image_meta(series->image, "DerivationDescription");
  cm__build_default(&series->common, CM_TAG(8, 0x2111), told ? told : "Made by Cormack " CM_VERSION);
}

/* Rescale and units (PS3.3 C.11.1, C.8.2.1.1, C.8.9.1.1.3). */
static void add_units(CmDicomSeries *series) {
  CmDicomBuilder *common = &series->common;
  const CmDicomStorage *storage = &series->storage;
  const char *unit = cm_image_unit(series->image);
  bool identity = storage->slope == 1 && storage->intercept == 0;
  if (series->kind == CM__CLASS_CT || series->kind == CM__CLASS_PT || !identity) {
    cm__build_reals(common, CM_TAG(0x28, 0x1052), &storage->intercept, 1);
    cm__build_reals(common, CM_TAG(0x28, 0x1053), &storage->slope, 1);
  }
  if (series->kind == CM__CLASS_CT) cm__build_text(common, CM_TAG(0x28, 0x1054), !strcmp(unit, "HU") ? "HU" : "US");
  if (series->kind == CM__CLASS_SC && !identity) cm__build_text(common, CM_TAG(0x28, 0x1054), "US");
  if (series->kind == CM__CLASS_PT) {
    const char *code = !strcmp(unit, "Bq/ml")  ? "BQML"
                       : !strcmp(unit, "g/ml") ? "GML"
                       : !strcmp(unit, "%")    ? "PCNT"
                                               : "NONE";
    cm__build_text(common, CM_TAG(0x54, 0x1001), code);
    uint16_t slices = (uint16_t)cm_image_dims(series->image)[2];
    cm__build_us(common, CM_TAG(0x54, 0x81), slices);
  }
  double window[2] = {40, 400};
  bool hounsfield = series->kind == CM__CLASS_CT && !strcmp(unit, "HU");
  if (!hounsfield) {
    window[0] = (storage->low + storage->high) / 2;
    window[1] = storage->high - storage->low + 1;
  }
  bool colour = cm_image_components(series->image) != 1;
  if (!colour && (series->kind != CM__CLASS_SC || storage->bits == 16)) {
    cm__build_reals(common, CM_TAG(0x28, 0x1050), &window[0], 1);
    cm__build_reals(common, CM_TAG(0x28, 0x1051), &window[1], 1);
  }
}

/* PET demands a series date and time, which nobody can make up (PS3.3 C.8.9.1). */
static bool check_series_time(CmDicomSeries *series, CmError **err) {
  static const uint32_t pairs[2][2] = {{CM_TAG(8, 0x21), CM_TAG(8, 0x20)}, {CM_TAG(8, 0x31), CM_TAG(8, 0x30)}};
  for (int i = 0; series->kind == CM__CLASS_PT && i < 2; i++) {
    size_t length = 0;
    const char *study;
    if (cm__build_find(&series->common, pairs[i][0], &length) && length) continue;
    study = cm__build_find(&series->common, pairs[i][1], &length);
    char text[64] = "";
    if (study) snprintf(text, sizeof text, "%.*s", (int)(length < 63 ? length : 63), study);
    while (*text && text[strlen(text) - 1] == ' ') text[strlen(text) - 1] = 0;
    if (!*text) {
      cm_error_set(err, CM_ERR_PARAMETER, "a PET series needs %s; give it as an attribute",
                   cm_dicom_keyword(pairs[i][0]));
      return false;
    }
    cm__build_text(&series->common, pairs[i][0], text);
  }
  return true;
}

void cm__dicom_apply_attributes(const CmDicomSeries *series, CmDicomBuilder *set) {
  for (int i = 0; i < series->options->attribute_count; i++) {
    const CmDicomAttribute *attribute = &series->options->attributes[i];
    if (attribute->text)
      cm__build_text(set, attribute->tag, attribute->text);
    else
      cm__build_remove(set, attribute->tag);
  }
}

bool cm__dicom_common(CmDicomSeries *series, CmError **err) {
  const CmImage *image = series->image;
  cm__build_start(&series->common, series->ctx, err);
  if (!cm__dicom_read_sources(series, err) || !choose_class(series, err)) return false;
  bool is_sc = series->kind == CM__CLASS_SC;
  bool offset = series->kind != CM__CLASS_PT;
  int components = cm_image_components(image);
  if (components != 1 &&
      (components != 3 || !is_sc || (cm_image_type(image) != CM_U8 && cm_image_type(image) != CM_U16))) {
    cm_error_set(
        err, CM_ERR_UNSUPPORTED,
        "DICOM images are written with 1 component, or 3 of u8 or u16 as a secondary capture; this one has %d of %s",
        components, cm_type_name(cm_image_type(image)));
    return false;
  }
  if (!cm__dicom_choose_storage(image, is_sc, true, offset, &series->storage, err)) return false;
  CmGeometry plain;
  cm_geometry_default(&plain);
  series->has_plane = !is_sc || cm_image_rank(image) > 2 || memcmp(&plain, cm_image_geometry(image), sizeof plain) != 0;
  bool good = true;
  if (series->options->source_count)
    good = cm__dicom_copy_source(series, 0, &series->common, err);
  else
    add_metadata(series);
  if (!good) return false;
  add_defaults(series);
  add_units(series);
  cm__dicom_apply_attributes(series, &series->common);
  add_laterality(series);
  add_derivation(series);
  return !series->common.failed && check_series_time(series, err) && !series->common.failed;
}
