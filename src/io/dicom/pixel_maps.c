/* What the data set says of the meaning of monochrome values: modality LUT or rescale, window, VOI LUT, presentation;
 * for the whole image, or per frame in functional groups (PS3.3 C.11.1, C.11.2, C.7.6.16.2.9, C.7.6.16.2.10). */
#include <math.h>
#include <string.h>

#include "io/dicom/pixel.h"

#define TAG_SHARED_GROUPS CM_TAG(0x5200, 0x9229)
#define TAG_FRAME_GROUPS CM_TAG(0x5200, 0x9230)
#define TAG_VALUE_TRANSFORMATION CM_TAG(0x0028, 0x9145)
#define TAG_FRAME_VOI CM_TAG(0x0028, 0x9132)
#define TAG_INTERCEPT CM_TAG(0x0028, 0x1052)
#define TAG_SLOPE CM_TAG(0x0028, 0x1053)
#define TAG_RESCALE_TYPE CM_TAG(0x0028, 0x1054)

/* An optional number: absent leaves *value; present but no finite number is an error. */
static bool read_number(CmDicomSet set, uint32_t tag, const char *name, double *value, bool *found, CmError **err) {
  CmDicomElement element;
  double number;
  if (!cm_dicom_find(set, tag, &element) || !element.length) return true;
  char text[8];
  if (!cm_dicom_real(set, tag, 0, &number)) {
    if (!cm_dicom_text(set, tag, text, sizeof text)) return true; /* blanks only */
    cm_error_set(err, CM_ERR_FORMAT, "%s (%04X,%04X) is not a number", name, tag >> 16, tag & 0xFFFF);
    return false;
  }
  if (!isfinite(number)) {
    cm_error_set(err, CM_ERR_FORMAT, "%s (%04X,%04X) is not finite", name, tag >> 16, tag & 0xFFFF);
    return false;
  }
  *value = number;
  *found = true;
  return true;
}

static bool read_linear(CmDicomSet set, CmPixelLinear *linear, bool *found, CmError **err) {
  CmPixelLinear got = {1.0, 0.0};
  if (!read_number(set, TAG_SLOPE, "RescaleSlope", &got.slope, found, err)) return false;
  if (!read_number(set, TAG_INTERCEPT, "RescaleIntercept", &got.intercept, found, err)) return false;
  if (got.slope == 0.0) {
    cm_error_set(err, CM_ERR_DATA,
                 "RescaleSlope (0028,1053) is 0, which leaves no image; read the stored values instead");
    return false;
  }
  if (*found) *linear = got;
  return true;
}

static bool read_window(CmDicomSet set, CmPixelWindow *window, CmError **err) {
  CmPixelWindow got = {0};
  bool center = false, width = false;
  char kind[32];
  if (!read_number(set, CM_TAG(0x0028, 0x1050), "WindowCenter", &got.center, &center, err)) return false;
  if (!read_number(set, CM_TAG(0x0028, 0x1051), "WindowWidth", &got.width, &width, err)) return false;
  if (!center || !width) return true;
  if (cm_dicom_text(set, CM_TAG(0x0028, 0x1056), kind, sizeof kind)) {
    if (!strcmp(kind, "SIGMOID")) {
      got.kind = CM_WINDOW_SIGMOID;
    } else if (!strcmp(kind, "LINEAR_EXACT")) {
      got.kind = CM_WINDOW_LINEAR_EXACT;
    } else if (strcmp(kind, "LINEAR")) {
      cm_error_set(err, CM_ERR_UNSUPPORTED, "VOILUTFunction (0028,1056) %s is not known", kind);
      return false;
    }
  }
  /* C.11.2.1.2: LINEAR needs a width of at least 1, the others one above 0 */
  got.present = got.kind == CM_WINDOW_LINEAR ? got.width >= 1.0 : got.width > 0.0;
  if (got.present) *window = got;
  return true;
}

static bool read_groups(CmDicomSet groups, CmPixelLinear *linear, bool *found, CmPixelWindow *window, CmError **err) {
  CmDicomSet item;
  if (cm_dicom_first_item(groups, TAG_VALUE_TRANSFORMATION, &item) && !read_linear(item, linear, found, err))
    return false;
  return !cm_dicom_first_item(groups, TAG_FRAME_VOI, &item) || read_window(item, window, err);
}

/* Whether the first item of the per-frame groups has something that differs by frame. */
static bool per_frame(CmDicomSet root, CmDicomElement *sequence, bool *linear, bool *window) {
  uint64_t at = 0;
  CmDicomSet groups, item;
  *linear = *window = false;
  if (!cm_dicom_find(root, TAG_FRAME_GROUPS, sequence) || !cm_dicom_item(sequence, &at, &groups)) return false;
  *linear = cm_dicom_first_item(groups, TAG_VALUE_TRANSFORMATION, &item);
  *window = cm_dicom_first_item(groups, TAG_FRAME_VOI, &item);
  return *linear || *window;
}

