/* Opening DICOM headers: files a second on one thread, warm cache. Run by bench_dicom_header.sh.
 *   bench_dicom_header make FOLDER COUNT    writes a CT series whose headers have 60 elements
 *   bench_dicom_header run FILE...          prints «name seconds-per-pass» for open+read+close alone and for
 * cm_dicom_open */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cormack/dicom.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* processor time: others may be at work on the machine */
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail(CmError *err) {
  fprintf(stderr, "%s\n", cm_error_text(err));
  return 1;
}

static int make(CmContext *ctx, const char *folder, int64_t count) {
  static const CmDicomAttribute attributes[] = {
      {CM_TAG(0x08, 0x08), "ORIGINAL\\PRIMARY\\AXIAL"},
      {CM_TAG(0x08, 0x20), "20240102"},
      {CM_TAG(0x08, 0x21), "20240102"},
      {CM_TAG(0x08, 0x23), "20240102"},
      {CM_TAG(0x08, 0x30), "101112"},
      {CM_TAG(0x08, 0x31), "101112"},
      {CM_TAG(0x08, 0x33), "101112"},
      {CM_TAG(0x08, 0x70), "Cormack"},
      {CM_TAG(0x08, 0x80), "Hospital"},
      {CM_TAG(0x08, 0x1030), "Chest"},
      {CM_TAG(0x08, 0x103E), "Lung 1.0"},
      {CM_TAG(0x08, 0x1090), "Phantom"},
      {CM_TAG(0x10, 0x10), "Bench^Header"},
      {CM_TAG(0x10, 0x20), "BENCH-1"},
      {CM_TAG(0x10, 0x1010), "064Y"},
      {CM_TAG(0x18, 0x15), "CHEST"},
      {CM_TAG(0x18, 0x22), "HELICAL MODE"},
      {CM_TAG(0x18, 0x60), "120"},
      {CM_TAG(0x18, 0x1030), "Chest routine"},
      {CM_TAG(0x18, 0x1100), "360"},
      {CM_TAG(0x18, 0x1130), "150"},
      {CM_TAG(0x18, 0x1150), "500"},
      {CM_TAG(0x18, 0x1151), "200"},
      {CM_TAG(0x18, 0x1210), "B50"},
      {CM_TAG(0x18, 0x5100), "HFS"},
  };
  CmError *err = NULL;
  CmImage *image = cm_image_create(ctx, CM_I16, 3, (int64_t[]){256, 256, count}, 1, &err);
  if (!image || !cm_image_set_unit(image, "HU", &err)) return fail(err);
  memset(cm_image_data_mut(image), 1, cm_image_bytes(image));
  CmDicomWriteOptions options = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.2",
                                 .uid_seed = "bench",
                                 .attributes = attributes,
                                 .attribute_count = CM_COUNT(attributes)};
  bool good = cm_dicom_write_series(ctx, image, folder, &options, &err);
  cm_image_unref(&image);
  return good ? 0 : fail(err);
}

static bool read_head(const char *path) {
  static char head[16384];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t got = read(fd, head, sizeof head);
  close(fd);
  return got > 0;
}

static bool open_header(CmContext *ctx, const char *path) {
  CmDicom *dicom = cm_dicom_open(ctx, path, CM_DICOM_HEADER, NULL);
  bool good = dicom != NULL;
  cm_dicom_close(&dicom);
  return good;
}

static int count_elements(CmContext *ctx, const char *path) {
  CmDicom *dicom = cm_dicom_open(ctx, path, CM_DICOM_HEADER, NULL);
  CmDicomElement element;
  int count = 0;
  for (uint64_t at = 0; dicom && cm_dicom_next(cm_dicom_root(dicom), &at, &element);) count++;
  cm_dicom_close(&dicom);
  return count;
}

static int run(CmContext *ctx, char **paths, int count) {
  double best_read = 1e9, best_open = 1e9;
  for (int pass = 0; pass < 15; pass++) {
    double start = now();
    for (int i = 0; i < count; i++)
      if (!read_head(paths[i])) return 1;
    double middle = now();
    for (int i = 0; i < count; i++)
      if (!open_header(ctx, paths[i])) return 1;
    double end = now();
    if (middle - start < best_read) best_read = middle - start;
    if (end - middle < best_open) best_open = end - middle;
  }
  printf("elements %d\nread %.9f\ncormack %.9f\n", count_elements(ctx, paths[0]), best_read / count, best_open / count);
  return 0;
}

int main(int argc, char **argv) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  CmContext *ctx = cm_context_create(&options, NULL);
  int result = 2;
  if (ctx && argc == 4 && !strcmp(argv[1], "make"))
    result = make(ctx, argv[2], atoll(argv[3]));
  else if (ctx && argc > 2 && !strcmp(argv[1], "run"))
    result = run(ctx, argv + 2, argc - 2);
  cm_context_destroy(&ctx);
  return result;
}
