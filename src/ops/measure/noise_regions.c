#include "ops/measure/noise_regions.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"

const CmPort cm__noise_inputs[3] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is measured"},
    {.name = "regions", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "label map of the regions; 0: none"},
    {.name = "second",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .components = true,
     .help = "the same taken once more, for method=difference"},
};

/* The labels of one time point, and share[0] first + share[1] second, which is measured in them. */
typedef struct Pass {
  CmContext *ctx;
  const CmImage *first, *second, *regions;
  double share[2];
  const CmLabelList *list;
  int64_t t, label_t, from, labels; /* items of the list that are of this time point */
  int64_t components;
  const double *mean; /* [labels][components]: squares about these; NULL: sums */
  double *sum;        /* [blocks][labels][components] */
  int64_t *count;     /* likewise */
} Pass;

enum { BLOCKS = 32, LANES = 8, FEW = 256 };

/* Sums in turn, so that a voxel need not wait for the one before it. */
typedef struct Lanes {
  double sum[LANES][FEW + 1];
  int64_t count[LANES][FEW + 1];
} Lanes;

/* What is added of a value: NaN counts for nothing. */
static inline double part_of(double d, bool squares) {
  return d == d ? squares ? d * d : d : 0.0;
}

/* One component and few labels: voxel by voxel, without a branch. item: of each voxel, 0 none. */
static inline __attribute__((always_inline)) void add_few(const double *line, const uint16_t *item, int64_t nx,
                                                          const double *about, bool squares, Lanes *lanes) {
  for (int64_t x = 0; x < nx; x++) {
    const double d = squares ? line[x] - about[item[x]] : line[x];
    lanes->sum[x % LANES][item[x]] += part_of(d, squares);
    if (!squares) lanes->count[x % LANES][item[x]] += d == d; /* the same for the squares */
  }
}

/* Runs of equal labels, any number. */
static void add_runs(const Pass *pass, const double *label, const double *line, int64_t nx, double *sum,
                     int64_t *count) {
  const int64_t components = pass->components;
  int64_t item = -1;
  for (int64_t x = 0, end; x < nx; x = end) {
    for (end = x + 1; end < nx && label[end] == label[x];) end++;
    if (label[x] == 0.0) continue;
    item = cm__label_find(pass->list, pass->label_t, (int64_t)label[x], item);
    for (int64_t i = x * components; i < end * components; i++) {
      const int64_t at = (item - pass->from) * components + i % components;
      const double d = line[i] - (pass->mean ? pass->mean[at] : 0.0);
      sum[at] += part_of(d, pass->mean != NULL);
      if (!pass->mean) count[at] += d == d;
    }
  }
}

/* Items of small labels by number, the first is 1; false where labels are too many or too large for it. */
static bool few_labels(const Pass *pass, uint16_t item_of[UINT16_MAX + 1]) {
  const CmLabelBox *items = pass->list->items + pass->from;
  if (pass->components > 1 || pass->labels > FEW || items[0].value < 0 || items[pass->labels - 1].value > UINT16_MAX)
    return false;
  item_of[0] = 0;
  for (int64_t k = 0; k < pass->labels; k++) item_of[items[k].value] = (uint16_t)(k + 1);
  return true;
}

typedef struct Room {
  double *line, *other, *label;
  uint16_t *item, *item_of;
  Lanes *lanes;
} Room;

static bool open_room(const Pass *pass, const CmGrid *grid, Room *room, CmError **err) {
  *room = (Room){.line = cm_alloc_array(pass->ctx, (size_t)grid->row, sizeof(double), err)};
  return room->line && (room->other = cm_alloc_array(pass->ctx, (size_t)grid->row, sizeof(double), err)) &&
         (room->label = cm_alloc_array(pass->ctx, (size_t)grid->nx, sizeof(double), err)) &&
         (room->item = cm_alloc_array(pass->ctx, (size_t)grid->nx, sizeof(uint16_t), err)) &&
         (room->item_of = cm_alloc_array(pass->ctx, UINT16_MAX + 1, sizeof(uint16_t), err)) &&
         (room->lanes = cm_calloc(pass->ctx, 1, sizeof(Lanes), err));
}

static void close_room(Room *room) {
  cm_free(room->line);
  cm_free(room->other);
  cm_free(room->label);
  cm_free(room->item);
  cm_free(room->item_of);
  cm_free(room->lanes);
}

