/* Adding: folders whose digest is known are passed over; of the others the files are compared one by one, and only new
 * or changed ones read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "catalog/walk.h"
#include "cormack/parallel.h"

#define READ_CHUNK 32     /* headers that a worker reads at a time */
#define READ_AT_ONCE 8192 /* records that wait for the writer */

typedef struct Adding {
  CmContext *ctx;
  sqlite3 *db;
  CmCatalogStore store;
  CmCatalogReport *report;
  CmBatch batch;
  CmFolderStack stack;
  int64_t *seen; /* rows of folders that were visited */
  int64_t seen_count, seen_room;
  bool had_files;  /* moves are possible */
  int64_t *wanted; /* files of the batch that must be read */
  int64_t wanted_count, wanted_room, wanted_at;
  CmCatalogRecord *records;
  CmTextBuffer *texts; /* of each chunk */
  int64_t changes;     /* since the last commit */
  bool changed;        /* something was committed */
} Adding;

/* ---- folders ---- */

static bool remember_folder(Adding *adding, int64_t id, CmError **err) {
  if (adding->seen_count == adding->seen_room) {
    int64_t room = adding->seen_room * 2 + 256;
    int64_t *grown = cm_realloc(adding->ctx, adding->seen, (size_t)room * sizeof *grown, err);
    if (!grown) return false;
    adding->seen = grown;
    adding->seen_room = room;
  }
  adding->seen[adding->seen_count++] = id;
  return true;
}

/* Finds or makes the folder's row. *same: its digest is what it was, and its counts are in the report. */
static bool place_folder(Adding *adding, CmFoundFolder *folder, bool *same, CmError **err) {
  CmCatalogStore *store = &adding->store;
  sqlite3_stmt *find = store->find_folder;
  const char *path = cm__catalog_batch_text(&adding->batch, folder->path);
  *same = false;
  sqlite3_bind_text(find, 1, path, -1, SQLITE_STATIC);
  if (sqlite3_step(find) == SQLITE_ROW) {
    folder->id = sqlite3_column_int64(find, 0);
    const void *digest = sqlite3_column_blob(find, 1);
    *same = !folder->partial && digest && sqlite3_column_bytes(find, 1) == (int)sizeof folder->digest &&
            !memcmp(digest, folder->digest, sizeof folder->digest);
    if (*same) {
      adding->report->files += sqlite3_column_int64(find, 2);
      adding->report->unchanged += sqlite3_column_int64(find, 2);
      adding->report->quarantined += sqlite3_column_int64(find, 3);
      adding->report->other += sqlite3_column_int64(find, 4);
    }
  }
  sqlite3_reset(find);
  if (folder->id) return remember_folder(adding, folder->id, err);
  if (!folder->count) return true; /* nothing to remember of it */
  sqlite3_bind_text(store->insert_folder, 1, path, -1, SQLITE_STATIC);
  if (!cm__catalog_store_step(store, store->insert_folder)) return false;
  folder->id = sqlite3_last_insert_rowid(adding->db);
  return remember_folder(adding, folder->id, err);
}

static bool want(Adding *adding, CmFoundFile *file, CmFoundState state, int64_t row, int64_t instance, CmError **err) {
  if (adding->wanted_count == adding->wanted_room) {
    int64_t room = adding->wanted_room * 2 + 1024;
    int64_t *grown = cm_realloc(adding->ctx, adding->wanted, (size_t)room * sizeof *grown, err);
    if (!grown) return false;
    adding->wanted = grown;
    adding->wanted_room = room;
  }
  file->state = (uint8_t)state;
  file->row = row;
  file->instance = instance;
  adding->wanted[adding->wanted_count++] = file - adding->batch.files;
  return true;
}

