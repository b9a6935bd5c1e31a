/* What is known of a frame, and how frames compare. */
#include <math.h>
#include <string.h>

#include "io/dicom/volume.h"

static const struct {
  const char *name;
  CmRole role;
  double tolerance;
} facts[] = {
#define CM_FACT_ROW(code, name, role, tolerance) {name, CM_ROLE_##role, tolerance},
    CM_FACT_MAP(CM_FACT_ROW)
#undef CM_FACT_ROW
};

static const char *const traits[] = {
#define CM_TRAIT_ROW(code, name) name,
    CM_TRAIT_MAP(CM_TRAIT_ROW)
#undef CM_TRAIT_ROW
};

const char *cm__fact_name(CmFact fact) {
  return facts[fact].name;
}
CmRole cm__fact_role(CmFact fact) {
  return facts[fact].role;
}
const char *cm__trait_name(CmTrait trait) {
  return traits[trait];
}

bool cm__fact_same(CmFact fact, double a, double b) {
  if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
  double tolerance = facts[fact].tolerance;
  if (tolerance < 0) tolerance = -tolerance * fmax(fabs(a), fabs(b));
  return fabs(a - b) <= tolerance;
}

void cm__frame_clear(CmFrame *frame) {
  *frame = (CmFrame){.slope = 1, .slice_spacing = NAN};
  for (int i = 0; i < 3; i++) frame->position[i] = NAN;
  for (int i = 0; i < 6; i++) frame->orientation[i] = NAN;
  for (int i = 0; i < 2; i++) frame->spacing[i] = NAN;
  for (int i = 0; i < CM_FACT_COUNT; i++) frame->fact[i] = NAN;
}

bool cm__frame_has_position(const CmFrame *frame) {
  for (int i = 0; i < 3; i++)
    if (!(fabs(frame->position[i]) < CM_FARTHEST)) return false; /* also where absent: NAN */
  return true;
}

double cm__frame_depth(const CmFrame *frame) {
  double depth = frame->slice_spacing > 0 ? frame->slice_spacing : frame->fact[CM_FACT_THICKNESS];
  return depth > 0 && depth < CM_FARTHEST ? depth : NAN;
}

/* NAN last, so that the order is total. */
static int compare_numbers(double a, double b) {
  if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
  return (a > b) - (a < b);
}

int cm__frame_order(const CmFrame *a, const CmFrame *b) {
  int order = compare_numbers(a->fact[CM_FACT_INSTANCE], b->fact[CM_FACT_INSTANCE]);
  if (!order) order = strcmp(a->uid ? a->uid : "", b->uid ? b->uid : "");
  return order ? order : (a->frame > b->frame) - (a->frame < b->frame);
}
