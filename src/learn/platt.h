/* Probabilities from decision values. */
#ifndef CORMACK_LEARN_PLATT_H
#define CORMACK_LEARN_PLATT_H

#include <stdbool.h>
#include <stdint.h>

/* 1 / (1 + exp(slope decision + offset)), without overflow. */
double cm__platt(double decision, double slope, double offset);
/* Slope and offset of the greatest likelihood with Platt's softened targets, by Newton's method with backtracking
 * (Lin, Lin, Weng 2007, algorithm 1). positive[i]: 0 or 1. */
void cm__platt_fit(const double *decision, const int *positive, int64_t count, double *slope, double *offset);
/* Class probabilities from those of each pair, share[a*k+b] = P(a | a or b): Wu, Lin, Weng 2004, second method, by its
 * fixed-point iteration. scratch: k*k + k numbers. */
void cm__couple(const double *share, int k, double *scratch, double *probability);

#endif
