/* The decimated wavelet transform and its inverse. */
#include <string.h>

#include "ops/filter/wavelet_transform.h"

typedef struct WaveletParams {
  int32_t wavelet;
  int64_t levels;
  int32_t axes, border, type;
} WaveletParams;

#define WAVELET_PARAMS(S)                                                                          \
  CM_PARAM_ENUM(S, wavelet, CM_WAVELET_CHOICES, "haar", "the wavelet"),                            \
      CM_PARAM_INT(S, levels, 1, 0, CM_WAVELET_LEVELS, "1",                                        \
                   "how often the approximation is split; 0: while it is longer than the filter"), \
      CM_AXES_PARAM(S),                                                                            \
      CM_PARAM_ENUM(S, border, CM_WAVELET_BORDERS, "reflect",                                      \
                    "what lies beyond the border; periodization: as wrap, with as many coefficients as voxels")

static const CmParam forward_params[] = {
    WAVELET_PARAMS(WaveletParams),
    CM_PARAM_ENUM(WaveletParams, type, "f32|f64", "f32", "voxel type of the coefficients"),
};

static const CmPort forward_inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is split"},
};
static const CmPort forward_outputs[] = {
    {.name = "coefficients",
     .kind = CM_KIND_IMAGE,
     .components = true,
     .help = "the approximation in the first corner, around it the details of each level"},
};

/* An image of other dims with the place, the unit and the words of `like`. */
static CmImage *create_sized(CmContext *ctx, const CmImage *like, CmType type, const int64_t size[3], CmError **err) {
  const int64_t dims[4] = {size[0], size[1], size[2], cm_image_dims(like)[3]};
  CmImage *out = cm_image_create(ctx, type, cm_image_rank(like), dims, cm_image_components(like), err);
  if (out && (!cm_image_set_geometry(out, cm_image_geometry(like), err) || !cm__copy_words(out, like, err)))
    cm_image_unref(&out);
  return out;
}

/* Each component of each time point through a buffer of its own. */
static bool each_volume(CmWavelet *plan, const CmImage *image, CmImage *out, bool forward, CmError **err) {
  void *buffer = cm_alloc_array(plan->ctx, (size_t)cm__wavelet_values(plan), plan->wide ? 8 : 4, err);
  bool ok = buffer != NULL;
  for (int64_t t = 0; ok && t < cm_image_dims(image)[3]; t++)
    for (int64_t c = 0; ok && c < cm_image_components(image); c++) {
      if (forward)
        ok = cm__wavelet_forward(plan, image, t, c, buffer, err);
      else
        ok = cm__wavelet_load(plan, image, t, c, buffer, err) && cm__wavelet_inverse(plan, buffer, err);
      ok = ok && cm__wavelet_store(plan, buffer, out, t, c, err);
    }
  cm_free(buffer);
  return ok;
}

static bool run_forward(const CmCall *call, CmError **err) {
  const WaveletParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmType type = p->type == 1 ? CM_F64 : CM_F32;
  CmWavelet plan = {.ctx = call->ctx, .what = "wavelet"};
  if (!cm__wavelet_plan(&plan, p->wavelet, p->border, p->axes, p->levels, cm_image_dims(image),
                        type == CM_F64 || !cm__type_fits_f32(cm_image_type(image)), err))
    return false;
  CmImage *out = create_sized(call->ctx, image, type, plan.packed, err);
  if (!out || !each_volume(&plan, image, out, true, err)) {
    cm_image_unref(&out);
    return false;
  }
  call->out[0] = cm_value_image(out);
  return true;
}

#define WAVELET_DETAILS                                                                                               \
  "Along each axis low[i] = sum of h[t] v[2i + t - L + 2] and high[i] = the same with g[t] = (-1)^t h[L-1-t], where " \
  "h has L weights whose squares sum to 1: PyWavelets' conventions. A level makes floor((n + L - 1) / 2) of both "    \
  "from n values (periodization: ceil(n / 2), and t - L/2 + 1 for the shift). Coefficients are packed as "            \
  "pywt.coeffs_to_array does: along an axis first what is low in the coarsest level, then what is high from coarse "  \
  "to fine; places that no band fills are 0. Border: replicate aaa|abcd|ddd, reflect cba|abcd|dcb, mirror "           \
  "dcb|abcd|cba, wrap bcd|abcd|abc, zero 000|abcd|000, smooth (the line through the last two), antisymmetric "        \
  "-c-b-a|abcd|-d-c-b, antireflect (turned around the end); PyWavelets calls them constant, symmetric, reflect, "     \
  "periodic, zero, smooth, antisymmetric and antireflect. An axis one voxel long is left alone; every time point "    \
  "and component is treated by itself. u8 to i16 and f32 are calculated in f32, the others and type=f64 in f64. "     \
  "NaN: spreads to what its kernels make. "

