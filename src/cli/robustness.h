/* What the command `robustness` is made of. */
#ifndef CLI_ROBUSTNESS_H
#define CLI_ROBUSTNESS_H

#include "cli/radiomics.h"

/* One perturbation, as words of the operation perturb. */
typedef struct CmPerturbed {
  char words[CM_TEXT_MAX]; /* without the seed */
  int64_t repeat;          /* noise and contours: which lot */
} CmPerturbed;

typedef struct CmRobustness {
  CmRadiomicsWork work;
  const CmPerturbed *perturbed;
  int64_t count;
  uint64_t seed;
} CmRobustness;

/* Adds the features of every region of a case under every perturbation to the table: case, Image, label, name,
 * perturbation, perturbed, features. What cannot be measured has no row, and a warning. */
bool cm__robustness_case(const CmRobustness *job, int64_t number, const CmRadiomicsCase *one, CmTable *values,
                         CmError **err);
/* The result of the operation icc as a picture (SVG). */
bool cm__robustness_plot(CmContext *ctx, const CmTable *icc, const char *path, CmError **err);

#endif
