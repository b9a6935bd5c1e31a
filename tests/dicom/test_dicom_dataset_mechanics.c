/* What writers do to data sets, and what a reader must say of each: hand-made bytes (PS3.5 6 and 7, PS3.10 7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cormack/dicom.h"
#include "dicom/dicom_bytes.h"
#include "io/dicom/dicom_file.h"

#define UNDEFINED 0xFFFFFFFFu
#define ITEM 0xFFFEE000u
#define ITEM_END 0xFFFEE00Du
#define SEQUENCE_END 0xFFFEE0DDu

static CmContext *ctx;

static int set_up(void **state) {
  (void)state;
  ctx = cm_context_create(NULL, NULL);
  return ctx ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  return cm_context_destroy(&ctx) == 0 ? 0 : -1;
}

static CmDicom *parsed(const Bytes *bytes) {
  CmError *err = NULL;
  CmDicom *dicom = cm_dicom_parse(ctx, bytes->at, bytes->size, "made", CM_DICOM_WHOLE, &err);
  if (!dicom) fail_msg("%s", cm_error_text(err));
  return dicom;
}

static void assert_refused(const Bytes *bytes, const char *word) {
  for (int scope = 0; scope < 2; scope++) {
    CmError *err = NULL;
    CmDicom *dicom = cm_dicom_parse(ctx, bytes->at, bytes->size, "made", (CmDicomScope)scope, &err);
    assert_null(dicom);
    if (!strstr(cm_error_text(err), word) || strncmp(cm_error_text(err), "made: ", 6) != 0)
      fail_msg("expected «%s» in: %s", word, cm_error_text(err));
    assert_int_equal(cm_error_code(err), CM_ERR_FORMAT);
    cm_error_free(&err);
  }
}

static void assert_text(CmDicomSet set, uint32_t tag, const char *expected) {
  char text[256];
  const char *got = cm_dicom_text(set, tag, text, sizeof text);
  if (!expected)
    assert_null(got);
  else
    assert_string_equal(got ? got : "(nothing)", expected);
}

static void test_meta_without_length_or_preamble(void **state) {
  (void)state;
  Bytes whole = {.size = 0};
  put_file(&whole, "1.2.840.10008.1.2.1");
  put_text(&whole, 0x00100020, "LO", "P1");
  CmDicom *dicom = parsed(&whole);
  assert_text(cm_dicom_root(dicom), 0x00100020, "P1");
  assert_string_equal(cm_dicom_transfer_syntax(dicom), "1.2.840.10008.1.2.1");
  assert_text(cm_dicom_meta(dicom), 0x00020010, "1.2.840.10008.1.2.1");
  cm_dicom_close(&dicom);
  Bytes bare = {.size = 0}; /* the same without preamble and mark */
  put(&bare, whole.at + 132, whole.size - 132);
  dicom = parsed(&bare);
  assert_text(cm_dicom_root(dicom), 0x00100020, "P1");
  cm_dicom_close(&dicom);
}

static void test_bare_data_sets(void **state) {
  (void)state;
  Bytes bytes = {.size = 0};
  put_head(&bytes, 0x00080060, 2);
  put(&bytes, "CT", 2);
  put_head(&bytes, 0x00100020, 2);
  put(&bytes, "P2", 2);
  assert_true(cm_dicom_detect(bytes.at, bytes.size));
  CmDicom *dicom = parsed(&bytes);
  assert_string_equal(cm_dicom_transfer_syntax(dicom), "1.2.840.10008.1.2");
  CmDicomElement element;
  assert_true(cm_dicom_find(cm_dicom_root(dicom), 0x00080060, &element));
  assert_int_equal(element.vr, CM_VR('C', 'S')); /* from the dictionary */
  assert_text(cm_dicom_root(dicom), 0x00100020, "P2");
  cm_dicom_close(&dicom);
  Bytes other = {.size = 0};
  put(&other, "GIF89a and so on, at least more than a header", 46);
  assert_false(cm_dicom_detect(other.at, other.size));
  assert_refused(&other, "not a DICOM file");
}

