#include <math.h>

#include "ops/intensity/points.h"
#include "ops/simd.h"

typedef struct WindowParams {
  int32_t preset;
  double centre, width;
  int32_t function;
  double out_min, out_max;
  bool invert;
  int32_t type;
} WindowParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(WindowParams, preset, "none|lung|mediastinum|soft_tissue|bone|brain|liver|stroke", "none",
                  "a usual window for CT in HU, instead of centre and width"),
    CM_PARAM_REAL(WindowParams, centre, 40, -1e30, 1e30, "", "the middle of the window, in image units"),
    CM_PARAM_REAL(WindowParams, width, 400, 1e-12, 1e30, "", "the width of the window, in image units"),
    CM_PARAM_ENUM(WindowParams, function, "linear_exact|linear|sigmoid", "linear_exact", "DICOM's VOI LUT function"),
    CM_PARAM_REAL(WindowParams, out_min, 0, -1e30, 1e30, "", "value below the window"),
    CM_PARAM_REAL(WindowParams, out_max, 255, -1e30, 1e30, "", "value above the window"),
    CM_PARAM_BOOL(WindowParams, invert, "false", "bright becomes dark"),
    CM_PARAM_ENUM(WindowParams, type, "u8|u16|f32|f64", "u8",
                  "voxel type of the result; integers are rounded and clamped"),
};

typedef struct Window {
  double centre, width;
} Window;

/* In the order of the choices; the first is taken from centre and width. */
static const Window presets[] = {{0, 0}, {-600, 1500}, {50, 350}, {40, 400}, {400, 1800}, {40, 80}, {30, 150}, {32, 8}};

typedef struct Map {
  Window window;
  int32_t function;
  double y_min, y_max;
} Map;

/* y rises or falls from y_min at the window's lower end by `factor`. */
static CmStraight straight_of(const Map *map) {
  const double centre = map->function == 1 ? map->window.centre - 0.5 : map->window.centre;
  const double width = map->function == 1 ? map->window.width - 1.0 : map->window.width;
  return (CmStraight){.from = centre - 0.5 * width,
                      .factor = (map->y_max - map->y_min) / width,
                      .to = map->y_min,
                      .low = fmin(map->y_min, map->y_max),
                      .high = fmax(map->y_min, map->y_max)};
}

CM_SIMD static void linear(const Map *map, double *line, int64_t n, int64_t step) {
  const CmStraight straight = straight_of(map);
  const double low = straight.from, factor = straight.factor, y_min = map->y_min, y_max = map->y_max;
  const double high = map->function == 1 ? map->window.centre - 0.5 + 0.5 * (map->window.width - 1.0)
                                         : map->window.centre + 0.5 * map->window.width;
  for (int64_t i = 0; i < n; i += step) {
    const double v = line[i];
    double y = (v - low) * factor + y_min;
    y = v <= low ? y_min : y;
    line[i] = v > high ? y_max : y;
  }
}

static void map_values(const void *arg, int64_t part, double *line, int64_t n, int64_t step) {
  const Map *map = arg;
  const double centre = map->window.centre, width = map->window.width;
  (void)part;
  if (map->function == 0)
    linear(map, line, n, step);
  else if (map->function == 1 && width <= 1.0)
    for (int64_t i = 0; i < n; i += step)
      line[i] = line[i] != line[i] ? line[i] : line[i] <= centre - 0.5 ? map->y_min : map->y_max;
  else if (map->function == 1)
    linear(map, line, n, step);
  else
    for (int64_t i = 0; i < n; i += step)
      line[i] = (map->y_max - map->y_min) / (1.0 + exp(-4.0 * (line[i] - centre) / width)) + map->y_min;
}

static bool run(const CmCall *call, CmError **err) {
  static const CmType types[] = {CM_U8, CM_U16, CM_F32, CM_F64};
  const WindowParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Map map = {.window = p->preset ? presets[p->preset] : (Window){p->centre, p->width},
             .function = p->function,
             .y_min = p->invert ? p->out_max : p->out_min,
             .y_max = p->invert ? p->out_min : p->out_max};
  const CmStraight straight = straight_of(&map);
  const CmMapped mapped = {
      .fn = map_values,
      .arg = &map,
      .straight = map.function == 0 || (map.function == 1 && map.window.width > 1.0) ? &straight : NULL};
  CmMask mask;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  CmImage *out = cm_image_create_like(call->ctx, image, types[p->type], cm_image_components(image), err);
  if (!out || !cm_image_set_unit(out, "1", err) ||
      !cm__mapped(call->ctx, "window", image, &mask, CM_OUTSIDE_ZERO, &mapped, out, err)) {
    cm_image_unref(&out);
    return false;
  }
  call->out[0] = cm_value_image(out);
  return true;
}

CM_OP(window) = {
    .name = "window",
    .family = "intensity",
    .since = "0.1",
    .summary = "Show a window of values in the range of a display.",
    .details =
        "linear_exact: ((v - centre) / width + 0.5) * (out_max - out_min) + out_min between centre - width / 2 and "
        "centre + width / 2. "
        "linear: the same with centre - 0.5 and width - 1, which is what DICOM means where it says nothing (width >= "
        "1). sigmoid: "
        "(out_max - out_min) / (1 + exp(-4 (v - centre) / width)) + out_min. Presets (centre, width in HU): lung -600, "
        "1500; "
        "mediastinum 50, 350; soft_tissue 40, 400; bone 400, 1800; brain 40, 80; liver 30, 150; stroke 32, 8. Mask: "
        "voxels outside "
        "become 0. NaN: stays NaN, 0 in integer results.",
    CM_OP_PARAMS(WindowParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-12,
    .cite = "DICOM PS3.3, section C.11.2.1.2 and C.11.2.1.3",
    .examples =
        "cormack window ct.nii.gz lung.nii.gz --preset lung\ncormack window ct.nii.gz out.nii.gz --centre 50 --width "
        "350 --type f32 --out_max 1",
    .run = run,
};
