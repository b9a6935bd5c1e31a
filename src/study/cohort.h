/* The catalogues that a study's inputs are asked of: brought up to date, asked, and told of. */
#ifndef STUDY_COHORT_H
#define STUDY_COHORT_H

#include "study/spec.h"

/* A row of the quarantine. */
typedef struct CmQuarantined {
  const char *path, *subject, *visit, *step, *code, *reason;
} CmQuarantined;

/* What a path begins with in a catalogue, and in the study file. */
typedef struct CmRoot {
  const char *real, *named;
} CmRoot;

typedef struct CmCohort {
  CmContext *ctx;
  CmSpec *spec;
  CmArena *arena;
  const char *file; /* of the study's catalogue; NULL: it names none */
  bool passing;     /* the file is for this look only */
  CmRoot *roots;    /* that the study's catalogue was brought up to date with */
  int root_count;
  CmRoot folder; /* of the study file */
} CmCohort;

/* Brings the study's catalogue up to date. keep: folder for the one that the run keeps; NULL: it is made for this look
 * only. Texts go to the arena. Close in either case. */
bool cm__cohort_open(CmCohort *cohort, CmArena *arena, CmContext *ctx, CmSpec *spec, const char *keep, CmError **err);
void cm__cohort_close(CmCohort *cohort);

/* The files that an input asks for, by name, each once, with paths as if the study file had named them. */
bool cm__cohort_files(CmCohort *cohort, const CmSpecInput *input, const char ***files, int *count, CmError **err);
/* Broken files that the catalogues know: those below the study's paths; of a catalogue without, those that lie in a
 * folder with one of `files`, which are all that the inputs have asked for. */
bool cm__cohort_quarantine(CmCohort *cohort, const char *const *files, int file_count, CmQuarantined **rows, int *count,
                           CmError **err);
/* A row a catalogue and modality: patients, studies, series, images, files; the last of a catalogue is «all». */
CM_NODISCARD CmTable *cm__cohort_counts(CmCohort *cohort, CmError **err);

/* Text in SQL's quotation marks. NULL + err. */
CM_NODISCARD const char *cm__sql_text(CmArena *arena, const char *text, CmError **err);

#endif
