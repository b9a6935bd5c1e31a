#include <math.h>

#include "ops/enhance/hessian.h"
#include "ops/simd.h"

typedef struct SatoParams {
  CmReals sigmas;
  int32_t units;
  int32_t select;
  double truncate;
  int32_t border;
  double border_value;
  int32_t type;
} SatoParams;

static const CmParam params[] = {CM_SCALES_PARAMS(SatoParams)};

typedef struct Sato {
  CmImage *out;
  int64_t component;
  bool bright, first;
  double square; /* of the scale */
} Sato;

/* e[0] becomes the root of the product of all eigenvalues but the smallest, those below 0 counting as 0. */
CM_SIMD static void tubes(const CmHessianPiece *piece, bool bright, double square) {
  double *a = piece->e[0], *b = piece->e[1], *c = piece->e[piece->axes - 1];
  for (int64_t i = 0; i < piece->n; i++) {
    const double one = bright ? -c[i] : a[i], other = bright ? -b[i] : b[i];
    const double most = one < 0.0 ? 0.0 : one, next = other < 0.0 ? 0.0 : other; /* NaN stays */
    a[i] = square * (piece->axes == 2 ? most : sqrt(most) * sqrt(next));
  }
}

static void keep_largest(void *arg, const CmHessianPiece *piece) {
  const Sato *job = arg;
  tubes(piece, job->bright, job->square);
  cm__scales_keep(job->out, piece, job->component, job->first, piece->e[0]);
}

static bool run(const CmCall *call, CmError **err) {
  const SatoParams *p = call->params;
  CmMask mask;
  Sato job = {.bright = p->select == 0};
  CmHessian hessian = CM_SCALES_HESSIAN("sato", call, p, keep_largest, &job);
  if (!cm__scales_open(call, p->type, &mask, &job.out, err)) return false;
  const CmGrid grid = cm__grid(job.out);
  bool ok = true;
  for (int64_t k = 0; ok && k < grid.nt * grid.components; k++)
    for (int s = 0; ok && s < p->sigmas.count; s++) {
      job.component = k % grid.components;
      job.first = s == 0;
      hessian.sigma = p->sigmas.value[s];
      job.square = hessian.sigma * hessian.sigma;
      ok = cm__hessian(call->ctx, &hessian, k / grid.components, job.component, err);
    }
  return cm__scales_close(call, ok, &mask, job.out, err);
}

CM_OP(sato) = {
    .name = "sato",
    .family = "enhance",
    .since = "0.2",
    .summary = "How much each voxel looks like part of a tube, by Sato's filter, in 2D and 3D.",
    .details =
        "At each scale sigma the root of the product of the two largest eigenvalues of the Hessian (in 2D the "
        "largest), those below 0 counting as 0, times sigma^2; for bright lines of the negated image. The result is "
        "the largest of all scales. " CM_SCALES_DETAILS,
    CM_OP_PARAMS(SatoParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Sato Y et al. Three-dimensional multi-scale line filter for segmentation and visualization of curvilinear "
        "structures in medical images. Med Image Anal 2(2), 1998, equations 9 and 22, as scikit-image has them",
    .examples =
        "cormack sato cta.nii.gz vessels.nii.gz --sigmas 0.5,1,2,4\n"
        "cormack sato retina.png vessels.nii.gz --sigmas 2,3,5 --units voxel --select dark",
    .run = run,
};
