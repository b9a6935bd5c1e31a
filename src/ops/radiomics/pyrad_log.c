/* LoG images: the Laplacian of a Gaussian of each sigma. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/radiomics/pyrad_images.h"
#include "ops/radiomics/pyrad_laplace.h"

/* Whether ITK and PyRadiomics would filter an image of this size. */
static bool is_large_enough(const CmPyradSource *s, double sigma) {
  for (int k = 0; k < (cm_image_rank(s->image) < 3 ? 2 : 3); k++) {
    const double n = (double)cm_image_dims(s->image)[k];
    if (n < 4.0 || n < ceil(sigma / cm_image_geometry(s->image)->spacing[k]) + 1.0) return false;
  }
  return true;
}

static bool one_sigma(const CmPyradSource *s, const CmPyradType *type, const char *text, CmPyradImageFn fn, void *arg,
                      CmError **err) {
  const double sigma = strtod(text, NULL);
  char name[64];
  if (!is_large_enough(s, sigma)) {
    cm_log(s->ctx, CM_LOG_WARNING, "the image is too small for LoG with sigma %s mm; it is left out", text);
    return true;
  }
  CmImage *out = cm__pyrad_box_image(s, CM_F32, err);
  if (out && !cm__pyrad_laplace(s, sigma, cm_image_data_mut(out), err)) cm_image_unref(&out);
  snprintf(name, sizeof name, "log-sigma-%s-mm-3D", text);
  for (char *c = name; *c; c++)
    if (*c == '.') *c = '-';
  return cm__pyrad_give(s, type, out, name, fn, arg, err);
}

/* The next of the numbers in the text; false: none is left, or *bad. */
static bool next_sigma(const char **text, char to[24], bool *bad) {
  *text += strspn(*text, ", ");
  const size_t length = strcspn(*text, ", ");
  if (length == 0) return false;
  char *end = to;
  *bad = length >= 24;
  if (!*bad) {
    memcpy(to, *text, length);
    to[length] = '\0';
    const double sigma = strtod(to, &end);
    *bad = *end != '\0' || !(sigma > 0.0 && sigma < 1e6);
  }
  *text += length;
  return !*bad;
}

bool cm__pyrad_log(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg, CmError **err) {
  const char *const all = type->p.sigma.value, *at = all;
  bool bad = false, ok = true;
  char text[24];
  if (!*all) cm_log(source->ctx, CM_LOG_WARNING, "LoG has no sigma; it gives no image");
  while (next_sigma(&at, text, &bad)) continue;
  if (bad) {
    cm_error_set(err, CM_ERR_PARAMETER, "sigma «%s»: give numbers above 0, in mm, with ',' between", all);
    return false;
  }
  for (at = all; ok && next_sigma(&at, text, &bad);) ok = one_sigma(source, type, text, fn, arg, err);
  return ok;
}
