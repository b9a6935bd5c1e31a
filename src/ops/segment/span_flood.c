#include "ops/segment/span_flood.h"

#include <string.h>

enum { TICKS = 1 << 16 };

void cm__span_reset(CmSpanFlood *flood) {
  memset(flood->ready, 0, (size_t)(flood->ny * flood->nz) * sizeof(bool));
  flood->count = 0;
}

void cm__span_free(CmSpanFlood *flood) {
  cm_free(flood->stack);
  flood->stack = NULL;
  flood->count = flood->room = 0;
}

static uint8_t *row_state(CmSpanFlood *flood, int64_t row) {
  uint8_t *state = flood->state + row * flood->nx;
  if (!flood->ready[row]) flood->fn(flood->arg, row, state);
  flood->ready[row] = true;
  return state;
}

/* Fills the open run around x and puts it on the stack; its end, or -1 without memory. */
static int64_t fill_run(CmSpanFlood *flood, uint8_t *state, int64_t row, int64_t x, CmError **err) {
  int64_t x0 = x, x1 = x + 1;
  while (x0 > 0 && state[x0 - 1] == CM_SPAN_OPEN) x0--;
  while (x1 < flood->nx && state[x1] == CM_SPAN_OPEN) x1++;
  if (flood->count == flood->room) {
    const int64_t room = flood->room ? 2 * flood->room : 1024;
    CmSpan *larger = cm_realloc(flood->ctx, flood->stack, (size_t)room * sizeof(CmSpan), err);
    if (!larger) return -1;
    flood->stack = larger;
    flood->room = room;
  }
  memset(state + x0, CM_SPAN_FILLED, (size_t)(x1 - x0));
  flood->stack[flood->count++] = (CmSpan){row, (int32_t)x0, (int32_t)x1};
  return x1;
}

/* What touches a span in another row. */
static bool look_at(CmSpanFlood *flood, const CmSpan *span, int64_t row, int reach, CmError **err) {
  uint8_t *state = row_state(flood, row);
  const int64_t begin = span->x0 - reach > 0 ? span->x0 - reach : 0;
  const int64_t end = span->x1 + reach < flood->nx ? span->x1 + reach : flood->nx;
  for (int64_t x = begin; x < end; x++) {
    if (state[x] != CM_SPAN_OPEN) continue;
    x = fill_run(flood, state, row, x, err);
    if (x < 0) return false;
  }
  return true;
}

bool cm__span_fill(CmSpanFlood *flood, CmConnect connect, int64_t x, int64_t row, CmError **err) {
  const CmRowNeighbour *near = cm__row_neighbours[connect];
  uint8_t *state = row_state(flood, row);
  if (state[x] != CM_SPAN_OPEN) return true;
  if (fill_run(flood, state, row, x, err) < 0) return false;
  for (int64_t ticks = 1; flood->count > 0; ticks++) {
    if (ticks % TICKS == 0 && cm_context_cancelled(flood->ctx, err)) return false;
    const CmSpan span = flood->stack[--flood->count];
    for (int k = 0; near[k].dy != 0 || near[k].dz != 0; k++)
      for (int sign = -1; sign <= 1; sign += 2) {
        const int64_t y = span.row % flood->ny + sign * near[k].dy, z = span.row / flood->ny + sign * near[k].dz;
        if (y < 0 || y >= flood->ny || z < 0 || z >= flood->nz) continue;
        if (!look_at(flood, &span, z * flood->ny + y, near[k].reach, err)) return false;
      }
  }
  return true;
}
