/* Linked into oracle tests in place of cm_op_run and cm_op_apply (ld --wrap): calls them, and notes the operations that
 * gave a result in the file CORMACK_ORACLE_NOTE, from which test_oracle_coverage_mechanics learns what has been tried.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/op.h"

bool __real_cm_op_run(CmContext *, const CmOp *, const void *, const CmValue *, CmValue *, const bool *, CmError **);
bool __wrap_cm_op_run(CmContext *, const CmOp *, const void *, const CmValue *, CmValue *, const bool *, CmError **);
CmImage *__real_cm_op_apply(CmContext *, const char *, const char *, CmImage *, CmError **);
CmImage *__wrap_cm_op_apply(CmContext *, const char *, const char *, CmImage *, CmError **);

static void note(const char *name) {
  const char *path = getenv("CORMACK_ORACLE_NOTE");
  FILE *file = path ? fopen(path, "a") : NULL;
  if (!file) return;
  fprintf(file, "%s\n", name);
  fclose(file);
}

bool __wrap_cm_op_run(CmContext *ctx, const CmOp *op, const void *params, const CmValue *in, CmValue *out,
                      const bool *wanted, CmError **err) {
  if (!__real_cm_op_run(ctx, op, params, in, out, wanted, err)) return false;
  note(op->name);
  return true;
}

CmImage *__wrap_cm_op_apply(CmContext *ctx, const char *name, const char *words, CmImage *image, CmError **err) {
  CmImage *made = __real_cm_op_apply(ctx, name, words, image, err);
  if (made) note(name);
  return made;
}
