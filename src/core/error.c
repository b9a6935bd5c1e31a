#include "cormack/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Errors are allocated with malloc, not through a context: they must work when the context's ceiling is reached. */
struct CmError {
  CmErrorCode code;
  bool fixed; /* the one below: not freed */
  char *text;
};

static char no_memory_text[] = "no memory is left even for an error message; close other programs";
static const CmError no_memory = {CM_ERR_MEMORY, true, no_memory_text};

static char *format_text(const char *format, va_list args) {
  char *text = NULL;
  if (vasprintf(&text, format, args) < 0) return NULL;
  for (char *at = text; *at; at++) /* one line, whatever came in */
    if (*at == '\n' || *at == '\r') *at = ' ';
  return text;
}

static CmError *error_new(CmErrorCode code, const char *format, va_list args) {
  CmError *error = malloc(sizeof *error);
  if (!error) return (CmError *)(uintptr_t)&no_memory;
  *error = (CmError){.code = code, .text = format_text(format, args)};
  if (error->text) return error;
  free(error);
  return (CmError *)(uintptr_t)&no_memory;
}

static void error_wrap(CmError *error, const char *format, const char *added) {
  char *text = NULL;
  if (error->fixed || asprintf(&text, format, added, error->text) < 0) return;
  free(error->text);
  error->text = text;
}

void cm_error_setv(CmError **err, CmErrorCode code, const char *format, va_list args) {
  if (!err) return;
  CmError *fresh = error_new(code, format, args);
  if (!*err) {
    *err = fresh;
    return;
  }
  char *text = NULL;
  if (!(*err)->fixed && asprintf(&text, "%s (and then: %s)", (*err)->text, fresh->text) >= 0) {
    free((*err)->text);
    (*err)->text = text;
  }
  cm_error_free(&fresh);
}

void cm_error_set(CmError **err, CmErrorCode code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  cm_error_setv(err, code, format, args);
  va_end(args);
}

void cm_error_context(CmError **err, const char *format, ...) {
  if (!err || !*err) return;
  va_list args;
  va_start(args, format);
  char *added = format_text(format, args);
  va_end(args);
  if (added) error_wrap(*err, "%s: %s", added);
  free(added);
}

void cm_error_move(CmError **dst, CmError **src) {
  if (!*src) return;
  if (dst && !*dst) {
    *dst = *src;
    *src = NULL;
    return;
  }
  if (dst) cm_error_set(dst, (*src)->code, "%s", (*src)->text);
  cm_error_free(src);
}

void cm_error_free(CmError **err) {
  if (!err || !*err) return;
  if (!(*err)->fixed) {
    free((*err)->text);
    free(*err);
  }
  *err = NULL;
}

CmErrorCode cm_error_code(const CmError *err) {
  return err ? err->code : CM_ERR_NONE;
}

const char *cm_error_text(const CmError *err) {
  return err ? err->text : "";
}

const char *cm_error_code_name(CmErrorCode code) {
  switch (code) {
#define CM_ERROR_NAME(code_, name, meaning) \
  case CM_ERR_##code_:                      \
    return name;
    CM_ERROR_MAP(CM_ERROR_NAME)
#undef CM_ERROR_NAME
    case CM_ERR_NONE:
      break;
  }
  return "none";
}

int cm_error_exit_code(const CmError *err) {
  if (!err) return 0;
  return err->code == CM_ERR_FAULT ? 3 : 2;
}
