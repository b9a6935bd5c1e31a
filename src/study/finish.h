/* The end of a run: tables, models, provenance, results and report from what the work has made. */
#ifndef STUDY_FINISH_H
#define STUDY_FINISH_H

#include "study/learning.h"
#include "study/outputs.h"
#include "study/report.h"

typedef struct CmFinish {
  CmArena arena;
  CmContext *ctx;
  CmSpec *spec;
  CmWork *work;
  CmOutputs *outputs;
  CmStudyResult result;
  CmTable *quarantine, *provenance, *features; /* owned */
  CmTable **tables;                            /* owned, in the order of result.tables */
  CmLearning learning;
  CmError *refusal; /* why the learning was refused */
} CmFinish;

/* Writes everything. A refused learning is not a failure: it stays in `refusal`. Free with cm__finish_free() in either
 * case. */
bool cm__finish_do(CmFinish *finish, CmWork *work, CmOutputs *outputs, CmError **err);
void cm__finish_free(CmFinish *finish);

/* Rows of the quarantine: files, units, steps. NULL + err. */
CM_NODISCARD CmTable *cm__quarantine_table(const CmWork *work, CmError **err);

/* provenance.c */
CM_NODISCARD CmTable *cm__provenance_table(CmFinish *finish, CmError **err);
CM_NODISCARD char *cm__provenance_json(CmFinish *finish, CmError **err);
CM_NODISCARD char *cm__results_json(CmFinish *finish, CmError **err);

/* result.c: inputs, steps and pictures of finish->result. */
bool cm__result_fill(CmFinish *finish, CmError **err);

#endif
