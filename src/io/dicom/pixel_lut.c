/* Look-up tables of the data set: modality, VOI, palette; plain and segmented. */
#include <math.h>
#include <string.h>

#include "io/dicom/cursor.h"
#include "io/dicom/pixel.h"

#define MOST_ENTRIES 65536

/* Where a table comes from, for reading and for messages. */
typedef struct LutSource {
  const char *what;
  const uint8_t *bytes;
  uint64_t size;
  bool big_endian;
} LutSource;

static bool bad(const LutSource *source, const char *how, CmError **err) {
  cm_error_set(err, CM_ERR_FORMAT, "the %s is damaged: %s", source->what, how);
  return false;
}

/* The descriptor: entries (0 means 65536), first value mapped, bits per entry. Its VR may be lost to UN, so the bytes
 * are read. */
static bool read_descriptor(CmDicomSet set, uint32_t tag, bool is_signed, const LutSource *source, CmPixelLut *lut,
                            CmError **err) {
  CmDicomElement element;
  if (!cm_dicom_find(set, tag, &element) || element.length < 6)
    return bad(source, "its descriptor does not have three values", err);
  bool big = element.set.big_endian != 0;
  uint16_t first = cm__load16(element.value + 2, big);
  lut->count = cm__load16(element.value, big);
  if (lut->count == 0) lut->count = MOST_ENTRIES;
  lut->first = is_signed ? (int16_t)first : first;
  lut->bits = cm__load16(element.value + 4, big);
  if (lut->bits < 1 || lut->bits > 16) return bad(source, "its entries do not have 1 to 16 bits", err);
  return true;
}

static bool find_data(CmDicomSet set, uint32_t tag, LutSource *source, CmError **err) {
  CmDicomElement element;
  if (!cm_dicom_find(set, tag, &element) || !element.length || element.undefined_length)
    return bad(source, "its data are missing", err);
  source->bytes = element.value;
  source->size = element.length;
  source->big_endian = element.set.big_endian != 0;
  return true;
}

/* Entries of 8 bits stand alone in 16-bit words, or two to a word; the length tells which. */
static bool copy_entries(const LutSource *source, CmPixelLut *lut, CmError **err) {
  uint64_t count = (uint64_t)lut->count;
  uint16_t mask = (uint16_t)((1u << lut->bits) - 1);
  if (source->size >= 2 * count) {
    for (uint64_t i = 0; i < count; i++) lut->entries[i] = cm__load16(source->bytes + 2 * i, source->big_endian);
    uint16_t high = 0;
    for (uint64_t i = 0; i < count; i++) high |= lut->entries[i];
    /* some writers say 8 bits and fill the whole word, some put the 8 bits into its upper half */
    if (lut->bits <= 8 && high > 255) {
      for (uint64_t i = 0; i < count; i++) lut->entries[i] = (uint16_t)(lut->entries[i] >> 8);
    }
    return true;
  }
  if (lut->bits > 8 || source->size < count) return bad(source, "it has fewer entries than its descriptor says", err);
  for (uint64_t i = 0; i < count; i++) lut->entries[i] = source->bytes[source->big_endian ? i ^ 1 : i] & mask;
  return true;
}

bool cm__pixel_lut_read(CmContext *ctx, CmDicomSet set, uint32_t descriptor, uint32_t data, bool is_signed,
                        const char *what, CmPixelLut *lut, CmError **err) {
  LutSource source = {.what = what};
  *lut = (CmPixelLut){0};
  if (!find_data(set, data, &source, err) || !read_descriptor(set, descriptor, is_signed, &source, lut, err))
    return false;
  lut->entries = cm_alloc_array(ctx, MOST_ENTRIES, sizeof *lut->entries, err);
  if (!lut->entries) return false;
  if (copy_entries(&source, lut, err)) return true;
  cm__pixel_lut_free(lut);
  return false;
}

/* ---- segmented (PS3.3 C.7.9.2) ---- */

