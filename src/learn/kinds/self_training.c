/* Self-training: a classifier that labels the unlabelled rows that it is sure of, and trains again. */
#include <math.h>
#include <string.h>

#include "learn/json.h"
#include "learn/kind.h"

/* Kinds that can be the base, in the order of the parameter's choices. */
#define BASES(X) \
  X(logistic) X(naive_bayes) X(linear_discriminant) X(tree) X(random_forest) X(gradient_boosting) X(knn) X(svm)
#define DECLARE(name) extern CM_MODEL_KIND(name);
BASES(DECLARE)
#undef DECLARE
#define ADDRESS(name) &cm__model_kind_##name,
static const CmModelBody *const bases[] = {BASES(ADDRESS)};
#undef ADDRESS

typedef struct SelfTrainingParams {
  int32_t base;
  double threshold;
  int64_t rounds;
} SelfTrainingParams;

static const CmParam params_table[] = {
    CM_PARAM_ENUM(SelfTrainingParams, base,
                  "logistic|naive_bayes|linear_discriminant|tree|random_forest|gradient_boosting|knn|svm", "logistic",
                  "kind of model that is trained, with its default parameters"),
    CM_PARAM_REAL(SelfTrainingParams, threshold, 0.75, 0, 1, "1",
                  "unlabelled rows with a larger probability get their class"),
    CM_PARAM_INT(SelfTrainingParams, rounds, 10, 0, 100000, "", "at most; 0: until no row is left that it is sure of"),
};

typedef struct SelfTraining {
  const CmModelBody *base;
  void *state;
  int64_t labelled, taken; /* rows with a target; others that got one */
} SelfTraining;

typedef struct Rounds {
  const CmTraining *all;
  const SelfTrainingParams *p;
  const CmModelBody *base;
  int *y;           /* of all rows; -1: none yet */
  CmTraining used;  /* those with a class */
  double *x;        /* of these */
  int *used_y;      /* of these */
  int64_t *subject; /* of these */
  double *probability;
} Rounds;

static void gather(Rounds *r) {
  int d = r->all->features;
  int64_t n = 0;
  for (int64_t i = 0; i < r->all->rows; i++) {
    if (r->y[i] < 0) continue;
    memcpy(r->x + n * d, r->all->x + i * d, sizeof(double) * (size_t)d);
    r->subject[n] = r->all->subject[i];
    r->used_y[n++] = r->y[i];
  }
  r->used = *r->all;
  r->used.rows = n;
  r->used.x = r->x;
  r->used.y = r->used_y;
  r->used.subject = r->subject;
}

/* Gives classes to rows that the model is sure of; how many, or -1. */
static int64_t take_sure(Rounds *r, const void *state, CmContext *ctx, CmError **err) {
  int k = r->all->classes;
  int64_t taken = 0;
  if (!r->base->predict(state, ctx, r->all->x, r->all->rows, r->probability, err)) return -1;
  for (int64_t i = 0; i < r->all->rows; i++) {
    const double *p = r->probability + i * k;
    int best = 0;
    if (r->y[i] >= 0) continue;
    for (int c = 1; c < k; c++)
      if (p[c] > p[best]) best = c;
    if (!(p[best] > r->p->threshold)) continue;
    r->y[i] = best;
    taken++;
  }
  return taken;
}

static bool make(CmArena *scratch, const CmTraining *t, Rounds *r, CmError **err) {
  size_t cells, shares;
  if (!cm_size_multiply((size_t)t->rows, (size_t)t->features, &cells, err) ||
      !cm_size_multiply((size_t)t->rows, (size_t)t->classes, &shares, err))
    return false;
  r->y = CM__NEW(scratch, int, t->rows, err);
  r->used_y = CM__NEW(scratch, int, t->rows, err);
  r->subject = CM__NEW(scratch, int64_t, t->rows, err);
  r->x = CM__NEW(scratch, double, cells, err);
  r->probability = CM__NEW(scratch, double, shares, err);
  if (!r->y || !r->used_y || !r->subject || !r->x || !r->probability) return false;
  memcpy(r->y, t->y, sizeof *r->y * (size_t)t->rows);
  return true;
}

