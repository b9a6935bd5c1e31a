/* Opening: bytes at hand, meta information, encoding, and one walk over the top level that leaves an index. */
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/dicom/detect.h"
#include "io/dicom/dicom_file.h"

/* Enough for nine in ten headers of CT, MR and PET; after that the second is tried, then the file is mapped. Measured
 * (docs/dicom.md): 4 KiB more to read cost 0.1 us, another read 0.6 us, a map with its page faults 5 us and more. */
#define HEAD_BYTES 4096
#define HEAD_BYTES_MORE 16384

/* How the data set behind the meta information is written. Transfer syntaxes that are not here: explicit, little
 * endian. Implicit besides the default: GE's private one with big-endian pixels, and Papyrus 3. Deflated: PS3.5 A.5 and
 * the JPIP ones of A.6 and A.7. */
typedef struct Syntax {
  char uid[28];
  bool implicit_vr, big_endian, deflated;
} Syntax;

enum { EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG };
static const Syntax syntaxes[] = {
    [EXPLICIT_LITTLE] = {.uid = "1.2.840.10008.1.2.1"},
    [IMPLICIT_LITTLE] = {.uid = "1.2.840.10008.1.2", .implicit_vr = true},
    [EXPLICIT_BIG] = {.uid = "1.2.840.10008.1.2.2", .big_endian = true},
    {.uid = "1.2.840.10008.1.2.1.99", .deflated = true},
    {.uid = "1.2.840.10008.1.2.4.95", .deflated = true},
    {.uid = "1.2.840.10008.1.2.4.205", .deflated = true},
    {.uid = "1.2.840.113619.5.2", .implicit_vr = true},
    {.uid = "1.2.840.10008.1.20", .implicit_vr = true},
};

static const Syntax *syntax_of(const char *uid) {
  for (size_t i = 0; i < CM_COUNT(syntaxes); i++)
    if (!strcmp(uid, syntaxes[i].uid)) return &syntaxes[i];
  return &syntaxes[EXPLICIT_LITTLE];
}

/* Inflates bytes [from, size) in steps that grow by what came out, never by what the file claims. */
static bool inflate(CmDicom *d, uint64_t from, CmError **err) {
  size_t in_size = (size_t)(d->size - from), most, room;
  if (!cm_size_multiply(in_size, 1040, &most, err)) return false; /* deflate packs at most 1032:1 */
  most += 4096;
  room = in_size * 4 + 65536 < most ? in_size * 4 + 65536 : most;
  struct libdeflate_decompressor *machine = libdeflate_alloc_decompressor();
  if (!machine) {
    cm_error_set(err, CM_ERR_MEMORY, "no memory for inflating; close other programs");
    return false;
  }
  enum libdeflate_result result = LIBDEFLATE_INSUFFICIENT_SPACE;
  size_t consumed = 0, produced = 0;
  uint8_t *out = NULL;
  while (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
    cm_free(out);
    out = cm_alloc(d->ctx, (size_t)from + room, err);
    if (!out) goto done;
    result =
        libdeflate_deflate_decompress_ex(machine, d->bytes + from, in_size, out + from, room, &consumed, &produced);
    if (room == most) break;
    room = room < most / 3 ? room * 3 : most;
  }
  if (result != LIBDEFLATE_SUCCESS) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "the deflated data set that begins at byte %llu is damaged or cut off; get the whole file",
                 (unsigned long long)from);
    cm_free(out);
    out = NULL;
    goto done;
  }
  memcpy(out, d->bytes, (size_t)from); /* preamble and meta information, so that offsets stay */
  d->inflated = out;
  d->bytes = out;
  d->size = d->total = from + produced;
done:
  libdeflate_free_decompressor(machine);
  return out != NULL;
}

/* Walks group 0002 from *at and takes the transfer syntax. The group's length is not believed. */
static bool parse_meta(CmDicom *d, uint64_t *at, CmError **err) {
  const uint8_t *p = d->bytes + *at, *end = d->bytes + d->size;
  d->meta.begin = p;
  while (end - p >= 8 && cm__load16(p, false) == 2) {
    CmDicomStep step;
    if (!cm__dicom_step(&d->meta, p, end, true, &step, err)) {
      cm_error_context(err, "file meta information");
      return false;
    }
    if (step.head.tag == CM_TAG(2, 0x10) && !d->transfer_syntax[0]) {
      CmDicomSet only = d->meta; /* so that nothing is searched */
      only.begin = p;
      only.end = step.next;
      cm_dicom_text(only, step.head.tag, d->transfer_syntax, sizeof d->transfer_syntax);
    }
    p = step.next;
  }
  d->meta.end = p;
  *at = (uint64_t)(p - d->bytes);
  return true;
}

