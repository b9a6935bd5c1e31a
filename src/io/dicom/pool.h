/* A pool: many small blocks that live and go together. One thread at a time. */
#ifndef CORMACK_IO_DICOM_POOL_H
#define CORMACK_IO_DICOM_POOL_H

#include "cormack/context.h"

typedef struct CmPool {
  CmContext *ctx;
  struct CmPoolBlock *blocks;
  size_t left;
  unsigned char *next;
} CmPool;

void cm__pool_start(CmPool *pool, CmContext *ctx);
void cm__pool_free(CmPool *pool);
/* Zeroed, 16-byte aligned; NULL and CM_ERR_MEMORY on failure. */
CM_NODISCARD void *cm__pool_alloc(CmPool *pool, size_t count, size_t size, CmError **err);
/* A copy of `text`; NULL only on failure. */
CM_NODISCARD const char *cm__pool_text(CmPool *pool, const char *text, CmError **err);
CM_NODISCARD const char *cm__pool_printf(CmPool *pool, CmError **err, const char *format, ...) CM_PRINTF(3, 4);

#endif
