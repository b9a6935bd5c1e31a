#include "study/outputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cormack/file.h"

#define MARK ".cormack/study"
#define MARK_TEXT "the folder of a Cormack study; its outputs may be replaced by the next run\n"
#define LIST ".cormack/outputs"

/* ---- whose folder it is ---------------------------------------------------------------------------------------------
 */

/* Nothing in it, or nothing but .cormack: a run that was killed at once. */
static bool is_empty(const char *out) {
  DIR *dir = opendir(out);
  bool empty = dir != NULL;
  for (struct dirent *entry; dir && (entry = readdir(dir));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && strcmp(entry->d_name, ".cormack") != 0)
      empty = false;
  if (dir) closedir(dir);
  return empty;
}

bool cm__outputs_is_ours(const char *out) {
  char path[4200];
  struct stat info;
  snprintf(path, sizeof path, "%s/" MARK, out);
  return stat(path, &info) == 0;
}

static void remove_parts(const char *folder, int depth) {
  DIR *dir = depth < 64 ? opendir(folder) : NULL;
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    char path[4096];
    struct stat info;
    if (entry->d_name[0] == '.' || snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path ||
        lstat(path, &info))
      continue;
    if (S_ISDIR(info.st_mode))
      remove_parts(path, depth + 1);
    else if (strstr(entry->d_name, ".part-"))
      unlink(path);
  }
  if (dir) closedir(dir);
}

bool cm__outputs_claim(CmContext *ctx, const char *out, CmError **err) {
  char path[4200];
  struct stat info;
  if (stat(out, &info) == 0) {
    if (!S_ISDIR(info.st_mode)) {
      cm_error_set(err, CM_ERR_USAGE, "%s: is a file; give a folder for the outputs", out);
      return false;
    }
    if (!cm__outputs_is_ours(out) && !is_empty(out)) {
      cm_error_set(err, CM_ERR_USAGE, "%s: holds files that are not a study's; give an empty or a new folder", out);
      return false;
    }
  }
  snprintf(path, sizeof path, "%s/.cormack", out);
  if (!cm_make_folder(path, err)) return false;
  if (cm__outputs_is_ours(out)) return true;
  snprintf(path, sizeof path, "%s/" MARK, out);
  return cm_file_write(ctx, path, MARK_TEXT, strlen(MARK_TEXT), err);
}

void cm__outputs_clean(const char *out) {
  remove_parts(out, 0);
}

/* ---- writing --------------------------------------------------------------------------------------------------------
 */

void cm__outputs_start(CmOutputs *outputs, CmContext *ctx, CmStore *store, const char *out) {
  *outputs = (CmOutputs){.ctx = ctx, .store = store, .out = out, .arena.ctx = ctx};
}

void cm__outputs_free(CmOutputs *outputs) {
  cm__arena_free(&outputs->arena);
}

CmOutput *cm__outputs_add(CmOutputs *outputs, const char *path, const CmHash *hash, CmError **err) {
  CmOutput *list = cm__arena_grow(&outputs->arena, outputs->list, outputs->count, sizeof *list, err);
  char *copy = list ? cm__arena_strdup(&outputs->arena, path, err) : NULL;
  if (!copy) return NULL;
  outputs->list = list;
  list[outputs->count] =
      (CmOutput){.path = copy, .hash = *hash, .step = "", .operation = "", .params = "", .made_from = ""};
  return &list[outputs->count++];
}

static bool has_bytes(CmOutputs *outputs, const char *path, const CmHash *hash) {
  CmHash now;
  CmError *why = NULL;
  bool same =
      access(path, R_OK) == 0 && cm__store_file_hash(outputs->store, path, &now, &why) && cm_hash_equal(&now, hash);
  cm_error_free(&why);
  return same;
}

CmOutput *cm__outputs_write(CmOutputs *outputs, const char *path, const void *bytes, size_t size, CmError **err) {
  char whole[4400];
  CmHash hash;
  cm_hash_bytes(bytes, size, &hash);
  if (snprintf(whole, sizeof whole, "%s/%s", outputs->out, path) >= (int)sizeof whole) {
    cm_error_set(err, CM_ERR_IO, "%s: the name is too long", path);
    return NULL;
  }
  if (!has_bytes(outputs, whole, &hash)) {
    char *slash = strrchr(whole, '/');
    *slash = 0;
    bool good = cm_make_folder(whole, err);
    *slash = '/';
    if (!good || !cm_file_write(outputs->ctx, whole, bytes, size, err)) return NULL;
  }
  return cm__outputs_add(outputs, path, &hash, err);
}

