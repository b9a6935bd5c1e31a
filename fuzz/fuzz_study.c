/* Study files: whatever the bytes, there is a study with its problems, or an error; and it is freed. */
#include <stdint.h>
#include <stdlib.h>

#include "cormack/study.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  options.memory_limit = (uint64_t)256 << 20;
  CmContext *ctx = cm_context_create(&options, NULL);
  if (!ctx) return 0;
  CmError *err = NULL;
  /* a folder that is not there: no file of this machine is looked at but by absolute paths */
  CmStudy *study = cm_study_parse(ctx, (const char *)data, size, "fuzz.yaml", "/nonexistent", &err);
  if (study) {
    for (int i = 0; i < cm_study_problem_count(study); i++)
      if (!cm_study_problem_at(study, i)->text) abort();
    if (cm_study_check(study, &err) != (cm_study_problem_count(study) == 0)) abort();
  }
  cm_error_free(&err);
  cm_study_free(&study);
  if (cm_context_destroy(&ctx) != 0) abort();
  return 0;
}
