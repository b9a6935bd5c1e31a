/* Content items of a structured report (PS3.3 C.17.3), built from the leaves up. */
#ifndef CORMACK_IO_DICOM_REPORT_TREE_H
#define CORMACK_IO_DICOM_REPORT_TREE_H

#include "io/dicom/builder.h"
#include "io/dicom/report_codes.h"

/* The items of a sequence in the making. The first failure is kept in *err. */
typedef struct CmReportItems {
  CmContext *ctx;
  CmError **err;
  CmDicomBuilder *items;
  int count, room;
  bool failed;
} CmReportItems;

void cm__report_start(CmReportItems *items, CmContext *ctx, CmError **err);
void cm__report_free(CmReportItems *items);
/* An empty item at the end, to be filled before the next is added; NULL on failure. */
CmDicomBuilder *cm__report_add(CmReportItems *items);
/* Puts the items into `set` as a sequence, and empties the list. */
void cm__report_put(CmDicomBuilder *set, uint32_t tag, CmReportItems *items);
/* As the item itself a sequence of one with a code. Codes longer than 16 characters are long code values. */
void cm__report_code(CmDicomBuilder *set, uint32_t tag, CmCode code);

/* Content items with a relationship to their parent ("CONTAINS", "HAS OBS CONTEXT" ...). */
CmDicomBuilder *cm__report_item(CmReportItems *items, const char *relation, const char *type, CmCode concept);
void cm__report_text(CmReportItems *items, const char *relation, CmCode concept, const char *text);
void cm__report_uid(CmReportItems *items, const char *relation, CmCode concept, const char *uid);
void cm__report_coded(CmReportItems *items, const char *relation, CmCode concept, CmCode value);
/* IMAGE or COMPOSITE; segment 0: none. A concept without value has no name. */
void cm__report_reference(CmReportItems *items, const char *type, CmCode concept, char uids[2][65], int64_t segment);
/* A container; takes `content`. */
void cm__report_container(CmReportItems *items, const char *relation, CmCode concept, CmReportItems *content);
/* A number; takes `properties`. NaN: no value, and why. */
void cm__report_number(CmReportItems *items, CmCode concept, double value, CmCode unit, CmReportItems *properties);

#endif
