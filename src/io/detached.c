/* Voxels in files beside a header. */
#include "io/detached.h"

#include <ctype.h>
#include <string.h>

#include "cormack/file.h"

#define MOST_FILES 100000
#define MOST_NUMBER 1000000000000LL /* in the name of a file */

bool cm__names_add(CmNames *names, const char *name, size_t size, CmError **err) {
  if (names->count == MOST_FILES) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "the header names more than %d data files", MOST_FILES);
    return false;
  }
  if (names->count == names->room) {
    int room = names->room * 2 + 16;
    char **grown = cm_realloc(names->ctx, names->names, (size_t)room * sizeof *grown, err);
    if (!grown) return false;
    names->names = grown;
    names->room = room;
  }
  char *copy = cm_strndup(names->ctx, name, size, err);
  if (!copy) return false;
  names->names[names->count++] = copy;
  return true;
}

bool cm__names_add_pattern(CmNames *names, const char *pattern, int64_t first, int64_t last, int64_t step,
                           CmError **err) {
  const char *mark = strchr(pattern, '%'), *at = mark ? mark + 1 : NULL;
  bool zeros = at && *at == '0';
  int width = 0;
  for (; at && isdigit((unsigned char)*at) && width < 100; at++) width = width * 10 + (*at - '0');
  bool known = at && (*at == 'd' || *at == 'i' || *at == 'u') && width <= 32 && !strchr(at, '%');
  known = known && first > -MOST_NUMBER && first < MOST_NUMBER && last > -MOST_NUMBER && last < MOST_NUMBER &&
          step > -MOST_NUMBER && step < MOST_NUMBER;
  if (!known || !step || (step > 0) != (last >= first) || (last - first) / step >= MOST_FILES) {
    cm_error_set(
        err, CM_ERR_FORMAT,
        "the pattern of data files, \"%s\" from %lld to %lld by %lld, cannot be understood; correct the header",
        pattern, (long long)first, (long long)last, (long long)step);
    return false;
  }
  for (int64_t i = first; step > 0 ? i <= last : i >= last; i += step) {
    char *name =
        zeros ? cm_sprintf(names->ctx, err, "%.*s%0*lld%s", (int)(mark - pattern), pattern, width, (long long)i, at + 1)
              : cm_sprintf(names->ctx, err, "%.*s%*lld%s", (int)(mark - pattern), pattern, width, (long long)i, at + 1);
    bool ok = name && cm__names_add(names, name, strlen(name), err);
    cm_free(name);
    if (!ok) return false;
  }
  return true;
}

bool cm__names_add_lines(CmNames *names, const char *text, size_t size, CmError **err) {
  for (size_t at = 0; at < size;) {
    size_t length = 0;
    while (at + length < size && text[at + length] != '\n' && text[at + length]) length++;
    size_t begin = at, end = at + length;
    while (begin < end && isspace((unsigned char)text[begin])) begin++;
    while (end > begin && isspace((unsigned char)text[end - 1])) end--;
    if (end > begin && !cm__names_add(names, text + begin, end - begin, err)) return false;
    at += length + 1;
  }
  return true;
}

void cm__names_free(CmNames *names) {
  for (int i = 0; i < names->count; i++) cm_free(names->names[i]);
  cm_free(names->names);
  *names = (CmNames){.ctx = names->ctx};
}

/* Moves *at behind `lines` line ends. */
static bool skip_lines(const CmSource *source, uint64_t *at, int64_t lines, CmError **err) {
  while (lines > 0) {
    uint8_t part[4096];
    uint64_t left = source->size - *at;
    size_t now = left < sizeof part ? (size_t)left : sizeof part, i = 0;
    if (!now) {
      cm_error_set(err, CM_ERR_FORMAT, "the file ends before the lines that are to be skipped; it is cut off");
      return false;
    }
    if (!cm__source_read(source, *at, part, now, err)) return false;
    while (i < now && lines > 0)
      if (part[i++] == '\n') lines--;
    *at += i;
  }
  return true;
}

