/* Learning: from a table of features to validated, explained and saved models.
 *
 * A learner is a kind of model with its parameters and a preparation. Fitting a learner makes a model: preparation and
 * predictor together, fitted on the same rows, saved in one file, applied as one. Validating learners makes a set of
 * named tables. Whatever is estimated from data (imputation, scaling, selection, probability calibration) is estimated
 * on training rows only. Same table, same parameters: same bits at any thread count. docs/learning.md gives formulas
 * and sources.
 *
 * Adding a kind of model is one file in src/learn/kinds/ with one CM_MODEL_KIND: command line, study files and docs
 * follow from it. */
#ifndef CORMACK_LEARN_H
#define CORMACK_LEARN_H

#include "cormack/op.h"
#include "cormack/table.h"

typedef struct CmModel CmModel;             /* fitted; immutable, reference-counted, may be used by several threads */
typedef struct CmLearnResult CmLearnResult; /* what a validation found; reference-counted */

/* ---- kinds of model -------------------------------------------------------------------------------------------------
 */

#define CM_LEARN_TASKS(X)                                                                               \
  X(BINARY, "binary")         /* two classes; probabilities and curves are of the positive one */       \
  X(MULTICLASS, "multiclass") /* three or more */                                                       \
  X(ORDINAL, "ordinal")       /* classes in an order */                                                 \
  X(REGRESSION, "regression") /* a number */                                                            \
  X(SURVIVAL, "survival")     /* the time until an event, or until the subject was last seen without */ \
  X(CLUSTERING, "clustering") /* no target from here on: groups of rows */                              \
  X(EMBEDDING, "embedding")   /* few numbers that stand for many */                                     \
  X(OUTLIERS, "outliers")     /* rows unlike the others */
typedef enum CmLearnTask {
#define CM_LEARN_TASK_ENUM(code, name) CM_TASK_##code,
  CM_LEARN_TASKS(CM_LEARN_TASK_ENUM)
#undef CM_LEARN_TASK_ENUM
      CM_LEARN_TASK_COUNT
} CmLearnTask;
CM_API const char *cm_learn_task_name(CmLearnTask task); /* NULL outside */
#define CM_TASKS_CLASSES (1u << CM_TASK_BINARY | 1u << CM_TASK_MULTICLASS)
#define CM_TASKS_WITHOUT_TARGET (1u << CM_TASK_CLUSTERING | 1u << CM_TASK_EMBEDDING | 1u << CM_TASK_OUTLIERS)

/* `about` carries name, summary, details, parameters and citation, and nothing that runs: cm_params_create(),
 * cm_params_set(), cm_params_to_json() and cm_ops_to_json() take it like any operation. */
typedef struct CmModelKind {
  CmOp about;            /* name: "svm"; family: "model" */
  uint32_t tasks;        /* bit 1u << CmLearnTask */
  bool takes_missing;    /* missing values may reach it: «impute = auto» leaves them */
  bool wants_scaling;    /* «scale = auto» is zscore, else none */
  bool explains_rows;    /* cm_model_explain() works */
  bool takes_unlabelled; /* rows without a target are trained on too (semi-supervised) */
} CmModelKind;

CM_API int cm_model_kind_count(void);
CM_API const CmModelKind *cm_model_kind_at(int at);             /* sorted by name */
CM_API const CmModelKind *cm_model_kind_find(const char *name); /* NULL if unknown */
/* As cm_model_kind_find, and CM_ERR_MISSING with the nearest known name. */
CM_API const CmModelKind *cm_model_kind_get(const char *name, CmError **err);

/* ---- preparation ----------------------------------------------------------------------------------------------------
 */

