#include "study/report/cells.h"

#include <math.h>

#include "study/report/html.h"
#include "study/report/rows.h"

void cm__report_head(CmTextBuffer *out, const char *title, const char *note, const char *const *texts, int text_count,
                     const char *const *numbers, int number_count) {
  cm__text_addf(out, "<h3>%s</h3><p class=\"note\">%s</p><div class=\"scroll\"><table class=\"tight\"><thead><tr>",
                title, note);
  for (int i = 0; i < text_count; i++) cm__text_addf(out, "<th>%s</th>", texts[i]);
  for (int i = 0; i < number_count; i++) cm__text_addf(out, "<th class=\"n\">%s</th>", numbers[i]);
  cm__text_add(out, "</tr></thead>\n");
}

void cm__report_word(CmTextBuffer *out, const CmTable *table, int64_t row, const char *column) {
  cm__text_add(out, "<td>");
  for (const char *at = cm__row_text(table, row, column); *at; at++) /* names of our own with _ for a blank */
    cm__text_addf(out, "%c", *at == '_' ? ' ' : *at);
  cm__text_add(out, "</td>");
}

void cm__report_name(CmTextBuffer *out, const CmTable *table, int64_t row, const char *column) {
  cm__text_add(out, "<td class=\"k\">");
  cm__html_text(out, cm__row_text(table, row, column));
  cm__text_add(out, "</td>");
}

void cm__report_interval(CmTextBuffer *out, double value, double low, double high) {
  cm__text_add(out, "<td class=\"n\">");
  if (isfinite(value)) cm__text_addf(out, "%.3f", value);
  if (isfinite(low) && isfinite(high)) cm__text_addf(out, "<br><span class=\"note\">%.3f to %.3f</span>", low, high);
  cm__text_add(out, "</td>");
}

void cm__report_p(CmTextBuffer *out, double p) {
  if (isnan(p))
    cm__text_add(out, "<td></td>");
  else
    cm__text_addf(out, p < 0.001 ? "<td class=\"n\">&lt; 0.001</td>" : "<td class=\"n\">%.3f</td>", p);
}
