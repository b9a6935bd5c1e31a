/* One small picture in every encoding (fuzz/corpus/fuzz_dicom_pixels, made by tools/make_dicom_pixel_seeds.py with
 * pydicom, DCMTK and zlib): what was encoded is known in closed form; files cut anywhere, failing allocations and other
 * thread counts change nothing but success. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cormack/io.h"
#include "io/dicom/pixel.h"

#define ROWS 33
#define COLUMNS 34

static const char *corpus(void) {
  static char path[4096];
  const char *source = getenv("CORMACK_SOURCE");
  snprintf(path, sizeof path, "%s/fuzz/corpus/fuzz_dicom_pixels", source ? source : ".");
  return path;
}

static CmContext *context(int threads) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = threads;
  CmContext *ctx = cm_context_create(&options, NULL);
  assert_non_null(ctx);
  return ctx;
}

static uint8_t *load(CmContext *ctx, const char *name, size_t *size) {
  char path[8192];
  CmError *err = NULL;
  snprintf(path, sizeof path, "%s/%s", corpus(), name);
  uint8_t *bytes = cm_file_read(ctx, path, 0, size, &err);
  if (!bytes) fail_msg("%s", cm_error_text(err));
  return bytes;
}

/* `picture` of the tool. */
static int64_t truth(int64_t f, int64_t y, int64_t x, int64_t s, int bits) {
  return (x * 37 + y * y * 11 + s * 50 + f * 5 + x * y) * ((int64_t)1 << bits) / 1100 % ((int64_t)1 << bits);
}

static CmImage *decode_bytes(CmContext *ctx, const uint8_t *bytes, size_t size, CmPixelStage stage, CmError **err) {
  CmImage *image = NULL;
  CmDicomPixels pixels;
  CmDicom *dicom = cm_dicom_parse(ctx, bytes, size, "seed", CM_DICOM_WHOLE, err);
  if (dicom && cm_dicom_pixels(dicom, &pixels, err)) image = cm_dicom_decode(ctx, dicom, stage, 0, pixels.frames, err);
  cm_dicom_close(&dicom);
  return image;
}