/* Trains until nothing is added; models on the way are forgotten. */
static bool train(CmArena *hold, Rounds *r, SelfTraining *self, const void *params, CmError **err) {
  for (int64_t round = 0;; round++) {
    CmArena passing = {.ctx = hold->ctx};
    gather(r);
    bool last = r->used.rows == r->all->rows || (r->p->rounds && round == r->p->rounds);
    void *state = r->base->fit(last ? hold : &passing, &r->used, params, err);
    int64_t taken = state && !last ? take_sure(r, state, hold->ctx, err) : 0;
    bool ok = state && taken >= 0;
    if (ok && !last && !taken) { /* nothing new: this one stays */
      state = r->base->fit(hold, &r->used, params, err);
      ok = state != NULL;
      last = true;
    }
    cm__arena_free(&passing);
    if (!ok) return false;
    self->taken += taken;
    self->state = state;
    if (last) return true;
  }
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  Rounds r = {.all = training, .p = params};
  r.base = bases[r.p->base];
  SelfTraining *self = CM__NEW(hold, SelfTraining, 1, err);
  void *defaults = cm_params_create(hold->ctx, &r.base->kind.about, err);
  bool ok = self && defaults && make(&scratch, training, &r, err);
  if (ok) {
    self->base = r.base;
    for (int64_t i = 0; i < training->rows; i++) self->labelled += training->y[i] >= 0;
    ok = train(hold, &r, self, defaults, err);
  }
  cm_free(defaults);
  cm__arena_free(&scratch);
  return ok ? self : NULL;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  const SelfTraining *self = state;
  return self->base->predict(self->state, ctx, x, rows, to, err);
}

static void write_state(const void *state, CmTextBuffer *json) {
  const SelfTraining *self = state;
  cm__text_addf(json, "{\"base\":\"%s\",\"labelled\":%lld,\"taken\":%lld,\"predictor\":", self->base->kind.about.name,
                (long long)self->labelled, (long long)self->taken);
  self->base->write(self->state, json);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *base, *labelled, *taken, *predictor;
  CmJsonMember members[] = {{"base", &base}, {"labelled", &labelled}, {"taken", &taken}, {"predictor", &predictor}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  bool good = json_is_string(base) && json_is_integer(labelled) && json_is_integer(taken);
  SelfTraining *self = good ? CM__NEW(hold, SelfTraining, 1, err) : (cm__json_refuse(err, "predictor"), NULL);
  if (!self) return NULL;
  for (int b = 0; b < CM_COUNT(bases); b++)
    if (!strcmp(bases[b]->kind.about.name, json_string_value(base))) self->base = bases[b];
  if (!self->base) return cm__json_refuse(err, "predictor.base"), NULL;
  self->labelled = json_integer_value(labelled);
  self->taken = json_integer_value(taken);
  self->state = self->base->read(hold, predictor, shape, err);
  return self->state ? self : NULL;
}

CM_MODEL_KIND(self_training) = {
    .kind =
        {.about = {.name = "self_training",
                   .family = "model",
                   .since = "0.1",
                   .summary = "A classifier that also learns from rows without a target.",
                   .details = "Trained on the labelled rows, it gives classes to the unlabelled ones that it is sure "
                              "of, and is trained again with these, until none is left or a number of rounds.",
                   CM_OP_PARAMS(SelfTrainingParams, params_table),
                   .cite = "Yarowsky: Unsupervised word sense disambiguation rivaling supervised methods, ACL 1995"},
         .tasks = CM_TASKS_CLASSES,
         .wants_scaling = true,
         .takes_unlabelled = true},
    .fit = fit,
    .predict = predict_rows,
    .write = write_state,
    .read = read_state,
};
