/* Folders of DICOM as images and masks. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/radiomics.h"

enum { FOLDERS_DEEP = 16 };

static bool is_folder(const char *path) {
  struct stat is;
  return stat(path, &is) == 0 && S_ISDIR(is.st_mode);
}

char *cm__radiomics_mask(CmContext *ctx, const char *path, CmError **err) {
  struct dirent **entries = NULL;
  const char *only = NULL;
  const int count = is_folder(path) ? scandir(path, &entries, NULL, alphasort) : 0;
  int files = 0;
  for (int k = 0; k < count; k++)
    if (entries[k]->d_name[0] != '.' && files++ == 0) only = entries[k]->d_name;
  char *mask = files == 1 ? cm_sprintf(ctx, err, "%s/%s", path, only) : cm_strdup(ctx, path, err);
  for (int k = 0; k < count; k++) free(entries[k]);
  free(entries);
  return mask;
}

static bool hash_folder(CmContext *ctx, CmStore *store, const char *path, int depth, CmHasher *hasher, bool *known,
                        CmError **err);

static bool hash_entry(CmContext *ctx, CmStore *store, const char *path, int depth, CmHasher *hasher, bool *known,
                       CmError **err) {
  struct stat is;
  CmHash part;
  if (stat(path, &is) != 0) return true; /* a link to nothing */
  if (S_ISDIR(is.st_mode)) return hash_folder(ctx, store, path, depth + 1, hasher, known, err);
  if (!S_ISREG(is.st_mode)) return true;
  if (!cm__store_file_hash(store, path, &part, err)) return false;
  cm_hash_add(hasher, &part, sizeof part);
  return true;
}

/* Names and contents of what a folder holds; too deep a one is not known. */
static bool hash_folder(CmContext *ctx, CmStore *store, const char *path, int depth, CmHasher *hasher, bool *known,
                        CmError **err) {
  struct dirent **entries = NULL;
  const int count = depth < FOLDERS_DEEP ? scandir(path, &entries, NULL, alphasort) : -1;
  bool ok = true;
  if (count < 0) *known = false;
  for (int k = 0; k < count; k++) {
    const char *name = entries[k]->d_name;
    if (ok && name[0] != '.') {
      char *inner = cm_sprintf(ctx, err, "%s/%s", path, name);
      cm_hash_add_text(hasher, name);
      ok = inner && hash_entry(ctx, store, inner, depth, hasher, known, err);
      cm_free(inner);
    }
    free(entries[k]);
  }
  free(entries);
  cm_hash_add_text(hasher, "");
  return ok;
}

bool cm__radiomics_hash(CmContext *ctx, CmStore *store, const char *path, CmHash *hash, bool *known, CmError **err) {
  struct stat is;
  *known = store && stat(path, &is) == 0 && (S_ISREG(is.st_mode) || S_ISDIR(is.st_mode));
  if (!*known) return true;
  if (S_ISREG(is.st_mode)) return cm__store_file_hash(store, path, hash, err);
  CmHasher hasher;
  cm_hash_start(&hasher);
  const bool ok = hash_folder(ctx, store, path, 0, &hasher, known, err);
  cm_hash_finish(&hasher, hash);
  return ok;
}
