#include "study/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cormack/file.h"
#include "study/bytes.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define MAGIC 0x314a4d43u /* "CMJ1" */
#define INLINE_MOST ((size_t)64 << 10)
#define RECORD_MOST ((uint32_t)512 << 20)
#define SYNC_SECONDS 2

typedef enum RecordKind { RECORD_ENTRY = 1, RECORD_FILE = 2 } RecordKind;
typedef enum PartState { PART_HASH, PART_INLINE, PART_FILE } PartState;

typedef struct Head {
  uint32_t magic, size;
  uint8_t check[16]; /* start of the body's hash */
} Head;

typedef struct Part {
  uint8_t state;
  CmHash hash, bytes_hash;
  int64_t size, at; /* at: in the journal, inline */
} Part;

struct CmStoreEntry {
  CmHash key;
  UT_hash_handle hh;
  CmStoreEntry *retired; /* next in the list of those that a newer record has replaced */
  bool used;
  int64_t record_at, record_size;
  int count;
  Part parts[];
};

typedef struct FileHash {
  UT_hash_handle hh;
  bool used;
  int64_t size, mtime;
  CmHash hash;
  int64_t record_at, record_size;
  char path[];
} FileHash;

struct CmStore {
  CmContext *ctx;
  bool look;
  char folder[4000];
  int journal, lock;
  int64_t end; /* of the journal's good part */
  CmStoreEntry *entries, *retired;
  FileHash *files;
  pthread_mutex_t mutex;
  time_t synced;
};

/* ---- small things ---------------------------------------------------------------------------------------------------
 */

static bool refuse_write(CmError **err, const char *path) {
  const char *mend =
      errno == ENOSPC || errno == EDQUOT ? "free some space and run again with --resume" : "what was done is kept";
  cm_error_set(err, CM_ERR_IO, "%s: cannot be written: %s; %s", path, strerror(errno), mend);
  return false;
}

static void part_path(const CmStore *store, const CmHash *key, int part, char *to, size_t size) {
  char hex[2 * CM_HASH_SIZE + 1];
  cm_hash_hex(key, hex);
  snprintf(to, size, "%s/store/%s-%d", store->folder, hex, part);
}

static bool write_all(int file, const void *bytes, size_t size) {
  const char *at = bytes;
  while (size) {
    ssize_t put = write(file, at, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    at += put;
    size -= (size_t)put;
  }
  return true;
}

static bool read_at(int file, void *to, size_t size, int64_t at) {
  char *into = to;
  while (size) {
    ssize_t got = pread(file, into, size, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into += got;
    at += got;
    size -= (size_t)got;
  }
  return true;
}

static void clear_folder(const char *folder, const char *having) {
  DIR *dir = opendir(folder);
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    char path[4600];
    if (entry->d_name[0] == '.' || (having && !strstr(entry->d_name, having))) continue;
    if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path) unlink(path);
  }
  if (dir) closedir(dir);
}

/* ---- records in memory ----------------------------------------------------------------------------------------------
 */

static bool add_entry(CmStore *store, CmStoreEntry *entry, CmError **err) {
  CmStoreEntry *old;
  HASH_FIND(hh, store->entries, &entry->key, sizeof entry->key, old);
  if (old) {
    /* others may still hold the old one: it stays in memory, under no key, until the store is closed */
    HASH_DELETE(hh, store->entries, old);
    entry->used |= old->used;
    old->retired = store->retired;
    store->retired = old;
  }
  HASH_ADD(hh, store->entries, key, sizeof entry->key, entry);
  if (entry->hh.tbl) return true;
  cm_error_set(err, CM_ERR_MEMORY, "no memory to list what is kept");
  return false;
}

static bool add_file(CmStore *store, FileHash *file, CmError **err) {
  FileHash *old;
  size_t length = strlen(file->path);
  HASH_FIND(hh, store->files, file->path, length, old);
  if (old) {
    HASH_DELETE(hh, store->files, old);
    cm_free(old);
  }
  HASH_ADD_KEYPTR(hh, store->files, file->path, length, file);
  if (file->hh.tbl) return true;
  cm_error_set(err, CM_ERR_MEMORY, "no memory to list what is kept");
  return false;
}

