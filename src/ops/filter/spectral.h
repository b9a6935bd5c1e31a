/* Filters that multiply the spectrum: what fourier_filter and notch share. */
#ifndef CM_OPS_FILTER_SPECTRAL_H
#define CM_OPS_FILTER_SPECTRAL_H

#include "ops/fourier.h"
#include "ops/lines.h"

/* How a low-pass falls, by the distance D from frequency 0 and the cut-off C. */
#define CM_PROFILE_PARAMS(S)                                                                                         \
  CM_PARAM_ENUM(S, profile, "ideal|butterworth|gaussian", "butterworth",                                             \
                "how the gain falls at the cut-off: at once (rings), 1 / (1 + (D / C)^(2 order)), or exp(-D^2 / (2 " \
                "C^2))"),                                                                                            \
      CM_PARAM_INT(S, order, 2, 1, 20, "1", "of butterworth: the higher, the steeper")
typedef struct CmProfile {
  int32_t shape; /* ideal, butterworth, gaussian */
  int64_t order;
} CmProfile;

#define CM_SPECTRAL_PER_PARAM(S, initial) \
  CM_PARAM_ENUM(S, per, "mm|voxel", initial, "whether frequencies are cycles per mm or per voxel")
#define CM_PAD_PARAM(S)                                                                                               \
  CM_PARAM_REALS(S, pad, "", 0, 1e6, 0, 3, "voxel",                                                                   \
                 "how far the image goes on beyond each side before it is transformed, one for all axes or one each " \
                 "for x,y,z; not given: one period of the lowest cut-off, at most the axis' length, and with wrap 0")
#define CM_SPECTRAL_DETAILS                                                                                           \
  "The image is continued by `pad` voxels on each side as `border` says, transformed (in f64, any size), multiplied " \
  "by the real gain, transformed back and cut. wrap with pad 0 is the plain periodic filter. With pad not given "     \
  "the far side of an axis grows on to a fast size. Border: replicate aaa|abcd|ddd, reflect cba|abcd|dcb, mirror "    \
  "dcb|abcd|cba, wrap bcd|abcd|abc, constant kkk|abcd|kkk. An axis one voxel long is left alone; every time point "   \
  "and component is filtered by itself. Needs 8 bytes a voxel of the padded image. Mask: voxels outside keep their "  \
  "value; those inside still see them. NaN and infinities are refused: no value would be left without them. "

typedef struct CmSpectral {
  const char *what; /* for progress */
  int32_t border;
  double border_value;
  const CmReals *pad;
  double lowest; /* cut-off, in the unit of `per`: what the pad follows if it is not given */
  int32_t per;
  int32_t type;
  /* Multiplies `gain` (CM_FOURIER_LINES lines as in CmFourierFilter, filled with 1); scratch is as long. */
  void (*gain)(const struct CmSpectral *job, int axis, const int64_t at[CM_FOURIER_LINES][3], double *scratch,
               double *gain);
  bool odd;        /* as in CmFourierFilter */
  const void *arg; /* of the operation */
  /* filled in by the call */
  int64_t n[3];         /* of the padded image */
  double *frequency[3]; /* cycles a voxel of each number, -1/2 to 1/2 */
  double scale[3];      /* from cycles a voxel to the unit of `per` */
} CmSpectral;

/* The whole call of an operation with the ports of a filter. */
bool cm__spectral_call(const CmCall *call, CmSpectral *job, CmError **err);

/* Squared distances from frequency `centre` (cycles a voxel), in the unit of `per`, along the lines, into `to`. The
 * spectrum is periodic: the way round may be the shorter. */
void cm__spectral_distance(const CmSpectral *job, int axis, const int64_t at[CM_FOURIER_LINES][3],
                           const double centre[3], double *to);
/* gain *= L, or 1 - L (high), L the low-pass at these squared distances; n is a multiple of CM_FOURIER_LINES. */
void cm__profile_multiply(const CmProfile *profile, double cutoff, bool high, const double *squared, double *gain,
                          int64_t n);

#endif
