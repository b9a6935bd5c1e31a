/* Extrema of one volume, once per voxel type. */

/* v lowered (up: raised) by height, as far as the type goes; of reals by a step at least. */
static inline T X(shifted)(T v, double height, bool up) {
  const double to = up ? (double)v + height : (double)v - height;
#if T_FLOAT
  const T next = (T)(sizeof(T) == sizeof(float) ? nextafterf((float)v, up ? INFINITY : -INFINITY)
                                                : nextafter((double)v, up ? (double)INFINITY : -(double)INFINITY));
  return up ? ((T)to > next ? (T)to : next) : (T)to < next ? (T)to : next;
#else
  return to <= (double)T_MIN ? T_MIN : to >= (double)T_MAX ? T_MAX : (T)to;
#endif
}

static void X(shift_row)(const void *from, int64_t n, double height, bool up, void *to) {
  const T *v = from;
  T *marker = to;
  for (int64_t i = 0; i < n; i++) marker[i] = X(shifted)(v[i], height, up);
}

/* 1 where the reconstruction left the marker as low as it was put, by the whole height. */
static void X(mark_row)(const void *from, const void *rebuilt, int64_t n, double height, bool up, uint8_t *to) {
  const T *v = from, *left = rebuilt;
  for (int64_t i = 0; i < n; i++) {
    const T marker = X(shifted)(v[i], height, up);
    const double deep = up ? (double)marker - (double)v[i] : (double)v[i] - (double)marker;
    bool whole = marker != v[i] && deep == deep; /* NaN is no extremum */
#if !T_FLOAT
    whole = whole && deep >= height;
#else
    (void)deep;
#endif
    to[i] = whole && left[i] == marker;
  }
}
