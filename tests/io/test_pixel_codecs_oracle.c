/* Codecs, bit places, colour, windows and tables against the standards' own equations and worked examples. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/dicom/pixel.h"

static CmContext *context(void) {
  CmContext *ctx = cm_context_create(NULL, NULL);
  assert_non_null(ctx);
  return ctx;
}

static void put32(uint8_t *to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (8 * i));
}

/* The worked example of PackBits: Apple Technical Note TN1023, «Understanding PackBits» (PS3.5 G.3 is the same scheme).
 */
static const uint8_t packed_example[] = {0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAA,
                                         0x03, 0x80, 0x00, 0x2A, 0x22, 0xF7, 0xAA};
static const uint8_t unpacked_example[] = {0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0xAA, 0xAA, 0xAA, 0xAA, 0x80, 0x00,
                                           0x2A, 0x22, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA};

static void test_rle_example(void **state) {
  (void)state;
  uint8_t frame[64 + sizeof packed_example] = {0}, cells[sizeof unpacked_example];
  CmFrameShape shape = {.columns = 24, .rows = 1, .samples = 1, .cell_bytes = 1, .bytes = 24};
  CmCoded coded;
  CmError *err = NULL;
  put32(frame, 1);
  put32(frame + 4, 64);
  memcpy(frame + 64, packed_example, sizeof packed_example);
  assert_true(cm__codec_rle(NULL, (CmCodecInput){frame, sizeof frame}, &shape, cells, &coded, &err));
  assert_memory_equal(cells, unpacked_example, sizeof cells);
  /* one byte less is a frame that ends early */
  assert_false(cm__codec_rle(NULL, (CmCodecInput){frame, sizeof frame - 1}, &shape, cells, &coded, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_FORMAT);
  cm_error_free(&err);
}

/* PS3.5 G.2: the segment of the most significant byte comes first; 128 is passed over (G.3.2). */
static void test_rle_byte_order(void **state) {
  (void)state;
  uint8_t frame[64 + 12] = {0};
  const uint8_t high[] = {0x80, 0x02, 0x12, 0x34, 0x56, 0x00}, low[] = {0xFE, 0xAB};
  uint16_t cells[3];
  CmFrameShape shape = {.columns = 3, .rows = 1, .samples = 1, .cell_bytes = 2, .bytes = 6};
  CmCoded coded;
  CmError *err = NULL;
  put32(frame, 2);
  put32(frame + 4, 64);
  put32(frame + 8, 70);
  memcpy(frame + 64, high, sizeof high);
  memcpy(frame + 70, low, sizeof low);
  assert_true(cm__codec_rle(NULL, (CmCodecInput){frame, sizeof frame}, &shape, cells, &coded, &err));
  assert_int_equal(cells[0], 0x12AB);
  assert_int_equal(cells[1], 0x34AB);
  assert_int_equal(cells[2], 0x56AB);
  put32(frame + 8, 5000); /* a segment outside of the frame */
  assert_false(cm__codec_rle(NULL, (CmCodecInput){frame, sizeof frame}, &shape, cells, &coded, &err));
  cm_error_free(&err);
  put32(frame, 3); /* the wrong number of segments */
  assert_false(cm__codec_rle(NULL, (CmCodecInput){frame, sizeof frame}, &shape, cells, &coded, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_FORMAT);
  cm_error_free(&err);
}

/* PS3.5 8.1.1 and annex D: cells follow one another from the least significant bit on. */
static void test_packed_bits(void **state) {
  (void)state;
  const uint8_t twelve[] = {0xBC, 0x3A, 0x12, 0xFF, 0x0F};
  uint16_t wide[3];
  cm__pixel_unpack(twelve, 0, 12, 3, 2, wide);
  assert_int_equal(wide[0], 0xABC);
  assert_int_equal(wide[1], 0x123);
  assert_int_equal(wide[2], 0xFFF);
  const uint8_t ones[] = {0x05, 0x81, 0xFF};
  const uint8_t expected[] = {1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  uint8_t bits[24];
  for (uint64_t first = 0; first < 10; first++) { /* frames may begin inside of a byte */
    cm__pixel_unpack(ones, first, 1, (int64_t)(24 - first), 1, bits);
    assert_memory_equal(bits, expected + first, 24 - first);
  }
}

/* PS3.5 8.1.1: the stored value is the BitsStored bits below HighBit; all others are to be ignored. */
static void test_bit_places(void **state) {
  (void)state;
  const uint16_t cells[] = {0xF7FF, 0x0800, 0x0FFF, 0x5001};
  int32_t out[4];
  CmPixelCells plain = {.bytes = (const uint8_t *)cells, .cell_bytes = 2, .shift = 0, .bits = 12};
  cm__pixel_widen_i32(&plain, 0, 4, out);
  assert_int_equal(out[0], 0x7FF);
  assert_int_equal(out[3], 1);
  plain.is_signed = true;
  cm__pixel_widen_i32(&plain, 0, 4, out);
  assert_int_equal(out[0], 2047);
  assert_int_equal(out[1], -2048);
  assert_int_equal(out[2], -1);
  CmPixelCells high = {.bytes = (const uint8_t *)cells, .cell_bytes = 2, .shift = 4, .bits = 12, .is_signed = true};
  cm__pixel_widen_i32(&high, 0, 4, out);
  assert_int_equal(out[0], -129); /* 0xF7F */
  assert_int_equal(out[1], 0x080);
  CmPixelCells swapped = {.bytes = (const uint8_t *)cells, .cell_bytes = 2, .swap = true, .bits = 16};
  cm__pixel_widen_i32(&swapped, 0, 4, out);
  assert_int_equal(out[0], 0xFFF7);
}

static uint8_t rounded(double value) {
  return (uint8_t)fmin(255.0, fmax(0.0, floor(value + 0.5)));
}

/* Forward by the equations printed in PS3.3 C.7.6.3.1.2, back by ours. Each of Y, CB, CR is off by up to 0.5 from
 * rounding (CR and CB up to 0.5 more where 255.5 is cut), which the inverse carries to at most 0.5 + 1.772 + 0.5: 2
 * levels. */
static void test_ybr_full(void **state) {
  (void)state;
  for (int r = 0; r <= 255; r += 15) {
    for (int g = 0; g <= 255; g += 15) {
      for (int b = 0; b <= 255; b += 15) {
        int32_t t[3] = {rounded(0.2990 * r + 0.5870 * g + 0.1140 * b),
                        rounded(-0.1687 * r - 0.3313 * g + 0.5000 * b + 128),
                        rounded(0.5000 * r - 0.4187 * g - 0.0813 * b + 128)};
        cm__pixel_ybr_to_rgb(t, 1, 8, false);
        assert_in_range(t[0] - r + 2, 0, 4);
        assert_in_range(t[1] - g + 2, 0, 4);
        assert_in_range(t[2] - b + 2, 0, 4);
        int32_t p[3] = {rounded(0.2568 * r + 0.5041 * g + 0.0979 * b + 16),
                        rounded(-0.1482 * r - 0.2910 * g + 0.4392 * b + 128),
                        rounded(0.4392 * r - 0.3678 * g - 0.0714 * b + 128)}; /* YBR_PARTIAL_422, C.7.6.3.1.2 (2016) */
        cm__pixel_ybr_to_rgb(p, 1, 8, true);
        assert_in_range(p[0] - r + 2, 0, 4);
        assert_in_range(p[1] - g + 2, 0, 4);
        assert_in_range(p[2] - b + 2, 0, 4);
      }
    }
  }
}

/* The cases that PS3.3 C.11.2.1.2.1 works out, and C.11.2.1.3. */
static void test_windows(void **state) {
  (void)state;
  const double x[] = {-1, 0, 1, 2047, 2048, 4094, 4095, 4096, 4097};
  uint8_t y[9];
  CmPixelWindow window = {.center = 2048, .width = 4096, .kind = CM_WINDOW_LINEAR};
  cm__pixel_window(&window, false, x, 9, y);
  for (int i = 0; i < 9; i++) {
    double exact = x[i] <= 0 ? 0 : x[i] > 4095 ? 255 : ((x[i] - 2047.5) / 4095 + 0.5) * 255;
    assert_int_equal(y[i], (int)floor(exact + 0.5));
  }
  window.width = 1;
  cm__pixel_window(&window, false, x, 9, y);
  assert_int_equal(y[3], 0);
  assert_int_equal(y[4], 255);
  window = (CmPixelWindow){.center = 2048, .width = 4096, .kind = CM_WINDOW_LINEAR_EXACT};
  cm__pixel_window(&window, true, x, 9, y);
  assert_int_equal(y[1], 255); /* inverse */
  assert_int_equal(y[7], 0);
  assert_int_equal(y[4], 128); /* ((2048 - 2048)/4096 + .5) * 255 = 127.5, up */
  window.kind = CM_WINDOW_SIGMOID;
  cm__pixel_window(&window, false, x, 9, y);
  assert_int_equal(y[1], (int)floor(255.0 / (1 + exp(2.0)) + 0.5));
}

/* A value that does not fit the type asked for is an error, never wrapped. */
static void test_values_fit_or_fail(void **state) {
  (void)state;
  const uint16_t cells[] = {0, 40000};
  int16_t narrow[2];
  int32_t wide[2];
  float real[2];
  CmError *err = NULL;
  CmPixelCells source = {.bytes = (const uint8_t *)cells, .cell_bytes = 2, .bits = 16};
  CmPixelLinear minus = {1, -1024}, third = {1.0 / 3.0, 0};
  assert_false(cm__pixel_store(&source, 2, &minus, NULL, CM_I16, narrow, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_DATA);
  cm_error_free(&err);
  assert_true(cm__pixel_store(&source, 2, &minus, NULL, CM_I32, wide, &err));
  assert_int_equal(wide[0], -1024);
  assert_int_equal(wide[1], 38976);
  assert_true(cm__pixel_store(&source, 2, &third, NULL, CM_F32, real, &err));
  assert_true(real[1] == (float)(40000.0 / 3.0));
  assert_false(cm__pixel_store(&source, 2, &third, NULL, CM_I32, wide, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_DATA);
  cm_error_free(&err);
}

/* Codestreams that claim another size than the header are refused before anything is written. */
static void test_shapes_must_agree(void **state) {
  (void)state;
  CmContext *ctx = context();
  uint8_t cells[4] = {9, 9, 9, 9};
  CmFrameShape shape = {.columns = 2, .rows = 2, .samples = 1, .cell_bytes = 1, .bytes = 4};
  CmCoded coded;
  /* SOI, SOF3 of 60000 x 60000, 1 component */
  const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF, 0xC3, 0, 11, 8, 0xEA, 0x60, 0xEA, 0x60, 1, 1, 0x11, 0, 0xFF, 0xD9};
  /* SOC, SIZ of 2 x 2 in tiles of 1 x 1 in too few bytes for four tiles */
  const uint8_t j2k[] = {0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
                         0,    0,    0,    0,    1, 0,  0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7, 1, 1};
  /* SOI, SOF55 of 60000 x 60000, 1 component of 8 bits (T.87 C.2.2) */
  const uint8_t jpegls[] = {0xFF, 0xD8, 0xFF, 0xF7, 0, 11, 8, 0xEA, 0x60, 0xEA, 0x60, 1, 1, 0x11, 0, 0xFF, 0xD9};
  const struct {
    CmCodecFn codec;
    CmCodecInput input;
  } cases[] = {{cm__codec_jpeg, {jpeg, sizeof jpeg}},
               {cm__codec_j2k, {j2k, sizeof j2k}},
               {cm__codec_jpegls, {jpegls, sizeof jpegls}},
               {cm__codec_jpeg, {jpeg, 3}},
               {cm__codec_j2k, {j2k, 3}},
               {cm__codec_deflate, {j2k, 3}}};
  for (int i = 0; i < CM_COUNT(cases); i++) {
    CmError *err = NULL;
    assert_false(cases[i].codec(ctx, cases[i].input, &shape, cells, &coded, &err));
    assert_int_equal(cm_error_code(err), CM_ERR_FORMAT);
    cm_error_free(&err);
    assert_int_equal(cells[0], 9);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rle_example),        cmocka_unit_test(test_rle_byte_order),
      cmocka_unit_test(test_packed_bits),        cmocka_unit_test(test_bit_places),
      cmocka_unit_test(test_ybr_full),           cmocka_unit_test(test_windows),
      cmocka_unit_test(test_values_fit_or_fail), cmocka_unit_test(test_shapes_must_agree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