/* A new name whose size, time and inode are those of a file that is no longer where it was. */
static bool find_move(Adding *adding, const CmFoundFolder *folder, CmFoundFile *file, bool *moved) {
  CmCatalogStore *store = &adding->store;
  int64_t row = 0;
  bool was_removed = false, was_quarantined = false;
  struct stat info;
  *moved = false;
  if (!adding->had_files) return true;
  sqlite3_bind_int64(store->find_moved, 1, file->stamp.inode);
  sqlite3_bind_int64(store->find_moved, 2, file->stamp.size);
  sqlite3_bind_int64(store->find_moved, 3, file->stamp.mtime_ns);
  while (!row && sqlite3_step(store->find_moved) == SQLITE_ROW) {
    was_removed = sqlite3_column_int64(store->find_moved, 2) == store->run;
    bool gone = sqlite3_column_type(store->find_moved, 2) != SQLITE_NULL;
    if (!gone) gone = lstat((const char *)sqlite3_column_text(store->find_moved, 1), &info) && errno == ENOENT;
    if (gone) row = sqlite3_column_int64(store->find_moved, 0);
    was_quarantined = sqlite3_column_type(store->find_moved, 3) != SQLITE_NULL;
  }
  sqlite3_reset(store->find_moved);
  if (!row) return true;
  sqlite3_bind_int64(store->move_file, 1, folder->id);
  sqlite3_bind_text(store->move_file, 2, cm__catalog_batch_text(&adding->batch, file->name), -1, SQLITE_STATIC);
  sqlite3_bind_int64(store->move_file, 3, row);
  if (!cm__catalog_store_step(store, store->move_file)) return false;
  if (was_removed) adding->report->removed--;
  adding->report->moved++;
  adding->report->quarantined += was_quarantined;
  adding->changes++;
  *moved = true;
  return true;
}

/* One known file of a folder against what was found under its name (NULL: gone). */
static bool compare_known(Adding *adding, CmFoundFile *file, CmError **err) {
  sqlite3_stmt *known = adding->store.folder_files;
  CmCatalogStore *store = &adding->store;
  int64_t row = sqlite3_column_int64(known, 0);
  bool removed = sqlite3_column_type(known, 6) != SQLITE_NULL;
  if (!file) {
    if (removed) return true;
    sqlite3_bind_int64(store->miss_file, 1, store->run);
    sqlite3_bind_int64(store->miss_file, 2, row);
    adding->report->removed++;
    adding->changes++;
    return cm__catalog_store_step(store, store->miss_file);
  }
  bool same = sqlite3_column_int64(known, 2) == file->stamp.size &&
              sqlite3_column_int64(known, 3) == file->stamp.mtime_ns &&
              sqlite3_column_int64(known, 4) == file->stamp.inode;
  if (!same) return want(adding, file, CM__CHANGED, row, sqlite3_column_int64(known, 5), err);
  adding->report->unchanged += !removed;
  adding->report->added += removed; /* it is back */
  adding->report->files++;
  adding->report->quarantined += sqlite3_column_type(known, 7) != SQLITE_NULL;
  if (!removed) return true;
  sqlite3_bind_int64(store->revive_file, 1, row);
  adding->changes++;
  return cm__catalog_store_step(store, store->revive_file);
}

static bool compare_new(Adding *adding, const CmFoundFolder *folder, CmFoundFile *file, CmError **err) {
  bool moved;
  if (!find_move(adding, folder, file, &moved)) return false;
  if (!moved) return want(adding, file, CM__NEW, 0, 0, err);
  adding->report->files++;
  return true;
}

