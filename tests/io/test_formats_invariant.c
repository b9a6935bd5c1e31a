/* What goes out comes back: every type, rank and number of components through every format that keeps them, to the last
 * bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cormack/io.h"

static CmContext *ctx;
static char folder[] = "/tmp/cormack-formats-XXXXXX";

typedef struct Case {
  const char *extension;
  uint32_t types;
  int most_rank;
  bool geometry, words; /* kept */
  uint64_t components;  /* bit c: c components are kept */
  bool upright;         /* a plane (rank 2) cannot be turned in space */
} Case;

#define ANY_COMPONENTS (1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 7)
static const Case cases[] = {
    {".nii", CM_REAL_TYPES, 4, true, true, ANY_COMPONENTS},
    {".nii.gz", CM_REAL_TYPES, 4, true, true, ANY_COMPONENTS},
    {".npy", CM_REAL_TYPES, 4, false, false, ANY_COMPONENTS},
    {".npz", CM_REAL_TYPES, 4, true, true, ANY_COMPONENTS},
    {".mha", CM_REAL_TYPES, 4, true, true, ANY_COMPONENTS, true},
    {".nrrd", CM_REAL_TYPES, 4, true, true, ANY_COMPONENTS},
    {".tif", CM_REAL_TYPES, 3, true, true, ANY_COMPONENTS},
    {".png", CM_TYPE_BIT(CM_U8) | CM_TYPE_BIT(CM_U16), 2, false, false, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4},
};

static const int64_t dims[4] = {7, 5, 3, 2};

/* Every bit pattern may come, NaN included: the bytes are what is compared. */
static CmImage *make(CmType type, int rank, int components, bool geometry, bool upright, bool words) {
  CmImage *image = cm_image_create(ctx, type, rank, dims, components, NULL);
  assert_non_null(image);
  uint8_t *data = cm_image_data_mut(image);
  uint64_t state = 88172645463325252ull;
  for (size_t i = 0; i < cm_image_bytes(image); i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    data[i] = (uint8_t)(state >> 32);
  }
  if (geometry) {
    /* a rotation by 0.3 about (1,2,2)/3, which no float holds exactly (Rodrigues' formula), with thirds and tenths for
     * sizes */
    CmGeometry g = {
        .spacing = {0.7, 1.0 / 3, 2.1}, .origin = {-123.456, 1e-3, 98.7654321}, .spacing_t = rank == 4 ? 1.7 : 1};
    const double c = 0.95533648912560598, s = 0.29552020666133960, k[3] = {1.0 / 3, 2.0 / 3, 2.0 / 3};
    const double cross[9] = {0, -k[2], k[1], k[2], 0, -k[0], -k[1], k[0], 0};
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++)
        g.direction[3 * i + j] = (i == j ? c : 0) + (1 - c) * k[i] * k[j] + s * cross[3 * i + j];
    if (upright) memcpy(g.direction, (const double[9]){0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1}, sizeof g.direction);
    assert_true(cm_image_set_geometry(image, &g, NULL));
  }
  if (words) {
    assert_true(cm_image_set_unit(image, "HU", NULL));
    assert_true(cm_image_set_meta(image, "PatientName", "M\xc3\xbcller \"the\" \\ first\nline", NULL));
    assert_true(cm_image_set_meta(image, "StudyDate", "20240229", NULL));
    if (cm_type_is_integer(type)) {
      assert_true(cm_image_set_label(image, 3, "lung, left", (const uint8_t[3]){1, 2, 255}, NULL));
      assert_true(cm_image_set_label(image, 70, "", (const uint8_t[3]){0, 0, 0}, NULL));
    }
  }
  return image;
}

static void assert_same(const CmImage *a, const CmImage *b, const Case *c) {
  assert_int_equal(cm_image_type(a), cm_image_type(b));
  assert_int_equal(cm_image_rank(a), cm_image_rank(b));
  assert_int_equal(cm_image_components(a), cm_image_components(b));
  assert_memory_equal(cm_image_dims(a), cm_image_dims(b), 4 * sizeof(int64_t));
  assert_memory_equal(cm_image_data(a), cm_image_data(b), cm_image_bytes(a));
  if (c->geometry) assert_memory_equal(cm_image_geometry(a), cm_image_geometry(b), sizeof(CmGeometry));
  if (!c->words) return;
  assert_string_equal(cm_image_unit(a), cm_image_unit(b));
  assert_int_equal(cm_image_label_count(a), cm_image_label_count(b));
  for (int i = 0; i < cm_image_label_count(a); i++) {
    CmLabel x = cm_image_label_at(a, i), y = cm_image_label_at(b, i);
    assert_int_equal(x.value, y.value);
    assert_string_equal(x.name, y.name);
    assert_memory_equal(x.rgb, y.rgb, 3);
  }
  assert_int_equal(cm_image_meta_count(a), cm_image_meta_count(b));
  for (int i = 0; i < cm_image_meta_count(a); i++) {
    const char *ka, *va, *kb, *vb;
    cm_image_meta_at(a, i, &ka, &va);
    cm_image_meta_at(b, i, &kb, &vb);
    assert_string_equal(ka, kb);
    assert_string_equal(va, vb);
  }
}

