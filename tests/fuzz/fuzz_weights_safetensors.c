/* Fuzz target: two bytes say how long config.json is; then come config.json and model.safetensors.
 *
 * SPDX-License-Identifier: MIT */
#include "weights_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t config_len = (size_t)(data[0] | data[1] << 8);
    data += 2;
    size -= 2;
    if (config_len > size) config_len = size;
    const char *folder = fuzz_folder();
    fuzz_write(folder, "config.json", data, config_len);
    fuzz_write(folder, "model.safetensors", data + config_len, size - config_len);
    fuzz_open(folder);
    return 0;
}