static void read_row(const Pass *pass, const CmGrid *grid, int64_t row, const Room *room) {
  const CmGrid labels = cm__grid(pass->regions);
  const int64_t rows = grid->ny * grid->nz, at = pass->t * rows + row;
  cm__line_to_f64(cm_image_type(pass->regions), cm__row(pass->regions, &labels, pass->label_t * rows + row), grid->nx,
                  room->label);
  cm__line_to_f64(cm_image_type(pass->first), cm__row(pass->first, grid, at), grid->row, room->line);
  if (!pass->second) return;
  const CmGrid second = cm__grid(pass->second); /* its type may be another */
  cm__line_to_f64(cm_image_type(pass->second), cm__row(pass->second, &second, at), grid->row, room->other);
  for (int64_t i = 0; i < grid->row; i++)
    room->line[i] = pass->share[0] * room->line[i] + pass->share[1] * room->other[i];
}

static bool add_rows(void *arg, CmRange range, CmError **err) {
  const Pass *pass = arg;
  const CmGrid grid = cm__grid(pass->first);
  double *sum = pass->sum + range.chunk * pass->labels * pass->components, about[FEW + 1] = {0};
  int64_t *count = pass->count + range.chunk * pass->labels * pass->components;
  Room room;
  const bool ok = open_room(pass, &grid, &room, err), few = ok && few_labels(pass, room.item_of);
  for (int64_t k = 0; few && pass->mean && k < pass->labels; k++) about[k + 1] = pass->mean[k];
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    read_row(pass, &grid, row, &room);
    if (!few) {
      add_runs(pass, room.label, room.line, grid.nx, sum, count);
      continue;
    }
    for (int64_t x = 0; x < grid.nx; x++) room.item[x] = room.item_of[(int32_t)room.label[x]];
    if (pass->mean)
      add_few(room.line, room.item, grid.nx, about, true, room.lanes);
    else
      add_few(room.line, room.item, grid.nx, about, false, room.lanes);
  }
  for (int64_t k = 0; few && k < pass->labels; k++)
    for (int lane = 0; lane < LANES; lane++) {
      sum[k] += room.lanes->sum[lane][k + 1];
      count[k] += room.lanes->count[lane][k + 1];
    }
  close_room(&room);
  return ok;
}

/* Sums of all blocks, in their order, in the first; how many blocks there are hangs on the image alone. */
static bool add_all(Pass *pass, const char *what, CmError **err) {
  const CmGrid grid = cm__grid(pass->first);
  const int64_t rows = grid.ny * grid.nz, chunk = (rows + BLOCKS - 1) / BLOCKS;
  const int64_t each = pass->labels * pass->components;
  memset(pass->sum, 0, (size_t)(BLOCKS * each) * sizeof(double));
  if (!cm_parallel_for(pass->ctx, what, rows, chunk, add_rows, pass, err)) return false;
  for (int64_t k = each; k < BLOCKS * each; k++) {
    pass->sum[k % each] += pass->sum[k];
    if (!pass->mean) pass->count[k % each] += pass->count[k];
  }
  return true;
}

/* Means and standard deviations of the pass's labels; NaN where there are too few values. */
static bool measure(Pass *pass, const char *what, double *mean, double *sd, int64_t *count, CmError **err) {
  const int64_t each = pass->labels * pass->components;
  pass->sum = cm_alloc_array(pass->ctx, (size_t)(BLOCKS * each), sizeof(double), err);
  pass->count = pass->sum ? cm_calloc(pass->ctx, (size_t)(BLOCKS * each), sizeof(int64_t), err) : NULL;
  pass->mean = NULL;
  bool ok = pass->count && add_all(pass, what, err);
  for (int64_t k = 0; ok && k < each; k++) mean[k] = pass->count[k] ? pass->sum[k] / (double)pass->count[k] : NAN;
  pass->mean = mean;
  ok = ok && add_all(pass, what, err);
  for (int64_t k = 0; ok && k < each; k++) {
    sd[k] = pass->count[k] > 1 ? sqrt(pass->sum[k] / (double)(pass->count[k] - 1)) : NAN;
    count[k] = pass->count[k];
  }
  cm_free(pass->sum);
  cm_free(pass->count);
  return ok;
}

typedef struct Job {
  CmContext *ctx;
  const char *what;
  const CmImage *image, *second, *regions; /* second: NULL where it is not wanted */
  CmLabelList list;
  double *mean, *sd; /* [labels][components], of the time point with most */
  int64_t *count;
} Job;

