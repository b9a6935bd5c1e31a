/* The files of OUT: written only where they differ, listed, and those of earlier runs that no longer belong removed. */
#ifndef STUDY_OUTPUTS_H
#define STUDY_OUTPUTS_H

#include "study/work.h"

typedef struct CmOutput {
  const char *path; /* below OUT */
  CmHash hash;
  const char *step, *operation, *params, *made_from; /* for the provenance; "" where it does not apply */
} CmOutput;

typedef struct CmOutputs {
  CmArena arena;
  CmContext *ctx;
  CmStore *store;
  const char *out;
  CmOutput *list;
  int count;
} CmOutputs;

/* Makes OUT, or takes it over from an earlier run; CM_ERR_USAGE where it is somebody else's. */
bool cm__outputs_claim(CmContext *ctx, const char *out, CmError **err);
/* Removes what a kill left half written; only under the store's lock. */
void cm__outputs_clean(const char *out);
bool cm__outputs_is_ours(const char *out);

void cm__outputs_start(CmOutputs *outputs, CmContext *ctx, CmStore *store, const char *out);
void cm__outputs_free(CmOutputs *outputs);
/* Lists a file that lies there already. NULL + err. */
CmOutput *cm__outputs_add(CmOutputs *outputs, const char *path, const CmHash *hash, CmError **err);
/* Writes and lists a file; one that has these bytes already is left alone. */
CmOutput *cm__outputs_write(CmOutputs *outputs, const char *path, const void *bytes, size_t size, CmError **err);
CmOutput *cm__outputs_write_table(CmOutputs *outputs, const char *name, const CmTable *table,
                                  CmError **err); /* tables/NAME.csv and .json */

/* Remembers that these files may be written by this run, so that a later one knows them for ours. */
bool cm__outputs_expect(CmOutputs *outputs, const char *const *paths, int count, CmError **err);
/* Removes the files of earlier runs that are not listed, and remembers those that are. */
bool cm__outputs_settle(CmOutputs *outputs, CmError **err);

#endif