static void round_trip(const Case *c, CmType type, int rank, int components, bool full) {
  char path[128];
  snprintf(path, sizeof path, "%s/x%s", folder, c->extension);
  CmImage *image = make(type, rank, components, full && c->geometry, c->upright && rank == 2, full && c->words);
  CmError *err = NULL;
  if (!cm_image_write(ctx, image, path, NULL, &err))
    fail_msg("%s %d %d: %s", cm_type_name(type), rank, components, cm_error_text(err));
  CmImage *back = cm_image_read(ctx, path, NULL, &err);
  if (!back) fail_msg("%s %d %d: %s", cm_type_name(type), rank, components, cm_error_text(err));
  assert_same(image, back, c);
  cm_image_unref(&image);
  cm_image_unref(&back);
  unlink(path);
}

static void every_type_rank_and_format(void **state) {
  (void)state;
  for (int i = 0; i < CM_COUNT(cases); i++)
    for (int t = 0; t < CM_TYPE_COUNT; t++)
      for (int rank = 2; rank <= cases[i].most_rank; rank++)
        for (int n = 1; n < 8; n++) {
          if (!(cases[i].types & CM_TYPE_BIT(t)) || !(cases[i].components >> n & 1)) continue;
          round_trip(&cases[i], (CmType)t, rank, n, false);
          round_trip(&cases[i], (CmType)t, rank, n, true);
        }
}

/* Large enough for several members of gzip, and the same bytes with another number of threads. */
static void threads_do_not_change_the_file(void **state) {
  (void)state;
  CmImage *image = cm_image_create(ctx, CM_I16, 3, (const int64_t[]){128, 128, 100}, 1, NULL);
  int16_t *data = cm_image_data_mut(image);
  for (int64_t i = 0; i < cm_image_voxels(image); i++) data[i] = (int16_t)((i * 7919) % 1000 - (i >> 14));
  uint8_t *bytes[2];
  size_t size[2];
  for (int n = 0; n < 2; n++) {
    CmContextOptions options;
    cm_context_default_options(&options);
    options.threads = n ? 5 : 1;
    CmContext *own = cm_context_create(&options, NULL);
    char path[128];
    snprintf(path, sizeof path, "%s/t.nii.gz", folder);
    assert_true(cm_image_write(own, image, path, NULL, NULL));
    CmImage *back = cm_image_read(own, path, NULL, NULL);
    assert_non_null(back);
    assert_memory_equal(cm_image_data(back), data, cm_image_bytes(image));
    cm_image_unref(&back);
    bytes[n] = cm_file_read(ctx, path, 0, &size[n], NULL);
    unlink(path);
    assert_int_equal(cm_context_destroy(&own), 0);
  }
  assert_int_equal(size[0], size[1]);
  assert_memory_equal(bytes[0], bytes[1], size[0]);
  cm_free(bytes[0]);
  cm_free(bytes[1]);
  cm_image_unref(&image);
}

static void names_are_left_out_where_asked(void **state) {
  (void)state;
  char path[128];
  snprintf(path, sizeof path, "%s/n.nii.gz", folder);
  CmImage *image = make(CM_I16, 3, 1, false, false, true);
  CmWriteOptions options;
  cm_write_default_options(&options);
  options.anonymous = true;
  assert_true(cm_image_write(ctx, image, path, &options, NULL));
  assert_non_null(cm_image_meta(image, "PatientName"));
  CmImage *back = cm_image_read(ctx, path, NULL, NULL);
  assert_null(cm_image_meta(back, "PatientName"));
  assert_string_equal(cm_image_meta(back, "StudyDate"), "20240229");
  assert_string_equal(cm_image_unit(back), "HU");
  cm_image_unref(&image);
  cm_image_unref(&back);
  unlink(path);
}

static int start(void **state) {
  (void)state;
  ctx = cm_context_create(NULL, NULL);
  return ctx && mkdtemp(folder) ? 0 : -1;
}

static int stop(void **state) {
  (void)state;
  rmdir(folder);
  return cm_context_destroy(&ctx) ? -1 : 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_type_rank_and_format),
                                     cmocka_unit_test(threads_do_not_change_the_file),
                                     cmocka_unit_test(names_are_left_out_where_asked)};
  return cmocka_run_group_tests(tests, start, stop);
}
