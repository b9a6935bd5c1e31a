/* Included once each with R float and R double. */

/* Cube root of x > 0: Halley's iteration. */
static inline R X(root3)(R x) {
  R y = (R)start_root3((float)x);
  for (int k = 0; k < ROOT3_STEPS; k++) {
    const R cube = y * y * y;
    y = y * (cube + x + x) / (cube + cube + x);
  }
  return y;
}

/* Fifth root of x > 0: Newton's iteration. */
static inline R X(root5)(R x) {
  R y = (R)start_root5((float)x);
  for (int k = 0; k < ROOT5_STEPS; k++) {
    const R square = y * y, fourth = square * square;
    y = y - (fourth * y - x) / ((R)5 * fourth);
  }
  return y;
}

/* IEC 61966-2-1: x^2.4 is the fifth root to the 12th. */
static inline R X(to_linear)(R v) {
  const bool curved = v > (R)0.04045;
  const R base = (v + (R)0.055) / (R)1.055, root = X(root5)(curved ? base : (R)1);
  const R square = root * root, fourth = square * square;
  const R bent = fourth * fourth * fourth, straight = v / (R)12.92;
  return curved ? bent : straight;
}

/* x^(1 / 2.4) is the cube root times its own fourth root. */
static inline R X(from_linear)(R v) {
  const bool curved = v > (R)0.0031308;
  const R root = X(root3)(curved ? v : (R)1);
  const R bent = (R)1.055 * (root * X(root2)(X(root2)(root))) - (R)0.055, straight = v * (R)12.92;
  const R made = curved ? bent : straight;
  return made < 0 ? 0 : made > 1 ? 1 : made;
}

CM_SIMD static void X(mix)(const double m[9], const double shift[3], int64_t n, R *restrict a, R *restrict b,
                           R *restrict c) {
  R w[9], s[3];
  for (int k = 0; k < 9; k++) w[k] = (R)m[k];
  for (int k = 0; k < 3; k++) s[k] = (R)shift[k];
  for (int64_t i = 0; i < n; i++) {
    const R u = a[i], v = b[i], t = c[i];
    a[i] = w[0] * u + w[1] * v + w[2] * t + s[0];
    b[i] = w[3] * u + w[4] * v + w[5] * t + s[1];
    c[i] = w[6] * u + w[7] * v + w[8] * t + s[2];
  }
}

CM_SIMD static void X(all_to_linear)(int64_t n, R *v) {
  for (int64_t i = 0; i < n; i++) v[i] = X(to_linear)(v[i]);
}

CM_SIMD static void X(all_from_linear)(int64_t n, R *v) {
  for (int64_t i = 0; i < n; i++) v[i] = X(from_linear)(v[i]);
}

/* CIE 15, equation 8.3 to 8.5, with the constants of CIE 1976. */
CM_SIMD static void X(lab_curve)(double of_white, int64_t n, R *v) {
  const R w = (R)of_white;
  for (int64_t i = 0; i < n; i++) {
    const R t = v[i] / w;
    const bool curved = t > (R)0.008856;
    const R root = X(root3)(curved ? t : (R)1), straight = (R)7.787 * t + (R)(16.0 / 116.0);
    v[i] = curved ? root : straight;
  }
}

CM_SIMD static void X(lab_back)(double of_white, int64_t n, R *v) {
  const R w = (R)of_white;
  for (int64_t i = 0; i < n; i++) {
    const R t = v[i];
    const R bent = t * t * t, straight = (t - (R)(16.0 / 116.0)) / (R)7.787;
    v[i] = w * (t > (R)0.2068966 ? bent : straight);
  }
}

CM_SIMD static void X(curves_to_lab)(int64_t n, R *restrict a, R *restrict b, R *restrict c) {
  for (int64_t i = 0; i < n; i++) {
    const R x = a[i], y = b[i], z = c[i];
    a[i] = (R)116 * y - (R)16;
    b[i] = (R)500 * (x - y);
    c[i] = (R)200 * (y - z);
  }
}

CM_SIMD static void X(lab_to_curves)(int64_t n, R *restrict a, R *restrict b, R *restrict c) {
  for (int64_t i = 0; i < n; i++) {
    const R y = (a[i] + (R)16) / (R)116, z = y - c[i] / (R)200;
    a[i] = b[i] / (R)500 + y;
    b[i] = y;
    c[i] = z < 0 ? 0 : z;
  }
}

CM_SIMD static void X(rgb_to_hsv)(int64_t n, R *restrict a, R *restrict b, R *restrict c) {
  for (int64_t i = 0; i < n; i++) {
    const R red = a[i], green = b[i], blue = c[i];
    const R most = red > green ? red : green, least = red < green ? red : green;
    const R high = most > blue ? most : blue, low = least < blue ? least : blue, range = high - low;
    const R by = range != 0 ? range : (R)1, of = high != 0 ? high : (R)1;
    const bool is_green = green == high, is_blue = blue == high;
    const R third = is_blue ? (R)4 : is_green ? (R)2 : (R)0;
    const R slope = is_blue ? red - green : is_green ? blue - red : green - blue;
    R hue = (third + slope / by) / (R)6;
    const R around = hue + (R)1, share = range / of;
    hue = hue < 0 ? around : hue;
    a[i] = range != 0 ? hue : 0;
    b[i] = range != 0 ? share : 0;
    c[i] = high;
  }
}

