#include "ops/enhance/clahe_direct.h"

#include <math.h>

#include "ops/simd.h"

void cm__clahe_count_u8(const uint8_t *from, int64_t n, uint32_t *counts) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    counts[from[i]]++;
    counts[256 + from[i + 1]]++;
    counts[512 + from[i + 2]]++;
    counts[768 + from[i + 3]]++;
  }
  for (; i < n; i++) counts[from[i]]++;
}

void cm__clahe_count_u16(const uint16_t *from, int64_t n, uint32_t *counts) {
  for (int64_t i = 0; i < n; i++) counts[from[i]]++;
}

CM_SIMD static void pack(const float *restrict low, const float *restrict high, uint32_t shift,
                         uint32_t *restrict table, int64_t n) {
  for (int64_t i = 0; i < n; i++) table[i] = (uint32_t)(int32_t)low[i] | (uint32_t)(int32_t)high[i] << shift;
}

void cm__clahe_pack_u8(const float *const maps[4], uint32_t *table) {
  for (int i = 0; i < 256; i++)
    table[i] =
        (uint32_t)maps[0][i] | (uint32_t)maps[1][i] << 8 | (uint32_t)maps[2][i] << 16 | (uint32_t)maps[3][i] << 24;
}

void cm__clahe_pack_u16(const float *const maps[4], uint32_t *table) {
  pack(maps[0], maps[1], 16, table, 65536);
  pack(maps[2], maps[3], 16, table + 65536, 65536);
}

CM_SIMD void cm__clahe_mix_u8(const uint32_t *restrict table, const uint8_t *restrict from, const float *restrict ahead,
                              float y_ahead, int64_t n, uint8_t *restrict to) {
  const float y_back = 1.0f - y_ahead;
  for (int64_t i = 0; i < n; i++) {
    const int32_t four = (int32_t)table[from[i]];
    const float a = (float)(four & 255), b = (float)(four >> 8 & 255), c = (float)(four >> 16 & 255),
                d = (float)(four >> 24 & 255);
    const float x = ahead[i], x_back = 1.0f - x;
    to[i] = (uint8_t)(int32_t)rintf((a * x_back + b * x) * y_back + (c * x_back + d * x) * y_ahead);
  }
}

CM_SIMD void cm__clahe_mix_u16(const uint32_t *restrict table, const uint16_t *restrict from,
                               const float *restrict ahead, float y_ahead, int64_t n, uint16_t *restrict to) {
  const float y_back = 1.0f - y_ahead;
  const uint32_t *restrict below = table + 65536;
  for (int64_t i = 0; i < n; i++) {
    const int32_t ab = (int32_t)table[from[i]], cd = (int32_t)below[from[i]];
    const float a = (float)(ab & 65535), b = (float)(ab >> 16 & 65535), c = (float)(cd & 65535),
                d = (float)(cd >> 16 & 65535);
    const float x = ahead[i], x_back = 1.0f - x;
    to[i] = (uint16_t)(int32_t)rintf((a * x_back + b * x) * y_back + (c * x_back + d * x) * y_ahead);
  }
}