static void test_syntax_that_lies(void **state) {
  (void)state;
  Bytes bytes = {.size = 0};
  put_file(&bytes, "1.2.840.10008.1.2.1"); /* says explicit, is implicit */
  put_head(&bytes, 0x00100020, 2);
  put(&bytes, "P3", 2);
  CmDicom *dicom = parsed(&bytes);
  assert_text(cm_dicom_root(dicom), 0x00100020, "P3");
  cm_dicom_close(&dicom);
  bytes.size = 0;
  put_file(&bytes, NULL); /* says nothing */
  put_text(&bytes, 0x00080060, "CS", "MR");
  put_text(&bytes, 0x00100020, "LO", "P4");
  dicom = parsed(&bytes);
  assert_text(cm_dicom_root(dicom), 0x00100020, "P4");
  cm_dicom_close(&dicom);
}

static void test_odd_vrs(void **state) {
  (void)state;
  Bytes bytes = {.size = 0};
  put_file(&bytes, "1.2.840.10008.1.2.1");
  put_text(&bytes, 0x00080060, "ZZ", "CT"); /* letters that are no VR, short form */
  put_long(&bytes, 0x00091001, "YY", 4);    /* the long form that new VRs are to have */
  put(&bytes, "abcd", 4);
  put_head(&bytes, 0x00100020, 2); /* implicit in between */
  put(&bytes, "P5", 2);
  put_long(&bytes, 0x00100030, "UN", 8); /* a known tag under UN */
  put(&bytes, "20200101", 8);
  put_text(&bytes, 0x00100040, "CS", "F ");
  CmDicom *dicom = parsed(&bytes);
  CmDicomElement element;
  assert_true(cm_dicom_find(cm_dicom_root(dicom), 0x00091001, &element));
  assert_int_equal(element.length, 4);
  assert_text(cm_dicom_root(dicom), 0x00100020, "P5");
  assert_text(cm_dicom_root(dicom), 0x00100030, "20200101");
  assert_text(cm_dicom_root(dicom), 0x00100040, "F");
  cm_dicom_close(&dicom);
}

static void test_sequences(void **state) {
  (void)state;
  Bytes bytes = {.size = 0};
  put_file(&bytes, "1.2.840.10008.1.2.1");
  put_long(&bytes, 0x00081115, "SQ", UNDEFINED);
  put_head(&bytes, ITEM, UNDEFINED); /* explicit */
  put_text(&bytes, 0x00080060, "CS", "CT");
  put_head(&bytes, ITEM_END, 0);
  put_head(&bytes, ITEM, 10); /* implicit inside explicit, as some scanners write */
  put_head(&bytes, 0x00080060, 2);
  put(&bytes, "MR", 2);
  put_head(&bytes, ITEM, 0); /* empty */
  put_head(&bytes, SEQUENCE_END, 0);
  put_long(&bytes, 0x00081140, "UN", UNDEFINED); /* CP-246: implicit little endian inside */
  put_head(&bytes, ITEM, UNDEFINED);
  put_head(&bytes, 0x00081155, 4);
  put(&bytes, "1.2\0", 4);
  put_head(&bytes, SEQUENCE_END, 0); /* the item's delimiter was forgotten */
  put_head(&bytes, ITEM_END, 0);     /* one too many */
  put_text(&bytes, 0x00100020, "LO", "P6");
  CmDicom *dicom = parsed(&bytes);
  CmDicomElement sequence;
  CmDicomSet item;
  uint64_t at = 0;
  assert_true(cm_dicom_find(cm_dicom_root(dicom), 0x00081115, &sequence));
  assert_int_equal(cm_dicom_item_count(&sequence), 3);
  assert_true(cm_dicom_item(&sequence, &at, &item));
  assert_text(item, 0x00080060, "CT");
  assert_true(cm_dicom_item(&sequence, &at, &item));
  assert_text(item, 0x00080060, "MR");
  assert_true(cm_dicom_item(&sequence, &at, &item));
  assert_text(item, 0x00080060, NULL);
  assert_false(cm_dicom_item(&sequence, &at, &item));
  assert_true(cm_dicom_first_item(cm_dicom_root(dicom), 0x00081140, &item));
  assert_text(item, 0x00081155, "1.2");
  assert_text(cm_dicom_root(dicom), 0x00100020, "P6");
  cm_dicom_close(&dicom);
}

