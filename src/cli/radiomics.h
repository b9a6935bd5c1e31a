/* What the command `radiomics` is made of. */
#ifndef CLI_RADIOMICS_H
#define CLI_RADIOMICS_H

#include "cli/cli.h"

/* What a parameter file has said beside the parameters themselves. */
typedef struct CmRadiomicsFile {
  bool pyradiomics; /* it is PyRadiomics' kind: setting, imageType, featureClass, voxelSetting */
  bool label;       /* it names a label */
} CmRadiomicsFile;

/* Sets parameters from a YAML or JSON file: PyRadiomics' kind, or a flat mapping of the operation's parameters. Unknown
 * keys are refused with the nearest known one; several problems are printed on stderr, one a line. */
bool cm__radiomics_read_params(CmCli *cli, const CmOp *op, const char *path, void *params, CmRadiomicsFile *found,
                               CmError **err);

/* One image and mask, or each row of a table of them (columns Image, Mask, and Label where wanted). */
typedef struct CmRadiomicsWork {
  CmCli *cli;
  const CmOp *op;
  const void *params;
  const char *out; /* a file, or "-" */
  bool fresh;
} CmRadiomicsWork;
CM_NODISCARD CmTable *cm__radiomics_measure(const CmRadiomicsWork *work, const void *params, const char *image,
                                            const char *mask, CmError **err);
bool cm__radiomics_batch(const CmRadiomicsWork *work, const char *table, CmError **err);

#endif
