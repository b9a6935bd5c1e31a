#include "cormack/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(((CmHasher *)0)->state), "libsodium's state fits");

static crypto_generichash_state *state_of(CmHasher *hasher) {
  return (crypto_generichash_state *)(void *)hasher->state;
}

void cm_hash_start(CmHasher *hasher) {
  /* Picks the machine's fastest code; safe from any thread, cheap when done. Without it the plain code runs. */
  int picked = sodium_init();
  (void)picked;
  crypto_generichash_init(state_of(hasher), NULL, 0, CM_HASH_SIZE);
}

void cm_hash_add(CmHasher *hasher, const void *bytes, size_t size) {
  if (size) crypto_generichash_update(state_of(hasher), bytes, size);
}

void cm_hash_add_text(CmHasher *hasher, const char *text) {
  uint64_t length = text ? strlen(text) : UINT64_MAX;
  unsigned char head[8];
  for (int i = 0; i < 8; i++) head[i] = (unsigned char)(length >> (8 * i));
  cm_hash_add(hasher, head, sizeof head);
  if (text) cm_hash_add(hasher, text, strlen(text));
}

void cm_hash_finish(CmHasher *hasher, CmHash *hash) {
  crypto_generichash_final(state_of(hasher), hash->bytes, CM_HASH_SIZE);
}

void cm_hash_bytes(const void *bytes, size_t size, CmHash *hash) {
  CmHasher hasher;
  cm_hash_start(&hasher);
  cm_hash_add(&hasher, bytes, size);
  cm_hash_finish(&hasher, hash);
}

bool cm_hash_file(CmContext *ctx, const char *path, CmHash *hash, CmError **err) {
  enum { BLOCK = 1 << 18 };
  bool done = false;
  unsigned char *block = cm_alloc(ctx, BLOCK, err);
  if (!block) return false;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  CmHasher hasher;
  cm_hash_start(&hasher);
  ssize_t got = file < 0 ? -1 : 1;
  while (got > 0) {
    got = read(file, block, BLOCK);
    if (got < 0 && errno == EINTR)
      got = 1;
    else if (got > 0)
      cm_hash_add(&hasher, block, (size_t)got);
  }
  if (got < 0)
    cm_error_set(err, CM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  else
    done = true;
  if (done) cm_hash_finish(&hasher, hash);
  if (file >= 0) close(file);
  cm_free(block);
  return done;
}

bool cm_hash_equal(const CmHash *a, const CmHash *b) {
  return memcmp(a->bytes, b->bytes, CM_HASH_SIZE) == 0;
}

void cm_hash_hex(const CmHash *hash, char hex[2 * CM_HASH_SIZE + 1]) {
  sodium_bin2hex(hex, 2 * CM_HASH_SIZE + 1, hash->bytes, CM_HASH_SIZE);
}

bool cm_hash_from_hex(const char *hex, CmHash *hash) {
  size_t length = 0;
  return strlen(hex) == 2 * CM_HASH_SIZE &&
         sodium_hex2bin(hash->bytes, CM_HASH_SIZE, hex, 2 * CM_HASH_SIZE, NULL, &length, NULL) == 0 &&
         length == CM_HASH_SIZE;
}
