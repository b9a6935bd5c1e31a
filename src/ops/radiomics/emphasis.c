#include "ops/radiomics/emphasis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/exp.h"

static bool reserve(CmEntries *entries, int64_t more, CmError **err) {
  if (entries->count + more <= entries->room) return true;
  const int64_t room = 2 * entries->room + more + 64;
  size_t size;
  CmEntry *grown = cm_size_multiply((size_t)room, sizeof(*grown), &size, err)
                       ? cm_realloc(entries->ctx, entries->item, size, err)
                       : NULL;
  if (!grown) return false;
  entries->item = grown;
  entries->room = room;
  return true;
}

bool cm__entries_add(CmEntries *entries, int64_t level, int64_t size, double count, CmError **err) {
  if (!reserve(entries, 1, err)) return false;
  entries->item[entries->count++] = (CmEntry){level, size, count};
  return true;
}

bool cm__entries_append(CmEntries *entries, const CmEntries *more, CmError **err) {
  if (!reserve(entries, more->count, err)) return false;
  if (more->count > 0) memcpy(entries->item + entries->count, more->item, (size_t)more->count * sizeof(*more->item));
  entries->count += more->count;
  return true;
}

bool cm__entries_from(CmEntries *entries, const int64_t *matrix, int64_t levels, int64_t sizes, CmError **err) {
  for (int64_t i = 0; i < levels; i++)
    for (int64_t j = 0; j < sizes; j++)
      if (matrix[i * sizes + j] > 0 && !cm__entries_add(entries, i + 1, j + 1, (double)matrix[i * sizes + j], err))
        return false;
  return true;
}

static int compare_levels(const void *one, const void *other) {
  const CmEntry *a = one, *b = other;
  if (a->level != b->level) return a->level < b->level ? -1 : 1;
  return a->size < b->size ? -1 : a->size > b->size;
}

static int compare_sizes(const void *one, const void *other) {
  const CmEntry *a = one, *b = other;
  return a->size < b->size ? -1 : a->size > b->size;
}

void cm__entries_merge(CmEntries *entries) {
  if (entries->count == 0) return;
  qsort(entries->item, (size_t)entries->count, sizeof(*entries->item), compare_levels);
  CmEntry *last = entries->item;
  for (int64_t k = 1; k < entries->count; k++) {
    if (compare_levels(last, &entries->item[k]) == 0)
      last->count += entries->item[k].count;
    else
      *++last = entries->item[k];
  }
  entries->count = last - entries->item + 1;
}

void cm__entries_free(CmEntries *entries) {
  cm_free(entries->item);
  entries->item = NULL;
  entries->count = entries->room = 0;
}

/* Levels and sizes below this have a sum of their own in squared_sums(); there are few others. */
enum { SMALL = 512 };

/* Sum of the squared counts of entries that are equal in one of their numbers. Puts the entries in another order. */
static double squared_sums(CmEntries *entries, bool by_size) {
  double small[SMALL] = {0.0}, squares = 0.0, sum = 0.0;
  int64_t large = 0;
  for (int64_t k = 0; k < entries->count; k++) {
    const CmEntry entry = entries->item[k];
    const int64_t own = by_size ? entry.size : entry.level;
    if (own < SMALL) {
      small[own] += entry.count;
      continue;
    }
    entries->item[k] = entries->item[large];
    entries->item[large++] = entry;
  }
  for (int i = 0; i < SMALL; i++) squares += small[i] * small[i];
  if (large > 1) qsort(entries->item, (size_t)large, sizeof(CmEntry), by_size ? compare_sizes : compare_levels);
  for (int64_t k = 0; k < large; k++) {
    const CmEntry *entry = &entries->item[k];
    const bool same = k > 0 && (by_size ? entry->size == entry[-1].size : entry->level == entry[-1].level);
    squares += same ? 0.0 : sum * sum;
    sum = (same ? sum : 0.0) + entry->count;
  }
  return squares + sum * sum;
}

static void add_emphases(const CmEntry *entry, double *out) {
  const double c = entry->count, i = (double)entry->level, j = (double)entry->size;
  const double ii = i * i, jj = j * j, low = 1.0 / ii, short_ = 1.0 / jj;
  out[CM__SHORT] += c * short_;
  out[CM__LONG] += c * jj;
  out[CM__LOW_LEVEL] += c * low;
  out[CM__HIGH_LEVEL] += c * ii;
  out[CM__SHORT_LOW] += c * (low * short_);
  out[CM__SHORT_HIGH] += c * ii * short_;
  out[CM__LONG_LOW] += c * jj * low;
  out[CM__LONG_HIGH] += c * ii * jj;
}

static void spread(const CmEntries *entries, double total, double *out) {
  double mean_level = 0.0, mean_size = 0.0;
  for (int64_t k = 0; k < entries->count; k++) {
    const CmEntry *entry = &entries->item[k];
    mean_level += entry->count * (double)entry->level;
    mean_size += entry->count * (double)entry->size;
  }
  mean_level /= total;
  mean_size /= total;
  for (int64_t k = 0; k < entries->count; k++) {
    const CmEntry *entry = &entries->item[k];
    const double p = entry->count / total, level = (double)entry->level - mean_level,
                 size = (double)entry->size - mean_size;
    out[CM__LEVEL_VARIANCE] += p * level * level;
    out[CM__SIZE_VARIANCE] += p * size * size;
    out[CM__ENTROPY] -= p * cm__log(p) * CM_LOG2_E;
    out[CM__ENERGY] += p * p;
  }
}

void cm__emphases(CmEntries *entries, double voxels, double out[CM__EMPHASES]) {
  double total = 0.0;
  for (int k = 0; k < CM__EMPHASES; k++) out[k] = entries->count > 0 ? 0.0 : NAN;
  if (entries->count == 0) return;
  for (int64_t k = 0; k < entries->count; k++) {
    total += entries->item[k].count;
    add_emphases(&entries->item[k], out);
  }
  for (int k = CM__SHORT; k <= CM__LONG_HIGH; k++) out[k] /= total;
  spread(entries, total, out);
  out[CM__LEVEL_NON_UNIFORMITY] = squared_sums(entries, false) / total;
  out[CM__LEVEL_NON_UNIFORMITY_NORMALISED] = out[CM__LEVEL_NON_UNIFORMITY] / total;
  out[CM__SIZE_NON_UNIFORMITY] = squared_sums(entries, true) / total;
  out[CM__SIZE_NON_UNIFORMITY_NORMALISED] = out[CM__SIZE_NON_UNIFORMITY] / total;
  out[CM__PERCENTAGE] = total / voxels;
}
