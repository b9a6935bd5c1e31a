#include "learn/forest.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/bins.h"
#include "learn/rng.h"

#define ANY_VALUE nextafterf(FLT_MAX, 0) /* whose text reads back; every value is below, in practice */
enum { CODES = 256, FEW_ROWS = 256 };    /* codes: of bins, and the missing one */

/* A row in a tree. */
typedef struct Item {
  uint32_t row;
  uint16_t times, y; /* how often it was drawn; its class */
} Item;

typedef struct Node {
  int feature, right, missing;
  float number, cover, gain;
} Node;

/* What a set of rows sums to: the weight of each class, or the sum of the numbers. */
typedef struct Sums {
  double *part;
  double weight;
} Sums;

typedef struct Split {
  int feature;  /* -1: none */
  int bin;      /* the last one that goes left */
  bool missing; /* goes left */
  float below;  /* values below go left */
  double score; /* see score() */
} Split;

/* A tree while all are grown. */
typedef struct Grown {
  int nodes;
  Node *node;
  float *leaf; /* nodes x outputs */
} Grown;

typedef struct Job {
  CmContext *ctx;
  const CmTraining *training;
  const CmForest *options;
  CmBins bins;
  int parts, outputs;
  double *value; /* regression: the numbers less their mean */
  double mean;
  struct Grower *grower; /* one a worker */
  Grown *grown;          /* one a tree */
} Job;

/* The room of a worker, and the tree that it grows. */
typedef struct Grower {
  const Job *job;
  Item *item, *spare;        /* nodes own ranges */
  uint16_t *times;           /* rows */
  int *order;                /* features, in the order in which they are tried */
  uint32_t *count;           /* codes x classes, or codes: rows of the node, zero between features */
  double *sum;               /* regression: codes; the numbers of these rows */
  uint64_t seen[CODES / 64]; /* codes of the node */
  Sums all, left, right;
  uint64_t stream, drawn;
  Node *node;
  float *leaf;
  int nodes;
} Grower;

/* ---- rows of a tree -------------------------------------------------------------------------------------------------
 */

static int64_t draw_below(Grower *g, int64_t n) {
  return cm__draw_below(g->stream, g->drawn++, n);
}

static void draw_times(Grower *g) {
  const CmForest *o = g->job->options;
  int64_t rows = g->job->training->rows, wanted = (int64_t)llround(o->row_share * (double)rows);
  if (wanted < 1) wanted = 1;
  memset(g->times, 0, sizeof *g->times * (size_t)rows);
  if (o->bootstrap) {
    for (int64_t i = 0; i < wanted; i++) {
      int64_t row = draw_below(g, rows);
      if (g->times[row] < UINT16_MAX) g->times[row]++;
    }
    return;
  }
  for (int64_t row = 0; row < rows && wanted; row++) { /* each set of `wanted` rows is as likely */
    bool take = draw_below(g, rows - row) < wanted;
    g->times[row] = take;
    wanted -= take;
  }
}

static int64_t draw_rows(Grower *g) {
  const CmTraining *t = g->job->training;
  int64_t n = 0;
  draw_times(g);
  for (int64_t row = 0; row < t->rows; row++)
    if (g->times[row]) g->item[n++] = (Item){(uint32_t)row, g->times[row], t->y ? (uint16_t)t->y[row] : 0};
  return n;
}

/* ---- sums -----------------------------------------------------------------------------------------------------------
 */

static void clear(const Grower *g, Sums *sums) {
  memset(sums->part, 0, sizeof(double) * (size_t)g->job->parts);
  sums->weight = 0;
}

/* Adds what lies in a bin of the feature that was counted last. */
static inline void add_bin(const Grower *g, Sums *sums, int code) {
  const Job *job = g->job;
  if (job->value) {
    sums->part[0] += g->sum[code];
    sums->weight += g->count[code];
    return;
  }
  const uint32_t *count = g->count + (int64_t)code * job->parts;
  for (int c = 0; c < job->parts; c++) {
    double weight = job->options->class_weight ? job->options->class_weight[c] * count[c] : count[c];
    sums->part[c] += weight;
    sums->weight += weight;
  }
}

/* The larger, the less Gini impurity, or variance, is left. */
static inline double score(const Grower *g, const Sums *sums) {
  double total = 0;
  for (int c = 0; c < g->job->parts; c++) total += sums->part[c] * sums->part[c];
  return total / sums->weight;
}

