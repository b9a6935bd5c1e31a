/* Frames decoded in parallel, straight into the volume. */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "io/dicom/pixel.h"
#include "io/dicom/volume_read.h"

/* A multi-frame file stays open over the whole loop; a single-frame one is opened by whoever decodes it. */
typedef struct OpenFile {
  int32_t file;
  CmDicom *dicom;
  CmPixelReader *reader;
} OpenFile;

typedef struct Decoding {
  const CmReadPlan *plan;
  OpenFile *files; /* by file number */
  int64_t file_count;
  CmPixelStage stage;
  CmType type;
  int components;
  uint8_t *voxels;
  size_t frame_bytes;
} Decoding;

static bool open_file(CmContext *ctx, const char *path, OpenFile *file, CmError **err) {
  file->dicom = cm_dicom_open(ctx, path, CM_DICOM_WHOLE, err);
  if (!file->dicom) return false;
  file->reader = cm__pixel_reader_open(ctx, file->dicom, err);
  if (!file->reader) cm_error_context(err, "%s", path);
  return file->reader != NULL;
}

static void close_file(OpenFile *file) {
  cm__pixel_reader_close(&file->reader);
  cm_dicom_close(&file->dicom);
}

static OpenFile *find_file(const Decoding *job, int32_t number) {
  int64_t low = 0, high = job->file_count;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (job->files[middle].file == number) return &job->files[middle];
    if (job->files[middle].file < number)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* ---- type */

/* Lowest and highest value that the description of a frame allows; whole: all between are integers. */
static void frame_range(const CmInstance *instance, const CmFrame *frame, bool stored, double *low, double *high,
                        bool *whole) {
  int bits = instance->pixels.bits_stored;
  double least = instance->pixels.is_signed ? -exp2(bits - 1) : 0,
         most = exp2(instance->pixels.is_signed ? bits - 1 : bits) - 1;
  double slope = stored ? 1 : frame->slope, intercept = stored ? 0 : frame->intercept;
  *low = fmin(*low, fmin(slope * least, slope * most) + intercept);
  *high = fmax(*high, fmax(slope * least, slope * most) + intercept);
  *whole = *whole && slope == rint(slope) && intercept == rint(intercept); /* NOLINT: exact on purpose */
}

static bool fits(CmType type, double low, double high) {
  return low >= cm_type_min(type) && high <= cm_type_max(type);
}

/* The type that certainly holds all values, and a smaller one to try first, as scanners seldom use the whole range of
 * their bits. */
static CmType choose_type(const CmReadPlan *plan, const CmPixelReader *reader, CmPixelStage stage, CmType *hopeful) {
  const CmStack *stack = &plan->entry->stack;
  bool whole = true, mapped = false;
  double low = INFINITY, high = -INFINITY;
  for (int64_t t = 0; t < stack->times; t++) {
    for (int64_t s = 0; s < plan->slices; s++) {
      const CmFrame *frame = cm__plan_frame(plan, s, t);
      const CmInstance *instance = &plan->scan->instances[frame->file];
      mapped = mapped || instance->mapped;
      frame_range(instance, frame, stage == CM_PIXEL_STORED, &low, &high, &whole);
    }
  }
  CmType type = mapped ? cm__pixel_reader_type(reader, stage) : CM_F32;
  if (!mapped && whole) {
    static const CmType ladder[] = {CM_U8, CM_I8, CM_I16, CM_U16, CM_U32, CM_I32};
    type = CM_F64;
    for (int i = CM_COUNT(ladder) - 1; i >= 0; i--)
      if (fits(ladder[i], low, high)) type = ladder[i];
  }
  if (stage == CM_PIXEL_VALUES && !strcmp(plan->entry->open.modality, "PT")) type = type == CM_F64 ? CM_F64 : CM_F32;
  *hopeful = !mapped && (type == CM_I32 || type == CM_U32) ? CM_I16 : type;
  return type;
}

/* ---- padding (PS3.3 C.7.5.1.1.2) */

static void read_padding(const CmReadPlan *plan, const CmDicom *dicom, const CmFrame *frame, double pair[2]) {
  CmDicomSet root = cm_dicom_root(dicom);
  const CmDicomPixels *pixels = &plan->scan->instances[frame->file].pixels;
  int64_t value[2];
  pair[0] = pair[1] = NAN;
  if (pixels->samples > 1 || plan->scan->instances[frame->file].mapped ||
      !cm_dicom_int(root, CM_TAG(0x0028, 0x0120), 0, &value[0]))
    return;
  if (!cm_dicom_int(root, CM_TAG(0x0028, 0x0121), 0, &value[1])) value[1] = value[0];
  double slope = plan->options.stored ? 1 : frame->slope, intercept = plan->options.stored ? 0 : frame->intercept;
  for (int i = 0; i < 2; i++) {
    /* the element's VR may disagree with the sign of the pixels, whose bits it repeats */
    if (pixels->is_signed && value[i] > 32767 && pixels->bits_allocated <= 16) value[i] -= 65536;
    if (!pixels->is_signed && value[i] < 0) value[i] += 65536;
    pair[i] = ((double)value[i] * slope + intercept) * plan->factor;
  }
  if (pair[0] > pair[1]) {
    double swap = pair[0];
    pair[0] = pair[1];
    pair[1] = swap;
  }
}

/* ---- decoding */

/* SUV: the factor is applied before the value is rounded to the voxel's type. */
static bool decode_scaled(const Decoding *job, const OpenFile *file, int64_t frame, void *to, CmError **err) {
  CmContext *ctx = job->plan->ctx;
  size_t count = job->frame_bytes / sizeof(float);
  double *values = cm_alloc_array(ctx, count, sizeof *values, err);
  bool ok = values && cm__pixel_reader_frame(ctx, file->reader, frame, job->stage, CM_F64, values, err);
  float *out = to;
  for (size_t i = 0; ok && i < count; i++) out[i] = (float)(values[i] * job->plan->factor);
  cm_free(values);
  return ok;
}

static bool decode_one(const Decoding *job, int64_t at, CmError **err) {
  const CmReadPlan *plan = job->plan;
  int64_t s = at % plan->slices, t = at / plan->slices;
  const CmFrame *frame = cm__plan_frame(plan, s, t);
  const CmInstance *instance = &plan->scan->instances[frame->file];
  OpenFile own = {0}, *file = find_file(job, frame->file);
  bool ok = file || open_file(plan->ctx, instance->path, &own, err);
  if (!file) file = &own;
  if (ok && (cm__pixel_reader_pixels(file->reader)->rows != frame->rows ||
             cm__pixel_reader_pixels(file->reader)->columns != frame->columns ||
             cm__pixel_reader_pixels(file->reader)->frames <= frame->frame ||
             cm__pixel_reader_components(file->reader, job->stage) != job->components)) {
    cm_error_set(err, CM_ERR_DATA, "%s: the file has changed since it was scanned; scan again", instance->path);
    ok = false;
  }
  if (ok) {
    void *to = job->voxels + (size_t)(t * plan->depth + cm__plan_place(plan, s)) * job->frame_bytes;
    read_padding(plan, file->dicom, frame, plan->padding + 2 * at);
    ok = plan->options.suv
             ? decode_scaled(job, file, frame->frame, to, err)
             : cm__pixel_reader_frame(plan->ctx, file->reader, frame->frame, job->stage, job->type, to, err);
    if (!ok) cm_error_context(err, "%s", instance->path);
  }
  close_file(&own);
  return ok;
}

static bool decode_range(void *arg, CmRange range, CmError **err) {
  for (int64_t i = range.begin; i < range.end; i++)
    if (!decode_one(arg, i, err)) return false;
  return true;
}

/* Opens the multi-frame files of the plan, each once. */
static bool open_files(Decoding *job, CmError **err) {
  const CmReadPlan *plan = job->plan;
  int64_t frames = plan->slices * plan->entry->stack.times;
  job->files = cm_calloc(plan->ctx, (size_t)frames, sizeof *job->files, err);
  if (!job->files) return false;
  for (int64_t i = 0; i < frames; i++) {
    const CmFrame *frame = cm__plan_frame(plan, i % plan->slices, i / plan->slices);
    if (plan->scan->instances[frame->file].frame_count == 1 || find_file(job, frame->file)) continue;
    int64_t at = job->file_count++;
    for (; at > 0 && job->files[at - 1].file > frame->file; at--) job->files[at] = job->files[at - 1];
    job->files[at] = (OpenFile){.file = frame->file};
    if (!open_file(plan->ctx, plan->scan->instances[frame->file].path, &job->files[at], err)) return false;
  }
  return true;
}

static CmImage *decode_as(Decoding *job, CmType type, CmError **err) {
  const CmReadPlan *plan = job->plan;
  const CmStack *stack = &plan->entry->stack;
  const CmFrame *first = cm__plan_frame(plan, 0, 0);
  int64_t dims[4] = {first->columns, first->rows, plan->depth, stack->times};
  CmImage *image = cm_image_create(plan->ctx, type, stack->rank, dims, job->components, err);
  if (!image) return NULL;
  job->type = type;
  job->voxels = cm_image_data_mut(image);
  job->frame_bytes = cm_image_bytes(image) / (size_t)(plan->depth * stack->times);
  if (!cm_parallel_for(plan->ctx, "decode", plan->slices * stack->times, 1, decode_range, job, err))
    cm_image_unref(&image);
  return image;
}

CmImage *cm__volume_decode(CmReadPlan *plan, CmError **err) {
  Decoding job = {.plan = plan, .stage = plan->options.stored ? CM_PIXEL_STORED : CM_PIXEL_VALUES};
  const CmFrame *frame = cm__plan_frame(plan, 0, 0);
  OpenFile first = {0};
  CmImage *image = NULL;
  if (!open_files(&job, err) || !open_file(plan->ctx, plan->scan->instances[frame->file].path, &first, err)) goto done;
  job.components = cm__pixel_reader_components(first.reader, job.stage);
  CmType hopeful, type = choose_type(plan, first.reader, job.stage, &hopeful);
  if (plan->options.suv) {
    image = decode_as(&job, CM_F32, err);
  } else {
    CmError *narrow = NULL;
    image = decode_as(&job, hopeful, hopeful == type ? err : &narrow);
    if (!image && hopeful != type && cm_error_code(narrow) == CM_ERR_DATA) {
      cm_error_free(&narrow);
      image = decode_as(&job, type, err);
    }
    cm_error_move(err, &narrow);
  }
done:
  close_file(&first);
  for (int64_t i = 0; i < job.file_count; i++) close_file(&job.files[i]);
  cm_free(job.files);
  return image;
}
