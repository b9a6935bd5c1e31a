#include "io/dicom/builder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/dicom/charset.h"
#include "io/dicom/value.h"

void cm__build_start(CmDicomBuilder *builder, CmContext *ctx, CmError **err) {
  *builder = (CmDicomBuilder){.ctx = ctx, .err = err};
  cm__text_start(&builder->pool, ctx, err);
}

void cm__build_free(CmDicomBuilder *builder) {
  cm_free(builder->puts);
  cm_free(builder->pool.text);
  *builder = (CmDicomBuilder){0};
}

static CmDicomPut *put_of(const CmDicomBuilder *builder, uint32_t tag) {
  for (size_t i = builder->count; i-- > 0;)
    if (builder->puts[i].tag == tag) return &builder->puts[i];
  return NULL;
}

static CmDicomPut *new_put(CmDicomBuilder *builder, uint32_t tag) {
  if (builder->count == builder->room) {
    size_t room = builder->room * 2 + 64, size;
    if (!cm_size_multiply(room, sizeof *builder->puts, &size, builder->err)) return NULL;
    CmDicomPut *grown = cm_realloc(builder->ctx, builder->puts, size, builder->err);
    if (!grown) return NULL;
    builder->puts = grown;
    builder->room = room;
  }
  size_t at = builder->count++; /* kept sorted: most come in order */
  while (at && builder->puts[at - 1].tag > tag) {
    builder->puts[at] = builder->puts[at - 1];
    at--;
  }
  return &builder->puts[at];
}

void cm__build_bytes(CmDicomBuilder *builder, uint32_t tag, uint16_t vr, const void *bytes, size_t length) {
  if (builder->failed) return;
  CmDicomPut *put = put_of(builder, tag);
  if (!put) put = new_put(builder, tag);
  if (!put) {
    builder->failed = true;
    return;
  }
  *put = (CmDicomPut){.tag = tag, .vr = vr, .offset = builder->pool.size, .length = length};
  if (length) cm__text_add_n(&builder->pool, bytes, length);
  if (length & 1) {
    char pad = (char)cm__dicom_vr_info(vr)->pad;
    cm__text_add_n(&builder->pool, &pad, 1);
    put->length++;
  }
  if (builder->pool.failed) builder->failed = true;
}

/* ---- text by VR ---- */

static void refuse(CmDicomBuilder *builder, uint32_t tag, const char *text, const char *why) {
  const char *keyword = cm_dicom_keyword(tag);
  cm_error_set(builder->failed ? NULL : builder->err, CM_ERR_PARAMETER, "(%04X,%04X) %s: \"%s\" %s", tag >> 16,
               tag & 0xFFFF, keyword ? keyword : "", text, why);
  builder->failed = true;
}

/* Most characters of one value (PS3.5 table 6.2-1); 0: no such limit. */
static size_t most_characters(uint16_t vr) {
  switch (vr) {
    case CM_VR('A', 'E'):
    case CM_VR('C', 'S'):
    case CM_VR('D', 'S'):
    case CM_VR('S', 'H'):
      return 16;
    case CM_VR('A', 'S'):
      return 4;
    case CM_VR('D', 'A'):
      return 8;
    case CM_VR('D', 'T'):
      return 26;
    case CM_VR('I', 'S'):
      return 12;
    case CM_VR('L', 'O'):
    case CM_VR('U', 'I'):
      return 64;
    case CM_VR('P', 'N'):
      return 194;
    case CM_VR('T', 'M'):
      return 14;
    case CM_VR('S', 'T'):
      return 1024;
    case CM_VR('L', 'T'):
      return 10240;
    default:
      return 0;
  }
}

static const char *bad_value(uint16_t vr, const char *text, size_t length) {
  size_t characters = 0, most = most_characters(vr);
  double real;
  int64_t integer;
  for (size_t i = 0; i < length; i++) characters += ((unsigned char)text[i] & 0xC0) != 0x80;
  const char *too_long = most && characters > most ? "has more characters than its VR allows; shorten it" : NULL;
  if (!length) return NULL;
  switch (vr) {
    case CM_VR('D', 'A'):
      if (length != 8 || strspn(text, "0123456789") < 8) return "is not a date; write YYYYMMDD";
      return NULL;
    case CM_VR('T', 'M'):
      if (strspn(text, "0123456789.") < length) return "is not a time; write HHMMSS.FFFFFF";
      return too_long;
    case CM_VR('U', 'I'):
      if (strspn(text, "0123456789.") < length) return "is not a UID; write numbers separated by points";
      return too_long;
    case CM_VR('A', 'S'):
      if (length != 4 || strspn(text, "0123456789") < 3 || !strchr("DWMY", text[3]))
        return "is not an age; write e.g. 064Y";
      return NULL;
    case CM_VR('C', 'S'):
      if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _") < length)
        return "is not a code; use A-Z, 0-9, space and _";
      return too_long;
    case CM_VR('D', 'S'):
      return cm__dicom_parse_decimal(text, length, &real) ? too_long : "is not a decimal number";
    case CM_VR('I', 'S'):
      return cm__dicom_parse_integer(text, length, &integer) ? too_long : "is not an integer";
    default:
      return too_long;
  }
}

