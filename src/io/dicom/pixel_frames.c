/* Where each frame's bytes are: native (PS3.5 8.1), or fragments with or without an offset table (PS3.5 A.4). */
#include <string.h>

#include "io/dicom/dicom_file.h"
#include "io/dicom/pixel.h"

uint64_t cm__pixel_native_bits(const CmPixelLayout *layout, bool subsampled) {
  const CmDicomPixels *pixels = &layout->pixels;
  return (uint64_t)pixels->columns * (uint64_t)pixels->rows * (uint64_t)(subsampled ? 2 : pixels->samples) *
         (uint64_t)pixels->bits_allocated;
}

static bool is_422(CmPhotometric photometric) {
  return photometric == CM_PHOTO_YBR_FULL_422 || photometric == CM_PHOTO_YBR_PARTIAL_422;
}

/* bits * frames rounded up to bytes; frames are at most 2^31 and a frame at most 2^42 bits, so nothing overflows before
 * the division. */
static uint64_t native_bytes(const CmPixelLayout *layout, bool subsampled) {
  unsigned __int128 bits =
      (unsigned __int128)cm__pixel_native_bits(layout, subsampled) * (uint64_t)layout->pixels.frames;
  bits = (bits + 7) / 8;
  return bits > UINT64_MAX ? UINT64_MAX : (uint64_t)bits;
}

static bool open_native(const CmDicom *dicom, const CmPixelLayout *layout, const CmDicomElement *element,
                        CmPixelFrames *frames, CmError **err) {
  const CmDicomPixels *pixels = &layout->pixels;
  if (element->undefined_length) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "the pixel data are encapsulated, but transfer syntax %s is not; one of them is wrong",
                 frames->syntax->name);
    return false;
  }
  uint64_t full = native_bytes(layout, false), need = full;
  if (is_422(layout->photometric)) {
    need = native_bytes(layout, true);
    /* some writers name a 4:2:2 photometric interpretation and store every chroma sample */
    frames->subsampled = element->length < full;
    if (!frames->subsampled) need = full;
  } else if (layout->photometric > CM_PHOTO_YBR_PARTIAL_422) {
    cm_error_set(err, CM_ERR_FORMAT, "PhotometricInterpretation (0028,0004) %s is for compressed pixel data only",
                 pixels->photometric);
    return false;
  }
  if (frames->subsampled && (pixels->columns % 2 || layout->planar)) {
    cm_error_set(err, CM_ERR_FORMAT, "%s needs an even number of columns and PlanarConfiguration 0",
                 pixels->photometric);
    return false;
  }
  if (element->length < need) {
    cm_error_set(
        err, CM_ERR_FORMAT,
        "the pixel data have %llu bytes; %lld frames of %lld x %lld need %llu; the file is cut off or its header wrong",
        (unsigned long long)element->length, (long long)pixels->frames, (long long)pixels->columns,
        (long long)pixels->rows, (unsigned long long)need);
    return false;
  }
  frames->native = element->value;
  frames->native_size = element->length;
  frames->big_endian = cm_dicom_root(dicom).big_endian != 0;
  bool big_words = frames->big_endian && element->vr == CM_VR('O', 'W');
  frames->swap_words = big_words && pixels->bits_allocated != 16 && pixels->bits_allocated != 32;
  frames->word_order = big_words && pixels->bits_allocated == 32;
  return true;
}

/* ---- encapsulated ---- */

static bool read_fragments(CmContext *ctx, const CmDicomElement *element, CmCodecInput *table, CmPixelFrames *frames,
                           CmError **err) {
  const uint8_t *bytes;
  uint64_t at = 0, size;
  int64_t count = 0;
  while (cm__dicom_fragment(element, &at, &bytes, &size)) count++;
  if (count < 2) {
    cm_error_set(err, CM_ERR_FORMAT, "the encapsulated pixel data hold no fragment");
    return false;
  }
  frames->fragments = cm_alloc_array(ctx, (size_t)count - 1, sizeof *frames->fragments, err);
  if (!frames->fragments) return false;
  at = 0;
  if (!cm__dicom_fragment(element, &at, &bytes, &size)) return false;
  *table = (CmCodecInput){bytes, (size_t)size};
  while (cm__dicom_fragment(element, &at, &bytes, &size)) {
    frames->fragments[frames->fragment_count++] = (CmCodecInput){bytes, (size_t)size};
  }
  return true;
}

/* The fragment whose item begins at `offset`, from `from` on; -1: none. Offsets count from the first fragment's item
 * tag. */
static int64_t fragment_at(const CmPixelFrames *frames, int64_t from, uint64_t offset) {
  for (int64_t i = from; i < frames->fragment_count; i++) {
    uint64_t here = (uint64_t)(frames->fragments[i].bytes - frames->fragments[0].bytes);
    if (here == offset) return i;
    if (here > offset) break;
  }
  return -1;
}

/* Frames by offsets of `width` bytes, 4 (basic) or 8 (extended). false: the table does not fit the fragments. */
static bool by_offsets(CmPixelFrames *frames, int64_t count, CmCodecInput table, size_t width) {
  if (table.size / width < (uint64_t)count) return false;
  int64_t fragment = 0;
  for (int64_t f = 0; f < count; f++) {
    const uint8_t *p = table.bytes + (size_t)f * width;
    uint64_t offset = width == 4 ? cm__load32(p, false) : cm__load64(p, false);
    fragment = fragment_at(frames, fragment, offset);
    if (fragment < 0 || (f == 0 && fragment != 0)) return false;
    if (f && fragment == frames->first_fragment[f - 1]) return false;
    frames->first_fragment[f] = fragment;
  }
  return true;
}

