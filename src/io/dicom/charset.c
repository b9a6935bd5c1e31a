#include "io/dicom/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/base.h"

#define ESCAPE 0x1B

/* How the bytes of a code element are turned into characters. */
typedef enum Kind {
  ASCII,    /* ISO IR 6, and the Latin half of JIS X 0201 (ISO IR 14) */
  SINGLE,   /* high bytes by iconv, one at a time */
  KATAKANA, /* ISO IR 13 */
  JIS208,   /* two 7-bit bytes in G0 */
  JIS212,
  DOUBLE, /* two high bytes in G1 by iconv */
  WHOLE,  /* the value as a whole by iconv: no code extensions */
  UTF8,
  UNKNOWN,
} Kind;

typedef struct Set {
  int ir;           /* ISO registration number; 0: by name */
  const char *name; /* of terms without a number */
  Kind kind;
  const char *iconv;  /* what iconv calls it */
  const char *escape; /* behind ESC */
} Set;

static const Set sets[] = {
    {6, NULL, ASCII, NULL, "(B"},
    {14, NULL, ASCII, NULL, "(J"},
    {100, NULL, SINGLE, "ISO-8859-1", "-A"},
    {101, NULL, SINGLE, "ISO-8859-2", "-B"},
    {109, NULL, SINGLE, "ISO-8859-3", "-C"},
    {110, NULL, SINGLE, "ISO-8859-4", "-D"},
    {144, NULL, SINGLE, "ISO-8859-5", "-L"},
    {127, NULL, SINGLE, "ISO-8859-6", "-G"},
    {126, NULL, SINGLE, "ISO-8859-7", "-F"},
    {138, NULL, SINGLE, "ISO-8859-8", "-H"},
    {148, NULL, SINGLE, "ISO-8859-9", "-M"},
    {203, NULL, SINGLE, "ISO-8859-15", "-b"},
    {166, NULL, SINGLE, "TIS-620", "-T"},
    {13, NULL, KATAKANA, NULL, ")I"},
    {87, NULL, JIS208, "EUC-JP", "$B"},
    {159, NULL, JIS212, "EUC-JP", "$(D"},
    {149, NULL, DOUBLE, "EUC-KR", "$)C"},
    {58, NULL, DOUBLE, "EUC-CN", "$)A"},
    {192, NULL, UTF8, NULL, NULL},
    {0, "GB18030", WHOLE, "GB18030", NULL},
    {0, "GBK", WHOLE, "GBK", NULL},
};

static const Set default_set = {6, NULL, SINGLE, "ISO-8859-1", NULL}; /* what high bytes are taken for */
static const Set ascii_set = {6, NULL, ASCII, NULL, NULL};
static const Set unknown_set = {0, NULL, UNKNOWN, NULL, NULL};

/* The set of a defined term, however its separators are written ("ISO_IR 100", "ISO 2022 IR 100", "ISO-IR 100"). */
static const Set *set_of_term(const char *term, size_t length) {
  while (length && (term[length - 1] == ' ' || !term[length - 1])) length--;
  while (length && *term == ' ') term++, length--;
  if (!length) return &default_set;
  size_t at = 0;
  while (at + 2 <= length && memcmp(term + at, "IR", 2) != 0) at++;
  int number = 0;
  if (at + 2 <= length) {
    for (at += 2; at < length && (term[at] < '0' || term[at] > '9'); at++) continue;
    for (; at < length && term[at] >= '0' && term[at] <= '9' && number < 10000; at++)
      number = number * 10 + term[at] - '0';
  }
  if (number == 6) return &default_set;
  for (int i = 0; i < CM_COUNT(sets); i++) {
    if (number ? sets[i].ir == number
               : sets[i].name && strlen(sets[i].name) == length && !memcmp(sets[i].name, term, length))
      return &sets[i];
  }
  return &unknown_set;
}

bool cm__dicom_charset_known(const char *term) {
  return set_of_term(term, strlen(term))->kind != UNKNOWN;
}

static void add_code_point(CmTextBuffer *out, uint32_t c) {
  char utf8[4];
  size_t size = 3;
  if (c < 0x800) {
    utf8[0] = (char)(0xC0 | c >> 6);
    utf8[1] = (char)(0x80 | (c & 63));
    size = 2;
  } else {
    utf8[0] = (char)(0xE0 | c >> 12);
    utf8[1] = (char)(0x80 | (c >> 6 & 63));
    utf8[2] = (char)(0x80 | (c & 63));
  }
  cm__text_add_n(out, utf8, size);
}

static void add_replacement(CmTextBuffer *out) {
  add_code_point(out, 0xFFFD);
}

/* Converts by iconv; a byte that it does not understand becomes U+FFFD. */
static void add_by_iconv(CmTextBuffer *out, const char *from, const uint8_t *bytes, size_t size) {
  iconv_t machine = iconv_open("UTF-8", from);
  if (machine == (iconv_t)-1) {
    for (size_t i = 0; i < size; i++) add_replacement(out);
    return;
  }
  char *in = (char *)bytes; /* iconv does not write to it */
  while (size) {
    char piece[512], *to = piece;
    size_t room = sizeof piece;
    size_t result = iconv(machine, &in, &size, &to, &room);
    int why = errno;
    cm__text_add_n(out, piece, (size_t)(to - piece));
    if (result != (size_t)-1 || why == E2BIG) continue;
    add_replacement(out);
    in++;
    size--;
  }
  iconv_close(machine);
}