static bool add_binary(CmTextBuffer *out, CmDicomNumber number, const char *text, size_t length) {
  char value[64];
  int64_t integer = 0;
  double real = 0;
  uint32_t tag = 0;
  if (length >= sizeof value) return false;
  memcpy(value, text, length);
  value[length] = 0;
  if (number == CM__TAG_NUMBER) {
    if (!cm_dicom_tag(value, &tag)) return false;
    uint16_t halves[2] = {(uint16_t)(tag >> 16), (uint16_t)tag};
    cm__text_add_n(out, (const char *)halves, 4);
    return true;
  }
  int size = cm__dicom_number_size(number);
  if (number == CM__F32 || number == CM__F64) {
    if (!cm__parse_real(value, &real)) return false;
    float single = (float)real;
    if (number == CM__F32)
      cm__text_add_n(out, (const char *)&single, 4);
    else
      cm__text_add_n(out, (const char *)&real, 8);
    return true;
  }
  if (!cm__parse_int(value, &integer)) return false;
  bool is_signed = number == CM__S16 || number == CM__S32 || number == CM__S64;
  int bits = size * 8;
  if (bits < 64) {
    int64_t low = is_signed ? -((int64_t)1 << (bits - 1)) : 0, high = ((int64_t)1 << (is_signed ? bits - 1 : bits)) - 1;
    if (integer < low || integer > high) return false;
  } else if (!is_signed && integer < 0) {
    return false;
  }
  cm__text_add_n(out, (const char *)&integer, (size_t)size); /* little endian, as the machines that we build for */
  return true;
}

void cm__build_text(CmDicomBuilder *builder, uint32_t tag, const char *text) {
  uint16_t vr = cm_dicom_vr(tag);
  const CmDicomVrInfo *info = cm__dicom_vr_info(vr);
  if (builder->failed) return;
  if (!text) text = "";
  if (vr == CM_VR('S', 'Q') || vr == CM_VR('U', 'N') || vr >> 8 == 'O') {
    if (*text) refuse(builder, tag, text, "cannot be given as text; only text and numbers can");
    if (!*text) cm__build_bytes(builder, tag, vr, "", 0);
    return;
  }
  CmTextBuffer binary;
  cm__text_start(&binary, builder->ctx, builder->err);
  for (const char *value = text; !builder->failed && *text;) {
    const char *stop = info->many ? strchr(value, '\\') : NULL;
    size_t length = stop ? (size_t)(stop - value) : strlen(value);
    char one[256];
    snprintf(one, sizeof one, "%.*s", (int)(length < 255 ? length : 255), value);
    const char *why = info->is_text ? bad_value(vr, length < 255 ? one : value, length)
                      : add_binary(&binary, info->number, value, length) ? NULL
                                                                         : "is not a number that fits its VR";
    if (why) refuse(builder, tag, one, why);
    if (!stop) break;
    value = stop + 1;
  }
  if (info->is_text)
    cm__build_bytes(builder, tag, vr, text, strlen(text));
  else
    cm__build_bytes(builder, tag, vr, binary.text, binary.size);
  if (binary.failed) builder->failed = true;
  cm_free(binary.text);
}

bool cm__build_takes(uint32_t tag, const char *text) {
  const CmDicomVrInfo *info = cm__dicom_vr_info(cm_dicom_vr(tag));
  if (!info->is_text) return false;
  for (const char *value = text;;) {
    const char *stop = info->many ? strchr(value, '\\') : NULL;
    size_t length = stop ? (size_t)(stop - value) : strlen(value);
    char one[256];
    if (length >= sizeof one) return false;
    memcpy(one, value, length);
    one[length] = 0;
    if (bad_value(info->vr, one, length)) return false;
    if (!stop) return true;
    value = stop + 1;
  }
}

