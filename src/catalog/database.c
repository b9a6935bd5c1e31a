/* The database: tables, views, and how it is opened. */
#include <string.h>
#include <sys/stat.h>

#include "catalog/catalog_priv.h"

#define APPLICATION_ID 0x436F726D /* "Corm" */
#define VERSION 1

const CmCatalogField cm__catalog_fields[CM__FIELD_COUNT] = {
#define CM__FIELD_ROW(level, column, kind, tag, at) {CM__##level, #column, CM__##kind, tag, at},
    CM__CATALOG_FIELDS(CM__FIELD_ROW)
#undef CM__FIELD_ROW
};

static const char *const heads[CM__LEVELS] = {
    "CREATE TABLE patients (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE",
    "CREATE TABLE studies (id INTEGER PRIMARY KEY, patient INTEGER NOT NULL REFERENCES patients",
    "CREATE TABLE series (id INTEGER PRIMARY KEY, study INTEGER NOT NULL REFERENCES studies",
    "CREATE TABLE instances (id INTEGER PRIMARY KEY, series INTEGER NOT NULL REFERENCES series"};
static const char *const tails[CM__LEVELS] = {");", ", UNIQUE (study_uid, patient));", ", UNIQUE (series_uid, study));",
                                              ", UNIQUE (sop_instance_uid, series));"};

static const char rest[] =
    "CREATE TABLE folders (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, digest BLOB, files INTEGER, quarantined "
    "INTEGER, other INTEGER);"
    "CREATE TABLE files (id INTEGER PRIMARY KEY, folder INTEGER NOT NULL REFERENCES folders, name TEXT NOT NULL, size "
    "INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, instance INTEGER REFERENCES instances, removed INTEGER "
    "REFERENCES runs,"
    " UNIQUE (folder, name));"
    "CREATE TABLE quarantine (file INTEGER PRIMARY KEY REFERENCES files, code TEXT NOT NULL, reason TEXT NOT NULL);"
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, started TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, files INTEGER, added "
    "INTEGER, changed INTEGER,"
    " moved INTEGER, removed INTEGER);"
    "CREATE INDEX studies_patient ON studies (patient);"
    "CREATE INDEX series_study ON series (study);"
    "CREATE INDEX instances_series ON instances (series);"
    "CREATE INDEX patients_patient_id ON patients (patient_id);"
    "CREATE INDEX files_instance ON files (instance);"
    "CREATE INDEX files_inode ON files (inode);"
    "CREATE VIEW images AS SELECT patients.patient_id, patients.name AS patient_name, patients.birth_date, "
    "patients.sex, studies.study_uid,"
    " studies.date AS study_date, studies.description AS study_description, series.series_uid, series.modality, "
    "series.number AS series_number,"
    " series.description AS series_description, series.body_part, instances.*, folders.path || '/' || files.name AS "
    "path, files.size"
    " FROM files JOIN folders ON folders.id = files.folder JOIN instances ON instances.id = files.instance"
    " JOIN series ON series.id = instances.series JOIN studies ON studies.id = series.study JOIN patients ON "
    "patients.id = studies.patient"
    " WHERE files.removed IS NULL;"
    "CREATE VIEW series_list AS SELECT patient_id, patient_name, study_date, study_description, modality, "
    "series_number, series_description,"
    " count(DISTINCT id) AS images, count(*) AS files, sum(size) AS bytes, min(path) AS first_file, series_uid, "
    "study_uid"
    " FROM images GROUP BY series;"
    "CREATE VIEW quarantined AS SELECT folders.path || '/' || files.name AS path, quarantine.code, quarantine.reason, "
    "files.size"
    " FROM quarantine JOIN files ON files.id = quarantine.file JOIN folders ON folders.id = files.folder WHERE "
    "files.removed IS NULL;"
    "CREATE VIEW removed_files AS SELECT folders.path || '/' || files.name AS path, runs.started AS missed, "
    "instances.sop_instance_uid"
    " FROM files JOIN folders ON folders.id = files.folder JOIN runs ON runs.id = files.removed"
    " LEFT JOIN instances ON instances.id = files.instance;"
    "CREATE VIEW duplicates AS SELECT sop_instance_uid, path FROM images WHERE id IN"
    " (SELECT instance FROM files WHERE removed IS NULL AND instance IS NOT NULL GROUP BY instance HAVING count(*) > "
    "1);";

bool cm__catalog_refuse(sqlite3 *db, CmError **err) {
  int code = sqlite3_errcode(db) & 0xFF;
  const char *path = sqlite3_db_filename(db, "main");
  CmErrorCode ours = code == SQLITE_NOMEM                              ? CM_ERR_MEMORY
                     : code == SQLITE_INTERRUPT                        ? CM_ERR_CANCELLED
                     : code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? CM_ERR_FORMAT
                                                                       : CM_ERR_IO;
  const char *mend = code == SQLITE_FULL                            ? "; make room and run it again"
                     : code == SQLITE_BUSY || code == SQLITE_LOCKED ? "; another process is writing to it: wait for it"
                     : code == SQLITE_READONLY                      ? "; give a place that may be written"
                     : code == SQLITE_NOTADB || code == SQLITE_CORRUPT
                         ? "; give the path of a catalogue, or of none to make a new one"
                         : "";
  const char *words = code == SQLITE_INTERRUPT ? "stopped as asked" : sqlite3_errmsg(db);
  cm_error_set(err, ours, "%s: %s%s", path && *path ? path : "catalogue", words, mend);
  return false;
}

