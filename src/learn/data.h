/* A CmTable seen as what learning needs: numbers, classes, subjects, times. Built once, then read by all threads. */
#ifndef CORMACK_LEARN_DATA_H
#define CORMACK_LEARN_DATA_H

#include "core/arena.h"
#include "core/table_cell.h"
#include "cormack/learn.h"

typedef struct CmLearnNote CmLearnNote;
struct CmLearnNote {
  CmLearnNote *next;
  const char *level, *code, *text;
};

typedef struct CmLearnData {
  CmArena hold;         /* holds everything below */
  const CmTable *table; /* borrowed */
  CmLearnTask task;
  const char *target, *target_unit, *event_column, *subject_column, *time_column; /* target: NULL without one */
  int64_t rows, rows_without_target;
  int64_t unlabelled; /* rows without a target that are kept behind the others, for kinds that take them */
  int64_t *row;       /* row of the table; rows + unlabelled, as x and subject */
  int features;
  const char **feature, **unit;
  int *column;
  double *x;                /* rows x features, NaN where missing */
  const char *batch_column; /* NULL: none */
  int batch;                /* feature that holds the number of a row's level; -1: none */
  int levels;
  const char **level;      /* sorted */
  int along_time;          /* how values are filled from other visits; 0: not */
  bool whole;              /* rows that lack a value of a feature are left out */
  int64_t incomplete;      /* so many were */
  int classes;             /* 0: none */
  const char **class_name; /* binary: [1] is the positive one */
  int *y;                  /* NULL without classes */
  double *value;           /* regression: the target; survival: the time; else NULL */
  uint8_t *event;          /* survival: 1 where the event came */
  double *start;           /* survival: when the row comes under observation; NULL: at 0 */
  int64_t subjects;        /* that have a labelled row; those of unlabelled rows alone are numbered behind */
  int64_t *subject;        /* 0..subjects-1, by first appearance */
  const char **subject_name;
  double *when;  /* NULL without a time column; NaN where missing */
  double *known; /* when the outcome was known; as when */
  uint8_t *held; /* NULL without a hold-out column */
  int labels;    /* targets that are learned each by itself and judged together; 0: one target */
  const char **label;
  int *label_column;
  uint64_t *marks; /* rows: bit l where the row has label l */
  CmLearnNote *notes, **notes_end;
  char table_hash[2 * CM_HASH_SIZE + 1];
} CmLearnData;

/* What the learners that share a table can do. */
typedef struct CmAbility {
  uint32_t tasks; /* that each of them takes */
  bool takes_unlabelled;
  const CmPrepareParams *prepare; /* of the first; NULL: none */
  bool unlike;                    /* others ask for other rows */
} CmAbility;
CmAbility cm__ability(const CmLearner *learners, int count);

/* Reads the columns. Free with cm__data_free() also after failure. */
bool cm__data_read(CmContext *ctx, const CmTable *table, const CmLearnColumns *columns, CmAbility ability,
                   CmLearnData *data, CmError **err);
/* Subjects of the rows; without a name each is its own, and a note says so. Times; NULL: none. */
bool cm__data_subjects(CmLearnData *data, const char *name, CmError **err);
bool cm__data_times(CmLearnData *data, const char *name, CmError **err);
/* Starts of the rows of survival; NULL: none. Refuses rows of a subject that overlap. */
bool cm__data_starts(CmLearnData *data, const char *name, CmError **err);
/* Task, rows and target. */
bool cm__target_read(CmLearnData *data, const CmLearnColumns *columns, CmAbility ability, CmError **err);
/* A column by its name; -1 and CM_ERR_MISSING with the nearest known name. */
int cm__named_column(const CmTable *table, const char *name, const char *role, CmError **err);
void cm__data_free(CmLearnData *data);
bool cm__data_note(CmLearnData *data, CmError **err, const char *level, const char *code, const char *format, ...)
    CM_PRINTF(5, 6);
/* Numbers of columns as rows x count; row: of these rows of the table, NULL: of the first ones. */
bool cm__table_reals(CmContext *ctx, const CmTable *table, const int *columns, int count, const int64_t *row,
                     int64_t rows, double *x, CmError **err);

/* Refuses leaks that can be seen before any split (all but overlap and time order). `allow`: names let pass, as in
 * CmValidateParams. */
bool cm__leak_check(CmLearnData *data, const CmLearnColumns *columns, const char *allow, CmError **err);
/* What a leak is called where it is let pass: a note; else the error. Returns false where refused. */
bool cm__leak_found(CmLearnData *data, const char *allow, const char *name, CmError **err, const char *format, ...)
    CM_PRINTF(5, 6);
/* held[row] != 0: test. Refuses subjects on both sides, and training rows later than a held-out one where `temporal`.
 */
bool cm__leak_check_split(CmLearnData *data, const uint8_t *held, bool temporal, const char *allow, CmError **err);

#endif
