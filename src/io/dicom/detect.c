#include "io/dicom/detect.h"

#include <fcntl.h>
#include <unistd.h>

#include "io/dicom/dictionary.h"

/* How many of the first elements look right in an encoding, at most 4; 0 where one looks wrong. A value that goes
 * beyond the bytes at hand ends the count without blame: the head of a file may be all that was read. */
static int plausible_elements(const uint8_t *p, uint64_t size, bool big_endian, bool explicit_vr) {
  const uint8_t *end = p + size;
  uint32_t last = 0;
  int count = 0;
  while (count < 4 && p < end) {
    CmDicomHead head;
    if (!cm__load_head(p, (uint64_t)(end - p), big_endian, explicit_vr, &head)) break;
    uint32_t group = head.tag >> 16;
    if (head.tag <= last || (count == 0 && (group == 0 || group > 0x0028 || (group & 1)))) return 0;
    uint16_t known = cm__dicom_dictionary_vr(head.tag);
    if (!known && !(group & 1)) return 0;
    if (explicit_vr && !cm__vr_is_short(head.vr) && !cm__vr_is_long(head.vr)) return 0;
    bool undefined = head.length == CM__UNDEFINED;
    bool is_sequence = head.vr == CM_VR('S', 'Q') || known == CM_VR('S', 'Q');
    if (undefined && !is_sequence) return 0;
    if (!undefined && count == 0 && head.length > 1u << 20) return 0;
    count++;
    last = head.tag;
    if (undefined || head.length > (uint64_t)(end - p) - head.size) break;
    p += head.size + head.length;
  }
  return count;
}

bool cm__dicom_guess_encoding(const uint8_t *p, uint64_t size, bool *big_endian, bool *explicit_vr) {
  static const struct {
    bool big_endian, explicit_vr;
  } encodings[] = {{false, true}, {false, false}, {true, true}, {true, false}};
  int best = 0;
  for (int i = 0; i < CM_COUNT(encodings); i++) {
    int count = plausible_elements(p, size, encodings[i].big_endian, encodings[i].explicit_vr);
    if (count <= best) continue;
    best = count;
    *big_endian = encodings[i].big_endian;
    *explicit_vr = encodings[i].explicit_vr;
  }
  return best > 0;
}

bool cm__dicom_detect_start(const uint8_t *head, uint64_t size, CmDicomStart *start) {
  *start = (CmDicomStart){.explicit_vr = true};
  if (size >= 132 && !memcmp(head + 128, "DICM", 4)) {
    start->has_meta = true;
    start->offset = 132;
    return true;
  }
  if (size >= 12 && !memcmp(head, "DICM", 4) && head[4] == 2 && !head[5]) { /* a writer that left the preamble out */
    start->has_meta = true;
    start->offset = 4;
    return true;
  }
  if (size >= 8 && head[0] == 2 && !head[1] && !head[3] &&
      (!memcmp(head + 4, "UL", 2) || !memcmp(head + 4, "OB", 2) || !memcmp(head + 4, "UI", 2))) {
    start->has_meta = true;
    return true;
  }
  /* Without the file's mark a data set must show more than one good element, unless it is no longer than that. */
  bool big_endian, explicit_vr;
  if (!cm__dicom_guess_encoding(head, size, &big_endian, &explicit_vr)) return false;
  if (plausible_elements(head, size, big_endian, explicit_vr) < 2 && size > 64) return false;
  start->big_endian = big_endian;
  start->explicit_vr = explicit_vr;
  return true;
}

bool cm_dicom_detect(const uint8_t *head, size_t size) {
  CmDicomStart start;
  return cm__dicom_detect_start(head, size, &start);
}

bool cm_dicom_sniff(const char *path) {
  uint8_t head[4096];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  ssize_t got = read(fd, head, sizeof head);
  close(fd);
  return got > 0 && cm_dicom_detect(head, (size_t)got);
}
