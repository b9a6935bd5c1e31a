/* A study file as structures: what spec_*.c make of the YAML tree, and plan.c and run.c work from. */
#ifndef STUDY_SPEC_H
#define STUDY_SPEC_H

#include "cormack/io.h"
#include "cormack/learn.h"
#include "cormack/op.h"
#include "study/yaml.h"

#define CM__MAX_INPUTS 64 /* roots are a bit mask */
/* The file of what is predicted, without extension; those of its other tables begin so, and a step's may not. */
#define CM__PREDICTIONS "predictions"

typedef enum CmSubjectKey {
  CM__SUBJECT_PATIENT_ID,
  CM__SUBJECT_PATIENT_NAME,
  CM__SUBJECT_STUDY_UID,
  CM__SUBJECT_SERIES_UID
} CmSubjectKey;
typedef enum CmVisitKey { CM__VISIT_DATE, CM__VISIT_STUDY_UID, CM__VISIT_NONE } CmVisitKey;

/* «catalog:»: the catalogue that inputs are asked of. */
typedef struct CmSpecCatalog {
  const CmYaml *at;    /* NULL: the study names none */
  const char *name;    /* as the file writes it */
  const char *file;    /* to open; NULL: the run keeps one of its own */
  const char **paths;  /* that it is brought up to date with before each run; variables filled in */
  const char *written; /* the paths as the file writes them */
  int path_count;
  bool asked; /* it is there, and questions can be tried at the check */
} CmSpecCatalog;

typedef struct CmSpecInput {
  const char *name;
  const CmYaml *at;
  CmKind kind;         /* image or labels */
  const char **paths;  /* variables filled in */
  const char *written; /* the paths, or what is asked of the catalogue, as the file writes them */
  int path_count;
  const char *sql;          /* gives the paths of its images in the catalogue; NULL: it has paths of its own */
  const CmYaml *asks_at;    /* where the file asks it */
  const char *catalog;      /* to open; NULL: the one that the run keeps */
  const char *catalog_name; /* as the file writes it */
  const char *modality;     /* "": any */
  const char *series;       /* glob on SeriesDescription; "": any */
  const char *keys;         /* pattern with {subject}, {visit} and {label}; "": none */
  int subject_key, visit_key;
  int64_t min_slices;
  const char *select; /* NULL: the only array or image */
  const char *labels; /* npz: the array of labels; NULL: found by name */
  int fill;           /* CmFill */
  bool suv, optional;
  int duplicates;     /* 0: kept, 1: images with the same bytes as another are dropped */
  int shape_rank;     /* 0: any shape */
  int64_t shape[4];   /* 0: any length */
  int64_t components; /* 0: any */
  const char *unit;   /* NULL: any */
} CmSpecInput;

typedef enum CmRefWhen { CM__WHEN_SAME, CM__WHEN_BEFORE, CM__WHEN_AFTER } CmRefWhen;

/* What a port is fed with: an input, or an output of a step. */
typedef struct CmSpecRef {
  int input, step; /* one of them >= 0, or both -1: not given */
  int port;        /* output of the step */
  CmRefWhen when;  /* in steps between visits: which of the two */
  const CmYaml *at;
} CmSpecRef;

typedef struct CmSpecStep {
  const char *name;
  const CmYaml *at;
  const CmOp *op; /* NULL where unknown */
  void *params;   /* of op; the study's */
  const char *params_json;
  CmSpecRef in[CM_MAX_PORTS];
  bool save[CM_MAX_PORTS];   /* outputs that go to OUT/images */
  bool wanted[CM_MAX_PORTS]; /* outputs that somebody uses */
  bool between;              /* works on two visits */
  const char *days;          /* parameter that takes the days between them; NULL: none */
  uint64_t roots;            /* inputs that it depends on */
} CmSpecStep;

typedef struct CmSpecLabels {
  const CmYaml *at;                    /* NULL: the study has none */
  const char *file;                    /* as written; NULL: from an input */
  int input;                           /* -1: from a file */
  const char *subject, *target, *time; /* target: of several, all their names in one text */
  const char **targets;                /* several */
  int target_count;                    /* 0: one */
  CmTable *table;                      /* of the file, read at the check; owned */
} CmSpecLabels;

typedef enum CmAggregateHow {
  CM__AGG_COUNT,
  CM__AGG_LARGEST,
  CM__AGG_SMALLEST,
  CM__AGG_SUM,
  CM__AGG_MEAN,
  CM__AGG_MEDIAN,
  CM__AGG_MIN,
  CM__AGG_MAX,
  CM__AGG_STD,
  CM__AGG_BY
} CmAggregateHow;

typedef struct CmSpecAggregate {
  CmAggregateHow how;
  const char **columns; /* NULL: all numeric ones */
  int column_count;
  const CmYaml *at;
} CmSpecAggregate;

typedef struct CmSpecSource { /* a table that feeds the learning */
  CmSpecRef ref;
  CmSpecAggregate *aggregates;
  int aggregate_count;
} CmSpecSource;

typedef enum CmLearnRow { CM__ROW_SUBJECT, CM__ROW_VISIT, CM__ROW_IMAGE } CmLearnRow;
typedef enum CmLearnVisit { CM__VISITS_FIRST, CM__VISITS_LAST, CM__VISITS_ALL } CmLearnVisit;

