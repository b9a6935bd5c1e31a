/* gzip, zlib and deflate with libdeflate. */
#include "io/gzip.h"

#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

#include "cormack/parallel.h"

#define MEMBER_BYTES ((size_t)1 << 20)
#define GROUP 32        /* members in memory at a time while writing */
#define HEADER_BYTES 20 /* 10 fixed, 2 length of the extra field, 2 name, 2 length, 4 member length */
#define TRAILER_BYTES 8 /* CRC-32 and length */

uint64_t cm__inflate_limit(uint64_t size) {
  /* A match of 258 bytes takes at least 2 bits: RFC 1951, 3.2.5. */
  return size > UINT64_MAX / 1032 ? UINT64_MAX : size * 1032;
}

static uint32_t get32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static void set_damaged(CmError **err, enum libdeflate_result result) {
  if (result == LIBDEFLATE_SHORT_OUTPUT || result == LIBDEFLATE_SUCCESS)
    cm_error_set(err, CM_ERR_FORMAT,
                 "the compressed data is shorter than the header says; the file is cut off, fetch it again");
  else if (result == LIBDEFLATE_INSUFFICIENT_SPACE)
    cm_error_set(err, CM_ERR_FORMAT, "the compressed data is longer than the header says; the header is wrong");
  else
    cm_error_set(err, CM_ERR_FORMAT, "the compressed data is damaged or cut off; fetch the file again");
}

/* ---- reading with zlib, where only a part is wanted ----------------------------------------------------------- */

/* Inflates all members until `most` bytes are there; false where the data is damaged before. */
static bool inflate_some(const uint8_t *bytes, size_t size, uint8_t *to, size_t most, size_t *got) {
  z_stream stream = {0};
  *got = 0;
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return false;
  size_t used = 0;
  bool ok = true;
  while (ok && *got < most) {
    if (!stream.avail_in) {
      size_t part = size - used < (1u << 30) ? size - used : 1u << 30;
      stream.next_in = (Bytef *)(uintptr_t)(bytes + used);
      stream.avail_in = (uInt)part;
      used += part;
    }
    size_t room = most - *got < (1u << 30) ? most - *got : 1u << 30;
    stream.next_out = to + *got;
    stream.avail_out = (uInt)room;
    int status = inflate(&stream, Z_NO_FLUSH);
    *got += room - stream.avail_out;
    if (status == Z_STREAM_END)
      ok = (stream.avail_in || used < size) && inflateReset(&stream) == Z_OK;
    else if (status != Z_OK)
      ok = false;
  }
  inflateEnd(&stream);
  return *got == most;
}

size_t cm__gunzip_head(const uint8_t *bytes, size_t size, uint8_t *to, size_t most) {
  size_t got;
  inflate_some(bytes, size, to, most, &got);
  return got;
}

/* ---- reading
 * ----------------------------------------------------------------------------------------------------------- */

typedef struct Member {
  const uint8_t *bytes;
  size_t size;
  uint8_t *to;
  size_t room;
} Member;

/* Length of a member that was written here, 0 if it was not. */
static size_t own_member(const uint8_t *at, size_t left) {
  if (left < HEADER_BYTES + TRAILER_BYTES || at[0] != 0x1f || at[1] != 0x8b || at[2] != 8 || at[3] != 4 ||
      at[10] != 8 || at[11] || at[12] != 'C' || at[13] != 'M' || at[14] != 4 || at[15])
    return 0;
  size_t length = get32(at + 16);
  return length >= HEADER_BYTES + TRAILER_BYTES && length <= left ? length : 0;
}

/* Finds the members of a file that was written here and fills `room` bytes exactly; 0 if it is another's. */
static int64_t list_members(const uint8_t *bytes, size_t size, uint8_t *to, size_t room, Member *members) {
  int64_t count = 0;
  size_t done = 0;
  for (size_t at = 0; at < size && done < room; count++) {
    size_t length = own_member(bytes + at, size - at);
    size_t holds = length ? get32(bytes + at + length - 4) : 0;
    if (!length || !holds || holds > room - done) return 0;
    if (members) members[count] = (Member){bytes + at, length, to + done, holds};
    at += length;
    done += holds;
  }
  return done == room ? count : 0;
}

