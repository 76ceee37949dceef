/* Fuzz target: the input is CTranslate2's model.bin.
 *
 * SPDX-License-Identifier: MIT */
#include "weights_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *folder = fuzz_folder();
    fuzz_write(folder, "model.bin", data, size);
    fuzz_open(folder);
    return 0;
}
