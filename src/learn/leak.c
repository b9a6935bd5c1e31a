/* Leaks that can be seen in the table itself. Kaufman et al., Leakage in data mining, TKDD 6(4), 2012, give the kinds.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learn/data.h"
#include "learn/survey.h"

#define CM_LEAK_NAME(code, name, meaning) static const char LEAK_##code[] = name;
CM_LEAK_MAP(CM_LEAK_NAME)
#undef CM_LEAK_NAME

#define PROXY_SHARE 0.99  /* of the variance explained by the class */
#define FEW_BY_CHANCE 100 /* rows are copies where less than one pair in so many tables would agree by chance */

static bool is_allowed(const char *allow, const char *name) {
  size_t size = strlen(name);
  while (allow && *allow) {
    while (*allow == ' ' || *allow == ',') allow++;
    size_t length = strcspn(allow, ", ");
    if (length == size && !strncmp(allow, name, size)) return true;
    allow += length;
  }
  return false;
}

bool cm__leak_found(CmLearnData *data, const char *allow, const char *name, CmError **err, const char *format, ...) {
  char text[900];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (is_allowed(allow, name)) return cm__data_note(data, err, "warning", name, "Let pass: %s", text);
  cm_error_set(err, CM_ERR_LEAKAGE, "%s: %s, or allow %s", name, text, name);
  return false;
}

static const char *allowed_names[] = {
#define CM_LEAK_LIST(code, name, meaning) name,
    CM_LEAK_MAP(CM_LEAK_LIST)
#undef CM_LEAK_LIST
};

static bool check_allow(const char *allow, CmError **err) {
  while (allow && *allow) {
    while (*allow == ' ' || *allow == ',') allow++;
    size_t length = strcspn(allow, ", ");
    if (!length) break;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), allow);
    bool known = false;
    for (int i = 0; i < CM_COUNT(allowed_names); i++) known = known || !strcmp(name, allowed_names[i]);
    if (!known) {
      const char *near = cm_nearest_name(name, allowed_names, CM_COUNT(allowed_names));
      cm_error_set(err, CM_ERR_PARAMETER, "allow: there is no leak \"%s\"; did you mean \"%s\"?", name,
                   near ? near : allowed_names[0]);
      return false;
    }
    allow += length;
  }
  return true;
}

/* ---- names ----------------------------------------------------------------------------------------------------------
 */

/* Words of a name: parted by anything but letters and digits, and where small meets capital. */
static bool has_word(const char *name, const char *word) {
  size_t size = strlen(word);
  for (size_t i = 0; name[i]; i++) {
    bool start = i == 0 || !isalnum((unsigned char)name[i - 1]) ||
                 (islower((unsigned char)name[i - 1]) && isupper((unsigned char)name[i]));
    if (!start || strncasecmp(name + i, word, size)) continue;
    char after = name[i + size];
    if (!isalnum((unsigned char)after) || (islower((unsigned char)name[i + size - 1]) && isupper((unsigned char)after)))
      return true;
  }
  return false;
}

static bool named_identifier(const char *name) {
  static const char *const words[] = {"id",         "uid", "guid",      "uuid",      "mrn",    "accession",
                                      "identifier", "ssn", "patientid", "subjectid", "studyid"};
  for (int i = 0; i < CM_COUNT(words); i++)
    if (has_word(name, words[i])) return true;
  return false;
}

static bool check_roles(CmLearnData *data, const CmLearnColumns *columns, const char *allow, CmError **err) {
  for (int j = 0; j < data->features; j++) {
    const char *name = data->feature[j];
    bool target =
        data->target && (!strcmp(name, data->target) || (data->event_column && !strcmp(name, data->event_column)));
    for (int l = 0; l < data->labels; l++) target = target || !strcmp(name, data->label[l]);
    if (target && !cm__leak_found(data, allow, LEAK_TARGET, err,
                                  "the target \"%s\" is among the features; take it out of them", name))
      return false;
    bool split = (columns->hold_out && !strcmp(name, columns->hold_out)) ||
                 (columns->group && !strcmp(name, columns->group)) ||
                 (columns->subject && !strcmp(name, columns->subject));
    if (split && !cm__leak_found(
                     data, allow, LEAK_SPLIT, err,
                     "\"%s\" says who is who or who is held out, and is among the features; take it out of them", name))
      return false;
  }
  return true;
}

/* ---- values ---------------------------------------------------------------------------------------------------------
 */

static bool check_missing(CmLearnData *data, int j, const CmFacts *facts, const char *allow, CmError **err) {
  if (facts->missing_class < 0 || facts->missing < CM__FEWEST_ROWS || facts->missing == data->rows) return true;
  return cm__leak_found(data, allow, LEAK_MISSINGNESS, err,
                        "\"%s\" is missing exactly where %s is \"%s\"; take it out of the features", data->feature[j],
                        data->target, data->class_name[facts->missing_class]);
}

