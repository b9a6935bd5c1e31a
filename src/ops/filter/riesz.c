#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/block.h"
#include "ops/filter/isotropic.h"
#include "ops/fourier.h"

typedef struct RieszParams {
  CmInts order;
  int32_t wavelet;
  int64_t level;
  int32_t frequencies, type;
} RieszParams;

static const CmParam params[] = {
    CM_PARAM_INTS(RieszParams, order, "1,0,0", 0, 8, 1, 3, "1", "how often the transform is taken along x,y,z"),
    CM_PARAM_ENUM(RieszParams, wavelet, "simoncelli|shannon|none", "none",
                  "an isotropic wavelet that is applied as well (see `simoncelli`)"),
    CM_ISOTROPIC_LEVEL_PARAM(RieszParams),
    CM_FREQUENCIES_PARAM(RieszParams),
    CM_PARAM_ENUM(RieszParams, type, "f32|f64", "f32", "voxel type of the result"),
};
enum { NO_WAVELET = 2 };

typedef struct Riesz {
  const CmCall *call;
  const RieszParams *p;
  CmBlocks blocks;
  int64_t n[3], t, component;
  int order[3], total;
  double factor, *re, *im;
} Riesz;

/* (-i)^L sqrt(L! / (l1! l2! l3!)) k1^l1 k2^l2 k3^l3 / |k|^L: the part without (-i)^L. */
static double gain_at(const Riesz *job, int64_t x, int64_t y, int64_t z) {
  const int64_t at[3] = {x, y, z};
  double squared = 0.0, gain = job->factor;
  for (int a = 0; a < 3; a++) {
    const double c = cm__isotropic_frequency(job->p->frequencies, at[a], job->n[a]);
    squared += c * c;
    for (int k = 0; k < job->order[a]; k++) gain *= c;
  }
  const double d = sqrt(squared);
  for (int k = 0; k < job->total; k++) gain = d > 0.0 ? gain / d : 0.0;
  return job->p->wavelet == NO_WAVELET ? gain : gain * cm__isotropic_gain(job->p->wavelet, job->p->level, d);
}

static bool multiply(void *arg, CmRange range, CmError **err) {
  const Riesz *job = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    for (int64_t x = 0; x < job->n[0]; x++) {
      const int64_t at = row * job->n[0] + x;
      const double gain = gain_at(job, x, row % job->n[1], row / job->n[1]), re = job->re[at], im = job->im[at];
      switch (job->total & 3) { /* times (-i)^L */
        case 0:
          job->re[at] = gain * re, job->im[at] = gain * im;
          break;
        case 1:
          job->re[at] = gain * im, job->im[at] = -gain * re;
          break;
        case 2:
          job->re[at] = -gain * re, job->im[at] = -gain * im;
          break;
        default:
          job->re[at] = -gain * im, job->im[at] = gain * re;
      }
    }
  return true;
}

static bool load(Riesz *job, CmError **err) {
  const int64_t rows = job->n[1] * job->n[2];
  double *scratch = cm_alloc_array(job->call->ctx, (size_t)job->blocks.grid.row, sizeof(double), err);
  if (!scratch) return false;
  double odd = 0.0;
  for (int64_t row = 0; row < rows; row++) {
    const CmBlock line = {.t = job->t,
                          .component = job->component,
                          .start = {0, row % job->n[1], row / job->n[1]},
                          .size = {job->n[0], 1, 1}};
    double *to = job->re + row * job->n[0];
    cm__block_load_f64(&job->blocks, &line, scratch, to);
    for (int64_t x = 0; x < job->n[0]; x++) odd += to[x] - to[x]; /* NaN where a value is not finite */
  }
  cm_free(scratch);
  memset(job->im, 0, (size_t)(rows * job->n[0]) * sizeof(double));
  if (odd == 0.0) return true;
  cm_error_set(err, CM_ERR_DATA,
               "the image holds values that are NaN or infinite, which would spread everywhere; fill them first "
               "(impute)");
  return false;
}

