/* The public face of a study file. */
#include "cormack/study.h"

#include <stdio.h>
#include <string.h>

#include "study/study_priv.h"

CmStudy *cm_study_parse(CmContext *ctx, const char *text, size_t size, const char *name, const char *folder,
                        CmError **err) {
  CmStudy *study = cm_calloc(ctx, 1, sizeof *study, err);
  if (!study) return NULL;
  CmSpec *spec = &study->spec;
  spec->ctx = ctx;
  spec->arena.ctx = ctx;
  spec->file = cm__arena_strdup(&spec->arena, name, err);
  spec->folder = spec->file ? cm__arena_strdup(&spec->arena, folder ? folder : "", err) : NULL;
  if (!spec->folder || !cm__spec_parse(spec, text, size, err)) {
    cm_study_free(&study);
    return NULL;
  }
  int count = spec->problems.count;
  study->problems = cm__arena_alloc(&spec->arena, (size_t)count, sizeof *study->problems, err);
  if (!study->problems) {
    cm_study_free(&study);
    return NULL;
  }
  for (int i = 0; i < count; i++) {
    const CmProblemEntry *entry = &spec->problems.entries[i];
    study->problems[i] = (CmStudyProblem){entry->line, entry->column, entry->text};
  }
  return study;
}

CmStudy *cm_study_open(CmContext *ctx, const char *path, CmError **err) {
  size_t size;
  uint8_t *text = cm_file_read(ctx, path, CM__YAML_MAX_BYTES, &size, err);
  if (!text) return NULL;
  const char *slash = strrchr(path, '/');
  /* "/study.yaml" lies in "/", "study.yaml" where we are */
  char *folder =
      slash ? cm_strndup(ctx, path, slash == path ? 1 : (size_t)(slash - path), err) : cm_strdup(ctx, "", err);
  CmStudy *study = folder ? cm_study_parse(ctx, (const char *)text, size, path, folder, err) : NULL;
  cm_free(folder);
  cm_free(text);
  return study;
}

void cm_study_free(CmStudy **study) {
  if (!study || !*study) return;
  cm__spec_free(&(*study)->spec);
  cm_free(*study);
  *study = NULL;
}

const char *cm_study_name(const CmStudy *study) {
  return study->spec.name;
}

int cm_study_problem_count(const CmStudy *study) {
  return study->spec.problems.count;
}

const CmStudyProblem *cm_study_problem_at(const CmStudy *study, int at) {
  return at >= 0 && at < study->spec.problems.count ? &study->problems[at] : NULL;
}

bool cm_study_check(const CmStudy *study, CmError **err) {
  int count = cm_study_problem_count(study);
  if (count == 0) return true;
  const CmSpec *spec = &study->spec;
  char *text = cm_sprintf(spec->ctx, err, "%d problem%s, nothing was run:", count, count == 1 ? "" : "s");
  for (int i = 0; i < count && text; i++) {
    const CmStudyProblem *problem = &study->problems[i];
    char place[40] = "";
    if (problem->line > 0) snprintf(place, sizeof place, "%d:%d: ", problem->line, problem->column);
    char *longer = cm_sprintf(spec->ctx, err, "%s%s %s%s", text, i ? " |" : "", place, problem->text);
    cm_free(text);
    text = longer;
  }
  if (!text) return false;
  cm_error_set(err, CM_ERR_USAGE, "%s: %s", spec->file, text);
  cm_free(text);
  return false;
}

void cm_study_default_options(CmStudyOptions *options) {
  memset(options, 0, sizeof *options);
}
