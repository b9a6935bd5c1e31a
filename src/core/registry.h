/* The generated list of operations (cmake/op_list.cmake), sorted by name. */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include "cormack/op.h"

extern const CmOp *const cm__op_list[];
extern const int cm__op_list_count;

#endif