typedef enum CmImpute {
  CM_IMPUTE_AUTO,
  CM_IMPUTE_MEDIAN,
  CM_IMPUTE_MEAN,
  CM_IMPUTE_NONE,
  CM_IMPUTE_KNN,
  CM_IMPUTE_ITERATIVE,
  CM_IMPUTE_DROP
} CmImpute;
typedef enum CmChoose {
  CM_CHOOSE_TEST,
  CM_CHOOSE_MRMR_DIFFERENCE,
  CM_CHOOSE_MRMR_QUOTIENT,
  CM_CHOOSE_LASSO,
  CM_CHOOSE_STABILITY
} CmChoose;
typedef enum CmScale { CM_SCALE_AUTO, CM_SCALE_NONE, CM_SCALE_ZSCORE, CM_SCALE_ROBUST, CM_SCALE_MINMAX } CmScale;

/* In this order, each fitted on the training rows: columns without any value or with variance <= min_variance go;
 * missing values are imputed; batches are harmonised (ComBat); of each pair with |r| > max_correlation the later column
 * goes; of each cluster of correlated columns one stays; columns that are not significant go; the k_best by test, mRMR,
 * lasso or stability stay; what stays is scaled. */
typedef struct CmPrepareParams {
  int32_t impute;     /* CmImpute */
  int64_t neighbours; /* impute=knn: rows whose mean is taken */
  int64_t rounds;     /* impute=iterative: over the columns, at most */
  int32_t along_time; /* none, linear, previous: first from other visits of the subject */
  bool indicators;    /* one more column for each with missing values: whether it was */
  CmText batch;       /* column of the scanner or site that ComBat harmonises; "": none */
  CmText covariates;  /* features that ComBat leaves as they are, with commas between */
  int32_t scale;      /* CmScale: zscore by mean and population standard deviation, robust by median and quartile range,
                       * minmax by the least and the range */
  double min_variance;    /* in the column's unit squared; 0: constant columns go */
  double max_correlation; /* Pearson, 0..1; 1: keep all */
  double max_cluster;     /* mean |r| within a cluster, of which one column stays; 0: no clusters */
  int32_t test;           /* auto, anova, welch, mann_whitney, slope, cox */
  double alpha;           /* columns with a larger corrected p go; 0: no test */
  int32_t correction;     /* benjamini_hochberg, holm, bonferroni, none */
  int64_t k_best;         /* 0: keep all */
  int32_t choose;         /* CmChoose: how the best are found */
  double penalty;         /* lasso, stability: share of the penalty that drops every column */
  double stability;       /* share of the halves in which a column must be chosen */
  int64_t subsamples;     /* halves of the subjects */
  int64_t seed;           /* of the halves and of SMOTE */
  bool smote;             /* rows are made up until all classes are as large; the model's training alone sees them */
  int64_t smote_neighbours;
} CmPrepareParams;
/* The description of the struct above, for cm_params_set() and the like (name: "prepare"). */
CM_API const CmOp *cm_prepare_about(void);

/* ---- choice of parameters ----------------------------------------------------------------------------------------
 */

/* The best of several parameters, by folds inside of the training rows, by subject. In a validation the choice is made
 * anew in each fold, so that test rows have no part in it. */
typedef struct CmTuneParams {
  int32_t search; /* grid: every combination; random: `tries` of them; halving (Jamieson and Talwalkar 2016): all on few
                   * subjects, then the better 1 / factor on `factor` times as many, and so on up to all of them */
  int64_t folds, tries, factor;
  int32_t metric; /* mean over the inner folds; auto: AUC (mean over classes), R2 or C-index */
  int64_t seed;
} CmTuneParams;
CM_API const CmOp *cm_tune_about(void); /* name: "tune" */

/* ---- recalibration -------------------------------------------------------------------------------------------------
 */

/* A map that makes the probabilities of classes come true, fitted to what models of inner folds, by subject, predict of
 * rows that they have not seen; it is saved with the model, and cm_model_predict() applies it. Contributions
 * (cm_model_explain()) are of the output before it. */
typedef struct CmRecalibrateParams {
  int32_t method; /* none, logistic (Platt), isotonic, temperature */
  int64_t folds, seed;
} CmRecalibrateParams;
CM_API const CmOp *cm_recalibrate_about(void); /* name: "recalibrate" */

