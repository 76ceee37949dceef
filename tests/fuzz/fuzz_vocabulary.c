/* A table of hostile tokens, and hostile text through pre-splitting and merging.  With every byte a token, the tokens of
 * a text put together are the text.  (Not through am_vocabulary: opening its 51865 tokens for every input would take
 * most of the time.)
 *
 * SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/bpe.h"
#include "text/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) abort();
}

enum { MAX_EXTRA = 100 };

typedef struct vocabulary {
    uint32_t offset[256 + MAX_EXTRA + 1];
    char bytes[256 + MAX_EXTRA * 255];
} vocabulary;

/* Tokens 0..255 are the bytes; then MAX_EXTRA pieces of the input, each behind a byte with its length.  Returns what of
 * the input is left. */
static size_t make_tokens(vocabulary *v, const uint8_t *data, size_t size) {
    size_t n = 256, at = 0, n_extra = size ? data[at++] % (MAX_EXTRA + 1) : 0;
    for (size_t t = 0; t <= 256; t++) v->offset[t] = (uint32_t)t;
    for (size_t t = 0; t < 256; t++) v->bytes[t] = (char)t;
    for (size_t t = 0; t < MAX_EXTRA; t++) {
        size_t len = t < n_extra && at < size ? data[at++] : 0;
        if (len > size - at) len = size - at;
        memcpy(v->bytes + n, data + at, len);
        n += len;
        at += len;
        v->offset[256 + t + 1] = (uint32_t)n;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 1 << 16) return 0;
    vocabulary v;
    am_bpe bpe;
    size_t used = make_tokens(&v, data, size), len = size - used;
    require(am_bpe_open(&bpe, 256 + MAX_EXTRA, v.offset, v.bytes, NULL) == AM_OK);
    char *text = malloc(len ? len : 1); /* exactly sized: reading past the end is seen */
    memcpy(text, data + used, len);
    int32_t *tokens = malloc((len + 1) * sizeof *tokens);
    am_bpe_out out = { .tokens = tokens, .cap = (int)len };
    for (size_t at = 0, n; at < len; at += n) {
        n = am_split_next(text + at, len - at);
        require(n > 0 && n <= len - at);
        require(am_bpe_encode(&bpe, text + at, n, &out) == AM_OK);
    }
    require(out.n <= out.cap);
    size_t at = 0;
    for (int i = 0; i < out.n; i++) {
        size_t n = v.offset[tokens[i] + 1] - v.offset[tokens[i]];
        require(n <= len - at && memcmp(text + at, v.bytes + v.offset[tokens[i]], n) == 0);
        at += n;
    }
    require(at == len);
    free(tokens);
    free(text);
    am_bpe_close(&bpe);
    return 0;
}
