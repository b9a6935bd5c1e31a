/* Data sets of hand-made bytes for tests. */
#ifndef TESTS_DICOM_BYTES_H
#define TESTS_DICOM_BYTES_H

#include <stdint.h>
#include <string.h>

typedef struct Bytes {
  uint8_t at[8192];
  size_t size;
} Bytes;

static inline void put(Bytes *bytes, const void *from, size_t size) {
  memcpy(bytes->at + bytes->size, from, size);
  bytes->size += size;
}
static inline void put16(Bytes *bytes, unsigned value) {
  put(bytes, (uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8)}, 2);
}
static inline void put32(Bytes *bytes, unsigned value) {
  put16(bytes, value & 0xFFFF);
  put16(bytes, value >> 16);
}
static inline void put_tag(Bytes *bytes, uint32_t tag) {
  put16(bytes, tag >> 16);
  put16(bytes, tag & 0xFFFF);
}
/* Explicit VR little endian, 16-bit length. */
static inline void put_text(Bytes *bytes, uint32_t tag, const char *vr, const char *value) {
  put_tag(bytes, tag);
  put(bytes, vr, 2);
  put16(bytes, (unsigned)strlen(value));
  put(bytes, value, strlen(value));
}
/* Explicit VR little endian, 32-bit length; the value is the caller's to put. */
static inline void put_long(Bytes *bytes, uint32_t tag, const char *vr, unsigned length) {
  put_tag(bytes, tag);
  put(bytes, vr, 2);
  put16(bytes, 0);
  put32(bytes, length);
}
/* Implicit VR, and items and delimiters. */
static inline void put_head(Bytes *bytes, uint32_t tag, unsigned length) {
  put_tag(bytes, tag);
  put32(bytes, length);
}
/* Preamble, mark and a transfer syntax; no group length. */
static inline void put_file(Bytes *bytes, const char *transfer_syntax) {
  memset(bytes->at, 0, 128);
  bytes->size = 128;
  put(bytes, "DICM", 4);
  if (transfer_syntax) put_text(bytes, 0x00020010, "UI", transfer_syntax);
}

#endif
