/* The plots of a report's page as files of their own. */
#include <string.h>

#include "study/report.h"

/* The next plot at or behind `at`: its name, what follows its name within the tag, and its end. */
static const char *next_plot(const char *at, const char **name, size_t *length, const char **end) {
  static const char mark[] = "<svg data-file=\"";
  if (!(at = strstr(at, mark))) return NULL;
  *name = at + sizeof mark - 1;
  const char *rest = strchr(*name, '"');
  *length = (size_t)(rest - *name);
  *end = strstr(rest, "</svg>") + strlen("</svg>");
  return rest + 1;
}

bool cm__report_plots(const char *page, CmPlotTaker take, void *arg, CmError **err) {
  const char *name, *end, *rest;
  size_t length;
  for (const char *at = page; (rest = next_plot(at, &name, &length, &end)); at = end)
    if (!take(arg, name, length, rest, (size_t)(end - rest), err)) return false;
  return true;
}
