/* Character sets to UTF-8: SpecificCharacterSet and its code extensions (PS3.3 C.12.1.1.2, PS3.5 6.1 and 6.2.1). */
#ifndef CM_IO_DICOM_CHARSET_H
#define CM_IO_DICOM_CHARSET_H

#include "core/text.h"

/* Which characters end a run of code extensions, besides control characters. */
typedef enum CmDicomDelimiters { CM__TEXT_ONE_VALUE, CM__TEXT_VALUES, CM__TEXT_NAMES } CmDicomDelimiters;

/* Appends the bytes as UTF-8. `charset` is the value of SpecificCharacterSet (NULL, 0: default repertoire). What has no
 * meaning in the character set becomes U+FFFD; zero bytes are dropped. High bytes under the default repertoire are
 * taken for ISO 8859-1. */
void cm__dicom_to_utf8(const uint8_t *bytes, uint64_t size, const uint8_t *charset, uint32_t charset_length,
                       CmDicomDelimiters delimiters, CmTextBuffer *out);
/* Whether a defined term of SpecificCharacterSet is one that we know.. */
bool cm__dicom_charset_known(const char *term);

#endif
