/* Studies: one YAML file that names inputs, steps, labels, models, validation and outputs; checked whole, run, resumed,
 * reported.
 *
 * The file is described in docs/study-files.md. A study file is checked completely before anything runs: every problem
 * is in one message, each with its line. A run works through subjects; what fails on one subject goes to quarantine and
 * the rest is done. Each step's outcome is kept in OUT/.cormack under the hash of what made it, so that a second run,
 * or one after a kill, does only what is missing and ends with the same bits. The same bits come out with any number of
 * threads. */
#ifndef CORMACK_STUDY_H
#define CORMACK_STUDY_H

#include "cormack/context.h"

typedef struct CmStudy CmStudy; /* a study file, read and checked; immutable */

typedef struct CmStudyProblem {
  int line, column; /* 1-based; 0 where it is the file as a whole */
  const char *text; /* what is wrong; what to do. Borrowed from the study */
} CmStudyProblem;

/* Reads a study file. Fails only where the file cannot be read (CM_ERR_IO) or held (CM_ERR_MEMORY); whatever is wrong
 * with its contents is kept as problems. Paths in it are relative to its folder. Free with cm_study_free(). */
CM_API CM_NODISCARD CmStudy *cm_study_open(CmContext *ctx, const char *path, CmError **err);
/* The same from text. `name` is for messages; `folder` is what paths are relative to. */
CM_API CM_NODISCARD CmStudy *cm_study_parse(CmContext *ctx, const char *text, size_t size, const char *name,
                                            const char *folder, CmError **err);

/* What a model is applied to. Pointers are borrowed for the call. */
typedef struct CmStudyNew {
  /* files, folders or patterns; with several inputs each with the name of its input: "ct=scans/", "pet=pet/" */
  const char *const *places;
  int place_count;
  const char *labels;  /* table of outcomes, with the columns that the study named; NULL: those that the images carry */
  const char *subject; /* its column of subjects; NULL: as in the study */
  const char *select;  /* one of several: an array of an .npz, a series; NULL: as in the study */
  uint64_t reserved[8];
} CmStudyNew;
/* The study that applies a saved model to new images: the steps that made the model's features, each parameter as it
 * was, then the model («predict» of docs/study-files.md). Run it with cm_study_run(): tables/predictions.csv and .json,
 * and tables/predictions_metrics where outcomes are known. The images must have the shape (in voxels where they have no
 * place in space), components and unit that those of training had in common; others go to quarantine. CM_ERR_DATA: the
 * model was trained on a table; CM_ERR_USAGE: a place of an input that the study does not have. */
CM_API CM_NODISCARD CmStudy *cm_study_of_model(CmContext *ctx, const char *model, const CmStudyNew *what,
                                               CmError **err);

CM_API void cm_study_free(CmStudy **study);

CM_API const char *cm_study_name(const CmStudy *study); /* what stands behind «study:»; "" where that is missing */
CM_API int cm_study_problem_count(const CmStudy *study);
CM_API const CmStudyProblem *cm_study_problem_at(const CmStudy *study, int at); /* by line */
/* true where there are none; else CM_ERR_USAGE with all of them: «FILE: 2 problems, nothing was run: LINE:COLUMN: what
 * | LINE:COLUMN: …». The command line prints them one a line, as «FILE:LINE:COLUMN: what is wrong; what to do». */
CM_API bool cm_study_check(const CmStudy *study, CmError **err);

typedef struct CmStudyOptions {
  const char
      *out;    /* folder of the outputs; made where absent. One that is neither empty nor an earlier run's is refused */
  bool resume; /* there must have been a run in `out` already, or nothing at all */
  bool fresh;  /* forget what earlier runs in `out` have kept, and do everything again */
  uint64_t reserved[8];
} CmStudyOptions;
CM_API void cm_study_default_options(CmStudyOptions *options);

/* What would be done, as text for people or as JSON. Finds the inputs, reads their headers, and, where options->out
 * holds an earlier run, says how much of it can be kept. Computes nothing, and writes nothing but the index of a
 * catalogue that names folders to add (`file` with `path`). options may be NULL. Free with cm_free(). */
CM_API CM_NODISCARD char *cm_study_plan(CmContext *ctx, const CmStudy *study, const CmStudyOptions *options, bool json,
                                        CmError **err);

typedef struct CmStudyOutcome {
  int64_t subjects, images; /* found */
  int64_t steps_run;        /* step x unit that were computed */
  int64_t steps_kept;       /* that were there already */
  int64_t steps_failed;     /* that failed, or wait for one that did */
  int64_t quarantined;      /* rows of OUT/quarantine.csv */
  double seconds;
  uint64_t reserved[8];
} CmStudyOutcome;

/* Runs it, with the threads, memory ceiling, progress and cancel of `ctx`. Progress is reported under the study's name,
 * in steps x units. true: done, and outcome->quarantined says how many inputs or steps are in quarantine. false:
 *   CM_ERR_USAGE      the study has problems (cm_study_check()), or `out` is somebody else's
 *   CM_ERR_IO         the outputs cannot be written (disk full, read-only, locked by another run); what was done is
 * kept CM_ERR_CANCELLED  the caller asked to stop; what was done is kept CM_ERR_DATA, CM_ERR_LEAKAGE  the learning was
 * refused; tables and images are written all the same outcome may be NULL and is filled in either case. */
CM_API bool cm_study_run(CmContext *ctx, const CmStudy *study, const CmStudyOptions *options, CmStudyOutcome *outcome,
                         CmError **err);

#endif
