#ifndef CM_OPS_COLOUR_GREY_H
#define CM_OPS_COLOUR_GREY_H

#include <stdint.h>

/* n voxels of 3 bytes to n of one. */
void cm__grey_of_bytes(const uint8_t *rgb, int64_t n, uint8_t *to);

#endif
