/* One conversion between voxel types; included by convert.c with FROM, FROM_TYPE, TO, TO_TYPE and NAME set.
 * Rounds to nearest even for integers; returns the first index that does not fit, or -1. */
static int64_t NAME(const void *from, void *to, int64_t begin, int64_t end, bool saturate) {
  const FROM *in = from;
  TO *out = to;
  const double low = cm_type_min(TO_TYPE), high = cm_type_max(TO_TYPE);
  for (int64_t i = begin; i < end; i++) {
    double value = (double)in[i];
    if (IS_INTEGER(TO_TYPE)) {
      if (!IS_INTEGER(FROM_TYPE)) value = rint(value);
      if (!(value >= low && value <= high)) {
        if (!saturate) return i;
        value = value < low ? low : value > high ? high : 0;
      }
    } else if (TO_TYPE == CM_F32 && FROM_TYPE == CM_F64 && isfinite(value) && fabs(value) > high) {
      if (!saturate) return i;
      value = value < 0 ? low : high;
    }
    out[i] = (TO)value;
  }
  return -1;
}
#undef FROM
#undef FROM_TYPE
#undef NAME
