#include "catalog/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cormack/parallel.h"

#define MOST_FILES 16384 /* of a batch, unless one folder has more */
#define MOST_FOLDERS 256 /* open at a time */
#define CHUNK 512

void cm__catalog_batch_start(CmBatch *batch, CmContext *ctx, CmError **err) {
  *batch = (CmBatch){.ctx = ctx};
  cm__text_start(&batch->names, ctx, err);
}

void cm__catalog_batch_clear(CmBatch *batch) {
  for (int64_t i = 0; i < batch->folder_count; i++)
    if (batch->folders[i].fd >= 0) close(batch->folders[i].fd);
  batch->file_count = batch->folder_count = 0;
  batch->names.size = 0;
}

void cm__catalog_batch_free(CmBatch *batch) {
  cm__catalog_batch_clear(batch);
  cm_free(batch->names.text);
  cm_free(batch->files);
  cm_free(batch->folders);
}

bool cm__catalog_batch_is_full(const CmBatch *batch) {
  return batch->file_count >= MOST_FILES || batch->folder_count >= MOST_FOLDERS;
}

/* Room for one more of something. */
static bool make_room(CmContext *ctx, void **items, int64_t count, int64_t *room, size_t size, CmError **err) {
  if (count < *room) return true;
  size_t bytes;
  int64_t more = *room * 2 + 256;
  if (!cm_size_multiply((size_t)more, size, &bytes, err)) return false;
  void *grown = cm_realloc(ctx, *items, bytes, err);
  if (!grown) return false;
  *items = grown;
  *room = more;
  return true;
}

static bool add_name(CmBatch *batch, const char *name, size_t *at) {
  *at = batch->names.size;
  cm__text_add_n(&batch->names, name, strlen(name) + 1);
  return !batch->names.failed;
}

static bool add_file(CmBatch *batch, const char *name, CmError **err) {
  if (!make_room(batch->ctx, (void **)&batch->files, batch->file_count, &batch->file_room, sizeof *batch->files, err))
    return false;
  CmFoundFile *file = &batch->files[batch->file_count];
  *file = (CmFoundFile){.folder = (uint32_t)(batch->folder_count - 1)};
  if (!add_name(batch, name, &file->name)) return false;
  batch->file_count++;
  batch->folders[batch->folder_count - 1].count++;
  return true;
}

static bool add_folder(CmBatch *batch, const char *path, int fd, bool partial, CmError **err) {
  if (!make_room(batch->ctx, (void **)&batch->folders, batch->folder_count, &batch->folder_room, sizeof *batch->folders,
                 err))
    return false;
  CmFoundFolder *folder = &batch->folders[batch->folder_count];
  *folder = (CmFoundFolder){.fd = fd, .partial = partial, .first = batch->file_count};
  if (!add_name(batch, path, &folder->path)) return false;
  batch->folder_count++;
  return true;
}

bool cm__catalog_stack_push(CmFolderStack *stack, const char *path, CmError **err) {
  if (!make_room(stack->ctx, (void **)&stack->paths, stack->count, &stack->room, sizeof *stack->paths, err))
    return false;
  stack->paths[stack->count] = cm_strdup(stack->ctx, path, err);
  return stack->paths[stack->count] && ++stack->count;
}

void cm__catalog_stack_free(CmFolderStack *stack) {
  while (stack->count) cm_free(stack->paths[--stack->count]);
  cm_free(stack->paths);
}

static int by_text_descending(const void *a, const void *b) {
  return strcmp(*(char *const *)b, *(char *const *)a);
}

/* A folder, where the listing does not say what a name is. Links to folders are not followed: they may lead in circles.
 */
static bool is_folder(int fd, const struct dirent *entry) {
  struct stat info;
  if (entry->d_type != DT_UNKNOWN) return entry->d_type == DT_DIR;
  return !fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) && S_ISDIR(info.st_mode);
}

/* What a worker found in one folder: names, each behind a letter, F for files and D for folders. */
typedef struct Listing {
  char *path;
  int fd;
  CmTextBuffer names;
} Listing;

typedef struct Listings {
  CmContext *ctx;
  Listing *of;
} Listings;

static bool list_entries(Listing *listing, DIR *folder) {
  for (struct dirent *entry; (entry = readdir(folder));) {
    const char *name = entry->d_name;
    if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) continue;
    bool is_file = entry->d_type == DT_REG, is_below = !is_file && is_folder(dirfd(folder), entry);
    if (!is_file && !is_below && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
      continue; /* pipes and devices */
    cm__text_add_n(&listing->names, is_below ? "D" : "F", 1);
    cm__text_add_n(&listing->names, name, strlen(name) + 1);
  }
  return !listing->names.failed;
}

