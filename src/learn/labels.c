#include "learn/labels.h"

bool cm__labels_find(CmLearnData *data, const CmLearnColumns *columns, CmError **err) {
  int count = columns->label_count;
  if (!count) return true;
  if (count < 2 || count > CM__MOST_LABELS || columns->positive || columns->event || columns->order_count) {
    cm_error_set(err, CM_ERR_PARAMETER, "target: %s",
                 count < 2 || count > CM__MOST_LABELS
                     ? "2 to 64 columns can be learned together; name one as target, or fewer"
                     : "several columns are of 0 and 1; leave out positive, event and order");
    return false;
  }
  data->label = CM__NEW(&data->hold, const char *, count, err);
  data->label_column = CM__NEW(&data->hold, int, count, err);
  if (!data->label || !data->label_column) return false;
  for (int l = 0; l < count; l++) {
    int at = data->label_column[l] = cm__named_column(data->table, columns->labels[l], "target", err);
    if (at < 0 || !(data->label[l] = cm__arena_strdup(&data->hold, columns->labels[l], err))) return false;
    bool twice = false;
    for (int k = 0; k < l; k++) twice = twice || data->label_column[k] == at;
    if (!twice && cm_table_column_type(data->table, at) == CM_COLUMN_INT) continue;
    cm_error_set(err, CM_ERR_DATA, "target: \"%s\" %s", columns->labels[l],
                 twice ? "is named twice; name it once"
                       : "is not whole numbers; of several targets each is a column of 0 and 1, without decimals");
    return false;
  }
  data->labels = count;
  return true;
}

bool cm__labels_lack(const CmLearnData *data, int64_t row) {
  for (int l = 0; l < data->labels; l++)
    if (cm_table_is_missing(data->table, row, data->label_column[l])) return true;
  return false;
}

bool cm__labels_read(CmLearnData *data, CmError **err) {
  if (!data->labels) return true;
  data->marks = CM__NEW(&data->hold, uint64_t, data->rows, err);
  if (!data->marks) return false;
  for (int64_t i = 0; i < data->rows; i++) {
    for (int l = 0; l < data->labels; l++) {
      int64_t value = cm_table_int(data->table, data->row[i], data->label_column[l]);
      if (value != 0 && value != 1) {
        cm_error_set(err, CM_ERR_DATA, "target: row %lld of \"%s\" holds %lld; of several targets each is 0 or 1",
                     (long long)data->row[i] + 1, data->label[l], (long long)value);
        return false;
      }
      data->marks[i] |= (uint64_t)value << l;
    }
  }
  return true;
}
