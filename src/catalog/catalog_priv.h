/* Inside the catalogue: the database, a header as a record, and the phases of adding. */
#ifndef CM_CATALOG_CATALOG_PRIV_H
#define CM_CATALOG_CATALOG_PRIV_H

#include <sqlite3.h>

#include "catalog/fields.h"
#include "core/text.h"
#include "cormack/catalog.h"

/* ---- database.c ---- */

sqlite3 *cm__catalog_open(const char *path, CmError **err); /* for adding; makes the tables */
sqlite3 *cm__catalog_open_to_read(CmContext *ctx, const char *path, CmError **err);
sqlite3 *cm__catalog_open_empty(CmContext *ctx, CmError **err); /* in memory, to be read */
/* Says what SQLite says, after the path; out of memory and a full disk keep their codes. Returns false. */
bool cm__catalog_refuse(sqlite3 *db, CmError **err);
bool cm__catalog_run(sqlite3 *db, const char *sql, CmError **err); /* without results */
sqlite3_stmt *cm__catalog_prepare(sqlite3 *db, const char *sql, CmError **err);

/* ---- record.c ---- */

typedef struct CmCatalogValue {
  uint8_t kind;    /* SQLITE_NULL, SQLITE_TEXT, SQLITE_INTEGER, SQLITE_FLOAT */
  uint32_t length; /* of a text */
  union {
    size_t text; /* offset in the texts of its chunk */
    int64_t integer;
    double real;
  } as;
} CmCatalogValue;

typedef enum CmCatalogOutcome { CM__READ, CM__BROKEN, CM__NOT_DICOM } CmCatalogOutcome;

typedef struct CmCatalogRecord {
  CmCatalogOutcome outcome;
  CmErrorCode code; /* of what is broken */
  size_t reason;    /* offset of its text */
  const CmTextBuffer *texts;
  CmCatalogValue values[CM__FIELD_COUNT];
} CmCatalogRecord;

/* Reads the header of a file. false only for cancellation and memory. */
bool cm__catalog_read(CmContext *ctx, const char *path, CmTextBuffer *texts, CmCatalogRecord *record, CmError **err);

/* ---- store.c: the writer ---- */

typedef struct CmCatalogKey {
  char text[640];
  int64_t id; /* 0: nothing cached */
} CmCatalogKey;

typedef struct CmCatalogStore {
  sqlite3 *db;
  CmError **err;
  sqlite3_stmt *find[CM__INSTANCE], *insert[CM__LEVELS];
  sqlite3_stmt *find_instance, *update_instance, *drop_instance;
  sqlite3_stmt *insert_file, *update_file, *drop_file, *move_file, *miss_file, *revive_file;
  sqlite3_stmt *quarantine, *release;
  sqlite3_stmt *find_folder, *insert_folder, *update_folder, *folder_files, *folder_files_missed, *find_moved;
  CmCatalogKey last[CM__INSTANCE];
  bool dropped; /* an instance lost its last file */
  int64_t run;
} CmCatalogStore;

typedef struct CmCatalogStamp {
  int64_t size, mtime_ns, inode;
} CmCatalogStamp;

bool cm__catalog_store_open(CmCatalogStore *store, sqlite3 *db, CmError **err);
void cm__catalog_store_close(CmCatalogStore *store);
/* A new (file 0) or changed file: its instance or its quarantine. What is not DICOM leaves no row. */
bool cm__catalog_store_file(CmCatalogStore *store, int64_t file, int64_t old_instance, int64_t folder, const char *name,
                            const CmCatalogStamp *stamp, const CmCatalogRecord *record);
/* Steps a statement that gives no rows, and resets it. */
bool cm__catalog_store_step(CmCatalogStore *store, sqlite3_stmt *statement);
/* Patients, studies and series that have become empty. */
bool cm__catalog_store_tidy(CmCatalogStore *store);

#endif
