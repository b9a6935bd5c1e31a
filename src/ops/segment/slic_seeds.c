#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/segment/slic.h"

void cm__slic_steps(const double extent[3], double share, double wanted, double step[3]) {
  int order[3] = {0, 1, 2};
  double room = share;
  for (int axis = 0; axis < 3; axis++) room *= extent[axis];
  for (int a = 0; a < 3; a++)
    for (int b = a + 1; b < 3; b++)
      if (extent[order[b]] < extent[order[a]]) {
        const int kept = order[a];
        order[a] = order[b];
        order[b] = kept;
      }
  /* axes thinner than a cube are one box thick, and the others share the rest */
  for (int thin = 0; thin < 3; thin++) {
    const double edge = pow(room / wanted, 1.0 / (double)(3 - thin));
    for (int k = thin; k < 3; k++) step[order[k]] = edge;
    if (extent[order[thin]] >= edge) break;
    step[order[thin]] = extent[order[thin]];
    room /= extent[order[thin]];
  }
}

static bool make_centres(CmSlic *slic, int64_t count, CmError **err) {
  slic->count = count;
  if (count > INT32_MAX - 1) {
    cm_error_set(err, CM_ERR_PARAMETER, "%lld segments are too many; give fewer or a larger size", (long long)count);
    return false;
  }
  slic->place = cm_alloc_array(slic->ctx, (size_t)count * 3, sizeof(double), err);
  slic->mean = slic->place ? cm_calloc(slic->ctx, (size_t)(count * slic->features), sizeof(float), err) : NULL;
  slic->weight = slic->mean ? cm_alloc_array(slic->ctx, (size_t)count * 2, sizeof(float), err) : NULL;
  if (!slic->weight) return false;
  slic->most = slic->weight + count;
  for (int64_t k = 0; k < count; k++) slic->weight[k] = slic->most[k] = 1.0F;
  return true;
}

bool cm__slic_grid(CmSlic *slic, const double start[3], const int64_t step[3], CmError **err) {
  int64_t first[3], many[3], k = 0;
  for (int axis = 0; axis < 3; axis++) {
    first[axis] = (int64_t)start[axis] < slic->n[axis] ? (int64_t)start[axis] : slic->n[axis] - 1;
    many[axis] = (slic->n[axis] - first[axis] + step[axis] - 1) / step[axis];
  }
  if (!make_centres(slic, many[0] * many[1] * many[2], err)) return false;
  for (int64_t z = 0; z < many[2]; z++)
    for (int64_t y = 0; y < many[1]; y++)
      for (int64_t x = 0; x < many[0]; x++, k++) {
        slic->place[3 * k] = (double)(first[0] + x * step[0]);
        slic->place[3 * k + 1] = (double)(first[1] + y * step[1]);
        slic->place[3 * k + 2] = (double)(first[2] + z * step[2]);
      }
  return true;
}

/* ---- inside a mask ---- */

/* The voxels of a block that take part: how many, and their mean place. */
typedef struct Block {
  double place[3], voxels;
} Block;

static int by_place(const Block *a, const Block *b, int axis) {
  for (int k = 0; k < 3; k++) {
    const int at = (axis + k) % 3;
    if (a->place[at] != b->place[at]) return a->place[at] < b->place[at] ? -1 : 1;
  }
  return 0;
}
static int by_x(const void *a, const void *b) {
  return by_place(a, b, 0);
}
static int by_y(const void *a, const void *b) {
  return by_place(a, b, 1);
}
static int by_z(const void *a, const void *b) {
  return by_place(a, b, 2);
}