/* The folder's rows and its files, both by name, side by side. */
static bool compare_folder(Adding *adding, CmFoundFolder *folder, CmError **err) {
  CmBatch *batch = &adding->batch;
  sqlite3_stmt *known = adding->store.folder_files;
  CmFoundFile *file = batch->files + folder->first, *end = file + folder->count;
  cm__catalog_walk_sort(batch, folder);
  sqlite3_bind_int64(known, 1, folder->id);
  bool good = true, row = sqlite3_step(known) == SQLITE_ROW;
  while (good && (row || file < end)) {
    const char *known_name = row ? (const char *)sqlite3_column_text(known, 1) : NULL;
    int order = !row ? 1 : file == end ? -1 : strcmp(known_name, cm__catalog_batch_text(batch, file->name));
    if (order > 0) {
      good = compare_new(adding, folder, file++, err);
      continue;
    }
    if (order == 0)
      good = compare_known(adding, file++, err);
    else if (!folder->partial)
      good = compare_known(adding, NULL, err);
    row = good && sqlite3_step(known) == SQLITE_ROW;
  }
  sqlite3_reset(known);
  return good;
}

/* ---- reading ---- */

static bool read_chunk(void *arg, CmRange range, CmError **err) {
  Adding *adding = arg;
  CmBatch *batch = &adding->batch;
  CmTextBuffer *texts = &adding->texts[range.chunk];
  texts->size = 0;
  texts->err = err;
  for (int64_t i = range.begin; i < range.end; i++) {
    const CmFoundFile *file = &batch->files[adding->wanted[adding->wanted_at + i]];
    const char *folder = cm__catalog_batch_text(batch, batch->folders[file->folder].path);
    char *path = cm_sprintf(adding->ctx, err, "%s/%s", strcmp(folder, "/") ? folder : "",
                            cm__catalog_batch_text(batch, file->name));
    bool good = path && cm__catalog_read(adding->ctx, path, texts, &adding->records[i], err);
    cm_free(path);
    if (!good) return false;
  }
  return true;
}

static bool store_record(Adding *adding, const CmFoundFile *file, const CmCatalogRecord *record) {
  CmCatalogReport *report = adding->report;
  int64_t folder = adding->batch.folders[file->folder].id;
  adding->changes++;
  if (record->outcome == CM__NOT_DICOM) {
    report->other++;
  } else {
    report->files++;
    report->added += file->state == CM__NEW;
    report->changed += file->state == CM__CHANGED;
    report->quarantined += record->outcome == CM__BROKEN;
  }
  const char *name = cm__catalog_batch_text(&adding->batch, file->name);
  return cm__catalog_store_file(&adding->store, file->row, file->instance, folder, name, &file->stamp, record);
}

/* Reads what is wanted in parallel and writes it in the order of folders and names, so that rows do not depend on the
 * thread count. */
static bool read_wanted(Adding *adding, CmError **err) {
  for (adding->wanted_at = 0; adding->wanted_at < adding->wanted_count; adding->wanted_at += READ_AT_ONCE) {
    int64_t left = adding->wanted_count - adding->wanted_at, count = left < READ_AT_ONCE ? left : READ_AT_ONCE;
    if (!cm_parallel_for(adding->ctx, NULL, count, READ_CHUNK, read_chunk, adding, err)) return false;
    for (int64_t i = 0; i < count; i++)
      if (!store_record(adding, &adding->batch.files[adding->wanted[adding->wanted_at + i]], &adding->records[i]))
        return false;
    cm_progress(adding->ctx, "catalogue", adding->report->files, 0);
  }
  return true;
}

/* ---- batches ---- */

/* Digests are stored last: a folder is known only when all of it is. */
static bool finish_folder(Adding *adding, const CmFoundFolder *folder) {
  CmCatalogStore *store = &adding->store;
  int64_t rows = 0, quarantined = 0;
  sqlite3_bind_int64(store->folder_files, 1, folder->id);
  while (sqlite3_step(store->folder_files) == SQLITE_ROW) {
    if (sqlite3_column_type(store->folder_files, 6) != SQLITE_NULL) continue;
    rows++;
    quarantined += sqlite3_column_type(store->folder_files, 7) != SQLITE_NULL;
  }
  sqlite3_reset(store->folder_files);
  if (folder->partial)
    sqlite3_bind_null(store->update_folder, 1); /* the rest of it was not looked at */
  else
    sqlite3_bind_blob(store->update_folder, 1, folder->digest, sizeof folder->digest, SQLITE_STATIC);
  sqlite3_bind_int64(store->update_folder, 2, rows);
  sqlite3_bind_int64(store->update_folder, 3, quarantined);
  sqlite3_bind_int64(store->update_folder, 4, folder->partial ? 0 : folder->count - rows);
  sqlite3_bind_int64(store->update_folder, 5, folder->id);
  adding->changes++;
  return cm__catalog_store_step(store, store->update_folder);
}

