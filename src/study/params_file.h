/* Files with the parameters of an operation. */
#ifndef STUDY_PARAMS_FILE_H
#define STUDY_PARAMS_FILE_H

#include "cormack/op.h"
#include "study/yaml.h"

/* What a parameter file has said beside the parameters themselves. */
typedef struct CmParamsFile {
  bool pyradiomics; /* it is PyRadiomics' kind: setting, imageType, featureClass, voxelSetting */
  bool label;       /* it names a label */
} CmParamsFile;

/* Sets parameters from a YAML or JSON file: a flat mapping of the operation's parameters or, of radiomics, PyRadiomics'
 * kind. What is wrong becomes problems, by the file's lines and in their order; unknown keys with the nearest known
 * one. false: the file cannot be read. */
bool cm__params_file(CmProblems *problems, const CmOp *op, const char *path, void *params, CmParamsFile *found,
                     CmError **err);

#endif
