#include "../fuzz/image_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz_image(data, size, cm__npy_detect, cm__npy_read);
}
