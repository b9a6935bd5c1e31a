/* The description of the pixels: Image Pixel module (PS3.3 C.7.6.3) and transfer syntax, read and checked. */
#include <stdio.h>
#include <string.h>

#include "io/dicom/pixel.h"

#define MOST_FRAMES ((int64_t)1 << 31)

static const CmPixelSyntax syntaxes[] = {
    {"1.2.840.10008.1.2", "Implicit VR Little Endian", false, NULL, false},
    {"1.2.840.10008.1.2.1", "Explicit VR Little Endian", false, NULL, false},
    {"1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", false, NULL, false},
    {"1.2.840.10008.1.2.2", "Explicit VR Big Endian", false, NULL, false},
    {"1.2.840.10008.1.2.5", "RLE Lossless", true, cm__codec_rle, false},
    {"1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", true, cm__codec_deflate, true},
    {"1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", true, cm__codec_jpeg, false},
    {"1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 and 4)", true, cm__codec_jpeg, false},
    {"1.2.840.10008.1.2.4.53", "JPEG Spectral Selection (Process 6 and 8)", true, cm__codec_jpeg, false},
    {"1.2.840.10008.1.2.4.55", "JPEG Full Progression (Process 10 and 12)", true, cm__codec_jpeg, false},
    {"1.2.840.10008.1.2.4.57", "JPEG Lossless (Process 14)", true, cm__codec_jpeg, false},
    {"1.2.840.10008.1.2.4.70", "JPEG Lossless (Process 14, Selection Value 1)", true, cm__codec_jpeg, false},
    {"1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", true, cm__codec_jpegls, false},
    {"1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless", true, cm__codec_jpegls, false},
    {"1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)", true, cm__codec_j2k, false},
    {"1.2.840.10008.1.2.4.91", "JPEG 2000", true, cm__codec_j2k, false},
    {"1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)", true, cm__codec_j2k, false},
    {"1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL (Lossless Only)", true, cm__codec_j2k, false},
    {"1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", true, cm__codec_j2k, false},
};

const CmPixelSyntax *cm__pixel_syntax(const char *uid, CmError **err) {
  for (int i = 0; i < CM_COUNT(syntaxes); i++) {
    if (!strcmp(uid, syntaxes[i].uid)) return &syntaxes[i];
  }
  const char *name = cm_dicom_uid_name(uid);
  cm_error_set(err, CM_ERR_UNSUPPORTED,
               "pixel data in transfer syntax %s (%s) are not decoded; convert the file to a supported one",
               *uid ? uid : "(none)", name ? name : "unknown");
  return NULL;
}

typedef struct Photometric {
  const char *term;
  CmPhotometric value;
  int samples; /* 0: refused by name */
} Photometric;

static const Photometric photometrics[] = {
    {"MONOCHROME1", CM_PHOTO_MONOCHROME1, 1},
    {"MONOCHROME2", CM_PHOTO_MONOCHROME2, 1},
    {"PALETTE COLOR", CM_PHOTO_PALETTE, 1},
    {"RGB", CM_PHOTO_RGB, 3},
    {"YBR_FULL", CM_PHOTO_YBR_FULL, 3},
    {"YBR_FULL_422", CM_PHOTO_YBR_FULL_422, 3},
    {"YBR_PARTIAL_422", CM_PHOTO_YBR_PARTIAL_422, 3},
    {"YBR_PARTIAL_420", CM_PHOTO_YBR_PARTIAL_420, 3},
    {"YBR_ICT", CM_PHOTO_YBR_ICT, 3},
    {"YBR_RCT", CM_PHOTO_YBR_RCT, 3},
};

/* A required whole number in a range. */
static bool need_int(CmDicomSet set, uint32_t tag, const char *name, int64_t least, int64_t most, int64_t *value,
                     CmError **err) {
  CmDicomElement element;
  if (!cm_dicom_find(set, tag, &element) || !element.length) {
    cm_error_set(err, CM_ERR_FORMAT, "%s (%04X,%04X) is missing; without it the pixels cannot be read", name, tag >> 16,
                 tag & 0xFFFF);
    return false;
  }
  if (!cm_dicom_int(set, tag, 0, value)) {
    cm_error_set(err, CM_ERR_FORMAT, "%s (%04X,%04X) is not a whole number", name, tag >> 16, tag & 0xFFFF);
    return false;
  }
  if (*value < least || *value > most) {
    cm_error_set(err, CM_ERR_FORMAT, "%s (%04X,%04X) is %lld, not %lld to %lld", name, tag >> 16, tag & 0xFFFF,
                 (long long)*value, (long long)least, (long long)most);
    return false;
  }
  return true;
}

static bool read_photometric(CmDicomSet set, CmPixelLayout *layout, CmError **err) {
  char *text = layout->pixels.photometric;
  if (!cm_dicom_text(set, CM_TAG(0x0028, 0x0004), text, sizeof layout->pixels.photometric)) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "PhotometricInterpretation (0028,0004) is missing; without it the pixels cannot be read");
    return false;
  }
  for (int i = 0; i < CM_COUNT(photometrics); i++) {
    if (strcmp(text, photometrics[i].term)) continue;
    if (layout->pixels.samples != photometrics[i].samples) {
      cm_error_set(err, CM_ERR_FORMAT,
                   "PhotometricInterpretation (0028,0004) %s needs %d samples per pixel (0028,0002), not %d", text,
                   photometrics[i].samples, layout->pixels.samples);
      return false;
    }
    layout->photometric = photometrics[i].value;
    return true;
  }
  cm_error_set(err, CM_ERR_UNSUPPORTED,
               "PhotometricInterpretation (0028,0004) %s is not supported; convert the file to RGB", text);
  return false;
}

