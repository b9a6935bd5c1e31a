#include <math.h>

#include "cormack/parallel.h"
#include "ops/enhance/hessian.h"
#include "ops/exp.h"
#include "ops/simd.h"

typedef struct FrangiParams {
  CmReals sigmas;
  int32_t units;
  int32_t select;
  double truncate;
  int32_t border;
  double border_value;
  int32_t type;
  double alpha, beta, gamma;
  bool normalize;
} FrangiParams;

static const CmParam params[] = {
    CM_SCALES_PARAMS(FrangiParams),
    CM_PARAM_REAL(FrangiParams, alpha, 0.5, 1e-3, 1e6, "1", "in 3D: the less, the more plates are let through"),
    CM_PARAM_REAL(FrangiParams, beta, 0.5, 1e-3, 1e6, "1", "the more, the more blobs are let through"),
    CM_PARAM_REAL(FrangiParams, gamma, 0, 0, 1e30, "",
                  "norm of the Hessian that counts as structure; 0: half of the largest one at the first scale"),
    CM_PARAM_BOOL(FrangiParams, normalize, "true",
                  "multiply the Hessian by sigma^2, so that scales can be compared; scikit-image does not"),
};

typedef struct Frangi {
  CmContext *ctx;
  const CmMask *mask;
  CmImage *out;
  CmGrid grid; /* of out */
  int64_t t, component;
  bool bright, first;
  double factor;      /* of the eigenvalues: 1 or sigma^2 */
  double plate, blob; /* 1 / (2 alpha^2), 1 / (2 beta^2) */
  double structure;   /* 1 / (2 gamma^2) */
  CmImage *norm;      /* while gamma is sought: norms of the Hessian in one time point */
  CmGrid norm_grid;
  int64_t chunk;   /* rows that are searched at once for the largest norm */
  double *largest; /* of each chunk */
} Frangi;

/* e[0] becomes the likeness to a tube, without the part that gamma decides; e[1] the squared norm. Factors instead of
 * branches: many voxels side by side. */
CM_SIMD static void tubes3(const CmHessianPiece *piece, double sign, double factor, double plate, double blob) {
  double *restrict e0 = piece->e[0], *restrict e1 = piece->e[1], *restrict e2 = piece->e[2];
  const int64_t n = piece->n;
  for (int64_t i = 0; i < n; i++) {
    const double a = e0[i] * factor, b = e1[i] * factor, c = e2[i] * factor, aa = a * a, bb = b * b, cc = c * c;
    const double s = aa + bb + cc;
    /* the ends are sorted, so that the middle one is never the largest in magnitude */
    const double large = sign * (aa >= cc ? a : c), end = sign * (aa >= cc ? c : a), middle = sign * b;
    const double next = end * end > bb ? end : middle, small = end * end > bb ? middle : end;
    const double is_large = large > 0.0 ? 1.0 : 0.0, is_next = next > 0.0 ? 1.0 : 0.0;
    const double l3 = large > 0.0 ? large : 1.0, l2 = next > 0.0 ? next : 1.0;
    const double ra = l2 / l3, rb = small * small / (l2 * l3);
    const double v = (1.0 - cm__exp(-ra * ra * plate)) * cm__exp(-rb * blob);
    e0[i] = v * (is_large * is_next) + (s - s);
    e1[i] = s;
  }
}

CM_SIMD static void tubes2(const CmHessianPiece *piece, double sign, double factor, double blob) {
  double *restrict e0 = piece->e[0], *restrict e1 = piece->e[1];
  const int64_t n = piece->n;
  for (int64_t i = 0; i < n; i++) {
    const double a = e0[i] * factor, b = e1[i] * factor, aa = a * a, bb = b * b, s = aa + bb;
    const double large = sign * (aa >= bb ? a : b), most = aa >= bb ? aa : bb, least = aa >= bb ? bb : aa;
    const double is_large = large > 0.0 ? 1.0 : 0.0, rb = least / (most > 0.0 ? most : 1.0);
    e0[i] = cm__exp(-rb * blob) * is_large + (s - s);
    e1[i] = s;
  }
}

CM_SIMD static void weigh(double *restrict v, const double *restrict s, double structure, int64_t n) {
  for (int64_t i = 0; i < n; i++) v[i] *= 1.0 - cm__exp(-s[i] * structure);
}

static void look(void *arg, const CmHessianPiece *piece) {
  const Frangi *job = arg;
  const double sign = job->bright ? -1.0 : 1.0;
  if (piece->axes == 3)
    tubes3(piece, sign, job->factor, job->plate, job->blob);
  else
    tubes2(piece, sign, job->factor, job->blob);
  if (job->norm) {
    CmHessianPiece norm = *piece;
    norm.row %= job->norm_grid.rows;
    for (int64_t i = 0; i < piece->n; i++) piece->e[1][i] = sqrt(piece->e[1][i]);
    cm__scales_keep(job->norm, &norm, 0, true, piece->e[1]);
  } else {
    weigh(piece->e[0], piece->e[1], job->structure, piece->n);
  }
  cm__scales_keep(job->out, piece, job->component, job->first, piece->e[0]);
}

/* ---- gamma from the first scale ---- */

static bool measure_rows(void *arg, CmRange range, CmError **err) {
  const Frangi *job = arg;
  const int64_t nx = job->grid.nx;
  double *line = cm_alloc_array(job->ctx, (size_t)nx, sizeof(double), err), most = 0.0;
  uint8_t *inside = cm_alloc(job->ctx, (size_t)nx, err);
  const bool ok = line && inside;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    cm__line_to_f64(cm_image_type(job->norm), cm__row(job->norm, &job->norm_grid, row), nx, line);
    for (int64_t i = 0; i < nx; i++) inside[i] = 1;
    if (job->mask->image) cm__mask_row(job->mask, job->t * job->norm_grid.rows + row, inside);
    for (int64_t i = 0; i < nx; i++) most = inside[i] && line[i] > most ? line[i] : most;
  }
  if (ok) job->largest[range.chunk] = most;
  cm_free(line);
  cm_free(inside);
  return ok;
}