typedef struct Segments {
  const LutSource *source;
  uint64_t count; /* words, or bytes where entries have 8 bits */
  int width;
  CmPixelLut *lut;
  int64_t done;
} Segments;

static uint16_t word(const Segments *s, uint64_t at) {
  if (s->width == 1) return s->source->bytes[s->source->big_endian ? at ^ 1 : at];
  return cm__load16(s->source->bytes + 2 * at, s->source->big_endian);
}

static bool put(Segments *s, uint16_t value, CmError **err) {
  if (s->done >= s->lut->count) return bad(s->source, "its segments give more entries than its descriptor says", err);
  s->lut->entries[s->done++] = value;
  return true;
}

/* One discrete (0) or linear (1) segment at *at. */
static bool plain_segment(Segments *s, uint64_t *at, CmError **err) {
  uint16_t code = word(s, *at), length = word(s, *at + 1);
  uint64_t need = code == 0 ? length : 1;
  if (need > s->count - *at - 2) return bad(s->source, "a segment is cut off", err);
  if (code == 0) {
    for (uint64_t i = 0; i < length; i++) {
      if (!put(s, word(s, *at + 2 + i), err)) return false;
    }
  } else {
    if (s->done == 0) return bad(s->source, "it begins with a linear segment", err);
    double from = s->lut->entries[s->done - 1], to = word(s, *at + 2);
    for (int i = 1; i <= length; i++) {
      if (!put(s, (uint16_t)nearbyint(from + (to - from) * i / length), err)) return false;
    }
  }
  *at += 2 + need;
  return true;
}

static bool expand_segments(Segments *s, CmError **err) {
  uint64_t at = 0;
  while (s->done < s->lut->count && s->count - at >= 2) {
    uint16_t code = word(s, at), length = word(s, at + 1);
    if (code <= 1) {
      if (!plain_segment(s, &at, err)) return false;
      continue;
    }
    if (code != 2) return bad(s->source, "a segment is neither discrete, linear nor indirect", err);
    uint64_t step = s->width == 1 ? 4 : 2; /* the offset has 32 bits, least significant part first */
    if (step > s->count - at - 2) return bad(s->source, "a segment is cut off", err);
    uint64_t target = 0;
    for (uint64_t i = 0; i < step; i++) target |= (uint64_t)word(s, at + 2 + i) << (8 * s->width * (int)i);
    if (s->width == 2) target /= 2; /* bytes to words */
    at += 2 + step;
    for (int i = 0; i < length && s->done < s->lut->count; i++) {
      if (target >= s->count || s->count - target < 2 || word(s, target) > 1) {
        return bad(s->source, "an indirect segment points to none that is discrete or linear", err);
      }
      if (!plain_segment(s, &target, err)) return false;
    }
  }
  return s->done == s->lut->count || bad(s->source, "its segments give fewer entries than its descriptor says", err);
}

bool cm__pixel_lut_read_segmented(CmContext *ctx, CmDicomSet set, uint32_t descriptor, uint32_t data, bool is_signed,
                                  const char *what, CmPixelLut *lut, CmError **err) {
  LutSource source = {.what = what};
  *lut = (CmPixelLut){0};
  if (!find_data(set, data, &source, err) || !read_descriptor(set, descriptor, is_signed, &source, lut, err))
    return false;
  lut->entries = cm_alloc_array(ctx, MOST_ENTRIES, sizeof *lut->entries, err);
  if (!lut->entries) return false;
  Segments segments = {.source = &source, .width = lut->bits <= 8 ? 1 : 2, .lut = lut};
  segments.count = source.size / (uint64_t)segments.width;
  if (segments.width == 1 && source.big_endian) segments.count &= ~(uint64_t)1;
  if (expand_segments(&segments, err)) return true;
  cm__pixel_lut_free(lut);
  return false;
}

void cm__pixel_lut_free(CmPixelLut *lut) {
  cm_free(lut->entries);
  *lut = (CmPixelLut){0};
}
