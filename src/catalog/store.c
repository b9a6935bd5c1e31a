/* The writer: records into the tables, by prepared statements. */
#include <stdio.h>
#include <string.h>

#include "catalog/catalog_priv.h"

static const char *const table_names[CM__LEVELS] = {"patients", "studies", "series", "instances"};
static const char *const parents[CM__LEVELS] = {"key", "patient", "study", "series"};

static bool prepare(CmCatalogStore *store, sqlite3_stmt **statement, const char *sql) {
  *statement = cm__catalog_prepare(store->db, sql, store->err);
  return *statement != NULL;
}

/* INSERT with the parent (or key) first and the level's fields in their order. */
static bool prepare_insert(CmCatalogStore *store, CmCatalogLevel level) {
  sqlite3_str *sql = sqlite3_str_new(store->db);
  int count = 1;
  sqlite3_str_appendf(sql, "INSERT OR IGNORE INTO %s (%s", table_names[level], parents[level]);
  for (int i = 0; i < CM__FIELD_COUNT; i++)
    if (cm__catalog_fields[i].level == level && ++count) sqlite3_str_appendf(sql, ", %s", cm__catalog_fields[i].column);
  sqlite3_str_appendall(sql, ") VALUES (?");
  while (--count) sqlite3_str_appendall(sql, ", ?");
  sqlite3_str_appendall(sql, ")");
  char *text = sqlite3_str_finish(sql);
  bool good = text && prepare(store, &store->insert[level], text);
  sqlite3_free(text);
  return good;
}

/* The same columns, for an instance whose file has changed. */
static bool prepare_update(CmCatalogStore *store) {
  sqlite3_str *sql = sqlite3_str_new(store->db);
  sqlite3_str_appendall(sql, "UPDATE instances SET series = ?");
  for (int i = 0; i < CM__FIELD_COUNT; i++)
    if (cm__catalog_fields[i].level == CM__INSTANCE) sqlite3_str_appendf(sql, ", %s = ?", cm__catalog_fields[i].column);
  sqlite3_str_appendall(sql, " WHERE id = ?");
  char *text = sqlite3_str_finish(sql);
  bool good = text && prepare(store, &store->update_instance, text);
  sqlite3_free(text);
  return good;
}

bool cm__catalog_store_open(CmCatalogStore *store, sqlite3 *db, CmError **err) {
  *store = (CmCatalogStore){.db = db, .err = err};
  bool good = prepare_update(store);
  for (int level = 0; good && level < CM__LEVELS; level++) good = prepare_insert(store, (CmCatalogLevel)level);
  return good && prepare(store, &store->find[CM__PATIENT], "SELECT id FROM patients WHERE key = ?") &&
         prepare(store, &store->find[CM__STUDY], "SELECT id FROM studies WHERE study_uid = ? AND patient = ?") &&
         prepare(store, &store->find[CM__SERIES], "SELECT id FROM series WHERE series_uid = ? AND study = ?") &&
         prepare(store, &store->find_instance, "SELECT id FROM instances WHERE sop_instance_uid = ? AND series = ?") &&
         prepare(store, &store->drop_instance,
                 "DELETE FROM instances WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM files WHERE instance = ?1)") &&
         prepare(store, &store->insert_file,
                 "INSERT INTO files (folder, name, size, mtime_ns, inode, instance) VALUES (?, ?, ?, ?, ?, ?)") &&
         prepare(store, &store->update_file,
                 "UPDATE files SET size = ?, mtime_ns = ?, inode = ?, instance = ?, removed = NULL WHERE id = ?") &&
         prepare(store, &store->drop_file, "DELETE FROM files WHERE id = ?") &&
         prepare(store, &store->move_file, "UPDATE files SET folder = ?, name = ?, removed = NULL WHERE id = ?") &&
         prepare(store, &store->miss_file, "UPDATE files SET removed = ? WHERE id = ?") &&
         prepare(store, &store->revive_file, "UPDATE files SET removed = NULL WHERE id = ?") &&
         prepare(store, &store->quarantine,
                 "INSERT OR REPLACE INTO quarantine (file, code, reason) VALUES (?, ?, ?)") &&
         prepare(store, &store->release, "DELETE FROM quarantine WHERE file = ?") &&
         prepare(store, &store->find_folder,
                 "SELECT id, digest, files, quarantined, other FROM folders WHERE path = ?") &&
         prepare(store, &store->insert_folder, "INSERT INTO folders (path) VALUES (?)") &&
         prepare(store, &store->update_folder,
                 "UPDATE folders SET digest = ?, files = ?, quarantined = ?, other = ? WHERE id = ?") &&
         prepare(store, &store->folder_files,
                 "SELECT files.id, name, size, mtime_ns, inode, instance, removed, quarantine.file FROM files LEFT "
                 "JOIN quarantine ON"
                 " quarantine.file = files.id WHERE folder = ? ORDER BY name") &&
         prepare(store, &store->folder_files_missed,
                 "UPDATE files SET removed = ? WHERE folder = ? AND removed IS NULL") &&
         prepare(store, &store->find_moved,
                 "SELECT files.id, folders.path || '/' || files.name, removed, quarantine.file FROM files JOIN folders "
                 "ON folders.id = folder"
                 " LEFT JOIN quarantine ON quarantine.file = files.id WHERE inode = ? AND size = ? AND mtime_ns = ?");
}

