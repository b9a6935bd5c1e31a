#include "learn/cart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Cell {
  float value;
  int row;
} Cell;

/* What a set of rows sums to: weights by class, or weight, sum and sum of squares of the numbers. */
typedef struct Sums {
  double *part; /* classes, or the sum and the sum of squares */
  double weight;
} Sums;

typedef struct Split {
  int feature; /* -1: none */
  int64_t left;
  float below; /* values below go left */
  double fall; /* of weight times impurity */
} Split;

typedef struct Grower {
  const CmTraining *training;
  const CmCart *options;
  CmTrees *trees;
  Cell *sorted;       /* features x rows, each sorted; nodes own the same range in all */
  Cell *scratch;      /* rows */
  uint8_t *goes_left; /* rows */
  Sums node, left, right;
  double total;
  int nodes; /* of the tree so far */
} Grower;

static int by_value(const void *a, const void *b) {
  const Cell *p = a, *q = b;
  if (p->value != q->value) return p->value < q->value ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

static int parts(const CmTraining *t) {
  return t->y ? t->classes : 2;
}

static void clear(const Grower *g, Sums *sums) {
  memset(sums->part, 0, sizeof(double) * (size_t)parts(g->training));
  sums->weight = 0;
}

static void add(const Grower *g, Sums *sums, int row) {
  const CmTraining *t = g->training;
  if (t->y) {
    double weight = g->options->weight ? g->options->weight[t->y[row]] : 1;
    sums->part[t->y[row]] += weight;
    sums->weight += weight;
    return;
  }
  sums->part[0] += t->value[row];
  sums->part[1] += t->value[row] * t->value[row];
  sums->weight += 1;
}

static void subtract(const Grower *g, const Sums *whole, const Sums *part, Sums *rest) {
  for (int c = 0; c < parts(g->training); c++) rest->part[c] = whole->part[c] - part->part[c];
  rest->weight = whole->weight - part->weight;
}

/* Weight times impurity, less what all splits of a node share. The smaller, the better. */
static double cost(const Grower *g, const Sums *sums) {
  double total = 0;
  if (!g->training->y) return -sums->part[0] * sums->part[0] / sums->weight;
  for (int c = 0; c < g->training->classes; c++) {
    double part = sums->part[c];
    if (g->options->criterion == CM__CART_GINI)
      total -= part * part / sums->weight;
    else if (part > 0)
      total -= part * log(part / sums->weight);
  }
  return total;
}

static bool is_pure(const Grower *g, const Sums *sums) {
  const CmTraining *t = g->training;
  if (!t->y) return !(sums->part[1] - sums->part[0] * sums->part[0] / sums->weight > 1e-12 * fabs(sums->part[1]));
  int present = 0;
  for (int c = 0; c < t->classes; c++) present += sums->part[c] > 0;
  return present <= 1;
}

static void try_feature(Grower *g, int j, int64_t first, int64_t last, Split *best) {
  const Cell *cell = g->sorted + j * g->training->rows;
  double before = cost(g, &g->node);
  clear(g, &g->left);
  for (int64_t i = first; i + 1 < last; i++) {
    add(g, &g->left, cell[i].row);
    if (!(cell[i + 1].value > cell[i].value)) continue;
    subtract(g, &g->node, &g->left, &g->right);
    if (g->left.weight < g->options->min_leaf || g->right.weight < g->options->min_leaf) continue;
    double fall = before - cost(g, &g->left) - cost(g, &g->right);
    if (!(fall > best->fall)) continue;
    *best = (Split){j, i + 1 - first, cm__above_middle(cell[i].value, cell[i + 1].value), fall};
  }
}

/* Keeps the order on both sides. */
static void part_rows(Grower *g, const Split *split, int64_t first, int64_t last) {
  int64_t rows = g->training->rows;
  const Cell *chosen = g->sorted + split->feature * rows;
  for (int64_t i = first; i < last; i++) g->goes_left[chosen[i].row] = i - first < split->left;
  for (int j = 0; j < g->training->features; j++) {
    Cell *cell = g->sorted + j * rows;
    int64_t left = first, right = 0;
    for (int64_t i = first; i < last; i++) {
      if (g->goes_left[cell[i].row])
        cell[left++] = cell[i];
      else
        g->scratch[right++] = cell[i];
    }
    memcpy(cell + left, g->scratch, sizeof *cell * (size_t)right);
  }
}

/* Numbers of a node in each of the trees. */
static void put_node(Grower *g, int node, const Split *split) {
  const CmTraining *t = g->training;
  for (int o = 0; o < g->trees->count; o++) {
    CmTree *tree = &g->trees->tree[o];
    bool leaf = split->feature < 0;
    double sum = t->y ? g->node.part[g->trees->count == 1 ? 1 : o] : g->node.part[0];
    tree->cover[node] = (float)g->node.weight;
    tree->feature[node] = split->feature;
    tree->number[node] = leaf ? (float)(sum / g->node.weight) : split->below;
    tree->gain[node] = leaf ? 0 : (float)fmax(split->fall, 0);
  }
}

static void grow(Grower *g, int64_t first, int64_t last, int depth) {
  const CmTraining *t = g->training;
  int node = g->nodes++;
  Split best = {.feature = -1, .fall = -INFINITY};
  clear(g, &g->node);
  for (int64_t i = first; i < last; i++) add(g, &g->node, g->sorted[i].row);
  int deepest =
      g->options->max_depth && g->options->max_depth < CM__DEEPEST_TREE ? (int)g->options->max_depth : CM__DEEPEST_TREE;
  bool may = depth < deepest && g->node.weight >= g->options->min_split && !is_pure(g, &g->node);
  for (int j = 0; may && j < t->features; j++) try_feature(g, j, first, last, &best);
  if (best.feature >= 0 && best.fall / g->total < g->options->min_gain) best.feature = -1;
  put_node(g, node, &best);
  if (best.feature < 0) return;
  part_rows(g, &best, first, last);
  grow(g, first, first + best.left, depth + 1);
  for (int o = 0; o < g->trees->count; o++) g->trees->tree[o].right[node] = g->nodes;
  grow(g, first + best.left, last, depth + 1);
}

static bool make_sums(CmArena *scratch, const CmTraining *t, Sums *sums, CmError **err) {
  return (sums->part = CM__NEW(scratch, double, parts(t), err)) != NULL;
}

/* Each feature sorted, with its rows. */
static bool sort_features(CmArena *scratch, Grower *g, CmError **err) {
  const CmTraining *t = g->training;
  size_t cells;
  if (!cm_size_multiply((size_t)t->rows, (size_t)t->features, &cells, err)) return false;
  g->sorted = CM__NEW(scratch, Cell, cells, err);
  g->scratch = CM__NEW(scratch, Cell, t->rows, err);
  g->goes_left = CM__NEW(scratch, uint8_t, t->rows, err);
  if (!g->sorted || !g->scratch || !g->goes_left) return false;
  for (int j = 0; j < t->features; j++) {
    Cell *cell = g->sorted + j * t->rows;
    for (int64_t i = 0; i < t->rows; i++) cell[i] = (Cell){(float)t->x[i * t->features + j], (int)i};
    qsort(cell, (size_t)t->rows, sizeof *cell, by_value);
  }
  return true;
}

bool cm__cart(CmArena *hold, const CmTraining *training, const CmCart *options, CmTrees *trees, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  int outputs = cm__outputs(training->task, training->classes);
  *trees = (CmTrees){.features = training->features, .outputs = outputs, .count = outputs};
  trees->width = cm__width(training->task, training->classes);
  Grower g = {.training = training, .options = options, .trees = trees};
  bool ok = false;
  if (training->rows > INT32_MAX / 2) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "a tree takes at most %d rows; train on fewer", INT32_MAX / 2);
    return false;
  }
  trees->tree = CM__NEW(hold, CmTree, outputs, err);
  if (!trees->tree || !sort_features(&scratch, &g, err) || !make_sums(&scratch, training, &g.node, err) ||
      !make_sums(&scratch, training, &g.left, err) || !make_sums(&scratch, training, &g.right, err))
    goto done;
  for (int o = 0; o < outputs; o++) {
    if (!cm__tree_create(hold, (int)(2 * training->rows - 1), &trees->tree[o], err)) goto done;
    trees->tree[o].output = o;
  }
  for (int64_t i = 0; i < training->rows; i++)
    g.total += training->y && options->weight ? options->weight[training->y[i]] : 1;
  grow(&g, 0, training->rows, 0);
  for (int o = 0; o < outputs; o++) trees->tree[o].nodes = g.nodes;
  ok = cm__trees_ready(hold, trees, err);
done:
  cm__arena_free(&scratch);
  return ok;
}
