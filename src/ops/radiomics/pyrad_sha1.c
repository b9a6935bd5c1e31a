/* SHA-1, FIPS 180-4, section 6.1. */
#include <stdio.h>
#include <string.h>

#include "ops/radiomics/pyrad.h"

static uint32_t turn(uint32_t v, int bits) {
  return v << bits | v >> (32 - bits);
}

static void add_block(uint32_t state[5], const uint8_t *block) {
  uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int t = 0; t < 16; t++)
    w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 | (uint32_t)block[4 * t + 2] << 8 |
           block[4 * t + 3];
  for (int t = 16; t < 80; t++) w[t] = turn(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  for (int t = 0; t < 80; t++) {
    const uint32_t f = t < 20   ? (b & c) | (~b & d)
                       : t < 40 ? b ^ c ^ d
                       : t < 60 ? (b & c) | (b & d) | (c & d)
                                : b ^ c ^ d;
    static const uint32_t k[4] = {0x5a827999u, 0x6ed9eba1u, 0x8f1bbcdcu, 0xca62c1d6u};
    const uint32_t next = turn(a, 5) + f + e + k[t / 20] + w[t];
    e = d;
    d = c;
    c = turn(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

void cm__sha1_start(CmSha1 *sha) {
  *sha = (CmSha1){.state = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u}};
}

void cm__sha1_add(CmSha1 *sha, const void *bytes, size_t size) {
  const uint8_t *from = bytes;
  while (size > 0) {
    const size_t used = sha->bytes % 64, room = 64 - used;
    if (used == 0 && size >= 64) {
      add_block(sha->state, from);
      from += 64;
      size -= 64;
      sha->bytes += 64;
      continue;
    }
    const size_t part = size < room ? size : room;
    memcpy(sha->block + used, from, part);
    from += part;
    size -= part;
    sha->bytes += part;
    if (sha->bytes % 64 == 0) add_block(sha->state, sha->block);
  }
}

void cm__sha1_finish(CmSha1 *sha, char hex[41]) {
  const uint64_t bits = sha->bytes * 8;
  uint8_t tail[72] = {0x80};
  const size_t pad = (sha->bytes % 64 < 56 ? 56 : 120) - (size_t)(sha->bytes % 64);
  for (int k = 0; k < 8; k++) tail[pad + (size_t)k] = (uint8_t)(bits >> (56 - 8 * k));
  cm__sha1_add(sha, tail, pad + 8);
  for (int k = 0; k < 5; k++) snprintf(hex + 8 * k, 9, "%08x", sha->state[k]);
}
