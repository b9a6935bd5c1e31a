/* The images that a study's inputs are: found, named by subject, visit and series, and read. */
#ifndef STUDY_INPUTS_H
#define STUDY_INPUTS_H

#include "cormack/dicom.h"
#include "study/pattern.h"
#include "study/spec.h"
#include "study/store.h"

typedef enum CmItemKind { CM__ITEM_FILE, CM__ITEM_VOLUME, CM__ITEM_ARRAY } CmItemKind;

/* One image. Texts live in the arena of the inputs. */
typedef struct CmItem {
  CmItemKind kind;
  int input;
  const char *subject, *visit, *series;
  const char *path;        /* to open: the file, or the first of a volume */
  const char *shown;       /* as people are told, relative to the study file */
  int source;              /* scan or array */
  int64_t at;              /* volume of the scan, image of the array */
  int64_t voxels;          /* as far as known; 0 */
  const char *label, *set; /* .npz: the label, and the part of the set ("train") that it belongs to; NULL */
  const char *modality;    /* DICOM; "" */
  const char *defect;      /* why it cannot be used; NULL */
  const char *code;        /* of the defect */
} CmItem;

/* A row of the quarantine. */
typedef struct CmQuarantined {
  const char *path, *subject, *visit, *step, *code, *reason;
} CmQuarantined;

typedef struct CmInputs {
  CmArena arena;
  CmContext *ctx;
  CmSpec *spec;
  CmItem *items; /* by subject, visit, input, series */
  int count;
  struct CmInputScan *scans;
  int scan_count;
  CmArray **arrays;
  const char **array_paths, **array_names;
  int array_count;
  CmQuarantined *quarantined; /* files that are no part of any item */
  int quarantined_count;
  int64_t *files; /* of each input */
} CmInputs;

/* Finds everything. Errors: cancelled, memory, an input that has nothing in it. Free with cm__inputs_free() in either
 * case. */
bool cm__inputs_find(CmInputs *inputs, CmContext *ctx, CmSpec *spec, CmError **err);
void cm__inputs_free(CmInputs *inputs);

/* What the image depends on: the contents of its files and how they are read. */
bool cm__item_hash(const CmInputs *inputs, const CmItem *item, CmStore *store, CmHash *hash, CmError **err);
CM_NODISCARD CmImage *cm__item_read(const CmInputs *inputs, const CmItem *item, CmError **err);

#endif
