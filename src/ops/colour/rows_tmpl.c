/* Included once each with R float and R double. */
CM_SIMD static void X(join)(const R *restrict a, const R *restrict b, const R *restrict c, R scale, int64_t n,
                            R *restrict to) {
  for (int64_t i = 0; i < n; i++) {
    to[3 * i] = a[i] * scale;
    to[3 * i + 1] = b[i] * scale;
    to[3 * i + 2] = c[i] * scale;
  }
}

static bool X(convert_rows)(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const int64_t n = job->grid.nx, most = job->colour.components > 3 ? job->colour.components : 3;
  R *room = cm_alloc_array(job->ctx, (size_t)((most + 3) * n), sizeof(R), err);
  if (!room) return false;
  R *const plane[3] = {room, room + n, room + 2 * n}, *const line = room + 3 * n;
  const CmType type = cm_image_type(job->out);
  const int64_t made = job->to.components;
  const bool scaled = cm_type_is_integer(type) && (job->colour.to == CM_RGB || job->colour.to == CM_GREY);
  const R scale = scaled ? (R)cm_type_max(type) : (R)1;
  for (int64_t row = range.begin; row < range.end; row++) {
    X(cm__colour_row)(&job->colour, cm__row(job->image, &job->grid, row), n, line, plane);
    if (made == 3 && type == X(own_type))
      X(join)(plane[0], plane[1], plane[2], scale, n, cm__row_mut(job->out, &job->to, row));
    else if (made == 3)
      X(join)(plane[0], plane[1], plane[2], scale, n, line);
    else
      for (int64_t i = 0; i < n; i++) line[i] = plane[0][i] * scale;
    if (made != 3 || type != X(own_type)) X(cm__line_from)(type, line, n * made, cm__row_mut(job->out, &job->to, row));
  }
  cm_free(room);
  return true;
}
