#include <math.h>

#include "ops/filter/spectral.h"

typedef struct NotchParams {
  CmReals frequency;
  double radius;
  int32_t kind, per, profile;
  int64_t order;
  CmReals pad;
  int32_t border;
  double border_value;
  int32_t type;
} NotchParams;

static const CmParam params[] = {
    CM_PARAM_REALS(NotchParams, frequency, "0.25,0,0,0.25,0.25,0.25", -1e6, 1e6, 2, CM_LIST_MAX, "",
                   "the frequencies, x,y (2D) or x,y,z (3D) of the first, then of the next; at most 64 numbers; each "
                   "stands for its opposite as well"),
    CM_PARAM_REAL(NotchParams, radius, 0.02, 1e-6, 1e6, "", "of the notch around each frequency"),
    CM_PARAM_ENUM(NotchParams, kind, "reject|pass", "reject", "whether these frequencies go, or alone stay"),
    CM_SPECTRAL_PER_PARAM(NotchParams, "voxel"),
    CM_PROFILE_PARAMS(NotchParams),
    CM_PAD_PARAM(NotchParams),
    CM_BORDER_PARAMS(NotchParams),
    CM_TYPE_PARAM(NotchParams),
};

typedef struct Notch {
  const NotchParams *p;
  int count;
  double centre[CM_LIST_MAX][3]; /* cycles a voxel */
  bool alone[CM_LIST_MAX];       /* it is its own opposite */
} Notch;

static void gain(const CmSpectral *job, int axis, const int64_t at[CM_FOURIER_LINES][3], double *scratch,
                 double *gain) {
  const Notch *notch = job->arg;
  const CmProfile profile = {notch->p->profile, notch->p->order};
  const int64_t n = job->n[axis] * CM_FOURIER_LINES;
  for (int k = 0; k < notch->count; k++)
    for (int side = 0; side < (notch->alone[k] ? 1 : 2); side++) {
      double centre[3];
      for (int a = 0; a < 3; a++) centre[a] = side ? -notch->centre[k][a] : notch->centre[k][a];
      cm__spectral_distance(job, axis, at, centre, scratch);
      cm__profile_multiply(&profile, notch->p->radius, true, scratch, gain, n);
    }
  for (int64_t i = 0; notch->p->kind == 1 && i < n; i++) gain[i] = 1.0 - gain[i];
}

static bool read_centres(const NotchParams *p, const CmImage *image, Notch *notch, CmError **err) {
  const int rank = cm_image_rank(image) == 2 ? 2 : 3;
  const CmGeometry *geometry = cm_image_geometry(image);
  if (p->frequency.count % rank != 0) {
    cm_error_set(err, CM_ERR_PARAMETER, "frequency has %d numbers; the image is %dD and needs %d for each frequency",
                 p->frequency.count, rank, rank);
    return false;
  }
  notch->count = p->frequency.count / rank;
  for (int k = 0; k < notch->count; k++) {
    notch->alone[k] = true;
    for (int a = 0; a < rank; a++) {
      const double f = p->frequency.value[k * rank + a] * (p->per == 0 ? geometry->spacing[a] : 1.0), twice = 2.0 * f;
      if (!(fabs(f) <= 0.5 + 1e-9)) {
        cm_error_set(err, CM_ERR_PARAMETER,
                     "frequency number %d is %g cycles per voxel along %c; an image has none beyond 0.5", k + 1, f,
                     "xyz"[a]);
        return false;
      }
      notch->centre[k][a] = f;
      if (fabs(twice - rint(twice)) > 1e-9) notch->alone[k] = false;
    }
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const NotchParams *p = call->params;
  Notch notch = {.p = p};
  if (!read_centres(p, call->in[0].image, &notch, err)) return false;
  CmSpectral job = {.what = "notch",
                    .border = p->border,
                    .border_value = p->border_value,
                    .pad = &p->pad,
                    .lowest = p->radius,
                    .per = p->per,
                    .type = p->type,
                    .gain = gain,
                    .arg = &notch};
  return cm__spectral_call(call, &job, err);
}

CM_OP(notch) = {
    .name = "notch",
    .family = "filter",
    .since = "0.1",
    .summary = "Take out stripes and grids: single frequencies, rejected.",
    .details =
        "The product of 1 - L(D) over all frequencies and their opposites, D the distance from them, L ideal (1 where "
        "D <= radius, else 0), butterworth 1 / (1 + (D / radius)^(2 order)) or gaussian exp(-D^2 / (2 radius^2)); "
        "pass: "
        "1 less that product. Distances go the shorter way round, since the spectrum is periodic. A stripe with a "
        "period of w voxels along x has the frequency 1/w,0 per voxel; the frequency 0,0 is the "
        "mean. " CM_SPECTRAL_DETAILS,
    CM_OP_PARAMS(NotchParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-9,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 4.10",
    .examples =
        "cormack notch xray.png clean.png --frequency 0.125,0 --radius 0.01\n"
        "cormack notch mr.nii.gz clean.nii.gz --frequency 0.25,0,0,0,0.25,0 --radius 0.02 --per mm --profile gaussian",
    .run = run,
};
