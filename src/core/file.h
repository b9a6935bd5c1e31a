/* Writing beside the target, then renaming: a reader sees the old file or the new one, never half of one. */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include "cormack/context.h"

typedef struct CmFileWriter {
  int file;
  const char *path; /* borrowed */
  char beside[4200];
} CmFileWriter;

bool cm__file_begin(CmFileWriter *writer, const char *path, CmError **err);
bool cm__file_add(CmFileWriter *writer, const void *bytes, size_t size, CmError **err);
/* Closes and renames; on failure nothing is left. */
bool cm__file_end(CmFileWriter *writer, CmError **err);
void cm__file_abandon(CmFileWriter *writer);

#endif