static bool weigh_rows(void *arg, CmRange range, CmError **err) {
  const Frangi *job = arg;
  const int64_t nx = job->grid.nx;
  double *line = cm_alloc_array(job->ctx, (size_t)nx, 2 * sizeof(double), err);
  for (int64_t row = range.begin; line && row < range.end; row++) {
    double *v = line + nx;
    const int64_t at = job->t * job->norm_grid.rows + row;
    CmHessianPiece piece = {.row = at, .n = nx};
    cm__line_to_f64(cm_image_type(job->norm), cm__row(job->norm, &job->norm_grid, row), nx, line);
    for (int64_t i = 0; i < nx; i++) line[i] *= line[i];
    cm__scales_get(job->out, &piece, job->component, v);
    weigh(v, line, job->structure, nx);
    cm__scales_keep(job->out, &piece, job->component, true, v);
  }
  cm_free(line);
  return line != NULL;
}

static double structure_of(double gamma) {
  return 0.5 / (gamma * gamma);
}

/* The first scale, whose largest norm decides on gamma. */
static bool first_scale(Frangi *job, const CmHessian *hessian, CmError **err) {
  const int64_t dims[3] = {job->grid.nx, job->grid.ny, job->grid.nz}, rows = job->grid.ny * job->grid.nz;
  double most = 0.0;
  bool ok = false;
  job->norm = cm_image_create(job->ctx, cm_image_type(job->out), 3, dims, 1, err);
  if (!job->norm) return false;
  job->norm_grid = cm__grid(job->norm);
  job->chunk = cm__row_chunk(&job->norm_grid);
  job->largest = cm_calloc(job->ctx, (size_t)cm_chunk_count(rows, job->chunk), sizeof(double), err);
  if (!job->largest || !cm__hessian(job->ctx, hessian, job->t, job->component, err) ||
      !cm_parallel_for(job->ctx, NULL, rows, job->chunk, measure_rows, job, err))
    goto done;
  for (int64_t k = 0; k < cm_chunk_count(rows, job->chunk); k++) most = job->largest[k] > most ? job->largest[k] : most;
  job->structure = structure_of(most > 0.0 ? 0.5 * most : 1.0);
  ok = cm_parallel_for(job->ctx, NULL, rows, job->chunk, weigh_rows, job, err);
done:
  cm_image_unref(&job->norm);
  cm_free(job->largest);
  job->largest = NULL;
  return ok;
}

static bool do_volume(Frangi *job, const FrangiParams *p, CmHessian *hessian, CmError **err) {
  job->structure = p->gamma > 0.0 ? structure_of(p->gamma) : 0.0;
  for (int s = 0; s < p->sigmas.count; s++) {
    job->first = s == 0;
    hessian->sigma = p->sigmas.value[s];
    job->factor = p->normalize ? hessian->sigma * hessian->sigma : 1.0;
    if (!(s == 0 && p->gamma == 0.0 ? first_scale(job, hessian, err)
                                    : cm__hessian(job->ctx, hessian, job->t, job->component, err)))
      return false;
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const FrangiParams *p = call->params;
  CmMask mask;
  Frangi job = {.ctx = call->ctx,
                .mask = &mask,
                .bright = p->select == 0,
                .plate = structure_of(p->alpha),
                .blob = structure_of(p->beta)};
  CmHessian hessian = CM_SCALES_HESSIAN("frangi", call, p, look, &job);
  if (!cm__scales_open(call, p->type, &mask, &job.out, err)) return false;
  job.grid = cm__grid(job.out);
  bool ok = true;
  for (int64_t k = 0; ok && k < job.grid.nt * job.grid.components; k++) {
    job.t = k / job.grid.components;
    job.component = k % job.grid.components;
    ok = do_volume(&job, p, &hessian, err);
  }
  return cm__scales_close(call, ok, &mask, job.out, err);
}

CM_OP(frangi) = {
    .name = "frangi",
    .family = "enhance",
    .since = "0.2",
    .summary = "How much each voxel looks like part of a vessel, by Frangi's filter, in 2D and 3D.",
    .details =
        "With the eigenvalues of the Hessian at a scale sorted by magnitude, |l1| <= |l2| <= |l3|, and for bright "
        "lines of the negated image: 0 unless l2 and l3 are above 0, else (1 - exp(-Ra^2 / (2 alpha^2))) "
        "exp(-Rb^2 / (2 beta^2)) (1 - exp(-S^2 / (2 gamma^2))), Ra = l2 / l3, Rb = |l1| / sqrt(l2 l3), S the root of "
        "the sum of their squares; in 2D without the first factor, and Rb = |l1| / l2. The result, from 0 to 1, is the "
        "largest of all scales. normalize=true multiplies the Hessian by sigma^2 as the paper does; with one scale and "
        "gamma=0 it makes no difference. With gamma=0 the first scale decides on gamma for all, inside the "
        "mask. " CM_SCALES_DETAILS "Memory: with gamma=0 one more real per voxel.",
    CM_OP_PARAMS(FrangiParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Frangi AF, Niessen WJ, Vincken KL, Viergever MA. Multiscale vessel enhancement filtering. MICCAI 1998, "
        "equations 10 to 15",
    .examples =
        "cormack frangi cta.nii.gz vessels.nii.gz --sigmas 0.5,1,2,4\n"
        "cormack frangi retina.png vessels.nii.gz --sigmas 2,3,5 --units voxel --select dark",
    .run = run,
};
