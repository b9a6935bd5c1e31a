/* cormack psnr: how far an image is from another, value by value. */
#include <math.h>

#include "ops/measure/data_range.h"

typedef struct PsnrParams {
  int32_t range;
  double data_range;
  int32_t per;
  bool per_component;
} PsnrParams;

static const CmParam params[] = {
    CM_DATA_RANGE_PARAMS(PsnrParams),
    CM_SCOPE_PARAMS(PsnrParams),
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row per part"}};

bool cm__data_range_check(int32_t range, const CmImage *reference, CmError **err) {
  if (range != CM_DATA_RANGE_TYPE || cm_type_is_integer(cm_image_type(reference))) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "range=type needs integers, but the reference is %s; give range=fixed",
               cm_type_name(cm_image_type(reference)));
  return false;
}

double cm__data_range(int32_t range, double fixed, const CmImage *reference, const CmPairMoments *moments) {
  const CmType type = cm_image_type(reference);
  return range == CM_DATA_RANGE_FIXED  ? fixed
         : range == CM_DATA_RANGE_TYPE ? cm_type_max(type) - cm_type_min(type)
                                       : moments->high[1] - moments->low[1];
}

enum { COUNT, MSE, RMSE, MAE, MOST, RANGE, PSNR, COLUMNS };
static const CmPartColumn columns[COLUMNS] = {
    {"count", ""}, {"mse", "@2"}, {"rmse", "@"}, {"mae", "@"}, {"max_error", "@"}, {"data_range", "@"}, {"psnr", "dB"},
};

typedef struct Job {
  CmContext *ctx;
  const PsnrParams *p;
  CmPairs pairs;
} Job;

static bool measure(void *arg, const CmPart *part, double *out, CmError **err) {
  const Job *job = arg;
  CmPairMoments m;
  if (!cm__pairs_moments(job->ctx, &job->pairs, part, &m, err)) return false;
  out[COUNT] = m.count;
  if (m.count == 0.0) return true;
  out[MSE] = m.squares / m.count;
  out[RMSE] = sqrt(out[MSE]);
  out[MAE] = m.absolute / m.count;
  out[MOST] = m.most;
  out[RANGE] = cm__data_range(job->p->range, job->p->data_range, job->pairs.reference, &m);
  if (out[RANGE] > 0.0 && out[MSE] > 0.0) out[PSNR] = 10.0 * log10(out[RANGE] * out[RANGE] / out[MSE]);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  Job job = {.ctx = call->ctx, .p = call->params};
  return cm__pairs_open(&job.pairs, &call->in[0], &call->in[1], &call->in[2], err) &&
         cm__data_range_check(job.p->range, job.pairs.reference, err) &&
         cm__part_table(call, 0, "psnr", job.pairs.image, &job.pairs.mask, (CmScope)job.p->per, job.p->per_component,
                        columns, COLUMNS, measure, &job, err);
}

CM_OP(psnr) = {
    .name = "psnr",
    .family = "measure",
    .since = "0.1",
    .summary = "Peak signal-to-noise ratio and errors of an image against a reference.",
    .details =
        "mse: mean of the squared differences; rmse its root; mae the mean of the absolute differences; max_error the "
        "largest; psnr = 10 log10(data_range^2 / mse), missing for equal images (infinite) and where the data range is "
        "0. " CM_DATA_RANGE_DETAILS
        "NaN in either image is left out of both. A part without values has a count of 0 and the rest missing.",
    CM_OP_PARAMS(PsnrParams, params),
    .inputs = cm__pair_inputs,
    .input_count = 3,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-12,
    .cite = "Wang Z, Bovik AC. Mean squared error: love it or leave it? IEEE Signal Process Mag 26(1), 2009",
    .examples =
        "cormack psnr denoised.nii.gz clean.nii.gz quality.csv\n"
        "cormack psnr low_dose.nii.gz full_dose.nii.gz q.csv --range fixed --data_range 4095 --per slice",
    .run = run,
};
