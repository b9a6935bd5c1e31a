/* The entropy-coded part of JPEG-LS: context modelling, Golomb codes and runs (ITU-T T.87 annex A; the letters are its
 * own). */
#include <string.h>

#include "io/dicom/codec_jpegls.h"

#define CONTEXTS 365
#define MOST_COMPONENTS 4

typedef struct Bits {
  const uint8_t *at, *end;
  uint64_t cache; /* the next bits, from the top */
  int count;
  bool after_ff, dry; /* dry: more was asked for than there is */
} Bits;

typedef struct Context {
  int64_t a;
  int32_t b, c, n;
} Context;

typedef struct RunContext {
  int64_t a;
  int32_t n, negative;
} RunContext;

typedef struct Decoder {
  Bits bits;
  const CmJlsScan *scan;
  int32_t most, near, reset; /* of the scan */
  int32_t range, step;       /* RANGE, 2 NEAR + 1 */
  int qbpp, limit;
  Context contexts[CONTEXTS];
  RunContext runs[2];
  int run_index[MOST_COMPONENTS];
  int8_t *quantized; /* of a gradient, from -most to most */
} Decoder;

/* Order of the run-length codes, T.87 A.2.1. */
static const uint8_t run_order[32] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,  2,  3,  3,  3,  3,
                                      4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* Whole bytes into the cache. The byte behind FF has 7 bits; with its top bit set it belongs to a marker, and the data
 * end (A.1). */
static void refill(Bits *bits) {
  while (bits->count <= 56 && bits->at < bits->end) {
    uint8_t byte = *bits->at;
    if (bits->after_ff) {
      bits->cache |= (uint64_t)(byte & 0x7F) << (57 - bits->count);
      bits->count += 7;
    } else {
      if (byte == 0xFF && (bits->end - bits->at < 2 || bits->at[1] >= 0x80)) return;
      bits->cache |= (uint64_t)byte << (56 - bits->count);
      bits->count += 8;
    }
    bits->after_ff = byte == 0xFF;
    bits->at++;
  }
}

static inline uint32_t take(Bits *bits, int count) {
  if (count == 0) return 0;
  if (bits->count < count) refill(bits);
  if (bits->count < count) {
    bits->dry = true;
    return 0;
  }
  uint32_t value = (uint32_t)(bits->cache >> (64 - count));
  bits->cache <<= count;
  bits->count -= count;
  return value;
}

/* Zeros before the next 1, which is taken too; at most `most` of them. */
static inline int take_zeros(Bits *bits, int most) {
  int zeros = 0;
  for (;;) {
    if (bits->count < 32) refill(bits);
    if (bits->cache) { /* what lies behind the `count` valid bits is 0 */
      int run = __builtin_clzll(bits->cache);
      bits->cache = run == 63 ? 0 : bits->cache << (run + 1);
      bits->count -= run + 1;
      zeros += run;
      if (zeros > most) bits->dry = true;
      return zeros;
    }
    zeros += bits->count;
    bits->count = 0;
    refill(bits);
    if (zeros > most || bits->count == 0) {
      bits->dry = true;
      return zeros;
    }
  }
}

/* Limited-length Golomb code, A.5.3. */
static inline int32_t take_golomb(Decoder *d, int k, int limit) {
  int escape = limit - d->qbpp - 1;
  Bits *bits = &d->bits;
  if (bits->count < 32) refill(bits);
  if (bits->cache) { /* the usual case: the whole code is in the cache */
    int run = __builtin_clzll(bits->cache), used = run + 1 + k;
    if (run < escape && used <= bits->count && used < 64) {
      uint64_t rest = bits->cache << (run + 1);
      bits->cache = rest << k;
      bits->count -= used;
      return (int32_t)(((uint32_t)run << k) | (k ? (uint32_t)(rest >> (64 - k)) : 0));
    }
  }
  int zeros = take_zeros(bits, escape);
  if (zeros < escape) return (int32_t)(((uint32_t)zeros << k) | take(&d->bits, k));
  return (int32_t)take(&d->bits, d->qbpp) + 1;
}

