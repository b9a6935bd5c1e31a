#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/boost.h"
#include "learn/cuts.h"

enum { TOGETHER = 4 }; /* features of a chunk: their histograms and the rows that go by share the nearest cache */
static const float least_fall = 1e-6F; /* of the loss */

/* A gradient and a hessian, or sums of these. */
typedef double Pair __attribute__((vector_size(16)));

typedef struct Split {
  int feature, bin; /* the last bin that goes left; -1: missing values only */
  bool missing_left;
  float below; /* values below go left */
  float fall;  /* of the loss; 0: no split */
  Pair left, right;
} Split;

typedef struct Node {
  int feature, right;
  bool missing_left;
  float number, cover, gain;
} Node;

/* Rows of one node, and what they sum to. */
typedef struct Share {
  CmPull *pull;
  int64_t count;
  Pair sum;
  Split best;
} Share;

struct CmBoostTree {
  CmArena *scratch;
  const CmBoost *options;
  const CmCuts *cuts;
  CmPull *spare;                     /* rows */
  Pair *histogram[CM__DEEPEST_TREE]; /* of the nodes that wait, one for each level; as cuts->first tells */
  Node *node;
  int nodes, room; /* in the tree so far; for */
  const int *chosen;
  int chosen_count;
  float *margin;
  int outputs;
  Split *best; /* two for each feature: of the node that is summed, and of the other */
};

/* ---- gains ----------------------------------------------------------------------------------------------------------
 */

static inline double shrunk(const CmBoost *o, double gradient) {
  double l1 = (double)o->l1;
  return gradient > l1 ? gradient - l1 : gradient < -l1 ? gradient + l1 : 0;
}

static inline float gain(const CmBoost *o, Pair sum) {
  if (sum[1] <= 0) return 0;
  double gradient = shrunk(o, sum[0]);
  return (float)(gradient * gradient) / (float)(sum[1] + (double)o->l2);
}

static float leaf_number(const CmBoost *o, Pair sum) {
  if (sum[1] < (double)o->min_child_weight || sum[1] <= 0) return 0;
  return (float)(-shrunk(o, sum[0]) / (sum[1] + (double)o->l2)) * o->learning_rate;
}

/* ---- histograms -----------------------------------------------------------------------------------------------------
 */

static inline int code_at(const void *code, bool wide, uint32_t row) {
  return wide ? ((const uint16_t *)code)[row] : ((const uint8_t *)code)[row];
}

/* Each bin of `count` features sums its rows in their order. */
static inline __attribute__((always_inline)) void sum_bins(Pair *const *to, const void *const *code, int count,
                                                           bool wide, const CmPull *pull, int64_t rows) {
  for (int64_t i = 0; i < rows; i++) {
    Pair pair = {(double)pull[i].gradient, (double)pull[i].hessian};
    int bin[TOGETHER];
    for (int f = 0; f < count; f++) bin[f] = code_at(code[f], wide, pull[i].row);
    for (int f = 0; f < count; f++) to[f][bin[f]] += pair;
  }
}

static void sum_features(const CmBoostTree *g, const int *feature, int count, Pair *histogram, const Share *share) {
  const CmCuts *cuts = g->cuts;
  const void *code[TOGETHER];
  Pair *to[TOGETHER];
  for (int f = 0; f < count; f++) {
    int64_t cells = feature[f] * cuts->rows;
    code[f] = cuts->wide ? (const void *)((const uint16_t *)cuts->code + cells) : (const uint8_t *)cuts->code + cells;
    to[f] = histogram + cuts->first[feature[f]];
    memset(to[f], 0, sizeof(Pair) * (size_t)(cm__cuts_bins(cuts, feature[f]) + 1));
  }
  if (count == TOGETHER && !cuts->wide) {
    sum_bins(to, code, TOGETHER, false, share->pull, share->count);
    return;
  }
  for (int f = 0; f < count; f++) {
    if (cuts->wide)
      sum_bins(to + f, code + f, 1, true, share->pull, share->count);
    else
      sum_bins(to + f, code + f, 1, false, share->pull, share->count);
  }
}

/* ---- splits ---------------------------------------------------------------------------------------------------------
 */

static inline bool is_better(const CmBoost *o, Pair left, Pair right, float whole, float *best) {
  double least = (double)o->min_child_weight;
  if (left[1] < least || right[1] < least) return false;
  float fall = gain(o, left) + gain(o, right) - whole;
  if (!(fall > *best) || isinf(fall)) return false;
  *best = fall;
  return true;
}

