/* The DICOM JSON model (PS3.18 annex F). */
#include <math.h>

#include "io/dicom/value.h"

static bool add_set(CmTextBuffer *out, CmDicomSet set);

static void add_base64(CmTextBuffer *out, const uint8_t *bytes, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < size; i += 3) {
    uint32_t word =
        (uint32_t)bytes[i] << 16 | (i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0) | (i + 2 < size ? bytes[i + 2] : 0);
    char text[4] = {digits[word >> 18], digits[word >> 12 & 63], i + 1 < size ? digits[word >> 6 & 63] : '=',
                    i + 2 < size ? digits[word & 63] : '='};
    cm__text_add_n(out, text, 4);
  }
}

/* One value of text, already UTF-8. */
static void add_string(CmTextBuffer *out, const char *text, size_t length) {
  char *copy = cm_strndup(out->ctx, text, length, out->err);
  if (!copy) {
    out->failed = true;
    return;
  }
  cm__text_add_json(out, copy);
  cm_free(copy);
}

static void add_name(CmTextBuffer *out, const char *text, size_t length) {
  static const char *const groups[] = {"Alphabetic", "Ideographic", "Phonetic"};
  const char *end = text + length, *separator = "";
  cm__text_add(out, "{");
  for (int i = 0; i < 3 && text <= end; i++) {
    const char *stop = text < end ? memchr(text, '=', (size_t)(end - text)) : NULL;
    const char *last = stop && i < 2 ? stop : end;
    if (last > text) {
      cm__text_addf(out, "%s\"%s\":", separator, groups[i]);
      add_string(out, text, (size_t)(last - text));
      separator = ",";
    }
    text = last + 1;
  }
  cm__text_add(out, "}");
}

static void add_text_value(CmTextBuffer *out, uint16_t vr, const char *text, size_t length) {
  double real;
  int64_t integer;
  if (!length)
    cm__text_add(out, "null");
  else if (vr == CM_VR('P', 'N'))
    add_name(out, text, length);
  else if (vr == CM_VR('I', 'S') && cm__dicom_parse_integer(text, length, &integer))
    cm__text_addf(out, "%lld", (long long)integer);
  else if (vr == CM_VR('D', 'S') && cm__dicom_parse_decimal(text, length, &real))
    cm__text_add_real(out, real);
  else
    add_string(out, text, length);
}

static bool is_charset(uint32_t tag) {
  return tag == CM_TAG(8, 5);
}

static void add_texts(CmTextBuffer *out, const CmDicomElement *element, const CmDicomVrInfo *info) {
  CmTextBuffer text;
  cm__text_start(&text, out->ctx, out->err);
  cm__dicom_add_text(element, &text);
  if (text.failed) out->failed = true;
  if (text.size) {
    cm__text_add(out, ",\"Value\":[");
    if (is_charset(element->tag)) {
      cm__text_add(out, "\"ISO_IR 192\""); /* JSON is UTF-8, and must say so (PS3.18 F.2) */
    } else {
      for (const char *at = text.text, *end = at + text.size;;) {
        const char *stop = info->many && at < end ? memchr(at, '\\', (size_t)(end - at)) : NULL;
        add_text_value(out, element->vr, at, (size_t)((stop ? stop : end) - at));
        if (!stop) break;
        cm__text_add(out, ",");
        at = stop + 1;
      }
    }
    cm__text_add(out, "]");
  }
  cm_free(text.text);
}

static void add_real(CmTextBuffer *out, double real, bool single) {
  char text[32];
  if (isnan(real))
    cm__text_add(out, "\"NaN\"");
  else if (isinf(real))
    cm__text_add(out, real > 0 ? "\"inf\"" : "\"-inf\"");
  else
    cm__text_add(out, single ? cm__dicom_float_text((float)real, text) : cm_real_text(real, text));
}

