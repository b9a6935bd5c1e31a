/* cormack mutual_information: what one image tells about another. */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/measure/pairs.h"

typedef struct InformationParams {
  int64_t bins;
  int32_t base;
  int32_t per;
  bool per_component;
} InformationParams;

static const CmParam params[] = {
    CM_PARAM_INT(InformationParams, bins, 100, 2, 2048, "1", "bins of each image"),
    CM_PARAM_ENUM(InformationParams, base, "e|2", "e", "unit of information: nat (e) or bit (2)"),
    CM_SCOPE_PARAMS(InformationParams),
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row per part"}};

enum { COUNT, MUTUAL, NORMALIZED, UNCERTAINTY, ENTROPY_IMAGE, ENTROPY_REFERENCE, JOINT, COLUMNS };
static const CmPartColumn columns[COLUMNS] = {
    {"count", ""},
    {"mutual_information", ""},
    {"normalized_mutual_information", ""},
    {"symmetric_uncertainty", ""},
    {"entropy_image", ""},
    {"entropy_reference", ""},
    {"joint_entropy", ""},
};

typedef struct Job {
  CmContext *ctx;
  const InformationParams *p;
  CmPairs pairs;
  const CmPart *part;
  double *edges[2]; /* bins + 1 each */
  double scale[2];  /* bins per unit */
  int64_t *counts;  /* per worker bins * bins */
  double *sums;     /* bins of the image, then of the reference */
} Job;

/* The edges decide where division rounds to the other side of one. */
static int64_t bin_of(const double *edges, double scale, int64_t bins, double value) {
  const double at = (value - edges[0]) * scale;
  int64_t bin = at < (double)bins ? (int64_t)at : bins - 1;
  if (bin > 0 && value < edges[bin])
    bin--;
  else if (bin + 1 < bins && value >= edges[bin + 1])
    bin++;
  return bin;
}

static bool count_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const int64_t bins = job->p->bins;
  const size_t room = (size_t)job->pairs.grid.row;
  double *a = cm_alloc_array(job->ctx, room, 2 * sizeof(double), err), *b = a ? a + room : NULL;
  uint8_t *inside = a ? cm_alloc(job->ctx, (size_t)job->pairs.grid.nx, err) : NULL;
  int64_t *counts = job->counts + range.worker * bins * bins;
  for (int64_t row = range.begin; inside && row < range.end; row++) {
    const int64_t n = cm__pairs_row(&job->pairs, job->part->component, job->part->row_begin + row, a, b, inside);
    for (int64_t i = 0; i < n; i++)
      counts[bin_of(job->edges[0], job->scale[0], bins, a[i]) * bins +
             bin_of(job->edges[1], job->scale[1], bins, b[i])]++;
  }
  cm_free(a);
  cm_free(inside);
  return inside != NULL;
}

/* As NumPy's histogram: equal bins from the smallest to the largest value, one wide where all are equal. */
static bool set_edges(Job *job, const CmPairMoments *m, CmError **err) {
  for (int of = 0; of < 2; of++) {
    double low = m->low[of], high = m->high[of];
    if (low == high) {
      low -= 0.5;
      high += 0.5;
    }
    const double step = (high - low) / (double)job->p->bins;
    job->scale[of] = (double)job->p->bins / (high - low);
    if (!isfinite(high - low) || !isfinite(job->scale[of]) || !(step > 0.0)) {
      cm_error_set(err, CM_ERR_DATA, "the values of the %s reach from %g to %g, which cannot be cut into bins; clip it",
                   of ? "reference" : "image", m->low[of], m->high[of]);
      return false;
    }
    for (int64_t k = 0; k < job->p->bins; k++) job->edges[of][k] = (double)k * step + low;
    job->edges[of][job->p->bins] = high;
  }
  return true;
}

/* -sum p log p of n counts that sum to `total`. */
static double entropy(const double *counts, int64_t n, double total) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++)
    if (counts[i] > 0.0) sum -= counts[i] / total * log(counts[i] / total);
  return sum;
}

