/* SHA-256 (FIPS 180-4), for checking models.  In the core because the core has no libraries to lean on.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_SHA256_H
#define AM_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct am_sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    unsigned char block[64];
} am_sha256;

void am_sha256_init(am_sha256 *s);
void am_sha256_add(am_sha256 *s, const void *bytes, size_t len);
/* 64 lower-case hexadecimal digits and a NUL. */
void am_sha256_hex(am_sha256 *s, char hex[65]);

#endif
