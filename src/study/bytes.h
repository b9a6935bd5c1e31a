/* Numbers and texts to and from bytes, in this machine's order: the store is read where it was written. */
#ifndef STUDY_BYTES_H
#define STUDY_BYTES_H

#include "cormack/context.h"
#include "cormack/op.h"

/* Grows; the first failure is kept in *err and everything after it does nothing. Free `data` with cm_free(). */
typedef struct CmBytes {
  CmContext *ctx;
  CmError **err;
  uint8_t *data;
  size_t size, room;
  bool failed;
} CmBytes;

void cm__bytes_start(CmBytes *bytes, CmContext *ctx, CmError **err);
bool cm__bytes_reserve(CmBytes *bytes, size_t more);
void cm__bytes_put(CmBytes *bytes, const void *from, size_t size);
void cm__bytes_put_u8(CmBytes *bytes, unsigned value);
void cm__bytes_put_i64(CmBytes *bytes, int64_t value);
void cm__bytes_put_f64(CmBytes *bytes, double value);
void cm__bytes_put_text(CmBytes *bytes, const char *text); /* NULL is kept apart from "" */
void cm__bytes_free(CmBytes *bytes);

/* Reads within bounds; what lies beyond them is 0 or NULL, and `failed`. */
typedef struct CmView {
  const uint8_t *at, *end;
  bool failed;
} CmView;

const void *cm__view_take(CmView *view, size_t size);
unsigned cm__view_u8(CmView *view);
int64_t cm__view_i64(CmView *view);
double cm__view_f64(CmView *view);
const char *cm__view_text(CmView *view); /* borrowed, zero-terminated; NULL where NULL was put */

/* A value, whole, and what it hashes to: everything that an operation can see of it, metadata included. */
bool cm__value_put(CmBytes *bytes, const CmValue *value);
bool cm__value_take(CmContext *ctx, CmView *view, CmValue *value, CmError **err);
void cm__value_hash(const CmValue *value, CmHash *hash);

#endif