/* How much of the saturation a channel loses: n is 5, 3 and 1 for red, green and blue. */
static inline R X(less)(R n, R hue) {
  R k = n + hue * (R)6;
  k = k - (R)6 * X(floor)(k / (R)6);
  const R other = (R)4 - k, least = k < other ? k : other;
  return least < 0 ? 0 : least > 1 ? 1 : least;
}

CM_SIMD static void X(hsv_to_rgb)(int64_t n, R *restrict a, R *restrict b, R *restrict c) {
  for (int64_t i = 0; i < n; i++) {
    const R hue = a[i], colour = c[i] * b[i], value = c[i];
    a[i] = value - colour * X(less)((R)5, hue);
    b[i] = value - colour * X(less)((R)3, hue);
    c[i] = value - colour * X(less)((R)1, hue);
  }
}

static void X(rgb_and_xyz)(bool to_xyz, int64_t n, R *const p[3]) {
  double inverse[9];
  for (int k = 0; to_xyz && k < 3; k++) X(all_to_linear)(n, p[k]);
  if (!to_xyz) invert(xyz_of_rgb, inverse);
  X(mix)(to_xyz ? xyz_of_rgb : inverse, no_shift, n, p[0], p[1], p[2]);
  for (int k = 0; !to_xyz && k < 3; k++) X(all_from_linear)(n, p[k]);
}

static void X(leave)(CmColourSpace from, int64_t n, R *const p[3]) {
  if (from == CM_LAB) {
    X(lab_to_curves)(n, p[0], p[1], p[2]);
    for (int k = 0; k < 3; k++) X(lab_back)(white[k], n, p[k]);
  } else if (from == CM_HSV) {
    X(hsv_to_rgb)(n, p[0], p[1], p[2]);
  } else if (from == CM_YCBCR) {
    double inverse[9], shift[3];
    invert(ycbcr_of_rgb, inverse);
    for (int k = 0; k < 3; k++)
      shift[k] = -(inverse[3 * k] * ycbcr_shift[0] + inverse[3 * k + 1] * ycbcr_shift[1] +
                   inverse[3 * k + 2] * ycbcr_shift[2]);
    X(mix)(inverse, shift, n, p[0], p[1], p[2]);
  } else if (from == CM_GREY) {
    memcpy(p[1], p[0], (size_t)n * sizeof(R));
    memcpy(p[2], p[0], (size_t)n * sizeof(R));
  }
}

static void X(enter)(CmColourSpace to, int64_t n, R *const p[3]) {
  if (to == CM_LAB) {
    for (int k = 0; k < 3; k++) X(lab_curve)(white[k], n, p[k]);
    X(curves_to_lab)(n, p[0], p[1], p[2]);
  } else if (to == CM_HSV) {
    X(rgb_to_hsv)(n, p[0], p[1], p[2]);
  } else if (to == CM_YCBCR) {
    X(mix)(ycbcr_of_rgb, ycbcr_shift, n, p[0], p[1], p[2]);
  } else if (to == CM_GREY) {
    X(mix)(grey_of_rgb, no_shift, n, p[0], p[1], p[2]);
  }
}

CM_SIMD static void X(times)(R scale, int64_t n, R *v) {
  for (int64_t i = 0; i < n; i++) v[i] *= scale;
}

void X(cm__colour_row)(const CmColour *colour, const void *row, int64_t n, R *line, R *const plane[3]) {
  const int64_t c = colour->components, used = cm__colour_components(colour->from);
  /* hue and saturation do not depend on the scale: whole numbers are exact */
  const bool late = colour->from == CM_RGB && colour->to == CM_HSV;
  const R scale = late ? (R)1 : (R)colour->scale;
  if (c == 3) {
    (colour->type == CM_U8 ? X(part_bytes) : X(part)[colour->type])(row, scale, n, plane[0], plane[1], plane[2]);
  } else {
    X(cm__line_to)(colour->type, row, n * c, line);
    for (int64_t k = 0; k < used; k++)
      for (int64_t i = 0; i < n; i++) plane[k][i] = line[i * c + k] * scale;
  }
  if (colour->from == colour->to) return;
  const bool was_xyz = is_xyz(colour->from), will_be_xyz = is_xyz(colour->to);
  X(leave)(colour->from, n, plane);
  if (was_xyz != will_be_xyz) X(rgb_and_xyz)(will_be_xyz, n, plane);
  X(enter)(colour->to, n, plane);
  if (late) X(times)((R)colour->scale, n, plane[2]);
}
