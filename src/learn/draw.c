#include "learn/draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "learn/model.h"

enum { BOX_WIDTH = 168, BOX_HEIGHT = 62, GAP_X = 14, GAP_Y = 40, MARGIN = 16, MOST_SHOWN = 4 };

typedef struct Drawing {
  const CmTrees *trees;
  const CmModel *model;
  CmTextBuffer *to;
} Drawing;

/* Mean of a tree's leaves below a node, by the rows that came by. */
static double mean_below(const CmTree *tree, int node) {
  if (tree->feature[node] < 0) return (double)tree->number[node];
  int left = node + 1, right = tree->right[node];
  double a = (double)tree->cover[left], b = (double)tree->cover[right];
  return (a * mean_below(tree, left) + b * mean_below(tree, right)) / (a + b);
}

static double share_of(const Drawing *d, int node, int class_at) {
  if (d->trees->outputs > 1) return mean_below(&d->trees->tree[class_at], node);
  double positive = mean_below(&d->trees->tree[0], node);
  return class_at ? positive : 1 - positive;
}

static int likeliest(const Drawing *d, int node) {
  int best = 0;
  for (int c = 1; c < d->model->classes; c++)
    if (share_of(d, node, c) > share_of(d, node, best)) best = c;
  return best;
}

/* "area < 12.5 mm", in the unit of the table. */
static void condition(const Drawing *d, int node, char *text, size_t size) {
  const CmTree *tree = &d->trees->tree[0];
  const CmPrepare *prepare = &d->model->prepare;
  int k = tree->feature[node], j = prepare->keep[k];
  char name[80];
  double value = (double)tree->number[node] * prepare->scale[k] + prepare->center[k];
  const char *unit = k < prepare->kept ? d->model->unit[j] : "";
  snprintf(text, size, "%.60s < %.6g%s%.20s", cm__prepared_name(d->model, k, name, sizeof name), value,
           *unit ? " " : "", unit);
}

/* "setosa 0.97, rows 40" or "152.3 mmHg, rows 40". */
static void outcome(const Drawing *d, int node, char *text, size_t size) {
  double rows = (double)d->trees->tree[0].cover[node];
  if (d->model->classes) {
    int c = likeliest(d, node);
    snprintf(text, size, "%.60s %.3g, rows %.6g", d->model->class_name[c], share_of(d, node, c), rows);
  } else {
    snprintf(text, size, "%.6g%s%.20s, rows %.6g", mean_below(&d->trees->tree[0], node),
             *d->model->target_unit ? " " : "", d->model->target_unit, rows);
  }
}

/* ---- text -----------------------------------------------------------------------------------------------------------
 */

static void write_lines(const Drawing *d, int node, int depth) {
  const CmTree *tree = &d->trees->tree[0];
  char text[200];
  outcome(d, node, text, sizeof text);
  if (tree->feature[node] < 0) {
    cm__text_addf(d->to, "%s\n", text);
    return;
  }
  char split[200];
  condition(d, node, split, sizeof split);
  cm__text_addf(d->to, "[%s]\n", text);
  for (int side = 0; side < 2; side++) {
    for (int i = 0; i < depth; i++) cm__text_add(d->to, "|   ");
    cm__text_addf(d->to, side ? "else: " : "%s: ", split);
    write_lines(d, side ? tree->right[node] : node + 1, depth + 1);
  }
}

/* ---- SVG ------------------------------------------------------------------------------------------------------------
 */

static void add_escaped(CmTextBuffer *to, const char *text) {
  for (; *text; text++) {
    const char *escape = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : NULL;
    if (escape)
      cm__text_add(to, escape);
    else if ((unsigned char)*text >= ' ')
      cm__text_add_n(to, text, 1);
  }
}

static int count_leaves(const CmTree *tree, int node) {
  return tree->feature[node] < 0 ? 1 : count_leaves(tree, node + 1) + count_leaves(tree, tree->right[node]);
}

static int count_levels(const CmTree *tree, int node) {
  if (tree->feature[node] < 0) return 1;
  int left = count_levels(tree, node + 1), right = count_levels(tree, tree->right[node]);
  return 1 + (left > right ? left : right);
}