/* ---- learners and columns -------------------------------------------------------------------------------------------
 */

/* Unfitted. All pointers are borrowed for the call. */
typedef struct CmLearner {
  const CmModelKind *kind;
  const void *params;             /* of kind->about; NULL: defaults */
  const CmPrepareParams *prepare; /* NULL: defaults */
  const char *name;               /* in the results; NULL: the kind's name; names of one validation must differ */
  /* Parameters to choose, and what from: "C=0.1|1|10 gamma=0.001..1 prepare.k_best=5|10": values, or for random and
   * halving a range. NULL: nothing to choose. */
  const char *search;
  const CmTuneParams *tune;               /* NULL: defaults */
  const CmRecalibrateParams *recalibrate; /* NULL: none */
} CmLearner;

/* What the columns of a table mean. Names are exact. */
typedef struct CmLearnColumns {
  /* classes: text or integers; regression: numbers; survival: the time, > 0; without one the kind must need none. Rows
   * where it is missing are left out, and counted. */
  const char *target;
  const char *
      positive; /* class counted as positive, as text; NULL: the last (integers by value, text by bytes). Binary only */
  const char
      *subject;     /* rows of one subject stay together; NULL: each row is a subject of its own, and a note says so */
  const char *time; /* integer, real or ISO 8601 text; NULL: none. Never a feature */
  /* column that marks the hold-out: 1, or text "test"; cm_model_fit() leaves these rows out. NULL: none given */
  const char *hold_out;
  const char *const
      *features; /* NULL: all numeric columns that have no role here; what is passed over is listed in the notes */
  int feature_count;
  const char *const *ignore; /* never features, e.g. other outcomes */
  int ignore_count;
  const char *task;  /* name of a CmLearnTask; NULL: survival with an event column, regression for real numbers (and for
                      * integers where the kinds take no classes), classes otherwise; without a target the kind's own */
  const char *event; /* survival: 1, or text "event", where the time ends in the event; 0, or "censored", where not */
  const char *const *order; /* ordinal: the classes, lowest first; NULL: integers by value */
  int order_count;
  const char *const
      *subgroups; /* columns whose values part the rows for the table «subgroups»; not features unless named */
  int subgroup_count;
  const char *group; /* sites, scanners …: in a validation each of its values is the test part of a fold, instead of
                      * folds of subjects, and a column of «subgroups». Never a feature; NULL: none */
  const char *allow; /* cm_model_fit(): leaks to let pass, as in CmValidateParams; NULL: none */
  /* Several targets at once (multilabel), each a column of 0 and 1: a model each, and rows that have all of them.
   * cm_learn_validate() learns each in turn on the same folds and judges them also together; cm_model_fit() learns
   * `target`, one of them. None of them is a feature. */
  const char *const *labels;
  int label_count;
  /* survival with covariates that change: each row holds from `start` to the target's time, and a subject has several;
   * rows of one subject must not overlap. cm_model_fit() alone; NULL: all rows start at 0 */
  const char *start;
  const char *outcome_time; /* column that says when the outcome was known, written like `time`; no row may have been
                             * seen later. Never a feature; NULL: none */
} CmLearnColumns;

/* ---- models ---------------------------------------------------------------------------------------------------------
 */

/* Fits on all rows with a target that are not held out. CM_ERR_DATA where the rows cannot carry the model (one class
 * only, no column left, …), CM_ERR_LEAKAGE as for cm_learn_validate(). What a reader must know of the rows goes to the
 * context's log. Free with cm_model_unref(). */
CM_API CM_NODISCARD CmModel *cm_model_fit(CmContext *ctx, const CmLearner *learner, const CmTable *table,
                                          const CmLearnColumns *columns, CmError **err);
CM_API CmModel *cm_model_ref(CmModel *model);
CM_API void cm_model_unref(CmModel **model);

