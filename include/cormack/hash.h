/* BLAKE2b-256 (RFC 7693), for provenance: contents of files, images, tables and parameters. */
#ifndef CORMACK_HASH_H
#define CORMACK_HASH_H

#include "cormack/context.h"

#define CM_HASH_SIZE 32

typedef struct CmHash {
  uint8_t bytes[CM_HASH_SIZE];
} CmHash;

/* Streaming state; make on the stack with cm_hash_start(). */
typedef struct CmHasher {
  _Alignas(64) unsigned char state[384];
} CmHasher;

CM_API void cm_hash_start(CmHasher *hasher);
CM_API void cm_hash_add(CmHasher *hasher, const void *bytes, size_t size);
/* Adds the text with its length, so that "ab","c" and "a","bc" differ. NULL counts as its own value. */
CM_API void cm_hash_add_text(CmHasher *hasher, const char *text);
CM_API void cm_hash_finish(CmHasher *hasher, CmHash *hash);

CM_API void cm_hash_bytes(const void *bytes, size_t size, CmHash *hash);
CM_API bool cm_hash_file(CmContext *ctx, const char *path, CmHash *hash, CmError **err);
CM_API bool cm_hash_equal(const CmHash *a, const CmHash *b);
/* 64 lower-case hexadecimal digits and a zero. */
CM_API void cm_hash_hex(const CmHash *hash, char hex[2 * CM_HASH_SIZE + 1]);
CM_API bool cm_hash_from_hex(const char *hex, CmHash *hash);

#endif