static bool check_values(CmLearnData *data, int j, const CmFacts *facts, const char *allow, CmError **err) {
  const char *name = data->feature[j];
  if (!check_missing(data, j, facts, allow, err)) return false;
  if (facts->present < CM__FEWEST_ROWS || facts->distinct < 2 || (data->target && !strcmp(name, data->target)))
    return true;
  if (facts->copy)
    return cm__leak_found(data, allow, LEAK_COPY, err,
                          "the values of \"%s\" stand one to one for the classes of %s; take it out of the features",
                          name, data->target);
  bool named = facts->whole && named_identifier(name); /* PyRadiomics' glcm_Id, the inverse difference, is none */
  if (named || facts->numbering)
    return cm__leak_found(data, allow, LEAK_IDENTIFIER, err, "\"%s\" %s; take it out of the features", name,
                          named ? "is named like an identifier" : "numbers the rows or subjects");
  if (!data->target) return true;
  if (facts->explained >= PROXY_SHARE)
    return cm__leak_found(
        data, allow, LEAK_PROXY, err,
        "%s explains %.4g%% of the variance of \"%s\", which is the target in other words; take it out of the features",
        data->target, 100 * facts->explained, name);
  if (facts->ordered)
    return cm__leak_found(data, allow, LEAK_ORDER, err,
                          "\"%s\" puts the rows into the very order of %s, which is the target in another scale; take "
                          "it out of the features",
                          name, data->target);
  return !facts->separates ||
         cm__data_note(data, err, "warning", "perfect_separation",
                       "\"%s\" alone parts the classes without error: make sure that it is known before the diagnosis.",
                       name);
}

/* ---- subjects and rows ----------------------------------------------------------------------------------------------
 */

typedef struct CmPlain {
  char text[128];
  int64_t subject;
} CmPlain;

static int by_plain(const void *a, const void *b) {
  const CmPlain *p = a, *q = b;
  int order = strcmp(p->text, q->text);
  return order ? order : p->subject < q->subject ? -1 : p->subject > q->subject;
}

/* Small letters, without blanks and without zeros at the start of a number. */
static void make_plain(const char *name, char to[128]) {
  size_t used = 0;
  for (const char *at = name; *at && used < 127; at++) {
    if (isspace((unsigned char)*at)) continue;
    bool leads = *at == '0' && (used == 0 || !isdigit((unsigned char)to[used - 1])) && isdigit((unsigned char)at[1]);
    if (!leads) to[used++] = (char)tolower((unsigned char)*at);
  }
  to[used] = 0;
}

static bool check_aliases(CmLearnData *data, const char *allow, CmError **err) {
  if (!data->subject_column) return true;
  CmArena hold = {.ctx = data->hold.ctx};
  bool ok = false;
  CmPlain *plain = CM__NEW(&hold, CmPlain, data->subjects, err);
  if (!plain) goto done;
  for (int64_t s = 0; s < data->subjects; s++) {
    plain[s].subject = s;
    if (strlen(data->subject_name[s]) < 128) make_plain(data->subject_name[s], plain[s].text);
  }
  qsort(plain, (size_t)data->subjects, sizeof *plain, by_plain);
  for (int64_t s = 1; s < data->subjects; s++) {
    if (!*plain[s].text || strcmp(plain[s].text, plain[s - 1].text)) continue;
    ok = cm__leak_found(data, allow, LEAK_ALIAS, err,
                        "the subjects \"%s\" and \"%s\" look like one; write each subject in one way",
                        data->subject_name[plain[s - 1].subject], data->subject_name[plain[s].subject]);
    goto done;
  }
  ok = true;
done:
  cm__arena_free(&hold);
  return ok;
}

/* Whether rows would be expected to agree by chance if the features were independent: pairs over the product of
 * distinct values. -1: out of memory. */
static int agree_by_chance(const CmLearnData *data, CmFacts *facts, CmError **err) {
  double pairs = 0.5 * (double)data->rows * (double)data->rows;
  for (int count = 0; count < 2; count++) { /* as many as were seen at first often are enough */
    double combinations = 1;
    for (int j = 0; j < data->features; j++) {
      if (j == data->batch) continue;
      if (count && !facts[j].counted && !cm__count_distinct(data, j, &facts[j], err)) return -1;
      if (facts[j].distinct > 1) combinations *= (double)facts[j].distinct;
      if (combinations > FEW_BY_CHANCE * pairs) return 0;
    }
  }
  return 1;
}

