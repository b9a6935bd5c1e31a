/* What a format's own header cannot hold (unit, labels, metadata, geometry to the last bit), as one JSON text that the
 * format carries along: a NIfTI extension, an NRRD key, a MetaImage field. Geometry is believed only where the header
 * agrees with it, so that a file changed by another program is read as that program left it. */
#ifndef CORMACK_IO_WORDS_H
#define CORMACK_IO_WORDS_H

#include "cormack/image.h"

#define CM_WORDS_KEY "cormack"

/* *text: one line (cm_free), or NULL where the image has nothing to say. geometry, rank: whether these must be in it.
 */
bool cm__words_make(CmContext *ctx, const CmImage *image, bool geometry, bool rank, char **text, CmError **err);
/* What the text says of rank (0: nothing) and geometry (false: nothing, or not valid). */
bool cm__words_shape(const char *text, size_t size, int *rank, CmGeometry *geometry);
/* Sets unit, labels and metadata. A text that is not ours changes nothing. */
bool cm__words_apply(CmImage *image, const char *text, size_t size, CmError **err);
/* Whether two geometries are one, but for rounding (1e-6 of a voxel or a unit), in the axes and coordinates that a
 * header has. */
bool cm__words_agree(const CmGeometry *header, const CmGeometry *exact, int axes, int coordinates);

#endif
