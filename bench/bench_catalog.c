/* The catalogue of 100,000 generated instances (1,000 patients of 100 images, 2 KiB each): adding them when their bytes
 * are on the disk alone, as those of an archive are that nobody has read lately, and when they are in memory; adding
 * again; a query by patient; the peak of the process's memory in KiB; and the floor of adding again, a bare listing and
 * stat of the same files with as many threads. Seconds. bench_catalog [INSTANCES] (bench_catalog.py starts it); files
 * are made in $CORMACK_BENCH/catalog (out/bench/catalog) once, the catalogue anew each time. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cormack/catalog.h"
#include "cormack/dicom.h"
#include "cormack/file.h"
#include "cormack/parallel.h"

#define IMAGES 100 /* of a patient */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail(CmError *err) {
  fprintf(stderr, "%s\n", cm_error_text(err));
  return 1;
}

/* One real header as a pattern, in which patient, study, series, instance and number are replaced by others of the same
 * length. */
typedef struct Pattern {
  uint8_t *bytes;
  size_t size;
} Pattern;

static bool make_pattern(CmContext *ctx, const char *folder, Pattern *pattern, CmError **err) {
  static const CmDicomAttribute attributes[] = {{CM_TAG(0x08, 0x08), "ORIGINAL\\PRIMARY\\AXIAL"},
                                                {CM_TAG(0x08, 0x20), "20240102"},
                                                {CM_TAG(0x08, 0x30), "101112"},
                                                {CM_TAG(0x08, 0x70), "Cormack"},
                                                {CM_TAG(0x08, 0x103E), "Lung 1.0"},
                                                {CM_TAG(0x10, 0x10), "Bench^Catalogue"},
                                                {CM_TAG(0x10, 0x20), "PATIENT-000000"},
                                                {CM_TAG(0x18, 0x60), "120"},
                                                {CM_TAG(0x20, 0x0D), "2.25.1000000000000000000000000000000000"}};
  CmImage *image = cm_image_create(ctx, CM_I16, 2, (int64_t[]){16, 16}, 1, err);
  if (!image) return false;
  memset(cm_image_data_mut(image), 0, cm_image_bytes(image));
  CmDicomWriteOptions options = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.2",
                                 .uid_seed = "bench",
                                 .attributes = attributes,
                                 .attribute_count = CM_COUNT(attributes)};
  char path[4096];
  snprintf(path, sizeof path, "%s/IM0001.dcm", folder);
  bool good = cm_dicom_write_series(ctx, image, folder, &options, err);
  if (good) pattern->bytes = cm_file_read(ctx, path, 0, &pattern->size, err);
  cm_image_unref(&image);
  unlink(path);
  return good && pattern->bytes;
}

/* Writes digits over the end of the value of an element; the meta information's instance UID is left, which nothing
 * looks at. */
static void put_number(const Pattern *pattern, CmContext *ctx, uint32_t tag, const char *format, int64_t number) {
  CmDicom *dicom = cm_dicom_parse(ctx, pattern->bytes, pattern->size, "pattern", CM_DICOM_WHOLE, NULL);
  CmDicomElement element;
  char text[32];
  if (dicom && cm_dicom_find(cm_dicom_root(dicom), tag, &element)) {
    int length = snprintf(text, sizeof text, format, (long long)number);
    uint8_t *value = pattern->bytes + (element.value - pattern->bytes);
    size_t used = (size_t)element.length - (value[element.length - 1] == 0);
    memcpy(value + used - (size_t)length, text, (size_t)length);
  }
  cm_dicom_close(&dicom);
}

static bool make_files(CmContext *ctx, const char *root, int64_t count, CmError **err) {
  char folder[4096], path[4200];
  Pattern pattern = {0};
  if (!make_pattern(ctx, root, &pattern, err)) return false;
  for (int64_t i = 0; i < count; i++) {
    int64_t patient = i / IMAGES;
    snprintf(folder, sizeof folder, "%s/p%06lld", root, (long long)patient);
    if (i % IMAGES == 0) {
      mkdir(folder, 0777);
      put_number(&pattern, ctx, CM_TAG(0x10, 0x20), "%06lld", patient);
      put_number(&pattern, ctx, CM_TAG(0x20, 0x0D), "%09lld", patient);
      put_number(&pattern, ctx, CM_TAG(0x20, 0x0E), "%09lld", patient);
    }
    put_number(&pattern, ctx, CM_TAG(0x08, 0x18), "%09lld", i);
    snprintf(path, sizeof path, "%s/IM%04lld.dcm", folder, (long long)(i % IMAGES));
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(pattern.bytes, 1, pattern.size, file) == pattern.size;
    if (file) good = fclose(file) == 0 && good;
    if (!good) {
      cm_error_set(err, CM_ERR_IO, "%s: cannot be written", path);
      cm_free(pattern.bytes);
      return false;
    }
  }
  cm_free(pattern.bytes);
  return true;
}

static bool add(CmContext *ctx, const char *catalog, const char *root, CmCatalogReport *report, double *seconds,
                CmError **err) {
  double start = now();
  bool good = cm_catalog_add(ctx, catalog, &root, 1, report, err);
  *seconds = now() - start;
  return good;
}