static void test_lossless_encodings_give_the_picture(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int bits, samples, frames;
  } cases[] = {
      {"grey_explicit", 12, 1, 1},
      {"grey_implicit", 12, 1, 1},
      {"grey_explicit_big_endian", 12, 1, 1},
      {"grey_high_bit", 12, 1, 1},
      {"deflated", 12, 1, 1},
      {"deflated_frames", 12, 1, 2},
      {"bits_1", 1, 1, 3},
      {"bits_12_packed", 12, 1, 1},
      {"grey_32", 32, 1, 1},
      {"rgb", 8, 3, 1},
      {"rgb_planar", 8, 3, 1},
      {"rgb_big_endian", 8, 3, 1},
      {"rle_16", 12, 1, 2},
      {"rle_rgb", 8, 3, 1},
      {"jls", 12, 1, 2},
      {"jls_rgb", 8, 3, 1},
      {"j2k", 12, 1, 2},
      {"j2k_rgb", 8, 3, 1},
      {"jpeg_lossless", 12, 1, 1},
      {"jpeg_lossless_sv1", 12, 1, 1},
      {"jpeg_lossless_rgb", 8, 3, 1},
      {"fragments_table", 12, 1, 2},
      {"fragments_no_table", 12, 1, 2},
      {"extended_table", 12, 1, 2},
      {"functional_groups", 12, 1, 2},
      {"palette", 8, 1, 1},
  };
  CmContext *ctx = context(1);
  for (int i = 0; i < CM_COUNT(cases); i++) {
    char name[64];
    size_t size;
    CmError *err = NULL;
    snprintf(name, sizeof name, "%s.dcm", cases[i].name);
    uint8_t *bytes = load(ctx, name, &size);
    CmImage *image = decode_bytes(ctx, bytes, size, CM_PIXEL_STORED, &err);
    if (!image) fail_msg("%s: %s", name, cm_error_text(err));
    assert_int_equal(cm_image_values(image), (int64_t)ROWS * COLUMNS * cases[i].samples * cases[i].frames);
    int64_t at = 0;
    for (int64_t f = 0; f < cases[i].frames; f++) {
      for (int64_t y = 0; y < ROWS; y++) {
        for (int64_t x = 0; x < COLUMNS; x++) {
          for (int64_t s = 0; s < cases[i].samples; s++, at++) {
            double expected = (double)truth(f, y, x, s, cases[i].bits), got = cm_image_value(image, at);
            if (got != expected) fail_msg("%s: value %lld is %g, not %g", name, (long long)at, got, expected);
          }
        }
      }
    }
    cm_image_unref(&image);
    cm_free(bytes);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void test_values_are_rescaled(void **state) {
  (void)state;
  CmContext *ctx = context(1);
  size_t size;
  /* slope 2, intercept -1024 of 12 bits: -1024 to 7166, an i16; padding 0 is -1024 there */
  uint8_t *bytes = load(ctx, "grey_explicit.dcm", &size);
  CmImage *image = decode_bytes(ctx, bytes, size, CM_PIXEL_VALUES, NULL);
  assert_non_null(image);
  assert_int_equal(cm_image_type(image), CM_I16);
  for (int64_t i = 0; i < cm_image_values(image); i++) {
    assert_true(cm_image_value(image, i) == (double)(2 * truth(0, i / COLUMNS, i % COLUMNS, 0, 12) - 1024));
  }
  assert_string_equal(cm_image_meta(image, "PixelPaddingValue"), "-1024");
  cm_image_unref(&image);
  cm_free(bytes);
  /* frame f: slope 0.5 + f, intercept -100 f; spacing 0.25 x 0.5 x 2 mm */
  bytes = load(ctx, "functional_groups.dcm", &size);
  image = decode_bytes(ctx, bytes, size, CM_PIXEL_VALUES, NULL);
  assert_non_null(image);
  assert_int_equal(cm_image_type(image), CM_F32);
  for (int64_t i = 0; i < cm_image_values(image); i++) {
    int64_t f = i / (ROWS * COLUMNS), p = i % (ROWS * COLUMNS);
    assert_true(cm_image_value(image, i) ==
                (0.5 + (double)f) * (double)truth(f, p / COLUMNS, p % COLUMNS, 0, 12) - 100.0 * (double)f);
  }
  assert_true(cm_image_geometry(image)->spacing[0] == 0.25 && cm_image_geometry(image)->spacing[1] == 0.5 &&
              cm_image_geometry(image)->spacing[2] == 2);
  cm_image_unref(&image);
  cm_free(bytes);
  /* the modality LUT is 3 x */
  bytes = load(ctx, "lut.dcm", &size);
  image = decode_bytes(ctx, bytes, size, CM_PIXEL_VALUES, NULL);
  assert_non_null(image);
  for (int64_t i = 0; i < cm_image_values(image); i++) {
    assert_true(cm_image_value(image, i) == (double)(3 * truth(0, i / COLUMNS, i % COLUMNS, 0, 12)));
  }
  cm_image_unref(&image);
  cm_free(bytes);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

/* Segments of PS3.3 C.7.9.2: [100, 200], 126 steps to 60000, [7, 9], the first two again, 124 steps to 5. */
static void test_segmented_palette(void **state) {
  (void)state;
  CmContext *ctx = context(1);
  static const char *const names[] = {"palette_segmented.dcm", "palette_segmented_big_endian.dcm"};
  double expected[256];
  expected[0] = expected[130] = 100;
  expected[1] = expected[131] = 200;
  expected[128] = 7;
  expected[129] = 9;
  for (int i = 1; i <= 126; i++) expected[1 + i] = nearbyint(200 + (60000.0 - 200) * i / 126);
  for (int i = 1; i <= 124; i++) expected[131 + i] = nearbyint(200 + (5.0 - 200) * i / 124);
  for (int n = 0; n < CM_COUNT(names); n++) {
    size_t size;
    CmError *err = NULL;
    uint8_t *bytes = load(ctx, names[n], &size);
    CmImage *image = decode_bytes(ctx, bytes, size, CM_PIXEL_VALUES, &err);
    if (!image) fail_msg("%s", cm_error_text(err));
    assert_int_equal(cm_image_components(image), 3);
    for (int64_t i = 0; i < cm_image_values(image); i++) {
      int64_t index = truth(0, i / 3 / COLUMNS, i / 3 % COLUMNS, 0, 8);
      assert_true(cm_image_value(image, i) == expected[index]);
    }
    cm_image_unref(&image);
    cm_free(bytes);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

typedef void (*SeedFn)(const char *name, const uint8_t *bytes, size_t size);

static void for_each_seed(SeedFn fn) {
  CmContext *ctx = context(1);
  DIR *folder = opendir(corpus());
  assert_non_null(folder);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (entry->d_name[0] == '.') continue;
    size_t size;
    uint8_t *bytes = load(ctx, entry->d_name, &size);
    fn(entry->d_name, bytes, size);
    cm_free(bytes);
    count++;
  }
  closedir(folder);
  assert_true(count >= 39);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void cut(const char *name, const uint8_t *bytes, size_t size) {
  CmContext *ctx = context(1);
  (void)name;
  for (size_t length = 0; length < size; length += 1 + size / 97) {
    CmError *err = NULL;
    uint8_t *copy = malloc(length ? length : 1); /* its own block: a byte too far is seen */
    memcpy(copy, bytes, length);
    CmImage *image = decode_bytes(ctx, copy, length, CM_PIXEL_STORED, &err);
    assert_true(!image == (err != NULL));
    cm_image_unref(&image);
    cm_error_free(&err);
    free(copy);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void test_cut_files_fail_cleanly(void **state) {
  (void)state;
  for_each_seed(cut);
}

static void starve(const char *name, const uint8_t *bytes, size_t size) {
  CmContext *ctx = context(1);
  for (uint64_t nth = 1; nth < 200; nth++) {
    CmError *err = NULL;
    cm_context_fail_allocation(ctx, nth);
    CmImage *image = decode_bytes(ctx, bytes, size, CM_PIXEL_VALUES, &err);
    cm_context_fail_allocation(ctx, 0);
    bool finished = image != NULL;
    if (!finished && cm_error_code(err) != CM_ERR_MEMORY)
      fail_msg("%s, allocation %d: %s", name, (int)nth, cm_error_text(err));
    cm_image_unref(&image);
    cm_error_free(&err);
    if (finished) break;
  }
  if (cm_context_destroy(&ctx) != 0) fail_msg("%s: memory was left", name);
}

static void test_every_allocation_may_fail(void **state) {
  (void)state;
  for_each_seed(starve);
}

static void alike(const char *name, const uint8_t *bytes, size_t size) {
  for (CmPixelStage stage = CM_PIXEL_STORED; stage <= CM_PIXEL_DISPLAY; stage++) {
    CmContext *one = context(1), *many = context(3);
    CmError *err = NULL;
    CmImage *a = decode_bytes(one, bytes, size, stage, &err), *b = decode_bytes(many, bytes, size, stage, NULL);
    if (!a && cm_error_code(err) == CM_ERR_UNSUPPORTED) { /* 32 bits of colour are not shown */
      cm_error_free(&err);
      assert_null(b);
    } else {
      if (!a || !b) fail_msg("%s, stage %d: %s", name, (int)stage, cm_error_text(err));
      assert_int_equal(cm_image_bytes(a), cm_image_bytes(b));
      assert_memory_equal(cm_image_data(a), cm_image_data(b), cm_image_bytes(a));
    }
    cm_image_unref(&a);
    cm_image_unref(&b);
    assert_int_equal(cm_context_destroy(&one), 0);
    assert_int_equal(cm_context_destroy(&many), 0);
  }
}

static void test_threads_give_the_same_bits(void **state) {
  (void)state;
  for_each_seed(alike);
}

/* A frame goes into the caller's buffer in the type asked for; a header that claims what is not there takes no memory.
 */
static void test_limits(void **state) {
  (void)state;
  CmContext *ctx = context(1);
  size_t size;
  CmError *err = NULL;
  uint8_t *bytes = load(ctx, "j2k.dcm", &size);
  CmDicom *dicom = cm_dicom_parse(ctx, bytes, size, "seed", CM_DICOM_WHOLE, &err);
  assert_non_null(dicom);
  static float frame[ROWS * COLUMNS];
  assert_true(cm__dicom_decode_into(ctx, dicom, CM_PIXEL_STORED, 1, CM_F32, frame, &err));
  for (int i = 0; i < ROWS * COLUMNS; i++) assert_true(frame[i] == (float)truth(1, i / COLUMNS, i % COLUMNS, 0, 12));
  assert_false(cm__dicom_decode_into(ctx, dicom, CM_PIXEL_STORED, 2, CM_F32, frame, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_PARAMETER);
  cm_error_free(&err);
  assert_null(cm_dicom_decode(ctx, dicom, CM_PIXEL_STORED, 1, 2, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_PARAMETER);
  cm_error_free(&err);
  cm_dicom_close(&dicom);
  /* Rows (0028,0010) and Columns (0028,0011) made 65535 */
  for (size_t i = 0; i + 10 < size; i++) {
    if (bytes[i] == 0x28 && bytes[i + 1] == 0 && (bytes[i + 2] == 0x10 || bytes[i + 2] == 0x11) && bytes[i + 3] == 0 &&
        bytes[i + 4] == 'U') {
      bytes[i + 8] = bytes[i + 9] = 0xFF;
    }
  }
  cm_context_reset_peak(ctx);
  assert_null(decode_bytes(ctx, bytes, size, CM_PIXEL_STORED, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_FORMAT);
  assert_true(cm_context_memory_peak(ctx) < 1 << 20);
  cm_error_free(&err);
  cm_free(bytes);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lossless_encodings_give_the_picture),
      cmocka_unit_test(test_values_are_rescaled),
      cmocka_unit_test(test_segmented_palette),
      cmocka_unit_test(test_cut_files_fail_cleanly),
      cmocka_unit_test(test_every_allocation_may_fail),
      cmocka_unit_test(test_threads_give_the_same_bits),
      cmocka_unit_test(test_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