/* Sets the encoding of the root, which begins at `at`. */
static void choose_encoding(CmDicom *d, uint64_t at, const CmDicomStart *start, const Syntax *syntax) {
  CmDicomSet *root = &d->root;
  if (!start->has_meta) {
    root->big_endian = start->big_endian;
    root->explicit_vr = start->explicit_vr;
  } else if (!d->transfer_syntax[0]) {
    bool big = false, explicit_vr = false;
    const uint8_t *p = d->bytes + at;
    if (d->size - at >= 8 && !cm__dicom_guess_encoding(p, d->size - at, &big, &explicit_vr)) {
      explicit_vr = cm__is_letter(p[4]) && cm__is_letter(p[5]);
      big = cm__load16(p, false) >= 0x400 &&
            cm__load16(p, true) < 0x400; /* groups are small numbers; the walk will tell */
    }
    root->big_endian = big;
    root->explicit_vr = explicit_vr;
  } else {
    root->big_endian = syntax->big_endian;
    root->explicit_vr = cm__dicom_form(d->bytes + at, d->bytes + d->size, !syntax->implicit_vr);
  }
  if (!d->transfer_syntax[0]) {
    int found = root->big_endian ? EXPLICIT_BIG : root->explicit_vr ? EXPLICIT_LITTLE : IMPLICIT_LITTLE;
    snprintf(d->transfer_syntax, sizeof d->transfer_syntax, "%s", syntaxes[found].uid);
  }
}

static bool all_zero(const uint8_t *p, const uint8_t *end) {
  while (p < end)
    if (*p++) return false;
  return true;
}

/* The pixel data of a header: its length is checked against the file, its bytes may not be at hand. */
static bool pixel_head(CmDicom *d, const uint8_t *p, const uint8_t *end, CmDicomEntry *entry, CmError **err) {
  CmDicomHead head;
  if (!cm__load_head(p, (uint64_t)(end - p), d->root.big_endian, d->root.explicit_vr, &head)) {
    cm_error_set(err, CM_ERR_FORMAT, "cut off at byte %llu, within the header of the pixel data; get the whole file",
                 (unsigned long long)d->size);
    return false;
  }
  uint64_t offset = (uint64_t)(p - d->bytes) + head.size;
  bool undefined = head.length == CM__UNDEFINED;
  if (!undefined && head.length > d->total - offset && d->scope != CM_DICOM_REMAINS) {
    cm_error_set(
        err, CM_ERR_FORMAT,
        "cut off at byte %llu: the pixel data at byte %llu has %u bytes, but only %llu are left; get the whole file",
        (unsigned long long)d->total, (unsigned long long)offset, head.length, (unsigned long long)(d->total - offset));
    return false;
  }
  *entry = (CmDicomEntry){.tag = head.tag,
                          .vr = head.vr,
                          .undefined_length = undefined,
                          .outside = true,
                          .offset = offset,
                          .length = undefined ? 0 : head.length};
  return true;
}

/* Where a walk over the top level stands. */
typedef struct Walk {
  const uint8_t *p, *end;
  CmDicomEntry *entries; /* the first `room` elements go here */
  uint64_t room, count;
  uint32_t last; /* tag */
} Walk;

static inline void note_entry(Walk *walk, CmDicomEntry entry) {
  if (walk->count < walk->room) walk->entries[walk->count] = entry;
  walk->count++;
  walk->last = entry.tag;
}

/* The short way for what most elements are: counted values of short VRs in order, up to the pixel data. Stops at any
 * other element. */
static void walk_plain(const CmDicom *d, Walk *at) {
  if (!d->root.explicit_vr || d->root.big_endian) return;
  Walk walk = *at; /* in registers */
  while (walk.end - walk.p >= 8) {
    uint32_t tag = cm__load_tag(walk.p, false);
    uint16_t vr = CM_VR(walk.p[4], walk.p[5]), length = cm__load16(walk.p + 6, false);
    if (tag <= walk.last || tag >= CM_TAG(0x7FE0, 0x0008) || !cm__vr_is_short(vr) || length > walk.end - walk.p - 8)
      break;
    note_entry(&walk,
               (CmDicomEntry){.tag = tag, .vr = vr, .offset = (uint64_t)(walk.p + 8 - d->bytes), .length = length});
    walk.p += 8 + length;
  }
  *at = walk;
}

/* Where the walk cannot go on. In the remains of a file that is its end, unless more of it is to be had. */
static bool is_end(const CmDicom *d, CmError **why, CmError **err) {
  if (d->scope == CM_DICOM_REMAINS && d->size == d->total && cm_error_code(*why) != CM_ERR_MEMORY) {
    cm_error_free(why);
    return true;
  }
  cm_error_move(err, why);
  return false;
}