static void test_depth_is_limited(void **state) {
  (void)state;
  for (int depth = CM_DICOM_MAX_DEPTH; depth <= CM_DICOM_MAX_DEPTH + 1; depth++) {
    Bytes bytes = {.size = 0};
    put_file(&bytes, "1.2.840.10008.1.2.1");
    for (int i = 0; i < depth; i++) {
      put_long(&bytes, 0x00081115, "SQ", UNDEFINED);
      put_head(&bytes, ITEM, UNDEFINED);
    }
    for (int i = 0; i < depth; i++) {
      put_head(&bytes, ITEM_END, 0);
      put_head(&bytes, SEQUENCE_END, 0);
    }
    if (depth > CM_DICOM_MAX_DEPTH) {
      assert_refused(&bytes, "nested more than 64 deep");
      continue;
    }
    CmDicom *dicom = parsed(&bytes);
    CmDicomSet set = cm_dicom_root(dicom);
    for (int i = 0; i < depth; i++) assert_true(cm_dicom_first_item(set, 0x00081115, &set));
    assert_int_equal(set.depth, CM_DICOM_MAX_DEPTH);
    cm_dicom_close(&dicom);
  }
}

static void test_every_truncation_is_told(void **state) {
  (void)state;
  Bytes bytes = {.size = 0};
  put_file(&bytes, "1.2.840.10008.1.2.1");
  size_t meta = bytes.size;
  put_text(&bytes, 0x00080060, "CS", "CT");
  put_long(&bytes, 0x00081115, "SQ", UNDEFINED);
  put_head(&bytes, ITEM, UNDEFINED);
  put_text(&bytes, 0x00080060, "CS", "CT");
  put_head(&bytes, ITEM_END, 0);
  put_head(&bytes, SEQUENCE_END, 0);
  size_t whole = bytes.size;
  put_long(&bytes, 0x7FE00010, "OW", 8);
  put(&bytes, "pixels!!", 8);
  for (size_t size = meta + 1; size < bytes.size; size++) {
    if (size == whole || size == meta + 10) continue; /* between two elements nothing is missing */
    Bytes cut = bytes;
    cut.size = size;
    assert_refused(&cut, "get the whole file");
  }
  CmDicom *dicom = parsed(&bytes);
  cm_dicom_close(&dicom);
}

static void test_header_scope_stops(void **state) {
  (void)state;
  Bytes bytes = {.size = 0};
  put_file(&bytes, "1.2.840.10008.1.2.5");
  put_text(&bytes, 0x00080060, "CS", "CT");
  put_long(&bytes, 0x7FE00010, "OB", UNDEFINED);
  put_head(&bytes, ITEM, 0);
  put_head(&bytes, ITEM, 4);
  put(&bytes, "abcd", 4);
  put_head(&bytes, SEQUENCE_END, 0);
  put(&bytes, "\0\0\0\0\0\0\0\0\0\0", 10); /* padding behind the data set */
  CmDicom *dicom = parsed(&bytes);
  CmDicomElement pixels;
  const uint8_t *fragment;
  uint64_t at = 0, size;
  assert_true(cm_dicom_find(cm_dicom_root(dicom), 0x7FE00010, &pixels));
  assert_true(pixels.undefined_length);
  assert_true(cm__dicom_fragment(&pixels, &at, &fragment, &size) && size == 0);
  assert_true(cm__dicom_fragment(&pixels, &at, &fragment, &size) && size == 4 && !memcmp(fragment, "abcd", 4));
  assert_false(cm__dicom_fragment(&pixels, &at, &fragment, &size));
  cm_dicom_close(&dicom);
  dicom = cm_dicom_parse(ctx, bytes.at, bytes.size, "made", CM_DICOM_HEADER, NULL);
  assert_non_null(dicom);
  assert_true(cm_dicom_find(cm_dicom_root(dicom), 0x7FE00010, &pixels));
  assert_null(pixels.value);
  assert_true(pixels.undefined_length);
  cm_dicom_close(&dicom);
}

