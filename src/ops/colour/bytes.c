#include "ops/colour/bytes.h"

#include <stdbool.h>
#include <string.h>

enum { RED = 2125, GREEN = 7154, BLUE = 721, WHOLE = 10000 };

static void planes_plain(const uint8_t *rgb, float scale, int64_t n, float *red, float *green, float *blue) {
  for (int64_t i = 0; i < n; i++) {
    red[i] = (float)rgb[3 * i] * scale;
    green[i] = (float)rgb[3 * i + 1] * scale;
    blue[i] = (float)rgb[3 * i + 2] * scale;
  }
}

static void grey_plain(const uint8_t *rgb, int64_t n, uint8_t *to) {
  for (int64_t i = 0; i < n; i++) {
    int32_t sum = RED * rgb[3 * i] + GREEN * rgb[3 * i + 1] + BLUE * rgb[3 * i + 2];
    to[i] = (uint8_t)((sum + WHOLE / 2) / WHOLE);
  }
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* The 24 bytes of eight voxels, twelve in each half; 28 are read, so that the last voxels are left to others. */
enum { READ_BEYOND = 2 };
AVX2 static inline __m256i load_8(const uint8_t *rgb) {
  __m128i half[2];
  memcpy(&half[0], rgb, 16);
  memcpy(&half[1], rgb + 12, 16);
  return _mm256_set_m128i(half[1], half[0]);
}

/* Bytes `first` and `second` of each voxel as whole numbers of 16 bits beside each other; -1: 0. */
AVX2 static inline __m256i pick(__m256i voxels, char first, char second) {
  const char f = first, s = second, t = (char)(s < 0 ? 0 : 3);
  const __m128i order = _mm_setr_epi8(f, -1, s, -1, (char)(f + 3), -1, (char)(s + t), -1, (char)(f + 6), -1,
                                      (char)(s + 2 * t), -1, (char)(f + 9), -1, (char)(s + 3 * t), -1);
  return _mm256_shuffle_epi8(voxels, _mm256_broadcastsi128_si256(order));
}

AVX2 static inline void put_8(__m256i values, float scale, float *to) {
  const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(values), _mm256_set1_ps(scale));
  memcpy(to, &scaled, 32);
}

/* These return how many voxels they did: none that reads beyond the last. */
AVX2 static int64_t planes_avx2(const uint8_t *rgb, float scale, int64_t n, float *red, float *green, float *blue) {
  int64_t i = 0;
  for (; i + 8 + READ_BEYOND <= n; i += 8) {
    const __m256i voxels = load_8(rgb + 3 * i);
    put_8(pick(voxels, 0, -1), scale, red + i);
    put_8(pick(voxels, 1, -1), scale, green + i);
    put_8(pick(voxels, 2, -1), scale, blue + i);
  }
  return i;
}

/* Pairs of 16 bits are multiplied and added: red and green, and blue and 1 for the half. The sum is below 2^24; sum *
 * 1e-4f, rounded, reaches a whole number only where sum / 10000 does, and is cut off there. */
AVX2 static inline __m256i grey_of_8(const uint8_t *rgb) {
  const __m256i voxels = load_8(rgb), one = _mm256_set1_epi32(1 << 16);
  const __m256i first = _mm256_madd_epi16(pick(voxels, 0, 1), _mm256_set1_epi32(GREEN << 16 | RED));
  const __m256i second =
      _mm256_madd_epi16(_mm256_or_si256(pick(voxels, 2, -1), one), _mm256_set1_epi32(WHOLE / 2 << 16 | BLUE));
  const __m256 sum = _mm256_cvtepi32_ps(_mm256_add_epi32(first, second));
  return _mm256_cvttps_epi32(_mm256_mul_ps(sum, _mm256_set1_ps(1e-4F)));
}

AVX2 static int64_t grey_avx2(const uint8_t *rgb, int64_t n, uint8_t *to) {
  int64_t i = 0;
  for (; i + 32 + READ_BEYOND <= n; i += 32) {
    const uint8_t *from = rgb + 3 * i;
    const __m256i low = _mm256_packs_epi32(grey_of_8(from), grey_of_8(from + 24));
    const __m256i high = _mm256_packs_epi32(grey_of_8(from + 48), grey_of_8(from + 72));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* packing goes by halves */
    const __m256i grey = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
    memcpy(to + i, &grey, 32);
  }
  return i;
}

static bool has_avx2(void) {
  return __builtin_cpu_supports("avx2") != 0;
}
#else
static bool has_avx2(void) {
  return false;
}
#define planes_avx2(...) 0
#define grey_avx2(...) 0
#endif

void cm__bytes_to_planes(const void *rgb, float scale, int64_t n, float *red, float *green, float *blue) {
  int64_t done = has_avx2() ? planes_avx2(rgb, scale, n, red, green, blue) : 0;
  planes_plain((const uint8_t *)rgb + 3 * done, scale, n - done, red + done, green + done, blue + done);
}

void cm__bytes_to_grey(const uint8_t *rgb, int64_t n, uint8_t *to) {
  int64_t done = has_avx2() ? grey_avx2(rgb, n, to) : 0;
  grey_plain(rgb + 3 * done, n - done, to + done);
}
