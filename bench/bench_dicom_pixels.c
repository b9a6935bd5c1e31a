/* Decoding of one frame, again and again: bench_dicom_pixels SECONDS FILE… prints for each file the milliseconds of a
 * decode (median) of stored values as they are and of rescaled values as i16 or f32, and the share of the memory's
 * bandwidth that the first takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/dicom/pixel.h"

#define MOST_RUNS 4096

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* processor time: others may be at work on the machine */
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Median seconds of `run` within a budget of time; negative where it fails. */
static double median(bool (*run)(void *), void *arg, double budget) {
  static double times[MOST_RUNS];
  int count = 0;
  double begin = now();
  do {
    double t = now();
    if (!run(arg)) return -1;
    times[count++] = now() - t;
  } while (count < MOST_RUNS && (count < 5 || now() - begin < budget));
  qsort(times, (size_t)count, sizeof *times, by_size);
  return times[count / 2];
}

typedef struct Job {
  CmContext *ctx;
  CmDicom *dicom;
  CmPixelReader *reader;
  CmPixelStage stage;
  CmType type;
  void *to;
  size_t bytes;
  const void *from;
} Job;

static bool decode_into(void *arg) {
  Job *job = arg;
  return cm__pixel_reader_frame(job->ctx, job->reader, 0, job->stage, job->type, job->to, NULL);
}

static bool decode_image(void *arg) {
  Job *job = arg;
  CmImage *image = cm_dicom_decode(job->ctx, job->dicom, job->stage, 0, 1, NULL);
  bool ok = image != NULL;
  cm_image_unref(&image);
  return ok;
}

static bool copy(void *arg) {
  Job *job = arg;
  memcpy(job->to, job->from, job->bytes);
  __asm__ volatile("" ::"r"(job->to) : "memory");
  return true;
}

static int bench(CmContext *ctx, const char *path, double budget) {
  CmError *err = NULL;
  Job job = {.ctx = ctx};
  int status = 1;
  job.dicom = cm_dicom_open(ctx, path, CM_DICOM_WHOLE, &err);
  if (job.dicom) job.reader = cm__pixel_reader_open(ctx, job.dicom, &err);
  if (!job.reader) {
    fprintf(stderr, "%s\n", cm_error_text(err));
    goto done;
  }
  const CmDicomPixels *pixels = cm__pixel_reader_pixels(job.reader);
  size_t values = (size_t)(pixels->columns * pixels->rows) * 3;
  void *other = cm_calloc(ctx, values, 8, &err);
  job.to = cm_calloc(ctx, values, 8, &err);
  if (job.to && other) {
    job.stage = CM_PIXEL_STORED;
    job.type = cm__pixel_reader_type(job.reader, job.stage);
    double stored = median(decode_into, &job, budget), image = median(decode_image, &job, budget);
    job.bytes = (size_t)(pixels->columns * pixels->rows * pixels->samples) * cm_type_size(job.type);
    job.from = other;
    double bytes = median(copy, &job, budget);
    job.stage = CM_PIXEL_VALUES;
    job.type = cm__pixel_reader_type(job.reader, job.stage);
    double rescaled = median(decode_into, &job, budget);
    job.type = CM_F32;
    double real = median(decode_into, &job, budget);
    printf("%s\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\n", path, stored * 1e3, image * 1e3, rescaled * 1e3, real * 1e3,
           bytes * 1e3);
    status = 0;
  }
  cm_free(other);
  cm_free(job.to);
done:
  cm__pixel_reader_close(&job.reader);
  cm_dicom_close(&job.dicom);
  cm_error_free(&err);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: bench_dicom_pixels SECONDS FILE...\n");
    return 2;
  }
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  CmContext *ctx = cm_context_create(&options, NULL);
  if (!ctx) return 3;
  int status = 0;
  puts("file\tstored into ms\tstored image ms\tvalues into ms\tf32 into ms\tmemcpy ms");
  for (int i = 2; i < argc; i++) status |= bench(ctx, argv[i], atof(argv[1]));
  cm_context_destroy(&ctx);
  return status;
}
