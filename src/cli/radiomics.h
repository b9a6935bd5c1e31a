/* What the command `radiomics` is made of. */
#ifndef CLI_RADIOMICS_H
#define CLI_RADIOMICS_H

#include "cli/cli.h"
#include "cormack/io.h"
#include "study/store.h"

/* What a command that measures was called with. */
typedef struct CmRadiomicsCall {
  CmCli *cli;
  const CmOp *own, *op; /* the command's own options, among them `params`; the operation */
  void *options, *params;
  bool label_named; /* somebody has said which label */
} CmRadiomicsCall;
/* Splits the words and reads the parameter file; returns how many are left in argv, -1 on failure. Free it either way.
 */
int cm__radiomics_call(CmRadiomicsCall *call, CmCli *cli, const CmOp *own, int argc, char **argv, CmError **err);
void cm__radiomics_call_free(CmRadiomicsCall *call);

/* One image and mask, or each row of a table of them (columns Image, Mask, and Label where wanted). */
typedef struct CmRadiomicsWork {
  CmCli *cli;
  const CmOp *op;
  const void *params;
  const char *out;     /* a file, or "-" */
  const char *maps;    /* NULL: regions are measured; else op is radiomics_map, and maps go to this folder */
  const char *select;  /* "", or which series of a folder of several */
  const char *report;  /* "", or where DICOM SR goes: a file, of a table a folder */
  const char *regions; /* "", or the only ones wanted */
  bool resample;       /* masks on another grid */
  bool label_named;    /* somebody has said which label */
  bool fresh;
} CmRadiomicsWork;

typedef struct CmRadiomicsCase {
  const char *image, *mask; /* paths */
  const char *region;       /* NULL or "": all */
  const char *folder;       /* of its maps, within work->maps, with its slash; NULL: none of its own */
  bool label_named;
} CmRadiomicsCase;

/* A row of a table of images and masks; label: "" where there is none, a number, or the name of a region. */
typedef struct CmRadiomicsInput {
  char *image, *mask, *label;
} CmRadiomicsInput;
typedef struct CmRadiomicsInputs {
  CmTable *table;
  CmRadiomicsInput *items;
  int64_t count;
} CmRadiomicsInputs;
/* Paths are relative to the table; an empty cell is an empty path. Free it either way. */
bool cm__radiomics_inputs_read(CmContext *ctx, const char *path, CmRadiomicsInputs *inputs, CmError **err);
void cm__radiomics_inputs_free(CmRadiomicsInputs *inputs);
/* The path of a mask: the file that a folder holds alone, a structure set say; else the path itself. */
CM_NODISCARD char *cm__radiomics_mask(CmContext *ctx, const char *path, CmError **err);
/* Of a file, or of all that a folder holds; *known false: there is no such thing, or nothing is kept (store NULL). */
bool cm__radiomics_hash(CmContext *ctx, CmStore *store, const char *path, CmHash *hash, bool *known, CmError **err);
/* CM_ERR_DATA where the row lacks its image or its mask. */
bool cm__radiomics_input_check(const CmRadiomicsInput *input, CmError **err);
CmRadiomicsCase cm__radiomics_case_of(const CmRadiomicsWork *work, const CmRadiomicsInput *input);

CM_NODISCARD CmImage *cm__radiomics_image(const CmRadiomicsWork *work, const CmRadiomicsCase *one, CmError **err);
/* The operation on an image and a label map of its grid. */
CM_NODISCARD CmTable *cm__radiomics_run(const CmRadiomicsWork *work, const void *params, CmImage *image, CmImage *mask,
                                        CmError **err);
/* Features of a mask's regions, a row each. Of regions from DICOM, chosen or resampled ones the columns `outside` and
 * `overlaps` say what a label map of the image's grid cannot have. */
CM_NODISCARD CmTable *cm__radiomics_measure(const CmRadiomicsWork *work, const void *params, const CmRadiomicsCase *one,
                                            CmError **err);
/* Cells of a row, from column `first` on, by column names, which are added where they are new; `guess`: where the first
 * of them probably is. */
bool cm__radiomics_copy_row(const CmTable *from, int64_t row, int first, CmTable *to, int64_t to_row, int guess,
                            CmError **err);
/* Can a report refer to the mask? To a label map it cannot. */
bool cm__radiomics_reportable(const CmRadiomicsWork *work, const CmRadiomicsCase *one, CmError **err);
/* The table of a case as a DICOM structured report. */
bool cm__radiomics_report(const CmRadiomicsWork *work, const CmTable *table, const CmRadiomicsCase *one,
                          const char *path, CmError **err);
/* Maps of a label of a mask on the image's grid, work->maps/FOLDER/FEATURE.nrrd; adds a row with the label and, by
 * feature, the paths from work->maps on. */
bool cm__radiomics_map_label(const CmRadiomicsWork *work, const void *params, const CmValue in[2], const char *label,
                             const char *folder, CmTable *table, CmError **err);
/* Maps of the regions in a layer, each in a folder of its own: a row each, with the label in the layer. A region that
 * cannot be mapped is no failure where others can; *left_out says why the first of them cannot. */
CM_NODISCARD CmTable *cm__radiomics_map_layer(const CmRadiomicsWork *work, const void *params, CmImage *image,
                                              const CmRegions *regions, int layer, const char *folder,
                                              CmError **left_out, CmError **err);
/* What the columns label and name of a table of features and of maps are. */
CM_NODISCARD CmTable *cm__radiomics_table(CmContext *ctx, CmError **err);
bool cm__radiomics_batch(const CmRadiomicsWork *work, const char *table, CmError **err);

#endif
