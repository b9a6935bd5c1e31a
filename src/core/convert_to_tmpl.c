/* Conversions from every voxel type to the type TO; included by convert.c with TO, TO_TYPE and TO_SUFFIX set. */
#define JOIN3(a, b, c) a##b##_to_##c
#define JOIN(a, b, c) JOIN3(a, b, c)
#define FROM uint8_t
#define FROM_TYPE CM_U8
#define NAME JOIN(convert_, u8, TO_SUFFIX)
#include "core/convert_tmpl.c"
#define FROM int8_t
#define FROM_TYPE CM_I8
#define NAME JOIN(convert_, i8, TO_SUFFIX)
#include "core/convert_tmpl.c"
#define FROM uint16_t
#define FROM_TYPE CM_U16
#define NAME JOIN(convert_, u16, TO_SUFFIX)
#include "core/convert_tmpl.c"
#define FROM int16_t
#define FROM_TYPE CM_I16
#define NAME JOIN(convert_, i16, TO_SUFFIX)
#include "core/convert_tmpl.c"
#define FROM uint32_t
#define FROM_TYPE CM_U32
#define NAME JOIN(convert_, u32, TO_SUFFIX)
#include "core/convert_tmpl.c"
#define FROM int32_t
#define FROM_TYPE CM_I32
#define NAME JOIN(convert_, i32, TO_SUFFIX)
#include "core/convert_tmpl.c"
#define FROM float
#define FROM_TYPE CM_F32
#define NAME JOIN(convert_, f32, TO_SUFFIX)
#include "core/convert_tmpl.c"
#define FROM double
#define FROM_TYPE CM_F64
#define NAME JOIN(convert_, f64, TO_SUFFIX)
#include "core/convert_tmpl.c"
static const Convert JOIN(from_, any, TO_SUFFIX)[CM_TYPE_COUNT] = {
#define ROW(code, ctype, name, suffix) [CM_##code] = JOIN(convert_, suffix, TO_SUFFIX),
    CM_TYPE_MAP(ROW)
#undef ROW
};
#undef JOIN
#undef JOIN3
#undef TO
#undef TO_TYPE
#undef TO_SUFFIX
