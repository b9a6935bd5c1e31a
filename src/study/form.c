#include "study/form.h"

#include <stdio.h>
#include <string.h>

void cm__form_of(const CmImage *image, CmForm *form) {
  CmGeometry plain;
  const CmGeometry *has = cm_image_geometry(image);
  cm_geometry_default(&plain);
  *form = (CmForm){.rank = cm_image_rank(image), .components = cm_image_components(image)};
  memcpy(form->dims, cm_image_dims(image), sizeof form->dims);
  form->placed = memcmp(has->spacing, plain.spacing, sizeof plain.spacing) != 0 ||
                 memcmp(has->origin, plain.origin, sizeof plain.origin) != 0 ||
                 memcmp(has->direction, plain.direction, sizeof plain.direction) != 0;
  const char *unit = cm_image_unit(image);
  if (strlen(unit) < sizeof form->unit) snprintf(form->unit, sizeof form->unit, "%s", unit); /* cut it would fit none */
}

void cm__form_put(CmBytes *bytes, const CmForm *form) {
  cm__bytes_put_u8(bytes, (unsigned)form->rank);
  cm__bytes_put_i64(bytes, form->components);
  for (int k = 0; k < 4; k++) cm__bytes_put_i64(bytes, form->dims[k]);
  cm__bytes_put_u8(bytes, form->placed);
  cm__bytes_put_text(bytes, form->unit);
}

bool cm__form_take(CmView *view, CmForm *form) {
  form->rank = (int)cm__view_u8(view);
  form->components = (int)cm__view_i64(view);
  for (int k = 0; k < 4; k++) form->dims[k] = cm__view_i64(view);
  form->placed = cm__view_u8(view) != 0;
  const char *unit = cm__view_text(view);
  snprintf(form->unit, sizeof form->unit, "%s", unit ? unit : "");
  return !view->failed;
}

bool cm__form_join(CmForm *form, const CmForm *other) {
  for (int k = 0; k < 4; k++)
    if (form->dims[k] != other->dims[k]) form->dims[k] = 0;
  form->placed |= other->placed;
  return form->rank == other->rank && form->components == other->components && strcmp(form->unit, other->unit) == 0;
}

static const char *shape_text(const int64_t *dims, int rank, char *to, size_t size) {
  size_t used = 0;
  for (int k = 0; k < rank && used < size; k++) {
    const char *before = k ? " x " : "";
    used += (size_t)(dims[k] ? snprintf(to + used, size - used, "%s%lld", before, (long long)dims[k])
                             : snprintf(to + used, size - used, "%sany", before));
  }
  return to;
}

bool cm__form_check(const CmSpecInput *input, const CmImage *image, CmError **err) {
  const int64_t *dims = cm_image_dims(image);
  int rank = cm_image_rank(image), components = cm_image_components(image);
  char has[120] = "", asked[120] = "";
  bool fits = !input->shape_rank || input->shape_rank == rank;
  for (int k = 0; k < input->shape_rank && fits; k++) fits = !input->shape[k] || input->shape[k] == dims[k];
  if (!fits)
    cm_error_set(err, CM_ERR_DATA, "it is %s, and the input «%s» is %s; the steps were not made for others",
                 shape_text(dims, rank, has, sizeof has), input->name,
                 shape_text(input->shape, input->shape_rank, asked, sizeof asked));
  else if (input->components && input->components != components)
    cm_error_set(err, CM_ERR_DATA, "it has %d values a pixel, and the input «%s» has %lld; convert it", components,
                 input->name, (long long)input->components);
  else if (input->unit && strcmp(input->unit, cm_image_unit(image)) != 0)
    cm_error_set(err, CM_ERR_DATA, "it is in the unit «%s», and the input «%s» in «%s»; convert it",
                 cm_image_unit(image), input->name, input->unit);
  else
    return true;
  return false;
}
