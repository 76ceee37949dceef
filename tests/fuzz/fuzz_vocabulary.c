/* A vocabulary made of hostile tokens, and hostile text through it.  With every byte a token, decoding what was encoded
 * gives the text back, repaired where it was not UTF-8.
 *
 * SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) abort();
}

enum { N_TOKENS = 51865, MAX_EXTRA = 200 };

/* Tokens 0..255 are the bytes; then up to MAX_EXTRA pieces of the input, each behind a byte with its length. */
static am_vocabulary *make_vocabulary(const uint8_t *data, size_t size, size_t *used) {
    static uint32_t offset[N_TOKENS + 1];
    static char bytes[256 + MAX_EXTRA * 256];
    size_t n = 0, at = 1, n_extra = size ? data[0] % MAX_EXTRA : 0;
    for (size_t t = 0; t < N_TOKENS; t++) {
        offset[t] = (uint32_t)n;
        if (t < 256) {
            bytes[n++] = (char)t;
        } else if (t - 256 < n_extra && at < size) {
            size_t len = data[at++];
            if (len > size - at) len = size - at;
            memcpy(bytes + n, data + at, len);
            n += len;
            at += len;
        }
    }
    offset[N_TOKENS] = (uint32_t)n;
    *used = at < size ? at : size;
    am_vocabulary *v;
    am_error err;
    require(am_vocabulary_open(&v, N_TOKENS, offset, bytes, &err) == AM_OK);
    return v;
}

static void round_trip(const am_vocabulary *v, const char *text) {
    size_t len = strlen(text);
    int32_t *tokens = malloc((len + 1) * sizeof *tokens);
    int n;
    am_buf want, got;
    am_buf_init(&want, 1 << 24);
    am_buf_init(&got, 1 << 24);
    require(am_vocabulary_encode(v, text, tokens, (int)len, &n) == AM_OK);
    require(am_vocabulary_decode(v, tokens, n, &got) == AM_OK);
    require(am_utf8_add(&want, text, len) == AM_OK);
    require(got.len == want.len && (got.len == 0 || memcmp(got.data, want.data, got.len) == 0));
    am_buf_free(&want);
    am_buf_free(&got);
    free(tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 1 << 16) return 0;
    size_t used;
    am_vocabulary *v = make_vocabulary(data, size, &used);
    char *text = calloc(size - used + 1, 1);
    if (size > used) memcpy(text, data + used, size - used);
    round_trip(v, text);
    int32_t suppressed[200];
    require(am_vocabulary_default_suppress(v, suppressed, 200) <= 160);
    free(text);
    am_vocabulary_close(&v);
    return 0;
}
