#include "learn/search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "learn/rng.h"

#define PREPARE "prepare."
enum { MOST_CHOICES = 32, MOST_VALUES = 1000, MOST_CANDIDATES = 100000, MOST_THINNED = 10000000 };

static const CmParam params_table[] = {
    CM_PARAM_ENUM(CmTuneParams, search, "grid|random|halving", "grid",
                  "every combination; some by chance; or all, of which the better ones go on with more subjects"),
    CM_PARAM_INT(CmTuneParams, folds, 5, 2, 1000, "", "inside the training rows, by subject and even in classes"),
    CM_PARAM_INT(CmTuneParams, tries, 20, 1, MOST_CANDIDATES, "", "combinations that are drawn by chance"),
    CM_PARAM_INT(CmTuneParams, factor, 3, 2, 100, "",
                 "halving: of so many candidates one goes on, with so many times more subjects"),
    CM_PARAM_ENUM(CmTuneParams, metric, "auto|accuracy|log_loss|brier|mae|rmse", "auto",
                  "by which candidates are chosen, mean over the inner folds; auto: AUC (mean over classes), R2 or "
                  "C-index"),
    CM_PARAM_INT(CmTuneParams, seed, 1, 0, 2147483647, "", "of the draws and the inner folds"),
};

static const CmOp about = {
    .name = "tune",
    .family = "learn",
    .since = "0.1",
    .summary = "Choose parameters on inner folds of the training rows.",
    .details =
        "Parameters of a model or of its preparation with several values, as C=0.1|1|10, or between two numbers, as "
        "C=0.01..100 (drawn evenly, on the logarithm where both are above 0 and one is ten times the other or more; "
        "for random and halving). In a validation the choice is made anew inside each fold.",
    CM_OP_PARAMS(CmTuneParams, params_table),
};
const CmOp *cm_tune_about(void) {
  return &about;
}

/* ---- choices -------------------------------------------------------------------------------------------------------
 */

typedef struct Choice {
  const char *name; /* as typed, with "prepare." */
  const CmParam *param;
  bool prepare;
  int count;
  const char **value;
  bool range;
  double low, high;
} Choice;

typedef struct Search {
  CmArena *hold;
  const CmLearner *learner;
  int count;
  Choice choice[MOST_CHOICES];
  bool ranges;
  double grid; /* combinations; not a whole number above 2^53 */
} Search;

static bool read_range(Choice *choice, const char *text, CmError **err) {
  const char *dots = strstr(text, "..");
  char low[CM_TEXT_MAX];
  if (!dots) return true;
  snprintf(low, sizeof low, "%.*s", (int)(dots - text < CM_TEXT_MAX ? dots - text : 0), text);
  choice->range = (choice->param->type == CM_REAL || choice->param->type == CM_INT) &&
                  cm__parse_real(low, &choice->low) && cm__parse_real(dots + 2, &choice->high) &&
                  choice->low < choice->high && isfinite(choice->low) && isfinite(choice->high);
  if (choice->range) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "%s: \"%s\" is no range of a number; write e.g. %s=0.01..100", choice->name, text,
               choice->name);
  return false;
}

static bool read_values(Search *search, Choice *choice, char *text, CmError **err) {
  if (!read_range(choice, text, err)) return false;
  choice->value = CM__NEW(search->hold, const char *, MOST_VALUES, err);
  if (!choice->value) return false;
  if (choice->range) {
    search->ranges = true;
    return true;
  }
  for (char *rest = text, *value; (value = strsep(&rest, "|"));) {
    if (choice->count == MOST_VALUES) {
      cm_error_set(err, CM_ERR_PARAMETER, "%s: more than %d values; give a range, or fewer", choice->name, MOST_VALUES);
      return false;
    }
    choice->value[choice->count++] = value;
  }
  search->grid *= choice->count;
  return true;
}