/* Cut at every byte: whole elements in front of the cut are there, nothing else, and only a file without a data set is
 * refused. */
static void test_remains_of_a_cut_file(void **state) {
  (void)state;
  Bytes bytes = {.size = 0};
  put_file(&bytes, "1.2.840.10008.1.2.1");
  size_t head = bytes.size;
  put_text(&bytes, 0x00080060, "CS", "CT");
  size_t modality = bytes.size;
  put_text(&bytes, 0x0020000E, "UI", "1.2.3.4");
  size_t series = bytes.size;
  put_long(&bytes, 0x7FE00010, "OW", 64);
  put(&bytes, (char[64]){0}, 64);
  for (size_t size = head + 8; size < bytes.size; size++) {
    char text[65] = "";
    assert_true(size == modality || size == series ||
                !cm_dicom_parse(ctx, bytes.at, size, "cut", CM_DICOM_WHOLE, NULL));
    CmDicom *remains = cm_dicom_parse(ctx, bytes.at, size, "cut", CM_DICOM_REMAINS, NULL);
    assert_non_null(remains);
    assert_int_equal(cm_dicom_text(cm_dicom_root(remains), 0x00080060, text, sizeof text) != NULL, size >= modality);
    assert_int_equal(cm_dicom_text(cm_dicom_root(remains), 0x0020000E, text, sizeof text) != NULL, size >= series);
    assert_true(size < series || !strcmp(text, "1.2.3.4"));
    cm_dicom_close(&remains);
  }
}

static void test_numbers(void **state) {
  (void)state;
  Bytes bytes = {.size = 0};
  put_file(&bytes, "1.2.840.10008.1.2.1");
  put_text(&bytes, 0x00181164, "DS", " +1.5e1\\-2 \\\\x");
  put_text(&bytes, 0x00200013, "IS", " -12 ");
  put_tag(&bytes, 0x00280106); /* SmallestImagePixelValue, US or SS */
  put(&bytes, "SS\2\0\xFE\xFF", 6);
  put_tag(&bytes, 0x00189073);
  put(&bytes, "FD\x08\0", 4);
  put(&bytes, (double[]){0.1}, 8);
  put_long(&bytes, 0x7FE00001, "OV", 8);
  put(&bytes, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8);
  CmDicom *dicom = parsed(&bytes);
  CmDicomSet root = cm_dicom_root(dicom);
  double values[4], real;
  int64_t integer;
  assert_int_equal(cm_dicom_reals(root, 0x00181164, values, 4), 4);
  assert_true(values[0] == 15 && values[1] == -2 && values[2] != values[2] && values[3] != values[3]);
  assert_false(cm_dicom_real(root, 0x00181164, 2, &real));
  assert_false(cm_dicom_real(root, 0x00181164, 4, &real));
  assert_true(cm_dicom_int(root, 0x00200013, 0, &integer) && integer == -12);
  assert_true(cm_dicom_int(root, 0x00280106, 0, &integer) && integer == -2);
  assert_true(cm_dicom_real(root, 0x00189073, 0, &real) && real == 0.1);
  assert_false(cm_dicom_int(root, 0x00189073, 0, &integer));
  assert_false(cm_dicom_int(root, 0x7FE00001, 0, &integer)); /* more than 63 bits hold */
  assert_false(cm_dicom_real(root, 0x00100010, 0, &real));
  cm_dicom_close(&dicom);
}

static void test_text_is_cut_on_an_edge(void **state) {
  (void)state;
  Bytes bytes = {.size = 0};
  put_file(&bytes, "1.2.840.10008.1.2.1");
  put_text(&bytes, 0x00080005, "CS", "ISO_IR 192");
  put_text(&bytes, 0x00100010, "PN",
           "a\xC3\xA4"
           "b");
  CmDicom *dicom = parsed(&bytes);
  char text[3];
  assert_string_equal(cm_dicom_text(cm_dicom_root(dicom), 0x00100010, text, sizeof text), "a");
  char enough[5];
  assert_string_equal(cm_dicom_text(cm_dicom_root(dicom), 0x00100010, enough, sizeof enough),
                      "a\xC3\xA4"
                      "b");
  cm_dicom_close(&dicom);
}