static bool store(Riesz *job, CmError **err) {
  const CmGrid *grid = &job->blocks.grid;
  double *scratch = cm_alloc_array(job->call->ctx, (size_t)cm__block_store_scratch(&job->blocks), sizeof(double), err);
  if (!scratch) return false;
  for (int64_t row = 0; row < grid->ny * grid->nz; row++)
    cm__block_store_line_f64(&job->blocks, job->t * grid->ny * grid->nz + row, 0, job->component,
                             job->re + row * grid->nx, grid->nx, scratch);
  cm_free(scratch);
  return true;
}

static bool do_volume(Riesz *job, CmError **err) {
  CmContext *ctx = job->call->ctx;
  return load(job, err) && cm__fourier(ctx, "riesz", job->n, job->re, job->im, false, err) &&
         cm_parallel_for(ctx, "riesz", job->n[1] * job->n[2], 16, multiply, job, err) &&
         cm__fourier(ctx, "riesz", job->n, job->re, job->im, true, err) && store(job, err);
}

static bool set_order(Riesz *job, CmError **err) {
  static const double factorials[] = {1, 1, 2, 6, 24, 120, 720, 5040, 40320};
  double factor = 1.0;
  for (int a = 0; a < 3; a++) {
    job->order[a] = a < job->p->order.count ? (int)job->p->order.value[a] : 0;
    if (job->order[a] > 0 && job->n[a] == 1) {
      cm_error_set(err, CM_ERR_PARAMETER, "order is %d along %c, where the image is one voxel long; give 0 there",
                   job->order[a], "xyz"[a]);
      return false;
    }
    job->total += job->order[a];
    factor /= factorials[job->order[a]];
  }
  for (int k = 2; k <= job->total; k++) factor *= k;
  job->factor = sqrt(factor);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const RieszParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Riesz job = {.call = call, .p = p, .blocks = {.image = image, .grid = cm__grid(image), .mask = &mask}};
  const CmGrid *grid = &job.blocks.grid;
  job.n[0] = grid->nx, job.n[1] = grid->ny, job.n[2] = grid->nz;
  if (!set_order(&job, err) || !cm__mask_open(&mask, &call->in[1], image, err)) return false;
  const size_t voxels = (size_t)(grid->nx * grid->ny * grid->nz);
  job.re = cm_alloc_array(call->ctx, voxels, sizeof(double), err);
  job.im = cm_alloc_array(call->ctx, voxels, sizeof(double), err);
  job.blocks.out = cm_image_create_like(call->ctx, image, p->type == 1 ? CM_F64 : CM_F32, (int)grid->components, err);
  bool ok = job.re && job.im && job.blocks.out;
  for (job.t = 0; ok && job.t < grid->nt; job.t++)
    for (job.component = 0; ok && job.component < grid->components; job.component++) ok = do_volume(&job, err);
  cm_free(job.re);
  cm_free(job.im);
  if (ok && cm__mask_blank(call->ctx, &mask, job.blocks.out, err)) {
    call->out[0] = cm_value_image(job.blocks.out);
    return true;
  }
  cm_image_unref(&job.blocks.out);
  return false;
}

CM_OP(riesz) = {
    .name = "riesz",
    .family = "filter",
    .since = "0.2",
    .summary = "The Riesz transform: directional derivatives of any order that keep the amplitude.",
    .details =
        "The spectrum times (-i)^L sqrt(L! / (l1! l2! l3!)) k1^l1 k2^l2 k3^l3 / |k|^L, where l is `order`, L its sum "
        "and "
        "k the frequency (k = 0: 0 for L > 0); with a wavelet also times its gain. The filter is linear: to transform "
        "a "
        "Laplacian of Gaussian, apply both in turn. Periodic border (`pad` the image for "
        "another). " CM_FREQUENCIES_DETAILS
        "Needs 16 bytes a voxel. Every time point and component is filtered by itself. Mask: voxels outside are 0; "
        "those "
        "inside still see them. NaN and infinities are refused.",
    CM_OP_PARAMS(RieszParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-9,
    .cite =
        "Unser M, Chenouard N, Van De Ville D. Steerable pyramids and tight wavelet frames in L2(Rd). IEEE Trans Image "
        "Process 20, 2011; Image Biomarker Standardisation Initiative, reference manual part 2, section 3.8",
    .examples =
        "cormack riesz ct.nii.gz slope.nii.gz --order 1,0,0\n"
        "cormack riesz ct.nii.gz band.nii.gz --order 0,2,0 --wavelet simoncelli --level 2",
    .run = run,
};