typedef struct CmSpecLearn {
  const CmYaml *at; /* NULL: none */
  CmModel *model;   /* of «predict:»: nothing is learned, this one is applied; owned. NULL: «learn:» */
  CmSpecSource *sources;
  int source_count;
  int row, visit;
  const char *positive; /* NULL: the learner's rule */
  const char *task;     /* NULL: by the columns and the models */
  const char *event;    /* column of the labels; NULL: none */
  const char *hold_out; /* column of the labels; NULL: none */
  const char *group;    /* column of the labels, each of whose values is left out once; NULL: folds by subject */
  const char **features, **ignore, **order;
  int feature_count, ignore_count, order_count;
  CmLearner *learners; /* params are the study's */
  const char **learner_json;
  int learner_count;
  CmPrepareParams *prepare;
  CmValidateParams *validate;
  CmTuneParams *tune;
  CmRecalibrateParams *recalibrate;
  const char *prepare_search, **subgroups; /* search: what is to be chosen of the preparation; NULL: nothing */
  int subgroup_count;
} CmSpecLearn;

typedef struct CmSpecPicture {
  CmSpecRef image;
  CmSpecRef *overlays;
  int overlay_count;
  bool has_window;
  double centre, width; /* in the image's unit */
} CmSpecPicture;

typedef struct CmSpecReport {
  bool off;
  const char *title, *text;
  CmSpecPicture *pictures; /* as asked for, or found: every input with the label maps made from it */
  int picture_count;
  int64_t subjects; /* most subjects with pictures */
} CmSpecReport;

typedef struct CmSpec {
  CmContext *ctx;
  CmArena arena;
  CmProblems problems;
  const char *file;   /* name of the study file, for messages */
  const char *folder; /* of the study file */
  const char *text;   /* of the study file */
  const char *name;
  CmYaml *root;
  CmSpecCatalog catalog;
  CmSpecInput *inputs;
  int input_count;
  CmSpecLabels labels;
  CmSpecStep *steps; /* in an order in which each stands behind what it uses */
  int step_count;
  CmSpecLearn learn;
  CmSpecReport report;
  bool keep_all; /* cache: all */
} CmSpec;

/* Fills the structures; what is wrong goes into spec->problems. false only for want of memory. */
bool cm__spec_parse(CmSpec *spec, const char *text, size_t size, CmError **err);
void cm__spec_free(CmSpec *spec);

/* The parts, each in its file. */
void cm__spec_catalog(CmSpec *spec);
void cm__spec_inputs(CmSpec *spec);
void cm__spec_labels(CmSpec *spec);
/* «target:» of the labels, or of learn: a column or a list of columns. */
void cm__spec_target(CmSpec *spec, const CmYaml *node);
void cm__spec_steps(CmSpec *spec);
void cm__spec_learn(CmSpec *spec);
void cm__spec_predict(CmSpec *spec);
void cm__spec_report(CmSpec *spec);
void cm__spec_outputs(CmSpec *spec);

/* How the file writes CmSubjectKey, CmVisitKey, CmFill, CmLearnRow, CmLearnVisit and CmAggregateHow. */
extern const char *const cm__spec_subject_keys[4], *const cm__spec_visit_keys[3],
                                                       *const cm__spec_fills[3], *const cm__spec_row_names[3],
                                                                                     *const cm__spec_visit_names[3],
                                                                                         *const cm__spec_how_names[10];

/* «table», «aggregate», «row» and «visit»: what a row of features is, the same in learning and prediction. */
void cm__spec_rows(CmSpec *spec, const CmYaml *node);

/* Paths of a node, each there or a pattern that something fits, unless they may be absent; *written: as they stand in
 * the file. NULL where it has none. `what` is who names them, for messages. */
const char **cm__spec_paths(CmSpec *spec, const CmYaml *node, const char *what, bool optional, int *count,
                            const char **written);
/* An input without paths: what it asks of which catalogue. */
void cm__spec_input_asks(CmSpec *spec, CmSpecInput *input, const CmYaml *node);

/* Resolves "name", "name.port", "name@before"; of a step without a port, the first output that can serve as `kind`
 * (NONE: any). false, with the problem reported, where it names nothing that does. */
bool cm__spec_ref(CmSpec *spec, const CmYaml *at, const char *text, CmKind kind, const char *where, CmSpecRef *ref);
bool cm__spec_kind_fits(CmKind given, CmKind wanted); /* a label map serves as an image */
CmKind cm__spec_ref_kind(const CmSpec *spec, const CmSpecRef *ref);
/* "step", or "step.port" where the operation has several outputs; "input". */
const char *cm__spec_ref_text(CmSpec *spec, const CmSpecRef *ref);
/* Sets the parameters of a description from a map, leaving out the keys in `skip`; problems are reported at their
 * lines. */
void cm__spec_params(CmSpec *spec, const CmOp *about, void *params, const CmYaml *map, const char *const *skip,
                     int skip_count, const char *what);
/* The same; what a parameter may be chosen from ([0.1, 1, 10] or 0.01..100) comes back as CmLearner.search, with
 * `prefix`; NULL: nothing. */
const char *cm__spec_search(CmSpec *spec, const CmOp *about, void *params, const CmYaml *map, const char *const *skip,
                            int skip_count, const char *prefix, const char *what);
/* Absolute or relative to the study file's folder. */
const char *cm__spec_path(CmSpec *spec, const char *path);

#endif
