#include "study/tables.h"

#include <stdio.h>
#include <string.h>

static const char *const key_names[] = {"subject", "visit", "series"};
static const char *const pair_names[] = {"subject", "visit", "later_visit"};

int cm__table_column(CmTable *table, const char *name, CmColumnType type, const char *unit, CmError **err) {
  int at = cm_table_find_column(table, name);
  return at >= 0 ? at : cm_table_add_column(table, name, type, unit, err);
}

void cm__table_name(const CmSpec *spec, int step, int port, char *to, size_t size) {
  const CmOp *op = spec->steps[step].op;
  int tables = 0;
  for (int i = 0; i < op->output_count; i++) tables += op->outputs[i].kind == CM_KIND_TABLE;
  if (tables > 1)
    snprintf(to, size, "%s.%s", spec->steps[step].name, op->outputs[port].name);
  else
    snprintf(to, size, "%s", spec->steps[step].name);
}

/* The type that holds the values of both. */
static CmColumnType wider(CmColumnType a, CmColumnType b) {
  if (a == b) return a;
  return a == CM_COLUMN_TEXT || b == CM_COLUMN_TEXT ? CM_COLUMN_TEXT : CM_COLUMN_REAL;
}

typedef struct Columns { /* of a table to be: names with the widest type that any unit gives them */
  CmTable *names;        /* no rows; a table serves as an ordered list without repetitions */
  CmArena arena;
  CmColumnType *types;
} Columns;

/* An operation's column that is called like a key gets the word «table.» in front. */
static const char *column_name(const CmTable *table, int column, char *to, size_t size) {
  const char *name = cm_table_column_name(table, column);
  static const char *const reserved[] = {"subject", "visit", "series", "later_visit"};
  for (int i = 0; i < CM_COUNT(reserved); i++)
    if (strcmp(name, reserved[i]) == 0) {
      snprintf(to, size, "table.%s", name);
      return to;
    }
  return name;
}

static bool gather_columns(Columns *columns, const CmTable *part, CmError **err) {
  for (int c = 0; c < cm_table_columns(part); c++) {
    char room[300];
    const char *name = column_name(part, c, room, sizeof room);
    int count = cm_table_columns(columns->names), at = cm_table_find_column(columns->names, name);
    if (at >= 0) {
      columns->types[at] = wider(columns->types[at], cm_table_column_type(part, c));
      continue;
    }
    CmColumnType *types = cm__arena_grow(&columns->arena, columns->types, count, sizeof *types, err);
    if (!types || cm_table_add_column(columns->names, name, CM_COLUMN_TEXT, cm_table_column_unit(part, c), err) < 0)
      return false;
    columns->types = types;
    types[count] = cm_table_column_type(part, c);
  }
  return true;
}

bool cm__tables_append(CmTable *table, const CmTable *part, const char *const keys[3], CmError **err) {
  for (int64_t r = 0; r < cm_table_rows(part); r++) {
    int64_t row = cm_table_add_row(table, err);
    if (row < 0) return false;
    for (int k = 0; keys && k < 3; k++)
      if (*keys[k] && !cm_table_set_text(table, row, k, keys[k], err)) return false;
    for (int c = 0; c < cm_table_columns(part); c++) {
      char room[300];
      int at = cm_table_find_column(table, column_name(part, c, room, sizeof room));
      if (at < 0 || !cm__table_copy_cell(table, row, at, part, r, c, err)) return false;
    }
  }
  return true;
}

typedef bool (*PartFn)(void *arg, const CmPlanSubject *subject, const CmNode *node, const CmTable *part, CmError **err);

/* Calls fn with the table of each unit that was done, in order. */
static bool for_each_part(CmWork *work, int step, int port, PartFn fn, void *arg, CmError **err) {
  const CmPlan *plan = work->plan;
  for (int s = 0; s < plan->subject_count; s++) {
    const CmPlanSubject *subject = &plan->subjects[s];
    for (int n = subject->first_node; n < subject->first_node + subject->nodes; n++) {
      const CmNode *node = &plan->nodes[n];
      if (node->step != step || (node->state != CM__NODE_KEPT && node->state != CM__NODE_RUN)) continue;
      CmValue value;
      if (!cm__work_value(work, n, port, &value, err)) return false;
      bool good = value.kind != CM_KIND_TABLE || fn(arg, subject, node, value.table, err);
      cm_value_unref(&value);
      if (!good) return false;
    }
  }
  return true;
}

static bool gather_part(void *arg, const CmPlanSubject *subject, const CmNode *node, const CmTable *part,
                        CmError **err) {
  (void)subject;
  (void)node;
  return gather_columns(arg, part, err);
}

static bool append_part(void *arg, const CmPlanSubject *subject, const CmNode *node, const CmTable *part,
                        CmError **err) {
  const char *const keys[3] = {subject->name, node->visit, node->later ? node->later : node->series};
  return cm__tables_append(arg, part, keys, err);
}

bool cm__tables_columns(CmWork *work, int step, int port, CmTable *table, CmError **err) {
  Columns columns = {.names = cm_table_create(work->plan->ctx, err), .arena.ctx = work->plan->ctx};
  bool good = columns.names && for_each_part(work, step, port, gather_part, &columns, err);
  for (int c = 0; good && c < cm_table_columns(columns.names); c++)
    good = cm_table_add_column(table, cm_table_column_name(columns.names, c), columns.types[c],
                               cm_table_column_unit(columns.names, c), err) >= 0;
  cm_table_unref(&columns.names);
  cm__arena_free(&columns.arena);
  return good;
}

CmTable *cm__tables_of_step(CmWork *work, int step, int port, CmError **err) {
  bool between = work->plan->spec->steps[step].between;
  CmTable *table = cm_table_create(work->plan->ctx, err);
  bool good = table != NULL;
  for (int k = 0; k < 3 && good; k++)
    good = cm_table_add_column(table, between ? pair_names[k] : key_names[k], CM_COLUMN_TEXT, "", err) >= 0;
  good = good && cm__tables_columns(work, step, port, table, err) &&
         for_each_part(work, step, port, append_part, table, err);
  if (!good) cm_table_unref(&table);
  return table;
}
