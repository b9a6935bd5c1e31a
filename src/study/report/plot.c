#include "study/report/plot.h"

#include <math.h>
#include <stdio.h>

#include "study/plan.h"
#include "study/report/html.h"

const char *cm__plot_colour(int at) {
  static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7f00"};
  return colours[at % (int)(sizeof colours / sizeof colours[0])];
}

double cm__plot_x(const CmPlot *p, double x) {
  return p->left + (x - p->x0) / (p->x1 - p->x0) * (p->width - p->left - p->right);
}

double cm__plot_y(const CmPlot *p, double y) {
  return p->height - p->bottom - (y - p->y0) / (p->y1 - p->y0) * (p->height - p->top - p->bottom);
}

/* 1, 2 or 5 times a power of ten, about five ticks. */
static double tick_step(double range) {
  double raw = range / 5, power = pow(10, floor(log10(raw)));
  double lead = raw / power;
  return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}

static void x_tick(CmPlot *p, double at, double value) {
  char text[32];
  double x = cm__plot_x(p, at);
  cm__text_addf(p->out, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"#e8ebef\"/>", x, p->top, p->height - p->bottom);
  cm__plot_text(p, x, p->height - p->bottom + 15, "middle", 11, "#4b5868", cm__html_number(value, 4, text));
}

