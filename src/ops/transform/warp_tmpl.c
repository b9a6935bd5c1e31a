/* Interpolation at single points, once per voxel type. `line` gets n results; p is the first point, step the way to the
 * next, in voxels of the image. */

static inline double X(value)(const T *v, const CmGrid *grid, int64_t x, int64_t y, int64_t z, int64_t c) {
  return (double)v[((z * grid->ny + y) * grid->nx + x) * grid->components + c];
}

static void X(points_nearest)(const Points *points, const void *from, const double p[3], const double step[3],
                              int64_t n, double *line) {
  const CmGrid *grid = &points->grid;
  const int64_t size[3] = {grid->nx, grid->ny, grid->nz};
  for (int64_t i = 0; i < n; i++) {
    int64_t at[3];
    bool in = true;
    for (int axis = 0; axis < 3; axis++) {
      double c = p[axis] + (double)i * step[axis];
      in = in && is_inside(c, size[axis]);
      at[axis] = in ? nearest_index(c, size[axis]) : 0;
    }
    for (int64_t k = 0; k < grid->components; k++)
      line[i * grid->components + k] = in ? X(value)(from, grid, at[0], at[1], at[2], k) : points->outside;
  }
}

static void X(points_linear)(const Points *points, const void *from, const double p[3], const double step[3], int64_t n,
                             double *line) {
  const CmGrid *grid = &points->grid;
  const int64_t size[3] = {grid->nx, grid->ny, grid->nz};
  for (int64_t i = 0; i < n; i++) {
    int64_t low[3] = {0}, high[3] = {0};
    double w[3] = {0};
    bool in = true;
    for (int axis = 0; axis < 3; axis++) {
      double c = p[axis] + (double)i * step[axis];
      in = in && is_inside(c, size[axis]);
      if (in) linear_support(c, size[axis], &low[axis], &high[axis], &w[axis]);
    }
    for (int64_t k = 0; k < grid->components; k++) {
      double *to = &line[i * grid->components + k];
      if (!in) {
        *to = points->outside;
        continue;
      }
      double planes[2];
      for (int dz = 0; dz < 2; dz++) {
        double rows[2];
        int64_t z = dz ? high[2] : low[2];
        for (int dy = 0; dy < 2; dy++) {
          int64_t y = dy ? high[1] : low[1];
          rows[dy] = mix(X(value)(from, grid, low[0], y, z, k), X(value)(from, grid, high[0], y, z, k), w[0]);
        }
        planes[dz] = mix(rows[0], rows[1], w[1]);
      }
      *to = mix(planes[0], planes[1], w[2]);
    }
  }
}

static void X(points_label)(const Points *points, const void *from, const double p[3], const double step[3], int64_t n,
                            double *line) {
  const CmGrid *grid = &points->grid;
  const int64_t size[3] = {grid->nx, grid->ny, grid->nz};
  for (int64_t i = 0; i < n; i++) {
    int64_t at[3][2] = {{0}};
    double w[3] = {0};
    bool in = true;
    for (int axis = 0; axis < 3; axis++) {
      double c = p[axis] + (double)i * step[axis];
      in = in && is_inside(c, size[axis]);
      if (in) linear_support(c, size[axis], &at[axis][0], &at[axis][1], &w[axis]);
    }
    for (int64_t k = 0; k < grid->components; k++) {
      double labels[8] = {0}, weights[8] = {0}, best = points->outside, most = -1.0;
      for (int corner = 0; in && corner < 8; corner++) {
        const int dx = corner & 1, dy = corner >> 1 & 1, dz = corner >> 2;
        labels[corner] = X(value)(from, grid, at[0][dx], at[1][dy], at[2][dz], k);
        weights[corner] = (dx ? w[0] : 1.0 - w[0]) * (dy ? w[1] : 1.0 - w[1]) * (dz ? w[2] : 1.0 - w[2]);
      }
      for (int corner = 0; in && corner < 8; corner++) {
        double sum = 0.0;
        for (int other = 0; other < 8; other++) sum += labels[other] == labels[corner] ? weights[other] : 0.0;
        if (sum > most + 1e-12 || (sum > most - 1e-12 && labels[corner] < best)) {
          most = sum > most ? sum : most;
          best = labels[corner];
        }
      }
      line[i * grid->components + k] = best;
    }
  }
}

#if T_FLOAT
static void X(points_cubic)(const Points *points, const void *from, const double p[3], const double step[3], int64_t n,
                            double *line) {
  const CmGrid *grid = &points->grid;
  const int64_t size[3] = {grid->nx, grid->ny, grid->nz};
  for (int64_t i = 0; i < n; i++) {
    int64_t at[3][4] = {{0}};
    double w[3][4] = {{0}};
    bool in = true;
    for (int axis = 0; axis < 3; axis++) {
      double c = p[axis] + (double)i * step[axis];
      in = in && is_inside(c, size[axis]);
      if (in) cubic_support(c, size[axis], at[axis], w[axis]);
    }
    for (int64_t k = 0; k < grid->components; k++) {
      double sum = in ? 0.0 : points->outside;
      for (int dz = 0; in && dz < 4; dz++) {
        double plane = 0.0;
        for (int dy = 0; dy < 4; dy++) {
          double row = 0.0;
          for (int dx = 0; dx < 4; dx++) row += w[0][dx] * X(value)(from, grid, at[0][dx], at[1][dy], at[2][dz], k);
          plane += w[1][dy] * row;
        }
        sum += w[2][dz] * plane;
      }
      line[i * grid->components + k] = sum;
    }
  }
}
#endif
