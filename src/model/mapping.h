/* A file mapped read-only, and a cursor over it that cannot leave it.  Every reader of models goes through these two, so
 * that "truncated" has one sentence and no offset from a file is ever added to a pointer unchecked.
 *
 * Numbers in all formats are little-endian and unaligned; am_load_* read them portably.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_MAPPING_H
#define AM_MODEL_MAPPING_H

#include <string.h>

#include "base/error.h"

/* A path as it is shown in a sentence: long ones lose their beginning, control characters become '?'. */
#define AM_SHOWN_CAP 256

typedef struct am_mapping {
    const unsigned char *data; /* NULL for an empty file */
    size_t len;
    char shown[AM_SHOWN_CAP];
} am_mapping;

/* Map a regular file of at most max_len bytes.
 * Returns AM_OK, AM_E_OPEN (missing, unreadable, not a regular file), AM_E_MODEL (longer than max_len), AM_E_NOMEM. */
am_status am_mapping_open(am_mapping *m, const char *path, size_t max_len, am_error *err);
void am_mapping_close(am_mapping *m);

/* Bytes of a file's own choosing as they may be shown: printable ASCII, cut at `cap`. */
void am_show(char *shown, size_t cap, const void *bytes, size_t len);

/* "folder/name" into out.  Returns AM_OK or AM_E_OPEN (longer than any path can be). */
#define AM_PATH_CAP 4096
am_status am_path_join(char out[AM_PATH_CAP], const char *folder, const char *name, am_error *err);

bool am_path_exists(const char *path);

typedef struct am_cursor {
    const unsigned char *data;
    size_t len, pos;
    const char *shown;
    am_error *err;
    am_status status; /* AM_OK until something did not fit; then every read gives 0 or NULL */
} am_cursor;

am_cursor am_cursor_init(const am_mapping *m, am_error *err);

/* The next n bytes; NULL with a sentence about `what` when there are fewer. */
const unsigned char *am_cursor_take(am_cursor *c, uint64_t n, const char *what);
uint8_t am_cursor_u8(am_cursor *c, const char *what);
uint16_t am_cursor_u16(am_cursor *c, const char *what);
uint32_t am_cursor_u32(am_cursor *c, const char *what);

static inline uint16_t am_load_u16(const void *p) {
    const unsigned char *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t am_load_u32(const void *p) {
    const unsigned char *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t am_load_u64(const void *p) {
    const unsigned char *b = p;
    return (uint64_t)am_load_u32(b) | (uint64_t)am_load_u32(b + 4) << 32;
}

static inline float am_load_f32(const void *p) {
    uint32_t bits = am_load_u32(p);
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

#endif
