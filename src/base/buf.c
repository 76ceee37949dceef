/* See buf.h.  SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void am_buf_init(am_buf *b, size_t max_len) {
    *b = (am_buf){ .max = max_len };
}

void am_buf_free(am_buf *b) {
    free(b->data);
    am_buf_init(b, b->max);
}

void am_buf_clear(am_buf *b) {
    b->len = 0;
    b->status = AM_OK;
    if (b->data) b->data[0] = '\0';
}

am_status am_buf_reserve(am_buf *b, size_t len) {
    if (b->status != AM_OK) return b->status;
    if (len > b->max - b->len) return b->status = AM_E_LIMIT;
    size_t need = b->len + len + 1;
    if (need <= b->cap) return AM_OK;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need) cap += cap / 2;
    char *data = realloc(b->data, cap);
    if (!data) return b->status = AM_E_NOMEM;
    b->data = data;
    b->cap = cap;
    return AM_OK;
}

am_status am_buf_add(am_buf *b, const void *bytes, size_t len) {
    if (am_buf_reserve(b, len) != AM_OK) return b->status;
    if (len) memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
    return AM_OK;
}

am_status am_buf_add_str(am_buf *b, const char *text) {
    return am_buf_add(b, text, strlen(text));
}

am_status am_buf_add_char(am_buf *b, char c) {
    return am_buf_add(b, &c, 1);
}

am_status am_buf_add_fmt(am_buf *b, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    if (len >= 0 && am_buf_reserve(b, (size_t)len) == AM_OK) {
        vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
    return b->status;
}
