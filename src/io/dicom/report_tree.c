#include "io/dicom/report_tree.h"

#include <math.h>
#include <string.h>

#define TAG_CONTENT CM_TAG(0x40, 0xA730) /* ContentSequence */
#define TAG_CONCEPT CM_TAG(0x40, 0xA043) /* ConceptNameCodeSequence */

void cm__report_start(CmReportItems *items, CmContext *ctx, CmError **err) {
  *items = (CmReportItems){.ctx = ctx, .err = err};
}

void cm__report_free(CmReportItems *items) {
  for (int k = 0; k < items->count; k++) cm__build_free(&items->items[k]);
  cm_free(items->items);
  cm__report_start(items, items->ctx, items->err);
}

CmDicomBuilder *cm__report_add(CmReportItems *items) {
  if (items->failed || (items->count > 0 && items->items[items->count - 1].failed)) {
    items->failed = true;
    return NULL;
  }
  if (items->count == items->room) {
    const int room = items->room ? 2 * items->room : 8;
    CmDicomBuilder *grown = cm_realloc(items->ctx, items->items, (size_t)room * sizeof *grown, items->err);
    items->failed = !grown;
    if (!grown) return NULL;
    items->items = grown;
    items->room = room;
  }
  cm__build_start(&items->items[items->count], items->ctx, items->err);
  return &items->items[items->count++];
}

void cm__report_put(CmDicomBuilder *set, uint32_t tag, CmReportItems *items) {
  set->failed |= items->failed;
  for (int k = 0; k < items->count; k++) set->failed |= items->items[k].failed;
  if (!set->failed) cm__build_sequence(set, tag, items->items, items->count);
  cm__report_free(items);
}

void cm__report_code(CmDicomBuilder *set, uint32_t tag, CmCode code) {
  CmReportItems items;
  cm__report_start(&items, set->ctx, set->err);
  CmDicomBuilder *item = cm__report_add(&items);
  if (item) {
    cm__build_text(item, strlen(code.value) > 16 ? CM_TAG(8, 0x119) : CM_TAG(8, 0x100), code.value);
    cm__build_text(item, CM_TAG(8, 0x102), code.scheme);
    cm__build_text(item, CM_TAG(8, 0x104), code.meaning);
  }
  cm__report_put(set, tag, &items);
}

CmDicomBuilder *cm__report_item(CmReportItems *items, const char *relation, const char *type, CmCode concept) {
  CmDicomBuilder *item = cm__report_add(items);
  if (!item) return NULL;
  cm__build_text(item, CM_TAG(0x40, 0xA010), relation);
  cm__build_text(item, CM_TAG(0x40, 0xA040), type);
  if (concept.value) cm__report_code(item, TAG_CONCEPT, concept);
  return item;
}

void cm__report_text(CmReportItems *items, const char *relation, CmCode concept, const char *text) {
  CmDicomBuilder *item = cm__report_item(items, relation, "TEXT", concept);
  if (item) cm__build_text(item, CM_TAG(0x40, 0xA160), text);
}

void cm__report_uid(CmReportItems *items, const char *relation, CmCode concept, const char *uid) {
  CmDicomBuilder *item = cm__report_item(items, relation, "UIDREF", concept);
  if (item) cm__build_text(item, CM_TAG(0x40, 0xA124), uid);
}

void cm__report_coded(CmReportItems *items, const char *relation, CmCode concept, CmCode value) {
  CmDicomBuilder *item = cm__report_item(items, relation, "CODE", concept);
  if (item) cm__report_code(item, CM_TAG(0x40, 0xA168), value);
}

void cm__report_reference(CmReportItems *items, const char *type, CmCode concept, char uids[2][65], int64_t segment) {
  CmReportItems to;
  CmDicomBuilder *item = cm__report_item(items, "CONTAINS", type, concept);
  if (!item) return;
  cm__report_start(&to, items->ctx, items->err);
  CmDicomBuilder *reference = cm__report_add(&to);
  if (reference) {
    cm__build_text(reference, CM_TAG(8, 0x1150), uids[0]);
    cm__build_text(reference, CM_TAG(8, 0x1155), uids[1]);
    if (segment) cm__build_us(reference, CM_TAG(0x62, 0x0B), (uint16_t)segment);
  }
  cm__report_put(item, CM_TAG(8, 0x1199), &to);
}

void cm__report_container(CmReportItems *items, const char *relation, CmCode concept, CmReportItems *content) {
  CmDicomBuilder *item = cm__report_item(items, relation, "CONTAINER", concept);
  if (item) {
    cm__build_text(item, CM_TAG(0x40, 0xA050), "SEPARATE");
    cm__report_put(item, TAG_CONTENT, content);
  } else
    cm__report_free(content);
}

static void add_value(CmDicomBuilder *item, double value, CmCode unit) {
  CmReportItems values;
  cm__report_start(&values, item->ctx, item->err);
  CmDicomBuilder *measured = isfinite(value) ? cm__report_add(&values) : NULL;
  if (measured) {
    uint8_t bytes[8];
    char decimal[17];
    memcpy(bytes, &value, sizeof bytes); /* little endian, as the machine */
    cm__build_bytes(measured, CM_TAG(0x40, 0xA161), CM_VR('F', 'D'), bytes, sizeof bytes);
    cm__build_text(measured, CM_TAG(0x40, 0xA30A), cm__dicom_decimal(value, decimal));
    cm__report_code(measured, CM_TAG(0x40, 0x8EA), unit);
  }
  cm__report_put(item, CM_TAG(0x40, 0xA300), &values);
  if (!isfinite(value)) cm__report_code(item, CM_TAG(0x40, 0xA301), (CmCode){"114000", "DCM", "Not a number"});
}

void cm__report_number(CmReportItems *items, CmCode concept, double value, CmCode unit, CmReportItems *properties) {
  CmDicomBuilder *item = cm__report_item(items, "CONTAINS", "NUM", concept);
  if (item) add_value(item, value, unit);
  if (item && properties->count)
    cm__report_put(item, TAG_CONTENT, properties);
  else
    cm__report_free(properties);
}
