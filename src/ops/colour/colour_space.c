#include "ops/colour/colour.h"

typedef struct ColourSpaceParams {
  int32_t from_space, to_space, type;
} ColourSpaceParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(ColourSpaceParams, from_space, CM_COLOUR_CHOICES, "rgb", "what the components of the image are"),
    CM_PARAM_ENUM(ColourSpaceParams, to_space, CM_COLOUR_CHOICES, "lab", "what they become"),
    CM_PARAM_ENUM(ColourSpaceParams, type, "f32|f64|u8|u16", "f32", "voxel type of the result"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "colours; rgb may have opacity as a fourth"},
};
static const CmPort outputs[] = {
    {.name = "out", .kind = CM_KIND_IMAGE, .components = true, .help = "three components, or one (grey)"},
};

static bool check(const void *values, CmError **err) {
  const ColourSpaceParams *p = values;
  if (p->type < 2 || p->to_space == CM_RGB || p->to_space == CM_GREY || p->to_space == CM_YCBCR) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "hsv, lab and xyz do not fit into whole numbers; say type=f32 or type=f64");
  return false;
}

static bool run(const CmCall *call, CmError **err) {
  static const CmType types[] = {CM_F32, CM_F64, CM_U8, CM_U16};
  const ColourSpaceParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmColourSpace from = (CmColourSpace)p->from_space;
  if (from == CM_RGB && p->to_space == CM_GREY && cm_image_components(image) == 1)
    from = CM_GREY; /* folders of photographs hold both */
  CmImage *made = cm__colour_image(call->ctx, image, from, (CmColourSpace)p->to_space, types[p->type], err);
  if (!made) return false;
  call->out[0] = cm_value_image(made);
  return true;
}

CM_OP(colour_space) = {
    .name = "colour_space",
    .family = "colour",
    .since = "0.2",
    .summary = "Convert colours between RGB, HSV, CIELAB, XYZ, YCbCr and grey.",
    .details =
        "rgb is sRGB, 0 to 1, in integers 0 to the type's largest value (grey alike). hsv: hue (0 to 1, once around), "
        "saturation and value, 0 to 1. xyz and lab (CIELAB): white D65, 2 degrees; L 0 to 100, a and b about -128 to "
        "127. ycbcr: ITU-R BT.601, Y 16 to 235, Cb and Cr 16 to 240. grey: 0.2125 R + 0.7154 G + 0.0721 B. Back from "
        "xyz and lab, what is beyond rgb's range is clamped. type=u8 and u16: rgb and grey run to the largest value, "
        "ycbcr is rounded as it stands, the others are refused; grey of u8 from u8 is exact, halves up. A fourth "
        "component (opacity) is left out; one component alone is grey already where grey is asked for. The formulas "
        "are scikit-image's. NaN spreads to "
        "the components that depend on it. Calculated in float, in double for type=f64 "
        "and from u32, i32 and f64.",
    CM_OP_PARAMS(ColourSpaceParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "IEC 61966-2-1:1999 (sRGB); CIE 15:2004, section 8.2.1 (CIELAB); ITU-R BT.601-7; Smith AR. Color gamut "
        "transform pairs. SIGGRAPH 1978 (HSV)",
    .examples =
        "cormack colour_space histology.png lab.nii.gz --to_space lab\n"
        "cormack colour_space lab.nii.gz back.png --from_space lab --to_space rgb --type u8",
    .check = check,
    .run = run,
};
