/* cormack snr: signal over noise. */
#include <math.h>

#include "ops/measure/noise_regions.h"

enum { REGION, BACKGROUND, AIR, DIFFERENCE };

typedef struct SnrParams {
  int32_t method;
  int64_t signal, background, channels;
} SnrParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(SnrParams, method, "region|background|air|difference", "region",
                  "where the noise is measured: in the region of the signal, in the background, in the air of a "
                  "magnitude image (NEMA, Rayleigh), or in the difference of two images (NEMA)"),
    CM_PARAM_INT(SnrParams, signal, 0, -2147483648, 4294967295, "1",
                 "label of the signal; 0: all but the background, a row each"),
    CM_PARAM_INT(SnrParams, background, 2, -2147483648, 4294967295, "1",
                 "label of the background or air, for the methods that need one"),
    CM_CHANNELS_PARAM(SnrParams),
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row per label of the signal"}};

static bool add_columns(CmTable *table, const CmImage *image, CmError **err) {
  static const struct {
    const char *name;
    CmColumnType type;
    const char *unit; /* NULL: the image's */
  } columns[] = {{"label", CM_COLUMN_INT, ""},     {"name", CM_COLUMN_TEXT, ""}, {"t", CM_COLUMN_INT, ""},
                 {"component", CM_COLUMN_INT, ""}, {"count", CM_COLUMN_INT, ""}, {"signal", CM_COLUMN_REAL, NULL},
                 {"noise", CM_COLUMN_REAL, NULL},  {"snr", CM_COLUMN_REAL, ""},  {"snr_db", CM_COLUMN_REAL, "dB"}};
  for (int k = 0; k < CM_COUNT(columns); k++)
    if (cm_table_add_column(table, columns[k].name, columns[k].type,
                            columns[k].unit ? columns[k].unit : cm_image_unit(image), err) < 0)
      return false;
  return true;
}

static bool add_row(CmTable *table, const SnrParams *p, const CmRegionNoises *found, const CmRegionNoise *region,
                    const CmImage *regions, CmError **err) {
  const bool apart = p->method == BACKGROUND || p->method == AIR;
  const CmRegionNoise *other = apart ? cm__region_noise(found, region, p->background, "background", err) : region;
  const int64_t row = other ? cm_table_add_row(table, err) : -1;
  CmLabel named;
  if (row < 0) return false;
  const double signal = p->method == DIFFERENCE ? region->pair_mean : region->mean;
  const double noise = p->method == DIFFERENCE ? region->pair_sd
                       : p->method == AIR      ? other->sd / cm__air_factor(p->channels)
                                               : other->sd;
  cm_table_set_int(table, row, 0, region->label);
  if (cm_image_find_label(regions, region->label, &named) && named.name && *named.name &&
      !cm_table_set_text(table, row, 1, named.name, err))
    return false;
  cm_table_set_int(table, row, 2, region->t);
  cm_table_set_int(table, row, 3, region->component);
  cm_table_set_int(table, row, 4, region->count);
  cm_table_set_real(table, row, 5, signal);
  cm_table_set_real(table, row, 6, noise);
  if (!(noise > 0.0)) return true;
  cm_table_set_real(table, row, 7, signal / noise);
  if (signal > 0.0) cm_table_set_real(table, row, 8, 20.0 * log10(signal / noise));
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const SnrParams *p = call->params;
  const bool apart = p->method == BACKGROUND || p->method == AIR;
  CmRegionNoises found = {.count = 0};
  CmTable *table = NULL;
  bool ok = false;
  if (!cm__region_noises(call, "snr", p->method == DIFFERENCE, &found, err)) goto done;
  table = cm_table_create(call->ctx, err);
  if (!table || !add_columns(table, call->in[0].image, err)) goto done;
  for (int64_t k = 0; k < found.count; k++) {
    const CmRegionNoise *region = &found.items[k];
    if (p->signal ? region->label != p->signal : apart && region->label == p->background) continue;
    if (!add_row(table, p, &found, region, call->in[1].image, err)) goto done;
  }
  if (cm_table_rows(table) == 0) {
    cm_error_set(err, CM_ERR_DATA, "the map has no region for the signal; draw one or give another label as signal");
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

CM_OP(snr) = {
    .name = "snr",
    .family = "measure",
    .since = "0.1",
    .summary = "Signal-to-noise ratio of regions.",
    .details =
        "snr = signal / noise, snr_db = 20 log10 of it. signal: the mean in the region. noise, by method: region, the "
        "standard deviation in the same region (for uniform phantoms); background, that in the region `background`; "
        "air, "
        "that of the air in a magnitude image, which is less than the noise (0.655 of it with one channel, since "
        "magnitudes of noise are Rayleigh distributed; sqrt(2n - beta^2) with n channels) and is divided by that share "
        "(NEMA MS 1, method 4); difference, the standard deviation of the difference of two images, divided by sqrt 2, "
        "with the mean of both as the signal (NEMA MS 1, method 1). Standard deviations: squares divided by count - 1. "
        "NaN is left out. No noise: snr is missing; so is snr_db for signals not above 0. A row per label, time point "
        "and "
        "component.",
    CM_OP_PARAMS(SnrParams, params),
    .inputs = cm__noise_inputs,
    .input_count = 3,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-12,
    .cite =
        "NEMA MS 1-2008 (R2020), Determination of signal-to-noise ratio in diagnostic MRI; Dietrich O et al. J Magn "
        "Reson "
        "Imaging 26(2), 2007; Constantinides CD et al. Magn Reson Med 38(5), 1997",
    .examples =
        "cormack snr mr.nii.gz regions.nii.gz snr.csv --method air --background 2\n"
        "cormack snr first.nii.gz phantom.nii.gz snr.csv --method difference --second second.nii.gz",
    .run = run,
};