/* One time point's regions, by component and label, into `items`. */
static bool measure_time(const Job *job, int64_t t, Pass *pass, CmRegionNoise *items, CmError **err) {
  for (int what = 0; what < (job->second ? 3 : 1); what++) { /* the image, the mean of both, their difference */
    pass->second = what ? job->second : NULL;
    pass->share[0] = what == 1 ? 0.5 : 1.0;
    pass->share[1] = what == 1 ? 0.5 : -1.0;
    if (!measure(pass, job->what, job->mean, job->sd, job->count, err)) return false;
    for (int64_t k = 0; k < pass->labels * pass->components; k++) {
      CmRegionNoise *item = &items[k % pass->components * pass->labels + k / pass->components];
      if (what == 0)
        *item = (CmRegionNoise){.label = job->list.items[pass->from + k / pass->components].value,
                                .t = t,
                                .component = k % pass->components,
                                .count = job->count[k],
                                .mean = job->mean[k],
                                .sd = job->sd[k],
                                .pair_mean = NAN,
                                .pair_sd = NAN};
      else if (what == 1)
        item->pair_mean = job->mean[k];
      else
        item->pair_sd = job->sd[k] / sqrt(2.0);
    }
  }
  return true;
}

static bool measure_times(Job *job, CmRegionNoises *found, CmError **err) {
  const CmGrid grid = cm__grid(job->image);
  const bool one = cm_image_dims(job->regions)[3] == 1;
  const size_t each = (size_t)(job->list.count * grid.components);
  job->mean = cm_alloc_array(job->ctx, each, sizeof(double), err);
  job->sd = job->mean ? cm_alloc_array(job->ctx, each, sizeof(double), err) : NULL;
  job->count = job->sd ? cm_alloc_array(job->ctx, each, sizeof(int64_t), err) : NULL;
  found->items =
      job->count ? cm_calloc(job->ctx, each * (size_t)(one ? grid.nt : 1), sizeof(CmRegionNoise), err) : NULL;
  Pass pass = {
      .ctx = job->ctx, .first = job->image, .regions = job->regions, .list = &job->list, .components = grid.components};
  bool ok = found->items != NULL;
  for (int64_t t = 0; ok && t < grid.nt; t++) {
    pass.t = t;
    pass.label_t = one ? 0 : t;
    for (pass.from = 0; pass.from < job->list.count && job->list.items[pass.from].t < pass.label_t;) pass.from++;
    for (pass.labels = 0;
         pass.from + pass.labels < job->list.count && job->list.items[pass.from + pass.labels].t == pass.label_t;)
      pass.labels++;
    if (pass.labels == 0) continue;
    ok = measure_time(job, t, &pass, found->items + found->count, err);
    found->count += pass.labels * pass.components;
  }
  cm_free(job->mean);
  cm_free(job->sd);
  cm_free(job->count);
  return ok;
}

bool cm__region_noises(const CmCall *call, const char *what, bool difference, CmRegionNoises *found, CmError **err) {
  Job job = {.ctx = call->ctx, .what = what, .image = call->in[0].image, .regions = call->in[1].image};
  *found = (CmRegionNoises){.count = 0};
  if (difference && call->in[2].kind == CM_KIND_NONE) {
    cm_error_set(err, CM_ERR_USAGE, "method=difference needs the image taken once more; give it as second");
    return false;
  }
  if (difference) job.second = call->in[2].image;
  if (difference && (cm_image_dims(job.second)[3] != cm_image_dims(job.image)[3] ||
                     cm_image_components(job.second) != cm_image_components(job.image))) {
    cm_error_set(err, CM_ERR_GEOMETRY,
                 "image and second differ in time points or components; give the same taken twice");
    return false;
  }
  if (!cm__check_times(job.image, job.regions, err) || !cm__label_list(call->ctx, job.regions, &job.list, err))
    return false;
  const bool ok = job.list.count == 0 || measure_times(&job, found, err);
  cm_free(job.list.items);
  if (!ok || found->count > 0) return ok;
  cm_error_set(err, CM_ERR_DATA, "the map of regions is empty; draw a region");
  return false;
}

const CmRegionNoise *cm__region_noise(const CmRegionNoises *found, const CmRegionNoise *like, int64_t label,
                                      const char *role, CmError **err) {
  for (int64_t k = 0; k < found->count; k++) {
    const CmRegionNoise *item = &found->items[k];
    if (item->label == label && item->t == like->t && item->component == like->component && item->count) return item;
  }
  cm_error_set(err, CM_ERR_DATA, "label %lld, the %s, has no value in this map; draw it or give another label",
               (long long)label, role);
  return NULL;
}

double cm__air_factor(int64_t channels) {
  double beta = sqrt(1.5707963267948966); /* mean of the noise's magnitude: sqrt(pi/2) (2n - 1)!! / (2^(n-1) (n-1)!) */
  for (int64_t n = 2; n <= channels; n++) beta *= (2.0 * (double)n - 1.0) / (2.0 * (double)n - 2.0);
  return sqrt(2.0 * (double)channels - beta * beta);
}