/* ---- the floor: what the system takes to list the folders and to ask each file for its size and times, which nothing
 * that is to notice a file rewritten in place can do without ---- */

typedef struct Floor {
  const char *root;
  int64_t *asked; /* files, by folder */
} Floor;

static bool ask_folders(void *arg, CmRange range, CmError **err) {
  const Floor *floor = arg;
  (void)err;
  for (int64_t i = range.begin; i < range.end; i++) {
    char path[4200];
    struct stat info;
    snprintf(path, sizeof path, "%s/p%06lld", floor->root, (long long)i);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
      if (entry->d_name[0] != '.') floor->asked[i] += fstatat(dirfd(folder), entry->d_name, &info, 0) == 0;
    if (folder) closedir(folder);
  }
  return true;
}

/* Seconds of one walk; negative + err where it fails or does not find all files. */
static double walk_bare(CmContext *ctx, const char *root, int64_t count, CmError **err) {
  int64_t folders = (count + IMAGES - 1) / IMAGES, found = 0;
  Floor floor = {.root = root, .asked = cm_calloc(ctx, (size_t)folders, sizeof *floor.asked, err)};
  double start = now(), seconds = -1;
  if (floor.asked && cm_parallel_for(ctx, NULL, folders, 4, ask_folders, &floor, err)) {
    seconds = now() - start;
    for (int64_t i = 0; i < folders; i++) found += floor.asked[i];
    if (found != count) {
      cm_error_set(err, CM_ERR_FAULT, "the bare walk found %lld files", (long long)found);
      seconds = -1;
    }
  }
  cm_free(floor.asked);
  return seconds;
}

static long peak_kib(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/* Takes the files' bytes out of the system's memory. */
static void forget_bytes(const char *root, int64_t count) {
  char path[4200];
  for (int64_t i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/p%06lld/IM%04lld.dcm", root, (long long)(i / IMAGES), (long long)(i % IMAGES));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    if (i == 0) syncfs(fd); /* only what is on the disk can be given up */
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
  }
}

static int measure(CmContext *ctx, const char *root, const char *catalog, int64_t count) {
  CmCatalogReport first, again;
  CmError *err = NULL;
  double cold, added, unchanged = 1e9, asked = 1e9, bare = 1e9, seconds;
  forget_bytes(root, count);
  unlink(catalog);
  if (!add(ctx, catalog, root, &first, &cold, &err)) return fail(err);
  unlink(catalog);
  if (!add(ctx, catalog, root, &first, &added, &err)) return fail(err);
  long peak = peak_kib();
  for (int i = 0; i < 15; i++) {
    if (!add(ctx, catalog, root, &again, &seconds, &err)) return fail(err);
    if (seconds < unchanged) unchanged = seconds;
    seconds = walk_bare(ctx, root, count, &err); /* in turn, so that both meet the same machine */
    if (seconds < 0) return fail(err);
    if (seconds < bare) bare = seconds;
  }
  for (int i = 0; i < 5; i++) {
    double start = now();
    CmTable *table = cm_catalog_query(
        ctx, catalog, "SELECT path, study_date, number FROM images WHERE patient_id = 'PATIENT-000007' ORDER BY number",
        &err);
    if (!table) return fail(err);
    if (now() - start < asked) asked = now() - start;
    if (cm_table_rows(table) != (count > 7 * IMAGES ? IMAGES : 0))
      return fprintf(stderr, "the query gives %lld rows\n", (long long)cm_table_rows(table)), 1;
    cm_table_unref(&table);
  }
  if (first.added != count || again.unchanged != count || again.added)
    return fprintf(stderr, "not all were added, or some again\n"), 1;
  printf("instances %lld\nthreads %d\ncold %.6f\nwarm %.6f\nagain %.6f\nbare %.6f\nquery %.6f\npeak %ld\n",
         (long long)count, cm_context_threads(ctx), cold, added, unchanged, bare, asked, peak);
  return 0;
}

int main(int argc, char **argv) {
  int64_t count = argc > 1 ? atoll(argv[1]) : 100000;
  const char *place = getenv("CORMACK_BENCH");
  char root[3000], catalog[4096], mark[4096];
  CmError *err = NULL;
  CmContext *ctx = cm_context_create(NULL, &err);
  if (!ctx) return fail(err);
  snprintf(root, sizeof root, "%s/catalog/%lld", place ? place : "out/bench", (long long)count);
  snprintf(catalog, sizeof catalog, "%s.sqlite", root);
  snprintf(mark, sizeof mark, "%s/p%06lld/IM%04lld.dcm", root, (long long)((count - 1) / IMAGES),
           (long long)((count - 1) % IMAGES));
  int result = 1;
  if (count < 1 || !cm_make_folder(root, &err) || (access(mark, R_OK) && !make_files(ctx, root, count, &err)))
    fail(err);
  else
    result = measure(ctx, root, catalog, count);
  cm_context_destroy(&ctx);
  return result;
}