static void add_utf8(CmTextBuffer *out, const uint8_t *bytes, size_t size) {
  size_t begin = 0;
  for (size_t i = 0; i <= size; i++) {
    if (i < size && bytes[i]) continue;
    if (i > begin) add_by_iconv(out, "UTF-8", bytes + begin, i - begin); /* checks the encoding */
    begin = i + 1;
  }
}

/* A value whose bytes are no code elements of 7 bits: zero bytes dropped, the rest by iconv. */
static void add_whole(CmTextBuffer *out, const Set *set, const uint8_t *bytes, size_t size) {
  while (size && !bytes[size - 1]) size--;
  add_by_iconv(out, set->iconv, bytes, size);
}

/* Two 7-bit bytes of JIS X 0208 or 0212 as EUC-JP. */
static void add_jis(CmTextBuffer *out, const Set *set, const uint8_t *pair) {
  uint8_t euc[3] = {0x8F, (uint8_t)(pair[0] | 0x80), (uint8_t)(pair[1] | 0x80)};
  bool supplement = set->kind == JIS212;
  add_by_iconv(out, set->iconv, euc + !supplement, supplement ? 3 : 2);
}

static void add_high_run(CmTextBuffer *out, const Set *set, const uint8_t *bytes, size_t size) {
  switch (set->kind) {
    case SINGLE:
    case DOUBLE:
      add_by_iconv(out, set->iconv, bytes, size);
      return;
    case KATAKANA:
      for (size_t i = 0; i < size; i++)
        if (bytes[i] >= 0xA1 && bytes[i] <= 0xDF)
          add_code_point(out, 0xFF61u + bytes[i] - 0xA1u);
        else
          add_replacement(out);
      return;
    default:
      for (size_t i = 0; i < size; i++) add_replacement(out);
  }
}

/* The set that an escape sequence at `bytes` (behind ESC) announces, and its length; NULL: none that DICOM knows. */
static const Set *set_of_escape(const uint8_t *bytes, size_t size, size_t *length) {
  for (int i = 0; i < CM_COUNT(sets); i++) {
    *length = sets[i].escape ? strlen(sets[i].escape) : 0;
    if (*length && *length <= size && !memcmp(sets[i].escape, bytes, *length)) return &sets[i];
  }
  return NULL;
}

static bool ends_extension(uint8_t c, CmDicomDelimiters delimiters) {
  if (c == '\r' || c == '\n' || c == '\f' || c == '\t') return true;
  if (c == '\\') return delimiters != CM__TEXT_ONE_VALUE;
  return delimiters == CM__TEXT_NAMES && (c == '^' || c == '=');
}

/* ISO 2022: G0 holds 7-bit code elements, G1 those with the high bit; escapes change them, delimiters bring the first
 * ones back. */
static void add_extended(CmTextBuffer *out, const Set *first, const uint8_t *bytes, size_t size,
                         CmDicomDelimiters delimiters) {
  const Set *g0 = &ascii_set, *g1 = first;
  for (size_t i = 0; i < size;) {
    uint8_t c = bytes[i];
    size_t length = 0;
    const Set *announced = c == ESCAPE ? set_of_escape(bytes + i + 1, size - i - 1, &length) : NULL;
    if (announced) {
      bool is_g0 = announced->kind == ASCII || announced->kind == JIS208 || announced->kind == JIS212;
      if (is_g0)
        g0 = announced;
      else
        g1 = announced;
      i += 1 + length;
    } else if (c >= 0x80) {
      size_t end = i + 1;
      while (end < size && bytes[end] >= 0x80) end++;
      add_high_run(out, g1, bytes + i, end - i);
      i = end;
    } else if (g0->kind != ASCII && c > 0x20 && c < 0x7F && i + 1 < size && bytes[i + 1] > 0x20 &&
               bytes[i + 1] < 0x7F) {
      add_jis(out, g0, bytes + i);
      i += 2;
    } else {
      if (ends_extension(c, delimiters)) {
        g0 = &ascii_set;
        g1 = first;
      }
      if (c) cm__text_add_n(out, (const char *)&c, 1);
      i++;
    }
  }
}

void cm__dicom_to_utf8(const uint8_t *bytes, uint64_t size, const uint8_t *charset, uint32_t charset_length,
                       CmDicomDelimiters delimiters, CmTextBuffer *out) {
  uint64_t plain = 0;
  while (plain < size && bytes[plain] < 0x80 && bytes[plain] != ESCAPE && bytes[plain]) plain++;
  if (plain == size) {
    cm__text_add_n(out, (const char *)bytes, (size_t)size);
    return;
  }
  const uint8_t *stop = charset_length ? memchr(charset, '\\', charset_length) : NULL;
  size_t first_length = stop ? (size_t)(stop - charset) : charset_length;
  const Set *first = first_length ? set_of_term((const char *)charset, first_length) : &default_set;
  if (first->kind == UTF8)
    add_utf8(out, bytes, (size_t)size);
  else if (first->kind == WHOLE)
    add_whole(out, first, bytes, (size_t)size);
  else
    add_extended(out, first, bytes, (size_t)size, delimiters);
}