/* From the lowest bin on, missing values to the right; the sum of the values that are there. */
static Pair try_upwards(const CmBoostTree *g, int feature, const Pair *bin, Pair sum, float whole, Split *best) {
  const float *above = g->cuts->above + g->cuts->first[feature];
  int bins = cm__cuts_bins(g->cuts, feature);
  Pair left = {0, 0};
  for (int b = 0; b < bins; b++) {
    left += bin[b];
    Pair right = sum - left;
    if (is_better(g->options, left, right, whole, &best->fall))
      *best = (Split){feature, b, false, above[b], best->fall, left, right};
  }
  return left;
}

/* From the highest bin on, missing values to the left. */
static void try_downwards(const CmBoostTree *g, int feature, const Pair *bin, Pair sum, float whole, Split *best) {
  const float *above = g->cuts->above + g->cuts->first[feature];
  Pair right = {0, 0};
  for (int b = cm__cuts_bins(g->cuts, feature) - 1; b >= 0; b--) {
    right += bin[b];
    Pair left = sum - right;
    if (is_better(g->options, left, right, whole, &best->fall))
      *best = (Split){feature, b - 1, true, b ? above[b - 1] : g->cuts->under[feature], best->fall, left, right};
  }
}

static Split try_feature(const CmBoostTree *g, int feature, const Pair *histogram, Pair sum) {
  const Pair *bin = histogram + g->cuts->first[feature];
  Split best = {.fall = 0};
  float whole = gain(g->options, sum);
  Pair there = try_upwards(g, feature, bin, sum, whole, &best);
  if (there[0] != sum[0] || there[1] != sum[1]) try_downwards(g, feature, bin, sum, whole, &best);
  return best;
}

/* A look for the best splits of a node, or of two whose sums are those of their parent. */
typedef struct Look {
  CmBoostTree *g;
  const Share *summed, *other; /* other: NULL for the root */
  Pair *histogram, *rest;      /* of summed; of the parent, which becomes that of the other */
} Look;

static bool look_at_features(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Look *look = arg;
  const CmBoostTree *g = look->g;
  const int *feature = g->chosen + range.begin;
  int count = (int)(range.end - range.begin);
  sum_features(g, feature, count, look->histogram, look->summed);
  for (int f = 0; f < count; f++) {
    Split *best = g->best + 2 * (range.begin + f);
    best[0] = try_feature(g, feature[f], look->histogram, look->summed->sum);
    if (!look->other) continue;
    for (int64_t b = g->cuts->first[feature[f]]; b < g->cuts->first[feature[f] + 1]; b++)
      look->rest[b] -= look->histogram[b];
    best[1] = try_feature(g, feature[f], look->rest, look->other->sum);
  }
  return true;
}

/* Of equal splits the first feature's. */
static Split best_of(const CmBoostTree *g, int which) {
  const Split *best = &g->best[which];
  for (int f = 1; f < g->chosen_count; f++)
    if (g->best[2 * f + which].fall > best->fall) best = &g->best[2 * f + which];
  return *best;
}

static Pair *histogram_at(CmBoostTree *g, int slot, CmError **err) {
  if (!g->histogram[slot]) g->histogram[slot] = CM__NEW(g->scratch, Pair, g->cuts->first[g->cuts->features], err);
  return g->histogram[slot];
}

static bool look(CmBoostTree *g, Share *summed, int slot, Share *other, int rest, CmError **err) {
  Look job = {g, summed, other, histogram_at(g, slot, err), other ? g->histogram[rest] : NULL};
  if (!job.histogram || !cm_parallel_for(g->scratch->ctx, NULL, g->chosen_count, TOGETHER, look_at_features, &job, err))
    return false;
  summed->best = best_of(g, 0);
  if (other) other->best = best_of(g, 1);
  return true;
}

/* ---- growing --------------------------------------------------------------------------------------------------------
 */

/* Keeps the order on both sides; how many go left. */
static int64_t part_rows(const CmBoostTree *g, CmPull *pull, int64_t n, const Split *split) {
  const CmCuts *cuts = g->cuts;
  int64_t cells = split->feature * cuts->rows, left = 0, right = 0;
  const void *code =
      cuts->wide ? (const void *)((const uint16_t *)cuts->code + cells) : (const uint8_t *)cuts->code + cells;
  int missing = cm__cuts_bins(cuts, split->feature);
  for (int64_t i = 0; i < n; i++) {
    CmPull one = pull[i];
    int bin = code_at(code, cuts->wide, one.row);
    bool to_left = bin == missing ? split->missing_left : bin <= split->bin;
    pull[left] = one;
    g->spare[right] = one;
    left += to_left;
    right += !to_left;
  }
  memcpy(pull + left, g->spare, sizeof *pull * (size_t)right);
  return left;
}

