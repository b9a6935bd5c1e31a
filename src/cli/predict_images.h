/* cormack predict MODEL IMAGES… -o FOLDER: a model of a study applied to new images. */
#ifndef CLI_PREDICT_IMAGES_H
#define CLI_PREDICT_IMAGES_H

#include "cli/cli.h"

typedef struct PredictOptions {
  CmText output;
  bool explain;
  CmReals survival;
  double interval;
  CmText labels, subject, select;
} PredictOptions;

/* words: MODEL, or the folder of a run with one model, then the images. */
bool cm__cli_predict_images(CmCli *cli, const PredictOptions *options, int count, char **words, CmError **err);

#endif