void cm__build_us(CmDicomBuilder *builder, uint32_t tag, uint16_t value) {
  cm__build_bytes(builder, tag, CM_VR('U', 'S'), &value, 2);
}

void cm__build_int(CmDicomBuilder *builder, uint32_t tag, int64_t value) {
  char text[32];
  snprintf(text, sizeof text, "%lld", (long long)value);
  cm__build_text(builder, tag, text);
}

/* The nearest text of at most 16 characters, in one of two notations. */
const char *cm__dicom_decimal(double value, char to[17]) {
  double nearest = INFINITY;
  memcpy(to, "0", 2);
  if (value == 0) return to;
  for (int digits = 17; digits >= 1; digits--) {
    for (int form = 0; form < 2; form++) {
      char text[64];
      int length;
      if (form)
        length = snprintf(text, sizeof text, "%.*e", digits - 1, value);
      else
        length = snprintf(text, sizeof text, "%.*g", digits, value);
      for (char *p = text; *p; p++)
        if (*p == ',') *p = '.';
      char *exponent = strchr(text, 'e'); /* 1.5e-07 as 1.5e-7 */
      if (exponent) {
        char *from = exponent + 2, *place = exponent + 1;
        if (*place == '-') place++;
        while (*from == '0' && from[1]) from++;
        memmove(place, from, strlen(from) + 1);
        length = (int)strlen(text);
      }
      double back;
      if (length > 16 || !cm__parse_real(text, &back)) continue;
      double distance = fabs(back - value);
      if (distance > nearest || (distance == nearest && strlen(to) <= (size_t)length)) continue;
      nearest = distance;
      snprintf(to, 17, "%.16s", text);
    }
  }
  return to;
}

void cm__build_reals(CmDicomBuilder *builder, uint32_t tag, const double *values, int count) {
  char text[17 * 16], *at = text;
  for (int i = 0; i < count && i < 16; i++) {
    if (i) *at++ = '\\';
    char number[17];
    size_t length = strlen(cm__dicom_decimal(values[i], number));
    memcpy(at, number, length);
    at += length;
  }
  *at = 0;
  cm__build_text(builder, tag, text);
}

void cm__build_default(CmDicomBuilder *builder, uint32_t tag, const char *text) {
  if (!put_of(builder, tag)) cm__build_text(builder, tag, text);
}

void cm__build_remove(CmDicomBuilder *builder, uint32_t tag) {
  CmDicomPut *put = put_of(builder, tag);
  if (!put) return;
  size_t at = (size_t)(put - builder->puts);
  memmove(put, put + 1, (--builder->count - at) * sizeof *put);
}

const char *cm__build_find(const CmDicomBuilder *builder, uint32_t tag, size_t *length) {
  const CmDicomPut *put = builder->failed ? NULL : put_of(builder, tag); /* after a failure bytes may be missing */
  if (!put) return NULL;
  *length = put->length;
  return builder->pool.text ? builder->pool.text + put->offset : "";
}

/* ---- bytes ---- */

static void add16(CmTextBuffer *out, uint16_t value) {
  cm__text_add_n(out, (const char *)&value, 2);
}
static void add32(CmTextBuffer *out, uint32_t value) {
  cm__text_add_n(out, (const char *)&value, 4);
}

static void add_tag(CmTextBuffer *out, uint32_t tag) {
  add16(out, (uint16_t)(tag >> 16));
  add16(out, (uint16_t)tag);
}

void cm__build_head(CmTextBuffer *out, uint32_t tag, uint16_t vr, uint32_t length) {
  if (cm__vr_is_short(vr) && length > 0xFFFF) vr = CM_VR('U', 'N'); /* PS3.5 6.2.2, note 6 */
  char letters[2] = {(char)(vr >> 8), (char)(vr & 0xFF)};
  add_tag(out, tag);
  cm__text_add_n(out, letters, 2);
  if (cm__vr_is_short(vr)) {
    add16(out, (uint16_t)length);
  } else {
    add16(out, 0);
    add32(out, length);
  }
}

void cm__build_write(const CmDicomBuilder *builder, uint32_t from, uint32_t below, CmTextBuffer *out) {
  if (builder->failed) {
    out->failed = true;
    return;
  }
  for (size_t i = 0; i < builder->count; i++) {
    const CmDicomPut *put = &builder->puts[i];
    if (put->tag < from || put->tag >= below) continue;
    cm__build_head(out, put->tag, put->vr, (uint32_t)put->length);
    if (put->length) cm__text_add_n(out, builder->pool.text + put->offset, put->length);
  }
}

