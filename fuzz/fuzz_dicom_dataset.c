/* Data sets from foreign bytes: opening, walking everything, text, numbers, JSON, dump. The first byte chooses the
 * scope. */
#include <string.h>

#include "cormack/dicom.h"

static void walk(CmDicomSet set) {
  CmDicomElement element;
  for (uint64_t at = 0; cm_dicom_next(set, &at, &element);) {
    char text[40];
    double real;
    int64_t integer;
    CmDicomElement again;
    cm_dicom_find(set, element.tag, &again);
    cm_dicom_text(set, element.tag, text, sizeof text);
    cm_dicom_real(set, element.tag, 1, &real);
    cm_dicom_int(set, element.tag, 0, &integer);
    cm_dicom_multiplicity(&element);
    CmDicomSet item;
    for (uint64_t next = 0; cm_dicom_item(&element, &next, &item);)
      if (item.depth < 6) walk(item);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2 || size > 1 << 16) return 0;
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  options.memory_limit = (uint64_t)256 << 20;
  CmContext *ctx = cm_context_create(&options, NULL);
  if (!ctx) return 0;
  CmError *err = NULL;
  cm_dicom_detect(data + 1, size - 1);
  CmDicomScope scope = data[0] & 2 ? CM_DICOM_REMAINS : data[0] & 1 ? CM_DICOM_HEADER : CM_DICOM_WHOLE;
  CmDicom *dicom = cm_dicom_parse(ctx, data + 1, size - 1, "fuzz", scope, &err);
  if (dicom) {
    walk(cm_dicom_meta(dicom));
    walk(cm_dicom_root(dicom));
    cm_free(cm_dicom_to_json(dicom, NULL));
    cm_free(cm_dicom_dump(dicom, NULL));
    cm_dicom_close(&dicom);
  } else if (!err || !strlen(cm_error_text(err))) {
    __builtin_trap(); /* refused without a word */
  }
  cm_error_free(&err);
  if (cm_context_destroy(&ctx) != 0) __builtin_trap();
  return 0;
}
