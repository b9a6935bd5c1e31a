/* Which files a scan reads: folders walked, DICOMDIR followed (PS3.10 8.6, PS3.3 F.3). */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "io/dicom/scan_priv.h"

#define MOST_DEPTH 64

static bool add_path(CmPool *pool, CmPathList *list, const char *path, CmError **err) {
  if (list->count == list->room) {
    int64_t room = list->room ? 2 * list->room : 256;
    const char **items = cm__pool_alloc(pool, (size_t)room, sizeof *items, err);
    if (!items) return false;
    if (list->count) memcpy(items, list->items, (size_t)list->count * sizeof *items);
    list->items = items;
    list->room = room;
  }
  const char *copy = cm__pool_text(pool, path, err);
  if (!copy) return false;
  list->items[list->count++] = copy;
  return true;
}

static int compare_paths(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The folders above, so that a link back to one of them does not go round. */
typedef struct Above {
  const struct Above *up;
  dev_t device;
  ino_t inode;
  int depth;
} Above;

static bool goes_round(const Above *above, const struct stat *info) {
  for (; above; above = above->up)
    if (above->device == info->st_dev && above->inode == info->st_ino) return true;
  return false;
}

static bool walk_folder(CmPool *pool, const char *path, const Above *above, CmPathList *files, CmPathList *missing,
                        CmError **err) {
  struct stat info;
  DIR *folder = opendir(path);
  if (!folder || fstat(dirfd(folder), &info)) {
    int reason = errno;
    if (folder) closedir(folder);
    if (above) return add_path(pool, missing, path, err); /* one that may not be read does not stop the others */
    cm_error_set(err, CM_ERR_IO, "%s: %s; check the path and its permissions", path, strerror(reason));
    return false;
  }
  Above here = {above, info.st_dev, info.st_ino, above ? above->depth + 1 : 0};
  bool ok = true, slash = path[strlen(path) - 1] == '/';
  for (struct dirent *entry; ok && (entry = readdir(folder));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    const char *name = cm__pool_printf(pool, err, "%s%s%s", path, slash ? "" : "/", entry->d_name);
    if (!name)
      ok = false;
    else if (entry->d_type == DT_REG)
      ok = add_path(pool, files, name, err);
    else if (stat(name, &info))
      ok = add_path(pool, missing, name, err);
    else if (S_ISREG(info.st_mode))
      ok = add_path(pool, files, name, err);
    else if (S_ISDIR(info.st_mode) && here.depth < MOST_DEPTH && !goes_round(&here, &info))
      ok = walk_folder(pool, name, &here, files, missing, err);
  }
  closedir(folder);
  return ok;
}

/* Appends one component of a File ID to the path, whatever its case on this file system. */
static const char *step_into(CmPool *pool, const char *path, const char *name, CmError **err) {
  const char *plain = cm__pool_printf(pool, err, "%s/%s", path, name);
  struct stat info;
  if (!plain || !stat(plain, &info)) return plain;
  DIR *folder = opendir(path);
  const char *found = plain;
  for (struct dirent *entry; folder && found && (entry = readdir(folder));) {
    size_t size = strlen(name);
    /* ISO 9660 adds a dot and a version to what it lists */
    if (strncasecmp(entry->d_name, name, size) ||
        (entry->d_name[size] && strcmp(entry->d_name + size, ".") && strcmp(entry->d_name + size, ";1") &&
         strcmp(entry->d_name + size, ".;1")))
      continue;
    found = cm__pool_printf(pool, err, "%s/%s", path, entry->d_name);
    break;
  }
  if (folder) closedir(folder);
  return found;
}

/* The file that a directory record refers to; *path NULL where it refers to none, or outside of the file set. */
static bool record_path(CmPool *pool, CmDicomSet record, const char *folder, const char **path, CmError **err) {
  char text[1024];
  *path = NULL;
  if (!cm_dicom_text(record, CM_TAG(0x0004, 0x1500), text, sizeof text)) return true;
  const char *at = folder;
  for (char *rest = text, *name; at && (name = strsep(&rest, "\\"));) {
    size_t size = strlen(name);
    while (size && name[size - 1] == ' ') name[--size] = '\0';
    if (!size || strchr(name, '/') || !strcmp(name, "..") || !strcmp(name, ".")) return true;
    at = step_into(pool, at, name, err);
  }
  *path = at;
  return at != NULL;
}

static bool follow_dicomdir(CmPool *pool, const CmDicom *dicom, const char *path, CmPathList *files,
                            CmPathList *missing, CmError **err) {
  CmDicomElement records;
  CmDicomSet record;
  const char *slash = strrchr(path, '/');
  const char *folder = slash ? cm__pool_printf(pool, err, "%.*s", slash == path ? 1 : (int)(slash - path), path) : ".";
  if (!folder || !cm_dicom_find(cm_dicom_root(dicom), CM_TAG(0x0004, 0x1220), &records)) return folder != NULL;
  for (uint64_t at = 0; cm_dicom_item(&records, &at, &record);) {
    int64_t in_use;
    if (cm_dicom_int(record, CM_TAG(0x0004, 0x1410), 0, &in_use) && in_use == 0) continue; /* a deleted record */
    const char *name;
    if (!record_path(pool, record, folder, &name, err)) return false;
    struct stat info;
    if (name && !add_path(pool, stat(name, &info) ? missing : files, name, err)) return false;
  }
  return true;
}

static bool add_file(CmPool *pool, const char *path, CmPathList *files, CmPathList *missing, CmError **err) {
  CmDicomElement records;
  CmError *fault = NULL; /* a broken file is for the scan to tell */
  CmDicom *dicom = cm_dicom_sniff(path) ? cm_dicom_open(pool->ctx, path, CM_DICOM_HEADER, &fault) : NULL;
  if (cm_error_code(fault) == CM_ERR_MEMORY) {
    cm_error_move(err, &fault);
    return false;
  }
  cm_error_free(&fault);
  bool directory = dicom && cm_dicom_find(cm_dicom_root(dicom), CM_TAG(0x0004, 0x1220), &records);
  bool ok = directory ? follow_dicomdir(pool, dicom, path, files, missing, err) : add_path(pool, files, path, err);
  cm_dicom_close(&dicom);
  return ok;
}

static void sort_once(CmPathList *list) {
  if (list->count < 2) return;
  qsort(list->items, (size_t)list->count, sizeof *list->items, compare_paths);
  int64_t kept = 1;
  for (int64_t i = 1; i < list->count; i++)
    if (strcmp(list->items[i], list->items[kept - 1]) != 0) list->items[kept++] = list->items[i];
  list->count = kept;
}

bool cm__list_files(CmPool *pool, const char *const *paths, int count, CmPathList *files, CmPathList *missing,
                    CmError **err) {
  for (int i = 0; i < count; i++) {
    struct stat info;
    if (stat(paths[i], &info)) {
      cm_error_set(err, CM_ERR_IO, "%s: %s; check the path and its permissions", paths[i], strerror(errno));
      return false;
    }
    bool ok = S_ISDIR(info.st_mode) ? walk_folder(pool, paths[i], NULL, files, missing, err)
                                    : add_file(pool, paths[i], files, missing, err);
    if (!ok) return false;
  }
  sort_once(files);
  sort_once(missing);
  return true;
}