static bool check_duplicates(CmLearnData *data, CmFacts *facts, const char *allow, CmError **err) {
  int by_chance = agree_by_chance(data, facts, err);
  if (by_chance) return by_chance > 0;
  int measured = data->features - (data->batch >= 0); /* the batch is the last */
  int64_t twins, pair[2];
  if (!cm__count_twins(data, measured, &twins, pair, err)) return false;
  return !twins ||
         cm__leak_found(data, allow, LEAK_DUPLICATE, err,
                        "rows %lld and %lld of different subjects have the same features (%lld such pairs); "
                        "drop the copies (in a study: duplicates: drop, at the input)",
                        (long long)data->row[pair[0]] + 1, (long long)data->row[pair[1]] + 1, (long long)twins);
}

/* Whether each batch is of one class: then harmonising takes the target off, or brings it in. */
static bool check_batch(CmLearnData *data, const char *allow, CmError **err) {
  if (data->batch < 0 || !data->classes || data->rows < CM__FEWEST_ROWS || data->levels < 2) return true;
  CmArena hold = {.ctx = data->hold.ctx};
  int *only = CM__NEW(&hold, int, data->levels, err);
  bool ok = only != NULL, told = ok;
  for (int64_t i = 0; ok && i < data->rows; i++) {
    int *class_of = &only[(int)data->x[i * data->features + data->batch]];
    told = told && (!*class_of || *class_of == data->y[i] + 1);
    *class_of = data->y[i] + 1;
  }
  cm__arena_free(&hold);
  return ok &&
         (!told ||
          cm__leak_found(
              data, allow, LEAK_BATCH, err,
              "each \"%s\" has rows of one class of %s only; harmonising would mix the two up, so leave batch out",
              data->batch_column, data->target));
}

/* What was measured when the outcome was known already may tell of it. */
static bool check_after(CmLearnData *data, const CmLearnColumns *columns, const char *allow, CmError **err) {
  int64_t late = 0, first = 0;
  for (int64_t i = data->known ? data->rows - 1 : -1; i >= 0; i--) {
    if (!(data->when[i] > data->known[i])) continue;
    late++;
    first = i;
  }
  return !late ||
         cm__leak_found(data, allow, LEAK_AFTER, err,
                        "%lld rows were seen (\"%s\") after their outcome was known (\"%s\"), the first is row "
                        "%lld; take earlier measurements",
                        (long long)late, columns->time, columns->outcome_time, (long long)data->row[first] + 1);
}

bool cm__leak_check(CmLearnData *data, const CmLearnColumns *columns, const char *allow, CmError **err) {
  CmArena hold = {.ctx = data->hold.ctx};
  bool ok = false;
  CmFacts *facts = CM__NEW(&hold, CmFacts, data->features, err);
  if (!facts || !check_allow(allow, err) || !check_roles(data, columns, allow, err) || !cm__survey(data, facts, err))
    goto done;
  for (int j = 0; j < data->features; j++)
    if (j != data->batch && !check_values(data, j, &facts[j], allow, err)) goto done;
  ok = check_after(data, columns, allow, err) && check_batch(data, allow, err) && check_aliases(data, allow, err) &&
       (!data->target || check_duplicates(data, facts, allow, err)); /* without a target nothing is told apart */
done:
  cm__arena_free(&hold);
  return ok;
}

bool cm__leak_check_split(CmLearnData *data, const uint8_t *held, bool temporal, const char *allow, CmError **err) {
  CmArena hold = {.ctx = data->hold.ctx};
  bool ok = false;
  uint8_t *sides = CM__NEW(&hold, uint8_t, data->subjects, err);
  if (!sides) goto done;
  for (int64_t i = 0; i < data->rows; i++) sides[data->subject[i]] |= held[i] ? 2 : 1;
  for (int64_t s = 0; s < data->subjects; s++) {
    if (sides[s] != 3) continue;
    if (!cm__leak_found(data, allow, LEAK_OVERLAP, err,
                        "subject \"%s\" is in training and in the hold-out; put all its rows on one side",
                        data->subject_name[s] ? data->subject_name[s] : "?"))
      goto done;
    break;
  }
  if (temporal) {
    double first = INFINITY;
    for (int64_t i = 0; i < data->rows; i++)
      if (held[i] && data->when[i] < first) first = data->when[i];
    for (int64_t i = 0; i < data->rows; i++) {
      if (held[i] || !(data->when[i] > first)) continue;
      if (!cm__leak_found(
              data, allow, LEAK_TIME, err,
              "row %lld is for training, and later than the first held-out row; leave later rows out, or hold them out",
              (long long)data->row[i] + 1))
        goto done;
      break;
    }
  }
  ok = true;
done:
  cm__arena_free(&hold);
  return ok;
}
