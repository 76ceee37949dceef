/* UTF-8 from outside: one strict decoder, one encoder, and the repair of bytes that are not UTF-8.
 *
 * A broken sequence is counted as Unicode recommends (and Python and browsers do): the longest beginning of a valid
 * character becomes one U+FFFD.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_UTF8_H
#define AM_BASE_UTF8_H

#include <stdint.h>

#include "base/buf.h"

#define AM_UTF8_BAD UINT32_MAX

/* Decode the character at text[0..len), len > 0, into *code_point and return its length in bytes, 1..4.
 * Broken bytes give AM_UTF8_BAD and the length, 1..3, that one U+FFFD stands for. */
size_t am_utf8_next(const char *text, size_t len, uint32_t *code_point);

/* Write a code point (not a surrogate, at most 0x10FFFF) and return its length, 1..4. */
size_t am_utf8_put(char out[4], uint32_t code_point);

/* Append text with every broken sequence replaced by U+FFFD.  Returns out->status. */
am_status am_utf8_add(am_buf *out, const char *text, size_t len);

#endif