CM_API const CmModelKind *cm_model_kind(const CmModel *model);
CM_API const char *cm_model_name(const CmModel *model); /* the learner's */
CM_API CmLearnTask cm_model_task(const CmModel *model);
CM_API const char *cm_model_target(const CmModel *model); /* NULL without one */
CM_API const char *cm_model_event(const CmModel *model);  /* column; NULL outside of survival */
CM_API int cm_model_classes(const CmModel *model); /* or clusters, or components; 0 where there are none of these */
CM_API const char *cm_model_class(const CmModel *model, int at); /* in a binary model 1 is the positive one */
CM_API int cm_model_features(const CmModel *model);              /* columns that it asks for, selected or not */
CM_API const char *cm_model_feature(const CmModel *model, int at);
CM_API const char *cm_model_feature_unit(const CmModel *model, int at);
/* The steps that made the features of what it was trained on, as the text of a study file without places of images
 * (cm_study_of_model() in cormack/study.h); NULL: it was trained on a table. Saved with the model. */
CM_API const char *cm_model_study(const CmModel *model);
/* Only before the model is shared. */
CM_API bool cm_model_set_study(CmModel *model, const char *text, CmError **err);

/* One row a row of `table`, same order: «row» (0-based), the subject's column where the table has it, and by task
 * - classes, clusters: «predicted» and «probability CLASS» for each; the predicted one has the largest probability, of
 *   equals the first
 * - regression: «predicted» in the target's unit
 * - survival: «predicted», the median time in the target's unit; «longer_than», the model's follow-up (the last time in
 *   training), where half outlive it and «predicted» is missing; «risk», the logarithm of the hazard over that of the
 *   mean row
 * - embedding: «component 1» …
 * - outliers: «predicted», "inlier" or "outlier", and «score», negative for outliers
 * A table that lacks a column, or has another unit or no numbers in it, is CM_ERR_DATA that names each; more columns do
 * not matter. */
CM_API CM_NODISCARD CmTable *cm_model_predict(CmContext *ctx, const CmModel *model, const CmTable *table,
                                              CmError **err);
/* Numbers with intervals: «row», the subject's column, «predicted», «standard_error» (of one more measurement),
 * «low» and «high», between which `confidence` (above 0, below 1) of new measurements lie, by Student's t; and, of a
 * kind that predicts subjects whom it was trained on by what is known of them, «known»: 1 for these. CM_ERR_UNSUPPORTED
 * for kinds other than linear, ridge and mixed. */
CM_API CM_NODISCARD CmTable *cm_model_forecast(CmContext *ctx, const CmModel *model, const CmTable *table,
                                               double confidence, CmError **err);
/* Survival: «row», the subject's column, and «survival TIME» for each of `times`: the share that lives past it.
 * CM_ERR_PARAMETER for a time beyond the model's follow-up, the last time in training. */
CM_API CM_NODISCARD CmTable *cm_model_survival(CmContext *ctx, const CmModel *model, const CmTable *table,
                                               const double *times, int count, CmError **err);
/* Contributions of the features to the model's output for each row and class (binary: the positive class alone): «row»,
 * the subject's column where the table has it, «class», «base», «output», and one column CM_SHAP_PREFIX + feature for
 * every feature, so that base + contributions = output. Output: log-odds for logistic and gradient_boosting (softmax
 * margin where multiclass), the class's share of the trees' votes before normalisation for random_forest. Exact tree
 * SHAP (path-dependent) for trees; for logistic w (x - mean) of the training rows. CM_ERR_UNSUPPORTED for kinds without
 * explains_rows. */
CM_API CM_NODISCARD CmTable *cm_model_explain(CmContext *ctx, const CmModel *model, const CmTable *table,
                                              CmError **err);
#define CM_SHAP_PREFIX "shap "

