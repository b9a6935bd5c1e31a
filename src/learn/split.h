/* Folds and hold-outs that keep subjects together. */
#ifndef CORMACK_LEARN_SPLIT_H
#define CORMACK_LEARN_SPLIT_H

#include "core/arena.h"

/* Gives each of `rows` rows a fold 0..folds-1, all rows of a subject the same. Subjects are shuffled by `stream`, taken
 * by falling number of rows, and each put where the classes then are most even (least sum over classes of squared
 * shares; of equals the fold with fewer rows, then the first). CM_ERR_DATA where a class has fewer subjects than folds.
 * y: 0..classes-1; subject: 0..subjects-1. */
bool cm__split_folds(CmContext *ctx, const int *y, int classes, const int64_t *subject, int64_t subjects, int64_t rows,
                     int folds, uint64_t stream, int *fold, CmError **err);
/* Marks about `share` of the subjects of each class (at least one, never all) in held[rows]. With `when`: those seen
 * last, without regard to class: the latest rows of a subject decide. A subject of several classes counts for the one
 * it has most. */
bool cm__split_hold_out(CmContext *ctx, const int *y, int classes, const int64_t *subject, int64_t subjects,
                        int64_t rows, double share, const double *when, uint64_t stream, uint8_t *held, CmError **err);

/* Renumbers any subject numbers to 0..subjects-1 by first appearance, in place. */
bool cm__compact_subjects(CmArena *scratch, int64_t *subject, int64_t rows, int64_t *subjects, CmError **err);
/* The class that the fewest subjects have a row of, and how many these are. */
bool cm__fewest_subjects(CmContext *ctx, const int *y, int classes, const int64_t *subject, int64_t subjects,
                         int64_t rows, int *few, int64_t *count, CmError **err);
/* How many subjects have a row of each class; y: 0..1. */
bool cm__subjects_of_class(CmArena *scratch, const int *y, const int64_t *subject, int64_t subjects, int64_t rows,
                           int64_t count[2], CmError **err);

#endif
