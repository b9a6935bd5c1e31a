#include "io/dicom/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/dicom/charset.h"

#define TEXT(a, b, charset, many, front, pad) \
  { CM_VR(a, b), true, charset, many, front, pad, CM__NO_NUMBER }
#define NUMBER(a, b, number) \
  { CM_VR(a, b), false, false, true, false, 0, number }

static const CmDicomVrInfo vr_infos[] = {
    TEXT('A', 'E', false, true, true, ' '),
    TEXT('A', 'S', false, true, true, ' '),
    NUMBER('A', 'T', CM__TAG_NUMBER),
    TEXT('C', 'S', false, true, true, ' '),
    TEXT('D', 'A', false, true, true, ' '),
    TEXT('D', 'S', false, true, true, ' '),
    TEXT('D', 'T', false, true, true, ' '),
    NUMBER('F', 'D', CM__F64),
    NUMBER('F', 'L', CM__F32),
    TEXT('I', 'S', false, true, true, ' '),
    TEXT('L', 'O', true, true, true, ' '),
    TEXT('L', 'T', true, false, false, ' '),
    NUMBER('O', 'B', CM__U8),
    NUMBER('O', 'D', CM__F64),
    NUMBER('O', 'F', CM__F32),
    NUMBER('O', 'L', CM__U32),
    NUMBER('O', 'V', CM__U64),
    NUMBER('O', 'W', CM__U16),
    TEXT('P', 'N', true, true, false, ' '),
    TEXT('S', 'H', true, true, true, ' '),
    NUMBER('S', 'L', CM__S32),
    NUMBER('S', 'Q', CM__NO_NUMBER),
    NUMBER('S', 'S', CM__S16),
    TEXT('S', 'T', true, false, false, ' '),
    NUMBER('S', 'V', CM__S64),
    TEXT('T', 'M', false, true, true, ' '),
    TEXT('U', 'C', true, true, false, ' '),
    TEXT('U', 'I', false, true, true, 0),
    NUMBER('U', 'L', CM__U32),
    NUMBER('U', 'N', CM__U8),
    TEXT('U', 'R', false, false, false, ' '),
    NUMBER('U', 'S', CM__U16),
    TEXT('U', 'T', true, false, false, ' '),
    NUMBER('U', 'V', CM__U64),
};

const CmDicomVrInfo *cm__dicom_vr_info(uint16_t vr) {
  static const CmDicomVrInfo bytes = NUMBER('U', 'N', CM__U8);
  int low = 0, high = CM_COUNT(vr_infos);
  while (low < high) {
    int middle = (low + high) / 2;
    if (vr_infos[middle].vr == vr) return &vr_infos[middle];
    if (vr_infos[middle].vr < vr)
      low = middle + 1;
    else
      high = middle;
  }
  return &bytes;
}

int cm__dicom_number_size(CmDicomNumber number) {
  static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 4};
  return sizes[number];
}

void cm__dicom_number(const CmDicomElement *element, CmDicomNumber number, uint64_t at, int64_t *integer,
                      double *real) {
  const uint8_t *p = element->value + at * (uint64_t)cm__dicom_number_size(number);
  bool big = element->set.big_endian;
  switch (number) {
    case CM__U16:
      *integer = cm__load16(p, big);
      break;
    case CM__S16:
      *integer = (int16_t)cm__load16(p, big);
      break;
    case CM__U32:
      *integer = cm__load32(p, big);
      break;
    case CM__S32:
      *integer = (int32_t)cm__load32(p, big);
      break;
    case CM__U64: {
      uint64_t value = cm__load64(p, big);
      *integer = (int64_t)value;
      *real = (double)value;
      return;
    }
    case CM__S64:
      *integer = (int64_t)cm__load64(p, big);
      break;
    case CM__TAG_NUMBER:
      *integer = cm__load_tag(p, big);
      break;
    case CM__F32: {
      uint32_t bits = cm__load32(p, big);
      float value;
      memcpy(&value, &bits, 4);
      *real = (double)value;
      *integer = 0;
      return;
    }
    case CM__F64: {
      uint64_t bits = cm__load64(p, big);
      memcpy(real, &bits, 8);
      *integer = 0;
      return;
    }
    default:
      *integer = *p;
      break;
  }
  *real = (double)*integer;
}