static bool gunzip_members(void *arg, CmRange range, CmError **err) {
  const Member *members = arg;
  for (int64_t i = range.begin; i < range.end; i++)
    if (!cm__inflate(CM_DEFLATE_GZIP, members[i].bytes, members[i].size, members[i].to, members[i].room, err))
      return false;
  return true;
}

static bool gunzip_one_by_one(const uint8_t *bytes, size_t size, uint8_t *to, size_t room, CmError **err) {
  struct libdeflate_decompressor *tool = libdeflate_alloc_decompressor();
  if (!tool) {
    cm_error_set(err, CM_ERR_MEMORY, "no memory to decompress");
    return false;
  }
  size_t at = 0, done = 0;
  enum libdeflate_result result = LIBDEFLATE_SUCCESS;
  while (done < room && at < size) {
    size_t used = 0, got = 0;
    result = libdeflate_gzip_decompress_ex(tool, bytes + at, size - at, to + done, room - done, &used, &got);
    if (result != LIBDEFLATE_SUCCESS) break;
    at += used;
    done += got;
  }
  libdeflate_free_decompressor(tool);
  if (done == room) return true;
  /* More than is wanted: take the first part with zlib, which can stop anywhere. */
  size_t got;
  if (result == LIBDEFLATE_INSUFFICIENT_SPACE && inflate_some(bytes, size, to, room, &got)) return true;
  set_damaged(err, result);
  return false;
}

bool cm__gunzip(CmContext *ctx, const uint8_t *bytes, size_t size, uint8_t *to, size_t room, CmError **err) {
  int64_t count = list_members(bytes, size, to, room, NULL);
  if (count < 2) return gunzip_one_by_one(bytes, size, to, room, err);
  Member *members = cm_alloc_array(ctx, (size_t)count, sizeof *members, err);
  if (!members) return false;
  list_members(bytes, size, to, room, members);
  bool ok = cm_parallel_for(ctx, NULL, count, 1, gunzip_members, members, err);
  cm_free(members);
  return ok;
}

bool cm__inflate(CmDeflateKind kind, const uint8_t *bytes, size_t size, uint8_t *to, size_t room, CmError **err) {
  struct libdeflate_decompressor *tool = libdeflate_alloc_decompressor();
  if (!tool) {
    cm_error_set(err, CM_ERR_MEMORY, "no memory to decompress");
    return false;
  }
  size_t got = 0;
  enum libdeflate_result result =
      kind == CM_DEFLATE_GZIP   ? libdeflate_gzip_decompress(tool, bytes, size, to, room, &got)
      : kind == CM_DEFLATE_ZLIB ? libdeflate_zlib_decompress(tool, bytes, size, to, room, &got)
                                : libdeflate_deflate_decompress(tool, bytes, size, to, room, &got);
  libdeflate_free_decompressor(tool);
  if (result == LIBDEFLATE_SUCCESS && got == room) return true;
  set_damaged(err, result);
  return false;
}

/* ---- writing
 * ----------------------------------------------------------------------------------------------------------- */

static struct libdeflate_compressor *new_compressor(int level, CmError **err) {
  struct libdeflate_compressor *tool = libdeflate_alloc_compressor(level < 0 ? CM_GZIP_USUAL : level);
  if (!tool) cm_error_set(err, CM_ERR_MEMORY, "no memory to compress");
  return tool;
}

uint8_t *cm__deflate(CmContext *ctx, CmDeflateKind kind, const void *bytes, size_t size, int level, size_t *packed,
                     CmError **err) {
  struct libdeflate_compressor *tool = new_compressor(level, err);
  if (!tool) return NULL;
  size_t room = kind == CM_DEFLATE_GZIP   ? libdeflate_gzip_compress_bound(tool, size)
                : kind == CM_DEFLATE_ZLIB ? libdeflate_zlib_compress_bound(tool, size)
                                          : libdeflate_deflate_compress_bound(tool, size);
  uint8_t *to = cm_alloc(ctx, room, err);
  if (to) {
    *packed = kind == CM_DEFLATE_GZIP   ? libdeflate_gzip_compress(tool, bytes, size, to, room)
              : kind == CM_DEFLATE_ZLIB ? libdeflate_zlib_compress(tool, bytes, size, to, room)
                                        : libdeflate_deflate_compress(tool, bytes, size, to, room);
  }
  libdeflate_free_compressor(tool);
  return to;
}

