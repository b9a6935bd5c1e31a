/* One frame as interleaved cells: straight from the file where they lie there so, else unpacked, decompressed, put
 * together. */
#include <string.h>

#include "io/dicom/pixel.h"

/* A frame's cells may take this much, or this many times its compressed bytes, whichever is more: an image of one
 * colour compresses without limit, a bomb does no more than that. */
#define FREE_FRAME_BYTES ((size_t)64 << 20)
#define MOST_RATIO 4096u

static int cell_bytes(int bits) {
  return bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : 8;
}

size_t cm__pixel_cell_bytes(const CmPixelLayout *layout) {
  const CmDicomPixels *pixels = &layout->pixels; /* at most 2^32 pixels of 3 samples of 8 bytes */
  return (size_t)pixels->columns * (size_t)pixels->rows * (size_t)pixels->samples *
         (size_t)cell_bytes(pixels->bits_allocated);
}

static void unpack_bits(const uint8_t *bytes, uint64_t first, int64_t count, uint8_t *to) {
  int64_t i = 0;
  for (; i < count && (first + (uint64_t)i) % 8; i++)
    to[i] = bytes[(first + (uint64_t)i) / 8] >> (first + (uint64_t)i) % 8 & 1;
  const uint8_t *from = bytes + (first + (uint64_t)i) / 8;
  for (; i + 8 <= count; i += 8, from++) {
    for (int bit = 0; bit < 8; bit++) to[i + bit] = *from >> bit & 1;
  }
  for (int bit = 0; i < count; i++, bit++) to[i] = *from >> bit & 1;
}

void cm__pixel_unpack(const uint8_t *bytes, uint64_t first, int bits, int64_t count, int size, void *to) {
  if (bits == 1 && size == 1) {
    unpack_bits(bytes, first, count, to);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    uint64_t at = first + (uint64_t)i * (uint64_t)bits, value = 0;
    int got = 0;
    while (got < bits) { /* byte by byte: never past the last byte that holds a bit of the cell */
      uint64_t here = at + (uint64_t)got;
      int skip = (int)(here % 8);
      value |= (uint64_t)(bytes[here / 8] >> skip) << got;
      got += 8 - skip;
    }
    value &= ((uint64_t)1 << bits) - 1;
    if (size == 1) {
      ((uint8_t *)to)[i] = (uint8_t)value;
    } else if (size == 2) {
      ((uint16_t *)to)[i] = (uint16_t)value;
    } else {
      ((uint32_t *)to)[i] = (uint32_t)value;
    }
  }
}

/* Planes one after the other to pixels. */
static void interleave(const uint8_t *from, size_t pixels, size_t samples, size_t size, uint8_t *to) {
  for (size_t s = 0; s < samples; s++) {
    const uint8_t *plane = from + s * pixels * size;
    for (size_t i = 0; i < pixels; i++) memcpy(to + (i * samples + s) * size, plane + i * size, size);
  }
}

/* Y1 Y2 Cb Cr to two pixels with the same chroma (PS3.3 C.7.6.3.1.2: the left one's, which is where it was sampled). */
static void expand_422(const uint8_t *from, size_t pixels, size_t size, uint8_t *to) {
  for (size_t i = 0; i < pixels; i += 2, from += 4 * size, to += 6 * size) {
    memcpy(to, from, size);
    memcpy(to + size, from + 2 * size, 2 * size);
    memcpy(to + 3 * size, from + size, size);
    memcpy(to + 4 * size, from + 2 * size, 2 * size);
  }
}

static void swap_pairs(const uint8_t *from, uint64_t size, uint8_t *to) {
  for (uint64_t i = 0; i + 1 < size; i += 2) {
    to[i] = from[i + 1];
    to[i + 1] = from[i];
  }
}

/* A buffer for the frame instead of the one in `cells`. */
static uint8_t *replace(CmContext *ctx, CmPixelCells *cells, uint8_t *fresh) {
  (void)ctx;
  cm_free(cells->owned);
  cells->owned = fresh;
  cells->bytes = fresh;
  return fresh;
}

/* 32-bit cells as OW in big endian: by PS3.5 8.1.1 (2016b) the low word comes first, and only the bytes of each word
 * are swapped; many writers swap all four. Where both give the same cells there is nothing to choose; else no reader
 * can know. */
static bool check_word_order(const uint8_t *cells, size_t count, CmError **err) {
  for (size_t i = 0; i < count; i++, cells += 4) {
    if (cells[0] == cells[2] && cells[1] == cells[3]) continue;
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "pixels of 32 bits as OW in big endian have two readings (the word order that the standard gives, and "
                 "the other that writers "
                 "use); convert the file to little endian with the program that wrote it");
    return false;
  }
  return true;
}