/* The least k with n << k >= a, at most 24. */
static inline int golomb_order(int64_t a, int32_t n) {
  int k = __builtin_clzll((unsigned long long)n) - __builtin_clzll((unsigned long long)a | 1u);
  if (k < 0) return 0;
  if (k > 24) return 24;
  return ((int64_t)n << k) < a ? k + 1 : k;
}

/* Px + Errval, modulo RANGE, within 0..MAXVAL (A.4.5, A.8). */
static inline int32_t reconstruct(const Decoder *d, int32_t prediction, int32_t error) {
  int32_t near = d->near, most = d->most, value = prediction + error * d->step; /* |error| <= range: at most 2^18 */
  if (value < -near) {
    value += d->range * d->step;
  } else if (value > most + near) {
    value -= d->range * d->step;
  }
  return value < 0 ? 0 : value > most ? most : value;
}

static inline void update(Decoder *d, Context *q, int32_t error) {
  q->b += error * d->step;
  q->a += error < 0 ? -(int64_t)error : error;
  if (q->n == d->reset) {
    q->a >>= 1;
    q->b = q->b >= 0 ? q->b >> 1 : -((1 - q->b) >> 1);
    q->n >>= 1;
  }
  q->n++;
  if (q->b <= -q->n) {
    q->b += q->n;
    if (q->c > -128) q->c--;
    if (q->b <= -q->n) q->b = 1 - q->n;
  } else if (q->b > 0) {
    q->b -= q->n;
    if (q->c < 127) q->c++;
    if (q->b > 0) q->b = 0;
  }
}

/* Median edge detection, A.4.1. */
static inline int32_t predict(int32_t a, int32_t b, int32_t c) {
  int32_t low = a < b ? a : b, high = a < b ? b : a, plane = a + b - c;
  plane = plane > high ? high : plane;
  return plane < low ? low : plane; /* the same as the standard's three cases, without branches */
}

/* One sample in regular mode (A.4 to A.6). `number` is 81 Q1 + 9 Q2 + Q3, not 0. */
static inline int32_t regular_sample(Decoder *d, int number, int32_t a, int32_t b, int32_t c) {
  int32_t flip = number >> 31; /* -1 for the negative contexts, whose errors change sign */
  Context *q = &d->contexts[(number ^ flip) - flip];
  int32_t prediction = predict(a, b, c) + ((q->c ^ flip) - flip);
  prediction = prediction < 0 ? 0 : prediction > d->most ? d->most : prediction;
  int k = golomb_order(q->a, q->n);
  int32_t mapped = take_golomb(d, k, d->limit);
  int32_t error = (mapped >> 1) ^ -(mapped & 1);                       /* 0, -1, 1, -2 … */
  if (k == 0 && d->near == 0 && 2 * q->b <= -q->n) error = -error - 1; /* A.5.2: the other half first */
  if (error > d->range || error < -d->range) d->bits.dry = true;       /* no encoder writes it */
  if (d->bits.dry) return 0;
  update(d, q, error);
  return reconstruct(d, prediction, (error ^ flip) - flip);
}

/* The sample that ends a run (A.7.2). `type` is RItype. */
static int32_t interrupting_sample(Decoder *d, int type, int component, int32_t a, int32_t b) {
  RunContext *q = &d->runs[type];
  int k = golomb_order(q->a + (type ? q->n >> 1 : 0), q->n);
  int32_t mapped = take_golomb(d, k, d->limit - run_order[d->run_index[component]] - 1);
  int32_t folded = mapped + type, odd = folded & 1;
  int32_t error = (int32_t)(((int64_t)folded + odd) / 2);
  if ((k != 0 || 2 * q->negative >= q->n) == (odd != 0)) error = -error;
  if (error > d->range || error < -d->range) d->bits.dry = true;
  if (d->bits.dry) return 0;
  if (error < 0) q->negative++;
  q->a += (mapped + 1 - type) >> 1;
  if (q->n == d->reset) {
    q->a >>= 1;
    q->n >>= 1;
    q->negative >>= 1;
  }
  q->n++;
  return type ? reconstruct(d, a, error) : reconstruct(d, b, b < a ? -error : error);
}