static int add_node(CmBoostTree *g, Pair sum, CmError **err) {
  if (g->nodes == g->room) {
    Node *more = CM__NEW(g->scratch, Node, 2 * (int64_t)g->room, err);
    if (!more) return -1;
    memcpy(more, g->node, sizeof *more * (size_t)g->room);
    g->node = more;
    g->room *= 2;
  }
  float cover = (float)sum[1];
  g->node[g->nodes] = (Node){.feature = -1, .cover = cover > 0 ? cover : FLT_MIN};
  return g->nodes++;
}

static void put_leaf(const CmBoostTree *g, int node, const Share *share) {
  float number = g->node[node].number = leaf_number(g->options, share->sum);
  for (int64_t i = 0; i < share->count; i++) g->margin[share->pull[i].row * (int64_t)g->outputs] += number;
}

static bool is_worth(const CmBoost *o, const Split *split) {
  return split->fall > least_fall && split->fall >= o->min_gain && split->left[1] != 0 && split->right[1] != 0;
}

/* slot: where its histogram lies. */
static bool grow(CmArena *hold, CmBoostTree *g, const Share *share, int slot, int depth, CmError **err) {
  const CmBoost *o = g->options;
  const Split *split = &share->best;
  int node = add_node(g, share->sum, err);
  if (node < 0) return false;
  if (depth == o->max_depth || !is_worth(o, split)) {
    put_leaf(g, node, share);
    return true;
  }
  Node *made = &g->node[node];
  made->feature = split->feature;
  made->missing_left = split->missing_left;
  made->number = split->below;
  made->gain = split->fall;
  int64_t count = part_rows(g, share->pull, share->count, split);
  Share left = {share->pull, count, split->left, {.fall = 0}},
        right = {share->pull + count, share->count - count, split->right, {.fall = 0}};
  bool fewer_right = right.sum[1] < left.sum[1];
  int free_slot = depth + 1;
  if (depth + 1 < o->max_depth &&
      !look(g, fewer_right ? &right : &left, free_slot, fewer_right ? &left : &right, slot, err))
    return false;
  if (!grow(hold, g, &left, fewer_right ? slot : free_slot, depth + 1, err)) return false;
  g->node[node].right = g->nodes;
  return grow(hold, g, &right, fewer_right ? free_slot : slot, depth + 1, err);
}

/* As XGBoost sums the root: by the bins of the first feature, or with missing values by rows. */
static bool sum_root(CmBoostTree *g, Share *root, CmError **err) {
  root->sum = (Pair){0, 0};
  if (!g->cuts->whole) {
    for (int64_t i = 0; i < root->count; i++)
      root->sum += (Pair){(double)root->pull[i].gradient, (double)root->pull[i].hessian};
    return true;
  }
  Pair *histogram = histogram_at(g, 0, err);
  if (!histogram) return false;
  sum_features(g, (int[]){0}, 1, histogram, root);
  for (int b = 0; b < cm__cuts_bins(g->cuts, 0); b++) root->sum += histogram[b];
  return true;
}

CmBoostTree *cm__boost_tree_create(CmArena *scratch, const CmBoost *options, const CmCuts *cuts, CmError **err) {
  CmBoostTree *g = CM__NEW(scratch, CmBoostTree, 1, err);
  if (!g) return NULL;
  *g = (CmBoostTree){.scratch = scratch, .options = options, .cuts = cuts, .room = 64};
  g->spare = CM__NEW(scratch, CmPull, cuts->rows, err);
  g->node = CM__NEW(scratch, Node, g->room, err);
  g->best = CM__NEW(scratch, Split, 2 * (int64_t)cuts->features, err);
  return g->spare && g->node && g->best ? g : NULL;
}

bool cm__boost_tree_grow(CmArena *hold, CmBoostTree *g, CmPull *pull, const int *chosen, int count, float *margin,
                         int outputs, CmTree *tree, CmError **err) {
  Share root = {.pull = pull, .count = g->cuts->rows};
  g->nodes = 0;
  g->chosen = chosen;
  g->chosen_count = count;
  g->margin = margin;
  g->outputs = outputs;
  if (!sum_root(g, &root, err) || !look(g, &root, 0, NULL, 0, err) || !grow(hold, g, &root, 0, 0, err) ||
      !cm__tree_create(hold, g->nodes, tree, err))
    return false;
  for (int i = 0; i < g->nodes; i++) {
    const Node *node = &g->node[i];
    tree->feature[i] = node->feature;
    tree->right[i] = node->right;
    tree->missing[i] = node->missing_left;
    tree->number[i] = node->number;
    tree->cover[i] = node->cover;
    tree->gain[i] = node->gain;
  }
  return true;
}
