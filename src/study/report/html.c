#include "study/report/html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const style =
    "body{margin:0;background:#f4f5f7;color:#1c2430;font:15px/1.5 system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    "main{max-width:1120px;margin:0 auto;padding:0 24px 64px}"
    "header{background:#12324a;color:#fff;padding:28px 0 22px;margin-bottom:8px}"
    "header div{max-width:1120px;margin:0 auto;padding:0 24px}header h1{margin:0;font-size:28px}header p{margin:6px 0 "
    "0;color:#c9dbe8}"
    "nav{margin:14px 0;font-size:14px}nav a{margin-right:16px;color:#0b5c92;text-decoration:none}nav "
    "a:hover{text-decoration:underline}"
    "section{background:#fff;border:1px solid #dfe3e8;border-radius:8px;padding:18px 22px;margin:16px 0}"
    "h2{margin:0 0 4px;font-size:20px;color:#12324a}h3{margin:18px 0 6px;font-size:16px}.lead{margin:0 0 "
    "12px;color:#4b5868}"
    "table{border-collapse:collapse;font-size:13.5px;margin:8px 0}th,td{padding:4px 10px;border-bottom:1px solid "
    "#e5e8ec;text-align:left;"
    "vertical-align:top}th{background:#f0f3f6;font-weight:600;white-space:nowrap}th.n{white-space:normal}td.k{white-"
    "space:nowrap}td.n{white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".scroll{overflow-x:auto}td{max-width:340px;overflow-wrap:anywhere}.note{color:#4b5868;font-size:13px}td "
    ".note{white-space:nowrap;font-size:12px}.tight th,.tight td{padding:4px "
    "6px}.warn{background:#fff6e0;border-left:4px solid #d48806;padding:8px 12px;margin:8px 0}"
    ".good{background:#eaf6ee;border-left:4px solid #2e8b57;padding:8px 12px;margin:8px 0}"
    ".grid{display:flex;flex-wrap:wrap;gap:16px;margin-bottom:14px}.card{border:1px solid "
    "#dfe3e8;border-radius:8px;padding:10px "
    "14px;min-width:100px;max-width:230px}"
    ".card b{display:block;font-size:24px;color:#12324a}.card span{color:#4b5868;font-size:13px}"
    "figure{margin:0}figcaption{font-size:12.5px;color:#4b5868;margin-top:4px}svg text{font-family:inherit}"
    ".slice{position:relative;background:#000;line-height:0}.slice img,.slice "
    "svg{position:absolute;left:0;top:0;width:100%;height:100%}"
    ".slice i{position:absolute;color:#ffe27a;font:600 12px/1 sans-serif;text-shadow:0 0 2px #000}"
    "body:has(#overlay:not(:checked)) .slice svg{display:none}"
    "details{margin:8px "
    "0}summary{cursor:pointer;color:#0b5c92}pre{background:#f0f3f6;padding:10px;overflow-x:auto;font-size:12.5px}"
    "@media print{body{background:#fff}section{break-inside:avoid-page;border:0}nav{display:none}}";

void cm__html_text(CmTextBuffer *out, const char *text) {
  for (; *text; text++) {
    if (*text == '&')
      cm__text_add(out, "&amp;");
    else if (*text == '<')
      cm__text_add(out, "&lt;");
    else if (*text == '>')
      cm__text_add(out, "&gt;");
    else if (*text == '"')
      cm__text_add(out, "&quot;");
    else
      cm__text_add_n(out, text, 1);
  }
}

void cm__html_textf(CmTextBuffer *out, const char *format, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, format);
  int size = vasprintf(&text, format, args);
  va_end(args);
  if (size < 0) return;
  cm__html_text(out, text);
  free(text);
}

void cm__html_start(CmTextBuffer *out, const char *title, const char *subtitle) {
  cm__text_add(out,
               "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
               "content=\"width=device-width,initial-scale=1\"><title>");
  cm__html_text(out, title);
  cm__text_addf(out, "</title><style>%s</style></head><body>\n<header><div><h1>", style);
  cm__html_text(out, title);
  cm__text_add(out, "</h1><p>");
  cm__html_text(out, subtitle);
  cm__text_add(out, "</p></div></header>\n<main>\n");
}

void cm__html_end(CmTextBuffer *out) {
  cm__text_add(out, "</main></body></html>\n");
}

void cm__html_section(CmTextBuffer *out, const char *anchor, const char *title, const char *lead) {
  cm__text_addf(out, "<section id=\"%s\"><h2>", anchor);
  cm__html_text(out, title);
  cm__text_add(out, "</h2>\n");
  if (!lead) return;
  cm__text_add(out, "<p class=\"lead\">");
  cm__html_text(out, lead);
  cm__text_add(out, "</p>\n");
}

void cm__html_section_end(CmTextBuffer *out) {
  cm__text_add(out, "</section>\n");
}