static bool read_per_frame(CmContext *ctx, const CmDicomElement *sequence, int64_t frames, bool linear, bool window,
                           CmPixelMaps *maps, CmError **err) {
  int64_t items = cm_dicom_item_count(sequence);
  if (items < frames) {
    cm_error_set(err, CM_ERR_FORMAT, "PerFrameFunctionalGroupsSequence (5200,9230) has %lld items for %lld frames",
                 (long long)items, (long long)frames);
    return false;
  }
  if (linear) maps->frame_linear = cm_alloc_array(ctx, (size_t)frames, sizeof *maps->frame_linear, err);
  if (linear && !maps->frame_linear) return false;
  if (window) maps->frame_window = cm_alloc_array(ctx, (size_t)frames, sizeof *maps->frame_window, err);
  if (window && !maps->frame_window) return false;
  uint64_t at = 0;
  for (int64_t f = 0; f < frames; f++) {
    CmDicomSet groups;
    CmPixelLinear frame_linear = maps->linear;
    CmPixelWindow frame_window = maps->window;
    bool found = false;
    if (!cm_dicom_item(sequence, &at, &groups)) return false; /* counted above */
    if (!read_groups(groups, &frame_linear, &found, &frame_window, err)) {
      cm_error_context(err, "PerFrameFunctionalGroupsSequence item %lld", (long long)f + 1);
      return false;
    }
    if (linear) maps->frame_linear[f] = frame_linear;
    if (window) maps->frame_window[f] = frame_window;
  }
  return true;
}

/* The unit in UCUM where RescaleType (C.11.1.1.2) has one. RT Dose is scaled by DoseGridScaling (C.8.8.3). */
static bool read_unit(CmDicomSet root, CmDicomSet rescale, CmPixelMaps *maps, bool *found, CmError **err) {
  char modality[20], type[20];
  bool dose = false;
  maps->unit = "1";
  if (!cm_dicom_text(root, CM_TAG(0x0008, 0x0060), modality, sizeof modality)) modality[0] = '\0';
  if (!strcmp(modality, "RTDOSE") && !*found) {
    double scale = 1.0;
    if (!read_number(root, CM_TAG(0x3004, 0x000E), "DoseGridScaling", &scale, &dose, err)) return false;
    if (dose && scale > 0.0) maps->linear.slope = scale;
    if (dose && cm_dicom_text(root, CM_TAG(0x3004, 0x0002), type, sizeof type) && !strcmp(type, "GY"))
      maps->unit = "Gy";
    return true;
  }
  bool typed = cm_dicom_text(rescale, TAG_RESCALE_TYPE, type, sizeof type) != NULL;
  if (typed && !strcmp(type, "HU")) maps->unit = "HU";
  if (!typed && *found && !strcmp(modality, "CT")) maps->unit = "HU"; /* C.11.1.1.2: the default for CT */
  return true;
}

static bool read_tables(CmContext *ctx, CmDicomSet root, const CmPixelLayout *layout, CmPixelMaps *maps,
                        CmError **err) {
  CmDicomSet item;
  uint32_t descriptor = CM_TAG(0x0028, 0x3002), data = CM_TAG(0x0028, 0x3006);
  if (layout->pixels.is_float) return true;
  if (cm_dicom_first_item(root, CM_TAG(0x0028, 0x3000), &item) &&
      !cm__pixel_lut_read(ctx, item, descriptor, data, layout->pixels.is_signed, "modality LUT (0028,3000)",
                          &maps->modality, err)) {
    return false;
  }
  bool is_signed = !maps->modality.entries && (layout->pixels.is_signed || maps->linear.intercept < 0.0);
  return !cm_dicom_first_item(root, CM_TAG(0x0028, 0x3010), &item) ||
         cm__pixel_lut_read(ctx, item, descriptor, data, is_signed, "VOI LUT (0028,3010)", &maps->voi, err);
}

static bool read_maps(CmContext *ctx, CmDicomSet root, const CmPixelLayout *layout, CmPixelMaps *maps, CmError **err) {
  CmDicomSet shared, rescale = root;
  CmDicomElement sequence;
  char shape[20];
  bool found = false, linear, window;
  if (!read_linear(root, &maps->linear, &found, err) || !read_window(root, &maps->window, err)) return false;
  if (cm_dicom_first_item(root, TAG_SHARED_GROUPS, &shared)) {
    if (!read_groups(shared, &maps->linear, &found, &maps->window, err)) {
      cm_error_context(err, "SharedFunctionalGroupsSequence (5200,9229)");
      return false;
    }
    cm_dicom_first_item(shared, TAG_VALUE_TRANSFORMATION, &rescale);
  }
  if (per_frame(root, &sequence, &linear, &window)) {
    if (!read_per_frame(ctx, &sequence, layout->pixels.frames, linear, window, maps, err)) return false;
    uint64_t at = 0;
    CmDicomSet groups;
    found = found || linear;
    if (linear && cm_dicom_item(&sequence, &at, &groups))
      cm_dicom_first_item(groups, TAG_VALUE_TRANSFORMATION, &rescale);
  }
  if (!read_tables(ctx, root, layout, maps, err) || !read_unit(root, rescale, maps, &found, err)) return false;
  maps->inverse = layout->photometric == CM_PHOTO_MONOCHROME1;
  if (cm_dicom_text(root, CM_TAG(0x2050, 0x0020), shape, sizeof shape)) maps->inverse = !strcmp(shape, "INVERSE");
  return true;
}

bool cm__pixel_maps_open(CmContext *ctx, const CmDicom *dicom, const CmPixelLayout *layout, CmPixelMaps *maps,
                         CmError **err) {
  *maps = (CmPixelMaps){.linear = {1.0, 0.0}, .unit = "1"};
  if (layout->photometric > CM_PHOTO_MONOCHROME2) return true; /* the modality LUT is for one sample of grey */
  if (read_maps(ctx, cm_dicom_root(dicom), layout, maps, err)) return true;
  cm__pixel_maps_close(maps);
  return false;
}

void cm__pixel_maps_close(CmPixelMaps *maps) {
  cm__pixel_lut_free(&maps->modality);
  cm__pixel_lut_free(&maps->voi);
  cm_free(maps->frame_linear);
  cm_free(maps->frame_window);
  *maps = (CmPixelMaps){0};
}
