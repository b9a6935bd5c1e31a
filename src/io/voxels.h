/* From the numbers as they lie in a file to an image: byte order, axis order, types that CmImage has not. */
#ifndef CORMACK_IO_VOXELS_H
#define CORMACK_IO_VOXELS_H

#include "cormack/image.h"

/* A number type of a file: the CmType values, and more. */
typedef enum CmRaw {
  CM_RAW_I64 = CM_TYPE_COUNT, /* to i32, u32 or f64, whichever first holds all values exactly; else refused */
  CM_RAW_U64,
  CM_RAW_F16, /* to f32 */
} CmRaw;

typedef enum CmRole { CM_ROLE_C, CM_ROLE_X, CM_ROLE_Y, CM_ROLE_Z, CM_ROLE_T, CM_ROLE_COUNT } CmRole;

#define CM_LAYOUT_AXES 5

/* How the numbers lie: axes from the fastest to the slowest, each with what it means. */
typedef struct CmLayout {
  int raw; /* CmType or CmRaw */
  bool big_endian;
  int axes;
  int64_t size[CM_LAYOUT_AXES];
  CmRole role[CM_LAYOUT_AXES]; /* each at most once */
  int rank;                    /* of the image: 2..4 */
} CmLayout;

size_t cm__raw_size(int raw);
/* Checks the sizes against CmImage's limits and counts the bytes. */
bool cm__layout_bytes(const CmLayout *layout, uint64_t *bytes, CmError **err);
/* Makes the image from numbers that stand at `data` (64-byte aligned) in `block`, which passes to the image on success
 * and is freed on failure. */
CmImage *cm__voxels_take(CmContext *ctx, const CmLayout *layout, void *block, void *data, CmError **err);

/* Turns `count` numbers of a CmRaw type at *data in *block into a CmType, in place or in a new block that replaces
 * *block. */
bool cm__raw_to_type(CmContext *ctx, int raw, int64_t count, void **block, void **data, CmType *type, CmError **err);
/* Reverses the bytes of `count` numbers of `size` bytes. */
bool cm__swap_bytes(CmContext *ctx, void *data, int64_t count, size_t size, CmError **err);
/* dst[sum i*to] = src[sum i*from] for all i < n; strides in numbers; the axes from fast to slow of dst are 0..4. */
bool cm__copy_strided(CmContext *ctx, size_t number, const int64_t n[5], void *dst, const int64_t to[5],
                      const void *src, const int64_t from[5], CmError **err);
/* The voxels with the components slowest, as a new block (cm_free). */
void *cm__voxels_planar(CmContext *ctx, const CmImage *image, CmError **err);
/* value = slope * stored + intercept, exactly or refused: the same image where slope is 1 and intercept 0; an integer
 * type where both are integers and the result fits; f32 where that is exact for every voxel; else f64. Takes over the
 * reference of `image`. */
CmImage *cm__voxels_rescale(CmContext *ctx, CmImage *image, double slope, double intercept, CmError **err);

#endif
