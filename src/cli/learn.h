/* What `cormack train` and `cormack validate` share: learners and columns from words. */
#ifndef CLI_LEARN_H
#define CLI_LEARN_H

#include "cli/cli.h"
#include "cormack/learn.h"

#define CM__MOST_LEARNERS 32
#define CM__MOST_NAMES 256

typedef struct CmLearnOptions {
  CmText output, target, positive, subject, time, hold_out_column, group, features, ignore, task, event, order,
      subgroups, allow, outcome_time, start;
} CmLearnOptions;

/* Rows of a table of options whose struct S has a CmLearnOptions named `common`. */
#define CM__LEARN_OPTION(S, field, initial_, help_)                                                        \
  {                                                                                                        \
    .name = #field, .type = CM_TEXT, .offset = offsetof(S, common.field), .initial = initial_, .unit = "", \
    .help = help_                                                                                          \
  }
#define CM__LEARN_OPTIONS(S)                                                                                       \
  CM__LEARN_OPTION(S, target, "",                                                                                  \
                   "column that holds what is to be learned: classes, numbers or times; or, with commas between, " \
                   "several columns of 0 and 1"),                                                                  \
      CM__LEARN_OPTION(S, positive, "", "class that counts as positive; otherwise the last one"),                  \
      CM__LEARN_OPTION(S, subject, "", "column that names the subject; its rows stay together"),                   \
      CM__LEARN_OPTION(S, time, "", "column that says when a row was seen"),                                       \
      CM__LEARN_OPTION(S, outcome_time, "",                                                                        \
                       "column that says when the outcome was known; rows seen later are refused"),                \
      CM__LEARN_OPTION(S, features, "", "columns to learn from, with commas between; otherwise all numeric ones"), \
      CM__LEARN_OPTION(S, ignore, "", "columns never to learn from, with commas between"),                         \
      CM__LEARN_OPTION(S, task, "",                                                                                \
                       "binary, multiclass, ordinal, regression, survival, clustering, embedding or outliers; "    \
                       "otherwise by the columns and the model"),                                                  \
      CM__LEARN_OPTION(S, event, "", "survival: column with 1 where the time ended in the event, 0 where not"),    \
      CM__LEARN_OPTION(S, order, "", "ordinal: the classes, the lowest first, with commas between")

/* All of one call; free with cm__learn_words_free(). */
typedef struct CmLearnWords {
  CmLearnColumns columns;
  char *text[5];
  const char *names[5][CM__MOST_NAMES]; /* features, ignore, order, subgroups, several targets */
  int count;
  CmLearner learner[CM__MOST_LEARNERS];
  char name[CM__MOST_LEARNERS][72];
  void *params[CM__MOST_LEARNERS];
  char *search[CM__MOST_LEARNERS], *prepare_search; /* parameters that are to be chosen */
  void *prepare, *validate, *tune, *recalibrate;    /* CmPrepareParams, CmValidateParams … */
} CmLearnWords;

/* words: "logistic C=2", "svm C=0.1|1|10", "prepare impute=mean", "validate folds=10", "tune search=random"; at least
 * one model. */
bool cm__learn_words(CmCli *cli, const CmLearnOptions *options, int count, char **words, CmLearnWords *result,
                     CmError **err);
void cm__learn_words_free(CmLearnWords *words);

#endif
