#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/measure/gather.h"

typedef struct Collect {
  CmContext *ctx;
  CmFeatureFn fn;
  void *arg;
  int features;
  int64_t count;
  double *values; /* count x features */
  struct Place {
    int64_t label, t, component;
  } * places;
} Collect;

static bool prepare(void *arg, int64_t count, CmError **err) {
  Collect *job = arg;
  job->count = count;
  job->values = cm_alloc_array(job->ctx, (size_t)count, (size_t)job->features * sizeof(double), err);
  job->places = cm_calloc(job->ctx, (size_t)count, sizeof(*job->places), err);
  return job->values && job->places;
}

static bool measure(void *arg, const CmRegion *region, int64_t index, CmError **err) {
  Collect *job = arg;
  job->places[index] = (struct Place){region->box.value, region->t, region->component};
  return job->fn(job->arg, region, job->values + index * job->features, err);
}

static bool add_columns(CmTable *table, const Collect *job, const CmFeature *features, const char *image_unit,
                        bool times, bool components, CmError **err) {
  if (cm_table_add_column(table, "label", CM_COLUMN_INT, "", err) < 0 ||
      cm_table_add_column(table, "name", CM_COLUMN_TEXT, "", err) < 0 ||
      (times && cm_table_add_column(table, "t", CM_COLUMN_INT, "", err) < 0) ||
      (components && cm_table_add_column(table, "component", CM_COLUMN_INT, "", err) < 0))
    return false;
  for (int k = 0; k < job->features; k++) {
    char unit[64];
    const bool square = strcmp(features[k].unit, "@2") == 0, number = strcmp(image_unit, "1") == 0;
    snprintf(unit, sizeof(unit), "%s%s", *features[k].unit == '@' ? image_unit : features[k].unit,
             square && !number ? "^2" : "");
    if (cm_table_add_column(table, features[k].name, features[k].integer ? CM_COLUMN_INT : CM_COLUMN_REAL, unit, err) <
        0)
      return false;
  }
  return true;
}

static bool add_row(CmTable *table, const Collect *job, int64_t index, const CmImage *labels, const CmFeature *features,
                    bool times, bool components, CmError **err) {
  const struct Place *place = &job->places[index];
  const double *values = job->values + index * job->features;
  const int64_t row = cm_table_add_row(table, err);
  int column = 0;
  CmLabel named;
  if (row < 0) return false;
  cm_table_set_int(table, row, column++, place->label);
  if (cm_image_find_label(labels, place->label, &named) && named.name && *named.name &&
      !cm_table_set_text(table, row, column, named.name, err))
    return false;
  column++;
  if (times) cm_table_set_int(table, row, column++, place->t);
  if (components) cm_table_set_int(table, row, column++, place->component);
  for (int k = 0; k < job->features; k++, column++) {
    if (!features[k].integer)
      cm_table_set_real(table, row, column, values[k]);
    else if (values[k] == values[k])
      cm_table_set_int(table, row, column, (int64_t)values[k]);
  }
  return true;
}

bool cm__region_table(const CmCall *call, const char *what, const CmImage *image, const CmImage *labels, int64_t only,
                      const CmFeature *features, int count, CmFeatureFn fn, void *arg, CmError **err) {
  const CmImage *measured = image ? image : labels;
  const bool times = cm_image_dims(measured)[3] > 1, components = cm_image_components(measured) > 1;
  Collect job = {.ctx = call->ctx, .fn = fn, .arg = arg, .features = count};
  CmTable *table = cm_table_create(call->ctx, err);
  bool ok = table && add_columns(table, &job, features, image ? cm_image_unit(image) : "1", times, components, err) &&
            cm__each_region(call->ctx, what, image, labels, only, prepare, measure, &job, err);
  for (int64_t k = 0; ok && k < job.count; k++) ok = add_row(table, &job, k, labels, features, times, components, err);
  cm_free(job.values);
  cm_free(job.places);
  if (!ok) {
    cm_table_unref(&table);
    return false;
  }
  call->out[0] = cm_value_table(table);
  return true;
}
