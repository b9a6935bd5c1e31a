/* oracle: numbers from text against the C library's strtod(), which rounds to the nearest: the same bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"

static void agree(const char *text) {
  double got, expected = strtod(text, NULL);
  assert_true(cm__parse_real(text, &got));
  if (memcmp(&got, &expected, sizeof got)) fail_msg("%s: %a, not %a", text, got, expected);
}

static uint64_t next(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *state ^ *state >> 29;
}

static void printed_numbers_come_back(void **unused) {
  (void)unused;
  uint64_t state = 1;
  for (int i = 0; i < 400000; i++) {
    char text[400];
    double value = ldexp((double)(int64_t)next(&state), (int)(next(&state) % 120) - 110);
    for (int digits = 13; digits <= 20; digits++) {
      snprintf(text, sizeof text, "%.*f", digits, value);
      agree(text);
    }
    snprintf(text, sizeof text, "%.17g", value);
    agree(text);
  }
}

/* Half way between two doubles, and the least beside it. */
static void halves_are_rounded_to_even(void **unused) {
  (void)unused;
  uint64_t state = 7;
  for (int i = 0; i < 200000; i++) {
    char text[64];
    uint64_t middle = (next(&state) >> 11 | UINT64_C(1) << 52) * 2 + 1; /* 54 bits */
    for (int beside = -1; beside <= 1; beside++) {
      snprintf(text, sizeof text, "%llu.%s", (unsigned long long)(middle - (beside < 0)),
               beside < 0 ? "999"
               : beside   ? "001"
                          : "000");
      agree(text);
      snprintf(text, sizeof text, "-%llu", (unsigned long long)(middle + (uint64_t)(beside + 1)));
      agree(text);
    }
  }
}

static void odd_texts(void **unused) {
  (void)unused;
  static const char *const numbers[] = {"0",
                                        "-0",
                                        "0.000",
                                        "-0.0",
                                        "5.",
                                        ".5",
                                        "-.25",
                                        "+1.5",
                                        "1e5",
                                        "1E-7",
                                        "00012.50",
                                        "9007199254740993",
                                        "18446744073709551615",
                                        "18446744073709551617",
                                        "99999999999999999999.9",
                                        "0.0000000000000000000000000000001",
                                        "0.000000000000000000000000001",
                                        "123456789012345678901234567890"};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) agree(numbers[i]);
  static const char *const others[] = {"", "-", ".", "-.", "1.2.3", "1-2", "1 ", " 1", "0x10", "1e", "--1", "1e999"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    double value;
    assert_false(cm__parse_real(others[i], &value));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(printed_numbers_come_back),
                                     cmocka_unit_test(halves_are_rounded_to_even), cmocka_unit_test(odd_texts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
