/* Whole files, read within bounds and written beside and renamed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "cormack/file.h"
#include "cormack/table.h"

static bool refuse(CmError **err, const char *path, const char *what) {
  cm_error_set(err, CM_ERR_IO, "%s: cannot be %s: %s", path, what, strerror(errno));
  return false;
}

static bool read_all(int file, const char *path, uint8_t *to, size_t size, CmError **err) {
  for (size_t done = 0; done < size;) {
    ssize_t got = read(file, to + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse(err, path, "read");
    if (got == 0) {
      cm_error_set(err, CM_ERR_IO, "%s: became shorter while it was read", path);
      return false;
    }
    done += (size_t)got;
  }
  return true;
}

uint8_t *cm_file_read(CmContext *ctx, const char *path, size_t limit, size_t *size, CmError **err) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  uint8_t *bytes = NULL;
  if (file < 0 || fstat(file, &info)) {
    refuse(err, path, "read");
    goto done;
  }
  if (!S_ISREG(info.st_mode)) {
    cm_error_set(err, CM_ERR_IO, "%s: is not a file", path);
    goto done;
  }
  if (limit && (uint64_t)info.st_size > limit) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%s: has %lld bytes; at most %zu are read", path, (long long)info.st_size,
                 limit);
    goto done;
  }
  bytes = cm_alloc(ctx, (size_t)info.st_size + 1, err);
  if (bytes && !read_all(file, path, bytes, (size_t)info.st_size, err)) {
    cm_free(bytes);
    bytes = NULL;
  }
  if (bytes) {
    bytes[info.st_size] = 0;
    *size = (size_t)info.st_size;
  }
done:
  if (file >= 0) close(file);
  return bytes;
}

bool cm_make_folder(const char *path, CmError **err) {
  char part[4096];
  size_t length = strlen(path);
  if (length >= sizeof part) {
    cm_error_set(err, CM_ERR_IO, "%s: the name is too long", path);
    return false;
  }
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != 0) continue;
    memcpy(part, path, i);
    part[i] = 0;
    if (mkdir(part, 0777) && errno != EEXIST && errno != EISDIR) return refuse(err, part, "made as a folder");
  }
  struct stat info;
  if (length && (stat(path, &info) || !S_ISDIR(info.st_mode))) {
    errno = ENOTDIR;
    return refuse(err, path, "made as a folder");
  }
  return true;
}

bool cm__file_begin(CmFileWriter *writer, const char *path, CmError **err) {
  *writer = (CmFileWriter){.file = -1, .path = path};
  if (snprintf(writer->beside, sizeof writer->beside, "%s.part-%ld", path, (long)getpid()) >=
      (int)sizeof writer->beside) {
    cm_error_set(err, CM_ERR_IO, "%s: the name is too long", path);
    return false;
  }
  writer->file = open(writer->beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  return writer->file >= 0 || refuse(err, path, "written");
}

bool cm__file_add(CmFileWriter *writer, const void *bytes, size_t size, CmError **err) {
  for (const char *at = bytes; size;) {
    ssize_t put = write(writer->file, at, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return refuse(err, writer->path, "written");
    at += put;
    size -= (size_t)put;
  }
  return true;
}

void cm__file_abandon(CmFileWriter *writer) {
  if (writer->file < 0) return;
  close(writer->file);
  unlink(writer->beside);
  writer->file = -1;
}

bool cm__file_end(CmFileWriter *writer, CmError **err) {
  /* No fsync: a killed process loses nothing by that, and a series of 6,000 files took two minutes of waiting for the
   * disk. What must survive a power failure is checked by its hash when it is read again (study/store.c). */
  bool good = close(writer->file) == 0;
  writer->file = -1;
  if (good && rename(writer->beside, writer->path) == 0) return true;
  refuse(err, writer->path, "written");
  unlink(writer->beside);
  return false;
}

bool cm_file_write(CmContext *ctx, const char *path, const void *bytes, size_t size, CmError **err) {
  (void)ctx;
  CmFileWriter writer;
  if (!cm__file_begin(&writer, path, err)) return false;
  if (cm__file_add(&writer, bytes, size, err)) return cm__file_end(&writer, err);
  cm__file_abandon(&writer);
  return false;
}

/* ---- tables
 * ---------------------------------------------------------------------------------------------------------- */

CmTable *cm_table_read_csv(CmContext *ctx, const char *path, CmError **err) {
  size_t size;
  uint8_t *text = cm_file_read(ctx, path, (size_t)1 << 32, &size, err);
  CmTable *table = text ? cm_table_parse_csv(ctx, (const char *)text, size, path, err) : NULL;
  cm_free(text);
  return table;
}

static bool write_text(CmContext *ctx, const char *path, char *text, CmError **err) {
  bool good = text && cm_file_write(ctx, path, text, strlen(text), err);
  cm_free(text);
  return good;
}

bool cm_table_write_csv(CmContext *ctx, const CmTable *table, const char *path, CmError **err) {
  return write_text(ctx, path, cm_table_to_csv(ctx, table, err), err);
}

bool cm_table_write_json(CmContext *ctx, const CmTable *table, const char *path, CmError **err) {
  return write_text(ctx, path, cm_table_to_json(ctx, table, err), err);
}

bool cm_path_has_extension(const char *path, const char *extension) {
  size_t length = strlen(path), tail = strlen(extension);
  return length > tail && strcasecmp(path + length - tail, extension) == 0;
}
