#include "core/text.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/table.h"

void cm__text_start(CmTextBuffer *buffer, CmContext *ctx, CmError **err) {
  *buffer = (CmTextBuffer){.ctx = ctx, .err = err};
}

void cm__text_add_n(CmTextBuffer *buffer, const char *text, size_t size) {
  if (buffer->failed) return;
  if (buffer->size + size + 1 > buffer->room) {
    size_t room = (buffer->size + size + 1) * 2 + 256;
    char *grown = cm_realloc(buffer->ctx, buffer->text, room, buffer->err);
    if (!grown) {
      buffer->failed = true;
      return;
    }
    buffer->text = grown;
    buffer->room = room;
  }
  memcpy(buffer->text + buffer->size, text, size);
  buffer->size += size;
  buffer->text[buffer->size] = 0;
}

void cm__text_add(CmTextBuffer *buffer, const char *text) {
  cm__text_add_n(buffer, text, strlen(text));
}

void cm__text_addf(CmTextBuffer *buffer, const char *format, ...) {
  char small[512];
  va_list args;
  va_start(args, format);
  int size = vsnprintf(small, sizeof small, format, args);
  va_end(args);
  if (size < 0) return;
  if ((size_t)size < sizeof small) {
    cm__text_add_n(buffer, small, (size_t)size);
    return;
  }
  char *large = NULL;
  va_start(args, format);
  size = vasprintf(&large, format, args);
  va_end(args);
  if (size < 0) {
    cm_error_set(buffer->failed ? NULL : buffer->err, CM_ERR_MEMORY, "no memory for a text");
    buffer->failed = true;
    return;
  }
  cm__text_add_n(buffer, large, (size_t)size);
  free(large);
}

static void add_json_character(CmTextBuffer *buffer, unsigned char c) {
  static const char escapes[] = {'"', '\\', '\b', '\f', '\n', '\r', '\t', 0};
  static const char letters[] = "\"\\bfnrt";
  const char *at = c ? strchr(escapes, c) : NULL;
  if (at)
    cm__text_addf(buffer, "\\%c", letters[at - escapes]);
  else
    cm__text_addf(buffer, "\\u%04x", c);
}

void cm__text_add_json(CmTextBuffer *buffer, const char *text) {
  if (!text) {
    cm__text_add(buffer, "null");
    return;
  }
  cm__text_add_n(buffer, "\"", 1);
  while (*text) {
    size_t plain = 0;
    while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' && text[plain] != '\\') plain++;
    cm__text_add_n(buffer, text, plain);
    text += plain;
    if (*text) add_json_character(buffer, (unsigned char)*text++);
  }
  cm__text_add_n(buffer, "\"", 1);
}

void cm__text_add_real(CmTextBuffer *buffer, double value) {
  char text[32];
  cm__text_add(buffer, isfinite(value) ? cm_real_text(value, text) : "null");
}

char *cm__text_finish(CmTextBuffer *buffer) {
  if (!buffer->failed && !buffer->text) cm__text_add_n(buffer, "", 0);
  if (buffer->failed) {
    cm_free(buffer->text);
    buffer->text = NULL;
  }
  return buffer->text;
}

/* The C locale, so that a comma in the user's locale changes nothing. glibc hands out a static object for "C". */
static double c_strtod(const char *text, char **end) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  double value = plain ? strtod_l(text, end, plain) : strtod(text, end);
  if (plain) freelocale(plain);
  return value;
}

#if LDBL_MANT_DIG == 64
static uint64_t take_digits(const char **text, uint64_t digits, int *count) {
  for (; **text >= '0' && **text <= '9'; ++*text) {
    digits = digits * 10 + (uint64_t)(**text - '0');     /* may wrap where there are too many: then it is not used */
    *count += *count < 20 && (*count > 0 || digits > 0); /* from 20 on there are too many */
  }
  return digits;
}

/* Up to 19 digits, scaled by a power of ten that 64 bits hold: the one rounding to 64 bits tells the nearest double
 * unless it ends half way between two (Clinger: How to read floating point numbers accurately, PLDI 1990). False where
 * this way does not serve, and strtod() decides. */
