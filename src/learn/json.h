/* Numbers to and from JSON, exact to the last bit, and documents of which every member is known. */
#ifndef CORMACK_LEARN_JSON_H
#define CORMACK_LEARN_JSON_H

#include <jansson.h>

#include "core/arena.h"
#include "core/text.h"
#include "cormack/op.h"

void cm__json_ints(CmTextBuffer *json, const int *value, int64_t count);
void cm__json_real(CmTextBuffer *json, double value);
void cm__json_reals(CmTextBuffer *json, const double *value, int64_t count); /* NaN as null */
void cm__json_floats(CmTextBuffer *json, const float *value, int64_t count);

typedef struct CmJsonMember {
  const char *name;
  const json_t **value;
} CmJsonMember;

/* The object has exactly these members; else CM_ERR_FORMAT that names the first that is missing or unknown. */
bool cm__json_members(const json_t *object, const char *where, const CmJsonMember *members, int count, CmError **err);
bool cm__json_refuse(CmError **err, const char *where); /* sets CM_ERR_FORMAT; returns false */
/* A number that is at least `least`. */
bool cm__json_read_real(const json_t *json, const char *where, double least, double *value, CmError **err);
/* Arrays of exactly `count` numbers; reals are finite, or NaN for null where `missing`. */
int *cm__json_read_ints(CmArena *hold, const json_t *array, const char *where, int64_t count, int64_t least,
                        int64_t most, CmError **err);
double *cm__json_read_reals(CmArena *hold, const json_t *array, const char *where, int64_t count, bool missing,
                            CmError **err);
float *cm__json_read_floats(CmArena *hold, const json_t *array, const char *where, int64_t count, CmError **err);

/* Parameters as cm_params_to_json() writes them, to be freed. old: of those that are missing, since they came later,
 * the defaults. */
void *cm__json_read_params(CmContext *ctx, const CmOp *about, const json_t *json, bool old, CmError **err);

#endif