static void add_numbers(CmTextBuffer *out, const CmDicomElement *element, CmDicomNumber number) {
  uint64_t count = element->length / (uint64_t)cm__dicom_number_size(number);
  if (!count || !element->value) return;
  cm__text_add(out, ",\"Value\":[");
  for (uint64_t i = 0; i < count && !out->failed; i++) {
    int64_t integer;
    double real;
    if (i) cm__text_add(out, ",");
    cm__dicom_number(element, number, i, &integer, &real);
    if (number == CM__F32 || number == CM__F64)
      add_real(out, real, number == CM__F32);
    else if (number == CM__TAG_NUMBER)
      cm__text_addf(out, "\"%08X\"", (unsigned)integer);
    else if (number == CM__U64)
      cm__text_addf(out, "%llu", (unsigned long long)integer);
    else
      cm__text_addf(out, "%lld", (long long)integer);
  }
  cm__text_add(out, "]");
}

static void add_items(CmTextBuffer *out, const CmDicomElement *element) {
  CmDicomSet item;
  const char *separator = "";
  cm__text_add(out, ",\"Value\":[");
  for (uint64_t at = 0; !out->failed && cm_dicom_item(element, &at, &item); separator = ",") {
    cm__text_add(out, separator);
    add_set(out, item);
  }
  cm__text_add(out, "]");
}

/* Little endian, as inline binary must be (PS3.18 F.2.7). */
static void add_binary(CmTextBuffer *out, const CmDicomElement *element, const CmDicomVrInfo *info) {
  uint8_t bytes[CM_DICOM_INLINE_BYTES];
  if (!element->value || element->undefined_length || element->length > sizeof bytes) return;
  size_t size = (size_t)element->length, unit = (size_t)cm__dicom_number_size(info->number);
  for (size_t i = 0; i < size; i++) {
    size_t first = i - i % unit, at = element->set.big_endian && first + unit <= size ? first + unit - 1 - i % unit : i;
    bytes[i] = element->value[at];
  }
  cm__text_add(out, ",\"InlineBinary\":\"");
  add_base64(out, bytes, size);
  cm__text_add(out, "\"");
}

static void add_element(CmTextBuffer *out, const CmDicomElement *element) {
  uint16_t vr = element->vr;
  bool damaged = vr == CM_VR('S', 'Q') && !cm__dicom_sequence_is_whole(element, NULL); /* a private one: bytes */
  if (damaged) vr = CM_VR('U', 'N');
  const CmDicomVrInfo *info = cm__dicom_vr_info(vr);
  char letters[3] = {(char)(vr >> 8), (char)(vr & 0xFF), 0};
  cm__text_addf(out, "\"%08X\":{\"vr\":\"%s\"", (unsigned)element->tag, info->vr == vr ? letters : "UN");
  if (vr == CM_VR('S', 'Q')) {
    if (element->length) add_items(out, element);
  } else if (info->is_text) {
    add_texts(out, element, info);
  } else if (vr >> 8 == 'O' || info->vr == CM_VR('U', 'N')) {
    add_binary(out, element, info);
  } else {
    add_numbers(out, element, info->number);
  }
  cm__text_add(out, "}");
}

static bool add_set(CmTextBuffer *out, CmDicomSet set) {
  CmDicomElement element;
  const char *separator = "";
  cm__text_add(out, "{");
  for (uint64_t at = 0; !out->failed && cm_dicom_next(set, &at, &element);) {
    if (!(element.tag & 0xFFFF)) continue; /* group lengths */
    cm__text_add(out, separator);
    add_element(out, &element);
    separator = ",";
  }
  cm__text_add(out, "}");
  return !out->failed;
}

char *cm_dicom_to_json(const CmDicom *dicom, CmError **err) {
  CmTextBuffer out;
  cm__text_start(&out, cm_dicom_context(dicom), err);
  add_set(&out, cm_dicom_root(dicom));
  return cm__text_finish(&out);
}
