/* The images that a study's inputs are: found, named by subject, visit and series, and read. */
#ifndef STUDY_INPUTS_H
#define STUDY_INPUTS_H

#include "cormack/dicom.h"
#include "study/cohort.h"
#include "study/pattern.h"
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
  const char *label, *set; /* the label that came with it (.npz, path), and the part of the set ("train"); NULL */
  const char *modality;    /* DICOM; "" */
  const char *defect;      /* why it cannot be used; NULL */
  const char *code;        /* of the defect */
  const char *cause;       /* the broken file that the defect comes from, as people are told; NULL: shown */
} CmItem;

/* One walk over the headers of the same DICOM paths serves every input that names them. */
typedef struct CmInputScan {
  CmDicomScan *scan;
  const char **paths;
  int count;
} CmInputScan;

typedef struct CmInputs {
  CmArena arena;
  CmContext *ctx;
  CmSpec *spec;
  CmItem *items; /* by subject, visit, input, series */
  int count;
  CmInputScan *scans;
  int scan_count;
  CmArray **arrays;
  const char **array_paths, **array_names;
  int array_count;
  CmQuarantined *quarantined; /* files that are no part of any item */
  int quarantined_count;
  int64_t *files;    /* of each input */
  CmTable *catalogs; /* what the catalogues hold that were asked; NULL: none was */
} CmInputs;

/* Finds everything. keep: folder for the catalogue that the run keeps; NULL: nothing is kept. Errors: cancelled,
 * memory, an input that has nothing in it, a catalogue that cannot be made. Free with cm__inputs_free() in either case.
 */
bool cm__inputs_find(CmInputs *inputs, CmContext *ctx, CmSpec *spec, const char *keep, CmError **err);
void cm__inputs_free(CmInputs *inputs);

/* Tells which broken file a volume lacks, so that both are one row of the quarantine, and whose broken files are; each
 * file stands there once. (inputs_causes.c) */
bool cm__inputs_name_causes(CmInputs *inputs, CmError **err);
/* Where an input says «duplicates: drop»: of images with the same bytes the first is kept, and the others are told as
 * defects; all of them where their labels differ. (inputs_copies.c) */
bool cm__inputs_drop_copies(CmInputs *inputs, CmError **err);
/* A path as people are told: relative to the study file. */
const char *cm__shown_path(const CmInputs *inputs, const char *path);

/* What the image depends on: the contents of its files and how they are read. */
bool cm__item_hash(const CmInputs *inputs, const CmItem *item, CmStore *store, CmHash *hash, CmError **err);
CM_NODISCARD CmImage *cm__item_read(const CmInputs *inputs, const CmItem *item, CmError **err);

#endif
