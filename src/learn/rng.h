/* Random numbers by counter: the value depends on (seed, stream, counter) alone, so that loops may draw in any order on
 * any thread. The mixer is the finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, OOPSLA 2014). */
#ifndef CORMACK_LEARN_RNG_H
#define CORMACK_LEARN_RNG_H

#include <stdint.h>

/* Streams: what the numbers are for. */
enum {
  CM__STREAM_FOLDS = 1,
  CM__STREAM_HOLD_OUT,
  CM__STREAM_BOOTSTRAP,
  CM__STREAM_PERMUTE,
  CM__STREAM_ROWS,
  CM__STREAM_INNER,
  CM__STREAM_COALITIONS,
  CM__STREAM_TUNE,
  CM__STREAM_TUNE_FOLDS,
  CM__STREAM_TUNE_SUBJECTS,
  CM__STREAM_RECALIBRATE,
  CM__STREAM_OPTIMISM,
  CM__STREAM_LABELS,
  CM__STREAM_CURVE,
  CM__STREAM_TREES,
  CM__STREAM_HALVES,
  CM__STREAM_LIME,
  CM__STREAM_SMOTE,
  CM__STREAM_PIXELS,
  CM__STREAM_PIXEL_FOLDS
};

static inline uint64_t cm__mix(uint64_t z) {
  z += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline uint64_t cm__stream(uint64_t seed, uint64_t purpose, uint64_t at) {
  return cm__mix(cm__mix(cm__mix(seed) ^ purpose) ^ at);
}

static inline uint64_t cm__draw(uint64_t stream, uint64_t counter) {
  return cm__mix(stream ^ cm__mix(counter));
}

/* 0..n-1; n < 2^32, so that the bias is below 2^-32. */
static inline int64_t cm__draw_below(uint64_t stream, uint64_t counter, int64_t n) {
  return (int64_t)(((cm__draw(stream, counter) >> 32) * (uint64_t)n) >> 32);
}

/* How often each of n comes when n are drawn with putting back. */
static inline void cm__draw_times(uint64_t stream, int64_t n, double *times) {
  for (int64_t i = 0; i < n; i++) times[i] = 0;
  for (int64_t i = 0; i < n; i++) times[cm__draw_below(stream, (uint64_t)i, n)] += 1;
}

/* Fisher-Yates. */
static inline void cm__shuffle(uint64_t stream, int64_t *items, int64_t n) {
  for (int64_t i = n - 1; i > 0; i--) {
    int64_t j = cm__draw_below(stream, (uint64_t)i, i + 1), t = items[i];
    items[i] = items[j];
    items[j] = t;
  }
}

#endif