/* What acts on rows before any fold cannot be chosen inside one. */
static bool before_folds(const char *name, const char *values) {
  return !strcmp(name, "batch") || !strcmp(name, "along_time") || (!strcmp(name, "impute") && strstr(values, "drop"));
}

static bool read_choice(Search *search, char *word, CmError **err) {
  char *equals = strchr(word, '=');
  if (!equals || equals == word || search->count == MOST_CHOICES) {
    cm_error_set(
        err, CM_ERR_PARAMETER,
        equals ? "\"%s\": too many parameters to choose" : "\"%s\": what may be chosen is written e.g. C=0.1|1|10",
        word);
    return false;
  }
  *equals = 0;
  Choice *choice = &search->choice[search->count++];
  bool prepare = !strncmp(word, PREPARE, strlen(PREPARE));
  const CmOp *op = prepare ? cm_prepare_about() : &search->learner->kind->about;
  const char *bare = prepare ? word + strlen(PREPARE) : word;
  if (prepare && before_folds(bare, equals + 1)) {
    cm_error_set(err, CM_ERR_PARAMETER, "%s: rows and batches are settled before the search; give one value", word);
    return false;
  }
  *choice = (Choice){.name = word, .prepare = prepare, .param = cm_op_find_param(op, bare)};
  for (int i = 0; i + 1 < search->count; i++) {
    if (strcmp(search->choice[i].name, word)) continue;
    cm_error_set(err, CM_ERR_PARAMETER, "%s: its values are given twice", word);
    return false;
  }
  if (choice->param) return read_values(search, choice, equals + 1, err);
  void *params = cm_params_create(search->hold->ctx, op, err); /* the refusal that a single value would get */
  if (params) cm_params_set(op, params, bare, equals + 1, err);
  cm_free(params);
  return false;
}

static bool read_search(Search *search, CmError **err) {
  char *rest = cm__arena_strdup(search->hold, search->learner->search, err);
  if (!rest) return false;
  search->grid = 1;
  for (char *word; (word = strsep(&rest, " \t"));)
    if (*word && !read_choice(search, word, err)) return false;
  return true;
}

/* ---- candidates ----------------------------------------------------------------------------------------------------
 */

static void *copy_params(CmArena *hold, const CmOp *op, const void *params, CmError **err) {
  void *defaults = params ? NULL : cm_params_create(hold->ctx, op, err);
  void *copy = params || defaults ? cm__arena_alloc(hold, 1, op->params_size ? op->params_size : 1, err) : NULL;
  if (copy && op->params_size) memcpy(copy, params ? params : defaults, op->params_size);
  cm_free(defaults);
  return copy;
}

/* value: the text of each choice. */
static bool make_candidate(const Search *search, const char *const *value, CmCandidate *to, CmError **err) {
  const CmLearner *learner = search->learner;
  const CmOp *own = &learner->kind->about, *prepare = cm_prepare_about();
  void *params = copy_params(search->hold, own, learner->params, err),
       *prepared = copy_params(search->hold, prepare, learner->prepare, err);
  if (!params || !prepared) return false;
  to->learner = *learner;
  to->learner.params = params;
  to->learner.prepare = prepared;
  to->learner.search = NULL;
  to->text = "";
  for (int c = 0; c < search->count; c++) {
    const Choice *choice = &search->choice[c];
    if (!cm_params_set(choice->prepare ? prepare : own, choice->prepare ? prepared : params, choice->param->name,
                       value[c], err))
      return false;
    to->text = cm__arena_printf(search->hold, err, "%s%s%s=%s", to->text, c ? " " : "", choice->name, value[c]);
    if (!to->text) return false;
  }
  return !own->check || own->check(params, err);
}

/* The combination of a number below `grid`; the last choice runs fastest. */
static void combine(const Search *search, int64_t number, const char **value) {
  for (int c = search->count - 1; c >= 0; c--) {
    value[c] = search->choice[c].value[number % search->choice[c].count];
    number /= search->choice[c].count;
  }
}