typedef struct CmExplainParams {
  int64_t background; /* rows of the background at most, evenly spaced ones */
  int64_t coalitions; /* of features, at most; 0: 2048 + 2 for each feature */
  int64_t grid;       /* points, or bins, of an effect */
  int64_t rows;       /* for each point of a partial dependence at most, evenly spaced ones */
  int64_t samples;    /* of LIME, drawn around a row */
  int64_t told;       /* features of LIME's linear model at most */
  int64_t neighbours; /* rows of the background from which a counterfactual is sought */
  CmText fixed;       /* features that a counterfactual leaves as they are, comma-separated */
  int64_t seed;       /* of coalitions and samples */
} CmExplainParams;
CM_API const CmOp *cm_explain_about(void); /* name: "explain" */

/* Kernel SHAP (Lundberg and Lee 2017) of any model but embeddings: columns as cm_model_explain(), but of what the model
 * predicts: the probability of the (positive) class, the number, the risk, the score. A feature that is not in a
 * coalition takes the values of the background's rows. All coalitions where they are few enough, and then exact Shapley
 * values; else the smallest and largest, and a sample of the rest. params NULL: defaults. */
CM_API CM_NODISCARD CmTable *cm_model_kernel_shap(CmContext *ctx, const CmModel *model, const CmTable *table,
                                                  const CmTable *background, const CmExplainParams *params,
                                                  CmError **err);

/* LIME (Ribeiro, Singh and Guestrin 2016) of any model but embeddings, of what is predicted (as above): a linear model
 * of the prediction around each row, on statements that a feature lies in the same quarter of the background as in the
 * row. «row», the subject's column, «class», «feature», «statement», «weight» (of the statement being true),
 * «intercept», «local_output» (intercept and all weights), «output» (the model's own), «r2» (of the linear model on the
 * samples); a row for each feature that is told, the weightiest first. Features are drawn from the background's rows
 * each by itself. Kernel, penalties and choice of features as in the lime package with its defaults and
 * highest_weights. */
CM_API CM_NODISCARD CmTable *cm_model_lime(CmContext *ctx, const CmModel *model, const CmTable *table,
                                           const CmTable *background, const CmExplainParams *params, CmError **err);

/* The least change that turns the decision for a row, as far as it is found (counterfactual, Wachter et al. 2018):
 * «row», the subject's column, «predicted», «probability», «becomes», «new_probability», «feature», «unit», «from»,
 * «to», «cost»; a row for each feature that changes, the dearest first. No change can be left out, and none made
 * smaller by itself, without the decision turning back. cost: in median absolute deviations of the background. Whole
 * numbers stay whole, missing values missing. «becomes» is missing where nothing turns it. CM_ERR_UNSUPPORTED for
 * models of other things than classes. */
CM_API CM_NODISCARD CmTable *cm_model_counterfactuals(CmContext *ctx, const CmModel *model, const CmTable *table,
                                                      const CmTable *background, const CmExplainParams *params,
                                                      CmError **err);

/* How a prediction (as above) depends on each feature that the model uses: «feature», «unit», «class», «method»,
 * «value», «effect», «rows». method "partial_dependence": the mean prediction when all rows have the value (Friedman
 * 2001), at quantiles of the feature. "accumulated_local": accumulated local effects (Apley and Zhu 2020), at the edges
 * of bins with equally many rows, around their mean; `rows` in the bin below. Rows without the feature are left out of
 * the latter. */
CM_API CM_NODISCARD CmTable *cm_model_effects(CmContext *ctx, const CmModel *model, const CmTable *table,
                                              const CmExplainParams *params, CmError **err);

/* What the model itself says about its features: «feature», «unit», «class», «measure», «value». measure: "coefficient"
 * (per unit of the feature) and "standardized" (per standard deviation in training) for logistic; "gain" (share of the
 * total) for trees; for the others no rows. */
CM_API CM_NODISCARD CmTable *cm_model_weights(CmContext *ctx, const CmModel *model, CmError **err);

/* A drawing of a decision tree: lines of text, or an SVG document. Free with cm_free(). CM_ERR_UNSUPPORTED for kinds
 * that cannot be drawn. */