/* The element at walk->p, any of them. *done: nothing follows that is to be indexed. */
static bool walk_element(CmDicom *d, Walk *walk, bool check, bool *done, CmError **err) {
  const uint8_t *p = walk->p, *end = walk->end;
  uint32_t tag = end - p >= 4 ? cm__load_tag(p, d->root.big_endian) : 0;
  *done = tag == 0 && d->size == d->total && all_zero(p, end); /* padding behind the data set */
  if (*done) return true;
  CmDicomEntry entry;
  CmError *why = NULL;
  if (cm__is_pixel_tag(tag) && d->scope != CM_DICOM_WHOLE) {
    *done = true;
    if (!pixel_head(d, p, end, &entry, err ? &why : NULL)) return is_end(d, &why, err);
    walk->end = p;
  } else {
    CmDicomStep step;
    if (!cm__dicom_step(&d->root, p, end, check, &step, err ? &why : NULL)) return *done = is_end(d, &why, err);
    walk->p = step.next;
    if (tag >> 16 == 0xFFFE) return true; /* a delimiter too many */
    entry = (CmDicomEntry){.tag = tag,
                           .vr = step.head.vr,
                           .undefined_length = step.undefined_length,
                           .offset = (uint64_t)(step.value - d->bytes),
                           .length = step.length};
  }
  if (tag <= walk->last && walk->count) d->sorted = false;
  note_entry(walk, entry);
  return true;
}

/* One pass over the top level: counts the elements and stores the first `room` of them. */
static bool walk_root(CmDicom *d, CmDicomEntry *entries, uint64_t room, bool check, CmError **err) {
  Walk walk = {.p = d->root.begin, .end = d->bytes + d->size, .entries = entries, .room = room};
  d->sorted = true;
  for (bool done = false; !done;) {
    walk_plain(d, &walk);
    if (walk.p >= walk.end) break;
    if (!walk_element(d, &walk, check, &done, err)) return false;
  }
  if (d->size < d->total && walk.end == d->bytes + d->size) {
    cm_error_set(err, CM_ERR_FORMAT, "the header goes on behind the bytes at hand");
    return false;
  }
  d->root.end = walk.p;
  d->count = walk.count;
  return true;
}

/* Everything from the bytes at hand to the index. */
static bool parse(CmDicom *d, CmError **err) {
  CmDicomStart start;
  d->root = d->meta = (CmDicomSet){.file = d, .explicit_vr = 1}; /* an absent meta set has no bytes */
  d->transfer_syntax[0] = 0;
  if (!cm__dicom_detect_start(d->bytes, d->size, &start)) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "not a DICOM file: neither the mark DICM at byte 128 nor a data set at its beginning");
    return false;
  }
  uint64_t at = start.offset;
  if (start.has_meta && !parse_meta(d, &at, err)) return false;
  const Syntax *syntax = syntax_of(d->transfer_syntax);
  if (syntax->deflated) {
    if (d->size < d->total) return false; /* the whole stream is needed: ask for it */
    ptrdiff_t meta_begin = d->meta.begin - d->bytes, meta_end = d->meta.end - d->bytes;
    if (!inflate(d, at, err)) return false;
    d->meta.begin = d->bytes + meta_begin;
    d->meta.end = d->bytes + meta_end;
  }
  choose_encoding(d, at, &start, syntax);
  d->root.begin = d->bytes + at;
  if (!walk_root(d, d->first_entries, CM__FIRST_ENTRIES, true, err)) return false;
  d->entries = d->first_entries;
  if (d->count > CM__FIRST_ENTRIES) {
    d->entries = d->more_entries = cm_alloc_array(d->ctx, (size_t)d->count, sizeof *d->entries, err);
    if (!d->entries || !walk_root(d, d->entries, d->count, false, err)) return false;
  }
  cm__dicom_adopt_charset(&d->root);
  return true;
}

static CmDicom *create(CmContext *ctx, const char *name, size_t extra, CmDicomScope scope, uint8_t **room,
                       CmError **err) {
  size_t name_size = strlen(name) + 1;
  CmDicom *d = cm_alloc(ctx, sizeof *d + name_size + extra, err);
  if (!d) return NULL;
  memset(d, 0, offsetof(CmDicom, first_entries));
  d->ctx = ctx;
  d->scope = scope;
  d->name = (char *)(d + 1);
  memcpy(d->name, name, name_size);
  *room = (uint8_t *)d->name + name_size;
  return d;
}

