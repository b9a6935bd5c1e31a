/* Bytes to parse, from a file or from memory. */
#include "io/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

bool cm__source_open(CmSource *source, CmContext *ctx, const char *path, CmError **err) {
  *source = (CmSource){.ctx = ctx, .path = path, .file = -1};
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    cm_error_set(err, errno == ENOENT ? CM_ERR_MISSING : CM_ERR_IO, "cannot be opened: %s", strerror(errno));
    return false;
  }
  struct stat info;
  if (fstat(file, &info)) {
    cm_error_set(err, CM_ERR_IO, "cannot be examined: %s", strerror(errno));
    close(file);
    return false;
  }
  if (!S_ISREG(info.st_mode)) {
    cm_error_set(err, CM_ERR_IO, "is not a regular file; give a file");
    close(file);
    return false;
  }
  source->file = file;
  source->size = (uint64_t)info.st_size;
  return true;
}

void cm__source_memory(CmSource *source, CmContext *ctx, const uint8_t *bytes, size_t size, const char *name) {
  *source = (CmSource){.ctx = ctx, .path = name, .file = -1, .memory = bytes, .size = size};
}

void cm__source_close(CmSource *source) {
  if (source->file >= 0) close(source->file);
  source->file = -1;
}

/* false, and an error, where [offset, offset + size) is not all there. */
static bool check_range(const CmSource *source, uint64_t offset, uint64_t size, CmError **err) {
  if (offset <= source->size && size <= source->size - offset) return true;
  uint64_t have = offset < source->size ? source->size - offset : 0;
  cm_error_set(err, CM_ERR_FORMAT,
               "the file ends too early: %llu bytes are expected at offset %llu, %llu are there; "
               "it is cut off, fetch it again",
               (unsigned long long)size, (unsigned long long)offset, (unsigned long long)have);
  return false;
}

bool cm__source_read(const CmSource *source, uint64_t offset, void *to, uint64_t size, CmError **err) {
  if (!check_range(source, offset, size, err)) return false;
  if (source->file < 0) {
    if (size) memcpy(to, source->memory + offset, (size_t)size);
    return true;
  }
  uint8_t *at = to;
  while (size) {
    size_t want = size < (1u << 30) ? (size_t)size : 1u << 30;
    ssize_t got = pread(source->file, at, want, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      cm_error_set(err, CM_ERR_IO, "cannot be read: %s", got ? strerror(errno) : "it became shorter meanwhile");
      return false;
    }
    at += got;
    offset += (uint64_t)got;
    size -= (uint64_t)got;
  }
  return true;
}

uint8_t *cm__source_tail(const CmSource *source, uint64_t offset, size_t *size, CmError **err) {
  if (!check_range(source, offset, 0, err)) return NULL;
  size_t left = (size_t)(source->size - offset);
  uint8_t *block = cm_alloc(source->ctx, left + 1, err);
  if (!block) return NULL;
  if (!cm__source_read(source, offset, block, left, err)) {
    cm_free(block);
    return NULL;
  }
  block[left] = 0;
  *size = left;
  return block;
}

uint8_t *cm__source_block(const CmSource *source, uint64_t offset, uint64_t size, CmError **err) {
  if (!check_range(source, offset, size, err)) return NULL;
  uint8_t *block = cm_alloc(source->ctx, (size_t)size, err);
  if (block && !cm__source_read(source, offset, block, size, err)) {
    cm_free(block);
    block = NULL;
  }
  return block;
}

const char *cm__path_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

char *cm__path_beside(CmContext *ctx, const char *path, const char *name, CmError **err) {
  return cm_sprintf(ctx, err, "%.*s%s", (int)(cm__path_name(path) - path), path, name);
}

char *cm__path_with_extension(CmContext *ctx, const char *path, size_t drop, const char *extension, CmError **err) {
  return cm_sprintf(ctx, err, "%.*s%s", (int)(strlen(path) - drop), path, extension);
}

bool cm__source_open_beside(CmSource *beside, const CmSource *source, const char *name, char **path, CmError **err) {
  *path = NULL;
  if (source->file < 0) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "the voxels are in another file, \"%s\"; read from a folder that has both",
                 name);
    return false;
  }
  /* A header that comes from elsewhere must not reach files outside its folder. */
  bool leaves = name[0] == '/' || !strncmp(name, "../", 3) || strstr(name, "/../") || !name[0];
  if (leaves) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "the voxels are in \"%s\", outside the header's folder; put that file beside the "
                 "header and correct the name in it",
                 name);
    return false;
  }
  *path = cm__path_beside(source->ctx, source->path, name, err);
  if (!*path) return false;
  if (cm__source_open(beside, source->ctx, *path, err)) return true;
  cm_error_context(err, "data file %s", *path);
  cm_free(*path);
  *path = NULL;
  return false;
}
