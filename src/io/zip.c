/* ZIP archives as NumPy writes them: PKWARE APPNOTE 6.3.10 with ZIP64, methods stored and deflated. Read by the central
 * directory; a small bounded reader of our own, because only four records of the format are needed and every offset
 * must be checked. */
#include <libdeflate.h>
#include <string.h>

#include "io/gzip.h"
#include "io/npy.h"

#define LOCAL_BYTES 30
#define CENTRAL_BYTES 46
#define END_BYTES 22
#define LOCATOR_BYTES 20
#define END64_BYTES 56

static uint64_t get(const uint8_t *at, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}

static bool is_record(const uint8_t *at, const char *mark) {
  return at[0] == 'P' && at[1] == 'K' && at[2] == mark[0] && at[3] == mark[1];
}

static bool set_damaged(CmError **err) {
  cm_error_set(err, CM_ERR_FORMAT, "the archive's directory is damaged or cut off; fetch the file again");
  return false;
}

typedef struct Directory {
  uint64_t at, size, count;
} Directory;

/* Finds the end record (4.3.16), at most 65535 bytes of comment before the file's end, and its 64-bit form
 * (4.3.14, 4.3.15). */
static bool find_directory(const CmSource *source, Directory *directory, CmError **err) {
  size_t tail =
      source->size < 65535 + END_BYTES + LOCATOR_BYTES ? (size_t)source->size : 65535 + END_BYTES + LOCATOR_BYTES;
  uint64_t begin = source->size - tail;
  uint8_t *bytes = cm__source_block(source, begin, tail, err);
  if (!bytes) return false;
  bool ok = false;
  for (size_t at = tail < END_BYTES ? 0 : tail - END_BYTES + 1; at-- > 0;) {
    const uint8_t *end = bytes + at;
    if (!is_record(end, "\5\6")) continue;
    *directory = (Directory){get(end + 16, 4), get(end + 12, 4), get(end + 10, 2)};
    ok = true;
    if (at >= LOCATOR_BYTES && is_record(end - LOCATOR_BYTES, "\6\7")) {
      uint8_t wide[END64_BYTES];
      ok = cm__source_read(source, get(end - LOCATOR_BYTES + 8, 8), wide, sizeof wide, NULL) && is_record(wide, "\6\6");
      if (ok) *directory = (Directory){get(wide + 48, 8), get(wide + 40, 8), get(wide + 32, 8)};
    }
    break;
  }
  cm_free(bytes);
  ok = ok && directory->at <= source->size && directory->size <= source->size - directory->at &&
       directory->count <= directory->size / CENTRAL_BYTES;
  return ok || set_damaged(err);
}

/* Sizes and place from the ZIP64 extra field (4.5.3), for those that say 0xffffffff. */
static bool widen(CmZipEntry *entry, const uint8_t *extra, size_t size) {
  uint64_t *const wide[3] = {&entry->size, &entry->packed, &entry->at};
  for (size_t at = 0; at + 4 <= size;) {
    size_t length = (size_t)get(extra + at + 2, 2), used = 0;
    if (length > size - at - 4) return false;
    if (get(extra + at, 2) == 1) {
      for (int i = 0; i < 3; i++) {
        if (*wide[i] != UINT32_MAX) continue;
        if (used + 8 > length) return false;
        *wide[i] = get(extra + at + 4 + used, 8);
        used += 8;
      }
      return true;
    }
    at += 4 + length;
  }
  return true;
}