/* ---- numbers in text ---- */

static bool trimmed(const char *text, size_t length, char to[65]) {
  while (length && (text[length - 1] == ' ' || !text[length - 1])) length--;
  while (length && *text == ' ') text++, length--;
  if (!length || length > 64) return false;
  for (size_t i = 0; i < length; i++)
    if (!strchr("0123456789+-.eE", text[i]) || !text[i]) return false;
  if (*text == '+') text++, length--; /* allowed by PS3.5 6.2 */
  if (!length || *text == '+') return false;
  memcpy(to, text, length);
  to[length] = 0;
  return true;
}

bool cm__dicom_parse_decimal(const char *text, size_t length, double *value) {
  char number[65];
  return trimmed(text, length, number) && cm__parse_real(number, value) && isfinite(*value);
}

bool cm__dicom_parse_integer(const char *text, size_t length, int64_t *value) {
  char number[65];
  double real;
  if (!trimmed(text, length, number)) return false;
  if (cm__parse_int(number, value)) return true;
  if (!cm__parse_real(number, &real) || rint(real) != real || fabs(real) > 9e15) return false; /* "12.0" */
  *value = (int64_t)real;
  return true;
}

/* Value `at` of characters separated by backslashes. */
static bool text_value(const CmDicomElement *element, int at, const char **text, size_t *length) {
  const char *p = (const char *)element->value, *end = p + element->length;
  while (at > 0) {
    p = p < end ? memchr(p, '\\', (size_t)(end - p)) : NULL;
    if (!p) return false;
    p++;
    at--;
  }
  const char *stop = p < end ? memchr(p, '\\', (size_t)(end - p)) : NULL;
  *text = p;
  *length = (size_t)((stop ? stop : end) - p);
  return true;
}

static bool is_number_text(uint16_t vr) {
  return vr == CM_VR('D', 'S') || vr == CM_VR('I', 'S');
}

static bool real_at(const CmDicomElement *element, int at, double *value) {
  const char *text;
  size_t length;
  int64_t integer;
  if (!element->value || at < 0) return false;
  if (is_number_text(element->vr))
    return text_value(element, at, &text, &length) && cm__dicom_parse_decimal(text, length, value);
  CmDicomNumber number = cm__dicom_vr_info(element->vr)->number;
  if (number == CM__NO_NUMBER || element->vr == CM_VR('U', 'N')) return false;
  if ((uint64_t)at >= element->length / (uint64_t)cm__dicom_number_size(number)) return false;
  cm__dicom_number(element, number, (uint64_t)at, &integer, value);
  return true;
}

bool cm_dicom_real(CmDicomSet set, uint32_t tag, int at, double *value) {
  CmDicomElement element;
  return cm_dicom_find(set, tag, &element) && real_at(&element, at, value);
}

bool cm_dicom_int(CmDicomSet set, uint32_t tag, int at, int64_t *value) {
  CmDicomElement element;
  if (!cm_dicom_find(set, tag, &element) || !element.value || at < 0) return false;
  if (is_number_text(element.vr)) {
    const char *text;
    size_t length;
    return text_value(&element, at, &text, &length) && cm__dicom_parse_integer(text, length, value);
  }
  double real;
  if (!real_at(&element, at, &real)) return false;
  CmDicomNumber number = cm__dicom_vr_info(element.vr)->number;
  if (number == CM__F32 || number == CM__F64) {
    if (!isfinite(real) || rint(real) != real || fabs(real) > 9e15) return false;
    *value = (int64_t)real;
    return true;
  }
  cm__dicom_number(&element, number, (uint64_t)at, value, &real);
  return number != CM__U64 || *value >= 0;
}