static void test_dictionary(void **state) {
  (void)state;
  uint32_t tag;
  assert_string_equal(cm_dicom_keyword(0x00100020), "PatientID");
  assert_string_equal(cm_dicom_keyword(0x60020010), "OverlayRows"); /* repeating group */
  assert_null(cm_dicom_keyword(0x00091001));
  assert_true(cm_dicom_tag("PixelData", &tag) && tag == 0x7FE00010);
  assert_true(cm_dicom_tag("(0018,0050)", &tag) && tag == 0x00180050);
  assert_true(cm_dicom_tag("0018,0050", &tag) && tag == 0x00180050);
  assert_false(cm_dicom_tag("NoSuchThing", &tag));
  assert_int_equal(cm_dicom_vr(0x00090010), CM_VR('L', 'O')); /* private creator */
  assert_int_equal(cm_dicom_vr(0x00091001), CM_VR('U', 'N'));
  assert_string_equal(cm_dicom_vm(0x00200032), "3");
  assert_string_equal(cm_dicom_uid_name("1.2.840.10008.5.1.4.1.1.2"), "CT Image Storage");
  assert_null(cm_dicom_uid_name("1.2.3"));
}

static void test_paths_that_are_no_files(void **state) {
  (void)state;
  static const char *const paths[] = {"/", "/dev/null", "/no/such/file"};
  for (int i = 0; i < 3; i++)
    for (int scope = 0; scope < 2; scope++) {
      CmError *err = NULL;
      assert_null(cm_dicom_open(ctx, paths[i], (CmDicomScope)scope, &err));
      assert_non_null(strstr(cm_error_text(err), paths[i]));
      cm_error_free(&err);
      assert_false(cm_dicom_sniff(paths[i]));
    }
}

/* Every allocation fails in turn; nothing leaks, everything is said. */
static void test_failing_allocations(void **state) {
  (void)state;
  Bytes bytes = {.size = 0};
  put_file(&bytes, "1.2.840.10008.1.2.1");
  put_text(&bytes, 0x00080005, "CS", "ISO_IR 100");
  put_text(&bytes, 0x00100010, "PN", "M\xFCller");
  put_long(&bytes, 0x00081115, "SQ", UNDEFINED);
  put_head(&bytes, ITEM, UNDEFINED);
  put_text(&bytes, 0x00100010, "PN", "J\xF6rg");
  put_head(&bytes, ITEM_END, 0);
  put_head(&bytes, SEQUENCE_END, 0);
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    CmError *err = NULL;
    cm_context_fail_allocation(ctx, nth);
    CmDicom *dicom = cm_dicom_parse(ctx, bytes.at, bytes.size, "made", CM_DICOM_WHOLE, &err);
    char *json = dicom ? cm_dicom_to_json(dicom, &err) : NULL;
    char *dump = json ? cm_dicom_dump(dicom, &err) : NULL;
    done = dump != NULL;
    assert_int_equal(cm_error_code(err), done ? CM_ERR_NONE : CM_ERR_MEMORY);
    cm_error_free(&err);
    cm_free(json);
    cm_free(dump);
    cm_dicom_close(&dicom);
    cm_context_fail_allocation(ctx, 0);
    assert_int_equal(cm_context_memory_used(ctx), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_meta_without_length_or_preamble),
      cmocka_unit_test(test_bare_data_sets),
      cmocka_unit_test(test_syntax_that_lies),
      cmocka_unit_test(test_odd_vrs),
      cmocka_unit_test(test_sequences),
      cmocka_unit_test(test_depth_is_limited),
      cmocka_unit_test(test_every_truncation_is_told),
      cmocka_unit_test(test_header_scope_stops),
      cmocka_unit_test(test_remains_of_a_cut_file),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_text_is_cut_on_an_edge),
      cmocka_unit_test(test_dictionary),
      cmocka_unit_test(test_paths_that_are_no_files),
      cmocka_unit_test(test_failing_allocations),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
