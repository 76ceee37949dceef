/* The native container (.am), byte by byte; docs/MODEL.md has the same as a table.  Little-endian throughout.
 *
 * A header of 256 bytes, a table of 96 bytes for each section, then the sections, in the order of slots.h, each beginning
 * at the next multiple of 64 behind the one before, zeros in between.  So a reader knows from the header alone where
 * everything must lie, and every byte of the file is under a checksum.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_CONTAINER_FORMAT_H
#define AM_MODEL_CONTAINER_FORMAT_H

#include "model/slots.h"

#define AM_CONTAINER_MAGIC "\211AMNS\r\n\032" /* no text file begins so, and a transfer as text spoils it */
#define AM_CONTAINER_QUANTIZATION "s8 symmetric, f32 scale per output, panels 16x4"

enum {
    AM_CONTAINER_VERSION = 1,
    AM_CONTAINER_ALIGN = 64,
    AM_CONTAINER_MAX_SECTIONS = 16384, /* 2 * AM_DIMS_MAX_LAYERS layers have fewer */
    AM_CONTAINER_N_DIMS = 10,

    AM_HEADER_BYTES = 256,
    AM_HEADER_MAGIC = 0, /* 8 bytes */
    AM_HEADER_VERSION = 8,
    AM_HEADER_N_SECTIONS = 12,
    AM_HEADER_FILE_BYTES = 16, /* u64 */
    AM_HEADER_CHECKSUM = 24,   /* u64, of header and table with this field 0 */
    AM_HEADER_DIMS = 32,       /* 10 x u32 in the order of am_dims */
    AM_HEADER_N_SUPPRESS = 72,
    AM_HEADER_N_SUPPRESS_BEGIN = 76,
    AM_HEADER_N_ALIGNMENT_HEADS = 80,
    AM_HEADER_F16 = 84, /* bit 0 conv1, bit 1 conv2, bit 2 token_rows: the plain rows that are f16 */
    AM_HEADER_N_VOCAB_BYTES = 88,
    AM_HEADER_SOURCE_FORMAT = 96,    /* 16 bytes, text ended by zeros */
    AM_HEADER_SOURCE_IDENTITY = 112, /* 64 hexadecimal digits */
    AM_HEADER_QUANTIZATION = 176,    /* 64 bytes, text ended by zeros */

    AM_ENTRY_BYTES = 96,
    AM_ENTRY_NAME = 0, /* 40 bytes, text ended by zeros */
    AM_ENTRY_TYPE = 40,
    AM_ENTRY_N_ROWS = 48, /* u64, and so are the following */
    AM_ENTRY_N_COLS = 56,
    AM_ENTRY_OFFSET = 64,
    AM_ENTRY_N_BYTES = 72,
    AM_ENTRY_CHECKSUM = 80,
};

/* Sections are summed in chunks, so that many threads can work on one. */
#define AM_CHUNK_BYTES ((size_t)1 << 20)

/* Of bytes with zeros behind them up to a multiple of 64. */
uint64_t am_chunk_checksum(const void *bytes, size_t n_bytes);
/* One step further in a row of numbers. */
static inline uint64_t am_checksum_step(uint64_t sum, uint64_t word) {
    sum ^= word;
    return (sum << 29 | sum >> 35) * UINT64_C(0x9e3779b97f4a7c15);
}
/* Of n_bytes (rounded up to 64) from the checksums of their chunks: how sections, and lanes, become one number. */
uint64_t am_section_checksum(const uint64_t *parts, size_t n_parts, uint64_t n_bytes);

/* A section of a file that is being opened. */
typedef struct am_section {
    am_slot slot;
    uint64_t offset, checksum;
} am_section;

/* Compare every section with its checksum and look at the numbers: floats are finite, scales not negative.  In parallel.
 * Returns AM_OK, AM_E_MODEL, AM_E_NOMEM. */
am_status am_sections_check(const am_mapping *file, const am_section *sections, size_t n_sections, am_pool *pool,
                            am_error *err);

static inline bool am_host_is_little_endian(void) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

#endif
