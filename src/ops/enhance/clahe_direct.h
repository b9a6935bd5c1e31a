/* CLAHE of u8 and u16 over their whole range in planes: counts and mixtures straight from the voxels, and the maps of
 * the four tiles around a voxel beside each other in one table. The numbers are those of the general way. */
#ifndef CM_OPS_ENHANCE_CLAHE_DIRECT_H
#define CM_OPS_ENHANCE_CLAHE_DIRECT_H

#include <stdint.h>

/* Adds n voxels to counts: four tables of 256, so that one count need not wait for the next. */
void cm__clahe_count_u8(const uint8_t *from, int64_t n, uint32_t *counts);
/* One table of 65536. */
void cm__clahe_count_u16(const uint16_t *from, int64_t n, uint32_t *counts);

/* maps: above left, above right, below left, below right, of whole numbers. table: 256. */
void cm__clahe_pack_u8(const float *const maps[4], uint32_t *table);
/* table: twice 65536, those above and those below. */
void cm__clahe_pack_u16(const float *const maps[4], uint32_t *table);

/* A run of voxels of a cell; ahead: of each how much the right maps count; y_ahead: how much those below do. */
void cm__clahe_mix_u8(const uint32_t *table, const uint8_t *from, const float *ahead, float y_ahead, int64_t n,
                      uint8_t *to);
void cm__clahe_mix_u16(const uint32_t *table, const uint16_t *from, const float *ahead, float y_ahead, int64_t n,
                       uint16_t *to);

#endif
