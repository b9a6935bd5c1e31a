/* cormack cnr: how far two regions stand out from each other and from the noise. */
#include <math.h>

#include "ops/measure/noise_regions.h"

enum { SECOND, POOLED, SUM, NOISE, AIR, DIFFERENCE };

typedef struct CnrParams {
  int32_t method;
  int64_t a, b, noise, channels;
} CnrParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(CnrParams, method, "second|pooled|sum|noise|air|difference", "second",
                  "the noise: standard deviation of the second region, root of the mean or of the sum of both "
                  "variances, standard deviation of the region `noise`, the same in the air of a magnitude image "
                  "(NEMA), or of the difference of two images (NEMA)"),
    CM_PARAM_INT(CnrParams, a, 1, -2147483648, 4294967295, "1", "label of the first region (lesion)"),
    CM_PARAM_INT(CnrParams, b, 2, -2147483648, 4294967295, "1", "label of the second region (background)"),
    CM_PARAM_INT(CnrParams, noise, 3, -2147483648, 4294967295, "1", "label of the region for noise and air"),
    CM_CHANNELS_PARAM(CnrParams),
};
static const CmPort outputs[] = {
    {.name = "table", .kind = CM_KIND_TABLE, .help = "a row per time point and component"}};

enum { T, COMPONENT, MEAN_A, MEAN_B, CONTRAST, NOISE_SD, CNR, WEBER, MICHELSON, COLUMNS };
static const struct {
  const char *name;
  const char *unit; /* NULL: the image's */
} columns[COLUMNS] = {{"t", ""},       {"component", ""}, {"mean_a", NULL}, {"mean_b", NULL}, {"contrast", NULL},
                      {"noise", NULL}, {"cnr", ""},       {"weber", ""},    {"michelson", ""}};

static bool noise_of(const CnrParams *p, const CmRegionNoises *found, const CmRegionNoise *a, const CmRegionNoise *b,
                     double *noise, CmError **err) {
  const double va = a->sd * a->sd, vb = b->sd * b->sd;
  if (p->method == NOISE || p->method == AIR) {
    const CmRegionNoise *region = cm__region_noise(found, a, p->noise, "noise", err);
    if (!region) return false;
    *noise = p->method == AIR ? region->sd / cm__air_factor(p->channels) : region->sd;
    return true;
  }
  *noise = p->method == SECOND   ? b->sd
           : p->method == POOLED ? sqrt(0.5 * (va + vb))
           : p->method == SUM    ? sqrt(va + vb)
                                 : sqrt(0.5 * (a->pair_sd * a->pair_sd + b->pair_sd * b->pair_sd));
  return true;
}

static bool add_row(CmTable *table, const CnrParams *p, const CmRegionNoises *found, const CmRegionNoise *a,
                    CmError **err) {
  const CmRegionNoise *b = cm__region_noise(found, a, p->b, "second region", err);
  double noise;
  if (!b || !noise_of(p, found, a, b, &noise, err)) return false;
  const int64_t row = cm_table_add_row(table, err);
  if (row < 0) return false;
  const double mean_a = p->method == DIFFERENCE ? a->pair_mean : a->mean;
  const double mean_b = p->method == DIFFERENCE ? b->pair_mean : b->mean, contrast = mean_a - mean_b;
  cm_table_set_int(table, row, T, a->t);
  cm_table_set_int(table, row, COMPONENT, a->component);
  cm_table_set_real(table, row, MEAN_A, mean_a);
  cm_table_set_real(table, row, MEAN_B, mean_b);
  cm_table_set_real(table, row, CONTRAST, contrast);
  cm_table_set_real(table, row, NOISE_SD, noise);
  if (noise > 0.0) cm_table_set_real(table, row, CNR, fabs(contrast) / noise);
  if (mean_b != 0.0) cm_table_set_real(table, row, WEBER, contrast / mean_b);
  if (mean_a + mean_b != 0.0) cm_table_set_real(table, row, MICHELSON, contrast / (mean_a + mean_b));
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const CnrParams *p = call->params;
  CmRegionNoises found = {.count = 0};
  CmTable *table = NULL;
  bool ok = false;
  if (!cm__region_noises(call, "cnr", p->method == DIFFERENCE, &found, err)) goto done;
  table = cm_table_create(call->ctx, err);
  for (int k = 0; k < COLUMNS; k++)
    if (!table || cm_table_add_column(table, columns[k].name, k <= COMPONENT ? CM_COLUMN_INT : CM_COLUMN_REAL,
                                      columns[k].unit ? columns[k].unit : cm_image_unit(call->in[0].image), err) < 0)
      goto done;
  for (int64_t k = 0; k < found.count; k++)
    if (found.items[k].label == p->a && !add_row(table, p, &found, &found.items[k], err)) goto done;
  if (cm_table_rows(table) == 0) {
    cm_error_set(err, CM_ERR_DATA,
                 "label %lld, the first region, has no value in this map; draw it or give another label",
                 (long long)p->a);
    goto done;
  }
  call->out[0] = cm_value_table(table);
  table = NULL;
  ok = true;
done:
  cm_table_unref(&table);
  cm_free(found.items);
  return ok;
}

CM_OP(cnr) = {
    .name = "cnr",
    .family = "measure",
    .since = "0.1",
    .summary = "Contrast-to-noise ratio of two regions.",
    .details =
        "contrast = mean(a) - mean(b), cnr = |contrast| / noise. noise, by method: second, the standard deviation in "
        "region b (usual in CT); pooled, sqrt((var(a) + var(b)) / 2); sum, sqrt(var(a) + var(b)) (Patterson and "
        "Foster, "
        "ultrasound); noise, the standard deviation in the region `noise`; air, the same in the air of a magnitude "
        "image, "
        "divided by its share of the noise as in `snr`; difference, that of the difference of two images, divided by "
        "sqrt 2, of both regions (root of the mean of the squares), with means of both images. weber = contrast / "
        "mean(b), michelson = contrast / (mean(a) + mean(b)); missing where that would divide by 0. Standard "
        "deviations: squares divided by count - 1. NaN is left out.",
    CM_OP_PARAMS(CnrParams, params),
    .inputs = cm__noise_inputs,
    .input_count = 3,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-12,
    .cite =
        "Patterson MS, Foster FS. Ultrason Imaging 5(3), 1983; NEMA MS 1-2008 (R2020); Dietrich O et al. J Magn Reson "
        "Imaging 26(2), 2007",
    .examples =
        "cormack cnr ct.nii.gz regions.nii.gz cnr.csv --a 1 --b 2\n"
        "cormack cnr mr.nii.gz regions.nii.gz cnr.csv --method air --noise 3 --channels 8",
    .run = run,
};
