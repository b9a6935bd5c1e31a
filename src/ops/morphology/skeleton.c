/* Skeleton and thinning: the same layers taken away, to the end or so many times. */
#include "cormack/parallel.h"
#include "ops/morphology/pack.h"
#include "ops/morphology/thin.h"

typedef struct ThinParams {
  int32_t method;
  int64_t max_iterations;
} ThinParams;

static const CmParam skeleton_params[] = {
    CM_PARAM_ENUM(ThinParams, method, "auto|zhang|lee", "auto",
                  "zhang: each slice by itself; lee: the volume as a whole; auto: lee for volumes, zhang for slices"),
};
static const CmParam thinning_params[] = {
    CM_PARAM_ENUM(
        ThinParams, method, "auto|guo_hall|lee", "auto",
        "guo_hall: each slice by itself; lee: the volume as a whole; auto: lee for volumes, guo_hall for slices"),
    CM_PARAM_INT(ThinParams, max_iterations, 0, 0, 1000000, "1",
                 "how many rounds are done, each of which takes a layer; 0: until nothing changes"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "mask, label map or image: what is not 0 is foreground"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "where it is 0 there is no foreground"},
};
static const CmPort outputs[] = {
    {.name = "result", .kind = CM_KIND_LABELS, .types = CM_TYPE_BIT(CM_U8), .help = "1 where voxels are left"},
};

/* A time point of the image to bits, and back. */
typedef struct Transfer {
  CmContext *ctx;
  const CmImage *image;
  const CmMask *mask;
  CmImage *out;
  CmGrid grid;
  const CmThinBits *bits;
  int64_t t;
} Transfer;

static bool load_rows(void *arg, CmRange range, CmError **err) {
  const Transfer *job = arg;
  const CmThinBits *bits = job->bits;
  uint64_t *inside = cm_alloc_array(job->ctx, (size_t)bits->words, sizeof(uint64_t), err);
  uint8_t *line = cm_alloc(job->ctx, (size_t)bits->nx, err);
  const bool ok = inside && line;
  for (int64_t at = range.begin; ok && at < range.end; at++) {
    const int64_t row = job->t * bits->ny * bits->nz + at;
    uint64_t *to = cm__thin_row(bits, at % bits->ny, at / bits->ny);
    cm__bits_pack_row(cm_image_type(job->image), cm__row(job->image, &job->grid, row), bits->nx, 0, to);
    if (!job->mask->image) continue;
    cm__mask_row(job->mask, row, line);
    cm__bits_pack_row(CM_U8, line, bits->nx, 0, inside);
    for (int64_t w = 0; w < bits->words; w++) to[w] &= inside[w];
  }
  cm_free(inside);
  cm_free(line);
  return ok;
}

static bool store_rows(void *arg, CmRange range, CmError **err) {
  const Transfer *job = arg;
  const CmThinBits *bits = job->bits;
  (void)err;
  for (int64_t at = range.begin; at < range.end; at++) {
    const uint64_t *word = cm__thin_row(bits, at % bits->ny, at / bits->ny);
    uint8_t *to = (uint8_t *)cm_image_data_mut(job->out) + (job->t * bits->ny * bits->nz + at) * bits->nx;
    for (int64_t x = 0; x < bits->nx; x++) to[x] = word[x / 64] >> (x % 64) & 1;
  }
  return true;
}

static bool thin(const CmCall *call, CmThin in_slices, int64_t most, CmError **err) {
  const ThinParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmThinBits bits = {.word = NULL};
  CmMask mask;
  Transfer job = {.ctx = call->ctx, .image = image, .mask = &mask, .grid = cm__grid(image), .bits = &bits};
  const CmGrid *grid = &job.grid;
  const bool lee = p->method == 2 || (p->method == 0 && grid->nz > 1);
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  job.out = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  bool ok = job.out != NULL;
  for (; ok && job.t < grid->nt; job.t++) {
    const int64_t rows = grid->ny * grid->nz, chunk = cm__row_chunk(grid);
    ok = cm__thin_create(call->ctx, grid->nx, grid->ny, grid->nz, &bits, err) &&
         cm_parallel_for(call->ctx, NULL, rows, chunk, load_rows, &job, err) &&
         (lee ? cm__thin_volume(call->ctx, &bits, most, err)
              : cm__thin_slices(call->ctx, &bits, in_slices, most, err)) &&
         cm_parallel_for(call->ctx, NULL, rows, chunk, store_rows, &job, err);
    cm_free(bits.word);
    bits.word = NULL;
  }
  if (ok) call->out[0] = cm_value_labels(cm_image_ref(job.out));
  cm_image_unref(&job.out);
  return ok;
}

static bool run_skeleton(const CmCall *call, CmError **err) {
  return thin(call, CM_THIN_ZHANG, 0, err);
}

static bool run_thinning(const CmCall *call, CmError **err) {
  return thin(call, CM_THIN_GUO_HALL, ((const ThinParams *)call->params)->max_iterations, err);
}

#define LEE_DETAILS                                                                                                 \
  "lee: voxels that are open to one of six directions (of a slice: four), are no end of a line, and without which " \
  "neither the Euler number nor the number of pieces (26-connected) changes are marked, then taken away in the "    \
  "order of memory as far as that still holds, direction after direction until nothing changes. Each piece keeps "  \
  "a voxel at least, also a cube of 2 x 2 x 2, which other programs lose. "
#define COMMON_DETAILS                                                                                         \
  "What lies beyond the border is background, NaN too. Spacing has no part in it. Mask: what lies outside is " \
  "background. Time points stay apart. Memory: two bits a voxel."

CM_OP(skeleton) = {
    .name = "skeleton",
    .family = "morphology",
    .since = "0.1",
    .summary = "Thin what is not 0 to its lines.",
    .details =
        "The same as scikit-image's skeletonize. zhang: pixels with two to six neighbours and one change from 0 "
        "to 1 around them go from the lower right and the upper left in turn, by ImageJ's table, which differs "
        "from the paper in 25 of 256 neighbourhoods so that steps become one pixel wide. " LEE_DETAILS COMMON_DETAILS,
    CM_OP_PARAMS(ThinParams, skeleton_params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Zhang TY, Suen CY. A fast parallel algorithm for thinning digital patterns. Commun ACM 27(3), 1984; Lee TC, "
        "Kashyap RL, Chu CN. Building skeleton models via 3-D medial surface/axis thinning algorithms. CVGIP: "
        "Graphical Models and Image Processing 56(6), 1994",
    .examples =
        "cormack skeleton vessels.nii.gz lines.nii.gz\ncormack skeleton mask.nii.gz lines.nii.gz --method zhang",
    .run = run_skeleton,
};

CM_OP(thinning) = {
    .name = "thinning",
    .family = "morphology",
    .since = "0.1",
    .summary = "Take layer after layer from what is not 0, down to lines.",
    .details =
        "The same as scikit-image's thin in slices. guo_hall: a pixel goes if its neighbours are one piece, the "
        "lesser count of their pairs is two or three, and the side whose turn it is is free. " LEE_DETAILS
            COMMON_DETAILS,
    CM_OP_PARAMS(ThinParams, thinning_params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Guo Z, Hall RW. Parallel thinning with two-subiteration algorithms. Commun ACM 32(3), 1989; Lee TC, Kashyap "
        "RL, Chu CN. CVGIP: Graphical Models and Image Processing 56(6), 1994",
    .examples = "cormack thinning mask.nii.gz thin.nii.gz --max_iterations 3",
    .run = run_thinning,
};
