/* cm_dicom_read_volume: plan, decode, mend, describe. */
#include "io/dicom/volume_read.h"

#include <math.h>
#include <string.h>

#include "io/dicom/suv.h"

/* Whether the options mend all that is wrong. */
static bool check_defect(const CmVolumeEntry *entry, const CmReadOptions *options, CmError **err) {
  const CmStack *stack = &entry->stack;
  if (!stack->defect) return true;
  bool mended = (stack->fillable || stack->tilted) && (!stack->fillable || options->fill != CM_FILL_REFUSE) &&
                (!stack->tilted || options->tilt == CM_TILT_CORRECT);
  if (mended) return true;
  cm_error_set(err, CM_ERR_GEOMETRY, "%s", stack->defect);
  cm_error_context(err, "volume %s", entry->open.key);
  return false;
}

/* The longest run of slices without a gap; of two equally long the first. */
static void longest_run(CmReadPlan *plan) {
  const CmStack *stack = &plan->entry->stack;
  int64_t begin = 0, best = 0, length = 0;
  for (int64_t s = 1; s <= stack->slices; s++) {
    if (s < stack->slices && stack->places[s] == stack->places[s - 1] + 1) continue;
    if (s - begin > length) {
      best = begin;
      length = s - begin;
    }
    begin = s;
  }
  plan->first_slice = best;
  plan->slices = length;
}

static bool plan_suv(CmReadPlan *plan, const CmDicom *dicom, CmError **err) {
  const CmVolumeEntry *entry = plan->entry;
  if (!plan->options.suv) return true;
  if (strcmp(entry->open.modality, "PT") != 0 || plan->options.stored) {
    cm_error_set(err, CM_ERR_PARAMETER, "suv is for PET in its own unit; this is %s%s; leave it out",
                 *entry->open.modality ? entry->open.modality : "of no modality",
                 plan->options.stored ? " as stored values" : "");
    return false;
  }
  double first = NAN;
  for (int64_t i = 0; i < entry->stack.slices * entry->stack.times; i++)
    first = fmin(first, entry->stack.frames[i]->fact[CM_FACT_ACQUISITION_TIME]);
  CmSuvFacts facts;
  cm__suv_read(cm_dicom_root(dicom), first, &facts);
  return cm__suv_factor(&facts, &plan->factor, &plan->suv_note, err);
}

static bool make_plan(CmReadPlan *plan, const CmDicom *dicom, CmError **err) {
  const CmStack *stack = &plan->entry->stack;
  plan->slices = stack->slices;
  if (stack->fillable && plan->options.fill == CM_FILL_DROP) longest_run(plan);
  plan->depth = cm__plan_place(plan, plan->slices - 1) + 1;
  plan->padding = cm_alloc_array(plan->ctx, (size_t)(plan->slices * stack->times), 2 * sizeof *plan->padding, err);
  if (!plan->padding) return false;
  for (int64_t i = 0; i < 2 * plan->slices * stack->times; i++) plan->padding[i] = NAN;
  return plan_suv(plan, dicom, err);
}

static bool set_geometry(const CmReadPlan *plan, const int64_t shift[2], CmImage *image, CmError **err) {
  const CmStack *stack = &plan->entry->stack;
  CmGeometry geometry = stack->geometry;
  if (plan->first_slice) memcpy(geometry.origin, cm__plan_frame(plan, 0, 0)->position, sizeof geometry.origin);
  for (int axis = 0; axis < 2; axis++)
    for (int i = 0; i < 3; i++)
      geometry.origin[i] -= (double)shift[axis] * geometry.spacing[axis] * geometry.direction[3 * i + axis];
  return cm_image_set_geometry(image, &geometry, err);
}

/* Tilt first: only then do neighbouring slices lie over each other and may be mixed. */
static CmImage *read_mended(CmReadPlan *plan, const CmDicom *dicom, CmError **err) {
  int64_t shift[2] = {0, 0};
  CmImage *image = plan->entry->first->segmentation ? cm__segments_decode(plan, err) : cm__volume_decode(plan, err);
  if (image && plan->entry->stack.tilted && plan->slices > 1) {
    CmImage *straight = cm__volume_untilt(plan, image, shift, err);
    cm_image_unref(&image);
    image = straight;
  }
  if (image && !(cm__volume_fill(plan, image, err) && set_geometry(plan, shift, image, err) &&
                 cm__volume_describe(plan, dicom, image, err)))
    cm_image_unref(&image);
  return image;
}

CmImage *cm_dicom_read_volume(CmContext *ctx, const CmDicomScan *scan, int volume, const CmReadOptions *options,
                              CmError **err) {
  if (volume < 0 || volume >= scan->volume_count) {
    cm_error_set(err, CM_ERR_PARAMETER, "volume %d of %d", volume, scan->volume_count);
    return NULL;
  }
  CmReadPlan plan = {.ctx = ctx, .scan = scan, .entry = &scan->volumes[volume], .factor = 1};
  if (options)
    plan.options = *options;
  else
    cm_read_default_options(&plan.options);
  if (!check_defect(plan.entry, &plan.options, err)) return NULL;
  CmDicom *dicom = cm_dicom_open(ctx, plan.entry->first->path, CM_DICOM_HEADER, err);
  CmImage *image = NULL;
  if (dicom) {
    if (make_plan(&plan, dicom, err)) image = read_mended(&plan, dicom, err);
    if (!image) cm_error_context(err, "volume %s", plan.entry->open.key);
  }
  cm_free(plan.padding);
  cm_dicom_close(&dicom);
  return image;
}
