/* Interpolation at single points, once per voxel type. `line` gets the results of n points, which lie at `at` (x, y and
 * z in voxels of the image). */

static inline double X(value)(const T *v, const CmGrid *grid, int64_t x, int64_t y, int64_t z, int64_t c) {
  return (double)v[((z * grid->ny + y) * grid->nx + x) * grid->components + c];
}

static void X(points_nearest)(const Points *points, const void *from, const double *const at[3], int64_t n,
                              double *line) {
  const int64_t c = points->grid.components;
  const T *v = from;
  Places places;
  for (int64_t begin = 0; begin < n; begin += BLOCK) {
    const int64_t count = n - begin < BLOCK ? n - begin : BLOCK;
    double *to = line + begin * c;
    find_nearest(points, (const double *[3]){at[0] + begin, at[1] + begin, at[2] + begin}, count, &places);
    if (c == 1)
      for (int64_t i = 0; i < count; i++) to[i] = (double)v[places.first[i]];
    else
      for (int64_t i = 0; i < count * c; i++) to[i] = (double)v[places.first[i / c] + i % c];
    for (int64_t i = 0; i < count * c; i++) to[i] = places.inside[i / c] ? to[i] : points->outside;
  }
}

#if T_FLOAT
#define MIX mix_real
#else
#define MIX mix_integer
#endif

/* pairs: the values at both ends along x, at the corners of y and z. flat: one z alone. */
CM_SIMD static void X(mix_corners)(const Places *places, T pairs[CORNERS][2 * BLOCK], bool flat, double outside,
                                   int64_t n, int64_t step, double *to) {
  const double *wx = places->weight[0], *wy = places->weight[1], *wz = places->weight[2];
  const T *a = pairs[0], *b = pairs[1], *d = pairs[2], *e = pairs[3];
  double mixed[BLOCK];
  for (int64_t i = 0; i < n; i++)
    mixed[i] = MIX(MIX((double)a[2 * i], (double)a[2 * i + 1], wx[i]),
                   MIX((double)b[2 * i], (double)b[2 * i + 1], wx[i]), wy[i]);
  for (int64_t i = 0; i < n && !flat; i++) {
    const double far = MIX(MIX((double)d[2 * i], (double)d[2 * i + 1], wx[i]),
                           MIX((double)e[2 * i], (double)e[2 * i + 1], wx[i]), wy[i]);
    mixed[i] = MIX(mixed[i], far, wz[i]);
  }
  for (int64_t i = 0; i < n; i++) to[i * step] = places->inside[i] ? mixed[i] : outside;
}
#undef MIX

/* Places and weights first, for many points side by side; then the values are fetched, then mixed side by side. */
static void X(points_linear)(const Points *points, const void *from, const double *const at[3], int64_t n,
                             double *line) {
  const CmGrid *grid = &points->grid;
  const int64_t c = grid->components, dx = grid->nx > 1 ? c : 0, dy = grid->ny > 1 ? grid->row : 0,
                dz = grid->nz > 1 ? grid->row * grid->ny : 0, corner[CORNERS] = {0, dy, dz, dy + dz};
  const int corners = dz > 0 ? CORNERS : 2;
  Places places;
  T pairs[CORNERS][2 * BLOCK];
  for (int64_t begin = 0; begin < n; begin += BLOCK) {
    const int64_t count = n - begin < BLOCK ? n - begin : BLOCK;
    find_corners(points, (const double *[3]){at[0] + begin, at[1] + begin, at[2] + begin}, count, &places);
    for (int64_t k = 0; k < c; k++) {
      for (int j = 0; j < corners; j++) {
        const T *v = (const T *)from + k + corner[j];
        if (dx == 1)
          for (int64_t i = 0; i < count; i++) memcpy(&pairs[j][2 * i], &v[places.first[i]], 2 * sizeof(T));
        else
          for (int64_t i = 0; i < count; i++) {
            pairs[j][2 * i] = v[places.first[i]];
            pairs[j][2 * i + 1] = v[places.first[i] + dx];
          }
      }
      X(mix_corners)(&places, pairs, dz == 0, points->outside, count, c, line + begin * c + k);
    }
  }
}

static void X(points_label)(const Points *points, const void *from, const double *const at[3], int64_t n,
                            double *line) {
  const CmGrid *grid = &points->grid;
  const int64_t size[3] = {grid->nx, grid->ny, grid->nz};
  for (int64_t i = 0; i < n; i++) {
    int64_t near[3][2] = {{0}};
    double w[3] = {0};
    bool in = true;
    for (int axis = 0; axis < 3; axis++) {
      const double c = at[axis][i];
      in = in && is_inside(c, size[axis]);
      if (in) near[axis][0] = linear_pair(c, size[axis], &w[axis]);
      near[axis][1] = near[axis][0] + (size[axis] > 1);
    }
    for (int64_t k = 0; k < grid->components; k++) {
      double labels[8] = {0}, weights[8] = {0}, best = points->outside, most = -1.0;
      for (int corner = 0; in && corner < 8; corner++) {
        const int dx = corner & 1, dy = corner >> 1 & 1, dz = corner >> 2;
        labels[corner] = X(value)(from, grid, near[0][dx], near[1][dy], near[2][dz], k);
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

/* Weighted sums of as many voxels along each axis as the interpolation takes. */
static void X(points_taps)(const Points *points, const void *from, const double *const at[3], int64_t n, double *line) {
  const CmGrid *grid = &points->grid;
  const int64_t size[3] = {grid->nx, grid->ny, grid->nz}, c = grid->components;
  const int taps = points->taps;
  for (int64_t i = 0; i < n; i++) {
    int64_t near[3][MOST_TAPS];
    double w[3][MOST_TAPS];
    int count[3];
    bool in = true;
    for (int axis = 0; axis < 3; axis++) {
      in = in && is_inside(at[axis][i], size[axis]);
      count[axis] = size[axis] > 1 ? taps : 1;
      if (in) support(taps, at[axis][i], size[axis], near[axis], w[axis]);
    }
    for (int64_t k = 0; k < c; k++) {
      double sum = in ? 0.0 : points->outside;
      for (int dz = 0; in && dz < count[2]; dz++) {
        double plane = 0.0;
        for (int dy = 0; dy < count[1]; dy++) {
          const T *v = (const T *)from + (near[2][dz] * grid->ny + near[1][dy]) * grid->row + k;
          double row = 0.0;
          for (int dx = 0; dx < count[0]; dx++) row += w[0][dx] * (double)v[near[0][dx] * c];
          plane += w[1][dy] * row;
        }
        sum += w[2][dz] * plane;
      }
      line[i * c + k] = sum;
    }
  }
}
