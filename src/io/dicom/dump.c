/* A data set as text for people. */
#include "io/dicom/value.h"

#define LONGEST 96 /* bytes of a value that are shown */

static void add_set(CmTextBuffer *out, CmDicomSet set);

static void add_items(CmTextBuffer *out, const CmDicomElement *element) {
  CmDicomSet item;
  int number = 0;
  cm__text_addf(out, "%d items\n", cm_dicom_item_count(element));
  for (uint64_t at = 0; !out->failed && cm_dicom_item(element, &at, &item);) {
    cm__text_addf(out, "%*sitem %d\n", 2 * item.depth - 1, "", ++number);
    add_set(out, item);
  }
}

/* Characters that would disturb the line become spaces. */
static void add_cut(CmTextBuffer *out, char *text) {
  size_t length = strlen(text), shown = length > LONGEST ? LONGEST : length;
  while (shown < length && shown && ((unsigned char)text[shown] & 0xC0) == 0x80) shown--;
  for (size_t i = 0; i < shown; i++)
    if ((unsigned char)text[i] < ' ' || text[i] == 0x7F) text[i] = ' ';
  cm__text_add_n(out, text, shown);
  if (shown < length) cm__text_add(out, "…");
}

static void add_value(CmTextBuffer *out, const CmDicomElement *element) {
  CmDicomElement shown = *element;
  if (element->undefined_length) {
    cm__text_addf(out, "%s\n", element->value ? "fragments" : "not read");
    return;
  }
  const CmDicomVrInfo *info = cm__dicom_vr_info(element->vr);
  bool bulk = element->vr >> 8 == 'O' || info->vr == CM_VR('U', 'N');
  if (bulk && (element->length > 64 || !element->value)) {
    cm__text_addf(out, "%llu bytes\n", (unsigned long long)element->length);
    return;
  }
  if (!info->is_text && shown.length > 1024) shown.length = 1024; /* more than a line holds */
  CmError *ignored = NULL;
  char *text = cm_dicom_element_text(&shown, &ignored);
  cm_error_free(&ignored);
  const char *name = text && element->vr == CM_VR('U', 'I') ? cm_dicom_uid_name(text) : NULL;
  if (text) add_cut(out, text);
  cm_free(text);
  if (name) cm__text_addf(out, " (%s)", name);
  cm__text_add(out, "\n");
}

static void add_set(CmTextBuffer *out, CmDicomSet set) {
  CmDicomElement element;
  for (uint64_t at = 0; !out->failed && cm_dicom_next(set, &at, &element);) {
    const char *keyword = cm_dicom_keyword(element.tag);
    unsigned group = element.tag >> 16;
    cm__text_addf(out, "%*s(%04X,%04X) %c%c %s ", 2 * set.depth, "", group, (unsigned)(element.tag & 0xFFFF),
                  element.vr >> 8, element.vr & 0xFF,
                  keyword     ? keyword
                  : group & 1 ? "(private)"
                              : "(unknown)");
    if (element.vr == CM_VR('S', 'Q') && cm__dicom_sequence_is_whole(&element, NULL))
      add_items(out, &element);
    else
      add_value(out, &element);
  }
}

char *cm_dicom_dump(const CmDicom *dicom, CmError **err) {
  CmTextBuffer out;
  cm__text_start(&out, cm_dicom_context(dicom), err);
  cm__text_add_n(&out, "", 0);
  add_set(&out, cm_dicom_meta(dicom));
  add_set(&out, cm_dicom_root(dicom));
  return cm__text_finish(&out);
}