bool cm__catalog_run(sqlite3 *db, const char *sql, CmError **err) {
  return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK || cm__catalog_refuse(db, err);
}

sqlite3_stmt *cm__catalog_prepare(sqlite3 *db, const char *sql, CmError **err) {
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
    cm__catalog_refuse(db, err);
  return statement;
}

static int64_t number_of(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement = NULL;
  int64_t value = -1;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
    value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return value;
}

static bool make_tables(sqlite3 *db, CmError **err) {
  sqlite3_str *sql = sqlite3_str_new(db);
  for (int level = 0; level < CM__LEVELS; level++) {
    sqlite3_str_appendall(sql, heads[level]);
    for (int i = 0; i < CM__FIELD_COUNT; i++) {
      const CmCatalogField *field = &cm__catalog_fields[i];
      if ((int)field->level != level) continue;
      const char *type = field->kind == CM__INT ? "INTEGER" : field->kind == CM__REAL ? "REAL" : "TEXT";
      sqlite3_str_appendf(sql, ", %s %s", field->column, type);
    }
    sqlite3_str_appendall(sql, tails[level]);
  }
  sqlite3_str_appendall(sql, rest);
  sqlite3_str_appendf(sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;", APPLICATION_ID, VERSION);
  char *text = sqlite3_str_finish(sql);
  bool good = text ? cm__catalog_run(db, text, err) : cm__catalog_refuse(db, err);
  sqlite3_free(text);
  return good;
}

/* Whether the open file is a catalogue of this version; false + err otherwise. */
static bool check_identity(sqlite3 *db, const char *path, CmError **err) {
  int64_t id = number_of(db, "PRAGMA application_id"), version = number_of(db, "PRAGMA user_version");
  if (id == APPLICATION_ID && version == VERSION) return true;
  if (sqlite3_errcode(db) == SQLITE_BUSY) return cm__catalog_refuse(db, err);
  if (id == APPLICATION_ID)
    cm_error_set(err, CM_ERR_FORMAT,
                 "%s: a catalogue of version %lld, this program writes version %d; make a new one beside it", path,
                 (long long)version, VERSION);
  else
    cm_error_set(err, CM_ERR_FORMAT,
                 "%s: is no catalogue of Cormack; give the path of one, or of none to make a new one", path);
  return false;
}

sqlite3 *cm__catalog_open(const char *path, CmError **err) {
  sqlite3 *db = NULL;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
    cm_error_set(err, CM_ERR_IO, "%s: cannot be opened: %s; is its folder there and writable?", path,
                 db ? sqlite3_errmsg(db) : "no memory");
    sqlite3_close(db);
    return NULL;
  }
  sqlite3_busy_timeout(db, 60000);
  bool good = cm__catalog_run(
      db, "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; BEGIN IMMEDIATE", err);
  if (good && number_of(db, "SELECT count(*) FROM sqlite_master") == 0) good = make_tables(db, err);
  good = good && check_identity(db, path, err) && cm__catalog_run(db, "COMMIT", err);
  if (good) return db;
  sqlite3_close(db);
  return NULL;
}

/* Only what reads: tables and views, functions other than those that load code. */
static int allow_reading(void *user, int action, const char *a, const char *b, const char *c, const char *d) {
  (void)user;
  (void)a;
  (void)c;
  (void)d;
  if (action == SQLITE_FUNCTION) return b && !sqlite3_stricmp(b, "load_extension") ? SQLITE_DENY : SQLITE_OK;
  return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_RECURSIVE ? SQLITE_OK : SQLITE_DENY;
}

static int stop_when_cancelled(void *user) {
  return cm_context_cancelled(user, NULL);
}

/* From here on the connection answers, and nothing else. */
static void only_read(sqlite3 *db, CmContext *ctx) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_set_authorizer(db, allow_reading, NULL);
  sqlite3_progress_handler(db, 100000, stop_when_cancelled, ctx);
}

static sqlite3 *refuse_opening(sqlite3 *db, const char *path, CmError **err) {
  cm_error_set(err, CM_ERR_IO, "%s: cannot be opened: %s", path, db ? sqlite3_errmsg(db) : "no memory");
  sqlite3_close(db);
  return NULL;
}

sqlite3 *cm__catalog_open_to_read(CmContext *ctx, const char *path, CmError **err) {
  sqlite3 *db = NULL;
  struct stat info;
  if (stat(path, &info)) {
    cm_error_set(err, CM_ERR_MISSING, "%s: there is no catalogue; make one with «cormack catalog add PATH…»", path);
    return NULL;
  }
  if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    return refuse_opening(db, path, err);
  sqlite3_busy_timeout(db, 60000);
  if (!check_identity(db, path, err) ||
      !cm__catalog_run(db, "PRAGMA query_only = 1; PRAGMA temp_store = MEMORY", err)) {
    sqlite3_close(db);
    return NULL;
  }
  only_read(db, ctx);
  return db;
}

sqlite3 *cm__catalog_open_empty(CmContext *ctx, CmError **err) {
  sqlite3 *db = NULL;
  if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    return refuse_opening(db, "catalogue", err);
  if (!make_tables(db, err)) {
    sqlite3_close(db);
    return NULL;
  }
  only_read(db, ctx);
  return db;
}