/* Halves the blocks across their longest side, by voxels, until each part has one centre. */
static void divide(CmSlic *slic, Block *blocks, int64_t n, int64_t first, int64_t wanted, const double unit[3]) {
  static int (*const order[3])(const void *, const void *) = {by_x, by_y, by_z};
  double low[3], high[3], sum[3] = {0.0}, voxels = 0.0;
  for (int axis = 0; axis < 3; axis++) low[axis] = high[axis] = blocks[0].place[axis];
  for (int64_t k = 0; k < n; k++) {
    voxels += blocks[k].voxels;
    for (int axis = 0; axis < 3; axis++) {
      low[axis] = fmin(low[axis], blocks[k].place[axis]);
      high[axis] = fmax(high[axis], blocks[k].place[axis]);
      sum[axis] += blocks[k].place[axis] * blocks[k].voxels;
    }
  }
  if (wanted == 1) {
    for (int axis = 0; axis < 3; axis++) slic->place[3 * first + axis] = sum[axis] / voxels;
    return;
  }
  int longest = 0;
  for (int axis = 1; axis < 3; axis++)
    if ((high[axis] - low[axis]) * unit[axis] > (high[longest] - low[longest]) * unit[longest]) longest = axis;
  qsort(blocks, (size_t)n, sizeof(Block), order[longest]);
  const int64_t left = wanted / 2;
  const double share = voxels * (double)left / (double)wanted;
  int64_t cut = 0;
  double before = 0.0;
  while (cut < n - (wanted - left) && (cut < left || before + 0.5 * blocks[cut].voxels < share))
    before += blocks[cut++].voxels;
  divide(slic, blocks, cut, first, left, unit);
  divide(slic, blocks + cut, n - cut, first + left, wanted - left, unit);
}

/* Sums of the places in each block of one layer of blocks; how many have voxels. */
static int64_t sum_layer(const CmSlic *slic, const int64_t block[3], const int64_t blocks[3], int64_t layer,
                         Block *to) {
  const int64_t nx = slic->n[0], end = (layer + 1) * block[2] < slic->n[2] ? (layer + 1) * block[2] : slic->n[2];
  int64_t found = 0;
  memset(to, 0, (size_t)(blocks[0] * blocks[1]) * sizeof(Block));
  for (int64_t z = layer * block[2]; z < end; z++)
    for (int64_t y = 0; y < slic->n[1]; y++) {
      const float *value = slic->value + (z * slic->n[1] + y) * slic->features * nx;
      Block *row = to + y / block[1] * blocks[0];
      for (int64_t x = 0; x < nx; x++) {
        if (value[x] != value[x]) continue;
        Block *one = row + x / block[0];
        one->voxels += 1.0;
        one->place[0] += (double)x;
        one->place[1] += (double)y;
        one->place[2] += (double)z;
      }
    }
  for (int64_t k = 0; k < blocks[0] * blocks[1]; k++) {
    if (to[k].voxels == 0.0) continue;
    for (int axis = 0; axis < 3; axis++) to[k].place[axis] /= to[k].voxels;
    to[found++] = to[k];
  }
  return found;
}

bool cm__slic_spread(CmSlic *slic, int64_t wanted, const int64_t block[3], const double unit[3], CmError **err) {
  int64_t blocks[3], count = 0, room = 0;
  Block *all = NULL, *layer = NULL;
  bool ok = false;
  for (int axis = 0; axis < 3; axis++) blocks[axis] = cm_chunk_count(slic->n[axis], block[axis]);
  layer = cm_alloc_array(slic->ctx, (size_t)(blocks[0] * blocks[1]), sizeof(Block), err);
  if (!layer) return false;
  for (int64_t z = 0; z < blocks[2]; z++) {
    const int64_t found = sum_layer(slic, block, blocks, z, layer);
    if (count + found > room) {
      size_t size;
      room = 2 * room + found;
      Block *larger =
          cm_size_multiply((size_t)room, sizeof(Block), &size, err) ? cm_realloc(slic->ctx, all, size, err) : NULL;
      if (!larger) goto done;
      all = larger;
    }
    if (found) memcpy(all + count, layer, (size_t)found * sizeof(Block));
    count += found;
  }
  ok = make_centres(slic, wanted < count ? wanted : count, err);
  if (ok && count > 0) divide(slic, all, count, 0, slic->count, unit);
done:
  cm_free(all);
  cm_free(layer);
  return ok;
}