CM_API CM_NODISCARD char *cm_model_draw(CmContext *ctx, const CmModel *model, bool svg, CmError **err);

/* A model is data: a JSON document with a format version, columns, units, classes, preparation, parameters, the hash of
 * the training table and the predictor's numbers, exact to the last bit. Loading checks every index and size; unknown
 * versions, kinds or members are refused. Saving what was loaded gives the same bytes. */
CM_API bool cm_model_save(CmContext *ctx, const CmModel *model, const char *path, CmError **err);
CM_API CM_NODISCARD CmModel *cm_model_load(CmContext *ctx, const char *path, CmError **err);
CM_API CM_NODISCARD char *cm_model_to_json(CmContext *ctx, const CmModel *model,
                                           CmError **err); /* free with cm_free() */
/* `name` is for messages. */
CM_API CM_NODISCARD CmModel *cm_model_from_json(CmContext *ctx, const char *text, size_t size, const char *name,
                                                CmError **err);

/* ---- validation -----------------------------------------------------------------------------------------------------
 */

typedef struct CmValidateParams {
  int64_t folds;     /* grouped by subject, stratified by class; 0: no cross-validation (then a hold-out is needed) */
  int64_t repeats;   /* of the cross-validation, each with other folds */
  double hold_out;   /* share of the subjects kept apart, 0..0.9; 0: none, or the hold_out column's */
  bool temporal;     /* the hold-out is the subjects seen last, and no training row may be later than a held-out one */
  int64_t seed;      /* of folds, hold-out, bootstrap and permutations */
  int64_t resamples; /* of the bootstrap by subject */
  double confidence; /* of the intervals */
  int64_t permutations;            /* per feature for permutation importance; 0: none */
  int64_t permutation_rows;        /* at most so many unseen rows of a fold are used for it */
  CmReals horizons;                /* survival: times at which it is judged; none: the quartiles of the event times */
  int64_t calibration_bins;        /* of equal width */
  double sensitivity, specificity; /* that the rules of the same names reach, 0..1 */
  bool explain;                    /* SHAP of each row by a model that has not seen it */
  int64_t optimism, permutation_test, learning_curve; /* fits of the tables of these names; 0: none */
  CmText allow; /* leaks to let pass, by name, comma-separated; each is then a note */
} CmValidateParams;
CM_API const CmOp *cm_validate_about(void); /* name: "validate" */

/* Leaks that are refused (CM_ERR_LEAKAGE; the message starts with the name). */
#define CM_LEAK_MAP(X)                                                                                       \
  X(TARGET, "target_in_features", "the target is among the features")                                        \
  X(COPY, "target_copy", "a feature's values stand one to one for the classes")                              \
  X(PROXY, "target_proxy", "the class explains 99% of a feature's variance")                                 \
  X(ORDER, "target_order", "a feature puts the rows into the order of the target's numbers")                 \
  X(MISSINGNESS, "missingness_proxy", "a feature is missing exactly where the class is one")                 \
  X(IDENTIFIER, "identifier_in_features", "a feature numbers or names the subjects or rows")                 \
  X(SPLIT, "split_in_features", "the column that marks the hold-out, or the subject, is among the features") \
  X(OVERLAP, "subject_overlap", "a subject is in training and test")                                         \
  X(ALIAS, "subject_alias", "two subjects differ only by case, blanks or leading zeros")                     \
  X(DUPLICATE, "duplicate_rows", "rows of different subjects have the same features")                        \
  X(BATCH, "batch_is_target", "the batch that is harmonised tells the class")                                \
  X(AFTER, "after_outcome", "a row was seen after its outcome was known")                                    \
  X(TIME, "time_order", "a training row is later than a held-out row")

/* Cross-validates the learners on the same folds; with a hold-out, on the rest, and judges each model on the hold-out
 * as well. The models handed over are fitted on all rows but the hold-out. Parallel over learners, folds and repeats.
 * columns and params as above; params NULL: defaults. Free with cm_learn_result_unref(). */
