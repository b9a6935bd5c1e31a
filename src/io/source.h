/* Bytes to parse: a file read at offsets, or a caller's memory. A file is read, never mapped: a file that somebody
 * truncates meanwhile is then an error and not a signal. */
#ifndef CORMACK_IO_SOURCE_H
#define CORMACK_IO_SOURCE_H

#include "cormack/context.h"

typedef struct CmSource {
  CmContext *ctx;
  const char *path; /* for messages, and for finding files beside it; borrowed */
  int file;         /* -1: `memory` */
  const uint8_t *memory;
  uint64_t size;
} CmSource;

bool cm__source_open(CmSource *source, CmContext *ctx, const char *path, CmError **err);
/* Files beside it are then out of reach. `bytes` must outlive the source. */
void cm__source_memory(CmSource *source, CmContext *ctx, const uint8_t *bytes, size_t size, const char *name);
void cm__source_close(CmSource *source);
/* All of [offset, offset + size), or CM_ERR_FORMAT that says how many bytes are missing. */
bool cm__source_read(const CmSource *source, uint64_t offset, void *to, uint64_t size, CmError **err);
/* The bytes [offset, end) in a new block with a zero byte behind it; free with cm_free(). */
uint8_t *cm__source_tail(const CmSource *source, uint64_t offset, size_t *size, CmError **err);
/* Exactly `size` bytes at `offset` in a new block. Nothing is allocated where the source does not hold them. */
uint8_t *cm__source_block(const CmSource *source, uint64_t offset, uint64_t size, CmError **err);
/* Opens a file that a header names: relative, without «..», beside the header. */
bool cm__source_open_beside(CmSource *beside, const CmSource *source, const char *name, char **path, CmError **err);
/* `name` in the folder of `path`; free with cm_free(). */
char *cm__path_beside(CmContext *ctx, const char *path, const char *name, CmError **err);
/* Part after the last '/'. */
const char *cm__path_name(const char *path);
/* `path` with its last `drop` bytes replaced by `extension`; free with cm_free(). */
char *cm__path_with_extension(CmContext *ctx, const char *path, size_t drop, const char *extension, CmError **err);

#endif
