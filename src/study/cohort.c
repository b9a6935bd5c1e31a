#include "study/cohort.h"

#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cormack/catalog.h"
#include "study/texts.h"

const char *cm__sql_text(CmArena *arena, const char *text, CmError **err) {
  char *to = cm__arena_alloc(arena, 2 * strlen(text) + 3, 1, err), *at = to;
  if (!to) return NULL;
  *at++ = '\'';
  for (; *text; text++) {
    if (*text == '\'') *at++ = '\'';
    *at++ = *text;
  }
  *at = '\'';
  return to;
}

/* ---- paths ----------------------------------------------------------------------------------------------------------
 */

/* What the catalogue calls the path: absolute and without links. */
static bool fill_root(CmCohort *cohort, const char *named, CmRoot *root, CmError **err) {
  char *real = realpath(*named ? named : ".", NULL);
  root->real = cm__arena_strdup(cohort->arena, real ? real : named, err);
  char *copy = cm__arena_strdup(cohort->arena, named, err);
  free(real);
  if (!root->real || !copy) return false;
  for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/';) copy[--length] = 0;
  root->named = copy;
  return true;
}

static bool add_root(CmCohort *cohort, const char *named, CmError **err) {
  CmRoot *roots = cm__arena_grow(cohort->arena, cohort->roots, cohort->root_count, sizeof *roots, err);
  if (!roots) return false;
  cohort->roots = roots;
  return fill_root(cohort, named, &roots[cohort->root_count++], err);
}

static bool find_roots(CmCohort *cohort, CmError **err) {
  const CmSpecCatalog *catalog = &cohort->spec->catalog;
  bool good = fill_root(cohort, cohort->spec->folder, &cohort->folder, err);
  for (int i = 0; i < catalog->path_count && good; i++) {
    const char *path = cm__spec_path(cohort->spec, catalog->paths[i]);
    glob_t list = {0};
    if (access(path, F_OK) == 0 || glob(path, 0, NULL, &list) != 0) good = add_root(cohort, path, err);
    for (size_t k = 0; k < list.gl_pathc && good; k++) good = add_root(cohort, list.gl_pathv[k], err);
    globfree(&list);
  }
  return good;
}

/* What stands behind the root; NULL: the path does not lie below it. */
static const char *below(const CmRoot *root, const char *path) {
  size_t length = strlen(root->real);
  if (length == 1) return path; /* the root of all */
  return strncmp(path, root->real, length) == 0 && (path[length] == '/' || !path[length]) ? path + length : NULL;
}

static const char *as_named(const CmCohort *cohort, const char *path, CmError **err) {
  const char *rest;
  for (int i = 0; i < cohort->root_count; i++)
    if ((rest = below(&cohort->roots[i], path)))
      return cm__arena_printf(cohort->arena, err, "%s%s", cohort->roots[i].named, rest);
  if ((rest = below(&cohort->folder, path)) && *rest)
    return cm__arena_printf(cohort->arena, err, "%s%s", cohort->folder.named, *cohort->folder.named ? rest : rest + 1);
  return cm__arena_strdup(cohort->arena, path, err);
}

static bool is_below_roots(const CmCohort *cohort, const char *path) {
  for (int i = 0; i < cohort->root_count; i++)
    if (below(&cohort->roots[i], path)) return true;
  return false;
}

/* ---- bringing up to date --------------------------------------------------------------------------------------------
 */

/* Its name follows from what it indexes: one that was made of other paths answers for other files, and goes. */
static const char *own_file(CmCohort *cohort, const char *keep, CmError **err) {
  CmHasher hasher;
  CmHash hash;
  char hex[2 * CM_HASH_SIZE + 1];
  cm_hash_start(&hasher);
  for (int i = 0; i < cohort->root_count; i++) cm_hash_add_text(&hasher, cohort->roots[i].real);
  cm_hash_finish(&hasher, &hash);
  cm_hash_hex(&hash, hex);
  const char *name = cm__arena_printf(cohort->arena, err, "catalog-%.16s.sqlite", hex);
  DIR *folder = name ? opendir(keep) : NULL;
  for (struct dirent *entry; folder && (entry = readdir(folder));)
    if (strncmp(entry->d_name, "catalog-", 8) == 0 && strncmp(entry->d_name, name, strlen(name)) != 0)
      unlinkat(dirfd(folder), entry->d_name, 0);
  if (folder) closedir(folder);
  return name ? cm__arena_printf(cohort->arena, err, "%s/%s", keep, name) : NULL;
}