void cm__catalog_store_close(CmCatalogStore *store) {
  if (!store->db) return;
  for (sqlite3_stmt *statement; (statement = sqlite3_next_stmt(store->db, NULL));) sqlite3_finalize(statement);
  *store = (CmCatalogStore){0};
}

bool cm__catalog_store_step(CmCatalogStore *store, sqlite3_stmt *statement) {
  int code = sqlite3_step(statement);
  sqlite3_reset(statement);
  return code == SQLITE_DONE || code == SQLITE_ROW || cm__catalog_refuse(store->db, store->err);
}

static const char *text_of(const CmCatalogRecord *record, int field) {
  return record->texts->text + record->values[field].as.text;
}

static void bind_value(sqlite3_stmt *statement, int at, const CmCatalogRecord *record, int field) {
  const CmCatalogValue *value = &record->values[field];
  switch (value->kind) {
    case SQLITE_TEXT:
      sqlite3_bind_text(statement, at, text_of(record, field), (int)value->length, SQLITE_STATIC);
      return;
    case SQLITE_INTEGER:
      sqlite3_bind_int64(statement, at, value->as.integer);
      return;
    case SQLITE_FLOAT:
      sqlite3_bind_double(statement, at, value->as.real);
      return;
    default:
      sqlite3_bind_null(statement, at);
  }
}

/* Binds the fields of a level from parameter `at` on; returns the next. */
static int bind_level(sqlite3_stmt *statement, int at, const CmCatalogRecord *record, CmCatalogLevel level) {
  for (int i = 0; i < CM__FIELD_COUNT; i++)
    if (cm__catalog_fields[i].level == level) bind_value(statement, at++, record, i);
  return at;
}

/* What makes a patient the same: the ID and who issued it; without an ID, name and birth date. */
static void patient_key(const CmCatalogRecord *record, char *key, size_t size) {
  static const int with_id[] = {CM__FIELD_PATIENT_patient_id, CM__FIELD_PATIENT_issuer};
  static const int without[] = {CM__FIELD_PATIENT_name, CM__FIELD_PATIENT_birth_date};
  bool has_id = record->values[CM__FIELD_PATIENT_patient_id].kind == SQLITE_TEXT;
  const int *fields = has_id ? with_id : without;
  size_t at = 0;
  key[at++] = has_id ? 'i' : 'n';
  for (int i = 0; i < 2; i++) {
    const CmCatalogValue *value = &record->values[fields[i]];
    size_t length = value->kind == SQLITE_TEXT ? value->length : 0;
    if (length > size - at - 2) length = size - at - 2;
    key[at++] = '/';
    if (length) memcpy(key + at, text_of(record, fields[i]), length);
    at += length;
    if (at >= size - 2) break;
  }
  key[at] = 0;
}

/* The row of a level, found or made; 0 on failure. Images come in runs of one series: the last row of each level is
 * remembered. */
static int64_t place(CmCatalogStore *store, const CmCatalogRecord *record, CmCatalogLevel level, int64_t parent) {
  static const int uid_fields[] = {0, CM__FIELD_STUDY_study_uid, CM__FIELD_SERIES_series_uid};
  CmCatalogKey *last = &store->last[level];
  char key[sizeof last->text];
  if (level == CM__PATIENT)
    patient_key(record, key, sizeof key);
  else
    snprintf(key, sizeof key, "%lld/%.*s", (long long)parent, (int)record->values[uid_fields[level]].length,
             text_of(record, uid_fields[level]));
  if (last->id && !strcmp(key, last->text)) return last->id;
  sqlite3_stmt *find = store->find[level], *insert = store->insert[level];
  if (level == CM__PATIENT) {
    sqlite3_bind_text(find, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 1, key, -1, SQLITE_STATIC);
  } else {
    bind_value(find, 1, record, uid_fields[level]);
    sqlite3_bind_int64(find, 2, parent);
    sqlite3_bind_int64(insert, 1, parent);
  }
  int64_t id = 0;
  if (sqlite3_step(find) == SQLITE_ROW) id = sqlite3_column_int64(find, 0);
  sqlite3_reset(find);
  if (!id) {
    bind_level(insert, 2, record, level);
    if (!cm__catalog_store_step(store, insert)) return 0;
    id = sqlite3_last_insert_rowid(store->db);
  }
  memcpy(last->text, key, sizeof key);
  last->id = id;
  return id;
}