static CmStoreEntry *read_entry(CmStore *store, CmView *view, int64_t body_at, const uint8_t *body, CmError **err) {
  const void *key = cm__view_take(view, CM_HASH_SIZE);
  int64_t count = cm__view_i64(view);
  if (!key || count < 0 || count > CM__STORE_PARTS) return NULL;
  CmStoreEntry *entry = cm_calloc(store->ctx, 1, sizeof *entry + (size_t)count * sizeof(Part), err);
  if (!entry) return NULL;
  memcpy(entry->key.bytes, key, CM_HASH_SIZE);
  entry->count = (int)count;
  for (int i = 0; i < entry->count; i++) {
    Part *part = &entry->parts[i];
    part->state = (uint8_t)cm__view_u8(view);
    part->size = cm__view_i64(view);
    const void *hash = cm__view_take(view, CM_HASH_SIZE), *bytes_hash = cm__view_take(view, CM_HASH_SIZE);
    if (hash) memcpy(part->hash.bytes, hash, CM_HASH_SIZE);
    if (bytes_hash) memcpy(part->bytes_hash.bytes, bytes_hash, CM_HASH_SIZE);
    if (part->state != PART_INLINE) continue;
    const uint8_t *bytes = part->size < 0 ? NULL : cm__view_take(view, (size_t)part->size);
    part->at = bytes ? body_at + (bytes - body) : 0;
    view->failed |= !bytes;
  }
  if (view->failed) {
    cm_free(entry);
    return NULL;
  }
  return entry;
}

static FileHash *read_file_hash(CmStore *store, CmView *view, CmError **err) {
  const char *path = cm__view_text(view);
  int64_t size = cm__view_i64(view), mtime = cm__view_i64(view);
  const void *hash = cm__view_take(view, CM_HASH_SIZE);
  if (!path || !hash) return NULL;
  FileHash *file = cm_calloc(store->ctx, 1, sizeof *file + strlen(path) + 1, err);
  if (!file) return NULL;
  memcpy(file->path, path, strlen(path) + 1);
  memcpy(file->hash.bytes, hash, CM_HASH_SIZE);
  file->size = size;
  file->mtime = mtime;
  return file;
}

/* false: memory. A body that makes no sense is passed over. */
static bool take_record(CmStore *store, const uint8_t *body, size_t size, int64_t at, CmError **err) {
  CmView view = {.at = body, .end = body + size};
  unsigned kind = cm__view_u8(&view);
  CmError *why = NULL;
  bool good = true;
  int64_t body_at = at + (int64_t)sizeof(Head);
  if (kind == RECORD_ENTRY) {
    CmStoreEntry *entry = read_entry(store, &view, body_at, body, &why);
    if (entry) {
      entry->record_at = at;
      entry->record_size = (int64_t)(sizeof(Head) + size);
      good = add_entry(store, entry, &why);
    }
  } else if (kind == RECORD_FILE) {
    FileHash *file = read_file_hash(store, &view, &why);
    if (file) {
      file->record_at = at;
      file->record_size = (int64_t)(sizeof(Head) + size);
      good = add_file(store, file, &why);
    }
  }
  if (!why) return good;
  cm_error_move(err, &why);
  return false;
}

/* Reads the journal up to the first record that is not whole. */
static bool load_journal(CmStore *store, CmError **err) {
  uint8_t *body = NULL;
  size_t room = 0;
  bool good = true;
  Head head;
  for (store->end = 0; good && read_at(store->journal, &head, sizeof head, store->end);) {
    if (head.magic != MAGIC || head.size > RECORD_MOST) break;
    struct stat info;
    if (fstat(store->journal, &info) || info.st_size - store->end < (int64_t)(sizeof head + head.size)) break;
    if (head.size > room) {
      uint8_t *larger = cm_realloc(store->ctx, body, head.size, err);
      if (!(good = larger != NULL)) break;
      body = larger;
      room = head.size;
    }
    if (!read_at(store->journal, body, head.size, store->end + (int64_t)sizeof head)) break;
    CmHash hash;
    cm_hash_bytes(body, head.size, &hash);
    if (memcmp(hash.bytes, head.check, sizeof head.check) != 0) break;
    good = take_record(store, body, head.size, store->end, err);
    store->end += (int64_t)(sizeof head + head.size);
  }
  cm_free(body);
  return good;
}

/* ---- opening and closing --------------------------------------------------------------------------------------------
 */

static bool take_lock(CmStore *store, const char *out, CmError **err) {
  char path[4200];
  snprintf(path, sizeof path, "%s/lock", store->folder);
  store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (store->lock < 0) return refuse_write(err, path);
  if (flock(store->lock, LOCK_EX | LOCK_NB) == 0) return true;
  cm_error_set(err, CM_ERR_IO, "%s: another run is at work there; wait for it, or choose another folder", out);
  return false;
}

