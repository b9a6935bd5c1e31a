/* Runs of equal labels in a row, once per voxel type. */
#if !T_FLOAT
static bool X(list_row)(Lister *lister, const void *row, int64_t at, CmError **err) {
  const T *v = row;
  const int64_t nx = lister->grid.nx;
  for (int64_t x = 0; x < nx;) {
    int64_t begin = x++;
    while (x < nx && v[x] == v[begin]) x++;
    if (v[begin] != 0 && !add_run(lister, (int64_t)v[begin], at, begin, x, err)) return false;
  }
  return true;
}
#else
static bool X(list_row)(Lister *lister, const void *row, int64_t at, CmError **err) {
  (void)lister;
  (void)row;
  (void)at;
  cm_error_set(err, CM_ERR_DATA, "the labels are reals; convert them to an integer type");
  return false;
}
#endif