static bool commit(Adding *adding, CmError **err) {
  if (!adding->changes) return true;
  adding->changes = 0;
  adding->changed = true;
  return cm__catalog_run(adding->db, "COMMIT; BEGIN IMMEDIATE", err);
}

static bool do_batch(Adding *adding, CmError **err) {
  CmBatch *batch = &adding->batch;
  if (!cm__catalog_walk_stamp(batch, err)) return false;
  adding->wanted_count = 0;
  for (int64_t i = 0; i < batch->folder_count; i++) {
    CmFoundFolder *folder = &batch->folders[i];
    bool same;
    if (!place_folder(adding, folder, &same, err)) return false;
    adding->report->unreadable += folder->fd < 0;
    if (!same && folder->id && folder->fd >= 0 && !compare_folder(adding, folder, err)) return false;
    if (same || folder->fd < 0) folder->id = 0; /* nothing to finish */
  }
  if (!read_wanted(adding, err)) return false;
  for (int64_t i = 0; i < batch->folder_count; i++)
    if (batch->folders[i].id && !finish_folder(adding, &batch->folders[i])) return false;
  cm__catalog_batch_clear(batch);
  cm_progress(adding->ctx, "catalogue", adding->report->files, 0);
  return !cm_context_cancelled(adding->ctx, err) && commit(adding, err);
}

/* ---- roots ---- */