static bool start_work(CmStore *store, const char *out, bool fresh, CmError **err) {
  char path[4200];
  snprintf(path, sizeof path, "%s/store", store->folder);
  if (!cm_make_folder(path, err) || !take_lock(store, out, err)) return false;
  clear_folder(path, fresh ? NULL : ".part-"); /* what a kill has left half written */
  clear_folder(store->folder, ".part-");
  if (fresh) clear_folder(store->folder, "catalog-");
  snprintf(path, sizeof path, "%s/journal", store->folder);
  store->journal = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (fresh ? O_TRUNC : 0), 0666);
  if (store->journal < 0) return refuse_write(err, path);
  if (!load_journal(store, err)) return false;
  if (ftruncate(store->journal, (off_t)store->end) || lseek(store->journal, (off_t)store->end, SEEK_SET) < 0)
    return refuse_write(err, path);
  return true;
}

CmStore *cm__store_open(CmContext *ctx, const char *out, CmStoreMode mode, CmError **err) {
  CmStore *store = cm_calloc(ctx, 1, sizeof *store, err);
  if (!store) return NULL;
  store->ctx = ctx;
  store->look = mode == CM__STORE_LOOK;
  store->journal = store->lock = -1;
  store->synced = time(NULL);
  pthread_mutex_init(&store->mutex, NULL);
  bool good = snprintf(store->folder, sizeof store->folder, "%s/.cormack", out) < (int)sizeof store->folder;
  if (!good) {
    cm_error_set(err, CM_ERR_USAGE, "the name of the output folder is too long");
  } else if (store->look) {
    char path[4200];
    snprintf(path, sizeof path, "%s/journal", store->folder);
    store->journal = open(path, O_RDONLY | O_CLOEXEC);
    good = store->journal >= 0 && load_journal(store, err);
  } else {
    good = start_work(store, out, mode == CM__STORE_FRESH, err);
  }
  if (!good) cm__store_close(&store);
  return store;
}

void cm__store_close(CmStore **at) {
  CmStore *store = *at;
  if (!store) return;
  CmStoreEntry *entry, *next_entry;
  HASH_ITER(hh, store->entries, entry, next_entry) {
    HASH_DELETE(hh, store->entries, entry);
    cm_free(entry);
  }
  while ((entry = store->retired)) {
    store->retired = entry->retired;
    cm_free(entry);
  }
  FileHash *file, *next_file;
  HASH_ITER(hh, store->files, file, next_file) {
    HASH_DELETE(hh, store->files, file);
    cm_free(file);
  }
  if (store->journal >= 0) {
    if (!store->look) fdatasync(store->journal);
    close(store->journal);
  }
  if (store->lock >= 0) close(store->lock);
  pthread_mutex_destroy(&store->mutex);
  cm_free(store);
  *at = NULL;
}

/* ---- finding and reading --------------------------------------------------------------------------------------------
 */

static bool parts_exist(const CmStore *store, const CmStoreEntry *entry) {
  for (int i = 0; i < entry->count; i++) {
    char path[4200];
    struct stat info;
    if (entry->parts[i].state != PART_FILE) continue;
    part_path(store, &entry->key, i, path, sizeof path);
    if (stat(path, &info) || info.st_size != entry->parts[i].size) return false;
  }
  return true;
}

void cm__store_key_start(CmHasher *hasher, const char *what) {
  cm_hash_start(hasher);
  cm_hash_add_text(hasher, what);
  cm_hash_add_text(hasher, cm_source_hash());
}

const CmStoreEntry *cm__store_find(CmStore *store, const CmHash *key) {
  CmStoreEntry *entry;
  pthread_mutex_lock(&store->mutex);
  HASH_FIND(hh, store->entries, key, sizeof *key, entry);
  if (entry && !entry->used && !parts_exist(store, entry)) entry = NULL;
  if (entry) entry->used = true;
  pthread_mutex_unlock(&store->mutex);
  return entry;
}

int cm__store_parts(const CmStoreEntry *entry) {
  return entry->count;
}

const CmHash *cm__store_hash(const CmStoreEntry *entry, int part) {
  return &entry->parts[part].hash;
}

bool cm__store_has(const CmStoreEntry *entry, int part) {
  return part < entry->count && entry->parts[part].state != PART_HASH;
}

