/* What every other header needs: version, export marks and attributes. */
#ifndef CORMACK_BASE_H
#define CORMACK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CM_VERSION "0.1.0"

#if defined(__GNUC__)
#define CM_API __attribute__((visibility("default")))
#define CM_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define CM_NODISCARD __attribute__((warn_unused_result))
#else
#define CM_API
#define CM_PRINTF(format_at, args_at)
#define CM_NODISCARD
#endif

/* Number of elements of an array (not of a pointer). */
#define CM_COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* CM_VERSION of the library that is loaded, for those who do not see this header. */
CM_API const char *cm_version(void);
/* SHA-256 of the library's sources, in hex: results that were kept are valid only for the code that made them. */
CM_API const char *cm_source_hash(void);

typedef struct CmContext CmContext;
typedef struct CmError CmError;
typedef struct CmImage CmImage;
typedef struct CmTable CmTable;
typedef struct CmSignal CmSignal;

#endif
