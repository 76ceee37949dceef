/* Growable bytes with a stated maximum: whatever comes from outside and has no fixed size lives in one of these.
 * Cannot be created without its maximum.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_BUF_H
#define AM_BASE_BUF_H

#include <stdarg.h>

#include "base/error.h"

typedef struct am_buf {
    char *data; /* always NUL-terminated once anything was added; NULL before */
    size_t len; /* without the NUL */
    size_t cap;
    size_t max;       /* len never passes it */
    am_status status; /* first failure; later additions do nothing, so a run of them needs one check */
} am_buf;

void am_buf_init(am_buf *b, size_t max_len);
void am_buf_free(am_buf *b);
void am_buf_clear(am_buf *b); /* forget the content and the failure, keep the memory */

/* Room for len more bytes: additions of that much neither fail nor move data.  Returns b->status. */
am_status am_buf_reserve(am_buf *b, size_t len);

/* Each returns b->status: AM_OK, AM_E_NOMEM or AM_E_LIMIT. */
am_status am_buf_add(am_buf *b, const void *bytes, size_t len);
am_status am_buf_add_str(am_buf *b, const char *text);
am_status am_buf_add_char(am_buf *b, char c);
am_status am_buf_add_fmt(am_buf *b, const char *fmt, ...) AM_PRINTF(2, 3);

#endif
