#include "ops/measure/pairs.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

const CmPort cm__pair_inputs[3] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is judged"},
    {.name = "reference", .kind = CM_KIND_IMAGE, .components = true, .help = "what it is compared with"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};

bool cm__pairs_open(CmPairs *pairs, const CmValue *image, const CmValue *reference, const CmValue *mask,
                    CmError **err) {
  *pairs = (CmPairs){.image = image->image, .reference = reference->image};
  pairs->grid = cm__grid(pairs->image);
  pairs->other = cm__grid(pairs->reference);
  if (pairs->grid.nt != pairs->other.nt || pairs->grid.components != pairs->other.components) {
    cm_error_set(err, CM_ERR_GEOMETRY,
                 "the image has %lld time points of %lld components and the reference %lld of %lld; give as many",
                 (long long)pairs->grid.nt, (long long)pairs->grid.components, (long long)pairs->other.nt,
                 (long long)pairs->other.components);
    return false;
  }
  return cm__mask_open(&pairs->mask, mask, pairs->image, err);
}

int64_t cm__pairs_row(const CmPairs *pairs, int64_t component, int64_t row, double *a, double *b, uint8_t *inside) {
  const CmType type = cm_image_type(pairs->image), other = cm_image_type(pairs->reference);
  const int64_t c = pairs->grid.components;
  int64_t count = 0;
  cm__line_to_f64(type, cm__row(pairs->image, &pairs->grid, row), pairs->grid.row, a);
  cm__line_to_f64(other, cm__row(pairs->reference, &pairs->other, row), pairs->grid.row, b);
  const bool masked = pairs->mask.image != NULL;
  if (!masked && (component < 0 || c == 1) && cm_type_is_integer(type) && cm_type_is_integer(other))
    return pairs->grid.row;
  if (masked) cm__mask_row(&pairs->mask, row, inside);
  const int64_t begin = component < 0 ? 0 : component, end = component < 0 ? c : begin + 1;
  for (int64_t x = 0; x < pairs->grid.nx; x++) {
    if (masked && !inside[x]) continue;
    for (int64_t k = x * c + begin; k < x * c + end; k++) {
      a[count] = a[k];
      b[count] = b[k];
      count += a[k] == a[k] && b[k] == b[k];
    }
  }
  return count;
}

/* ---- moments, summed side by side so that the order does not depend on the machine
 * ------------------------------------------------------------- */

enum { LANES = 16 };

static void add_moments(const CmPairMoments *from, CmPairMoments *to) {
  to->count += from->count;
  to->squares += from->squares;
  to->absolute += from->absolute;
  to->most = fmax(to->most, from->most);
  for (int of = 0; of < 2; of++) {
    to->low[of] = fmin(to->low[of], from->low[of]);
    to->high[of] = fmax(to->high[of], from->high[of]);
  }
}

#define CM_TEMPLATE "ops/measure/pairs_tmpl.c"
#include "ops/each_type.h"
static bool (*const add_row[CM_TYPE_COUNT])(const void *, const void *, int64_t,
                                            CmPairMoments *) = CM_TYPE_TABLE(add_row);

typedef struct Measure {
  CmContext *ctx;
  const CmPairs *pairs;
  const CmPart *part;
  CmPairMoments *partial;
} Measure;

static const CmPairMoments nothing = {.low = {INFINITY, INFINITY}, .high = {-INFINITY, -INFINITY}};

static bool measure_rows(void *arg, CmRange range, CmError **err) {
  const Measure *job = arg;
  const size_t room = (size_t)job->pairs->grid.row;
  double *a = cm_alloc_array(job->ctx, room, 2 * sizeof(double), err);
  uint8_t *inside = a ? cm_alloc(job->ctx, (size_t)job->pairs->grid.nx, err) : NULL;
  CmPairMoments sum = nothing;
  const CmType type = cm_image_type(job->pairs->image);
  const bool alike = type == cm_image_type(job->pairs->reference) && !job->pairs->mask.image &&
                     (job->part->component < 0 || job->pairs->grid.components == 1); /* rows as they lie there */
  for (int64_t row = range.begin; inside && row < range.end; row++) {
    const int64_t at = job->part->row_begin + row;
    if (!alike || !add_row[type](cm__row(job->pairs->image, &job->pairs->grid, at),
                                 cm__row(job->pairs->reference, &job->pairs->other, at), job->pairs->grid.row, &sum)) {
      const int64_t n = cm__pairs_row(job->pairs, job->part->component, at, a, a + room, inside);
      add_row[CM_F64](a, a + room, n, &sum);
    }
  }
  job->partial[range.chunk] = sum;
  cm_free(a);
  cm_free(inside);
  return inside != NULL;
}

