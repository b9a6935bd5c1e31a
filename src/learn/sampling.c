#include "learn/sampling.h"

#include <stdlib.h>

enum { WORDS = 624, SHIFTED = 397 };

static void start(CmTwister *twister, uint32_t seed) {
  twister->state[0] = seed;
  for (uint32_t i = 1; i < WORDS; i++) {
    uint32_t last = twister->state[i - 1];
    twister->state[i] = UINT32_C(1812433253) * (last ^ last >> 30) + i;
  }
  twister->at = WORDS;
}

static uint32_t draw(CmTwister *twister) {
  uint32_t *state = twister->state;
  for (int i = 0; twister->at == WORDS && i < WORDS; i++) {
    uint32_t mixed = (state[i] & UINT32_C(0x80000000)) | (state[(i + 1) % WORDS] & UINT32_C(0x7fffffff));
    state[i] = state[(i + SHIFTED) % WORDS] ^ mixed >> 1 ^ (mixed & 1 ? UINT32_C(0x9908b0df) : 0);
  }
  twister->at %= WORDS;
  uint32_t word = state[twister->at++];
  word ^= word >> 11;
  word ^= word << 7 & UINT32_C(0x9d2c5680);
  word ^= word << 15 & UINT32_C(0xefc60000);
  return word ^ word >> 18;
}

/* 0 .. n-1, each as likely. */
static uint32_t draw_below(CmTwister *twister, uint32_t n) {
  uint32_t least = -n % n;
  for (;;) {
    uint64_t product = (uint64_t)draw(twister) * n;
    if ((uint32_t)product >= least) return (uint32_t)(product >> 32);
  }
}

void cm__sampling_start(CmSampling *sampling, uint32_t seed) {
  start(&sampling->rows, seed);
  start(&sampling->features, draw(&sampling->rows));
}

uint64_t cm__sampling_rows(CmSampling *sampling) {
  uint64_t seed = draw(&sampling->rows);
  return seed ? seed : 1;
}

/* A congruential generator modulo 2^63. */
bool cm__sampling_takes(uint64_t *rows, float share) {
  *rows = *rows * 16807 & INT64_MAX;
  return (double)(*rows - 1) * 0x1p-63 < (double)share;
}

static int rising(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

static void swap(int *a, int *b) {
  int t = *a;
  *a = *b;
  *b = t;
}

/* Fisher and Yates's shuffle, which splits one draw into the places of two while their product fits into it. */
static void shuffle(CmTwister *twister, int *items, int count) {
  int at = 1;
  if (count > UINT16_MAX) {
    for (; at < count; at++) swap(&items[at], &items[draw_below(twister, (uint32_t)at + 1)]);
    return;
  }
  if (count % 2 == 0 && count > 1) {
    swap(&items[at], &items[draw_below(twister, 2)]);
    at++;
  }
  for (; at + 1 < count; at += 2) {
    uint32_t places = (uint32_t)at + 1, both = draw_below(twister, places * (places + 1));
    swap(&items[at], &items[both / (places + 1)]);
    swap(&items[at + 1], &items[both % (places + 1)]);
  }
}

int cm__sampling_features(CmSampling *sampling, float share, int features, int *chosen) {
  for (int j = 0; j < features; j++) chosen[j] = j;
  if (share == 1) return features;
  int count = (int)(share * (float)features);
  shuffle(&sampling->features, chosen, features);
  if (count < 1) count = 1;
  qsort(chosen, (size_t)count, sizeof *chosen, rising);
  return count;
}
