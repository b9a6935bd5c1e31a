/* Rows through a table of all values of an 8 or 16 bit type. */
#ifndef CM_OPS_INTENSITY_LOOK_UP_H
#define CM_OPS_INTENSITY_LOOK_UP_H

#include "cormack/image.h"

/* Every step-th of n values; entries of the table have `size` bytes. Values are places in the table, signed ones turned
 * by the top bit: the smallest comes first. */
void cm__look_up(CmType type, const void *from, int64_t n, int64_t step, size_t size, const void *table, void *to);

#endif