static bool read_packed(const CmSource *source, uint64_t begin, uint64_t skip, uint8_t *to, uint64_t size,
                        CmError **err) {
  size_t packed_size = 0;
  uint8_t *packed = cm__source_tail(source, begin, &packed_size, err), *whole = NULL;
  bool ok = false;
  if (!packed) return false;
  if (skip + size > cm__inflate_limit(packed_size)) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "the header promises more voxels than the file can hold; it is cut off, fetch it again");
  } else if (!skip) {
    ok = cm__gunzip(source->ctx, packed, packed_size, to, (size_t)size, err);
  } else if ((whole = cm_alloc(source->ctx, (size_t)(skip + size), err)) != NULL) {
    ok = cm__gunzip(source->ctx, packed, packed_size, whole, (size_t)(skip + size), err);
    if (ok) memcpy(to, whole + skip, (size_t)size);
  }
  cm_free(whole);
  cm_free(packed);
  return ok;
}

bool cm__plain_read(const CmSource *source, uint64_t begin, const CmPlain *plain, uint8_t *to, uint64_t size,
                    CmError **err) {
  if (!skip_lines(source, &begin, plain->line_skip, err)) return false;
  if (plain->packed && plain->byte_skip < 0) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "a byte skip of -1 with compressed voxels has no meaning; correct the header");
    return false;
  }
  if (plain->packed) return read_packed(source, begin, (uint64_t)plain->byte_skip, to, size, err);
  if (plain->byte_skip >= 0)
    begin += (uint64_t)plain->byte_skip;
  else if (source->size - begin >= size)
    begin = source->size - size;
  return cm__source_read(source, begin, to, size, err);
}

/* Whether the source can hold the voxels at all; asked before they are allocated. */
static bool can_hold(const CmSource *source, const CmPlain *plain, uint64_t size, CmError **err) {
  if (size <= (plain->packed ? cm__inflate_limit(source->size) : source->size)) return true;
  cm_error_set(err, CM_ERR_FORMAT,
               "the header promises %llu bytes of voxels, more than the file can hold; it is cut off, fetch it again",
               (unsigned long long)size);
  return false;
}

uint8_t *cm__names_read(const CmNames *names, const CmSource *header, const CmPlain *plain, uint64_t size,
                        CmError **err) {
  uint8_t *block = NULL;
  if (!names->count || size % (uint64_t)names->count) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "the header names %d data files, among which the voxels cannot be shared equally; correct it",
                 names->count);
    return NULL;
  }
  uint64_t share = size / (uint64_t)names->count;
  for (int i = 0; i < names->count; i++) {
    CmSource beside;
    char *path;
    if (!cm__source_open_beside(&beside, header, names->names[i], &path, err)) break;
    bool ok = can_hold(&beside, plain, share, err);
    if (ok && !block) {
      block = cm_alloc(header->ctx, (size_t)size, err);
      ok = block != NULL;
    }
    ok = ok && cm__plain_read(&beside, 0, plain, block + (uint64_t)i * share, share, err);
    cm__source_close(&beside);
    if (!ok) cm_error_context(err, "data file %s", path);
    cm_free(path);
    if (ok && i == names->count - 1) return block;
    if (!ok) break;
  }
  cm_free(block);
  return NULL;
}

bool cm__detached_write(CmContext *ctx, const char *path, const char *header, const char *data_path, const void *data,
                        size_t size, CmError **err) {
  CmFileWriter writer = {.file = -1};
  if (data_path && !cm_file_write(ctx, data_path, data, size, err)) return false;
  bool ok = cm__file_begin(&writer, path, err) && cm__file_add(&writer, header, strlen(header), err) &&
            (data_path || cm__file_add(&writer, data, size, err)) && cm__file_end(&writer, err);
  cm__file_abandon(&writer);
  return ok;
}
