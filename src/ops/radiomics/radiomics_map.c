#include <math.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "ops/radiomics/voxel.h"

typedef struct MapParams {
  int64_t label;
  int64_t kernelRadius;
  bool maskedKernel;
  CmText initValue;
  int64_t voxelBatch;
  bool crop;
  CmPyradParams pyrad;
} MapParams;

static const CmParam params[] = {
    CM_PARAM_INT(MapParams, label, 1, -2147483648, 4294967295, "1", "the label whose voxels are measured"),
    CM_PARAM_INT(MapParams, kernelRadius, 1, 1, 100, "voxel",
                 "of the window, along every axis: 1 is 3 x 3 x 3; across slices 0 with force2D"),
    CM_PARAM_BOOL(MapParams, maskedKernel, "true",
                  "voxels of the window outside the region take no part; false: the whole window does"),
    CM_PARAM_TEXT(MapParams, initValue, "0", "what stands outside the region: a number or nan"),
    CM_PARAM_INT(MapParams, voxelBatch, -1, -1, 1000000000, "voxel",
                 "accepted for PyRadiomics' files and without effect: memory does not depend on it"),
    CM_PARAM_BOOL(MapParams, crop, "true",
                  "maps of the region's box and kernelRadius around it, as PyRadiomics has them; false: of the image"),
    CM__PYRAD_PARAMS(MapParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "what is measured"},
    {.name = "labels",
     .kind = CM_KIND_LABELS,
     .types = CM_INTEGER_TYPES,
     .components = true,
     .help = "mask or label map; 0 is background"},
};
static const CmPort outputs[] = {
    {.name = "maps", .kind = CM_KIND_IMAGE, .components = true, .help = "f32, a component per feature"},
    {.name = "names",
     .kind = CM_KIND_TABLE,
     .optional = true,
     .help = "component (from 0) and name of each feature, as original_glcm_Contrast"},
};

typedef struct Job {
  const CmCall *call;
  CmContext *ctx;
  const MapParams *p;
  uint32_t wanted[CM__PYRAD_CLASSES];
  CmPyradType types[CM__PYRAD_TYPES];
  int type_count;
  CmLabelList list;
  CmImage *labels, *image; /* image: that is measured */
  CmPyradRoi roi;          /* in it */
  int64_t lo[3], size[3];  /* of the kernels of all voxels, in it */
  int64_t images;          /* of all types */
  CmImage *maps;
  int64_t at[3]; /* of the first voxel of maps in the image */
  CmPyradItems names;
} Job;

/* YAML writes .nan. */
static bool read_outside(const MapParams *p, double *value, CmError **err) {
  const char *text = p->initValue.value;
  *value = NAN;
  if (strcasecmp(text, "nan") == 0 || strcasecmp(text, ".nan") == 0 || cm__parse_real(text, value)) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "initValue is a number or nan, not «%s»", text);
  return false;
}

static bool check(const void *values, CmError **err) {
  const MapParams *p = values;
  double value;
  if (p->label == 0) {
    cm_error_set(err, CM_ERR_PARAMETER, "label 0 is the background; name the one that is mapped");
    return false;
  }
  return read_outside(p, &value, err) && cm__pyrad_check_spacing(&p->pyrad, 0, err);
}

/* ---- the region ---- */

static bool locate(Job *job, CmError **err) {
  const CmPyradParams *p = &job->p->pyrad;
  CmImage *given = job->call->in[0].image;
  CmImage *image = p->normalize ? cm__pyrad_normalize(job->ctx, given, p, err) : cm_image_ref(given);
  const CmPyradPlace place = {.ctx = job->ctx, .p = p, .image = image, .labels = job->labels, .box = job->list.items};
  const bool ok = image && cm__pyrad_locate(&place, &job->image, &job->roi, err) &&
                  cm__pyrad_check(&job->roi, p, err) &&
                  (p->resegmentRange.count == 0 ||
                   (cm__pyrad_resegment(job->image, p, &job->roi, err) && cm__pyrad_check(&job->roi, p, err)));
  cm_image_unref(&image);
  if (!ok) return false;
  for (int k = 0; k < 3; k++) {
    const int64_t dim = cm_image_dims(job->image)[k], end = job->roi.lo[k] + job->roi.size[k] + job->p->kernelRadius;
    job->lo[k] = job->roi.lo[k] > job->p->kernelRadius ? job->roi.lo[k] - job->p->kernelRadius : 0;
    job->size[k] = (end < dim ? end : dim) - job->lo[k];
  }
  return true;
}

/* ---- maps ---- */