static const char *passing_file(CmCohort *cohort, CmError **err) {
  const char *place = getenv("TMPDIR");
  char *name = cm__arena_printf(cohort->arena, err, "%s/cormack-catalog-XXXXXX", place && *place ? place : "/tmp");
  int file = name ? mkstemp(name) : -1;
  if (file >= 0) {
    close(file);
    cohort->passing = true;
    return name;
  }
  if (name) cm_error_set(err, CM_ERR_IO, "%s: a catalogue cannot be written there; set TMPDIR to another folder", name);
  return NULL;
}

bool cm__cohort_open(CmCohort *cohort, CmArena *arena, CmContext *ctx, CmSpec *spec, const char *keep, CmError **err) {
  *cohort = (CmCohort){.ctx = ctx, .spec = spec, .arena = arena, .file = spec->catalog.file};
  if (!find_roots(cohort, err)) return false;
  if (!cohort->root_count) return true;
  if (!cohort->file) cohort->file = keep ? own_file(cohort, keep, err) : passing_file(cohort, err);
  const char **paths = cm__arena_alloc(arena, (size_t)cohort->root_count, sizeof *paths, err);
  if (!cohort->file || !paths) return false;
  for (int i = 0; i < cohort->root_count; i++) paths[i] = cohort->roots[i].named;
  CmCatalogReport report;
  return cm_catalog_add(ctx, cohort->file, paths, cohort->root_count, &report, err);
}

void cm__cohort_close(CmCohort *cohort) {
  if (cohort->passing) unlink(cohort->file);
  cohort->passing = false;
}

/* ---- asking ---------------------------------------------------------------------------------------------------------
 */

static const char *catalog_of(const CmCohort *cohort, const CmSpecInput *input) {
  return input->catalog ? input->catalog : cohort->file;
}

bool cm__cohort_files(CmCohort *cohort, const CmSpecInput *input, const char ***files, int *count, CmError **err) {
  CmTable *rows = cm_catalog_query(cohort->ctx, catalog_of(cohort, input), input->sql, err);
  int64_t found = rows ? cm_table_rows(rows) : 0;
  const char **list =
      rows && found < INT32_MAX ? cm__arena_alloc(cohort->arena, (size_t)found, sizeof *list, err) : NULL;
  bool good = list != NULL;
  int kept = 0;
  for (int64_t i = 0; i < found && good; i++) {
    const char *path = cm_table_text(rows, i, 0);
    if (!path) continue;
    list[kept] = as_named(cohort, path, err);
    good = list[kept++] != NULL;
  }
  if (good) cm__texts_sort(list, &kept);
  cm_table_unref(&rows);
  *files = list;
  *count = kept;
  return good;
}

static const char *folder_of(CmArena *arena, const char *path, CmError **err) {
  const char *slash = strrchr(path, '/');
  return cm__arena_strndup(arena, path, slash ? (size_t)(slash - path) : 0, err);
}

/* The folders of files that are sorted by name, each once. */
static const char **folders_of(CmArena *arena, const char *const *files, int file_count, int *count, CmError **err) {
  const char **folders = cm__arena_alloc(arena, (size_t)file_count, sizeof *folders, err);
  *count = 0;
  for (int i = 0; folders && i < file_count; i++) {
    const char *folder = folder_of(arena, files[i], err);
    if (!folder) return NULL;
    if (!*count || strcmp(folders[*count - 1], folder) != 0) folders[(*count)++] = folder;
  }
  if (folders) cm__texts_sort(folders, count);
  return folders;
}

typedef struct Beside {
  const char **folders; /* of the images that were asked for */
  int count;
} Beside;