/* Native bytes, the frame's first bit being `first` from `bytes`, into cells. `size` bytes are there. */
static bool native_cells(CmContext *ctx, const CmPixelLayout *layout, const CmPixelFrames *frames, const uint8_t *bytes,
                         uint64_t size, uint64_t first, CmPixelCells *cells, CmError **err) {
  const CmDicomPixels *pixels = &layout->pixels;
  size_t count = (size_t)pixels->columns * (size_t)pixels->rows, samples = (size_t)pixels->samples;
  size_t cell = (size_t)cells->cell_bytes;
  size_t stored = frames->subsampled ? 2 * count : samples * count; /* cells in the file */
  uint64_t bits = (uint64_t)stored * (uint64_t)pixels->bits_allocated;
  if (frames->swap_words) {
    /* whole words around the frame, so that its first bit keeps its place */
    uint64_t begin = first / 16 * 2, end = (first + bits + 15) / 16 * 2;
    if (end > size) end = size / 2 * 2;
    uint8_t *swapped = cm_alloc(ctx, (size_t)(end - begin) + 2, err);
    if (!swapped) return false;
    swap_pairs(bytes + begin, end - begin, swapped);
    memset(swapped + (end - begin), 0, 2);
    if (end < size) swapped[end - begin] = bytes[end]; /* an odd byte has no partner */
    replace(ctx, cells, swapped);
    bytes = swapped;
    first -= begin * 8;
  }
  cells->bytes = bytes + first / 8;
  if (frames->word_order && !check_word_order(cells->bytes, stored, err)) return false;
  if ((size_t)pixels->bits_allocated != 8 * cell) {
    uint8_t *wide = cm_alloc_array(ctx, stored, cell, err);
    if (!wide) return false;
    cm__pixel_unpack(bytes, first, pixels->bits_allocated, (int64_t)stored, cells->cell_bytes, wide);
    replace(ctx, cells, wide);
  }
  if (frames->subsampled || (layout->planar && samples > 1)) {
    uint8_t *whole = cm_alloc_array(ctx, count * samples, cell, err);
    if (!whole) return false;
    if (frames->subsampled) {
      expand_422(cells->bytes, count, cell, whole);
    } else {
      interleave(cells->bytes, count, samples, cell, whole);
    }
    replace(ctx, cells, whole);
  }
  cells->swap = frames->big_endian && !frames->swap_words;
  return true;
}

static bool join_fragments(CmContext *ctx, const CmPixelFrames *frames, int64_t frame, CmCodecInput *input,
                           uint8_t **owned, CmError **err) {
  int64_t begin = frames->first_fragment[frame], end = frames->first_fragment[frame + 1];
  size_t size = 0;
  *owned = NULL;
  if (end - begin == 1) {
    *input = frames->fragments[begin];
    return true;
  }
  for (int64_t i = begin; i < end; i++) size += frames->fragments[i].size; /* parts of one mapping: no overflow */
  uint8_t *at = *owned = cm_alloc(ctx, size, err);
  if (!at) return false;
  for (int64_t i = begin; i < end; i++) {
    if (frames->fragments[i].size) memcpy(at, frames->fragments[i].bytes, frames->fragments[i].size);
    at += frames->fragments[i].size;
  }
  *input = (CmCodecInput){*owned, size};
  return true;
}

/* A codestream has its own depth (PS3.5 8.2: it decides). Deeper than BitsStored: it carries whole cells, to be read as
 * native ones are. */
static void place_bits(const CmDicomPixels *pixels, const CmCoded *coded, CmPixelCells *cells) {
  if (!coded->precision || coded->precision > pixels->bits_stored) return;
  cells->bits = coded->precision;
  cells->shift = 0;
}

static bool coded_cells(CmContext *ctx, const CmPixelLayout *layout, const CmPixelFrames *frames, CmCodecInput input,
                        CmPixelCells *cells, CmError **err) {
  const CmDicomPixels *pixels = &layout->pixels;
  CmFrameShape shape = {pixels->columns, pixels->rows, pixels->samples, cells->cell_bytes,
                        cm__pixel_cell_bytes(layout)};
  bool packed = frames->syntax->native_frame || (pixels->bits_allocated == 1 && frames->syntax->codec == cm__codec_rle);
  if (packed) { /* the codec sees bytes, not samples */
    size_t bytes = (size_t)((cm__pixel_native_bits(layout, false) + 7) / 8);
    shape = (CmFrameShape){(int64_t)bytes, 1, 1, 1, bytes};
  } else if (pixels->bits_allocated > 1 && pixels->bits_allocated != 8 * cells->cell_bytes) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "compressed pixels of %d allocated bits (0028,0100) are not supported; 1, 8, 16 and 32 are",
                 pixels->bits_allocated);
    return false;
  }
  if (shape.bytes > FREE_FRAME_BYTES && shape.bytes / MOST_RATIO > input.size) {
    cm_error_set(err, CM_ERR_FORMAT, "%zu compressed bytes claim to be a frame of %zu; no image compresses so far",
                 input.size, shape.bytes);
    return false;
  }
  CmCoded coded;
  uint8_t *buffer = cm_alloc(ctx, shape.bytes, err);
  if (!buffer) return false;
  replace(ctx, cells, buffer);
  if (!frames->syntax->codec(ctx, input, &shape, buffer, &coded, err)) return false;
  if (packed) return native_cells(ctx, layout, frames, buffer, shape.bytes, 0, cells, err);
  place_bits(pixels, &coded, cells);
  cells->colour = coded.colour;
  return true;
}

bool cm__pixel_cells(CmContext *ctx, const CmPixelLayout *layout, const CmPixelFrames *frames, int64_t frame,
                     CmPixelCells *cells, CmError **err) {
  const CmDicomPixels *pixels = &layout->pixels;
  *cells = (CmPixelCells){.cell_bytes = cell_bytes(pixels->bits_allocated),
                          .is_float = pixels->is_float,
                          .is_signed = pixels->is_signed,
                          .shift = pixels->high_bit + 1 - pixels->bits_stored,
                          .bits = pixels->bits_stored};
  bool ok;
  if (!frames->syntax->encapsulated) {
    uint64_t first = cm__pixel_native_bits(layout, frames->subsampled) * (uint64_t)frame;
    ok = native_cells(ctx, layout, frames, frames->native, frames->native_size, first, cells, err);
  } else {
    CmCodecInput input;
    uint8_t *joined;
    ok =
        join_fragments(ctx, frames, frame, &input, &joined, err) && coded_cells(ctx, layout, frames, input, cells, err);
    cm_free(joined);
  }
  if (!ok) {
    cm_free(cells->owned);
    *cells = (CmPixelCells){0};
  }
  return ok;
}
