/* Metadata and unit of a volume. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/dicom/suv.h"
#include "io/dicom/volume_read.h"

/* What provenance, reports and models ask for; by keyword, from the first file. */
static const uint32_t kept[] = {
    CM_TAG(0x0010, 0x0020), CM_TAG(0x0010, 0x0010), CM_TAG(0x0010, 0x0030), CM_TAG(0x0010, 0x0040),
    CM_TAG(0x0010, 0x1010), CM_TAG(0x0010, 0x1020), CM_TAG(0x0010, 0x1030), CM_TAG(0x0008, 0x0020),
    CM_TAG(0x0008, 0x0030), CM_TAG(0x0008, 0x0050), CM_TAG(0x0020, 0x0010), CM_TAG(0x0020, 0x000D),
    CM_TAG(0x0008, 0x1030), CM_TAG(0x0008, 0x0060), CM_TAG(0x0020, 0x000E), CM_TAG(0x0020, 0x0011),
    CM_TAG(0x0008, 0x0021), CM_TAG(0x0008, 0x0031), CM_TAG(0x0008, 0x103E), CM_TAG(0x0018, 0x1030),
    CM_TAG(0x0008, 0x0016), CM_TAG(0x0020, 0x0052), CM_TAG(0x0008, 0x0008), CM_TAG(0x0008, 0x0070),
    CM_TAG(0x0008, 0x1090), CM_TAG(0x0018, 0x1020), CM_TAG(0x0008, 0x1010), CM_TAG(0x0008, 0x0080),
    CM_TAG(0x0018, 0x0015), CM_TAG(0x0018, 0x5100), CM_TAG(0x0018, 0x5101), CM_TAG(0x0020, 0x0062),
    CM_TAG(0x0008, 0x0022), CM_TAG(0x0008, 0x0032), CM_TAG(0x0008, 0x002A), CM_TAG(0x0020, 0x0012),
    CM_TAG(0x0018, 0x0010), CM_TAG(0x0018, 0x0060), CM_TAG(0x0018, 0x1151), CM_TAG(0x0018, 0x1152),
    CM_TAG(0x0018, 0x1210), CM_TAG(0x0018, 0x1100), CM_TAG(0x0018, 0x1120), CM_TAG(0x0018, 0x0050),
    CM_TAG(0x0018, 0x0088), CM_TAG(0x0018, 0x0087), CM_TAG(0x0018, 0x0020), CM_TAG(0x0018, 0x0021),
    CM_TAG(0x0018, 0x0023), CM_TAG(0x0018, 0x0024), CM_TAG(0x0018, 0x0080), CM_TAG(0x0018, 0x0081),
    CM_TAG(0x0018, 0x0086), CM_TAG(0x0018, 0x0082), CM_TAG(0x0018, 0x1314), CM_TAG(0x0018, 0x1312),
    CM_TAG(0x0018, 0x9087), CM_TAG(0x0028, 0x0004), CM_TAG(0x0028, 0x1050), CM_TAG(0x0028, 0x1051),
    CM_TAG(0x0028, 0x1054), CM_TAG(0x0028, 0x2110), CM_TAG(0x0028, 0x0A02), CM_TAG(0x0054, 0x1001),
    CM_TAG(0x0054, 0x1006), CM_TAG(0x0054, 0x1102), CM_TAG(0x0028, 0x0051), CM_TAG(0x0054, 0x1300),
    CM_TAG(0x0018, 0x1242),
};

static bool set_number(CmImage *image, const char *key, double value, CmError **err) {
  char text[40];
  snprintf(text, sizeof text, "%.10g", value);
  return isnan(value) || cm_image_set_meta(image, key, text, err);
}

static bool set_attributes(CmDicomSet root, CmImage *image, CmError **err) {
  char text[1024];
  for (int i = 0; i < CM_COUNT(kept); i++) {
    const char *value = cm_dicom_text(root, kept[i], text, sizeof text), *key = cm_dicom_keyword(kept[i]);
    if (value && *value && key && !cm_image_set_meta(image, key, value, err)) return false;
  }
  return true;
}