/* How many samples the run has (A.7.1); *ends: a sample follows that ends it. */
static int64_t run_length(Decoder *d, int component, int64_t left, bool *ends) {
  int *index = &d->run_index[component];
  int64_t length = 0;
  *ends = false;
  while (length < left) {
    int order = run_order[*index];
    if (take(&d->bits, 1)) {
      int64_t block = (int64_t)1 << order;
      if (block > left - length) return left;
      length += block;
      if (*index < 31) (*index)++;
      continue;
    }
    length += take(&d->bits, order);
    if (d->bits.dry || length >= left) {
      d->bits.dry = true; /* a run that ends behind the line */
      return 0;
    }
    *ends = true;
    break;
  }
  return length;
}

static inline int gradient(const Decoder *d, int32_t difference) {
  return d->quantized[difference + d->most];
}

static inline int context_number(const Decoder *d, int32_t a, int32_t b, int32_t c, int32_t e) {
  return 81 * gradient(d, e - b) + 9 * gradient(d, b - c) + gradient(d, c - a);
}

/* One line of one component. Lines have a sample in front and one behind (A.2.1). */
static void decode_line(Decoder *d, int component, const uint16_t *above, uint16_t *line) {
  int64_t columns = d->scan->columns;
  for (int64_t x = 0; x < columns && !d->bits.dry;) {
    int32_t a = line[x - 1], b = above[x], c = above[x - 1], e = above[x + 1];
    int number = context_number(d, a, b, c, e);
    while (number) {
      a = regular_sample(d, number, a, b, c);
      line[x++] = (uint16_t)a;
      if (x == columns || d->bits.dry) return;
      c = b;
      b = e;
      e = above[x + 1];
      number = context_number(d, a, b, c, e);
    }
    bool ends;
    int64_t length = run_length(d, component, columns - x, &ends);
    for (int64_t i = 0; i < length; i++) line[x + i] = (uint16_t)a;
    x += length;
    if (!ends) continue;
    b = above[x];
    int32_t apart = a > b ? a - b : b - a;
    line[x++] = (uint16_t)interrupting_sample(d, apart <= d->near, component, a, b);
    if (d->run_index[component] > 0) d->run_index[component]--;
  }
}

/* One line of all components, sample by sample (ILV 2): a run only where all components are flat. */
static void decode_samples(Decoder *d, uint16_t *const *above, uint16_t *const *line) {
  int64_t columns = d->scan->columns;
  int count = d->scan->components;
  for (int64_t x = 0; x < columns && !d->bits.dry;) {
    int number[MOST_COMPONENTS], flat = 1;
    for (int s = 0; s < count; s++) {
      number[s] = context_number(d, line[s][x - 1], above[s][x], above[s][x - 1], above[s][x + 1]);
      flat &= number[s] == 0;
    }
    if (!flat) {
      for (int s = 0; s < count; s++) {
        line[s][x] = (uint16_t)regular_sample(d, number[s], line[s][x - 1], above[s][x], above[s][x - 1]);
      }
      x++;
      continue;
    }
    bool ends;
    int64_t length = run_length(d, 0, columns - x, &ends);
    for (int s = 0; s < count; s++) {
      for (int64_t i = 0; i < length; i++) line[s][x + i] = line[s][x - 1];
    }
    x += length;
    if (!ends) continue;
    for (int s = 0; s < count; s++) line[s][x] = (uint16_t)interrupting_sample(d, 0, 0, line[s][x - 1], above[s][x]);
    x++;
    if (d->run_index[0] > 0) d->run_index[0]--;
  }
}

static int bits_for(int32_t count) { /* ceil(log2(count)) */
  int bits = 0;
  while (((int64_t)1 << bits) < count) bits++;
  return bits;
}

