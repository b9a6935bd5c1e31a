/* Times operations on a raw volume and prints a JSON line for each: bench_ops THREADS NX NY NZ TYPE FILE.raw REPEATS OP
 * "params" [OP "params" ...] TYPE: u8, i16, f32. An op's name may have a mask or label map: the volume itself serves
 * (threshold first). Median of the repeats in ms, and the peak of memory over input + output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cormack/op.h"

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static bool set_params(const CmOp *op, void *params, const char *text, CmError **err) {
  char copy[512], *save = NULL;
  snprintf(copy, sizeof(copy), "%s", text);
  for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
    char *equals = strchr(word, '=');
    if (!equals) continue;
    *equals = 0;
    if (!cm_params_set(op, params, word, equals + 1, err)) return false;
  }
  return true;
}

static bool time_op(CmContext *ctx, CmImage *image, const char *name, const char *text, int repeats, CmError **err) {
  const CmOp *op = cm_op_get(name, err);
  double times[64];
  double ratio = 0;
  void *params = op ? cm_params_create(ctx, op, err) : NULL;
  bool ok = params && set_params(op, params, text, err);
  for (int k = 0; ok && k < repeats; k++) {
    CmValue in[CM_MAX_PORTS] = {{0}}, out[CM_MAX_PORTS] = {{0}};
    for (int port = 0; port < op->input_count; port++)
      if (!op->inputs[port].optional) in[port] = cm_value_image(image);
    const uint64_t base = cm_context_memory_used(ctx);
    cm_context_reset_peak(ctx);
    const double begin = now_ms();
    ok = cm_op_run(ctx, op, params, in, out, NULL, err);
    times[k] = now_ms() - begin;
    const double used = (double)(cm_context_memory_peak(ctx) - base) + (double)cm_image_bytes(image);
    double whole = (double)cm_image_bytes(image);
    if (ok && (out[0].kind == CM_KIND_IMAGE || out[0].kind == CM_KIND_LABELS))
      whole += (double)cm_image_bytes(out[0].image);
    ratio = used / whole;
    for (int port = 0; port < CM_MAX_PORTS; port++) cm_value_unref(&out[port]);
  }
  cm_free(params);
  if (ok) {
    qsort(times, (size_t)repeats, sizeof(double), by_value);
    printf("{\"op\": \"%s\", \"params\": \"%s\", \"ms\": %.3f, \"memory\": %.4f}\n", name, text, times[repeats / 2],
           ratio);
    fflush(stdout);
  }
  return ok;
}

int main(int count, char **word) {
  CmError *err = NULL;
  CmContextOptions options;
  if (count < 10) {
    fprintf(stderr, "bench_ops THREADS NX NY NZ TYPE FILE.raw REPEATS OP PARAMS [OP PARAMS ...]\n");
    return 2;
  }
  cm_context_default_options(&options);
  options.threads = atoi(word[1]);
  CmContext *ctx = cm_context_create(&options, &err);
  const int64_t dims[4] = {atoll(word[2]), atoll(word[3]), atoll(word[4]), 1};
  const CmType type = strcmp(word[5], "u8") == 0 ? CM_U8 : strcmp(word[5], "i16") == 0 ? CM_I16 : CM_F32;
  const int repeats = atoi(word[7]) < 64 ? atoi(word[7]) : 64;
  CmImage *image = ctx ? cm_image_create(ctx, type, 3, dims, 1, &err) : NULL;
  FILE *file = fopen(word[6], "rb");
  bool ok = image && file && fread(cm_image_data_mut(image), 1, cm_image_bytes(image), file) == cm_image_bytes(image);
  if (file) fclose(file);
  for (int k = 8; ok && k + 1 < count; k += 2) ok = time_op(ctx, image, word[k], word[k + 1], repeats, &err);
  if (!ok) fprintf(stderr, "bench_ops: %s\n", err ? cm_error_text(err) : "cannot read the volume");
  cm_error_free(&err);
  cm_image_unref(&image);
  cm_context_destroy(&ctx);
  return ok ? 0 : 1;
}