int cm_dicom_reals(CmDicomSet set, uint32_t tag, double *values, int most) {
  CmDicomElement element;
  if (!cm_dicom_find(set, tag, &element)) return 0;
  if (!is_number_text(element.vr) && cm__dicom_vr_info(element.vr)->is_text) return 0;
  int count = cm_dicom_multiplicity(&element);
  for (int i = 0; i < count && i < most; i++)
    if (!real_at(&element, i, &values[i])) values[i] = NAN;
  return count;
}

int cm_dicom_multiplicity(const CmDicomElement *element) {
  const CmDicomVrInfo *info = cm__dicom_vr_info(element->vr);
  if (!element->length) return 0;
  if (element->vr == CM_VR('S', 'Q')) return cm_dicom_item_count(element);
  if (element->vr == CM_VR('U', 'N') || !element->value) return 1;
  if (!info->is_text) {
    uint64_t count = element->length / (uint64_t)cm__dicom_number_size(info->number);
    return count > INT32_MAX ? INT32_MAX : (int)count;
  }
  if (!info->many) return 1;
  CmTextBuffer text = {0};
  const char *p = (const char *)element->value, *end = p + element->length;
  bool plain = !info->has_charset;
  if (!plain) { /* in multi-byte sets a backslash may be half of a character */
    cm__text_start(&text, cm_dicom_context(element->set.file), NULL);
    cm__dicom_add_text(element, &text);
    p = text.text;
    end = p ? p + text.size : p;
  }
  int count = 1;
  for (; p < end; p++) count += *p == '\\' && count < INT32_MAX;
  if (!plain) cm_free(cm__text_finish(&text));
  return count;
}

/* ---- text ---- */

static bool is_padding(char c) {
  return c == ' ' || c == 0;
}

/* Appends one value or several, each without its padding. */
static void add_trimmed(CmTextBuffer *out, const char *text, size_t size, const CmDicomVrInfo *info) {
  for (const char *end = text + size;;) {
    const char *stop = info->many && text < end ? memchr(text, '\\', (size_t)(end - text)) : NULL;
    const char *last = stop ? stop : end;
    while (last > text && is_padding(last[-1])) last--;
    while (info->trim_front && text < last && is_padding(*text)) text++;
    cm__text_add_n(out, text, (size_t)(last - text));
    if (!stop) return;
    cm__text_add_n(out, "\\", 1);
    text = stop + 1;
  }
}

void cm__dicom_add_text(const CmDicomElement *element, CmTextBuffer *out) {
  const CmDicomVrInfo *info = cm__dicom_vr_info(element->vr);
  if (!element->value) return;
  CmDicomDelimiters delimiters = !info->many                      ? CM__TEXT_ONE_VALUE
                                 : element->vr == CM_VR('P', 'N') ? CM__TEXT_NAMES
                                                                  : CM__TEXT_VALUES;
  CmTextBuffer raw;
  cm__text_start(&raw, out->ctx, out->err);
  cm__dicom_to_utf8(element->value, element->length, info->has_charset ? element->set.charset : NULL,
                    info->has_charset ? element->set.charset_length : 0, delimiters, &raw);
  if (raw.failed) out->failed = true;
  if (raw.text && !raw.failed) add_trimmed(out, raw.text, raw.size, info);
  cm_free(raw.text);
}

const char *cm__dicom_float_text(float value, char to[32]) {
  for (int digits = 6; digits <= 9; digits++) {
    snprintf(to, 32, "%.*g", digits, (double)value);
    if (strtof(to, NULL) == value) break;
  }
  for (char *p = to; *p; p++)
    if (*p == ',') *p = '.'; /* another locale's decimal point */
  return to;
}

static void add_number(const CmDicomElement *element, CmDicomNumber number, uint64_t at, CmTextBuffer *out) {
  int64_t integer;
  double real;
  char text[32];
  cm__dicom_number(element, number, at, &integer, &real);
  switch (number) {
    case CM__F32:
      cm__text_add(out, cm__dicom_float_text((float)real, text));
      return;
    case CM__F64:
      cm__text_add(out, cm_real_text(real, text));
      return;
    case CM__U64:
      cm__text_addf(out, "%llu", (unsigned long long)integer);
      return;
    case CM__TAG_NUMBER:
      cm__text_addf(out, "(%04X,%04X)", (unsigned)(integer >> 16), (unsigned)(integer & 0xFFFF));
      return;
    default:
      cm__text_addf(out, "%lld", (long long)integer);
  }
}

