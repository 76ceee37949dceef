/* See split.h.  The pattern, alternatives tried in this order:
 *
 *     's|'t|'re|'ve|'m|'ll|'d | ?\p{L}+ | ?\p{N}+ | ?[^\s\p{L}\p{N}]+ | \s+(?!\S) | \s+
 *
 * By hand instead of by an engine: no alternative needs more than one character of looking back.
 *
 * SPDX-License-Identifier: MIT */
#include "text/split.h"

#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"

/* Class of the character at text[i], its length into *n. */
static am_unicode_class class_at(const char *text, size_t len, size_t i, size_t *n) {
    uint32_t c;
    *n = am_utf8_next(text + i, len - i, &c);
    return am_unicode_class_of(c);
}

static size_t contraction_len(const char *text, size_t len) {
    static const char *const endings[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t n = strlen(endings[i]);
        if (n <= len && memcmp(text, endings[i], n) == 0) return n;
    }
    return 0;
}

/* All white space up to the last character before a word, which goes with the word or stands alone. */
static size_t space_len(const char *text, size_t len) {
    size_t i = 0, last = 0, n;
    while (i < len && class_at(text, len, i, &n) == AM_UNICODE_SPACE) {
        last = i;
        i += n;
    }
    return i < len && last > 0 ? last : i;
}

size_t am_split_next(const char *text, size_t len) {
    if (len == 0) return 0;
    if (text[0] == '\'') {
        size_t n = contraction_len(text, len);
        if (n) return n;
    }
    size_t i = text[0] == ' ' && len > 1 ? 1 : 0, n;
    am_unicode_class class = class_at(text, len, i, &n);
    if (class == AM_UNICODE_SPACE) return space_len(text, len);
    do i += n;
    while (i < len && class_at(text, len, i, &n) == class);
    return i;
}
