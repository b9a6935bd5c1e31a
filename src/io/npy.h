/* NumPy arrays in memory, and the archives that hold several. */
#ifndef CORMACK_IO_NPY_H
#define CORMACK_IO_NPY_H

#include "cormack/io.h"
#include "io/source.h"

struct CmArray {
  CmContext *ctx;
  CmArrayInfo info;
  int64_t count;
  void *block, *data; /* C order, native byte order, info.type */
};

/* Makes the array of an .npy file that stands in `block` (from cm_alloc; passes to the array on success, freed on
 * failure). */
CmArray *cm__npy_take(CmContext *ctx, const char *name, uint8_t *block, size_t size, CmError **err);
/* Parses a header alone: type and shape without the numbers. */
bool cm__npy_parse_info(const uint8_t *bytes, size_t size, CmArrayInfo *info, CmError **err);
/* The array as an image by the rule of docs/formats.md. Takes over and nulls *array on success. */
CmImage *cm__npy_image(CmArray **array, CmError **err);
/* Header of an .npy file: returns its size, a multiple of 64. */
size_t cm__npy_make_header(CmType type, int rank, const int64_t *shape, char to[512]);
/* The shape under which an image is written; returns the number of dimensions. */
int cm__npy_shape_of(const CmImage *image, int64_t shape[5]);

/* An archive: its members' names and places. */
typedef struct CmZipEntry {
  char name[CM_ARRAY_NAME];
  uint64_t at, packed, size; /* at: of the local header */
  uint32_t crc;
  int method; /* 0 stored, 8 deflated */
} CmZipEntry;

typedef struct CmZip {
  const CmSource *source;
  CmZipEntry *entries;
  int count;
} CmZip;

bool cm__zip_open(CmZip *zip, const CmSource *source, CmError **err);
void cm__zip_close(CmZip *zip);
/* The member's bytes, checked by their CRC, in a new block (cm_free) with a zero byte behind them. */
uint8_t *cm__zip_read(const CmZip *zip, const CmZipEntry *entry, CmError **err);
const CmZipEntry *cm__zip_find(const CmZip *zip, const char *name);

#endif