static bool read_fully(int fd, uint8_t *to, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t got = pread(fd, to + done, size - done, (off_t)done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += (size_t)got;
  }
  return true;
}

static bool map_file(CmDicom *d, int fd, CmError **err) {
  void *map = mmap(NULL, (size_t)d->file_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (map == MAP_FAILED) {
    cm_error_set(err, CM_ERR_IO, "cannot be mapped: %s", strerror(errno));
    return false;
  }
  d->map = map;
  d->bytes = map;
  d->size = d->file_size;
  return true;
}

/* Tries the first `size` bytes. *settled: the answer is final, else more bytes are needed. */
static bool try_head(CmDicom *d, int fd, uint8_t *head, size_t size, bool *settled, CmError **err) {
  *settled = true;
  errno = 0;
  if (!read_fully(fd, head, size)) {
    cm_error_set(err, CM_ERR_IO, "cannot be read: %s", errno ? strerror(errno) : "it became shorter while it was read");
    return false;
  }
  d->bytes = head;
  d->size = size;
  *settled = size == d->file_size;
  if (parse(d, *settled ? err : NULL)) return *settled = true;
  cm_free(d->more_entries);
  d->entries = d->more_entries = NULL;
  return false;
}

/* Reads the head for a header or a small file, maps otherwise. */
static bool load(CmDicom *d, int fd, uint8_t *head, size_t head_size, CmError **err) {
  bool settled = false, good = false;
  d->total = d->file_size;
  if (head_size) good = try_head(d, fd, head, head_size, &settled, err);
  if (!settled && head_size && d->file_size > 2 * HEAD_BYTES_MORE) {
    d->inflated =
        cm_alloc(d->ctx, HEAD_BYTES_MORE, err); /* owned like inflated bytes; a deflated stream settles nothing here */
    if (!d->inflated) return false;
    good = try_head(d, fd, d->inflated, HEAD_BYTES_MORE, &settled, err);
    if (!settled) {
      cm_free(d->inflated);
      d->inflated = NULL;
    }
  }
  return settled ? good : map_file(d, fd, err) && parse(d, err);
}

CmDicom *cm_dicom_open(CmContext *ctx, const char *path, CmDicomScope scope, CmError **err) {
  CmDicom *d = NULL;
  bool good = false;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not keep us waiting */
  off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END); /* cheaper than fstat; a pipe has none, reading a folder fails */
  if (end < 0) {
    cm_error_set(err, errno == ENOENT ? CM_ERR_MISSING : CM_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    goto done;
  }
  size_t size = (size_t)end;
  size_t head_size = size <= HEAD_BYTES ? size : scope != CM_DICOM_WHOLE ? HEAD_BYTES : 0;
  uint8_t *head;
  d = create(ctx, path, head_size, scope, &head, err);
  if (!d) goto done;
  d->file_size = size;
  good = size ? load(d, fd, head, head_size, err) : false;
  if (!size) cm_error_set(err, CM_ERR_FORMAT, "is empty; get the whole file");
  if (!good) cm_error_context(err, "%s", path);
done:
  if (fd >= 0) close(fd);
  if (!good) cm_dicom_close(&d);
  return d;
}

CmDicom *cm_dicom_parse(CmContext *ctx, const uint8_t *bytes, size_t size, const char *name, CmDicomScope scope,
                        CmError **err) {
  uint8_t *unused;
  CmDicom *d = create(ctx, name, 0, scope, &unused, err);
  if (!d) return NULL;
  d->bytes = bytes;
  d->size = d->total = d->file_size = size;
  if (parse(d, err)) return d;
  cm_error_context(err, "%s", name);
  cm_dicom_close(&d);
  return NULL;
}

void cm_dicom_close(CmDicom **dicom) {
  CmDicom *d = *dicom;
  if (!d) return;
  if (d->map) munmap(d->map, (size_t)d->file_size);
  cm_free(d->inflated);
  cm_free(d->more_entries);
  cm_free(d);
  *dicom = NULL;
}

CmDicomSet cm_dicom_root(const CmDicom *dicom) {
  return dicom->root;
}
CmDicomSet cm_dicom_meta(const CmDicom *dicom) {
  return dicom->meta;
}
const char *cm_dicom_transfer_syntax(const CmDicom *dicom) {
  return dicom->transfer_syntax;
}
const char *cm_dicom_path(const CmDicom *dicom) {
  return dicom->name;
}
CmContext *cm_dicom_context(const CmDicom *dicom) {
  return dicom->ctx;
}
uint64_t cm_dicom_file_size(const CmDicom *dicom) {
  return dicom->file_size;
}
