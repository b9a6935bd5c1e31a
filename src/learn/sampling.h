/* What a boosted tree sees of rows and features, drawn as XGBoost 1.7 draws on one thread, so that the same seed gives
 * the same trees. */
#ifndef CORMACK_LEARN_SAMPLING_H
#define CORMACK_LEARN_SAMPLING_H

#include <stdbool.h>
#include <stdint.h>

/* Matsumoto, Nishimura: Mersenne twister, ACM TOMACS 8(1), 1998: MT19937. */
typedef struct CmTwister {
  uint32_t state[624];
  int at;
} CmTwister;

typedef struct CmSampling {
  CmTwister rows, features;
} CmSampling;

void cm__sampling_start(CmSampling *sampling, uint32_t seed);
/* The generator of a tree's rows, and whether it takes the next row. */
uint64_t cm__sampling_rows(CmSampling *sampling);
bool cm__sampling_takes(uint64_t *rows, float share);
/* Fills chosen[features] with rising numbers of features; how many. */
int cm__sampling_features(CmSampling *sampling, float share, int features, int *chosen);

#endif
