#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/lines.h"

typedef struct GaborBankParams {
  CmReals frequency;
  int64_t orientations;
  bool along_z;
  double bandwidth;
  int32_t part, per;
  double smooth;
  int32_t border;
  double border_value;
} GaborBankParams;

#define PARTS "real|imaginary|magnitude"
#define PER "mm|voxel"

static const CmParam params[] = {
    CM_PARAM_REALS(GaborBankParams, frequency, "0.1,0.2", 1e-6, 1e6, 1, 16, "", "of the waves, in cycles"),
    CM_PARAM_INT(GaborBankParams, orientations, 4, 1, 64, "1", "directions in the plane xy: 0, 180 / n ... degrees"),
    CM_PARAM_BOOL(GaborBankParams, along_z, "false", "one more direction, along z, in volumes"),
    CM_PARAM_REAL(GaborBankParams, bandwidth, 1, 0.05, 10, "octave", "half-height width of what each filter passes"),
    CM_PARAM_ENUM(GaborBankParams, part, PARTS, "magnitude", "of the cosine, of the sine, or their energy's root"),
    CM_PARAM_ENUM(GaborBankParams, per, PER, "mm", "whether frequencies are per mm or per voxel"),
    CM_PARAM_REAL(GaborBankParams, smooth, 0, 0, 100, "wavelength",
                  "standard deviation of a Gaussian over each result; textures are told apart best around 0.5"),
    CM_BORDER_PARAMS(GaborBankParams),
};

static const CmPort outputs[] = {
    {.name = "bank",
     .kind = CM_KIND_IMAGE,
     .components = true,
     .help = "f32, a component a filter: all directions of the first frequency, of the second ...; each with the "
             "components of the image"},
};

/* ---- one filter ------------------------------------------------------------------------------------------------ */

static const char *choice(const GaborBankParams *p, const char *name, int32_t at, char *to, size_t size) {
  (void)p;
  for (int k = 0; k < CM_COUNT(params); k++)
    if (strcmp(params[k].name, name) == 0) return cm_param_choice(&params[k], at, to, size);
  return "";
}

static CmImage *filter(const CmCall *call, double frequency, int64_t direction, CmError **err) {
  const GaborBankParams *p = call->params;
  const bool upright = direction == p->orientations;
  char words[512], part[32], per[32], border[32];
  choice(p, "per", p->per, per, sizeof(per));
  choice(p, "border", p->border, border, sizeof(border));
  snprintf(words, sizeof(words),
           "frequency=%.17g theta=%.17g phi=%d bandwidth=%.17g part=%s per=%s border=%s border_value=%.17g", frequency,
           upright ? 0.0 : 180.0 * (double)direction / (double)p->orientations, upright ? 90 : 0, p->bandwidth,
           choice(p, "part", p->part, part, sizeof(part)), per, border, p->border_value);
  CmImage *found = cm_op_apply(call->ctx, "gabor", words, call->in[0].image, err);
  if (!found || p->smooth == 0.0) return found;
  snprintf(words, sizeof(words), "sigma=%.17g units=%s border=%s border_value=%.17g", p->smooth / frequency, per,
           border, p->border_value);
  CmImage *smooth = cm_op_apply(call->ctx, "gaussian", words, found, err);
  cm_image_unref(&found);
  return smooth;
}

typedef struct Job {
  const CmImage *image;
  CmImage *out;
  CmGrid from, to;
  int64_t first;
} Job;

static bool copy_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const int64_t c = job->from.components;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const float *from = cm__row(job->image, &job->from, row);
    float *to = cm__row_mut(job->out, &job->to, row);
    for (int64_t x = 0; x < job->from.nx; x++)
      for (int64_t k = 0; k < c; k++) to[x * job->to.components + job->first + k] = from[x * c + k];
  }
  return true;
}

static bool add_filter(const CmCall *call, double frequency, int64_t direction, Job *job, CmError **err) {
  CmImage *found = filter(call, frequency, direction, err);
  if (!found) return false;
  job->image = found;
  job->from = cm__grid(found);
  const bool ok = cm_parallel_for(call->ctx, NULL, job->from.rows, cm__row_chunk(&job->from), copy_rows, job, err);
  job->first += job->from.components;
  cm_image_unref(&found);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const GaborBankParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const int64_t directions = p->orientations + p->along_z;
  const int64_t components = p->frequency.count * directions * cm_image_components(image);
  Job job = {.first = 0};
  CmMask mask;
  bool ok = false;
  if (p->along_z && cm_image_dims(image)[2] == 1) {
    cm_error_set(err, CM_ERR_PARAMETER, "along_z asks for waves along z, but the image is flat; leave it out");
    return false;
  }
  if (components == 0 || components > CM_MAX_COMPONENTS) {
    cm_error_set(err, CM_ERR_PARAMETER, "the bank would have %lld components; 1 to %d are possible",
                 (long long)components, CM_MAX_COMPONENTS);
    return false;
  }
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  job.out = cm_image_create_like(call->ctx, image, CM_F32, (int)components, err);
  if (!job.out) return false;
  job.to = cm__grid(job.out);
  ok = true;
  for (int32_t f = 0; ok && f < p->frequency.count; f++)
    for (int64_t k = 0; ok && k < directions; k++) ok = add_filter(call, p->frequency.value[f], k, &job, err);
  ok = ok && cm__mask_blank(call->ctx, &mask, job.out, err);
  if (ok) call->out[0] = cm_value_image(cm_image_ref(job.out));
  cm_image_unref(&job.out);
  return ok;
}

CM_OP(gabor_bank) = {
    .name = "gabor_bank",
    .family = "texture",
    .since = "0.2",
    .summary = "A bank of Gabor filters: waves of several frequencies and directions, as a stack of features.",
    .details =
        "Each component is the operation gabor with one frequency and one direction (theta = 180 k / orientations "
        "degrees in the plane xy; along_z: phi = 90), smoothed by the operation gaussian where smooth is not 0. "
        "Magnitudes tell how strong a texture is, whatever its phase; smoothed, they are features that clustering "
        "(kmeans, gmm; standardize=true) parts into textures. " CM_BORDER_DETAILS
        "Mask: voxels outside are 0; kernels inside still see them. NaN and infinities are refused.",
    CM_OP_PARAMS(GaborBankParams, params),
    .inputs = cm__filter_inputs,
    .input_count = 2,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite =
        "Jain AK, Farrokhnia F. Unsupervised texture segmentation using Gabor filters. Pattern Recognition 24(12), "
        "1991",
    .examples =
        "cormack gabor_bank xray.png bank.nii.gz --frequency 0.1,0.2,0.4 --orientations 6 --per voxel --smooth 0.5\n"
        "cormack gabor_bank mr.nii.gz bank.nii.gz --frequency 0.1 --along_z true",
    .run = run,
};