static int count_features(const Job *job) {
  int count = 0;
  for (int c = 0; c < CM__PYRAD_CLASSES; c++)
    for (int k = 0; cm__pyrad_class_fn(c) && k < CM__PYRAD_MOST; k++) count += (job->wanted[c] >> k & 1u) != 0;
  return count;
}

static bool count_image(void *arg, const CmPyradImage *image, CmError **err) {
  Job *job = arg;
  (void)image;
  (void)err;
  job->images++;
  return true;
}

static bool add_names(Job *job, const char *image, CmError **err) {
  const double none[CM__PYRAD_MOST] = {0.0};
  for (int c = 0; c < CM__PYRAD_CLASSES; c++)
    if (cm__pyrad_class_fn(c) && !cm__pyrad_add_features(&job->names, image, c, job->wanted[c], none, err))
      return false;
  return true;
}

/* The voxels whose levels count: the region, or all that kernels reach. */
static bool kernel_region(const Job *job, CmPyradRoi *to, CmError **err) {
  if (job->p->maskedKernel) return cm__pyrad_roi_copy(&job->roi, to, err);
  *to = job->roi;
  to->voxels = job->size[0] * job->size[1] * job->size[2];
  memcpy(to->lo, job->lo, sizeof to->lo);
  memcpy(to->size, job->size, sizeof to->size);
  to->inside = cm_alloc(job->ctx, (size_t)to->voxels, err);
  if (to->inside) memset(to->inside, 1, (size_t)to->voxels);
  return to->inside != NULL;
}

static bool map_image(void *arg, const CmPyradImage *image, CmError **err) {
  Job *job = arg;
  const int64_t *dims = cm_image_dims(job->maps), components = cm_image_components(job->maps);
  const int64_t first = job->names.count;
  CmPyradView view;
  CmPyradRoi region = {.ctx = job->ctx};
  if (!add_names(job, image->name, err) || !kernel_region(job, &region, err)) return false;
  bool ok = cm__pyrad_view_make(job->ctx, image->image, image->at, &region, image->params, &view, err);
  if (ok) {
    CmVoxelJob maps = {.view = &view, .mask = job->roi.inside, .radius = job->p->kernelRadius};
    int64_t start = 0;
    memcpy(maps.wanted, job->wanted, sizeof maps.wanted);
    for (int k = 0; k < 3; k++) {
      maps.size[k] = job->roi.size[k];
      maps.offset[k] = job->roi.lo[k] - region.lo[k];
      maps.step[k] = k == 0 ? components : maps.step[k - 1] * dims[k - 1];
      start += (job->roi.lo[k] - job->at[k]) * maps.step[k];
    }
    maps.to = (float *)cm_image_data_mut(job->maps) + start + first;
    ok = cm__voxel_features(job->ctx, &maps, err);
  }
  if (!ok) cm_error_context(err, "%s", image->name);
  cm__pyrad_view_free(&view);
  cm__pyrad_roi_free(&region);
  return ok;
}

static bool create_maps(Job *job, CmError **err) {
  const int64_t components = job->images * count_features(job);
  CmGeometry geometry = *cm_image_geometry(job->image);
  int64_t dims[4] = {1, 1, 1, 1};
  double first[3], outside;
  if (!read_outside(job->p, &outside, err)) return false;
  if (components < 1 || components > CM_MAX_COMPONENTS) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 components < 1 ? "no class of features is wanted that can be mapped; name some of glcm, say"
                                : "%lld maps are more than an image's %d components; take fewer features at a time",
                 (long long)components, CM_MAX_COMPONENTS);
    return false;
  }
  for (int k = 0; k < 3; k++) {
    job->at[k] = job->p->crop ? job->lo[k] : 0;
    dims[k] = job->p->crop ? job->size[k] : cm_image_dims(job->image)[k];
    first[k] = (double)job->at[k];
  }
  cm_geometry_to_physical(cm_image_geometry(job->image), first, geometry.origin);
  job->maps = cm_image_create(job->ctx, CM_F32, cm_image_rank(job->image) < 3 ? 2 : 3, dims, (int)components, err);
  if (!job->maps || !cm_image_set_geometry(job->maps, &geometry, err)) return false;
  float *to = cm_image_data_mut(job->maps);
  for (int64_t k = 0; k < cm_image_values(job->maps); k++) to[k] = (float)outside;
  return true;
}