static int64_t place_instance(CmCatalogStore *store, const CmCatalogRecord *record, int64_t series) {
  sqlite3_stmt *insert = store->insert[CM__INSTANCE], *find = store->find_instance, *update = store->update_instance;
  sqlite3_bind_int64(insert, 1, series);
  bind_level(insert, 2, record, CM__INSTANCE);
  if (!cm__catalog_store_step(store, insert)) return 0;
  if (sqlite3_changes(store->db)) return sqlite3_last_insert_rowid(store->db);
  bind_value(find, 1, record, CM__FIELD_INSTANCE_sop_instance_uid); /* known: another copy, or a new edition of it */
  sqlite3_bind_int64(find, 2, series);
  int64_t id = sqlite3_step(find) == SQLITE_ROW ? sqlite3_column_int64(find, 0) : 0;
  sqlite3_reset(find);
  if (!id) {
    cm__catalog_refuse(store->db, store->err);
    return 0;
  }
  sqlite3_bind_int64(update, 1, series);
  int at = bind_level(update, 2, record, CM__INSTANCE);
  sqlite3_bind_int64(update, at, id);
  return cm__catalog_store_step(store, update) ? id : 0;
}

static bool drop_instance(CmCatalogStore *store, int64_t instance) {
  if (!instance) return true;
  sqlite3_bind_int64(store->drop_instance, 1, instance);
  if (!cm__catalog_store_step(store, store->drop_instance)) return false;
  store->dropped |= sqlite3_changes(store->db) > 0;
  return true;
}

static void bind_stamp(sqlite3_stmt *statement, int at, const CmCatalogStamp *stamp) {
  sqlite3_bind_int64(statement, at, stamp->size);
  sqlite3_bind_int64(statement, at + 1, stamp->mtime_ns);
  sqlite3_bind_int64(statement, at + 2, stamp->inode);
}

static bool forget(CmCatalogStore *store, int64_t file) {
  sqlite3_bind_int64(store->release, 1, file);
  return cm__catalog_store_step(store, store->release);
}

static bool put_file(CmCatalogStore *store, int64_t *file, int64_t folder, const char *name,
                     const CmCatalogStamp *stamp, int64_t instance) {
  sqlite3_stmt *statement = *file ? store->update_file : store->insert_file;
  int at = *file ? 1 : 3;
  if (!*file) {
    sqlite3_bind_int64(statement, 1, folder);
    sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
  }
  bind_stamp(statement, at, stamp);
  if (instance)
    sqlite3_bind_int64(statement, at + 3, instance);
  else
    sqlite3_bind_null(statement, at + 3);
  if (*file) sqlite3_bind_int64(statement, 5, *file);
  if (!cm__catalog_store_step(store, statement)) return false;
  if (!*file) *file = sqlite3_last_insert_rowid(store->db);
  return true;
}

bool cm__catalog_store_file(CmCatalogStore *store, int64_t file, int64_t old_instance, int64_t folder, const char *name,
                            const CmCatalogStamp *stamp, const CmCatalogRecord *record) {
  if (file && !forget(store, file)) return false;
  if (record->outcome == CM__NOT_DICOM) {
    if (!file) return true;
    sqlite3_bind_int64(store->drop_file, 1, file);
    return cm__catalog_store_step(store, store->drop_file) && drop_instance(store, old_instance);
  }
  int64_t instance = 0;
  if (record->outcome == CM__READ) {
    int64_t parent = place(store, record, CM__PATIENT, 0);
    if (parent) parent = place(store, record, CM__STUDY, parent);
    if (parent) parent = place(store, record, CM__SERIES, parent);
    if (parent) instance = place_instance(store, record, parent);
    if (!instance) return false;
  }
  if (!put_file(store, &file, folder, name, stamp, instance)) return false;
  if (record->outcome == CM__BROKEN) {
    sqlite3_bind_int64(store->quarantine, 1, file);
    sqlite3_bind_text(store->quarantine, 2, cm_error_code_name(record->code), -1, SQLITE_STATIC);
    sqlite3_bind_text(store->quarantine, 3, record->texts->text + record->reason, -1, SQLITE_STATIC);
    if (!cm__catalog_store_step(store, store->quarantine)) return false;
  }
  return old_instance == instance || drop_instance(store, old_instance);
}

bool cm__catalog_store_tidy(CmCatalogStore *store) {
  memset(store->last, 0, sizeof store->last);
  if (!store->dropped) return true;
  store->dropped = false;
  return cm__catalog_run(
      store->db,
      "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM instances WHERE instances.series = series.id);"
      "DELETE FROM studies WHERE NOT EXISTS (SELECT 1 FROM series WHERE series.study = studies.id);"
      "DELETE FROM patients WHERE NOT EXISTS (SELECT 1 FROM studies WHERE studies.patient = patients.id)",
      store->err);
}