static bool list_folder(CmContext *ctx, Listing *listing, CmError **err) {
  cm__text_start(&listing->names, ctx, err);
  listing->fd = open(listing->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int second = listing->fd < 0 ? -1 : dup(listing->fd);
  DIR *folder = second < 0 ? NULL : fdopendir(second);
  if (!folder) {
    cm_log(ctx, CM_LOG_WARNING, "%s: cannot be listed: %s; what is known of it stays", listing->path, strerror(errno));
    if (second >= 0) close(second);
    if (listing->fd >= 0) close(listing->fd);
    listing->fd = -1;
    return true;
  }
  bool good = list_entries(listing, folder);
  closedir(folder);
  return good;
}

static bool list_chunk(void *arg, CmRange range, CmError **err) {
  Listings *listings = arg;
  for (int64_t i = range.begin; i < range.end; i++)
    if (!list_folder(listings->ctx, &listings->of[i], err)) return false;
  return true;
}

/* One listing into the batch; the folders in it onto the stack. */
static bool take_listing(CmBatch *batch, CmFolderStack *stack, Listing *listing, CmError **err) {
  const char *base = strcmp(listing->path, "/") ? listing->path : "";
  bool good = add_folder(batch, listing->path, listing->fd, false, err);
  if (!good) return false;
  listing->fd = -1; /* the batch's now */
  for (size_t at = 0; good && at < listing->names.size; at += strlen(listing->names.text + at) + 1) {
    const char *name = listing->names.text + at + 1;
    if (listing->names.text[at] == 'F') {
      good = add_file(batch, name, err);
    } else {
      char *below = cm_sprintf(batch->ctx, err, "%s/%s", base, name);
      good = below && cm__catalog_stack_push(stack, below, err);
      cm_free(below);
    }
  }
  return good;
}

bool cm__catalog_walk_folders(CmBatch *batch, CmFolderStack *stack, CmError **err) {
  int64_t count = stack->count, room = MOST_FOLDERS - batch->folder_count;
  if (count > room) count = room;
  Listings listings = {.ctx = batch->ctx, .of = cm_calloc(batch->ctx, (size_t)count, sizeof *listings.of, err)};
  if (!listings.of) return false;
  for (int64_t i = 0; i < count; i++) {
    listings.of[i].path = stack->paths[--stack->count];
    listings.of[i].fd = -1;
  }
  int64_t below = stack->count;
  bool good = cm_parallel_for(batch->ctx, NULL, count, 4, list_chunk, &listings, err);
  for (int64_t i = 0; i < count; i++) {
    Listing *listing = &listings.of[i];
    good = good && take_listing(batch, stack, listing, err);
    if (listing->fd >= 0) close(listing->fd);
    cm_free(listing->path);
    cm_free(listing->names.text);
  }
  cm_free(listings.of);
  if (stack->count > below + 1)
    qsort(stack->paths + below, (size_t)(stack->count - below), sizeof *stack->paths, by_text_descending);
  return good;
}

bool cm__catalog_walk_file(CmBatch *batch, const char *path, CmError **err) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? cm_strndup(batch->ctx, path, slash == path ? 1 : (size_t)(slash - path), err)
                       : cm_strdup(batch->ctx, ".", err);
  int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  bool good = folder && add_folder(batch, folder, fd, true, err) && add_file(batch, slash ? slash + 1 : path, err);
  cm_free(folder);
  return good;
}

/* ---- stamps ---- */

static uint64_t mix(uint64_t x) { /* the finalizer of splitmix64 (Steele, Lea, Flood 2014) */
  x ^= x >> 30;
  x *= 0xBF58476D1CE4E5B9u;
  x ^= x >> 27;
  x *= 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

static void hash_of(const char *name, const CmCatalogStamp *stamp, uint64_t digest[2]) {
  uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a over the name */
  for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 0x100000001B3u;
  digest[0] = mix(mix(mix(hash ^ (uint64_t)stamp->size) ^ (uint64_t)stamp->mtime_ns) ^ (uint64_t)stamp->inode);
  digest[1] = mix(mix(mix(~hash + (uint64_t)stamp->inode) + (uint64_t)stamp->mtime_ns) + (uint64_t)stamp->size);
}

static bool stamp_chunk(void *arg, CmRange range, CmError **err) {
  CmBatch *batch = arg;
  (void)err;
  for (int64_t i = range.begin; i < range.end; i++) {
    CmFoundFile *file = &batch->files[i];
    struct stat info;
    if (fstatat(batch->folders[file->folder].fd, cm__catalog_batch_text(batch, file->name), &info, 0) ||
        !S_ISREG(info.st_mode))
      continue;
    file->is_file = true;
    file->stamp = (CmCatalogStamp){.size = info.st_size,
                                   .inode = (int64_t)info.st_ino,
                                   .mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec};
    hash_of(cm__catalog_batch_text(batch, file->name), &file->stamp, file->digest);
  }
  return true;
}

bool cm__catalog_walk_stamp(CmBatch *batch, CmError **err) {
  if (!cm_parallel_for(batch->ctx, NULL, batch->file_count, CHUNK, stamp_chunk, batch, err)) return false;
  int64_t kept = 0;
  for (int64_t i = 0; i < batch->folder_count; i++) { /* what is no file falls out */
    CmFoundFolder *folder = &batch->folders[i];
    int64_t first = kept;
    for (int64_t k = folder->first; k < folder->first + folder->count; k++) {
      CmFoundFile *file = &batch->files[k];
      if (!file->is_file) continue;
      folder->digest[0] += file->digest[0]; /* sums: the order of a listing does not matter */
      folder->digest[1] += file->digest[1];
      if (kept != k) batch->files[kept] = *file;
      kept++;
    }
    folder->first = first;
    folder->count = kept - first;
  }
  batch->file_count = kept;
  return true;
}

static int by_name(const void *a, const void *b, void *names) {
  const CmFoundFile *x = a, *y = b;
  return strcmp((const char *)names + x->name, (const char *)names + y->name);
}

void cm__catalog_walk_sort(CmBatch *batch, CmFoundFolder *folder) {
  if (folder->count > 1)
    qsort_r(batch->files + folder->first, (size_t)folder->count, sizeof *batch->files, by_name, batch->names.text);
}