uint8_t *cm__store_read(CmStore *store, const CmStoreEntry *entry, int part, size_t *size, CmError **err) {
  if (!cm__store_has(entry, part)) return NULL;
  const Part *from = &entry->parts[part];
  uint8_t *bytes = NULL;
  if (from->state == PART_FILE) {
    char path[4200];
    CmError *why = NULL;
    part_path(store, &entry->key, part, path, sizeof path);
    bytes = cm_file_read(store->ctx, path, 0, size, &why);
    if (!bytes && cm_error_code(why) == CM_ERR_MEMORY) cm_error_move(err, &why);
    cm_error_free(&why);
    if (!bytes) return NULL;
  } else {
    bytes = cm_alloc(store->ctx, (size_t)from->size + 1, err);
    if (!bytes) return NULL;
    *size = (size_t)from->size;
    if (!read_at(store->journal, bytes, *size, from->at)) *size = SIZE_MAX;
  }
  CmHash hash;
  if (*size == (size_t)from->size) cm_hash_bytes(bytes, *size, &hash);
  if (*size == (size_t)from->size && cm_hash_equal(&hash, &from->bytes_hash)) return bytes;
  cm_free(bytes);
  return NULL;
}

/* ---- writing --------------------------------------------------------------------------------------------------------
 */

/* Appends a record and, when it lasts, takes it into memory. Called with the mutex held. */
static bool append(CmStore *store, const CmBytes *body, CmError **err) {
  Head head = {.magic = MAGIC, .size = (uint32_t)body->size};
  CmHash hash;
  char path[4200];
  snprintf(path, sizeof path, "%s/journal", store->folder);
  if (body->size > RECORD_MOST) {
    cm_error_set(err, CM_ERR_FAULT, "a record of %zu bytes is too large for the journal", body->size);
    return false;
  }
  cm_hash_bytes(body->data, body->size, &hash);
  memcpy(head.check, hash.bytes, sizeof head.check);
  if (!write_all(store->journal, &head, sizeof head) || !write_all(store->journal, body->data, body->size)) {
    refuse_write(err, path);
    /* what was written of it goes, so that the next record stands behind a whole one */
    if (ftruncate(store->journal, (off_t)store->end) == 0) lseek(store->journal, (off_t)store->end, SEEK_SET);
    return false;
  }
  int64_t at = store->end;
  store->end += (int64_t)(sizeof head + body->size);
  time_t now = time(NULL);
  if (now - store->synced >= SYNC_SECONDS) {
    fdatasync(store->journal);
    store->synced = now;
  }
  return take_record(store, body->data, body->size, at, err);
}

static bool write_parts(CmStore *store, const CmHash *key, const CmStorePart *parts, int count, CmBytes *body,
                        CmError **err) {
  cm__bytes_put_u8(body, RECORD_ENTRY);
  cm__bytes_put(body, key->bytes, CM_HASH_SIZE);
  cm__bytes_put_i64(body, count);
  for (int i = 0; i < count; i++) {
    CmHash hash = {{0}};
    PartState state = !parts[i].bytes ? PART_HASH : parts[i].size <= INLINE_MOST ? PART_INLINE : PART_FILE;
    if (parts[i].bytes) cm_hash_bytes(parts[i].bytes, parts[i].size, &hash);
    cm__bytes_put_u8(body, state);
    cm__bytes_put_i64(body, state == PART_HASH ? 0 : (int64_t)parts[i].size);
    cm__bytes_put(body, parts[i].hash.bytes, CM_HASH_SIZE);
    cm__bytes_put(body, hash.bytes, CM_HASH_SIZE);
    if (state == PART_INLINE) cm__bytes_put(body, parts[i].bytes, parts[i].size);
    if (state == PART_FILE) {
      char path[4200];
      part_path(store, key, i, path, sizeof path);
      if (!cm_file_write(store->ctx, path, parts[i].bytes, parts[i].size, err)) return false;
    }
  }
  return !body->failed;
}

bool cm__store_put(CmStore *store, const CmHash *key, const CmStorePart *parts, int count, CmError **err) {
  CmBytes body;
  cm__bytes_start(&body, store->ctx, err);
  if (count > CM__STORE_PARTS) {
    cm_error_set(err, CM_ERR_FAULT, "%d outputs are more than the store keeps", count);
    return false;
  }
  bool good = write_parts(store, key, parts, count, &body, err);
  if (good) {
    pthread_mutex_lock(&store->mutex);
    good = append(store, &body, err);
    CmStoreEntry *entry;
    HASH_FIND(hh, store->entries, key, sizeof *key, entry);
    if (entry) entry->used = true;
    pthread_mutex_unlock(&store->mutex);
  }
  cm__bytes_free(&body);
  return good;
}

