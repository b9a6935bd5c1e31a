/* Folders and the stamps of their files, in batches of bounded size. */
#ifndef CM_CATALOG_WALK_H
#define CM_CATALOG_WALK_H

#include "catalog/catalog_priv.h"

typedef enum CmFoundState { CM__SAME, CM__NEW, CM__CHANGED } CmFoundState;

typedef struct CmFoundFile {
  size_t name;     /* offset in the batch's names */
  uint32_t folder; /* index in the batch */
  bool is_file;    /* known after stamping: a regular file, or a link to one */
  uint8_t state;   /* CmFoundState */
  CmCatalogStamp stamp;
  uint64_t digest[2];
  int64_t row, instance; /* of a changed file */
} CmFoundFile;

typedef struct CmFoundFolder {
  size_t path;          /* offset in the batch's names */
  int fd;               /* of the folder while its files are stamped; -1: could not be listed */
  bool partial;         /* single files were asked for, not the folder */
  int64_t first, count; /* its files in the batch */
  int64_t id;           /* row, 0 until known */
  uint64_t digest[2];   /* of the names and stamps of all its files, whatever their order */
} CmFoundFolder;

typedef struct CmBatch {
  CmContext *ctx;
  CmTextBuffer names;
  CmFoundFile *files;
  int64_t file_count, file_room;
  CmFoundFolder *folders;
  int64_t folder_count, folder_room;
} CmBatch;

void cm__catalog_batch_start(CmBatch *batch, CmContext *ctx, CmError **err);
void cm__catalog_batch_clear(CmBatch *batch); /* closes folders, keeps the room */
void cm__catalog_batch_free(CmBatch *batch);
bool cm__catalog_batch_is_full(const CmBatch *batch);
static inline const char *cm__catalog_batch_text(const CmBatch *batch, size_t at) {
  return batch->names.text + at;
}

/* Paths of folders that wait, last in first out. */
typedef struct CmFolderStack {
  CmContext *ctx;
  char **paths;
  int64_t count, room;
} CmFolderStack;

bool cm__catalog_stack_push(CmFolderStack *stack, const char *path, CmError **err);
void cm__catalog_stack_free(CmFolderStack *stack);

/* Lists folders from the top of the stack into the batch, in parallel, and pushes the folders in them, so that all come
 * in an order that the names alone fix. */
bool cm__catalog_walk_folders(CmBatch *batch, CmFolderStack *stack, CmError **err);
/* A single file as a partial folder. */
bool cm__catalog_walk_file(CmBatch *batch, const char *path, CmError **err);
/* Stamps all files of the batch, in parallel, and makes the folders' digests. */
bool cm__catalog_walk_stamp(CmBatch *batch, CmError **err);
/* Sorts the files of a folder by name. */
void cm__catalog_walk_sort(CmBatch *batch, CmFoundFolder *folder);

#endif