static void y_tick(CmPlot *p, double at, double value) {
  char text[32];
  double y = cm__plot_y(p, at);
  cm__text_addf(p->out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#e8ebef\"/>", p->left, y, p->width - p->right);
  cm__plot_text(p, p->left - 6, y + 4, "end", 11, "#4b5868", cm__html_number(value, 4, text));
}

/* At round numbers; of logarithmic axes at 1, 2 and 5 times powers of ten. */
static void ticks(CmPlot *p, double from, double to, void (*tick)(CmPlot *plot, double at, double value)) {
  if (p->logarithmic) {
    static const double leads[] = {1, 2, 5};
    for (int power = (int)floor(from); power <= (int)ceil(to); power++)
      for (int k = 0; k < 3; k++) {
        double at = power + log10(leads[k]);
        if (at >= from && at <= to) tick(p, at, pow(10, power) * leads[k]);
      }
    return;
  }
  double step = tick_step(to - from);
  for (double i = ceil(from / step - 1e-9); i * step <= to + step * 1e-9; i++) tick(p, i * step, i == 0 ? 0 : i * step);
}

static void x_ticks(CmPlot *p) {
  ticks(p, p->x0, p->x1, x_tick);
}
static void y_ticks(CmPlot *p) {
  ticks(p, p->y0, p->y1, y_tick);
}

static void frame(CmPlot *p, const char *title, const char *x_label) {
  cm__text_addf(p->out, "<path d=\"M%.1f %.1fV%.1fH%.1f\" fill=\"none\" stroke=\"#9aa5b1\"/>", p->left, p->top,
                p->height - p->bottom, p->width - p->right);
  if (title) cm__plot_text(p, p->left, 16, "start", 13, "#1c2430", title);
  if (x_label) cm__plot_text(p, (p->left + p->width - p->right) / 2, p->height - 6, "middle", 12, "#1c2430", x_label);
}

/* For cm__report_plots(). */
static void name_file(CmPlot *p) {
  char word[300];
  if (!p->file[0]) return;
  cm__text_add(p->out, " data-file=\"");
  for (int i = 0; i < 3 && p->file[i]; i++) {
    cm__path_word(p->file[i], word, sizeof word);
    cm__text_addf(p->out, "%s%s", i && *word ? "-" : "", word);
  }
  cm__text_add(p->out, "\"");
}

static void open_svg(CmPlot *p) {
  p->legend = 0;
  cm__text_add(p->out, "<svg");
  name_file(p);
  cm__text_addf(p->out, "%s viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\">",
                p->alone ? " xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\"" : "", p->width, p->height,
                p->width, p->height);
  if (p->alone) cm__text_add(p->out, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>");
}

void cm__plot_start(CmPlot *p, const char *title, const char *x_label, const char *y_label) {
  open_svg(p);
  x_ticks(p);
  y_ticks(p);
  frame(p, title, x_label);
  if (!y_label) return;
  double middle = (p->top + p->height - p->bottom) / 2;
  cm__text_addf(p->out, "<g transform=\"rotate(-90 12 %.1f)\">", middle);
  cm__plot_text(p, 12, middle, "middle", 12, "#1c2430", y_label);
  cm__text_add(p->out, "</g>");
}

void cm__plot_start_rows(CmPlot *p, const char *title, const char *x_label) {
  open_svg(p);
  x_ticks(p);
  frame(p, title, x_label);
}

void cm__plot_end(CmPlot *p) {
  cm__text_add(p->out, "</svg>\n");
}

void cm__plot_line(CmPlot *p, const double *x, const double *y, int64_t count, const char *colour, double stroke,
                   const char *extra) {
  cm__text_add(p->out, "<path fill=\"none\" d=\"");
  for (int64_t i = 0; i < count; i++)
    cm__text_addf(p->out, "%c%.1f %.1f", i ? 'L' : 'M', cm__plot_x(p, x[i]), cm__plot_y(p, y[i]));
  cm__text_addf(p->out, "\" stroke=\"%s\" stroke-width=\"%.1f\" %s/>", colour, stroke, extra ? extra : "");
}

static void close_with_tip(CmPlot *p, const char *shape, const char *tip) {
  if (!tip) {
    cm__text_add(p->out, "/>");
    return;
  }
  cm__text_add(p->out, "><title>");
  cm__html_text(p->out, tip);
  cm__text_addf(p->out, "</title></%s>", shape);
}

void cm__plot_point(CmPlot *p, double x, double y, double radius, const char *colour, const char *tip) {
  cm__text_addf(p->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\"", cm__plot_x(p, x), cm__plot_y(p, y),
                radius, colour);
  close_with_tip(p, "circle", tip);
}

void cm__plot_segment(CmPlot *p, double xa, double ya, double xb, double yb, const char *colour, double stroke,
                      const char *extra) {
  cm__text_addf(p->out, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\" stroke-width=\"%.1f\" %s/>", cm__plot_x(p, xa),
                cm__plot_y(p, ya), cm__plot_x(p, xb), cm__plot_y(p, yb), colour, stroke, extra ? extra : "");
}

void cm__plot_bar(CmPlot *p, double xa, double ya, double xb, double yb, const char *colour, const char *tip) {
  double left = cm__plot_x(p, fmin(xa, xb)), right = cm__plot_x(p, fmax(xa, xb));
  double top = cm__plot_y(p, fmax(ya, yb)), bottom = cm__plot_y(p, fmin(ya, yb));
  cm__text_addf(p->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"", left, top,
                right - left, bottom - top, colour);
  close_with_tip(p, "rect", tip);
}

void cm__plot_text(CmPlot *p, double x, double y, const char *anchor, double size, const char *colour,
                   const char *text) {
  cm__text_addf(p->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%.0f\" fill=\"%s\">", x, y, anchor,
                size, colour);
  cm__html_text(p->out, text);
  cm__text_add(p->out, "</text>");
}

void cm__plot_legend(CmPlot *p, const char *colour, const char *text) {
  if (p->legend_beside) {
    double top = p->top + 12 + 17 * p->legend++, left = p->width - p->right + 10;
    cm__text_addf(p->out, "<path d=\"M%.1f %.1fh18\" stroke=\"%s\" stroke-width=\"3\"/>", left, top - 4, colour);
    cm__plot_text(p, left + 24, top, "start", 11.5, "#1c2430", text);
    return;
  }
  double y = p->height - p->bottom - 12 - 17 * p->legend++, x = p->width - p->right - 8;
  cm__text_addf(p->out, "<path d=\"M%.1f %.1fh-18\" stroke=\"%s\" stroke-width=\"3\"/>", x, y - 4, colour);
  cm__plot_text(p, x - 24, y, "end", 11.5, "#1c2430", text);
}
