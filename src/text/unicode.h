/* What the pre-splitting of text and the stripping of white space need to know of Unicode, and nothing more.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEXT_UNICODE_H
#define AM_TEXT_UNICODE_H

#include <stddef.h>
#include <stdint.h>

typedef enum am_unicode_class {
    AM_UNICODE_OTHER,
    AM_UNICODE_LETTER, /* \p{L} */
    AM_UNICODE_NUMBER, /* \p{N} */
    AM_UNICODE_SPACE,  /* \s, the property White_Space */
} am_unicode_class;

/* AM_UNICODE_OTHER for numbers that are no code point. */
am_unicode_class am_unicode_class_of(uint32_t code_point);

extern const uint32_t am_unicode_boundaries[]; /* see unicode_tables.c */
extern const size_t am_unicode_n_boundaries;

#endif