CM_API CM_NODISCARD CmLearnResult *cm_learn_validate(CmContext *ctx, const CmLearner *learners, int count,
                                                     const CmTable *table, const CmLearnColumns *columns,
                                                     const CmValidateParams *params, CmError **err);
CM_API CmLearnResult *cm_learn_result_ref(CmLearnResult *result);
CM_API void cm_learn_result_unref(CmLearnResult **result);
CM_API int cm_learn_result_models(const CmLearnResult *result);             /* one a learner, same order */
CM_API CmModel *cm_learn_result_model(const CmLearnResult *result, int at); /* borrowed */

/* With several targets (CmLearnColumns.labels) the models are all learners of the first label, then of the second …,
 * named "LEARNER-LABEL"; tables hold the rows of all labels, and «metrics» first those of all labels together, under
 * the learner's name: «class» is "all", "macro", "micro", "weighted" or "samples".
 *
 * The tables, always all of them, in this order (without rows where they do not apply). «part» is "cross_validation" or
 * "hold_out"; «repeat» and «fold» count from 1 and are missing for the hold-out; «row» is the 0-based row of the input
 * table; «class» is the positive class in a binary task, each class against the rest and "macro" (their mean) in a
 * multiclass one, and "all" where a metric has no class.
 *
 * summary      name, value: rows, rows_without_target, subjects, features, classes, positive, hold_out_rows,
 * hold_out_subjects, folds, … notes        level ("note" | "warning"), code, text: what a reader must know, e.g.
 * few_events, perfect_separation, no_subject models       model, kind, parameters (JSON), preparation (JSON),
 * features_kept, events_per_variable folds        part, repeat, fold, training_rows, test_rows, training_subjects,
 * test_subjects, group (left out; missing where folds are of subjects), and «test CLASS» rows for each class metrics
 * model, part, class, metric, value, low, high, interval ("wilson" | "delong" | "clustered_delong" | "sandwich" |
 * "clustered_sandwich" | "bootstrap"), rows, subjects. accuracy balanced_accuracy precision recall specificity npv f1
 * auc calibration_intercept calibration_slope brier log_loss; the value is the mean over repeats fold_metrics model,
 * repeat, fold, class, metric, value predictions model, part, repeat, fold, row, subject, target, predicted,
 * «probability CLASS»… roc          model, part, repeat, class, threshold, false_positive_rate, true_positive_rate
 * (from 0,0 to 1,1) calibration  model, part, repeat, class, bin, from, to, rows, mean_probability, observed, low, high
 * (Wilson) confusion    model, part, repeat, target, predicted, rows importance   model, part, feature, unit, measure,
 * class, value, low, high. measure "permutation": the AUC (macro) lost when the feature is shuffled in the rows that
 * the model has not seen, mean over folds or permutations; "shap": mean |contribution|; and those of cm_model_weights()
 * of the handed-over model shap model, part, repeat, fold, row, subject, class, base, output, CM_SHAP_PREFIX + each
 * feature: of the first repeat, and the hold-out comparisons  model, other, part, class, metric, test, difference, low,
 * high, statistic, p, p_holm, rows, subjects: each pair of models on the same rows. auc by "delong" or
 * "clustered_delong", and over the folds by "corrected_t"; accuracy by "mcnemar" or "clustered_mcnemar"; squared_error
 * by "paired_z" or "clustered_z", c_index by "jackknife". p_holm: adjusted over the pairs of one part, class and test
 * decision     model, part, repeat, class, threshold (0.01 to 0.99), net_benefit, treat_all (Vickers and Elkin 2006;
 * treating nobody has 0) thresholds   model, part, repeat, class, rule, threshold, and sensitivity, specificity,
 * precision, npv of «p >= threshold», each with its interval (Wilson; where subjects have several rows bootstrap).
 * Chosen on the first repeat of the cross-validation, judged there and in the hold-out. rule: "youden", the largest
 * sensitivity + specificity; "sensitivity" and "specificity", the threshold that reaches CmValidateParams' and costs
 * least survival     model, part, repeat, group ("high risk": above the median risk, "low risk"), time, at_risk,
 * events, censored, survival, low, high, log_rank_p: Kaplan and Meier's estimate
 *
 * tuning       model, part ("cross_validation": what each fold chose; "final": the whole search of the model
 * handed over), repeat, fold, candidate, parameters, stage, subjects, inner_folds, metric, score, spread (standard
 * deviation over the inner folds), chosen
 *
 * optimism     model, class, metric, apparent (of the model on its training rows), optimism, corrected, resamples:
 * Harrell, Lee and Mark 1996
 *
 * permutation_test model, class, metric, value (first repeat), permuted_mean, permuted_low, permuted_high,
 * permutations, p = (as good or better + 1) / (permutations + 1)
 *
 * learning_curve model, class, metric, subjects, rows (mean over the folds of the first repeat), training,
 * training_spread, test, test_spread, folds
 *
 * recalibration model, part, class, metric, before, after: of models that are recalibrated
 *
 * subgroups    model, part, column, level, class, metric, value, low, high,
 * interval, rows, subjects: «metrics» among the rows of each value of the columns named as subgroups In regression and
 * survival the tables of classes have no rows; metrics are mae rmse r2 correlation calibration_intercept
 * calibration_slope, or c_index, auc and brier at each horizon («auc_q25», or with CmValidateParams.horizons
 * «auc_365»), integrated_brier; predictions has target, predicted, and in survival event and risk; importance is of R2
 * or the C-index */