CM_OP(wavelet) = {
    .name = "wavelet",
    .family = "filter",
    .since = "0.2",
    .summary = "Split an image by scale and direction: the decimated wavelet transform.",
    .details = WAVELET_DETAILS
    "The result has the origin, the spacing and the directions of the image, but its voxels are coefficients: only "
    "inverse_wavelet gives them their places back. stationary_wavelet keeps every coefficient at its voxel.",
    CM_OP_PARAMS(WaveletParams, forward_params),
    CM_OP_INPUTS(forward_inputs),
    CM_OP_OUTPUTS(forward_outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .tolerance = 1e-6,
    .cite =
        "Mallat SG. A theory for multiresolution signal decomposition. IEEE TPAMI 11(7), 1989; Daubechies I. Ten "
        "Lectures on Wavelets. SIAM 1992 (filters)",
    .examples =
        "cormack wavelet xray.png coefficients.nii.gz --wavelet db4 --levels 3\n"
        "cormack wavelet mr.nii.gz coefficients.nii.gz --border periodization --axes in_plane",
    .run = run_forward,
};

typedef struct InverseParams {
  int32_t wavelet;
  int64_t levels;
  int32_t axes, border, type;
  CmInts size;
} InverseParams;

static const CmParam inverse_params[] = {
    WAVELET_PARAMS(InverseParams),
    CM_TYPE_PARAM(InverseParams),
    CM_PARAM_INTS(InverseParams, size, "", 1, 2147483647, 0, 3, "voxel",
                  "how many voxels along x,y,z the image had; not given: the most that give as many coefficients"),
};

static const CmPort inverse_inputs[] = {
    {.name = "coefficients", .kind = CM_KIND_IMAGE, .components = true, .help = "what `wavelet` made"},
};

static bool same_packed(const CmWavelet *plan, const int64_t *dims) {
  return memcmp(plan->packed, dims, sizeof(plan->packed)) == 0;
}

/* The plan of the image that these coefficients came from. */
static bool plan_inverse(const InverseParams *p, const CmImage *image, bool wide, CmWavelet *plan, CmError **err) {
  const int64_t *packed = cm_image_dims(image);
  int64_t dims[3] = {packed[0], packed[1], packed[2]};
  for (int axis = 0; axis < 3 && p->size.count > 0; axis++) dims[axis] = axis < p->size.count ? p->size.value[axis] : 1;
  bool ok = cm__wavelet_plan(plan, p->wavelet, p->border, p->axes, p->levels, dims, wide, err);
  for (int axis = 0; ok && axis < 3 && p->size.count == 0; axis++)
    while (ok && plan->packed[axis] > packed[axis] && dims[axis] > 2) {
      dims[axis]--;
      ok = cm__wavelet_plan(plan, p->wavelet, p->border, p->axes, p->levels, dims, wide, err);
    }
  if (!ok) return false;
  if (same_packed(plan, packed)) return true;
  cm_error_set(
      err, CM_ERR_PARAMETER,
      "an image of %lld x %lld x %lld gives %lld x %lld x %lld coefficients, but there are %lld x %lld x %lld; "
      "give the wavelet, levels, border, axes and size that made them",
      (long long)dims[0], (long long)dims[1], (long long)dims[2], (long long)plan->packed[0],
      (long long)plan->packed[1], (long long)plan->packed[2], (long long)packed[0], (long long)packed[1],
      (long long)packed[2]);
  return false;
}

static bool run_inverse(const CmCall *call, CmError **err) {
  const InverseParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmType type = cm__out_type(p->type, cm_image_type(image));
  CmWavelet plan = {.ctx = call->ctx, .what = "inverse_wavelet"};
  if (!plan_inverse(p, image, type == CM_F64 || !cm__type_fits_f32(cm_image_type(image)), &plan, err)) return false;
  CmImage *out = create_sized(call->ctx, image, type, plan.size[0], err);
  if (!out || !each_volume(&plan, image, out, false, err)) {
    cm_image_unref(&out);
    return false;
  }
  call->out[0] = cm_value_image(out);
  return true;
}

static bool check_inverse(const void *values, CmError **err) {
  const InverseParams *p = values;
  if (p->levels > 0 || p->size.count > 0) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "levels=0 needs the size of the image: give size, or the number of levels");
  return false;
}

CM_OP(inverse_wavelet) = {
    .name = "inverse_wavelet",
    .family = "filter",
    .since = "0.2",
    .summary = "Put an image together from its decimated wavelet coefficients.",
    .details =
        "Undoes `wavelet` with the same wavelet, levels, axes and border: v[j] = sum of low[i] h[j - 2i + L - 2] + "
        "high[i] g[j - 2i + L - 2] along each axis (periodization: L/2 - 1 for L - 2). Images of an odd and of the "
        "next even size give as many coefficients: `size` tells which it was. u8 to i16 and f32 are calculated in "
        "f32, the others and type=f64 in f64. NaN: spreads to what its kernels make.",
    CM_OP_PARAMS(InverseParams, inverse_params),
    CM_OP_INPUTS(inverse_inputs),
    .outputs = cm__filter_outputs,
    .output_count = 1,
    .geometry = CM_GEOMETRY_CHANGE,
    .tolerance = 1e-6,
    .cite = "Mallat SG. A theory for multiresolution signal decomposition. IEEE TPAMI 11(7), 1989",
    .examples = "cormack inverse_wavelet coefficients.nii.gz image.nii.gz --wavelet db4 --levels 3 --size 512,511",
    .check = check_inverse,
    .run = run_inverse,
};