typedef struct Packing {
  const uint8_t *data;
  size_t size;
  int level;
  size_t room; /* for one member */
  uint8_t *to; /* GROUP * room */
  size_t packed[GROUP];
  int64_t first; /* member of this group */
} Packing;

/* One member: RFC 1952, 2.3, with FEXTRA (2.3.1.1); no name, time 0, so that the bytes depend on the data alone. */
static bool pack_member(Packing *packing, int64_t slot, CmError **err) {
  size_t begin = (size_t)(packing->first + slot) * MEMBER_BYTES;
  size_t size = packing->size - begin < MEMBER_BYTES ? packing->size - begin : MEMBER_BYTES;
  const uint8_t *from = packing->data + begin;
  uint8_t *to = packing->to + (size_t)slot * packing->room;
  struct libdeflate_compressor *tool = new_compressor(packing->level, err);
  if (!tool) return false;
  size_t body =
      libdeflate_deflate_compress(tool, from, size, to + HEADER_BYTES, packing->room - HEADER_BYTES - TRAILER_BYTES);
  libdeflate_free_compressor(tool);
  if (!body) {
    cm_error_set(err, CM_ERR_FAULT, "the compressor needs more room than it said");
    return false;
  }
  static const uint8_t head[16] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 8, 0, 'C', 'M', 4, 0};
  memcpy(to, head, sizeof head);
  size_t whole = HEADER_BYTES + body + TRAILER_BYTES;
  put32(to + 16, (uint32_t)whole);
  put32(to + HEADER_BYTES + body, libdeflate_crc32(0, from, size));
  put32(to + HEADER_BYTES + body + 4, (uint32_t)size);
  packing->packed[slot] = whole;
  return true;
}

static bool pack_members(void *arg, CmRange range, CmError **err) {
  for (int64_t i = range.begin; i < range.end; i++)
    if (!pack_member(arg, i, err)) return false;
  return true;
}

static bool write_members(CmContext *ctx, CmFileWriter *writer, const void *data, size_t size, int level,
                          CmError **err) {
  Packing packing = {.data = data, .size = size, .level = level};
  struct libdeflate_compressor *tool = new_compressor(level, err);
  if (!tool) return false;
  size_t most = size < MEMBER_BYTES ? size : MEMBER_BYTES;
  packing.room = HEADER_BYTES + TRAILER_BYTES + libdeflate_deflate_compress_bound(tool, most);
  libdeflate_free_compressor(tool);
  int64_t count = (int64_t)((size + MEMBER_BYTES - 1) / MEMBER_BYTES);
  packing.to = cm_alloc_array(ctx, (size_t)(count < GROUP ? count : GROUP), packing.room, err);
  bool ok = packing.to != NULL;
  for (; ok && packing.first < count; packing.first += GROUP) {
    int64_t left = count - packing.first, now = left < GROUP ? left : GROUP;
    ok = cm_parallel_for(ctx, NULL, now, 1, pack_members, &packing, err);
    for (int64_t i = 0; ok && i < now; i++)
      ok = cm__file_add(writer, packing.to + (size_t)i * packing.room, packing.packed[i], err);
  }
  cm_free(packing.to);
  return ok;
}

bool cm__gzip_write(CmContext *ctx, CmFileWriter *writer, const void *head, size_t head_size, const void *data,
                    size_t size, int level, CmError **err) {
  if (head_size + size > MEMBER_BYTES)
    return write_members(ctx, writer, head, head_size, level, err) &&
           write_members(ctx, writer, data, size, level, err);
  uint8_t *both = cm_alloc(ctx, head_size + size, err);
  if (!both) return false;
  memcpy(both, head, head_size);
  memcpy(both + head_size, data, size);
  bool ok = write_members(ctx, writer, both, head_size + size, level, err);
  cm_free(both);
  return ok;
}
