/* Containers.  The checksums would keep a fuzzer from everything behind them, so each input is tried twice: as it is, and
 * sealed again with the sums its own table asks for.  Of what opens, every array is read to its end.
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "fuzz/weights_target.h"
#include "model/container_format.h"

static volatile unsigned sink;

static am_status read_slot(void *arg, const am_slot *slot) {
    const unsigned char *bytes = am_slot_get(slot);
    unsigned sum = 0;
    for (uint64_t i = 0; i < slot->n_bytes; i++) sum += bytes[i];
    sink = sum;
    return AM_OK;
}

static void open_container(const char *path, am_pool *pool) {
    am_quantized *q;
    am_source_identity source;
    am_error err;
    am_status status = am_container_open(&q, path, pool, &source, &err);
    if (status != AM_OK) {
        if (q || err.status != status || !*err.text) abort();
        return;
    }
    am_slots_walk(q, q->vocab.offset[q->dims.n_vocab], read_slot, NULL);
    am_quantized_close(&q);
}

static void put_u64(unsigned char *p, uint64_t x) {
    for (int i = 0; i < 8; i++) p[i] = (unsigned char)(x >> 8 * i);
}

static uint64_t sum_section(const unsigned char *p, uint64_t n_bytes) {
    uint64_t sum = n_bytes;
    for (uint64_t at = 0; at < n_bytes; at += AM_CHUNK_BYTES)
        sum = am_checksum_step(
            sum, am_chunk_checksum(p + at, n_bytes - at < AM_CHUNK_BYTES ? (size_t)(n_bytes - at) : AM_CHUNK_BYTES));
    return sum ^ sum >> 32;
}

static void seal(unsigned char *bytes, size_t len) {
    uint64_t n = am_load_u32(bytes + AM_HEADER_N_SECTIONS);
    size_t head = AM_ROUND_UP(AM_HEADER_BYTES + (size_t)n * AM_ENTRY_BYTES, AM_CONTAINER_ALIGN);
    if (head > len) return;
    for (uint64_t i = 0; i < n; i++) {
        unsigned char *entry = bytes + AM_HEADER_BYTES + i * AM_ENTRY_BYTES;
        uint64_t offset = am_load_u64(entry + AM_ENTRY_OFFSET), n_bytes = am_load_u64(entry + AM_ENTRY_N_BYTES);
        if (offset > len || n_bytes > len - offset || AM_ROUND_UP(n_bytes, AM_CONTAINER_ALIGN) > len - offset) continue;
        put_u64(entry + AM_ENTRY_CHECKSUM, sum_section(bytes + offset, AM_ROUND_UP(n_bytes, AM_CONTAINER_ALIGN)));
    }
    put_u64(bytes + AM_HEADER_FILE_BYTES, len);
    put_u64(bytes + AM_HEADER_CHECKSUM, 0);
    put_u64(bytes + AM_HEADER_CHECKSUM, am_chunk_checksum(bytes, head));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static am_pool *pool;
    if (!pool && am_pool_open(&pool, 1, NULL) != AM_OK) abort();
    char path[512];
    const char *folder = fuzz_folder();
    snprintf(path, sizeof path, "%s/model.bin", folder);
    fuzz_write(folder, "model.bin", data, len);
    open_container(path, pool);
    if (len < AM_HEADER_BYTES) return 0;
    unsigned char *copy = malloc(len);
    if (!copy) abort();
    memcpy(copy, data, len);
    seal(copy, len);
    fuzz_write(folder, "model.bin", copy, len);
    open_container(path, pool);
    free(copy);
    return 0;
}