static int by_number(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

/* Folders below the root that are known and were not met any more: their files are gone. */
static bool miss_folders(Adding *adding, const char *root, CmError **err) {
  CmCatalogStore *store = &adding->store;
  if (!adding->had_files) return true;
  sqlite3_stmt *known = cm__catalog_prepare(adding->db,
                                            "SELECT id FROM folders WHERE (path = ?1 OR substr(path, 1, length(?2)) = "
                                            "?2) AND files + quarantined + other > 0",
                                            err);
  if (!known) return false;
  char *below = cm_sprintf(adding->ctx, err, "%s/", strcmp(root, "/") ? root : "");
  bool good = below != NULL;
  if (adding->seen_count) qsort(adding->seen, (size_t)adding->seen_count, sizeof *adding->seen, by_number);
  sqlite3_bind_text(known, 1, root, -1, SQLITE_STATIC);
  sqlite3_bind_text(known, 2, below, -1, SQLITE_STATIC);
  while (good && sqlite3_step(known) == SQLITE_ROW) {
    int64_t id = sqlite3_column_int64(known, 0);
    if (adding->seen_count && bsearch(&id, adding->seen, (size_t)adding->seen_count, sizeof id, by_number)) continue;
    sqlite3_bind_int64(store->folder_files_missed, 1, store->run);
    sqlite3_bind_int64(store->folder_files_missed, 2, id);
    good = cm__catalog_store_step(store, store->folder_files_missed);
    adding->report->removed += good ? sqlite3_changes(adding->db) : 0;
    CmFoundFolder gone = {.id = id};
    good = good && finish_folder(adding, &gone);
  }
  sqlite3_finalize(known);
  cm_free(below);
  return good;
}

static bool add_root(Adding *adding, const char *path, CmError **err) {
  struct stat info;
  char *real = realpath(path, NULL);
  if (!real || stat(real, &info)) {
    cm_error_set(err, errno == ENOENT ? CM_ERR_MISSING : CM_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    free(real);
    return false;
  }
  bool is_folder = S_ISDIR(info.st_mode);
  bool good =
      is_folder ? cm__catalog_stack_push(&adding->stack, real, err) : cm__catalog_walk_file(&adding->batch, real, err);
  while (good && adding->stack.count) {
    good = cm__catalog_walk_folders(&adding->batch, &adding->stack, err);
    if (good && cm__catalog_batch_is_full(&adding->batch)) good = do_batch(adding, err);
  }
  good = good && do_batch(adding, err) && (!is_folder || miss_folders(adding, real, err));
  free(real);
  return good;
}

static bool start_run(Adding *adding, CmError **err) {
  if (!cm__catalog_run(adding->db, "INSERT INTO runs DEFAULT VALUES", err)) return false;
  adding->store.run = sqlite3_last_insert_rowid(adding->db);
  sqlite3_stmt *any = cm__catalog_prepare(adding->db, "SELECT 1 FROM files LIMIT 1", err);
  adding->had_files = any && sqlite3_step(any) == SQLITE_ROW;
  sqlite3_finalize(any);
  adding->changes = 0;
  return any != NULL;
}

/* A run that found nothing new leaves no row, and the disk is not waited for. */
static bool end_run(Adding *adding, CmError **err) {
  const CmCatalogReport *report = adding->report;
  if (!adding->changes && !adding->changed) return cm__catalog_run(adding->db, "ROLLBACK", err);
  sqlite3_stmt *end = cm__catalog_prepare(
      adding->db, "UPDATE runs SET files = ?, added = ?, changed = ?, moved = ?, removed = ? WHERE id = ?", err);
  if (!end) return false;
  const int64_t numbers[] = {report->files, report->added,   report->changed,
                             report->moved, report->removed, adding->store.run};
  for (int i = 0; i < CM_COUNT(numbers); i++) sqlite3_bind_int64(end, i + 1, numbers[i]);
  bool good = cm__catalog_store_step(&adding->store, end);
  sqlite3_finalize(end);
  return good && cm__catalog_store_tidy(&adding->store) && cm__catalog_run(adding->db, "COMMIT", err);
}

static bool prepare_memory(Adding *adding, CmError **err) {
  adding->records = cm_alloc_array(adding->ctx, READ_AT_ONCE, sizeof *adding->records, err);
  adding->texts =
      adding->records ? cm_calloc(adding->ctx, READ_AT_ONCE / READ_CHUNK, sizeof *adding->texts, err) : NULL;
  for (int i = 0; adding->texts && i < READ_AT_ONCE / READ_CHUNK; i++)
    cm__text_start(&adding->texts[i], adding->ctx, NULL);
  return adding->texts != NULL;
}

bool cm_catalog_add(CmContext *ctx, const char *catalog, const char *const *paths, int count, CmCatalogReport *report,
                    CmError **err) {
  Adding adding = {.ctx = ctx, .report = report, .stack.ctx = ctx};
  *report = (CmCatalogReport){0};
  cm__catalog_batch_start(&adding.batch, ctx, err);
  adding.db = cm__catalog_open(catalog, err);
  bool good = adding.db && prepare_memory(&adding, err) && cm__catalog_store_open(&adding.store, adding.db, err) &&
              cm__catalog_run(adding.db, "BEGIN IMMEDIATE", err) && start_run(&adding, err);
  for (int i = 0; good && i < count; i++) good = add_root(&adding, paths[i], err);
  good = good && end_run(&adding, err);
  cm__catalog_store_close(&adding.store);
  if (adding.db) {
    if (!sqlite3_get_autocommit(adding.db)) sqlite3_exec(adding.db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(adding.db);
  }
  for (int i = 0; adding.texts && i < READ_AT_ONCE / READ_CHUNK; i++) cm_free(adding.texts[i].text);
  cm_free(adding.texts);
  cm_free(adding.records);
  cm_free(adding.wanted);
  cm_free(adding.seen);
  cm__catalog_stack_free(&adding.stack);
  cm__catalog_batch_free(&adding.batch);
  return good;
}
