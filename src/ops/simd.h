/* CM_SIMD under the name that the operations know. */
#ifndef CM_OPS_SIMD_H
#define CM_OPS_SIMD_H

#include "core/simd.h"

#endif