static double unit_draw(uint64_t stream, uint64_t counter) {
  return (double)(cm__draw(stream, counter) >> 11) * 0x1p-53;
}

static const char *draw_range(CmArena *hold, const Choice *choice, double share, CmError **err) {
  char text[CM_TEXT_MAX];
  bool logarithm = choice->low > 0 && choice->high >= 10 * choice->low;
  double value = logarithm ? choice->low * pow(choice->high / choice->low, share)
                           : choice->low + share * (choice->high - choice->low);
  value = fmin(fmax(value, choice->low), choice->high);
  if (choice->param->type == CM_INT)
    snprintf(text, sizeof text, "%.0f", floor(value + 0.5));
  else
    cm_real_text(value, text);
  return cm__arena_strdup(hold, text, err);
}

static bool draw_values(const Search *search, uint64_t seed, int at, const char **value, CmError **err) {
  uint64_t stream = cm__stream(seed, CM__STREAM_TUNE, (uint64_t)at);
  for (int c = 0; c < search->count; c++) {
    const Choice *choice = &search->choice[c];
    value[c] = choice->range ? draw_range(search->hold, choice, unit_draw(stream, (uint64_t)c), err)
                             : choice->value[cm__draw_below(stream, (uint64_t)c, choice->count)];
    if (!value[c]) return false;
  }
  return true;
}

/* Some of the grid, none twice, in its order (selection sampling: Knuth, TAOCP 2, 3.4.2, algorithm S). */
static void thin_grid(int64_t grid, int wanted, uint64_t seed, int64_t *number) {
  uint64_t stream = cm__stream(seed, CM__STREAM_TUNE, 0);
  for (int64_t at = 0, taken = 0; taken < wanted; at++)
    if (cm__draw_below(stream, (uint64_t)at, grid - at) < wanted - taken) number[taken++] = at;
}

static bool check_search(const Search *search, const CmTuneParams *tune, CmError **err) {
  const char *wrong = !search->count ? "nothing is given to choose from; write e.g. C=0.1|1|10"
                      : search->ranges && tune->search == CM__SEARCH_GRID
                          ? "a range has no end of values; use tune search=random, or name values, e.g. C=0.1|1|10"
                      : tune->search != CM__SEARCH_RANDOM && !search->ranges && search->grid > MOST_CANDIDATES
                          ? "there are too many combinations; use tune search=random, or fewer values"
                          : NULL;
  if (wrong) cm_error_set(err, CM_ERR_PARAMETER, "%s", wrong);
  return !wrong;
}

bool cm__candidates(CmArena *hold, const CmLearner *learner, const CmTuneParams *tune, CmCandidates *to,
                    CmError **err) {
  Search search = {.hold = hold, .learner = learner};
  const char *value[MOST_CHOICES];
  if (!read_search(&search, err) || !check_search(&search, tune, err)) return false;
  bool whole = !search.ranges && (tune->search != CM__SEARCH_RANDOM || search.grid <= (double)tune->tries);
  bool thinned = !whole && !search.ranges && search.grid <= MOST_THINNED;
  to->count = whole ? (int)search.grid : (int)tune->tries;
  to->candidate = CM__NEW(hold, CmCandidate, to->count, err);
  int64_t *number = thinned ? CM__NEW(hold, int64_t, to->count, err) : NULL;
  if (!to->candidate || (thinned && !number)) return false;
  if (thinned) thin_grid((int64_t)search.grid, to->count, (uint64_t)tune->seed, number);
  for (int i = 0; i < to->count; i++) {
    if (whole || thinned)
      combine(&search, whole ? i : number[i], value);
    else if (!draw_values(&search, (uint64_t)tune->seed, i, value, err))
      return false;
    if (!make_candidate(&search, value, &to->candidate[i], err)) return false;
  }
  return true;
}
