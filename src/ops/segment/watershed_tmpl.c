/* Flooding, once per type L that the padded values are kept in. */

/* Copies a time point's values into the padded array. */
static void X(pad_row)(const double *line, int64_t n, double low, void *to) {
  L *v = to;
  for (int64_t x = 0; x < n; x++) v[x] = (L)(line[x] - low);
}

/* Labels as they come out: a line, or a cost that grows with the distance to the marker, is only known then. */
static bool X(flood_all)(Flood *f, CmError **err) {
  const L *level = f->level;
  int32_t *label = f->label;
  uint32_t index, source;
  double value;
  while (cm__flood_pop(&f->queue, &value, &index, &source)) {
    if (!tick(f, err)) return false;
    if (label[index] && index != source) continue;
    if (!f->off || !on_line(f, index, label[source])) label[index] = label[source];
    int64_t away[3] = {0};
    if (f->compactness > 0.0) offset_between(f, index, source, away);
    for (int k = 0; k < f->neighbours; k++) {
      const uint32_t near = (uint32_t)(index + f->step[k]);
      if (label[near] || (f->off && f->off[near])) continue;
      double own = (double)level[near] + f->low;
      if (f->compactness > 0.0) own += f->compactness * distance(f, away, k);
      if (!cm__flood_push(&f->queue, own < value ? value : own, near, source, err)) return false;
    }
  }
  return true;
}

/* Markers in the order of their voxels. */
static bool X(push_markers)(Flood *f, CmError **err) {
  const L *level = f->level;
  for (int64_t z = 0; z < f->dims[2]; z++)
    for (int64_t y = 0; y < f->dims[1]; y++) {
      const int64_t begin = padded_at(f, 0, y, z);
      for (int64_t at = begin; at < begin + f->dims[0]; at++) {
        if (!f->label[at] || f->label[at] == BLOCKED) continue;
        if (!cm__flood_push(&f->queue, (double)level[at] + f->low, (uint32_t)at, (uint32_t)at, err)) return false;
      }
    }
  return true;
}

static bool X(flood)(Flood *f, CmError **err) {
  return X(push_markers)(f, err) && X(flood_all)(f, err);
}
#undef L
#undef X
