#include "learn/levels.h"

#include <string.h>

static bool find_level(CmArena *hold, CmLevels *levels, const char *cell, int *at, CmError **err) {
  for (*at = 0; *at < levels->count; ++*at)
    if (!strcmp(levels->name[*at], cell)) return true;
  if (levels->count == CM__MOST_LEVELS) {
    cm_error_set(err, CM_ERR_DATA, "it has more than %d values; group them", CM__MOST_LEVELS);
    return false;
  }
  return (levels->name[levels->count++] = cm__arena_strdup(hold, cell, err)) != NULL;
}

bool cm__levels_read(CmArena *hold, const CmLearnData *data, const char *name, const char *role, CmLevels *levels,
                     CmError **err) {
  int column = cm__named_column(data->table, name, role, err);
  *levels = (CmLevels){.of = CM__NEW(hold, int, data->rows, err)};
  if (column < 0 || !levels->of) return false;
  for (int64_t i = 0; i < data->rows; i++) {
    char cell[CM_TEXT_MAX];
    levels->of[i] = -1;
    if (cm_table_is_missing(data->table, data->row[i], column)) continue;
    const char *text = cm_table_column_type(data->table, column) == CM_COLUMN_TEXT
                           ? cm_table_text(data->table, data->row[i], column)
                           : cm_table_cell(data->table, data->row[i], column, cell, sizeof cell);
    if (find_level(hold, levels, text, &levels->of[i], err)) continue;
    cm_error_context(err, "%s: \"%s\"", role, name);
    return false;
  }
  return true;
}
