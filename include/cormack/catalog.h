/* The catalogue: what DICOM files there are, as an SQLite database that answers SQL.
 *
 * Tables: patients -> studies -> series -> instances -> files (in folders), and quarantine for DICOM files that are
 * broken or lack their identity. Views for daily use: images (a row an image, with path), series_list (a row a series,
 * with counts), quarantined, removed_files, duplicates. Dates are ISO (2024-01-31), times 10:11:12.5, lengths in mm;
 * unknown is NULL. docs/catalog.md lists the columns. One process adds at a time (others wait 60 s for it); queries may
 * run beside it. */
#ifndef CORMACK_CATALOG_H
#define CORMACK_CATALOG_H

#include "cormack/table.h"

typedef struct CmCatalogReport {
  int64_t files;     /* DICOM files under the paths now, quarantined ones included */
  int64_t unchanged; /* of them: known by name, size, time of change and inode; not opened */
  int64_t added, changed, moved;
  int64_t removed;     /* known before, gone now; kept in `files` with the run that missed them */
  int64_t quarantined; /* DICOM files under the paths that are in quarantine */
  int64_t other;       /* files that are not DICOM */
  int64_t unreadable;  /* folders that could not be listed; what is known of them stays */
} CmCatalogReport;

/* Brings the catalogue at `catalog` (made where it does not exist) up to date with the files and folders (recursive) in
 * `paths`. Headers are read in parallel, one writer inserts in transactions of some ten thousand files: a run that is
 * stopped keeps what it has committed, and the next one does the rest. Broken files are quarantined, not errors. Links
 * to files are followed, links to folders are not. Errors: CM_ERR_MISSING (a path), CM_ERR_FORMAT (not a catalogue, or
 * one of another version), CM_ERR_IO, CM_ERR_CANCELLED. */
CM_API bool cm_catalog_add(CmContext *ctx, const char *catalog, const char *const *paths, int count,
                           CmCatalogReport *report, CmError **err);

/* Answers one SELECT (or WITH … SELECT, VALUES) as a table; whatever would write, attach or load is refused by SQLite
 * itself. A column is integer, real or text by its values; names that occur twice get «_2». Stops when the context is
 * cancelled or its memory ceiling is reached. CM_ERR_USAGE: the SQL is wrong, with SQLite's words. */
CM_API CM_NODISCARD CmTable *cm_catalog_query(CmContext *ctx, const char *catalog, const char *sql, CmError **err);

/* The columns that the SELECT would give, as a table without rows; nothing is evaluated. `catalog` NULL: of an empty
 * catalogue, for SQL that is to be checked before there is one. Errors as above. */
CM_API CM_NODISCARD CmTable *cm_catalog_columns(CmContext *ctx, const char *catalog, const char *sql, CmError **err);

#endif