static void add_numbers(const CmDicomElement *element, CmTextBuffer *out) {
  CmDicomNumber number = cm__dicom_vr_info(element->vr)->number;
  uint64_t count = element->length / (uint64_t)cm__dicom_number_size(number);
  for (uint64_t i = 0; i < count && !out->failed; i++) {
    if (i) cm__text_add_n(out, "\\", 1);
    add_number(element, number, i, out);
  }
}

char *cm_dicom_element_text(const CmDicomElement *element, CmError **err) {
  if (element->vr == CM_VR('S', 'Q') || (element->undefined_length && element->vr != CM_VR('S', 'Q'))) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "(%04X,%04X) has items, not a value; walk them with cm_dicom_item()",
                 element->tag >> 16, element->tag & 0xFFFF);
    return NULL;
  }
  if (element->length && !element->value) {
    cm_error_set(err, CM_ERR_USAGE, "the pixel data was not read; open the file with CM_DICOM_WHOLE");
    return NULL;
  }
  CmTextBuffer out;
  cm__text_start(&out, cm_dicom_context(element->set.file), err);
  cm__text_add_n(&out, "", 0);
  if (cm__dicom_vr_info(element->vr)->is_text)
    cm__dicom_add_text(element, &out);
  else
    add_numbers(element, &out);
  return cm__text_finish(&out);
}

/* Copies as much as fits, cut on a character's edge. */
static const char *copy_cut(const char *text, size_t length, char *to, size_t size) {
  if (!size) return NULL;
  if (length >= size) {
    length = size - 1;
    while (length && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
  }
  memcpy(to, text, length);
  to[length] = 0;
  return length ? to : NULL;
}

/* Characters that need no character set: ASCII without escapes, where a backslash is nothing but that. false: take the
 * long way. */
static bool is_plain(const CmDicomElement *element) {
  for (uint64_t i = 0; i < element->length; i++) {
    uint8_t c = element->value[i];
    if (c >= 0x80 || c == 0x1B || (c == 0 && i + 1 != element->length)) return false;
  }
  return true;
}

/* Values of plain characters, each without its padding, as much as fits: no memory is needed, so none can be short. */
static const char *copy_values(const char *text, size_t length, const CmDicomVrInfo *info, char *to, size_t size) {
  const char *end = text + length;
  size_t used = 0;
  if (!size) return NULL;
  for (;;) {
    const char *stop = info->many && text < end ? memchr(text, '\\', (size_t)(end - text)) : NULL;
    const char *last = stop ? stop : end;
    while (last > text && is_padding(last[-1])) last--;
    while (info->trim_front && text < last && is_padding(*text)) text++;
    for (; text < last && used + 1 < size; text++) to[used++] = *text;
    if (!stop || used + 1 >= size) break;
    to[used++] = '\\';
    text = stop + 1;
  }
  to[used] = 0;
  return used ? to : NULL;
}

const char *cm_dicom_text(CmDicomSet set, uint32_t tag, char *to, size_t size) {
  CmDicomElement element;
  if (size) *to = 0;
  if (!cm_dicom_find(set, tag, &element) || !element.value) return NULL;
  if (element.vr == CM_VR('S', 'Q') || element.vr == CM_VR('U', 'N') || element.vr >> 8 == 'O') return NULL;
  const CmDicomVrInfo *info = cm__dicom_vr_info(element.vr);
  if (info->is_text && is_plain(&element))
    return copy_values((const char *)element.value, (size_t)element.length, info, to, size);
  char *text = cm_dicom_element_text(&element, NULL);
  const char *result = text ? copy_cut(text, strlen(text), to, size) : NULL;
  cm_free(text);
  return result;
}