void cm__build_sequence(CmDicomBuilder *builder, uint32_t tag, const CmDicomBuilder *items, int count) {
  CmTextBuffer bytes;
  cm__text_start(&bytes, builder->ctx, builder->err);
  for (int i = 0; i < count; i++) {
    add_tag(&bytes, CM__TAG_ITEM);
    size_t at = bytes.size;
    add32(&bytes, 0);
    cm__build_write(&items[i], 0, UINT32_MAX, &bytes);
    if (bytes.failed) break;
    uint32_t length = (uint32_t)(bytes.size - at - 4);
    memcpy(bytes.text + at, &length, 4);
  }
  if (bytes.failed) builder->failed = true;
  cm__build_bytes(builder, tag, CM_VR('S', 'Q'), bytes.text, bytes.size);
  cm_free(bytes.text);
}

/* ---- copying ---- */

static void copy_sequence(CmDicomBuilder *builder, const CmDicomElement *element) {
  int count = cm_dicom_item_count(element), made = 0;
  CmDicomBuilder *items = cm_calloc(builder->ctx, (size_t)count + 1, sizeof *items, builder->err);
  if (!items) {
    builder->failed = true;
    return;
  }
  CmDicomSet item;
  for (uint64_t at = 0; made < count && cm_dicom_item(element, &at, &item); made++) {
    cm__build_start(&items[made], builder->ctx, builder->err);
    cm__build_copy_set(&items[made], item, NULL);
    builder->failed |= items[made].failed;
    cm__build_remove(&items[made], CM_TAG(8, 5)); /* text is UTF-8 now, as the main data set says */
  }
  if (!builder->failed) cm__build_sequence(builder, element->tag, items, made);
  while (made > 0) cm__build_free(&items[--made]);
  cm_free(items);
}

static void copy_numbers(CmDicomBuilder *builder, const CmDicomElement *element, const CmDicomVrInfo *info) {
  int size = cm__dicom_number_size(info->number);
  cm__build_bytes(builder, element->tag, element->vr, element->value, (size_t)element->length);
  if (!element->set.big_endian || size == 1 || builder->failed) return;
  size_t length = 0;
  char *bytes = (char *)cm__build_find(builder, element->tag, &length);
  if (!bytes) return;
  int unit = info->number == CM__TAG_NUMBER ? 2 : size;
  for (size_t at = 0; at + (size_t)unit <= length; at += (size_t)unit)
    for (int i = 0; i < unit / 2; i++) {
      char swap = bytes[at + (size_t)i];
      bytes[at + (size_t)i] = bytes[at + (size_t)(unit - 1 - i)];
      bytes[at + (size_t)(unit - 1 - i)] = swap;
    }
}

static void copy_element(CmDicomBuilder *builder, const CmDicomElement *element) {
  const CmDicomVrInfo *info = cm__dicom_vr_info(element->vr);
  if (element->vr == CM_VR('S', 'Q')) {
    copy_sequence(builder, element);
  } else if (!info->is_text) {
    copy_numbers(builder, element, info);
  } else {
    CmTextBuffer text;
    cm__text_start(&text, builder->ctx, builder->err);
    cm__dicom_add_text(element, &text);
    if (text.failed) builder->failed = true;
    cm__build_bytes(builder, element->tag, element->vr, text.text, text.size);
    cm_free(text.text);
  }
}

void cm__build_copy_set(CmDicomBuilder *builder, CmDicomSet set, bool (*wanted)(uint32_t tag)) {
  CmDicomElement element;
  for (uint64_t at = 0; !builder->failed && cm_dicom_next(set, &at, &element);) {
    uint32_t group = element.tag >> 16;
    if ((group & 1) || !(element.tag & 0xFFFF) || (element.length && !element.value)) continue;
    if (element.undefined_length && element.vr != CM_VR('S', 'Q')) continue;
    if (wanted && !wanted(element.tag)) continue;
    copy_element(builder, &element);
  }
}

void cm__build_copy(CmDicomBuilder *builder, const CmDicomBuilder *from) {
  if (from->failed) builder->failed = true;
  for (size_t i = 0; i < from->count; i++) {
    const CmDicomPut *put = &from->puts[i];
    cm__build_bytes(builder, put->tag, put->vr, put->length ? from->pool.text + put->offset : "", put->length);
  }
}
