/* Voxels in files beside a header, one or several that follow each other (NRRD «data file», MetaImage
 * «ElementDataFile»). */
#ifndef CORMACK_IO_DETACHED_H
#define CORMACK_IO_DETACHED_H

#include "io/gzip.h"
#include "io/source.h"

typedef struct CmNames {
  CmContext *ctx;
  char **names; /* each cm_free */
  int count, room;
} CmNames;

bool cm__names_add(CmNames *names, const char *name, size_t size, CmError **err);
/* «pattern%03d.raw 1 20 1»: one integer conversion, nothing else of printf. */
bool cm__names_add_pattern(CmNames *names, const char *pattern, int64_t first, int64_t last, int64_t step,
                           CmError **err);
/* The non-empty lines of a text. */
bool cm__names_add_lines(CmNames *names, const char *text, size_t size, CmError **err);
void cm__names_free(CmNames *names);

/* How each file is to be read. */
typedef struct CmPlain {
  bool packed; /* gzip */
  int64_t line_skip;
  int64_t byte_skip; /* -1: the voxels are the last bytes of the file; in packed files counted after inflating */
} CmPlain;

/* `size` bytes of voxels from `source` at `begin`, to `to`. */
bool cm__plain_read(const CmSource *source, uint64_t begin, const CmPlain *plain, uint8_t *to, uint64_t size,
                    CmError **err);
/* A new block with `size` bytes: equal shares of all files, in order. */
uint8_t *cm__names_read(const CmNames *names, const CmSource *header, const CmPlain *plain, uint64_t size,
                        CmError **err);

/* The file at `path`: header and then the voxels, or the header alone with the voxels in `data_path` (NULL: none). The
 * voxels are written first, so that no header names a file that is not there. */
bool cm__detached_write(CmContext *ctx, const char *path, const char *header, const char *data_path, const void *data,
                        size_t size, CmError **err);

#endif