/* Sums the rows of a node up; whether they differ in the target. */
static bool sum_node(Grower *g, const Item *item, int64_t n) {
  const Job *job = g->job;
  double squares = 0;
  int present = 0;
  clear(g, &g->all);
  for (int64_t i = 0; i < n; i++) {
    if (job->value) {
      double value = job->value[item[i].row];
      g->all.part[0] += item[i].times * value;
      squares += item[i].times * value * value;
      g->all.weight += item[i].times;
    } else {
      g->count[item[i].y] += item[i].times;
    }
  }
  if (job->value) return squares - g->all.part[0] * g->all.part[0] / g->all.weight > 1e-12 * squares;
  add_bin(g, &g->all, 0);
  for (int c = 0; c < job->parts; c++) present += g->count[c] > 0;
  memset(g->count, 0, sizeof *g->count * (size_t)job->parts);
  return present > 1;
}

/* ---- splits ---------------------------------------------------------------------------------------------------------
 */

static void count_bins(Grower *g, const uint8_t *code, const Item *item, int64_t n) {
  const Job *job = g->job;
  int parts = job->parts;
  if (job->value) {
    for (int64_t i = 0; i < n; i++) {
      int bin = code[item[i].row];
      g->count[bin] += item[i].times;
      g->sum[bin] += item[i].times * job->value[item[i].row];
    }
  } else if (parts == 2) {
    for (int64_t i = 0; i < n; i++) g->count[2 * code[item[i].row] + item[i].y] += item[i].times;
  } else {
    for (int64_t i = 0; i < n; i++) g->count[code[item[i].row] * parts + item[i].y] += item[i].times;
  }
}

/* Marks the codes that occur: of few rows by the rows, of many by the counts. */
static void mark_bins(Grower *g, const uint8_t *code, const Item *item, int64_t n) {
  memset(g->seen, 0, sizeof g->seen);
  if (n < FEW_ROWS) {
    for (int64_t i = 0; i < n; i++) g->seen[code[item[i].row] / 64] |= UINT64_C(1) << code[item[i].row] % 64;
    return;
  }
  for (int bin = 0; bin < CODES; bin++) {
    uint32_t any = 0;
    for (int c = 0; c < (g->job->value ? 1 : g->job->parts); c++) any |= g->count[bin * g->job->parts + c];
    g->seen[bin / 64] |= (uint64_t)(any > 0) << bin % 64;
  }
}

static void clear_bins(Grower *g) {
  int parts = g->job->parts;
  for (int word = 0; word < CODES / 64; word++) {
    for (uint64_t left = g->seen[word]; left; left &= left - 1) {
      int bin = 64 * word + __builtin_ctzll(left);
      memset(g->count + bin * parts, 0, sizeof *g->count * (size_t)parts);
      if (g->job->value) g->sum[bin] = 0;
    }
  }
}

/* Compares the rows in g->left with the others. */
static inline void try_split(Grower *g, int feature, int bin, bool missing, float below, Split *best) {
  const CmForest *o = g->job->options;
  for (int c = 0; c < g->job->parts; c++) g->right.part[c] = g->all.part[c] - g->left.part[c];
  g->right.weight = g->all.weight - g->left.weight;
  if (g->left.weight < o->min_leaf || g->right.weight < o->min_leaf) return;
  double here = score(g, &g->left) + score(g, &g->right);
  if (here > best->score) *best = (Split){feature, bin, missing, below, here};
}

/* Cuts between the bins in turn, and between values and missing ones. */
static void try_bins(Grower *g, int feature, bool any_missing, bool missing_left, Split *best) {
  const float *low = g->job->bins.low + (int64_t)feature * CM__MOST_BINS,
              *high = g->job->bins.high + (int64_t)feature * CM__MOST_BINS;
  int last = -1;
  clear(g, &g->left);
  if (missing_left) add_bin(g, &g->left, CM__MISSING_BIN);
  for (int word = 0; word < CODES / 64; word++) {
    uint64_t left = g->seen[word];
    if (word == CM__MISSING_BIN / 64) left &= ~(UINT64_C(1) << CM__MISSING_BIN % 64);
    for (; left; left &= left - 1) {
      int bin = 64 * word + __builtin_ctzll(left);
      if (last >= 0) try_split(g, feature, last, missing_left, cm__above_middle(high[last], low[bin]), best);
      add_bin(g, &g->left, bin);
      last = bin;
    }
  }
  if (any_missing && !missing_left && last >= 0) try_split(g, feature, last, false, ANY_VALUE, best);
}

