/* What the report is made from, and the one function that makes it.
 *
 * Everything is borrowed from the run and in an order that depends on the study alone. The report must be a function of
 * this and nothing else: no clock, no host, no path, so that its bytes are those of an undisturbed run with any number
 * of threads. */
#ifndef STUDY_REPORT_H
#define STUDY_REPORT_H

#include "cormack/learn.h"
#include "cormack/op.h"

typedef struct CmResultInput {
  const char *name; /* "ct" */
  CmKind kind;
  const char *path;     /* as the study file writes it; several with ", "; of a catalogue: what it is asked */
  const char *catalog;  /* that it is asked of, as the file writes it; NULL: none */
  const char *modality; /* "": any */
  int64_t files, images, subjects;
} CmResultInput;

typedef struct CmResultStep {
  const char *name;
  const CmOp *op;              /* summary, citation and the like */
  const char *params_json;     /* all parameters */
  const char *of;              /* what feeds it: "image=ct, lungs=lungs" */
  bool between;                /* works on two visits of a subject */
  int64_t units, done, failed; /* units it was to be done for; failed: in quarantine or waiting for one that is */
} CmResultStep;

/* A table of a step, or of the learning's input: OUT/tables/NAME.csv. Tables of steps begin with the key columns
 * «subject», «visit», «series» (text); those of steps between visits with «subject», «visit», «later_visit». */
typedef struct CmResultTable {
  const char *name; /* file name without extension, e.g. "nodules" */
  int step;         /* index into steps; -1: what the learning saw */
  const CmTable *table;
} CmResultTable;

/* An image with label maps over it, of one visit of one subject. */
typedef struct CmResultPicture {
  const char *subject, *visit, *series; /* visit and series may be "" */
  const char *image;                    /* name of the input or step, e.g. "ct" */
  const char *modality;                 /* of the input that it stems from; "" if unknown */
  const char *const *overlays;          /* names of the steps */
  int overlay_count;
  bool has_window;      /* else choose by unit and modality */
  double centre, width; /* in the image's unit */
  const void *handle;   /* of the run */
} CmResultPicture;

/* Models are written to OUT/models/NAME.json, the learning's tables to OUT/tables/learn_NAME.csv. */
typedef struct CmStudyResult {
  CmContext *ctx;
  const char *study;        /* name */
  const char *title, *text; /* of the report, as the study file says; text "" if none */
  const char *version;      /* of Cormack */
  const char *study_file;   /* the YAML text itself */
  CmHash study_hash;        /* of that text */

  const CmResultInput *inputs;
  int input_count;
  const CmResultStep *steps; /* in order of work */
  int step_count;
  const CmResultTable *tables;
  int table_count;
  const CmResultPicture *pictures; /* of at most `report: subjects` subjects; by subject, visit */
  int picture_count;
  /* «catalog», «modality» (text), «patients», «studies», «series», «images», «files»: what the catalogues hold that
   * were asked, «all» behind the modalities of each; NULL: none was */
  const CmTable *catalogs;
  int64_t subjects, visits; /* found in all inputs together */

  /* «path», «subject», «visit», «step», «code», «reason» (all text): OUT/quarantine.csv */
  const CmTable *quarantine;
  /* «output» (path below OUT), «hash», «step», «operation», «parameters» (JSON), «made_from» (names and hashes), all
   * text */
  const CmTable *provenance;

  const char *target;          /* name of the outcome; NULL where nothing is learned */
  const char *row;             /* what a row of the learning is: "subject", "visit", "image" */
  bool explained;              /* SHAP was asked for */
  const CmTable *const *learn; /* the learning's tables, by CmLearnTable; NULL: none, or refused */
  CmModel *const *models;      /* as handed over, in the order of the table «models»; NULL as above */
  int model_count;
  const char *learn_refusal; /* why the learning was refused; NULL: it was not */
  const CmTable *features; /* what the learning saw: «subject», «visit», «series», target, features; NULL where nothing
                              is learned */
} CmStudyResult;

/* Loads a picture: *image and overlays[0..overlay_count-1] are new references (cm_image_unref); an overlay that was not
 * made, or lies on another grid than the image, is NULL. May be called from several threads. */
bool cm__result_picture(const CmStudyResult *result, const CmResultPicture *picture, CmImage **image,
                        CmImage **overlays, CmError **err);

/* The page, OUT/report.html, as text; free with cm_free(). src/study/report/. */
CM_NODISCARD char *cm__report_make(const CmStudyResult *result, CmError **err);
/* Hands over each plot of the page, an inline SVG that names its file: the name (not ended by 0), and the element
 * behind
 * "<svg". */
typedef bool (*CmPlotTaker)(void *arg, const char *name, size_t length, const char *svg, size_t size, CmError **err);
bool cm__report_plots(const char *page, CmPlotTaker take, void *arg, CmError **err);

#endif
