/* Compiles the template CM_TEMPLATE (a file name) once per voxel type. Inside it
 *   T          the C type            X(name)   name_u8 ... name_f64
 *   T_FLOAT    1 for f32, f64        T_MIN, T_MAX  lowest and largest finite value
 *   R          the type to calculate in: float where it holds T exactly, else double
 * No include guard: used once per template. CM_TYPE_TABLE(name) then lists the eight variants in CmType's order. */
#define T uint8_t
#define R float
#define T_FLOAT 0
#define T_MIN 0
#define T_MAX UINT8_MAX
#define X(name) name##_u8
#include CM_TEMPLATE
#undef T
#undef T_MIN
#undef T_MAX
#undef X
#define T int8_t
#define T_MIN INT8_MIN
#define T_MAX INT8_MAX
#define X(name) name##_i8
#include CM_TEMPLATE
#undef T
#undef T_MIN
#undef T_MAX
#undef X
#define T uint16_t
#define T_MIN 0
#define T_MAX UINT16_MAX
#define X(name) name##_u16
#include CM_TEMPLATE
#undef T
#undef T_MIN
#undef T_MAX
#undef X
#define T int16_t
#define T_MIN INT16_MIN
#define T_MAX INT16_MAX
#define X(name) name##_i16
#include CM_TEMPLATE
#undef T
#undef R
#undef T_MIN
#undef T_MAX
#undef X
#define T uint32_t
#define R double
#define T_MIN 0
#define T_MAX UINT32_MAX
#define X(name) name##_u32
#include CM_TEMPLATE
#undef T
#undef T_MIN
#undef T_MAX
#undef X
#define T int32_t
#define T_MIN INT32_MIN
#define T_MAX INT32_MAX
#define X(name) name##_i32
#include CM_TEMPLATE
#undef T
#undef R
#undef T_FLOAT
#undef T_MIN
#undef T_MAX
#undef X
#define T float
#define R float
#define T_FLOAT 1
#define T_MIN (-FLT_MAX)
#define T_MAX FLT_MAX
#define X(name) name##_f32
#include CM_TEMPLATE
#undef T
#undef R
#undef T_MIN
#undef T_MAX
#undef X
#define T double
#define R double
#define T_MIN (-DBL_MAX)
#define T_MAX DBL_MAX
#define X(name) name##_f64
#include CM_TEMPLATE
#undef T
#undef R
#undef T_FLOAT
#undef T_MIN
#undef T_MAX
#undef X
#undef CM_TEMPLATE

#ifndef CM_TYPE_TABLE
#define CM_TYPE_TABLE(name) \
  { name##_u8, name##_i8, name##_u16, name##_i16, name##_u32, name##_i32, name##_f32, name##_f64 }
#endif