/* Whether the feature differs among the rows. */
static bool try_feature(Grower *g, int feature, const Item *item, int64_t n, Split *best) {
  const uint8_t *code = g->job->bins.code + (int64_t)feature * g->job->bins.rows;
  int kinds = 0;
  count_bins(g, code, item, n);
  mark_bins(g, code, item, n);
  for (int word = 0; word < CODES / 64; word++) kinds += __builtin_popcountll(g->seen[word]);
  if (kinds > 1) {
    bool missing = g->seen[CM__MISSING_BIN / 64] >> CM__MISSING_BIN % 64 & 1;
    try_bins(g, feature, missing, false, best);
    if (missing) try_bins(g, feature, true, true, best);
  }
  clear_bins(g);
  return kinds > 1;
}

/* Features are drawn until enough were tried and one of them differs among the rows. */
static Split find_split(Grower *g, const Item *item, int64_t n) {
  Split best = {.feature = -1, .score = -INFINITY};
  int features = g->job->bins.features, useful = 0;
  for (int at = 0; at < features && (at < g->job->options->choices || !useful); at++) {
    int64_t other = at + draw_below(g, features - at);
    int feature = g->order[other];
    g->order[other] = g->order[at];
    g->order[at] = feature;
    useful += try_feature(g, feature, item, n, &best);
  }
  return best;
}

/* Keeps the order on both sides; how many go left. Missing values that training had not go with the many. */
static int64_t part_rows(Grower *g, Item *item, int64_t n, Split *split) {
  const uint8_t *code = g->job->bins.code + (int64_t)split->feature * g->job->bins.rows;
  int64_t left = 0, right = 0;
  bool any_missing = false;
  for (int64_t i = 0; i < n; i++) {
    Item one = item[i];
    int bin = code[one.row];
    bool to_left = bin == CM__MISSING_BIN ? split->missing : bin <= split->bin;
    any_missing = any_missing || bin == CM__MISSING_BIN;
    item[left] = one;
    g->spare[right] = one;
    left += to_left;
    right += !to_left;
  }
  memcpy(item + left, g->spare, sizeof *item * (size_t)right);
  if (!any_missing) split->missing = left >= right;
  return left;
}

/* ---- trees ----------------------------------------------------------------------------------------------------------
 */

static void put_leaf(Grower *g, int node) {
  const Job *job = g->job;
  double trees = job->options->trees;
  float *leaf = g->leaf + (int64_t)node * job->outputs;
  for (int o = 0; o < job->outputs; o++) {
    double mean = g->all.part[job->value ? 0 : job->outputs == 1 ? 1 : o] / g->all.weight;
    leaf[o] = (float)((mean + job->mean) / trees);
  }
}

static void grow(Grower *g, Item *item, int64_t n, int depth) {
  int at = g->nodes++;
  bool may = sum_node(g, item, n) && depth < g->job->options->max_depth;
  Node *node = &g->node[at];
  *node = (Node){.feature = -1, .cover = (float)g->all.weight};
  put_leaf(g, at);
  double before = score(g, &g->all);
  Split split = may ? find_split(g, item, n) : (Split){.feature = -1};
  if (split.feature < 0) return;
  int64_t left = part_rows(g, item, n, &split);
  *node = (Node){.feature = split.feature, .missing = split.missing, .number = split.below, .cover = node->cover};
  node->gain = (float)fmax(split.score - before, 0);
  grow(g, item, left, depth + 1);
  node->right = g->nodes;
  grow(g, item + left, n - left, depth + 1);
}

static bool keep_tree(const Grower *g, Grown *to, CmError **err) {
  size_t leaves = (size_t)g->nodes * (size_t)g->job->outputs;
  to->nodes = g->nodes;
  to->node = cm_alloc_array(g->job->ctx, (size_t)g->nodes, sizeof *to->node, err);
  to->leaf = to->node ? cm_alloc_array(g->job->ctx, leaves, sizeof *to->leaf, err) : NULL;
  if (!to->leaf) return false;
  memcpy(to->node, g->node, sizeof *to->node * (size_t)g->nodes);
  memcpy(to->leaf, g->leaf, sizeof *to->leaf * leaves);
  return true;
}

static bool grow_trees(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  Grower *g = &job->grower[range.worker];
  for (int64_t tree = range.begin; tree < range.end; tree++) {
    g->stream = cm__stream(job->options->seed, CM__STREAM_TREES, (uint64_t)tree);
    g->drawn = 0;
    g->nodes = 0;
    for (int j = 0; j < job->bins.features; j++) g->order[j] = j;
    int64_t n = draw_rows(g);
    grow(g, g->item, n, 0);
    if (!keep_tree(g, &job->grown[tree], err)) return false;
  }
  return true;
}