CmOutput *cm__outputs_write_table(CmOutputs *outputs, const char *name, const CmTable *table, CmError **err) {
  char path[800];
  CmOutput *output = NULL;
  char *json = cm_table_to_json(outputs->ctx, table, err);
  char *csv = json ? cm_table_to_csv(outputs->ctx, table, err) : NULL;
  if (csv) {
    snprintf(path, sizeof path, "tables/%s.json", name);
    output = cm__outputs_write(outputs, path, json, strlen(json), err);
  }
  if (output) {
    snprintf(path, sizeof path, "tables/%s.csv", name);
    output = cm__outputs_write(outputs, path, csv, strlen(csv), err);
  }
  cm_free(csv);
  cm_free(json);
  return output;
}

/* ---- what belongs ---------------------------------------------------------------------------------------------------
 */

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The list of the run before, one path a line, as an array of texts; *text holds them. Absent: none. */
static bool read_list(CmOutputs *outputs, char **text, const char ***paths, int *count, CmError **err) {
  char path[4200];
  size_t size = 0;
  snprintf(path, sizeof path, "%s/" LIST, outputs->out);
  *paths = NULL;
  *count = 0;
  *text = access(path, R_OK) == 0 ? (char *)cm_file_read(outputs->ctx, path, 0, &size, NULL) : NULL;
  if (!*text) return true;
  for (size_t i = 0; i < size; i++) *count += (*text)[i] == '\n';
  *paths = cm_alloc_array(outputs->ctx, (size_t)*count + 1, sizeof **paths, err);
  if (!*paths) return false;
  int at = 0;
  for (char *line = *text, *end; (end = strchr(line, '\n')); line = end + 1) {
    *end = 0;
    /* nothing that leads out of the folder */
    bool leads_out = *line == '/' || strncmp(line, "../", 3) == 0 || strstr(line, "/../");
    if (*line && !leads_out) (*paths)[at++] = line;
  }
  *count = at;
  return true;
}

static bool write_list(CmOutputs *outputs, const char **paths, int count, CmError **err) {
  char path[4200];
  size_t size = 0;
  qsort(paths, (size_t)count, sizeof *paths, compare_texts);
  for (int i = 0; i < count; i++) size += strlen(paths[i]) + 1;
  char *text = cm_alloc(outputs->ctx, size + 1, err), *at = text;
  if (!text) return false;
  for (int i = 0; i < count; i++) {
    if (i && strcmp(paths[i], paths[i - 1]) == 0) continue;
    at = stpcpy(at, paths[i]);
    *at++ = '\n';
  }
  snprintf(path, sizeof path, "%s/" LIST, outputs->out);
  bool good = cm_file_write(outputs->ctx, path, text, (size_t)(at - text), err);
  cm_free(text);
  return good;
}

bool cm__outputs_expect(CmOutputs *outputs, const char *const *paths, int count, CmError **err) {
  char *text;
  const char **before, **all = NULL;
  int before_count;
  bool good = read_list(outputs, &text, &before, &before_count, err);
  if (good) good = (all = cm_alloc_array(outputs->ctx, (size_t)(before_count + count) + 1, sizeof *all, err)) != NULL;
  if (good) {
    if (before_count) memcpy(all, before, (size_t)before_count * sizeof *all);
    if (count) memcpy(all + before_count, paths, (size_t)count * sizeof *all);
    good = write_list(outputs, all, before_count + count, err);
  }
  cm_free(all);
  cm_free(before);
  cm_free(text);
  return good;
}

static void remove_output(const CmOutputs *outputs, const char *path) {
  char whole[4400];
  if (snprintf(whole, sizeof whole, "%s/%s", outputs->out, path) >= (int)sizeof whole) return;
  if (unlink(whole)) return;
  /* folders that have become empty go as well */
  size_t root = strlen(outputs->out);
  for (char *slash; (slash = strrchr(whole, '/')) && slash > whole + root;) {
    *slash = 0;
    if (rmdir(whole)) break;
  }
}

bool cm__outputs_settle(CmOutputs *outputs, CmError **err) {
  char *text;
  const char **before = NULL, **now = NULL;
  int count;
  bool good = read_list(outputs, &text, &before, &count, err);
  if (good) good = (now = cm_alloc_array(outputs->ctx, (size_t)outputs->count + 1, sizeof *now, err)) != NULL;
  if (good) {
    for (int i = 0; i < outputs->count; i++) now[i] = outputs->list[i].path;
    qsort(now, (size_t)outputs->count, sizeof *now, compare_texts);
    for (int i = 0; i < count; i++)
      if (!bsearch(&before[i], now, (size_t)outputs->count, sizeof *now, compare_texts))
        remove_output(outputs, before[i]);
    good = write_list(outputs, now, outputs->count, err);
  }
  cm_free(now);
  cm_free(before);
  cm_free(text);
  return good;
}
