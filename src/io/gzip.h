/* gzip (RFC 1952), zlib (RFC 1950) and raw deflate (RFC 1951) with libdeflate; every output size is known beforehand.
 */
#ifndef CORMACK_IO_GZIP_H
#define CORMACK_IO_GZIP_H

#include "core/file.h"

#define CM_GZIP_USUAL 1 /* level where the caller has no wish: see docs/formats.md for the figures */

/* Most bytes that `size` bytes of deflate can become: a bound for what a header may claim. */
uint64_t cm__inflate_limit(uint64_t size);
/* The first `most` bytes of what is compressed, or fewer; returns how many. */
size_t cm__gunzip_head(const uint8_t *bytes, size_t size, uint8_t *to, size_t most);
/* Exactly `room` bytes from all members of a gzip file; more behind them are left alone. In parallel where it was
 * written here. */
bool cm__gunzip(CmContext *ctx, const uint8_t *bytes, size_t size, uint8_t *to, size_t room, CmError **err);
/* One zlib stream (or gzip member, raw deflate) that holds exactly `room` bytes. */
typedef enum CmDeflateKind { CM_DEFLATE_RAW, CM_DEFLATE_ZLIB, CM_DEFLATE_GZIP } CmDeflateKind;
bool cm__inflate(CmDeflateKind kind, const uint8_t *bytes, size_t size, uint8_t *to, size_t room, CmError **err);
/* One stream in a new block (cm_free). level 0..9, or -1. */
uint8_t *cm__deflate(CmContext *ctx, CmDeflateKind kind, const void *bytes, size_t size, int level, size_t *packed,
                     CmError **err);

/* head and data as a gzip file of several members that are compressed in parallel. Members are cut by the data alone,
 * so the bytes do not depend on the thread count; each says its length in an extra field ("CM"), which other readers
 * skip. Files up to 1 MiB are one member. */
bool cm__gzip_write(CmContext *ctx, CmFileWriter *writer, const void *head, size_t head_size, const void *data,
                    size_t size, int level, CmError **err);

#endif
