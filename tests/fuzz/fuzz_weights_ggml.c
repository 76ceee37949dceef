/* Fuzz target: the input is a ggml file (or any other single file: the reader is chosen by its bytes).
 *
 * SPDX-License-Identifier: MIT */
#include "weights_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *folder = fuzz_folder();
    char path[512];
    snprintf(path, sizeof path, "%s/ggml.bin", folder);
    fuzz_write(folder, "ggml.bin", data, size);
    fuzz_open(path);
    return 0;
}