static void write_tree(const Grown *from, int outputs, int output, CmTree *to) {
  for (int i = 0; i < from->nodes; i++) {
    const Node *node = &from->node[i];
    to->feature[i] = node->feature;
    to->right[i] = node->right;
    to->missing[i] = node->missing;
    to->number[i] = node->feature < 0 ? from->leaf[(int64_t)i * outputs + output] : node->number;
    to->cover[i] = node->cover;
    to->gain[i] = node->gain;
  }
  to->output = output;
}

static bool make_sums(CmArena *scratch, int parts, Sums *sums, CmError **err) {
  return (sums->part = CM__NEW(scratch, double, parts, err)) != NULL;
}

static bool make_grower(CmArena *scratch, const Job *job, Grower *g, CmError **err) {
  int64_t rows = job->training->rows, nodes = 2 * rows - 1;
  g->job = job;
  g->item = CM__NEW(scratch, Item, rows, err);
  g->spare = CM__NEW(scratch, Item, rows, err);
  g->times = CM__NEW(scratch, uint16_t, rows, err);
  g->order = CM__NEW(scratch, int, job->bins.features, err);
  g->count = CM__NEW(scratch, uint32_t, CODES * job->parts, err);
  g->sum = CM__NEW(scratch, double, CODES, err);
  g->node = CM__NEW(scratch, Node, nodes, err);
  g->leaf = CM__NEW(scratch, float, nodes * job->outputs, err);
  return g->item && g->spare && g->times && g->order && g->count && g->sum && g->node && g->leaf &&
         make_sums(scratch, job->parts, &g->all, err) && make_sums(scratch, job->parts, &g->left, err) &&
         make_sums(scratch, job->parts, &g->right, err);
}

static bool make_job(CmArena *scratch, const CmTraining *t, const CmForest *options, Job *job, CmError **err) {
  int threads = cm_context_threads(scratch->ctx);
  *job = (Job){.ctx = scratch->ctx, .training = t, .options = options, .parts = t->y ? t->classes : 1};
  job->outputs = cm__outputs(t->task, t->classes);
  job->grower = CM__NEW(scratch, Grower, threads, err);
  job->grown = CM__NEW(scratch, Grown, options->trees, err);
  if (!job->grower || !job->grown || !cm__bins_make(scratch, t, options->bins, &job->bins, err)) return false;
  if (!t->y && !(job->value = CM__NEW(scratch, double, t->rows, err))) return false;
  for (int64_t i = 0; job->value && i < t->rows; i++) job->mean += t->value[i] / (double)t->rows;
  for (int64_t i = 0; job->value && i < t->rows; i++) job->value[i] = t->value[i] - job->mean;
  for (int w = 0; w < threads; w++)
    if (!make_grower(scratch, job, &job->grower[w], err)) return false;
  return true;
}

static bool write_trees(CmArena *hold, const Job *job, CmTrees *trees, CmError **err) {
  trees->tree = CM__NEW(hold, CmTree, trees->count, err);
  for (int t = 0; trees->tree && t < trees->count; t++) {
    const Grown *grown = &job->grown[t / job->outputs];
    if (!cm__tree_create(hold, grown->nodes, &trees->tree[t], err)) return false;
    write_tree(grown, job->outputs, t % job->outputs, &trees->tree[t]);
  }
  return trees->tree && cm__trees_ready(hold, trees, err);
}

bool cm__forest_grow(CmArena *hold, const CmTraining *training, const CmForest *options, CmTrees *trees,
                     CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  Job job = {0};
  if (training->rows > INT32_MAX / 2 || training->classes > UINT16_MAX) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "a forest takes at most %d rows and %d classes; train on fewer",
                 INT32_MAX / 2, UINT16_MAX);
    return false;
  }
  *trees = (CmTrees){.features = training->features, .width = cm__width(training->task, training->classes)};
  bool ok = make_job(&scratch, training, options, &job, err) &&
            cm_parallel_for(hold->ctx, "trees", options->trees, 1, grow_trees, &job, err);
  trees->outputs = job.outputs;
  trees->count = options->trees * job.outputs;
  ok = ok && write_trees(hold, &job, trees, err);
  for (int t = 0; job.grown && t < options->trees; t++) {
    cm_free(job.grown[t].node);
    cm_free(job.grown[t].leaf);
  }
  cm__arena_free(&scratch);
  return ok;
}