/* Whether a fragment begins a codestream: SOI of JPEG and JPEG-LS, SOC of JPEG 2000. */
static bool begins_codestream(CmCodecInput fragment) {
  const uint8_t *b = fragment.bytes;
  return fragment.size >= 4 && b[0] == 0xFF &&
         ((b[1] == 0xD8 && b[2] == 0xFF) || (b[1] == 0x4F && b[2] == 0xFF && b[3] == 0x51));
}

/* Whether it ends one: EOI or EOC, perhaps with padding behind. */
static bool ends_codestream(CmCodecInput fragment) {
  size_t end = fragment.size;
  while (end && fragment.bytes[end - 1] == 0) end--;
  return end >= 2 && fragment.bytes[end - 2] == 0xFF && fragment.bytes[end - 1] == 0xD9;
}

static bool by_markers(CmPixelFrames *frames, int64_t count) {
  int64_t found = 0;
  for (int64_t i = 0; i < frames->fragment_count; i++) {
    if (i && !(begins_codestream(frames->fragments[i]) && ends_codestream(frames->fragments[i - 1]))) continue;
    if (found == count) return false;
    frames->first_fragment[found++] = i;
  }
  return found == count;
}

static bool index_frames(const CmDicom *dicom, int64_t count, CmCodecInput basic, CmPixelFrames *frames,
                         CmError **err) {
  CmDicomElement extended;
  frames->first_fragment[count] = frames->fragment_count;
  frames->first_fragment[0] = 0;
  if (count == 1) {
    /* more frames than the header speaks of: the one it speaks of */
    for (int64_t i = 1; i < frames->fragment_count; i++) {
      if (begins_codestream(frames->fragments[i]) && ends_codestream(frames->fragments[i - 1])) {
        frames->first_fragment[1] = i;
        break;
      }
    }
    return true;
  }
  if (frames->fragment_count == count) {
    for (int64_t f = 0; f < count; f++) frames->first_fragment[f] = f;
    return true;
  }
  if (cm_dicom_find(cm_dicom_root(dicom), CM_TAG(0x7FE0, 0x0001), &extended) && extended.length &&
      by_offsets(frames, count, (CmCodecInput){extended.value, (size_t)extended.length}, 8)) {
    return true;
  }
  if (basic.size && by_offsets(frames, count, basic, 4)) return true;
  if (by_markers(frames, count)) return true;
  cm_error_set(
      err, CM_ERR_FORMAT,
      "%lld frames lie in %lld fragments, and no offset table says which belong together; write the file anew with one",
      (long long)count, (long long)frames->fragment_count);
  return false;
}

bool cm__pixel_frames_open(CmContext *ctx, const CmDicom *dicom, const CmPixelLayout *layout, CmPixelFrames *frames,
                           CmError **err) {
  CmDicomElement element;
  CmCodecInput basic;
  *frames = (CmPixelFrames){0};
  frames->syntax = cm__pixel_syntax(cm_dicom_transfer_syntax(dicom), err);
  if (!frames->syntax) return false;
  if (!cm_dicom_find(cm_dicom_root(dicom), layout->tag, &element)) {
    cm_error_set(err, CM_ERR_MISSING, "the file holds no pixel data; give a file with an image");
    return false;
  }
  if (element.length && !element.value) {
    cm_error_set(err, CM_ERR_USAGE, "the file was opened without its pixel data; open it with CM_DICOM_WHOLE");
    return false;
  }
  if (!frames->syntax->encapsulated) return open_native(dicom, layout, &element, frames, err);
  if (!element.undefined_length) {
    cm_error_set(
        err, CM_ERR_FORMAT,
        "transfer syntax %s needs encapsulated pixel data, but theirs have a defined length; one of them is wrong",
        frames->syntax->name);
    return false;
  }
  if (!read_fragments(ctx, &element, &basic, frames, err)) goto error;
  if (frames->fragment_count < layout->pixels.frames) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "NumberOfFrames (0028,0008) is %lld, but the pixel data have %lld fragments; the file is cut off or "
                 "its header wrong",
                 (long long)layout->pixels.frames, (long long)frames->fragment_count);
    goto error;
  }
  frames->first_fragment = cm_alloc_array(ctx, (size_t)layout->pixels.frames + 1, sizeof *frames->first_fragment, err);
  if (!frames->first_fragment) goto error;
  if (index_frames(dicom, layout->pixels.frames, basic, frames, err)) return true;
error:
  cm__pixel_frames_close(frames);
  return false;
}

void cm__pixel_frames_close(CmPixelFrames *frames) {
  cm_free(frames->fragments);
  cm_free(frames->first_fragment);
  *frames = (CmPixelFrames){0};
}

uint64_t cm__pixel_frames_coded(const CmPixelFrames *frames, int64_t first, int64_t count) {
  if (!frames->syntax->encapsulated) return UINT64_MAX;
  uint64_t bytes = 0;
  for (int64_t i = frames->first_fragment[first]; i < frames->first_fragment[first + count]; i++)
    bytes += frames->fragments[i].size;
  return bytes;
}
