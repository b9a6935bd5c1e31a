/* Dependences by PyRadiomics' definitions (docs, «Gray Level Dependence Matrix»): how many neighbours differ by no more
 * than gldm_a. The levels that do are those between two of the list, so that two comparisons tell. */
#include "ops/radiomics/pyrad_sizes.h"
#include "ops/simd.h"

typedef struct Dependence {
  const CmPyradView *view;
  CmPyradAngles angles;
  uint16_t *least, *span; /* of each level, 0 as well: the lowest dependent one, and how many come behind it */
  uint16_t *row;          /* least, span, dependent: of a row */
  int64_t most;           /* dependent voxels, itself included */
  int64_t *next;          /* to the neighbour of each direction in the levels; the last one stands twice */
  int64_t *matrix;        /* level, dependent voxels but itself */
} Dependence;

static void find_spans(const Dependence *job) {
  const int *value = job->view->level_value, count = job->view->present;
  const int64_t apart = job->view->p->gldm_a;
  job->least[0] = UINT16_MAX;
  job->span[0] = 0;
  for (int i = 0, low = 0, high = 0; i < count; i++) {
    while ((int64_t)value[i] - value[low] > apart) low++;
    while (high + 1 < count && (int64_t)value[high + 1] - value[i] <= apart) high++;
    job->least[i + 1] = (uint16_t)(low + 1);
    job->span[i + 1] = (uint16_t)(high - low);
  }
}

/* Whole blocks; of two directions at once, so that `dependent` is passed less often. both: 0 leaves the second out. */
CM_SIMD static void count_row(const uint16_t *level, const int64_t next[2], int both, const uint16_t *least,
                              const uint16_t *span, uint16_t *restrict dependent, int64_t n) {
  const uint16_t *a = level + next[0], *b = level - next[0], *c = level + next[1], *d = level - next[1];
  n = cm__pyrad_wide(n);
  for (int64_t x = 0; x < n; x++) {
    const uint16_t one = (uint16_t)(a[x] - least[x]), two = (uint16_t)(b[x] - least[x]);
    const uint16_t three = (uint16_t)(c[x] - least[x]), four = (uint16_t)(d[x] - least[x]);
    const int more = (one <= span[x]) + (two <= span[x]) + (((three <= span[x]) + (four <= span[x])) & both);
    dependent[x] = (uint16_t)(dependent[x] + more);
  }
}

static void count_dependent(const Dependence *job) {
  const CmRoi *roi = &job->view->roi;
  const int64_t room = cm__pyrad_wide(roi->hi[0] - roi->lo[0]);
  uint16_t *least = job->row, *width = least + room, *dependent = width + room;
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      const CmSpan span = cm__pyrad_span(job->view, y, z);
      const uint16_t *level = roi->level + cm__roi_at(roi, span.begin, y, z);
      const int64_t n = span.end - span.begin;
      for (int64_t x = 0; x < n; x++) {
        least[x] = job->least[level[x]];
        width[x] = job->span[level[x]];
        dependent[x] = 0;
      }
      for (int d = 0; d < job->angles.count; d += 2)
        count_row(level, job->next + d, d + 1 < job->angles.count ? ~0 : 0, least, width, dependent, n);
      for (int64_t x = 0; x < n; x++)
        if (level[x]) job->matrix[(level[x] - 1) * job->most + dependent[x]]++;
    }
}

static bool take(const Dependence *job, CmEntries *entries, CmError **err) {
  for (int i = 0; i < job->view->present; i++)
    for (int64_t j = 0; j < job->most; j++) {
      const int64_t count = job->matrix[i * job->most + j];
      if (count > 0 && !cm__entries_add(entries, job->view->level_value[i], j + 1, (double)count, err)) return false;
    }
  return true;
}

static bool make_room(Dependence *job, CmError **err) {
  CmContext *ctx = job->view->roi.ctx;
  const CmRoi *roi = &job->view->roi;
  const size_t levels = (size_t)job->view->present, n = (size_t)cm__pyrad_wide(roi->hi[0] - roi->lo[0]);
  if (job->most > UINT16_MAX) {
    cm_error_set(err, CM_ERR_PARAMETER, "distances: %lld neighbours; dependences are counted up to %d",
                 (long long)job->most - 1, UINT16_MAX - 1);
    return false;
  }
  if (!(job->least = cm_alloc_array(ctx, 2 * (levels + 1), sizeof(*job->least), err))) return false;
  job->span = job->least + levels + 1;
  if (!(job->next = cm_alloc_array(ctx, (size_t)job->angles.count + 1, sizeof(*job->next), err))) return false;
  for (int d = 0; d <= job->angles.count && job->angles.count > 0; d++) {
    const int *step = job->angles.step[d < job->angles.count ? d : job->angles.count - 1];
    job->next[d] = cm__roi_at(roi, step[0], step[1], step[2]);
  }
  return (job->row = cm_calloc(ctx, 3 * n, sizeof(*job->row), err)) &&
         (job->matrix = cm_calloc(ctx, levels * (size_t)job->most, sizeof(*job->matrix), err));
}

bool cm__pyrad_gldm(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  Dependence job = {.view = view};
  CmEntries entries = {.ctx = view->roi.ctx};
  double all[CM__EMPHASES];
  bool ok = cm__pyrad_angles(view, &view->p->distances, &job.angles, err);
  job.most = 2 * (int64_t)job.angles.count + 1;
  if ((ok = ok && make_room(&job, err))) {
    find_spans(&job);
    count_dependent(&job);
  }
  if ((ok = ok && take(&job, &entries, err))) {
    cm__pyrad_describe(&entries, (double)view->roi.voxels, all);
    cm__pyrad_pick(all, cm__pyrad_gldm_order, CM__PYRAD_GLDM_COUNT, out);
  }
  cm_free(job.angles.step);
  cm_free(job.least);
  cm_free(job.next);
  cm_free(job.row);
  cm_free(job.matrix);
  cm__entries_free(&entries);
  return ok;
}