bool cm__pairs_moments(CmContext *ctx, const CmPairs *pairs, const CmPart *part, CmPairMoments *moments,
                       CmError **err) {
  const int64_t rows = part->row_end - part->row_begin, chunk = cm__row_chunk(&pairs->grid);
  const int64_t chunks = cm_chunk_count(rows, chunk);
  Measure job = {.ctx = ctx, .pairs = pairs, .part = part};
  job.partial = cm_alloc_array(ctx, (size_t)chunks, sizeof(CmPairMoments), err);
  const bool ok = job.partial && cm_parallel_for(ctx, NULL, rows, chunk, measure_rows, &job, err);
  *moments = nothing;
  for (int64_t k = 0; ok && k < chunks; k++) add_moments(&job.partial[k], moments);
  if (moments->count == 0.0)
    for (int of = 0; of < 2; of++) moments->low[of] = moments->high[of] = NAN;
  cm_free(job.partial);
  return ok;
}

/* ---- tables
 * ----------------------------------------------------------------------------------------------------------------- */

static bool add_columns(CmTable *table, const char *image_unit, const CmPartColumn *columns, int count, CmError **err) {
  for (int k = 0; k < count; k++) {
    char unit[64];
    const bool square = strcmp(columns[k].unit, "@2") == 0, number = strcmp(image_unit, "1") == 0;
    snprintf(unit, sizeof(unit), "%s%s", *columns[k].unit == '@' ? image_unit : columns[k].unit,
             square && !number ? "^2" : "");
    const bool integer = strcmp(columns[k].name, "count") == 0;
    if (cm_table_add_column(table, columns[k].name, integer ? CM_COLUMN_INT : CM_COLUMN_REAL, unit, err) < 0)
      return false;
  }
  return true;
}

bool cm__part_table(const CmCall *call, int output, const char *what, const CmImage *image, const CmMask *mask,
                    CmScope scope, bool per_component, const CmPartColumn *columns, int count, CmPartFn fn, void *arg,
                    CmError **err) {
  const CmGrid grid = cm__grid(image);
  const int64_t parts = cm__part_count(&grid, scope, per_component);
  CmTable *table = cm_table_create(call->ctx, err);
  double *out = cm_alloc_array(call->ctx, (size_t)count, sizeof(double), err);
  bool ok = table && out && (scope == CM_SCOPE_IMAGE || cm_table_add_column(table, "t", CM_COLUMN_INT, "", err) >= 0) &&
            (scope != CM_SCOPE_SLICE || cm_table_add_column(table, "z", CM_COLUMN_INT, "", err) >= 0) &&
            (!per_component || cm_table_add_column(table, "component", CM_COLUMN_INT, "", err) >= 0) &&
            add_columns(table, cm_image_unit(image), columns, count, err);
  for (int64_t at = 0; ok && at < parts; at++) {
    const CmPart part = cm__part_at(image, mask, &grid, scope, per_component, at);
    cm_progress(call->ctx, what, at, parts);
    for (int k = 0; k < count; k++) out[k] = NAN;
    ok = !cm_context_cancelled(call->ctx, err) && fn(arg, &part, out, err);
    const int64_t row = ok ? cm_table_add_row(table, err) : -1;
    int column = 0;
    ok = row >= 0;
    if (ok && scope != CM_SCOPE_IMAGE) cm_table_set_int(table, row, column++, part.row_begin / (grid.ny * grid.nz));
    if (ok && scope == CM_SCOPE_SLICE) cm_table_set_int(table, row, column++, part.row_begin / grid.ny % grid.nz);
    if (ok && per_component) cm_table_set_int(table, row, column++, part.component);
    for (int k = 0; ok && k < count; k++, column++) {
      if (cm_table_column_type(table, column) == CM_COLUMN_REAL)
        cm_table_set_real(table, row, column, out[k]);
      else if (out[k] == out[k])
        cm_table_set_int(table, row, column, (int64_t)out[k]);
    }
  }
  cm_free(out);
  if (ok) {
    cm_progress(call->ctx, what, parts, parts);
    call->out[output] = cm_value_table(table);
  } else
    cm_table_unref(&table);
  return ok;
}
