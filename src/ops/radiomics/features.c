#include "ops/radiomics/features.h"

#include <math.h>
#include <stdio.h>

bool cm__measured_add(CmMeasuredList *list, const char *name, const char *suffix, double value, CmError **err) {
  if (list->count == list->room) {
    const int room = list->room ? 2 * list->room : 64;
    CmMeasured *grown = cm_realloc(list->ctx, list->item, (size_t)room * sizeof(*grown), err);
    if (!grown) return false;
    list->item = grown;
    list->room = room;
  }
  CmMeasured *to = &list->item[list->count++];
  snprintf(to->name, sizeof to->name, "%s%s", name, suffix);
  to->value = value;
  return true;
}

bool cm__measured_add_all(CmMeasuredList *list, const char *const *names, const char *suffix, const double *values,
                          int count, CmError **err) {
  for (int k = 0; k < count; k++)
    if (!cm__measured_add(list, names[k], suffix, values[k], err)) return false;
  return true;
}

void cm__measured_free(CmMeasuredList *list) {
  cm_free(list->item);
  list->item = NULL;
  list->count = list->room = 0;
}

void cm__feature_mean_add(CmFeatureMean *mean, const double *values, int count) {
  for (int k = 0; k < count; k++)
    if (!isnan(values[k])) {
      mean->sum[k] += values[k];
      mean->sets[k]++;
    }
}

void cm__feature_mean_take(const CmFeatureMean *mean, double *values, int count) {
  for (int k = 0; k < count; k++) values[k] = mean->sets[k] > 0 ? mean->sum[k] / (double)mean->sets[k] : NAN;
}
