/* Running a study that was read: shared by the commands that do. */
#ifndef CLI_STUDY_H
#define CLI_STUDY_H

#include "cli/cli.h"
#include "cormack/study.h"

/* Tells what is wrong with it; false where something is. path: what it was read from. */
bool cm__cli_check_study(const CmCli *cli, const CmStudy *study, const char *path, CmError **err);
/* Runs it into options->out, and tells how it went. */
bool cm__cli_run_study(CmCli *cli, const CmStudy *study, const CmStudyOptions *options, CmError **err);

#endif