static bool each_image(Job *job, CmPyradImageFn fn, CmError **err) {
  CmPyradSource source = {.ctx = job->ctx, .image = job->image, .rois = &job->roi, .roi_count = 1};
  memcpy(source.lo, job->p->maskedKernel ? job->roi.lo : job->lo, sizeof source.lo);
  memcpy(source.size, job->p->maskedKernel ? job->roi.size : job->size, sizeof source.size);
  for (int t = 0; t < job->type_count; t++)
    if (!cm__pyrad_images(&source, &job->types[t], fn, job, err)) return false;
  return true;
}

static CmTable *make_names(const Job *job, CmError **err) {
  CmTable *table = cm_table_create(job->ctx, err);
  bool ok = table && cm_table_add_column(table, "component", CM_COLUMN_INT, "", err) >= 0 &&
            cm_table_add_column(table, "name", CM_COLUMN_TEXT, "", err) >= 0;
  for (int k = 0; ok && k < job->names.count; k++) {
    const int64_t row = cm_table_add_row(table, err);
    if ((ok = row >= 0)) cm_table_set_int(table, row, 0, k);
    ok = ok && cm_table_set_text(table, row, 1, job->names.item[k].name, err);
  }
  if (!ok) cm_table_unref(&table);
  return table;
}

static bool make_maps(Job *job, CmError **err) {
  const CmPyradParams *p = &job->p->pyrad;
  if (!cm__pyrad_wanted(p, job->wanted, err) ||
      !cm__pyrad_types_read(job->ctx, cm_op_find("radiomics_map"), p, offsetof(MapParams, pyrad), job->types,
                            &job->type_count, err))
    return false;
  job->labels = cm__pyrad_channel(job->ctx, job->call->in[1].image, p->label_channel, err);
  return job->labels && cm__label_list(job->ctx, job->labels, &job->list, err) &&
         cm__label_choose(&job->list, job->p->label, err) && locate(job, err) && each_image(job, count_image, err) &&
         create_maps(job, err) && each_image(job, map_image, err);
}

static bool run(const CmCall *call, CmError **err) {
  Job job = {.call = call, .ctx = call->ctx, .p = call->params, .names.ctx = call->ctx};
  if (cm_image_dims(call->in[0].image)[3] > 1 || cm_image_dims(call->in[1].image)[3] > 1) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "the image has several time points; crop one of them");
    return false;
  }
  bool ok = make_maps(&job, err);
  CmTable *names = ok ? make_names(&job, err) : NULL;
  ok = names != NULL;
  if (ok) {
    call->out[0] = cm_value_image(cm_image_ref(job.maps));
    call->out[1] = cm_value_table(names);
  }
  cm__pyrad_items_free(&job.names);
  cm__pyrad_roi_free(&job.roi);
  cm__pyrad_types_free(job.types, job.type_count);
  cm_free(job.list.items);
  cm_image_unref(&job.maps);
  cm_image_unref(&job.image);
  cm_image_unref(&job.labels);
  return ok;
}

CM_OP(radiomics_map) = {
    .name = "radiomics_map",
    .family = "radiomics",
    .since = "0.3",
    .summary = "Radiomics features of the neighbourhood of each voxel of a region, as maps.",
    .details =
        "PyRadiomics' voxel-based extraction, by its definitions (version 3.0.1), names and settings: firstorder, "
        "glcm, "
        "glrlm, glszm, ngtdm and gldm of the window of 2 kernelRadius + 1 voxels around each voxel. Voxels of the "
        "window "
        "outside the image, or with maskedKernel outside the region, take no part. Grey levels are those of the "
        "region, "
        "without maskedKernel those of all that windows reach (the region's box and kernelRadius around it). Each "
        "voxel "
        "is measured by itself, as PyRadiomics does with voxelBatch=1; larger batches there make JointAverage NaN and "
        "MCC "
        "initValue where a direction has no pair. Features are NaN where they are not defined: glcm and glrlm of a "
        "voxel "
        "without neighbours. shape, shape2D and additionalInfo are accepted and give nothing, as there; a region of "
        "one "
        "voxel is refused. Pairs, runs and dependences enter and leave as the window slides; zones are found anew.",
    CM_OP_PARAMS(MapParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .tolerance = 1e-6,
    .cite =
        "van Griethuysen JJM et al. Computational radiomics system to decode the radiographic phenotype. Cancer Res "
        "77(21), 2017",
    .examples =
        "cormack radiomics_map ct.nii.gz tumour.nii.gz maps.nii.gz --glcm Contrast,JointEntropy --firstorder none "
        "--glrlm none --glszm none --ngtdm none --gldm none\n"
        "cormack radiomics_map ct.nii.gz tumour.nii.gz maps.nii.gz --names names.csv --kernelRadius 2 --crop=false",
    .check = check,
    .run = run,
};
