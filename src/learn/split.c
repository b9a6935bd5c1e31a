#include "learn/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "learn/rng.h"

/* Rows of each class that each subject has: subjects x classes. */
static int64_t *count_classes(CmArena *hold, const int *y, int classes, const int64_t *subject, int64_t subjects,
                              int64_t rows, CmError **err) {
  size_t cells;
  if (!cm_size_multiply((size_t)subjects, (size_t)classes, &cells, err)) return NULL;
  int64_t *count = CM__NEW(hold, int64_t, cells, err);
  if (!count) return NULL;
  for (int64_t i = 0; i < rows; i++) count[subject[i] * classes + y[i]]++;
  return count;
}

typedef struct CmSized {
  int64_t rows, at; /* at: place in the shuffled order, which breaks ties */
  int64_t subject;
} CmSized;

static int larger_first(const void *a, const void *b) {
  const CmSized *p = a, *q = b;
  if (p->rows != q->rows) return p->rows > q->rows ? -1 : 1;
  return p->at < q->at ? -1 : p->at > q->at;
}

static bool enough_subjects(const int64_t *count, int classes, int64_t subjects, int folds, CmError **err) {
  for (int c = 0; c < classes; c++) {
    int64_t have = 0;
    for (int64_t s = 0; s < subjects; s++) have += count[s * classes + c] > 0;
    if (have < folds) {
      cm_error_set(err, CM_ERR_DATA,
                   "a class has %lld subjects, too few for %d folds; use folds=%lld or less, or more subjects",
                   (long long)have, folds, (long long)have);
      return false;
    }
  }
  return true;
}

bool cm__split_folds(CmContext *ctx, const int *y, int classes, const int64_t *subject, int64_t subjects, int64_t rows,
                     int folds, uint64_t stream, int *fold, CmError **err) {
  CmArena hold = {.ctx = ctx};
  bool ok = false;
  int64_t *count = count_classes(&hold, y, classes, subject, subjects, rows, err);
  int64_t *order = CM__NEW(&hold, int64_t, subjects, err);
  CmSized *sized = CM__NEW(&hold, CmSized, subjects, err);
  int *of_subject = CM__NEW(&hold, int, subjects, err);
  int64_t *in_fold = CM__NEW(&hold, int64_t, (int64_t)folds * classes, err),
          *fold_rows = CM__NEW(&hold, int64_t, folds, err);
  double *weight = CM__NEW(&hold, double, classes, err);
  if (!count || !order || !sized || !of_subject || !in_fold || !fold_rows || !weight) goto done;
  if (!enough_subjects(count, classes, subjects, folds, err)) goto done;
  for (int64_t s = 0; s < subjects; s++) order[s] = s;
  cm__shuffle(stream, order, subjects);
  for (int64_t at = 0; at < subjects; at++) {
    int64_t s = order[at];
    sized[at] = (CmSized){.at = at, .subject = s};
    for (int c = 0; c < classes; c++) {
      sized[at].rows += count[s * classes + c];
      weight[c] += (double)count[s * classes + c];
    }
  }
  for (int c = 0; c < classes; c++) weight[c] = 1.0 / (weight[c] * weight[c]);
  qsort(sized, (size_t)subjects, sizeof *sized, larger_first);
  for (int64_t at = 0; at < subjects; at++) {
    const int64_t *have = count + sized[at].subject * classes;
    int best = 0;
    double least = INFINITY;
    for (int f = 0; f < folds; f++) {
      double growth = 0;
      for (int c = 0; c < classes; c++) {
        double old = (double)in_fold[f * classes + c], add = (double)have[c];
        growth += add * (2 * old + add) * weight[c];
      }
      if (growth < least || (growth == least && fold_rows[f] < fold_rows[best])) {
        least = growth;
        best = f;
      }
    }
    for (int c = 0; c < classes; c++) in_fold[best * classes + c] += have[c];
    fold_rows[best] += sized[at].rows;
    of_subject[sized[at].subject] = best;
  }
  for (int64_t i = 0; i < rows; i++) fold[i] = of_subject[subject[i]];
  ok = true;
done:
  cm__arena_free(&hold);
  return ok;
}

typedef struct CmSeen {
  double when;
  int64_t subject;
} CmSeen;

static int later_first(const void *a, const void *b) {
  const CmSeen *p = a, *q = b;
  if (p->when != q->when) return p->when > q->when ? -1 : 1;
  return p->subject < q->subject ? -1 : p->subject > q->subject;
}

/* The subjects whose first row is latest are held; rows of the others that are later than the earliest held one would
 * break the order of time and are found by cm__leak_check_split(). */
static bool hold_latest(CmArena *hold, const int64_t *subject, int64_t subjects, int64_t rows, double share,
                        const double *when, uint8_t *held_subject, CmError **err) {
  CmSeen *seen = CM__NEW(hold, CmSeen, subjects, err);
  if (!seen) return false;
  for (int64_t s = 0; s < subjects; s++) seen[s] = (CmSeen){.when = INFINITY, .subject = s};
  for (int64_t i = 0; i < rows; i++) {
    if (isnan(when[i])) {
      cm_error_set(
          err, CM_ERR_DATA,
          "a row has no time, so it cannot be put before or after others; fill the time column or leave the row out");
      return false;
    }
    if (when[i] < seen[subject[i]].when) seen[subject[i]].when = when[i];
  }
  qsort(seen, (size_t)subjects, sizeof *seen, later_first);
  int64_t count = (int64_t)llround(share * (double)subjects);
  count = count < 1 ? 1 : count;
  /* subjects seen at the very time of the last one that is held are held as well */
  while (count < subjects && seen[count].when == seen[count - 1].when) count++;
  for (int64_t s = 0; s < count; s++) held_subject[seen[s].subject] = 1;
  return true;
}

