/* What a run keeps of its work, in OUT/.cormack: outcomes under the hash of what made them, and the hashes of files.
 *
 *   journal        records, only ever appended: checksum, key, and for each output its hash and its bytes where they
 * are few store/KEY-N    output N of the record KEY, where it is large lock           held by the run at work A record
 * is appended when its large outputs are on the disk. A tail that a kill has cut off fails its checksum and is dropped.
 * All functions may be called from several threads, but for open, finish and close. */
#ifndef STUDY_STORE_H
#define STUDY_STORE_H

#include "cormack/hash.h"

typedef struct CmStore CmStore;
typedef struct CmStoreEntry CmStoreEntry;

typedef enum CmStoreMode {
  CM__STORE_LOOK, /* changes nothing; NULL without an error where there is none */
  CM__STORE_WORK,
  CM__STORE_FRESH, /* work, and forget what is there */
} CmStoreMode;

/* One output to be kept. bytes NULL: only its hash. */
typedef struct CmStorePart {
  CmHash hash;
  const uint8_t *bytes;
  size_t size;
} CmStorePart;

#define CM__STORE_PARTS 256

CM_NODISCARD CmStore *cm__store_open(CmContext *ctx, const char *out, CmStoreMode mode, CmError **err);
void cm__store_close(CmStore **store);

/* Starts a key of `what`: it holds for the code that is running, since other code may make other bytes of the same. */
void cm__store_key_start(CmHasher *hasher, const char *what);
/* NULL where nothing whole is kept under the key. Lives until the store is closed. */
const CmStoreEntry *cm__store_find(CmStore *store, const CmHash *key);
int cm__store_parts(const CmStoreEntry *entry);
const CmHash *cm__store_hash(const CmStoreEntry *entry, int part);
bool cm__store_has(const CmStoreEntry *entry, int part); /* its bytes, not only its hash */
/* The bytes of a part, checked against their hash; NULL without an error where they are lost, so that they must be made
 * again. */
CM_NODISCARD uint8_t *cm__store_read(CmStore *store, const CmStoreEntry *entry, int part, size_t *size, CmError **err);
bool cm__store_put(CmStore *store, const CmHash *key, const CmStorePart *parts, int count, CmError **err);

/* Hash of a file's contents; known again without reading while its size and time of change are the same. */
bool cm__store_file_hash(CmStore *store, const char *path, CmHash *hash, CmError **err);

/* After a whole run: drops what it has not used. */
bool cm__store_finish(CmStore *store, CmError **err);

#endif
