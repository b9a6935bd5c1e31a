/* Errors: one per call, handed back through a CmError** that is the last argument.
 *
 * A function that can fail returns false or NULL and, where `err` is not NULL, sets *err to a new error
 * that the caller frees with cm_error_free(). *err must be NULL on entry. On success *err stays NULL.
 * The text is one line, «context: context: what is wrong; what to do», ready to follow «cormack: ».
 * Errors are not shared between threads. */
#ifndef CORMACK_ERROR_H
#define CORMACK_ERROR_H

#include <stdarg.h>

#include "cormack/base.h"

/* code, name as printed in JSON, what it means */
#define CM_ERROR_MAP(X)                                                                  \
  X(USAGE, "usage", "the command line or call is not of the expected form")              \
  X(PARAMETER, "parameter", "a parameter is unknown, of the wrong type or out of range") \
  X(IO, "io", "the system refused to read or write")                                     \
  X(FORMAT, "format", "the bytes are not a valid file of their format")                  \
  X(UNSUPPORTED, "unsupported", "valid, but not something that Cormack handles")         \
  X(GEOMETRY, "geometry", "positions, sizes or orientations do not agree")               \
  X(DATA, "data", "the values cannot be used for what was asked")                        \
  X(MISSING, "missing", "a named thing does not exist")                                  \
  X(LEAKAGE, "leakage", "the validation would see what it must not see")                 \
  X(MEMORY, "memory", "the memory ceiling or the machine's memory is reached")           \
  X(CANCELLED, "cancelled", "the caller asked to stop")                                  \
  X(FAULT, "fault", "a defect in Cormack")

typedef enum CmErrorCode {
  CM_ERR_NONE = 0,
#define CM_ERROR_ENUM(code, name, meaning) CM_ERR_##code,
  CM_ERROR_MAP(CM_ERROR_ENUM)
#undef CM_ERROR_ENUM
} CmErrorCode;

/* Sets *err. A no-op if err is NULL. If *err is already set the first error is kept and a note is added. */
CM_API void cm_error_set(CmError **err, CmErrorCode code, const char *format, ...) CM_PRINTF(3, 4);
CM_API void cm_error_setv(CmError **err, CmErrorCode code, const char *format, va_list args) CM_PRINTF(3, 0);
/* Puts «text: » in front of the error in *err, e.g. the file, tag, operation or parameter. A no-op if nothing is set.
 */
CM_API void cm_error_context(CmError **err, const char *format, ...) CM_PRINTF(2, 3);
/* Hands an error over to the caller's place: *dst = *src, *src = NULL (freed where dst is NULL). */
CM_API void cm_error_move(CmError **dst, CmError **src);
CM_API void cm_error_free(CmError **err);

CM_API CmErrorCode cm_error_code(const CmError *err);    /* CM_ERR_NONE for NULL */
CM_API const char *cm_error_text(const CmError *err);    /* whole line; borrowed; "" for NULL */
CM_API const char *cm_error_code_name(CmErrorCode code); /* "io", "geometry", ...; static */
/* What the command line exits with: 0 for NULL, 3 for CM_ERR_FAULT, else 2. */
CM_API int cm_error_exit_code(const CmError *err);

#endif