static bool hold_random(CmArena *hold, const int64_t *count, int classes, int64_t subjects, double share,
                        uint64_t stream, uint8_t *held_subject, CmError **err) {
  int64_t *members = CM__NEW(hold, int64_t, subjects, err);
  if (!members) return false;
  for (int c = 0; c < classes; c++) {
    int64_t n = 0;
    for (int64_t s = 0; s < subjects; s++) {
      int most = 0;
      for (int k = 1; k < classes; k++)
        if (count[s * classes + k] > count[s * classes + most]) most = k;
      if (most == c) members[n++] = s;
    }
    if (n < 2) {
      cm_error_set(err, CM_ERR_DATA,
                   "a class has %lld subjects, too few for a hold-out; use hold_out=0 or more subjects", (long long)n);
      return false;
    }
    cm__shuffle(cm__mix(stream + (uint64_t)c), members, n);
    int64_t take = (int64_t)llround(share * (double)n);
    take = take < 1 ? 1 : take > n - 1 ? n - 1 : take;
    for (int64_t i = 0; i < take; i++) held_subject[members[i]] = 1;
  }
  return true;
}

bool cm__split_hold_out(CmContext *ctx, const int *y, int classes, const int64_t *subject, int64_t subjects,
                        int64_t rows, double share, const double *when, uint64_t stream, uint8_t *held, CmError **err) {
  CmArena hold = {.ctx = ctx};
  bool ok = false;
  int64_t *count = count_classes(&hold, y, classes, subject, subjects, rows, err);
  uint8_t *held_subject = CM__NEW(&hold, uint8_t, subjects, err);
  if (!count || !held_subject) goto done;
  ok = when ? hold_latest(&hold, subject, subjects, rows, share, when, held_subject, err)
            : hold_random(&hold, count, classes, subjects, share, stream, held_subject, err);
  if (ok)
    for (int64_t i = 0; i < rows; i++) held[i] = held_subject[subject[i]];
done:
  cm__arena_free(&hold);
  return ok;
}

static int by_number(const void *a, const void *b) {
  const CmSized *p = a, *q = b;
  if (p->subject != q->subject) return p->subject < q->subject ? -1 : 1;
  return p->at < q->at ? -1 : p->at > q->at;
}

/* Each row is a subject of its own, in order: the usual case of tables without a subject column. */
static bool is_compact(const int64_t *subject, int64_t rows) {
  int64_t i = 0;
  while (i < rows && subject[i] == i) i++;
  return i == rows;
}

bool cm__compact_subjects(CmArena *scratch, int64_t *subject, int64_t rows, int64_t *subjects, CmError **err) {
  *subjects = rows;
  if (is_compact(subject, rows)) return true;
  CmSized *sorted = CM__NEW(scratch, CmSized, rows, err);
  if (!sorted) return false;
  for (int64_t i = 0; i < rows; i++) sorted[i] = (CmSized){.at = i, .subject = subject[i]};
  qsort(sorted, (size_t)rows, sizeof *sorted, by_number);
  int64_t first = 0;
  for (int64_t i = 0; i < rows; i++) { /* rows: the subject's first row */
    if (i && sorted[i].subject != sorted[i - 1].subject) first = i;
    sorted[i].rows = sorted[first].at;
  }
  for (int64_t i = 0; i < rows; i++) subject[sorted[i].at] = sorted[i].rows;
  *subjects = 0;
  for (int64_t i = 0; i < rows; i++) subject[i] = subject[i] == i ? (*subjects)++ : subject[subject[i]];
  return true;
}

bool cm__subjects_of_class(CmArena *scratch, const int *y, const int64_t *subject, int64_t subjects, int64_t rows,
                           int64_t count[2], CmError **err) {
  uint8_t *seen = CM__NEW(scratch, uint8_t, subjects, err);
  if (!seen) return false;
  for (int64_t i = 0; i < rows; i++) seen[subject[i]] |= (uint8_t)(1u << y[i]);
  count[0] = count[1] = 0;
  for (int64_t s = 0; s < subjects; s++) {
    count[0] += seen[s] & 1;
    count[1] += seen[s] >> 1 & 1;
  }
  return true;
}

bool cm__fewest_subjects(CmContext *ctx, const int *y, int classes, const int64_t *subject, int64_t subjects,
                         int64_t rows, int *few, int64_t *count, CmError **err) {
  CmArena hold = {.ctx = ctx};
  uint8_t *seen = CM__NEW(&hold, uint8_t, subjects, err);
  *few = 0;
  *count = INT64_MAX;
  for (int c = 0; seen && c < classes; c++) {
    int64_t have = 0;
    memset(seen, 0, (size_t)subjects);
    for (int64_t i = 0; i < rows; i++)
      if (y[i] == c && !seen[subject[i]]) have += seen[subject[i]] = 1;
    if (have >= *count) continue;
    *few = c;
    *count = have;
  }
  cm__arena_free(&hold);
  return seen != NULL;
}
