/* Which step is done for which image: a study's nodes, subject by subject, each behind what it needs. */
#ifndef STUDY_PLAN_H
#define STUDY_PLAN_H

#include <stdatomic.h>

#include "study/inputs.h"

typedef enum CmNodeState { CM__NODE_NEW, CM__NODE_KEPT, CM__NODE_RUN, CM__NODE_FAILED, CM__NODE_WAITS } CmNodeState;

typedef struct CmNodeIn {
  int node, port; /* node -1: not given */
} CmNodeIn;

/* Reads an image (step -1), or does a step for one image, one visit or two visits. */
typedef struct CmNode {
  int step;
  int item;                           /* that is read, or that gives the node its path and series */
  const char *visit, *later, *series; /* later: the second visit; NULL: one visit */
  CmNodeIn *in;                       /* one an input port; NULL where it reads */
  CmHash key;                         /* once it was looked up */
  uint8_t state;                      /* CmNodeState */
} CmNode;

typedef struct CmPlanSubject {
  const char *name;
  int first_node, nodes;
  int first_item, items;
} CmPlanSubject;

typedef struct CmPlan {
  CmArena arena;
  CmContext *ctx;
  CmSpec *spec;
  CmInputs inputs;
  CmNode *nodes;
  int node_count, step_nodes; /* step_nodes: those that are steps */
  CmPlanSubject *subjects;
  int subject_count;
  CmQuarantined *quarantined; /* units that cannot be put together */
  int quarantined_count;
} CmPlan;

/* Finds the inputs and lays out the work. keep: as of cm__inputs_find(). Free with cm__plan_free() in either case. */
bool cm__plan_make(CmPlan *plan, CmContext *ctx, CmSpec *spec, const char *keep, CmError **err);
void cm__plan_free(CmPlan *plan);
const char *cm__node_series(const CmPlan *plan, const CmNode *node);
/* Path of an output that goes to OUT/images, relative to OUT. */
bool cm__node_image_path(const CmPlan *plan, const CmPlanSubject *subject, const CmNode *node, int port, char *to,
                         size_t size);
/* Letters, digits, '.', '_' and '-' stay; all else becomes %XX, so that different names stay different. */
void cm__path_word(const char *text, char *to, size_t size);

#endif