const char *cm__html_number(double value, int digits, char to[32]) {
  double size = fabs(value);
  to[0] = 0;
  if (!isfinite(value)) return to;
  if (size != 0 && (size < 1e-4 || size >= 1e6)) {
    snprintf(to, 32, "%.*e", digits - 1, value);
    return to;
  }
  int before = size >= 1 ? (int)floor(log10(size)) + 1 : 1;
  snprintf(to, 32, "%.*f", digits > before ? digits - before : 0, value);
  if (strchr(to, '.')) { /* trailing zeros say nothing */
    size_t end = strlen(to);
    while (to[end - 1] == '0') to[--end] = 0;
    if (to[end - 1] == '.') to[end - 1] = 0;
  }
  return to;
}

/* Names and dates stay on one line, sentences and paths do not. */
static const char *text_cell(const char *text) {
  return strlen(text) <= 24 ? "<td class=\"k\">" : "<td>";
}

void cm__html_row(CmTextBuffer *out, const char *const *texts, int text_count, const int64_t *numbers,
                  int number_count) {
  cm__text_add(out, "<tr>");
  for (int i = 0; i < text_count; i++) {
    cm__text_add(out, text_cell(texts[i]));
    cm__html_text(out, texts[i]);
    cm__text_add(out, "</td>");
  }
  for (int i = 0; i < number_count; i++) cm__text_addf(out, "<td class=\"n\">%lld</td>", (long long)numbers[i]);
  cm__text_add(out, "</tr>\n");
}

/* As people write it; in files units stay plain. */
static const char *shown_unit(const char *unit) {
  static const char *const pairs[][2] = {{"mm3", "mm³"}, {"mm2", "mm²"}, {"HU^2", "HU²"}, {"d", "days"}};
  for (int i = 0; i < CM_COUNT(pairs); i++)
    if (strcmp(unit, pairs[i][0]) == 0) return pairs[i][1];
  return unit;
}

static void table_head(CmTextBuffer *out, const CmTable *table, const int *columns, const char *const *titles,
                       int count) {
  cm__text_add(out, "<thead><tr>");
  for (int i = 0; i < count; i++) {
    if (columns[i] < 0) continue;
    bool number = cm_table_column_type(table, columns[i]) != CM_COLUMN_TEXT;
    const char *unit = cm_table_column_unit(table, columns[i]);
    cm__text_add(out, number ? "<th class=\"n\">" : "<th>");
    cm__html_text(out, titles && titles[i] ? titles[i] : cm_table_column_name(table, columns[i]));
    if (*unit && strcmp(unit, "1")) cm__html_textf(out, " [%s]", shown_unit(unit));
    cm__text_add(out, "</th>");
  }
  cm__text_add(out, "</tr></thead>\n");
}

static void table_cell(CmTextBuffer *out, const CmTable *table, int64_t row, int column, int digits) {
  char number[64];
  CmColumnType type = cm_table_column_type(table, column);
  const char *text =
      type == CM_COLUMN_TEXT && !cm_table_is_missing(table, row, column) ? cm_table_text(table, row, column) : "";
  cm__text_add(out, type == CM_COLUMN_TEXT ? text_cell(text) : "<td class=\"n\">");
  if (type == CM_COLUMN_TEXT)
    cm__html_text(out, text);
  else if (type == CM_COLUMN_REAL)
    cm__text_add(out, cm__html_number(cm_table_real(table, row, column), digits, number));
  else
    cm__text_add(out, cm_table_cell(table, row, column, number, sizeof number));
  cm__text_add(out, "</td>");
}

void cm__html_table(CmTextBuffer *out, const CmHtmlTable *spec) {
  enum { MOST_COLUMNS = 64, MOST_ROWS = 200 };
  int columns[MOST_COLUMNS], count = spec->columns ? spec->column_count : cm_table_columns(spec->table);
  if (count > MOST_COLUMNS) count = MOST_COLUMNS;
  for (int i = 0; i < count; i++) columns[i] = spec->columns ? cm_table_find_column(spec->table, spec->columns[i]) : i;
  int64_t all = cm_table_rows(spec->table) - spec->first;
  if (spec->rows && spec->rows < all) all = spec->rows;
  int64_t shown = all > MOST_ROWS ? MOST_ROWS : all;
  cm__text_add(out, "<div class=\"scroll\"><table>\n");
  table_head(out, spec->table, columns, spec->titles, count);
  for (int64_t row = spec->first; row < spec->first + shown; row++) {
    cm__text_add(out, "<tr>");
    for (int i = 0; i < count; i++)
      if (columns[i] >= 0) table_cell(out, spec->table, row, columns[i], spec->digits ? spec->digits : 4);
    cm__text_add(out, "</tr>\n");
  }
  cm__text_add(out, "</table></div>\n");
  if (!spec->file) return;
  cm__text_add(out, "<p class=\"note\">");
  if (shown < all)
    cm__text_addf(out, "%lld of %lld rows; all of them ", (long long)shown, (long long)all);
  else
    cm__text_add(out, "The numbers ");
  cm__text_add(out, "in <code>");
  cm__html_text(out, spec->file);
  cm__text_add(out, "</code>.</p>\n");
}