static bool add_broken(CmCohort *cohort, const CmTable *broken, int64_t at, const Beside *beside, CmQuarantined **rows,
                       int *count, CmError **err) {
  const char *real = cm_table_text(broken, at, 0), *path = real ? as_named(cohort, real, err) : NULL;
  const char *folder = path ? folder_of(cohort->arena, path, err) : NULL;
  if (!folder) return false;
  if (beside ? !cm__texts_have(beside->folders, beside->count, folder) : !is_below_roots(cohort, real)) return true;
  CmQuarantined *grown = cm__arena_grow(cohort->arena, *rows, *count, sizeof *grown, err);
  const char *code = cm__arena_strdup(cohort->arena, cm_table_text(broken, at, 1), err);
  const char *reason = cm__arena_strdup(cohort->arena, cm_table_text(broken, at, 2), err);
  if (!grown || !code || !reason) return false;
  *rows = grown;
  grown[(*count)++] = (CmQuarantined){path, "", "", "read", code, reason};
  return true;
}

static bool add_all_broken(CmCohort *cohort, const char *file, const Beside *beside, CmQuarantined **rows, int *count,
                           CmError **err) {
  CmTable *broken =
      cm_catalog_query(cohort->ctx, file, "SELECT path, code, reason FROM quarantined ORDER BY path", err);
  bool good = broken != NULL;
  for (int64_t i = 0; good && i < cm_table_rows(broken); i++)
    good = add_broken(cohort, broken, i, beside, rows, count, err);
  cm_table_unref(&broken);
  return good;
}

/* The catalogue of an input, unless an earlier one, or the study, has the same. */
static const char *new_catalog(const CmCohort *cohort, int input) {
  const CmSpec *spec = cohort->spec;
  const char *file = spec->inputs[input].sql ? catalog_of(cohort, &spec->inputs[input]) : NULL;
  for (int i = 0; i < input && file; i++)
    if (spec->inputs[i].sql && strcmp(catalog_of(cohort, &spec->inputs[i]), file) == 0) return NULL;
  return file;
}

bool cm__cohort_quarantine(CmCohort *cohort, const char *const *files, int file_count, CmQuarantined **rows, int *count,
                           CmError **err) {
  Beside beside;
  beside.folders = folders_of(cohort->arena, files, file_count, &beside.count, err);
  if (!beside.folders) return false;
  for (int i = 0; i < cohort->spec->input_count; i++) {
    const char *file = new_catalog(cohort, i);
    bool ours = file && cohort->root_count && strcmp(file, cohort->file) == 0;
    if (file && !add_all_broken(cohort, file, ours ? NULL : &beside, rows, count, err)) return false;
  }
  return true;
}

/* ---- telling --------------------------------------------------------------------------------------------------------
 */

static const char counts_sql[] =
    "WITH found AS (SELECT instances.id AS image, series.id AS series, coalesce(series.modality, '') AS modality,"
    " studies.id AS study, studies.patient AS patient FROM files JOIN instances ON instances.id = files.instance"
    " JOIN series ON series.id = instances.series JOIN studies ON studies.id = series.study WHERE files.removed IS "
    "NULL)"
    " SELECT %s AS catalog, modality, patients, studies, series, images, files FROM ("
    "SELECT 0 AS last, modality, count(DISTINCT patient) AS patients, count(DISTINCT study) AS studies,"
    " count(DISTINCT series) AS series, count(DISTINCT image) AS images, count(*) AS files FROM found GROUP BY modality"
    " UNION ALL SELECT 1, 'all', count(DISTINCT patient), count(DISTINCT study), count(DISTINCT series),"
    " count(DISTINCT image), count(*) FROM found) ORDER BY last, modality";

CmTable *cm__cohort_counts(CmCohort *cohort, CmError **err) {
  CmTable *all = NULL;
  for (int i = 0; i < cohort->spec->input_count; i++) {
    const char *file = new_catalog(cohort, i);
    if (!file) continue;
    const char *name = cm__sql_text(cohort->arena, cohort->spec->inputs[i].catalog_name, err);
    const char *sql = name ? cm__arena_printf(cohort->arena, err, counts_sql, name) : NULL;
    CmTable *counts = sql ? cm_catalog_query(cohort->ctx, file, sql, err) : NULL;
    bool good = counts != NULL;
    if (good && all) {
      good = cm_table_append(all, counts, err);
      cm_table_unref(&counts);
    } else if (good) {
      all = counts;
    }
    if (!good) {
      cm_table_unref(&all);
      return NULL;
    }
  }
  return all;
}
