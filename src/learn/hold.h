/* Blocks that are freed together: the memory of one model, one data set or one job. Not for sharing between threads
 * while it grows. */
#ifndef CORMACK_LEARN_HOLD_H
#define CORMACK_LEARN_HOLD_H

#include "cormack/context.h"

typedef struct CmHoldBlock CmHoldBlock;
typedef struct CmHold {
  CmContext *ctx;
  CmHoldBlock *last;
} CmHold;

/* Zeroed; a checked product; NULL and CM_ERR_MEMORY. Lives until cm__hold_free(). */
CM_NODISCARD void *cm__hold_array(CmHold *hold, int64_t count, size_t size, CmError **err);
CM_NODISCARD char *cm__hold_text(CmHold *hold, const char *text,
                                 CmError **err); /* a copy; NULL stays NULL without error */
void cm__hold_free(CmHold *hold);

#define CM__NEW(hold, type, count, err) ((type *)cm__hold_array((hold), (int64_t)(count), sizeof(type), (err)))

#endif
