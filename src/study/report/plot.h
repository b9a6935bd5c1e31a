/* Charts as inline SVG: a frame with axes, and what is drawn into it in data coordinates. */
#ifndef STUDY_REPORT_PLOT_H
#define STUDY_REPORT_PLOT_H

#include <stdbool.h>

#include "core/text.h"

typedef struct CmPlot {
  CmTextBuffer *out;
  double width, height;            /* of the picture in px */
  double left, right, top, bottom; /* margins */
  double x0, x1, y0, y1;           /* data ranges */
  bool logarithmic;                /* ranges and data are log10 of what the ticks say */
  bool legend_beside;              /* in the right margin, from the top; else inside, from the lower right corner */
  bool alone;                      /* a file of its own, not a part of a page */
  const char
      *file[3]; /* what it shows, of which model, subject or class: name of its file beside the page; NULL: none */
  int legend;   /* entries so far */
} CmPlot;

/* Colour-blind safe: Okabe and Ito 2008, black left out. */
const char *cm__plot_colour(int at);

/* Starts a picture with frame, ticks at round numbers and labels. Set out, width, height, margins and ranges before. */
void cm__plot_start(CmPlot *plot, const char *title, const char *x_label, const char *y_label);
/* Without a numeric y axis: for bars and rows with names. */
void cm__plot_start_rows(CmPlot *plot, const char *title, const char *x_label);
void cm__plot_end(CmPlot *plot);

double cm__plot_x(const CmPlot *plot, double x);
double cm__plot_y(const CmPlot *plot, double y);
void cm__plot_line(CmPlot *plot, const double *x, const double *y, int64_t count, const char *colour, double stroke,
                   const char *extra);
void cm__plot_point(CmPlot *plot, double x, double y, double radius, const char *colour, const char *tip);
/* From (xa, ya) to (xb, yb). */
void cm__plot_segment(CmPlot *plot, double xa, double ya, double xb, double yb, const char *colour, double stroke,
                      const char *extra);
/* A rectangle in data coordinates. */
void cm__plot_bar(CmPlot *plot, double xa, double ya, double xb, double yb, const char *colour, const char *tip);
/* Text at a position in px; anchor "start", "middle" or "end". */
void cm__plot_text(CmPlot *plot, double x_px, double y_px, const char *anchor, double size, const char *colour,
                   const char *text);
void cm__plot_legend(CmPlot *plot, const char *colour, const char *text);

#endif