#define CM_LEARN_TABLES(X)                \
  X(SUMMARY, "summary")                   \
  X(NOTES, "notes")                       \
  X(MODELS, "models")                     \
  X(FOLDS, "folds")                       \
  X(METRICS, "metrics")                   \
  X(FOLD_METRICS, "fold_metrics")         \
  X(PREDICTIONS, "predictions")           \
  X(ROC, "roc")                           \
  X(CALIBRATION, "calibration")           \
  X(CONFUSION, "confusion")               \
  X(IMPORTANCE, "importance")             \
  X(SHAP, "shap")                         \
  X(COMPARISONS, "comparisons")           \
  X(DECISION, "decision")                 \
  X(THRESHOLDS, "thresholds")             \
  X(SURVIVAL, "survival")                 \
  X(SUBGROUPS, "subgroups")               \
  X(TUNING, "tuning")                     \
  X(RECALIBRATION, "recalibration")       \
  X(OPTIMISM, "optimism")                 \
  X(PERMUTATION_TEST, "permutation_test") \
  X(LEARNING_CURVE, "learning_curve")
typedef enum CmLearnTable {
#define CM_LEARN_TABLE_ENUM(code, name) CM_LEARN_##code,
  CM_LEARN_TABLES(CM_LEARN_TABLE_ENUM)
#undef CM_LEARN_TABLE_ENUM
      CM_LEARN_TABLE_COUNT
} CmLearnTable;
CM_API const char *cm_learn_table_name(CmLearnTable which);
CM_API const CmTable *cm_learn_result_table(const CmLearnResult *result, CmLearnTable which); /* borrowed */

/* How good the predictions are for the rows of a table whose outcome is known; rows without are left out. As the table
 * «metrics» of a validation, with the value of columns->group for «part»: each is judged by itself ("new" where there
 * is none). Of `columns` target and event (NULL: the model's), subject and group are used; of `params` (NULL: defaults)
 * resamples, confidence, seed and horizons. CM_ERR_DATA: an outcome that the model does not know. CM_ERR_UNSUPPORTED:
 * the model predicts no target. */
CM_API CM_NODISCARD CmTable *cm_model_judge(CmContext *ctx, const CmModel *model, const CmTable *table,
                                            const CmLearnColumns *columns, const CmValidateParams *params,
                                            CmError **err);

#endif
