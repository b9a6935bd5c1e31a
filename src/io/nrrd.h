/* The header of an NRRD file, and the image geometry in it. Format: http://teem.sourceforge.net/nrrd/format.html
 * (NRRD0001 to NRRD0005). */
#ifndef CORMACK_IO_NRRD_H
#define CORMACK_IO_NRRD_H

#include "cormack/image.h"
#include "io/voxels.h"

#define CM_NRRD_AXES 8

typedef enum CmNrrdEncoding { CM_NRRD_RAW, CM_NRRD_GZIP, CM_NRRD_TEXT } CmNrrdEncoding;

typedef struct CmNrrdAxis {
  int64_t size;
  char kind[24];      /* "" where not given */
  bool has_direction; /* a vector, not «none» */
  double direction[3], spacing, min;
  bool has_spacing, has_min, node_centred;
} CmNrrdAxis;

typedef struct CmNrrd {
  int axes, space_dimension; /* space_dimension 0: no orientation given */
  CmNrrdAxis axis[CM_NRRD_AXES];
  int raw;
  bool typed, sized, big_endian, endian_given;
  CmNrrdEncoding encoding;
  double flip[3]; /* from the file's space to LPS, per coordinate */
  bool has_origin;
  double origin[3], mm; /* mm: millimetres per unit of length */
  int64_t line_skip, byte_skip;
  const char *data_file;       /* into the text; NULL: attached */
  const char *content, *words; /* into the text; NULL: none */
  size_t words_size;
} CmNrrd;

/* Reads the lines of a header, which are zero-terminated in place: `text` ends where the header ends. */
bool cm__nrrd_parse(char *text, size_t size, CmNrrd *nrrd, CmError **err);
/* Axes to the image's axes, directions to its geometry. */
bool cm__nrrd_layout(const CmNrrd *nrrd, CmLayout *layout, CmGeometry *geometry, CmError **err);

#endif