/* Attributes that enhanced objects keep in functional groups: those of the first frame. */
static bool set_frame_attributes(const CmReadPlan *plan, const CmFrameSource *source, CmImage *image, CmError **err) {
  const CmFrame *frame = cm__plan_frame(plan, 0, 0);
  char text[256];
  static const struct {
    CmFact fact;
    const char *key;
  } facts[] = {{CM_FACT_THICKNESS, "SliceThickness"},       {CM_FACT_ECHO_TIME, "EchoTime"},
               {CM_FACT_REPETITION_TIME, "RepetitionTime"}, {CM_FACT_FLIP_ANGLE, "FlipAngle"},
               {CM_FACT_INVERSION_TIME, "InversionTime"},   {CM_FACT_KVP, "KVP"},
               {CM_FACT_B_VALUE, "DiffusionBValue"}};
  for (int i = 0; i < CM_COUNT(facts); i++)
    if (!cm_image_meta(image, facts[i].key) && !set_number(image, facts[i].key, frame->fact[facts[i].fact], err))
      return false;
  if (frame->trait[CM_TRAIT_IMAGE_TYPE] &&
      !cm_image_set_meta(image, "ImageType", frame->trait[CM_TRAIT_IMAGE_TYPE], err))
    return false;
  if (frame->trait[CM_TRAIT_COMPONENT] &&
      !cm_image_set_meta(image, "ComplexImageComponent", frame->trait[CM_TRAIT_COMPONENT], err))
    return false;
  static const uint32_t window[] = {CM_TAG(0x0028, 0x1050), CM_TAG(0x0028, 0x1051)};
  for (int i = 0; i < 2; i++) {
    const char *key = cm_dicom_keyword(window[i]);
    const char *value = cm__source_text(source, CM_TAG(0x0028, 0x9132), window[i], text, sizeof text);
    if (key && value && !cm_image_meta(image, key) && !cm_image_set_meta(image, key, value, err)) return false;
  }
  double spacing[2];
  const char *from = cm__pixel_spacing(source, spacing);
  /* Spacing at the detector, not in the patient, makes lengths too long by the magnification. */
  return !from || !strcmp(from, "PixelSpacing") || cm_image_set_meta(image, "PixelSpacingFrom", from, err);
}

/* ---- the fourth axis */

/* "0;0.5;1" or the directions, one for each time point. */
static bool set_time_axis(const CmReadPlan *plan, CmImage *image, CmError **err) {
  const CmStack *stack = &plan->entry->stack;
  if (stack->times < 2) {
    const char *gradient = cm__plan_frame(plan, 0, 0)->trait[CM_TRAIT_GRADIENT];
    return !gradient || cm_image_set_meta(image, "DiffusionGradientOrientation", gradient, err);
  }
  if (!cm_image_set_meta(image, "TimeAxis", stack->time_name, err)) return false;
  bool gradient = !strcmp(stack->time_name, "gradient");
  if (!gradient && !stack->time_values) return true;
  CmPool pool;
  cm__pool_start(&pool, plan->ctx);
  bool ok = true;
  size_t room = (size_t)stack->times * 48 + 1, used = 0;
  char *text = cm__pool_alloc(&pool, room, 1, err);
  for (int64_t t = 0; text && t < stack->times && used < room; t++) {
    const char *direction = cm__plan_frame(plan, 0, t)->trait[CM_TRAIT_GRADIENT];
    int wrote = gradient ? snprintf(text + used, room - used, "%s%s", t ? ";" : "", direction ? direction : "0\\0\\0")
                         : snprintf(text + used, room - used, "%s%.9g", t ? ";" : "", stack->time_values[t]);
    used += wrote > 0 ? (size_t)wrote : 0;
  }
  ok = text && cm_image_set_meta(image, gradient ? "DiffusionGradientOrientation" : "TimeValues", text, err);
  cm__pool_free(&pool);
  return ok;
}

/* ---- what was done */

static bool set_fills(const CmReadPlan *plan, CmImage *image, CmError **err) {
  const CmStack *stack = &plan->entry->stack;
  char text[1024];
  if (plan->entry->first->segmentation) return true; /* planes without a frame are empty, not filled */
  if (plan->slices < stack->slices) {
    snprintf(text, sizeof text, "%lld to %lld of %lld", (long long)plan->first_slice + 1,
             (long long)(plan->first_slice + plan->slices), (long long)stack->slices);
    return cm_image_set_meta(image, "KeptSlices", text, err);
  }
  size_t used = 0;
  for (int64_t s = 1; s < plan->slices; s++) {
    for (int64_t z = cm__plan_place(plan, s - 1) + 1; z < cm__plan_place(plan, s) && used + 24 < sizeof text; z++)
      used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", used ? " " : "", (long long)z);
  }
  if (used + 24 >= sizeof text) snprintf(text + sizeof text - 16, 16, " and more");
  return !used || cm_image_set_meta(image, "FilledSlices", text, err);
}

static bool set_padding(const CmReadPlan *plan, CmImage *image, CmError **err) {
  if (isnan(plan->padding[0])) return true;
  if (!set_number(image, "PixelPaddingValue", plan->padding[0], err)) return false;
  return plan->padding[1] <= plan->padding[0] || set_number(image, "PixelPaddingRangeLimit", plan->padding[1], err);
}

/* ---- unit */

