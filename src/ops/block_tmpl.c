/* Compiled for R float and double; Y(name): cm__block_load, cm__block_load_f64. */

/* One component of n voxels from x on, as R. */
static void X(load_line)(const CmBlocks *blocks, int64_t row, int64_t x, int64_t n, int64_t component, R *scratch,
                         R *to) {
  const CmGrid *grid = &blocks->grid;
  const int64_t c = grid->components;
  const char *from = (const char *)cm__row(blocks->image, grid, row) + (size_t)(x * c) * grid->size;
  if (c == 1) {
    LINE_TO(cm_image_type(blocks->image), from, n, to);
    return;
  }
  LINE_TO(cm_image_type(blocks->image), from, n * c, scratch);
  for (int64_t i = 0; i < n; i++) to[i] = scratch[i * c + component];
}

/* Voxels begin..end of the block's row, all of them beyond the border along x. */
static void X(load_beyond)(const CmBlocks *blocks, const CmBlock *block, int64_t row, int64_t begin, int64_t end,
                           R *scratch, R *to) {
  for (int64_t i = begin; i < end; i++) {
    const int64_t x = cm__border_index(blocks->border, block->start[0] + i, blocks->grid.nx);
    if (x < 0)
      to[i] = (R)blocks->border_value;
    else
      X(load_line)(blocks, row, x, 1, block->component, scratch, to + i);
  }
}

/* Row (y, z) of the block: what lies in the image at once, the rest voxel by voxel. */
static void X(load_row)(const CmBlocks *blocks, const CmBlock *block, int64_t y, int64_t z, R *scratch, R *to) {
  const CmGrid *grid = &blocks->grid;
  const int64_t yy = cm__border_index(blocks->border, y, grid->ny), zz = cm__border_index(blocks->border, z, grid->nz);
  const int64_t start = block->start[0], n = block->size[0];
  if (yy < 0 || zz < 0) {
    for (int64_t i = 0; i < n; i++) to[i] = (R)blocks->border_value;
    return;
  }
  const int64_t row = (block->t * grid->nz + zz) * grid->ny + yy;
  const int64_t first = start > 0 ? start : 0, behind = start + n < grid->nx ? start + n : grid->nx;
  const bool touches = behind > first;
  if (touches) X(load_line)(blocks, row, first, behind - first, block->component, scratch, to + (first - start));
  const int64_t left = touches ? first - start : n;
  X(load_beyond)(blocks, block, row, 0, left, scratch, to);
  if (touches) X(load_beyond)(blocks, block, row, behind - start, n, scratch, to);
}

void Y(cm__block_load)(const CmBlocks *blocks, const CmBlock *block, R *scratch, R *to) {
  for (int64_t z = 0; z < block->size[2]; z++)
    for (int64_t y = 0; y < block->size[1]; y++, to += block->size[0])
      X(load_row)(blocks, block, block->start[1] + y, block->start[2] + z, scratch, to);
}

void Y(cm__block_store_line)(const CmBlocks *blocks, int64_t row, int64_t x, int64_t component, const R *line,
                             int64_t n, double *scratch) {
  const CmGrid *grid = &blocks->grid;
  const CmType type = cm_image_type(blocks->out);
  const int64_t c = grid->components;
  const size_t size = cm_type_size(type);
  char *to = (char *)cm_image_data_mut(blocks->out) + (size_t)(row * grid->row + x * c + component) * size;
  double *wide = scratch, *before = scratch + grid->nx, *typed = before + grid->row;
  char *put = c == 1 ? to : (char *)typed;
  if (blocks->mask && blocks->mask->image) {
    uint8_t *inside = (uint8_t *)(typed + grid->nx);
    cm__mask_row(blocks->mask, row, inside);
    const char *from = (const char *)cm__row(blocks->image, grid, row) + (size_t)(x * c) * grid->size;
    cm__line_to_f64(cm_image_type(blocks->image), from, n * c, before);
    for (int64_t i = 0; i < n; i++) wide[i] = inside[x + i] ? (double)line[i] : before[i * c + component];
    cm__line_from_f64(type, wide, n, put);
  } else {
    LINE_FROM(type, line, n, put);
  }
  for (int64_t i = 0; c > 1 && i < n; i++) memcpy(to + (size_t)(i * c) * size, put + (size_t)i * size, size);
}
