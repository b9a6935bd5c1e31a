/* Doing a plan: every node looked up in the store or computed, failures set aside, images written. */
#ifndef STUDY_WORK_H
#define STUDY_WORK_H

#include "study/form.h"
#include "study/plan.h"

typedef struct CmWork {
  CmPlan *plan;
  CmStore *store;
  const char *out;
  CmQuarantined **quarantined; /* for each subject, its rows; texts by cm_alloc() */
  int *quarantined_count;
  atomic_llong done, run, kept; /* steps */
  atomic_bool short_of_memory;  /* subjects wait to be done alone */
} CmWork;

/* Does all subjects. false where the whole run must stop: cancelled, or the outputs cannot be written. Free with
 * cm__work_free(). */
bool cm__work_do(CmWork *work, CmPlan *plan, CmStore *store, const char *out, CmError **err);
void cm__work_free(CmWork *work);

/* An output of a finished node: from the store, or made again where it was not kept. A new reference. */
bool cm__work_value(CmWork *work, int node, int port, CmValue *value, CmError **err);
/* Hash of an output of a finished node; NULL where there is none. */
const CmHash *cm__work_hash(const CmWork *work, const CmNode *node, int port);
/* Hash of the file that the output was written to. */
bool cm__work_image_hash(const CmWork *work, const CmNode *node, int port, const char *path, CmHash *hash);
/* What the image looks like that a finished node has read; false where it is not known. */
bool cm__work_form(const CmWork *work, const CmNode *node, CmForm *form);
/* For a plan without work: looks every node up and counts those that are kept. */
void cm__work_look(CmWork *work);

/* The plan as text for people, or as JSON. work->store: NULL where nothing is kept. Free with cm_free(). */
CM_NODISCARD char *cm__plan_tell(const CmPlan *plan, const CmWork *work, bool json, CmError **err);

#endif