static int8_t quantize(const CmJlsScan *scan, int32_t difference) {
  int32_t size = difference < 0 ? -difference : difference;
  int8_t level = size <= scan->near          ? 0
                 : size < scan->threshold[0] ? 1
                 : size < scan->threshold[1] ? 2
                 : size < scan->threshold[2] ? 3
                                             : 4;
  return difference < 0 ? (int8_t)-level : level;
}

/* A.2.1 and A.8. */
static void start(Decoder *d, CmCodecInput input, const CmJlsScan *scan, int8_t *table) {
  memset(d, 0, sizeof *d);
  d->scan = scan;
  d->most = scan->most;
  d->near = scan->near;
  d->reset = scan->reset;
  d->bits.at = input.bytes;
  d->bits.end = input.bytes + input.size;
  d->step = 2 * scan->near + 1;
  d->range = (scan->most + 2 * scan->near) / d->step + 1;
  d->qbpp = bits_for(d->range);
  int bpp = bits_for(scan->most + 1) > 2 ? bits_for(scan->most + 1) : 2;
  d->limit = 2 * (bpp + (bpp > 8 ? bpp : 8));
  int32_t a = (d->range + 32) / 64 > 2 ? (d->range + 32) / 64 : 2;
  for (int i = 0; i < CONTEXTS; i++) d->contexts[i] = (Context){.a = a, .n = 1};
  for (int i = 0; i < 2; i++) d->runs[i] = (RunContext){.a = a, .n = 1};
  d->quantized = table;
  for (int32_t i = -scan->most; i <= scan->most; i++) table[i + scan->most] = quantize(scan, i);
}

/* Where the data of the scan end: the next marker, behind what padding there is. */
static size_t scan_end(const Bits *bits, const uint8_t *begin) {
  const uint8_t *at = bits->at;
  while (bits->end - at >= 2 && !(at[0] == 0xFF && at[1] >= 0x80)) at++;
  return (size_t)(at - begin);
}

static void decode_rows(Decoder *d, uint16_t *const lines[2][MOST_COMPONENTS], uint16_t *const *planes) {
  size_t width = (size_t)d->scan->columns;
  for (int64_t y = 0; y < d->scan->rows && !d->bits.dry; y++) {
    uint16_t *const *above = lines[y & 1], *const *line = lines[~y & 1];
    for (int s = 0; s < d->scan->components; s++) {
      above[s][width] = above[s][width - 1]; /* Rd of the last sample is its Rb */
      line[s][-1] = above[s][0];             /* Ra of the first sample is its Rb */
    }
    if (d->scan->by_sample) {
      decode_samples(d, above, line);
    } else {
      for (int s = 0; s < d->scan->components; s++) decode_line(d, s, above[s], line[s]);
    }
    for (int s = 0; s < d->scan->components; s++)
      memcpy(planes[s] + (size_t)y * width, line[s], width * sizeof *line[s]);
  }
}

bool cm__jls_scan(CmContext *ctx, CmCodecInput input, const CmJlsScan *scan, uint16_t *const *planes, size_t *used,
                  CmError **err) {
  size_t stride = (size_t)scan->columns + 2, components = (size_t)scan->components, table = 2 * (size_t)scan->most + 1;
  uint16_t *memory = cm_calloc(ctx, 2 * components * stride + table, sizeof *memory, err);
  Decoder *decoder = memory ? cm_alloc(ctx, sizeof *decoder, err) : NULL;
  bool ok = false;
  if (!decoder) goto done;
  uint16_t *lines[2][MOST_COMPONENTS] = {{0}};
  for (size_t i = 0; i < 2 * components; i++) lines[i / components][i % components] = memory + i * stride + 1;
  start(decoder, input, scan, (int8_t *)(memory + 2 * components * stride));
  decode_rows(decoder, lines, planes);
  ok = !decoder->bits.dry;
  if (!ok) cm_error_set(err, CM_ERR_FORMAT, "the JPEG-LS frame is damaged: its data end early or make no sense");
  *used = scan_end(&decoder->bits, input.bytes);
done:
  cm_free(decoder);
  cm_free(memory);
  return ok;
}