/* Units of PET (PS3.3 C.8.9.1) in UCUM. */
static const char *pet_unit(const char *units) {
  static const struct {
    const char *dicom, *ucum;
  } names[] = {{"BQML", "Bq/ml"},
               {"GML", "g/ml"},
               {"CNTS", "{counts}"},
               {"CPS", "{counts}/s"},
               {"PCNT", "%"},
               {"CM2", "cm2"},
               {"CM2ML", "cm2/ml"},
               {"MGMINML", "mg/min/ml"},
               {"UMOLMINML", "umol/min/ml"},
               {"MLMING", "ml/min/g"},
               {"MLG", "ml/g"},
               {"1CM", "/cm"},
               {"UMOLML", "umol/ml"},
               {"PROPCNTS", "{counts}"},
               {"PROPCPS", "{counts}/s"},
               {"MLMINML", "ml/min/ml"},
               {"MLML", "ml/ml"}};
  for (int i = 0; i < CM_COUNT(names); i++)
    if (!strcmp(names[i].dicom, units)) return names[i].ucum;
  return "1";
}

/* The real world value mapping names the unit where it is the rescaling itself (PS3.3 C.7.6.16.2.11). */
static const char *mapped_unit(const CmReadPlan *plan, const CmFrameSource *source, char *text, size_t size) {
  const CmFrame *frame = cm__plan_frame(plan, 0, 0);
  CmDicomSet map, code;
  double slope, intercept;
  if (!cm__source_group(source, CM_TAG(0x0040, 0x9096), &map) &&
      !cm_dicom_first_item(source->root, CM_TAG(0x0040, 0x9096), &map))
    return NULL;
  if (!cm_dicom_real(map, CM_TAG(0x0040, 0x9225), 0, &slope) ||
      !cm_dicom_real(map, CM_TAG(0x0040, 0x9224), 0, &intercept))
    return NULL;
  if (fabs(slope - frame->slope) > 1e-6 * fabs(slope) || fabs(intercept - frame->intercept) > 1e-6 * fabs(slope) * 4096)
    return NULL;
  return cm_dicom_first_item(map, CM_TAG(0x0040, 0x08EA), &code)
             ? cm_dicom_text(code, CM_TAG(0x0008, 0x0100), text, size)
             : NULL;
}

static bool set_unit(const CmReadPlan *plan, const CmFrameSource *source, CmImage *image, CmError **err) {
  char text[64], units[64];
  const char *modality = plan->entry->open.modality, *unit = "1";
  if (plan->options.suv) return cm_image_set_unit(image, "g/ml", err);
  if (plan->options.stored) return cm_image_set_unit(image, "1", err);
  const char *type = cm__source_text(source, CM_TAG(0x0028, 0x9145), CM_TAG(0x0028, 0x1054), text, sizeof text);
  double slope;
  bool rescaled = cm__source_reals(source, CM_TAG(0x0028, 0x9145), CM_TAG(0x0028, 0x1053), &slope, 1) > 0;
  if (type && !strcmp(type, "HU"))
    unit = "HU";
  else if (!strcmp(modality, "CT") && rescaled && !type && !plan->entry->stack.frames[0]->localizer)
    unit = "HU"; /* C.11.1.1.2 */
  else if (cm_dicom_text(source->root, CM_TAG(0x0054, 0x1001), units, sizeof units))
    unit = pet_unit(units);
  else if (cm_dicom_text(source->root, CM_TAG(0x3004, 0x0002), units, sizeof units) && !strcmp(units, "GY"))
    unit = "Gy";
  else {
    const char *mapped = mapped_unit(plan, source, units, sizeof units);
    if (mapped && strcmp(mapped, "no units") != 0) unit = mapped;
  }
  return cm_image_set_unit(image, unit, err);
}

bool cm__volume_describe(const CmReadPlan *plan, const CmDicom *dicom, CmImage *image, CmError **err) {
  const CmVolumeEntry *entry = plan->entry;
  const CmFrame *frame = cm__plan_frame(plan, 0, 0);
  CmFrameSource source = {.root = cm_dicom_root(dicom)};
  CmDicomElement groups;
  source.has_shared = cm_dicom_first_item(source.root, CM_TAG(0x5200, 0x9229), &source.shared);
  if (cm_dicom_find(source.root, CM_TAG(0x5200, 0x9230), &groups)) {
    uint64_t at = 0;
    for (int32_t i = 0; i <= frame->frame; i++) source.has_own = cm_dicom_item(&groups, &at, &source.own);
  }
  if (!set_attributes(source.root, image, err) || !set_frame_attributes(plan, &source, image, err)) return false;
  if (entry->open.file_count == 1 && strcmp(entry->first->uid, entry->first->path) != 0 &&
      !cm_image_set_meta(image, "SOPInstanceUID", entry->first->uid, err))
    return false;
  if (!cm_image_set_meta(image, "VolumeKey", entry->open.key, err) || !set_time_axis(plan, image, err) ||
      !set_fills(plan, image, err) || !set_padding(plan, image, err) || !set_unit(plan, &source, image, err))
    return false;
  if (entry->stack.tilted && !set_number(image, "TiltCorrected", entry->stack.tilt_degrees, err)) return false;
  if (plan->options.suv && (!set_number(image, "SUVFactor", plan->factor, err) ||
                            !cm_image_set_meta(image, "SUVMethod", plan->suv_note, err)))
    return false;
  return !entry->note || cm_image_set_meta(image, "Note", entry->note, err);
}