/* One central record (4.3.12); returns its length, 0 if it is damaged. */
static size_t parse_entry(const uint8_t *at, size_t left, CmZipEntry *entry, bool *encrypted) {
  if (left < CENTRAL_BYTES || !is_record(at, "\1\2")) return 0;
  size_t name = (size_t)get(at + 28, 2), extra = (size_t)get(at + 30, 2), comment = (size_t)get(at + 32, 2);
  if (left - CENTRAL_BYTES < name + extra + comment) return 0;
  *entry = (CmZipEntry){.at = get(at + 42, 4),
                        .packed = get(at + 20, 4),
                        .size = get(at + 24, 4),
                        .crc = (uint32_t)get(at + 16, 4),
                        .method = (int)get(at + 10, 2)};
  *encrypted = get(at + 8, 2) & 1;
  size_t kept = name < sizeof entry->name - 1 ? name : sizeof entry->name - 1;
  memcpy(entry->name, at + CENTRAL_BYTES, kept);
  if (!widen(entry, at + CENTRAL_BYTES + name, extra)) return 0;
  return CENTRAL_BYTES + name + extra + comment;
}

bool cm__zip_open(CmZip *zip, const CmSource *source, CmError **err) {
  *zip = (CmZip){.source = source};
  Directory directory;
  if (!find_directory(source, &directory, err)) return false;
  if (directory.count > 1000000) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "the archive has %llu members; at most a million are read",
                 (unsigned long long)directory.count);
    return false;
  }
  uint8_t *bytes = cm__source_block(source, directory.at, directory.size, err);
  zip->entries = cm_alloc_array(source->ctx, (size_t)directory.count, sizeof *zip->entries, err);
  bool ok = bytes && zip->entries;
  for (size_t at = 0; ok && (uint64_t)zip->count < directory.count; zip->count++) {
    bool encrypted = false;
    size_t length = parse_entry(bytes + at, (size_t)directory.size - at, &zip->entries[zip->count], &encrypted);
    ok = length ? true : set_damaged(err);
    if (ok && encrypted) {
      cm_error_set(err, CM_ERR_UNSUPPORTED, "the archive is encrypted; save it without a password");
      ok = false;
    }
    at += length;
  }
  cm_free(bytes);
  if (!ok) cm__zip_close(zip);
  return ok;
}

void cm__zip_close(CmZip *zip) {
  cm_free(zip->entries);
  zip->entries = NULL;
  zip->count = 0;
}

const CmZipEntry *cm__zip_find(const CmZip *zip, const char *name) {
  for (int i = 0; i < zip->count; i++)
    if (!strcmp(zip->entries[i].name, name)) return &zip->entries[i];
  return NULL;
}

static bool unpack(const CmZipEntry *entry, const uint8_t *packed, uint8_t *to, CmError **err) {
  if (entry->method == 0)
    memcpy(to, packed, (size_t)entry->size);
  else if (!cm__inflate(CM_DEFLATE_RAW, packed, (size_t)entry->packed, to, (size_t)entry->size, err))
    return false;
  if (libdeflate_crc32(0, to, (size_t)entry->size) == entry->crc) return true;
  cm_error_set(err, CM_ERR_FORMAT, "the checksum is wrong: the file is damaged; fetch it again");
  return false;
}

uint8_t *cm__zip_read(const CmZip *zip, const CmZipEntry *entry, CmError **err) {
  const CmSource *source = zip->source;
  uint8_t local[LOCAL_BYTES], *packed = NULL, *to = NULL;
  bool ok = false;
  if (entry->method != 0 && entry->method != 8) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "is compressed by method %d; NumPy writes stored and deflated members: save it with numpy.savez",
                 entry->method);
    goto done;
  }
  if (!cm__source_read(source, entry->at, local, sizeof local, err)) goto done;
  uint64_t at = entry->at + LOCAL_BYTES + get(local + 26, 2) + get(local + 28, 2);
  if (!is_record(local, "\3\4") || entry->size > cm__inflate_limit(entry->packed) ||
      (entry->method == 0 && entry->size != entry->packed)) {
    set_damaged(err);
    goto done;
  }
  packed = cm__source_block(source, at, entry->packed, err);
  if (!packed) goto done;
  to = cm_alloc(source->ctx, (size_t)entry->size + 1, err);
  ok = to && unpack(entry, packed, to, err);
  if (ok) to[entry->size] = 0;
done:
  cm_free(packed);
  if (!ok) {
    cm_error_context(err, "member %s", entry->name);
    cm_free(to);
    to = NULL;
  }
  return to;
}
