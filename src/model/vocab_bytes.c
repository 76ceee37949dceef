/* The vocabulary as bytes per token, whatever file it came from.  See tensors.h.
 *
 * Refuses a token with two texts and a vocabulary with holes among the ordinary tokens.  The special tokens behind them
 * may be left out (ggml files always do): then they get the names everybody knows them by.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "model/tensors.h"

#define NOT_SEEN UINT32_MAX

am_status am_vocab_builder_open(am_vocab_builder *b, int n_tokens, am_error *err) {
    *b = (am_vocab_builder){ .n_tokens = n_tokens };
    am_buf_init(&b->bytes, AM_SIDE_FILE_MAX);
    b->offset = calloc((size_t)n_tokens, sizeof *b->offset);
    b->len = malloc((size_t)n_tokens * sizeof *b->len);
    if (!b->offset || !b->len) {
        am_vocab_builder_close(b);
        return am_fail_nomem(err, "the vocabulary", (size_t)n_tokens * 8);
    }
    for (int i = 0; i < n_tokens; i++) b->len[i] = NOT_SEEN;
    return AM_OK;
}

void am_vocab_builder_close(am_vocab_builder *b) {
    free(b->offset);
    free(b->len);
    am_buf_free(&b->bytes);
    b->offset = b->len = NULL;
}

static am_status fail_bytes(const am_buf *bytes, const char *shown, am_error *err) {
    if (bytes->status == AM_E_NOMEM) return am_fail_nomem(err, "the vocabulary", bytes->len);
    return am_fail(err, AM_E_MODEL, "%s: the texts of its tokens take more than %zu bytes", shown, bytes->max);
}

am_status am_vocab_builder_add(am_vocab_builder *b, uint64_t token, const char *bytes, size_t len, const char *shown,
                               am_error *err) {
    if (token >= (uint64_t)b->n_tokens) {
        b->n_outside++;
        return AM_OK;
    }
    if (b->len[token] != NOT_SEEN) {
        if (b->len[token] == len && (len == 0 || memcmp(b->bytes.data + b->offset[token], bytes, len) == 0))
            return AM_OK;
        return am_fail(err, AM_E_MODEL, "%s: token %llu has two different texts", shown, (unsigned long long)token);
    }
    uint32_t offset = (uint32_t)b->bytes.len;
    if (am_buf_add(&b->bytes, bytes, len) != AM_OK) return fail_bytes(&b->bytes, shown, err);
    b->offset[token] = offset;
    b->len[token] = (uint32_t)len;
    return AM_OK;
}

/* The number of <|endoftext|>, after which only special tokens come; n_tokens where the size is not one of Whisper's. */
static int end_of_text(int n_tokens) {
    switch (n_tokens) {
    case 51864: return 50256;
    case 51865:
    case 51866: return 50257;
    default: return n_tokens;
    }
}

static am_status fill_specials(am_vocab_builder *b, const char *shown, am_error *err) {
    static const char end_name[] = "<|endoftext|>";
    const size_t len = sizeof end_name - 1;
    int end = end_of_text(b->n_tokens);
    for (int i = 0; i < b->n_tokens; i++) {
        if (b->len[i] != NOT_SEEN) continue;
        if (i < end)
            return am_fail(err, AM_E_MODEL, "%s: token %d of the model's %d is missing", shown, i, b->n_tokens);
        am_status status = am_vocab_builder_add(b, (uint64_t)i, end_name, i == end ? len : 0, shown, err);
        if (status != AM_OK) return status;
    }
    if (end < b->n_tokens && (b->len[end] != len || memcmp(b->bytes.data + b->offset[end], end_name, len) != 0))
        return am_fail(err, AM_E_MODEL, "%s: token %d is not %s: this is not the vocabulary of a model with %d tokens",
                       shown, end, end_name, b->n_tokens);
    return AM_OK;
}

am_status am_vocab_builder_finish(am_vocab_builder *b, am_vocab_bytes *out, const char *shown, am_error *err) {
    am_status status = fill_specials(b, shown, err);
    if (status != AM_OK) return status;
    *out = (am_vocab_bytes){ .n_tokens = b->n_tokens };
    out->offset = malloc(((size_t)b->n_tokens + 1) * sizeof *out->offset);
    out->bytes = malloc(b->bytes.len + 1);
    if (!out->offset || !out->bytes) {
        am_vocab_bytes_free(out);
        return am_fail_nomem(err, "the vocabulary", b->bytes.len);
    }
    uint32_t at = 0;
    for (int i = 0; i < b->n_tokens; i++) {
        out->offset[i] = at;
        if (b->len[i]) memcpy(out->bytes + at, b->bytes.data + b->offset[i], b->len[i]);
        at += b->len[i];
    }
    out->offset[b->n_tokens] = at;
    out->bytes[at] = '\0';
    return AM_OK;
}

void am_vocab_bytes_free(am_vocab_bytes *v) {
    free(v->offset);
    free(v->bytes);
    *v = (am_vocab_bytes){ 0 };
}

/* The byte a character of GPT-2's alphabet stands for, or -1.  Printable Latin-1 stands for itself; the 68 others were
 * numbered from U+0100 on in the order of their bytes: 0x00-0x20, 0x7f-0xa0, 0xad. */
static int byte_of(uint32_t c) {
    if ((c > 0x20 && c < 0x7f) || (c > 0xa0 && c <= 0xff && c != 0xad)) return (int)c;
    if (c < 0x100 || c > 0x143) return -1;
    c -= 0x100;
    if (c <= 0x20) return (int)c;
    if (c <= 0x42) return (int)(c - 0x21 + 0x7f);
    return 0xad;
}

/* The next character of two-byte UTF-8 at most, which is all the alphabet needs; 0 for anything else. */
static uint32_t next_character(const unsigned char *p, size_t len, size_t *n) {
    *n = 1;
    if (p[0] < 0x80) return p[0];
    if (len < 2 || (p[0] & 0xe0) != 0xc0 || (p[1] & 0xc0) != 0x80) return 0;
    *n = 2;
    return (uint32_t)(p[0] & 0x1f) << 6 | (uint32_t)(p[1] & 0x3f);
}

am_status am_vocab_undo_bytes(am_buf *out, const char *text, size_t len) {
    size_t start = out->len, n = 0;
    for (size_t i = 0; i < len; i += n) {
        int byte = byte_of(next_character((const unsigned char *)text + i, len - i, &n));
        if (byte < 0) {
            out->len = start;
            return am_buf_add(out, text, len);
        }
        am_buf_add_char(out, (char)byte);
    }
    return out->status;
}