/* ---- files ----------------------------------------------------------------------------------------------------------
 */

static int64_t nanoseconds(struct timespec t) {
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool cm__store_file_hash(CmStore *store, const char *path, CmHash *hash, CmError **err) {
  struct stat info;
  if (stat(path, &info)) {
    cm_error_set(err, CM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    return false;
  }
  int64_t mtime = nanoseconds(info.st_mtim);
  FileHash *known;
  pthread_mutex_lock(&store->mutex);
  HASH_FIND(hh, store->files, path, strlen(path), known);
  bool same = known && known->size == (int64_t)info.st_size && known->mtime == mtime;
  if (same) {
    known->used = true;
    *hash = known->hash;
  }
  pthread_mutex_unlock(&store->mutex);
  if (same) return true;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (!cm_hash_file(store->ctx, path, hash, err)) return false;
  /* a file that changed within the last seconds may change again within the same tick of its clock: it is read anew
   * next time */
  if (store->look || nanoseconds(now) - mtime < (int64_t)2000000000) return true;
  CmBytes body;
  cm__bytes_start(&body, store->ctx, err);
  cm__bytes_put_u8(&body, RECORD_FILE);
  cm__bytes_put_text(&body, path);
  cm__bytes_put_i64(&body, (int64_t)info.st_size);
  cm__bytes_put_i64(&body, mtime);
  cm__bytes_put(&body, hash->bytes, CM_HASH_SIZE);
  bool good = !body.failed;
  if (good) {
    pthread_mutex_lock(&store->mutex);
    good = append(store, &body, err);
    HASH_FIND(hh, store->files, path, strlen(path), known);
    if (known) known->used = true;
    pthread_mutex_unlock(&store->mutex);
  }
  cm__bytes_free(&body);
  return good;
}

/* ---- pruning --------------------------------------------------------------------------------------------------------
 */

static void drop_files(CmStore *store) {
  char folder[4200];
  snprintf(folder, sizeof folder, "%s/store", store->folder);
  DIR *dir = opendir(folder);
  for (struct dirent *item; dir && (item = readdir(dir));) {
    CmHash key;
    char hex[2 * CM_HASH_SIZE + 1], path[4600];
    if (item->d_name[0] == '.') continue;
    snprintf(hex, sizeof hex, "%.64s", item->d_name);
    CmStoreEntry *entry = NULL;
    if (cm_hash_from_hex(hex, &key)) HASH_FIND(hh, store->entries, &key, sizeof key, entry);
    if (entry && entry->used) continue;
    if (snprintf(path, sizeof path, "%s/%s", folder, item->d_name) < (int)sizeof path) unlink(path);
  }
  if (dir) closedir(dir);
}

static bool copy_record(CmStore *store, int to, int64_t at, int64_t size, CmError **err) {
  uint8_t *bytes = cm_alloc(store->ctx, (size_t)size, err);
  if (!bytes) return false;
  bool good = read_at(store->journal, bytes, (size_t)size, at) && write_all(to, bytes, (size_t)size);
  if (!good) refuse_write(err, store->folder);
  cm_free(bytes);
  return good;
}

static bool rewrite_journal(CmStore *store, CmError **err) {
  char beside[4200], path[4200];
  snprintf(path, sizeof path, "%s/journal", store->folder);
  snprintf(beside, sizeof beside, "%s/journal.part-%ld", store->folder, (long)getpid());
  int to = open(beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (to < 0) return refuse_write(err, beside);
  bool good = true;
  for (CmStoreEntry *e = store->entries; e && good; e = e->hh.next)
    if (e->used) good = copy_record(store, to, e->record_at, e->record_size, err);
  for (FileHash *f = store->files; f && good; f = f->hh.next)
    if (f->used) good = copy_record(store, to, f->record_at, f->record_size, err);
  if (good && (fsync(to) || rename(beside, path))) good = refuse_write(err, path);
  if (!good) unlink(beside);
  close(to);
  /* offsets in memory are those of the old file, which stays open until the store is closed */
  return good;
}

bool cm__store_finish(CmStore *store, CmError **err) {
  int64_t used = 0;
  for (CmStoreEntry *e = store->entries; e; e = e->hh.next)
    if (e->used) used += e->record_size;
  for (FileHash *f = store->files; f; f = f->hh.next)
    if (f->used) used += f->record_size;
  drop_files(store);
  if (store->end - used < (1 << 20) && store->end - used <= used / 2) return true;
  return used == store->end || rewrite_journal(store, err);
}