static bool find_pixels(CmDicomSet set, uint32_t *tag, CmError **err) {
  static const uint32_t tags[] = {CM__TAG_PIXELS, CM__TAG_FLOAT_PIXELS, CM__TAG_DOUBLE_PIXELS};
  CmDicomElement element;
  *tag = 0;
  for (int i = 0; i < CM_COUNT(tags); i++) {
    if (!cm_dicom_find(set, tags[i], &element)) continue;
    if (*tag) {
      cm_error_set(err, CM_ERR_FORMAT, "there are two kinds of pixel data, (%04X,%04X) and (%04X,%04X)", *tag >> 16,
                   *tag & 0xFFFF, tags[i] >> 16, tags[i] & 0xFFFF);
      return false;
    }
    *tag = tags[i];
  }
  if (!*tag) cm_error_set(err, CM_ERR_MISSING, "the file holds no pixel data; give a file with an image");
  return *tag != 0;
}

/* BitsAllocated, BitsStored, HighBit and PixelRepresentation (PS3.5 8.1.1); float data have only the first. */
static bool read_bits(CmDicomSet set, CmPixelLayout *layout, CmError **err) {
  CmDicomPixels *pixels = &layout->pixels;
  int64_t value;
  if (layout->tag != CM__TAG_PIXELS) {
    int bits = layout->tag == CM__TAG_FLOAT_PIXELS ? 32 : 64;
    if (!need_int(set, CM_TAG(0x0028, 0x0100), "BitsAllocated", bits, bits, &value, err)) return false;
    pixels->is_float = pixels->is_signed = true;
    pixels->bits_allocated = pixels->bits_stored = bits;
    pixels->high_bit = bits - 1;
    return true;
  }
  if (!need_int(set, CM_TAG(0x0028, 0x0100), "BitsAllocated", 1, 64, &value, err)) return false;
  pixels->bits_allocated = (int)value;
  if (value > 32) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "pixels of %d allocated bits (0028,0100) are not supported; at most 32 are",
                 (int)value);
    return false;
  }
  if (!need_int(set, CM_TAG(0x0028, 0x0101), "BitsStored", 1, pixels->bits_allocated, &value, err)) return false;
  pixels->bits_stored = (int)value;
  CmDicomElement element;
  pixels->high_bit = pixels->bits_stored - 1;
  if (cm_dicom_find(set, CM_TAG(0x0028, 0x0102), &element) && element.length) {
    if (!need_int(set, CM_TAG(0x0028, 0x0102), "HighBit", pixels->bits_stored - 1, pixels->bits_allocated - 1, &value,
                  err))
      return false;
    pixels->high_bit = (int)value;
  }
  if (!need_int(set, CM_TAG(0x0028, 0x0103), "PixelRepresentation", 0, 1, &value, err)) return false;
  pixels->is_signed = value == 1;
  if (pixels->is_signed && layout->photometric >= CM_PHOTO_RGB) {
    cm_error_set(err, CM_ERR_FORMAT, "PixelRepresentation (0028,0103) is signed, which %s does not allow",
                 pixels->photometric);
    return false;
  }
  return true;
}

bool cm__pixel_layout(const CmDicom *dicom, CmPixelLayout *layout, CmError **err) {
  CmDicomSet set = cm_dicom_root(dicom);
  CmDicomElement element;
  int64_t value;
  *layout = (CmPixelLayout){0};
  CmDicomPixels *pixels = &layout->pixels;
  if (!find_pixels(set, &layout->tag, err)) return false;
  if (!need_int(set, CM_TAG(0x0028, 0x0011), "Columns", 1, 65535, &pixels->columns, err)) return false;
  if (!need_int(set, CM_TAG(0x0028, 0x0010), "Rows", 1, 65535, &pixels->rows, err)) return false;
  if (!need_int(set, CM_TAG(0x0028, 0x0002), "SamplesPerPixel", 1, 65535, &value, err)) return false;
  pixels->samples = (int)value;
  if (!read_photometric(set, layout, err) || !read_bits(set, layout, err)) return false;
  pixels->frames = 1;
  if (cm_dicom_find(set, CM_TAG(0x0028, 0x0008), &element) && element.length) {
    if (!need_int(set, CM_TAG(0x0028, 0x0008), "NumberOfFrames", 0, MOST_FRAMES, &pixels->frames, err)) return false;
    if (pixels->frames == 0) pixels->frames = 1; /* written by some for a single frame */
  }
  if (pixels->samples > 1 && cm_dicom_find(set, CM_TAG(0x0028, 0x0006), &element) && element.length) {
    if (!need_int(set, CM_TAG(0x0028, 0x0006), "PlanarConfiguration", 0, 1, &value, err)) return false;
    layout->planar = value == 1;
  }
  return true;
}

bool cm_dicom_pixels(const CmDicom *dicom, CmDicomPixels *pixels, CmError **err) {
  CmPixelLayout layout;
  if (!cm__pixel_layout(dicom, &layout, err)) {
    cm_error_context(err, "%s", cm_dicom_path(dicom));
    return false;
  }
  *pixels = layout.pixels;
  return true;
}
