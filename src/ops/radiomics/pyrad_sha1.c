/* SHA-1, FIPS 180-4, section 6.1; by the processor's own instructions where it has them. */
#include <stdio.h>
#include <string.h>

#include "ops/radiomics/pyrad.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#define HAS_X86 1
#else
#define HAS_X86 0
#endif

static uint32_t turn(uint32_t v, int bits) {
  return v << bits | v >> (32 - bits);
}

static void add_plain(uint32_t state[5], const uint8_t *block) {
  static const uint32_t k[4] = {0x5a827999u, 0x6ed9eba1u, 0x8f1bbcdcu, 0xca62c1d6u};
  uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int t = 0; t < 16; t++)
    w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 | (uint32_t)block[4 * t + 2] << 8 |
           block[4 * t + 3];
  for (int t = 16; t < 80; t++) w[t] = turn(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  for (int t = 0; t < 80; t++) {
    const uint32_t f = t < 20 ? (b & c) | (~b & d) : t < 40 || t >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
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

#if HAS_X86
static bool has_instructions(void) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 19 & 1) || !(c >> 9 & 1)) return false; /* SSE4.1, SSSE3 */
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);                      /* SHA */
}

#define ROUNDS __attribute__((target("sha,sse4.1,ssse3"), always_inline)) static inline

/* Four rounds with the words `now`; the kind of round is a constant of the instruction. */
ROUNDS __m128i four_rounds(__m128i abcd, __m128i e, int kind) {
  return kind == 0   ? _mm_sha1rnds4_epu32(abcd, e, 0)
         : kind == 1 ? _mm_sha1rnds4_epu32(abcd, e, 1)
         : kind == 2 ? _mm_sha1rnds4_epu32(abcd, e, 2)
                     : _mm_sha1rnds4_epu32(abcd, e, 3);
}

typedef struct Rounds {
  __m128i abcd, e, before, w[4], abcd_start, e_start;
} Rounds;

ROUNDS void load_state(const uint32_t state[5], Rounds *r) {
  r->abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0x1b);
  r->e = _mm_set_epi32((int)state[4], 0, 0, 0);
}

ROUNDS void store_state(const Rounds *r, uint32_t state[5]) {
  _mm_storeu_si128((__m128i *)(void *)state, _mm_shuffle_epi32(r->abcd, 0x1b));
  state[4] = (uint32_t)_mm_extract_epi32(r->e, 3);
}

ROUNDS void load_block(const uint8_t *from, Rounds *r) {
  const __m128i swap = _mm_set_epi64x(0x0001020304050607ll, 0x08090a0b0c0d0e0fll);
  r->before = r->abcd_start = r->abcd;
  r->e_start = r->e;
  for (int k = 0; k < 4; k++)
    r->w[k] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(from + 16 * k)), swap);
}

ROUNDS void turn_four(Rounds *r, int t) {
  __m128i *w = r->w;
  const __m128i e = t == 0 ? _mm_add_epi32(r->e, w[0]) : _mm_sha1nexte_epu32(r->before, w[t & 3]);
  r->before = r->abcd;
  r->abcd = four_rounds(r->abcd, e, t / 5);
  /* the words of four turns later take the place of these */
  const __m128i mixed = _mm_xor_si128(_mm_sha1msg1_epu32(w[t & 3], w[(t + 1) & 3]), w[(t + 2) & 3]);
  w[t & 3] = _mm_sha1msg2_epu32(mixed, w[(t + 3) & 3]);
}

ROUNDS void finish_block(Rounds *r) {
  r->e = _mm_sha1nexte_epu32(r->before, r->e_start);
  r->abcd = _mm_add_epi32(r->abcd, r->abcd_start);
}

__attribute__((target("sha,sse4.1,ssse3"))) static void add_fast(uint32_t state[5], const uint8_t *from,
                                                                 size_t blocks) {
  Rounds r;
  load_state(state, &r);
  for (; blocks > 0; blocks--, from += 64) {
    load_block(from, &r);
#pragma GCC unroll 20
    for (int t = 0; t < 20; t++) turn_four(&r, t);
    finish_block(&r);
  }
  store_state(&r, state);
}

/* Each turn waits for the one before: another message goes through in the meantime. */
__attribute__((target("sha,sse4.1,ssse3"))) static void add_both(uint32_t a_state[5], const uint8_t *a,
                                                                 uint32_t b_state[5], const uint8_t *b, size_t blocks) {
  Rounds r, s;
  load_state(a_state, &r);
  load_state(b_state, &s);
  for (; blocks > 0; blocks--, a += 64, b += 64) {
    load_block(a, &r);
    load_block(b, &s);
#pragma GCC unroll 20
    for (int t = 0; t < 20; t++) {
      turn_four(&r, t);
      turn_four(&s, t);
    }
    finish_block(&r);
    finish_block(&s);
  }
  store_state(&r, a_state);
  store_state(&s, b_state);
}
#endif

static void add_blocks(CmSha1 *sha, const uint8_t *from, size_t blocks) {
#if HAS_X86
  if (sha->fast) {
    add_fast(sha->state, from, blocks);
    return;
  }
#endif
  for (; blocks > 0; blocks--, from += 64) add_plain(sha->state, from);
}

void cm__sha1_start(CmSha1 *sha) {
  *sha = (CmSha1){.state = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u}};
#if HAS_X86
  sha->fast = has_instructions();
#endif
}

void cm__sha1_add(CmSha1 *sha, const void *bytes, size_t size) {
  const uint8_t *from = bytes;
  while (size > 0) {
    const size_t used = sha->bytes % 64, room = 64 - used;
    const bool whole = used == 0 && size >= 64;
    const size_t part = whole ? size / 64 * 64 : size < room ? size : room;
    if (whole) {
      add_blocks(sha, from, size / 64);
    } else {
      memcpy(sha->block + used, from, part);
      if (used + part == 64) add_blocks(sha, sha->block, 1);
    }
    from += part;
    size -= part;
    sha->bytes += part;
  }
}

void cm__sha1_add_two(CmSha1 *a, const void *from_a, size_t size_a, CmSha1 *b, const void *from_b, size_t size_b) {
  size_t both = 0;
#if HAS_X86
  const size_t blocks = (size_a < size_b ? size_a : size_b) / 64;
  if (a->fast && a->bytes % 64 == 0 && b->bytes % 64 == 0) {
    both = blocks * 64;
    add_both(a->state, from_a, b->state, from_b, blocks);
    a->bytes += both;
    b->bytes += both;
  }
#endif
  cm__sha1_add(a, (const uint8_t *)from_a + both, size_a - both);
  cm__sha1_add(b, (const uint8_t *)from_b + both, size_b - both);
}

void cm__sha1_finish(CmSha1 *sha, char hex[41]) {
  const uint64_t bits = sha->bytes * 8;
  uint8_t tail[72] = {0x80};
  const size_t pad = (sha->bytes % 64 < 56 ? 56 : 120) - (size_t)(sha->bytes % 64);
  for (int k = 0; k < 8; k++) tail[pad + (size_t)k] = (uint8_t)(bits >> (56 - 8 * k));
  cm__sha1_add(sha, tail, pad + 8);
  for (int k = 0; k < 5; k++) snprintf(hex + 8 * k, 9, "%08x", sha->state[k]);
}