static bool parse_short_real(const char *text, double *value) {
  static const long double power[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
                                      1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
                                      1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
  const int most = (int)(sizeof power / sizeof *power) - 1;
  bool negative = *text == '-';
  int count = 0, scale = 0;
  text += negative;
  const char *from = text;
  uint64_t digits = take_digits(&text, 0, &count), bits;
  if (text == from) return false;
  if (*text == '.') {
    from = ++text;
    digits = take_digits(&text, digits, &count);
    scale = (int)(from - text < -1000 ? -1000 : from - text);
  }
  if (*text || count > 19 || -scale > most) return false;
  if (!digits) {
    *value = negative ? -0.0 : 0.0;
    return true;
  }
  long double number = (long double)digits / power[-scale];
  memcpy(&bits, &number, sizeof bits);
  if ((bits & 0x7ff) >= 0x3ff && (bits & 0x7ff) <= 0x401) return false;
  *value = (double)(negative ? -number : number);
  return true;
}
#else
static bool parse_short_real(const char *text, double *value) {
  (void)text, (void)value;
  return false;
}
#endif

bool cm__parse_real(const char *text, double *value) {
  if (parse_short_real(text, value)) return true;
  static const char *const infinite[] = {"inf", "+inf", "-inf"};
  for (int i = 0; i < CM_COUNT(infinite); i++) {
    if (strcmp(text, infinite[i])) continue;
    *value = i == 2 ? -INFINITY : INFINITY;
    return true;
  }
  if (!*text || strspn(text, "+-.0123456789eE") != strlen(text)) return false;
  char *end;
  double parsed = c_strtod(text, &end);
  if (*end || !isfinite(parsed)) return false;
  *value = parsed;
  return true;
}

bool cm__parse_int(const char *text, int64_t *value) {
  size_t sign = *text == '-' || *text == '+';
  if (!text[sign] || strspn(text + sign, "0123456789") != strlen(text + sign)) return false;
  errno = 0;
  long long parsed = strtoll(text, NULL, 10);
  if (errno) return false;
  *value = parsed;
  return true;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar (Fliegel and Van Flandern 1968). */
static double days(int year, int month, int day) {
  int a = (month - 14) / 12;
  return day - 32075 + 1461 * (year + 4800 + a) / 4 + 367 * (month - 2 - a * 12) / 12 -
         3 * ((year + 4900 + a) / 100) / 4 - 2440588;
}

bool cm__parse_time(const char *text, double *seconds) {
  int year, month, day, used = 0, hour = 0, minute = 0;
  double second = 0;
  bool read = sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) == 3 && used == 10;
  if (!read) read = sscanf(text, "%4d%2d%2d%n", &year, &month, &day, &used) == 3 && used == 8;
  if (!read || month < 1 || month > 12 || day < 1 || day > 31) return false;
  text += used;
  if (*text == 'T' || *text == ' ') {
    used = 0;
    if (sscanf(text + 1, "%2d:%2d%n", &hour, &minute, &used) != 2 || !used || hour > 24 || minute > 59) return false;
    text += 1 + used;
    if (*text == ':') {
      const size_t length = strspn(text + 1, "0123456789."); /* no sign, exponent or nan */
      used = 0;
      if (sscanf(text + 1, "%20lf%n", &second, &used) != 1 || (size_t)used != length || second > 61) return false;
      text += 1 + used;
    }
    if (*text == 'Z') text++;
  }
  *seconds = days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
  return !*text;
}

const char *cm_real_text(double value, char to[32]) {
  if (!isfinite(value)) {
    snprintf(to, 32, "%s", isnan(value) ? "" : value > 0 ? "inf" : "-inf");
    return to;
  }
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(to, 32, "%.*g", digits, value);
    char *comma = strchr(to, ','); /* a user's locale */
    if (comma) *comma = '.';
    if (digits == 17 || c_strtod(to, NULL) == value) break;
  }
  return to;
}
