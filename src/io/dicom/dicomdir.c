/* DICOMDIR: the files that its directory records refer to (PS3.3 F.3, PS3.10 8.2). */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cormack/dicom.h"

#define MOST_PARTS 8 /* components of a file ID (PS3.10 8.2) */

struct CmDicomDir {
  CmContext *ctx;
  CmDicomDirFile *files; /* path and UIDs of each in one block, the path's */
  int64_t count, room, missing;
};

/* Finds `name` in `folder` whatever its case, and with the ";1" that ISO 9660 may put behind it. */
static bool find_name(const char *folder, const char *name, char *found, size_t size) {
  DIR *listing = opendir(folder);
  bool good = false;
  size_t length = strlen(name);
  if (!listing) return false;
  for (struct dirent *entry; !good && (entry = readdir(listing));) {
    const char *end = strrchr(entry->d_name, ';');
    size_t bare = end ? (size_t)(end - entry->d_name) : strlen(entry->d_name);
    if (bare == length && !strncasecmp(entry->d_name, name, length))
      good = snprintf(found, size, "%s", entry->d_name) < (int)size;
  }
  closedir(listing);
  return good;
}

/* Appends the components of a file ID to the folder in `path`; false: not there, or not to be followed. */
static bool resolve(char *path, size_t size, char *id) {
  struct stat info;
  bool exists = true;
  int parts = 0;
  char *rest = NULL;
  for (char *part = strtok_r(id, "\\", &rest); part; part = strtok_r(NULL, "\\", &rest)) {
    size_t used = strlen(path), length = strlen(part);
    char name[256];
    while (length && part[length - 1] == ' ') part[--length] = 0;
    if (++parts > MOST_PARTS || !length || strchr(part, '/') || !strcmp(part, ".") || !strcmp(part, "..")) return false;
    if (used + length + 2 > size) return false;
    snprintf(path + used, size - used, "/%s", part);
    if (exists && stat(path, &info)) {
      path[used] = 0;
      exists = find_name(path, part, name, sizeof name);
      if (used + strlen(exists ? name : part) + 2 > size) return false;
      snprintf(path + used, size - used, "/%s", exists ? name : part);
    }
  }
  return exists && parts && !stat(path, &info) && S_ISREG(info.st_mode);
}

static bool add_file(CmDicomDir *dir, const char *folder, CmDicomSet record, CmError **err) {
  char id[1024], path[4096], class_uid[65] = "", instance_uid[65] = "";
  if (!cm_dicom_text(record, CM_TAG(4, 0x1500), id, sizeof id)) return true; /* a patient, study or series */
  cm_dicom_text(record, CM_TAG(4, 0x1510), class_uid, sizeof class_uid);
  cm_dicom_text(record, CM_TAG(4, 0x1511), instance_uid, sizeof instance_uid);
  if (snprintf(path, sizeof path, "%s", folder) >= (int)sizeof path) return true;
  bool there = resolve(path, sizeof path, id);
  for (int64_t i = dir->count - 1; i >= 0 && i >= dir->count - 4; i--)
    if (!strcmp(dir->files[i].path, path)) return true; /* frames of one file have records of their own */
  if (dir->count == dir->room) {
    int64_t room = dir->room * 2 + 64;
    CmDicomDirFile *grown = cm_realloc(dir->ctx, dir->files, (size_t)room * sizeof *grown, err);
    if (!grown) return false;
    dir->files = grown;
    dir->room = room;
  }
  size_t a = strlen(path) + 1, b = strlen(class_uid) + 1, c = strlen(instance_uid) + 1;
  char *text = cm_alloc(dir->ctx, a + b + c, err);
  if (!text) return false;
  memcpy(text, path, a);
  memcpy(text + a, class_uid, b);
  memcpy(text + a + b, instance_uid, c);
  dir->files[dir->count++] =
      (CmDicomDirFile){.path = text, .sop_class_uid = text + a, .sop_instance_uid = text + a + b, .missing = !there};
  dir->missing += !there;
  return true;
}

static bool read_records(CmDicomDir *dir, const CmDicom *file, const char *path, CmError **err) {
  CmDicomElement records;
  char folder[4096];
  const char *slash = strrchr(path, '/');
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
  if (!cm_dicom_find(cm_dicom_root(file), CM_TAG(4, 0x1220), &records)) {
    cm_error_set(err, CM_ERR_FORMAT, "%s: no DICOMDIR: DirectoryRecordSequence (0004,1220) is missing", path);
    return false;
  }
  CmDicomSet record;
  for (uint64_t at = 0; cm_dicom_item(&records, &at, &record);) {
    int64_t in_use = 0xFFFF;
    cm_dicom_int(record, CM_TAG(4, 0x1410), 0, &in_use);
    if (in_use == 0) continue; /* taken out of the set without being erased */
    if (!add_file(dir, folder, record, err)) return false;
  }
  return true;
}

CmDicomDir *cm_dicom_dir_read(CmContext *ctx, const char *path, CmError **err) {
  CmDicomDir *dir = NULL;
  CmDicom *file = cm_dicom_open(ctx, path, CM_DICOM_WHOLE, err);
  if (!file) return NULL;
  dir = cm_calloc(ctx, 1, sizeof *dir, err);
  if (dir) dir->ctx = ctx;
  if (dir && !read_records(dir, file, path, err)) cm_dicom_dir_free(&dir);
  cm_dicom_close(&file);
  return dir;
}

void cm_dicom_dir_free(CmDicomDir **dir) {
  if (!*dir) return;
  for (int64_t i = 0; i < (*dir)->count; i++) cm_free((char *)(*dir)->files[i].path);
  cm_free((*dir)->files);
  cm_free(*dir);
  *dir = NULL;
}

int64_t cm_dicom_dir_count(const CmDicomDir *dir) {
  return dir->count;
}
int64_t cm_dicom_dir_missing(const CmDicomDir *dir) {
  return dir->missing;
}
const CmDicomDirFile *cm_dicom_dir_file(const CmDicomDir *dir, int64_t at) {
  return &dir->files[at];
}
