/* Colours of bytes, which are most colours there are: what plain loops do, by shuffles of bytes and to the same bits.
 */
#ifndef CM_OPS_COLOUR_BYTES_H
#define CM_OPS_COLOUR_BYTES_H

#include <stdint.h>

/* n voxels of 3 bytes into planes, times a scale. */
void cm__bytes_to_planes(const void *rgb, float scale, int64_t n, float *red, float *green, float *blue);
/* n voxels of 3 bytes to grey: (2125 R + 7154 G + 721 B) / 10000, halves up, exactly. */
void cm__bytes_to_grey(const uint8_t *rgb, int64_t n, uint8_t *to);

#endif
