/* See utf8.h.  SPDX-License-Identifier: MIT */
#include "base/utf8.h"

/* Table 3-7 of the Unicode standard: only the second byte's range depends on the first one. */
size_t am_utf8_next(const char *text, size_t len, uint32_t *code_point) {
    const unsigned char *s = (const unsigned char *)text;
    unsigned first = s[0];
    *code_point = first;
    if (first < 0x80) return 1;
    *code_point = AM_UTF8_BAD;
    if (first < 0xC2 || first > 0xF4) return 1;
    size_t n = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    uint32_t value = first & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if (i >= len || s[i] < low || s[i] > high) return i;
        value = value << 6 | (s[i] & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    *code_point = value;
    return n;
}

size_t am_utf8_put(char out[4], uint32_t code_point) {
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t n = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    out[0] = (char)((0xF00u >> n & 0xFF) | code_point);
    return n;
}

am_status am_utf8_add(am_buf *out, const char *text, size_t len) {
    size_t start = 0;
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t n = am_utf8_next(text + i, len - i, &c);
        if (c == AM_UTF8_BAD) {
            am_buf_add(out, text + start, i - start);
            am_buf_add_str(out, "\xEF\xBF\xBD");
            start = i + n;
        }
        i += n;
    }
    return am_buf_add(out, text + start, len - start);
}
