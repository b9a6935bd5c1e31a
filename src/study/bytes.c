#include "study/bytes.h"

#include <string.h>

void cm__bytes_start(CmBytes *bytes, CmContext *ctx, CmError **err) {
  *bytes = (CmBytes){.ctx = ctx, .err = err};
}

void cm__bytes_free(CmBytes *bytes) {
  cm_free(bytes->data);
  bytes->data = NULL;
  bytes->size = bytes->room = 0;
}

bool cm__bytes_reserve(CmBytes *bytes, size_t more) {
  if (bytes->failed) return false;
  if (bytes->room - bytes->size >= more) return true;
  size_t room = bytes->room < 256 ? 256 : bytes->room;
  while (room - bytes->size < more) {
    if (room > SIZE_MAX / 2) {
      cm_error_set(bytes->err, CM_ERR_MEMORY, "%zu bytes cannot be held", more);
      bytes->failed = true;
      return false;
    }
    room *= 2;
  }
  uint8_t *data = cm_realloc(bytes->ctx, bytes->data, room, bytes->err);
  if (!data) {
    bytes->failed = true;
    return false;
  }
  bytes->data = data;
  bytes->room = room;
  return true;
}

void cm__bytes_put(CmBytes *bytes, const void *from, size_t size) {
  if (!size || !cm__bytes_reserve(bytes, size)) return;
  memcpy(bytes->data + bytes->size, from, size);
  bytes->size += size;
}

void cm__bytes_put_u8(CmBytes *bytes, unsigned value) {
  uint8_t byte = (uint8_t)value;
  cm__bytes_put(bytes, &byte, 1);
}

void cm__bytes_put_i64(CmBytes *bytes, int64_t value) {
  cm__bytes_put(bytes, &value, sizeof value);
}

void cm__bytes_put_f64(CmBytes *bytes, double value) {
  cm__bytes_put(bytes, &value, sizeof value);
}

void cm__bytes_put_text(CmBytes *bytes, const char *text) {
  int64_t length = text ? (int64_t)strlen(text) : -1;
  cm__bytes_put_i64(bytes, length);
  if (text) cm__bytes_put(bytes, text, (size_t)length + 1);
}

const void *cm__view_take(CmView *view, size_t size) {
  if (view->failed || (size_t)(view->end - view->at) < size) {
    view->failed = true;
    return NULL;
  }
  const void *from = view->at;
  view->at += size;
  return from;
}

unsigned cm__view_u8(CmView *view) {
  const uint8_t *from = cm__view_take(view, 1);
  return from ? *from : 0;
}

int64_t cm__view_i64(CmView *view) {
  int64_t value = 0;
  const void *from = cm__view_take(view, sizeof value);
  if (from) memcpy(&value, from, sizeof value);
  return value;
}

double cm__view_f64(CmView *view) {
  double value = 0;
  const void *from = cm__view_take(view, sizeof value);
  if (from) memcpy(&value, from, sizeof value);
  return value;
}

const char *cm__view_text(CmView *view) {
  int64_t length = cm__view_i64(view);
  if (view->failed || length < 0) return NULL;
  if (length >= view->end - view->at || view->at[length] != 0) {
    view->failed = true;
    return NULL;
  }
  return cm__view_take(view, (size_t)length + 1);
}
