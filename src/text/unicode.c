/* See unicode.h.  SPDX-License-Identifier: MIT */
#include "text/unicode.h"

static am_unicode_class ascii_class(uint32_t c) {
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') return AM_UNICODE_LETTER;
    if (c >= '0' && c <= '9') return AM_UNICODE_NUMBER;
    if (c == ' ' || (c >= '\t' && c <= '\r')) return AM_UNICODE_SPACE;
    return AM_UNICODE_OTHER;
}

/* The last boundary at or before the code point, by halving. */
am_unicode_class am_unicode_class_of(uint32_t code_point) {
    if (code_point < 0x80) return ascii_class(code_point);
    if (code_point > 0x10FFFF) return AM_UNICODE_OTHER;
    size_t low = 0, high = am_unicode_n_boundaries;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (am_unicode_boundaries[middle] >> 2 <= code_point) low = middle;
        else high = middle;
    }
    return (am_unicode_class)(am_unicode_boundaries[low] & 3);
}
