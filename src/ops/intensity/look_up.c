#include "ops/intensity/look_up.h"

#include <string.h>

#define LOOK_UP(name, Place, Out)                                                                                  \
  static void look_up_##name(const void *from, int64_t n, int64_t step, Place turn, const void *table, void *to) { \
    const Place *restrict v = from;                                                                                \
    const Out *restrict t = table;                                                                                 \
    Out *restrict out = to;                                                                                        \
    int64_t i = 0;                                                                                                 \
    for (; step == 1 && i + 8 <= n; i += 8)                                                                        \
      for (int k = 0; k < 8; k++) out[i + k] = t[(Place)(v[i + k] ^ turn)];                                        \
    for (; i < n; i += step) out[i] = t[(Place)(v[i] ^ turn)];                                                     \
  }
LOOK_UP(8_8, uint8_t, uint8_t)
LOOK_UP(8_16, uint8_t, uint16_t)
LOOK_UP(8_32, uint8_t, uint32_t)
LOOK_UP(8_64, uint8_t, uint64_t)
LOOK_UP(16_8, uint16_t, uint8_t)
LOOK_UP(16_16, uint16_t, uint16_t)
LOOK_UP(16_32, uint16_t, uint32_t)
LOOK_UP(16_64, uint16_t, uint64_t)

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* The table in four registers: 64 bytes are looked up in both halves, the top bit chooses. How many were done. */
__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static int64_t bytes_in_registers(const uint8_t *from, int64_t n,
                                                                                         uint8_t turn,
                                                                                         const uint8_t *table,
                                                                                         uint8_t *to) {
  __m512i part[4];
  memcpy(part, table, sizeof(part));
  const __m512i turned = _mm512_set1_epi8((char)turn);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i v = _mm512_xor_si512(_mm512_loadu_si512(from + i), turned);
    const __m512i low = _mm512_permutex2var_epi8(part[0], v, part[1]);
    const __m512i high = _mm512_permutex2var_epi8(part[2], v, part[3]);
    _mm512_storeu_si512(to + i, _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), low, high));
  }
  return i;
}

static void bytes(const uint8_t *from, int64_t n, uint8_t turn, const uint8_t *table, uint8_t *to) {
  const int64_t done = __builtin_cpu_supports("avx512vbmi") ? bytes_in_registers(from, n, turn, table, to) : 0;
  look_up_8_8(from + done, n - done, 1, turn, table, to + done);
}
#else
static void bytes(const uint8_t *from, int64_t n, uint8_t turn, const uint8_t *table, uint8_t *to) {
  look_up_8_8(from, n, 1, turn, table, to);
}
#endif

void cm__look_up(CmType type, const void *from, int64_t n, int64_t step, size_t size, const void *table, void *to) {
  static void (*const of_8[4])(const void *, int64_t, int64_t, uint8_t, const void *, void *) = {
      look_up_8_8, look_up_8_16, look_up_8_32, look_up_8_64};
  static void (*const of_16[4])(const void *, int64_t, int64_t, uint16_t, const void *, void *) = {
      look_up_16_8, look_up_16_16, look_up_16_32, look_up_16_64};
  const uint8_t turn = type == CM_I8 ? 0x80 : 0;
  const int kind = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
  if (cm_type_size(type) == 1 && size == 1 && step == 1)
    bytes(from, n, turn, table, to);
  else if (cm_type_size(type) == 1)
    of_8[kind](from, n, step, turn, table, to);
  else
    of_16[kind](from, n, step, type == CM_I16 ? 0x8000 : 0, table, to);
}
