/* Included once each with R float and R double. */
CM_SIMD static void X(join)(const R *restrict a, const R *restrict b, const R *restrict c, R scale, int64_t n,
                            R *restrict to) {
  for (int64_t i = 0; i < n; i++) {
    to[3 * i] = a[i] * scale;
    to[3 * i + 1] = b[i] * scale;
    to[3 * i + 2] = c[i] * scale;
  }
}

/* Planes of n values as voxels of the result. line: room for them. */
static void X(put)(const Job *job, R *const plane[3], int64_t n, R *line, void *to) {
  const CmType type = cm_image_type(job->out);
  const int64_t made = job->to.components;
  const bool direct = type == X(own_type);
  R *values = direct ? to : line;
  const bool scaled = cm_type_is_integer(type) && (job->colour.to == CM_RGB || job->colour.to == CM_GREY);
  const R scale = scaled ? (R)cm_type_max(type) : (R)1;
  if (made == 3)
    X(join)(plane[0], plane[1], plane[2], scale, n, values);
  else
    for (int64_t i = 0; i < n; i++) values[i] = plane[0][i] * scale;
  if (!direct) X(cm__line_from)(type, line, n * made, to);
}

static bool X(convert_rows)(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const int64_t nx = job->grid.nx, most = job->colour.components > 3 ? job->colour.components : 3;
  const int64_t piece = nx < CM_COLOUR_PIECE ? nx : CM_COLOUR_PIECE;
  const size_t voxel = (size_t)job->grid.components * job->grid.size, made = (size_t)job->to.components * job->to.size;
  R *room = cm_alloc_array(job->ctx, (size_t)((most + 3) * piece), sizeof(R), err);
  if (!room) return false;
  R *const plane[3] = {room, room + piece, room + 2 * piece}, *const line = room + 3 * piece;
  for (int64_t row = range.begin; row < range.end; row++) {
    const char *from = cm__row(job->image, &job->grid, row);
    char *to = cm__row_mut(job->out, &job->to, row);
    for (int64_t x = 0; x < nx; x += piece) {
      const int64_t n = nx - x < piece ? nx - x : piece;
      X(cm__colour_row)(&job->colour, from + (size_t)x * voxel, n, line, plane);
      X(put)(job, plane, n, line, to + (size_t)x * made);
    }
  }
  cm_free(room);
  return true;
}