static void inform(const Job *job, double total, double *out) {
  const int64_t bins = job->p->bins;
  const double unit = job->p->base == 1 ? log(2.0) : 1.0;
  double joint = 0.0;
  memset(job->sums, 0, (size_t)(2 * bins) * sizeof(double));
  for (int64_t i = 0; i < bins; i++)
    for (int64_t k = 0; k < bins; k++) {
      const double count = (double)job->counts[i * bins + k];
      if (count == 0.0) continue;
      job->sums[i] += count;
      job->sums[bins + k] += count;
      joint -= count / total * log(count / total);
    }
  const double a = entropy(job->sums, bins, total), b = entropy(job->sums + bins, bins, total);
  const double mutual = fmax(a + b - joint, 0.0);
  out[MUTUAL] = mutual / unit;
  if (joint > 0.0) out[NORMALIZED] = (a + b) / joint;
  if (a + b > 0.0) out[UNCERTAINTY] = 2.0 * mutual / (a + b);
  out[ENTROPY_IMAGE] = a / unit;
  out[ENTROPY_REFERENCE] = b / unit;
  out[JOINT] = joint / unit;
}

static bool measure(void *arg, const CmPart *part, double *out, CmError **err) {
  Job *job = arg;
  const int64_t cells = job->p->bins * job->p->bins, workers = cm_context_threads(job->ctx);
  CmPairMoments m;
  if (!cm__pairs_moments(job->ctx, &job->pairs, part, &m, err)) return false;
  out[COUNT] = m.count;
  if (m.count == 0.0) return true;
  job->part = part;
  memset(job->counts, 0, (size_t)(workers * cells) * sizeof(int64_t));
  if (!set_edges(job, &m, err) || !cm_parallel_for(job->ctx, NULL, part->row_end - part->row_begin,
                                                   cm__row_chunk(&job->pairs.grid), count_rows, job, err))
    return false;
  for (int64_t k = cells; k < workers * cells; k++) job->counts[k % cells] += job->counts[k];
  inform(job, m.count, out);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  Job job = {.ctx = call->ctx, .p = call->params};
  const size_t bins = (size_t)job.p->bins;
  bool ok = false;
  if (!cm__pairs_open(&job.pairs, &call->in[0], &call->in[1], &call->in[2], err)) return false;
  job.counts = cm_alloc_array(call->ctx, (size_t)cm_context_threads(call->ctx) * bins * bins, sizeof(*job.counts), err);
  job.edges[0] = job.counts ? cm_alloc_array(call->ctx, 4 * bins + 2, sizeof(double), err) : NULL;
  if (!job.edges[0]) goto done;
  job.edges[1] = job.edges[0] + bins + 1;
  job.sums = job.edges[1] + bins + 1;
  ok = cm__part_table(call, 0, "mutual_information", job.pairs.image, &job.pairs.mask, (CmScope)job.p->per,
                      job.p->per_component, columns, COLUMNS, measure, &job, err);
done:
  cm_free(job.counts);
  cm_free(job.edges[0]);
  return ok;
}

CM_OP(mutual_information) = {
    .name = "mutual_information",
    .family = "measure",
    .since = "0.1",
    .summary = "Mutual information of two images, and normalized.",
    .details =
        "From the joint histogram with equal bins between the smallest and the largest value of each image (one bin "
        "and no information for an image without contrast). With the entropies H = -sum p log p: mutual_information "
        "H(A) + H(B) - H(A,B); normalized_mutual_information (H(A) + H(B)) / H(A,B), from 1 to 2 (Studholme; missing "
        "where H(A,B) is 0); symmetric_uncertainty 2 I / (H(A) + H(B)), from 0 to 1. NaN in either image is left out "
        "of "
        "both. A part without values has a count of 0 and the rest missing. Infinite values are an error.",
    CM_OP_PARAMS(InformationParams, params),
    .inputs = cm__pair_inputs,
    .input_count = 3,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-12,
    .cite =
        "Studholme C, Hill DLG, Hawkes DJ. An overlap invariant entropy measure of 3D medical image alignment. Pattern "
        "Recognition 32(1), 1999; Maes F et al. IEEE Trans Med Imaging 16(2), 1997",
    .examples = "cormack mutual_information mr.nii.gz ct_on_mr.nii.gz mi.csv --bins 64 --mask body.nii.gz",
    .run = run,
};
