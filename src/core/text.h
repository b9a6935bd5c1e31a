/* A growing text, for CSV, JSON and messages. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include "cormack/context.h"

typedef struct CmTextBuffer {
  CmContext *ctx;
  char *text; /* zero-terminated; NULL while empty */
  size_t size, room;
  CmError **err;
  bool failed; /* once out of memory, further calls do nothing */
} CmTextBuffer;

void cm__text_start(CmTextBuffer *buffer, CmContext *ctx, CmError **err);
void cm__text_add(CmTextBuffer *buffer, const char *text);
void cm__text_add_n(CmTextBuffer *buffer, const char *text, size_t size);
void cm__text_addf(CmTextBuffer *buffer, const char *format, ...) CM_PRINTF(2, 3);
/* "text" with JSON's escapes (RFC 8259, section 7); null for NULL. */
void cm__text_add_json(CmTextBuffer *buffer, const char *text);
/* A number in its shortest form; null where not finite. */
void cm__text_add_real(CmTextBuffer *buffer, double value);
/* Hands the text over (cm_free), or NULL if anything failed. */
char *cm__text_finish(CmTextBuffer *buffer);

/* Whole text as a number in decimal notation, whatever the locale; false if it is not one. "inf" and "-inf" count. */
bool cm__parse_real(const char *text, double *value);
bool cm__parse_int(const char *text, int64_t *value);
/* ISO 8601 date, basic or extended, with hours, minutes and seconds behind it or not, as seconds from 1970 on. */
bool cm__parse_time(const char *text, double *seconds);

#endif