/* Whiter the less a class leads; Okabe and Ito's colours, which people with any colour vision tell apart. */
static void colour(const Drawing *d, int node, char text[16]) {
  static const int base[][3] = {{86, 180, 233}, {230, 159, 0}, {0, 158, 115},  {240, 228, 66},
                                {0, 114, 178},  {213, 94, 0},  {204, 121, 167}};
  const int *rgb = base[0];
  double strength = 0.35;
  if (d->model->classes) {
    int c = likeliest(d, node);
    double even = 1.0 / d->model->classes;
    rgb = base[c % CM_COUNT(base)];
    strength = fmin(fmax((share_of(d, node, c) - even) / (1 - even), 0), 1);
  }
  int shade[3];
  for (int i = 0; i < 3; i++) shade[i] = (int)(255 - strength * (255 - rgb[i]));
  snprintf(text, 16, "#%02x%02x%02x", (unsigned)shade[0] & 255u, (unsigned)shade[1] & 255u, (unsigned)shade[2] & 255u);
}

static void write_text(const Drawing *d, double x, double y, const char *text, bool strong) {
  cm__text_addf(d->to, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, strong ? " font-weight=\"bold\"" : "");
  add_escaped(d->to, text);
  cm__text_add(d->to, "</text>\n");
}

/* Shares of the first classes, or nothing. */
static void write_shares(const Drawing *d, int node, double x, double y) {
  char text[200] = "";
  int shown = d->model->classes < MOST_SHOWN ? d->model->classes : MOST_SHOWN;
  for (int c = 0; c < shown; c++) {
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s%.2f", c ? " / " : "", share_of(d, node, c));
  }
  if (shown) write_text(d, x, y, text, false);
}

static void write_box(const Drawing *d, int node, double x, double y) {
  char fill[16], text[200];
  colour(d, node, fill);
  cm__text_addf(d->to,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" rx=\"5\" fill=\"%s\" stroke=\"#444\"/>\n",
                x - BOX_WIDTH / 2.0, y, BOX_WIDTH, BOX_HEIGHT, fill);
  if (d->trees->tree[0].feature[node] >= 0) {
    condition(d, node, text, sizeof text);
    write_text(d, x, y + 18, text, true);
  }
  outcome(d, node, text, sizeof text);
  write_text(d, x, y + 36, text, false);
  write_shares(d, node, x, y + 52);
}

/* Draws the subtree in the columns from `first`; its middle. */
static double write_subtree(const Drawing *d, int node, int first, int depth) {
  const CmTree *tree = &d->trees->tree[0];
  double y = MARGIN + depth * (BOX_HEIGHT + GAP_Y);
  int leaves = count_leaves(tree, node);
  double x = MARGIN + BOX_WIDTH / 2.0 + (first + (leaves - 1) / 2.0) * (BOX_WIDTH + GAP_X);
  int child[2] = {node + 1, tree->right[node]}, column = first;
  for (int side = 0; tree->feature[node] >= 0 && side < 2; side++) {
    double at = write_subtree(d, child[side], column, depth + 1);
    cm__text_addf(d->to, "<path d=\"M%.1f %.1f L%.1f %.1f\" stroke=\"#444\"/>\n", x, y + BOX_HEIGHT, at,
                  y + BOX_HEIGHT + GAP_Y);
    write_text(d, (x + at) / 2 + (side ? 14 : -14), y + BOX_HEIGHT + GAP_Y / 2.0 + 4, side ? "no" : "yes", false);
    column += count_leaves(tree, child[side]);
  }
  write_box(d, node, x, y);
  return x;
}

void cm__draw_tree(const void *state, const CmModel *model, bool svg, CmTextBuffer *to) {
  const Drawing d = {state, model, to};
  const CmTree *tree = &d.trees->tree[0];
  if (!svg) {
    write_lines(&d, 0, 0);
    return;
  }
  int width = 2 * MARGIN + count_leaves(tree, 0) * (BOX_WIDTH + GAP_X) - GAP_X,
      height = 2 * MARGIN + count_levels(tree, 0) * (BOX_HEIGHT + GAP_Y) - GAP_Y;
  cm__text_addf(to,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                "font-family=\"sans-serif\" font-size=\"12\" text-anchor=\"middle\">\n<title>",
                width, height, width, height);
  add_escaped(to, model->name);
  cm__text_add(to, "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
  write_subtree(&d, 0, 0, 0);
  cm__text_add(to, "</svg>\n");
}
