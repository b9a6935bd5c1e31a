/* A fitted model, from the inside. */
#ifndef CORMACK_LEARN_MODEL_H
#define CORMACK_LEARN_MODEL_H

#include <stdatomic.h>

#include "learn/data.h"
#include "learn/kind.h"
#include "learn/prepare/prepare.h"
#include "learn/recalibrate.h"

struct CmPixelStack;

struct CmModel {
  CmArena hold; /* holds everything below; the model itself is a block of its own */
  atomic_int references;
  const CmModelBody *body;
  const char *name, *target, *target_unit, *event_column, *subject_column, *params_json, *prepare_json;
  CmLearnTask task;
  int classes, features; /* classes: or clusters, or components */
  const char **class_name, **feature, **unit;
  CmPrepare prepare;
  void *state;
  CmRecalibration recalibration; /* method none: the probabilities are the predictor's */
  int64_t rows, subjects;
  char table_hash[2 * CM_HASH_SIZE + 1];
  const char *version;         /* of Cormack, that trained it */
  struct CmPixelStack *pixels; /* NULL: no classifier of pixels */
  const char *study;           /* what made the table that it was trained on; NULL: not known */
};

/* Fits on the rows of `data` that are numbered in at[0..count). */
CmModel *cm__model_fit_rows(CmContext *ctx, const CmLearner *learner, const CmLearnData *data, const int64_t *at,
                            int64_t count, CmError **err);
/* x: rows x features of the model, unprepared; to: rows x cm__width(). Runs on the calling thread. */
bool cm__model_numbers(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, double *to, CmError **err);
/* share: rows x count, survival past each time, also beyond the follow-up. */
bool cm__model_survive(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, const double *times,
                       int count, double *share, CmError **err);
/* The same of rows at[] of the data; to: one a row. */
bool cm__model_rows(CmContext *ctx, const CmModel *model, const CmLearnData *data, const int64_t *at, int64_t rows,
                    double *to, CmError **err);
/* As cm__model_numbers, before recalibration. */
bool cm__model_raw(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, double *to, CmError **err);
/* The model's features of all rows of a table, rows x features; refuses a table that differs. */
double *cm__model_table(CmArena *hold, const CmModel *model, const CmTable *table, CmError **err);
/* What is handed out of all rows of a table: rows x *width, at least cm__width() of them; of subjects that the model
 * knows by what is known of them. */
double *cm__model_said(CmArena *hold, const CmModel *model, const CmTable *table, int *width, CmError **err);
/* Class of an output of contributions and weights; NULL where outputs belong to no class. */
const char *cm__output_name(const CmModel *model, int output);
/* Names the clusters or components "1", "2" … */
bool cm__name_parts(CmModel *model, int parts, CmError **err);
/* contribution: rows x outputs x (features + 1) with all features of the model, the base last. */
bool cm__model_contributions(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, double *contribution,
                             CmError **err);
/* Name of a prepared column; `room` is for those that are no feature as such. */
const char *cm__prepared_name(const CmModel *model, int k, char *room, size_t size);
/* The largest; of equals the first. */
int cm__most_probable(const double *probability, int classes);
CmModel *cm__model_create(CmContext *ctx, CmError **err);
/* Name, kind and parameters of a learner are usable; fills in defaults where NULL. */
bool cm__learner_check(const CmLearner *learner, CmError **err);
const char *cm__learner_name(const CmLearner *learner);

#endif
