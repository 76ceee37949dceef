/* See vocabulary.h.  Owns the bytes of the tokens and the numbers of the special ones; split.c cuts text into pieces
 * and bpe.c turns a piece into tokens.
 *
 * SPDX-License-Identifier: MIT */
#include "text/vocabulary.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/bpe.h"
#include "text/split.h"

/* 0.00 to 30.00 seconds in steps of 0.02. */
enum { N_TIMESTAMPS = 1501 };

struct am_vocabulary {
    am_specials specials;
    uint32_t *offset; /* [end_of_text + 1]: special tokens have no bytes here */
    char *bytes;
    am_bpe bpe;
};

/* The special tokens follow the text tokens in one order.  English-only vocabularies have the 99 languages too, but
 * their models never use them. */
static bool make_specials(int n_tokens, am_specials *s) {
    bool english = n_tokens == 51864;
    int n_languages = n_tokens == 51866 ? 100 : 99;
    if (n_tokens < 51864 || n_tokens > 51866) return false;
    *s = (am_specials){ .end_of_text = english ? 50256 : 50257, .multilingual = !english };
    s->start_of_transcript = s->end_of_text + 1;
    s->first_language = s->start_of_transcript + 1;
    s->n_languages = english ? 0 : n_languages;
    s->translate = s->first_language + n_languages;
    s->transcribe = s->translate + 1;
    s->start_of_lm = s->translate + 2;
    s->start_of_previous = s->translate + 3;
    s->no_speech = s->translate + 4;
    s->no_timestamps = s->translate + 5;
    s->first_timestamp = s->translate + 6;
    assert(s->first_timestamp + N_TIMESTAMPS == n_tokens);
    return true;
}

/* Copy the text tokens; offsets then begin at 0 and never fall. */
static am_status copy_tokens(am_vocabulary *v, const uint32_t *offset, const char *bytes, am_error *err) {
    size_t n = (size_t)v->specials.end_of_text;
    for (size_t t = 0; t < n; t++) {
        if (offset[t] > offset[t + 1])
            return am_fail(err, AM_E_MODEL, "the vocabulary is damaged: token %zu begins at byte %u and ends at %u", t,
                           (unsigned)offset[t], (unsigned)offset[t + 1]);
    }
    size_t n_bytes = offset[n] - offset[0];
    v->offset = malloc((n + 1) * sizeof *v->offset);
    v->bytes = malloc(n_bytes + 1);
    if (!v->offset || !v->bytes) return am_fail_nomem(err, "the vocabulary", (n + 1) * sizeof *v->offset + n_bytes + 1);
    for (size_t t = 0; t <= n; t++) v->offset[t] = offset[t] - offset[0];
    if (n_bytes) memcpy(v->bytes, bytes + offset[0], n_bytes);
    v->bytes[n_bytes] = '\0';
    return AM_OK;
}

am_status am_vocabulary_open(am_vocabulary **vocabulary, int n_tokens, const uint32_t *offset, const char *bytes,
                             am_error *err) {
    *vocabulary = NULL;
    am_specials specials;
    if (!make_specials(n_tokens, &specials))
        return am_fail(err, AM_E_MODEL, "a vocabulary of %d tokens is none of Whisper's (51864, 51865 or 51866)",
                       n_tokens);
    am_vocabulary *v = calloc(1, sizeof *v);
    if (!v) return am_fail_nomem(err, "the vocabulary", sizeof *v);
    v->specials = specials;
    am_status status = copy_tokens(v, offset, bytes, err);
    if (status == AM_OK) status = am_bpe_open(&v->bpe, specials.end_of_text, v->offset, v->bytes, err);
    if (status != AM_OK) {
        am_vocabulary_close(&v);
        return status;
    }
    *vocabulary = v;
    return AM_OK;
}

void am_vocabulary_close(am_vocabulary **vocabulary) {
    am_vocabulary *v = *vocabulary;
    if (!v) return;
    am_bpe_close(&v->bpe);
    free(v->bytes);
    free(v->offset);
    free(v);
    *vocabulary = NULL;
}

const am_specials *am_vocabulary_specials(const am_vocabulary *v) {
    return &v->specials;
}

const char *am_vocabulary_bytes(const am_vocabulary *v, int32_t token, size_t *len) {
    *len = 0;
    if (token < 0 || token >= v->specials.end_of_text) return "";
    *len = v->offset[token + 1] - v->offset[token];
    return v->bytes + v->offset[token];
}

/* Replace what is not UTF-8 in the bytes added since `start` by U+FFFD.  A broken sequence has at most the three bytes
 * that stand for it, so the text only grows: it is moved to where it will end and rewritten from the front. */
static void repair(am_buf *out, size_t start) {
    static const char replacement[] = "\xEF\xBF\xBD";
    size_t grow = 0, n;
    bool broken = false;
    uint32_t c;
    for (size_t i = start; i < out->len; i += n) {
        n = am_utf8_next(out->data + i, out->len - i, &c);
        if (c != AM_UTF8_BAD) continue;
        broken = true;
        grow += 3 - n;
    }
    if (!broken || am_buf_reserve(out, grow) != AM_OK) return;
    memmove(out->data + start + grow, out->data + start, out->len - start + 1);
    out->len += grow;
    char *write = out->data + start;
    for (size_t read = start + grow; read < out->len; read += n) {
        n = am_utf8_next(out->data + read, out->len - read, &c);
        size_t n_written = c == AM_UTF8_BAD ? 3 : n;
        memmove(write, c == AM_UTF8_BAD ? replacement : out->data + read, n_written);
        write += n_written;
    }
}

am_status am_vocabulary_decode(const am_vocabulary *v, const int32_t *tokens, int n_tokens, am_buf *out) {
    if (out->status != AM_OK) return out->status;
    size_t start = out->len;
    for (int i = 0; i < n_tokens; i++) {
        size_t len;
        const char *bytes = am_vocabulary_bytes(v, tokens[i], &len);
        if (len) am_buf_add(out, bytes, len);
    }
    if (out->len > start) repair(out, start);
    return out->status;
}

am_status am_vocabulary_encode(const am_vocabulary *v, const char *text, int32_t *tokens, int cap, int *n_tokens) {
    size_t len = strlen(text);
    am_bpe_out out = { .tokens = tokens, .cap = cap };
    am_status status = len > AM_BPE_MAX_PIECE ? AM_E_LIMIT : AM_OK;
    for (size_t i = 0, n; i < len && status == AM_OK; i += n) {
        n = am_split_next(text + i, len - i);
        status = am_bpe_encode(&v->bpe, text + i, n, &out);
    }
    *n_tokens = out.n;
    return status == AM_OK && out.n > cap ? AM_E_LIMIT : status;
}

/* A rising list without doubles. */
typedef struct token_set {
    int32_t tokens[160];
    int n;
} token_set;

static void set_add(token_set *set, int32_t token) {
    int i = set->n;
    while (i > 0 && set->tokens[i - 1] > token) i--;
    if (i > 0 && set->tokens[i - 1] == token) return;
    assert(set->n < (int)(sizeof set->tokens / sizeof set->tokens[0]));
    memmove(&set->tokens[i + 1], &set->tokens[i], (size_t)(set->n - i) * sizeof set->tokens[0]);
    set->tokens[i] = token;
    set->n++;
}

/* Add a symbol's token, if it is a single one or `first_of_many` asks for the first of several. */
static void add_symbol(token_set *set, const am_vocabulary *v, const char *symbol, bool first_of_many) {
    int32_t tokens[32];
    int n;
    if (am_vocabulary_encode(v, symbol, tokens, 32, &n) == AM_OK && (n == 1 || (n > 1 && first_of_many)))
        set_add(set, tokens[0]);
}

/* What annotations are written with ("(laughs)", "[music]", "♪"), bare and behind a space.  The musical signs are
 * several tokens each, of which the first gives them away.  Hyphen and apostrophe stay allowed inside words. */
static void add_non_speech(token_set *set, const am_vocabulary *v) {
    static const char *const symbols[] = {
        " \"",  " #",  " (",  " )",   " *",   " +",   " /",   " :",  " ;",   " <",  " =",   " >",
        " @",   " [",  " \\", " ]",   " ^",   " _",   " `",   " {",  " |",   " }",  " ~",   " 「",
        " 」",  " 『", " 』", " <<",  " >>",  " <<<", " >>>", " --", " ---", " -(", " -[",  " ('",
        " (\"", " ((", " ))", " (((", " )))", " [[",  " ]]",  " {{", " }}",  " ♪♪", " ♪♪♪",
    };
    static const char *const music[] = { " ♩", " ♪", " ♫", " ♬", " ♭", " ♮", " ♯" };
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        add_symbol(set, v, symbols[i], false);
        add_symbol(set, v, symbols[i] + 1, false);
    }
    for (size_t i = 0; i < sizeof music / sizeof music[0]; i++) {
        add_symbol(set, v, music[i], true);
        add_symbol(set, v, music[i] + 1, true);
    }
    add_symbol(set, v, " -", true);
    add_symbol(set, v, " '", true);
}

int am_vocabulary_default_suppress(const am_vocabulary *v, int32_t *tokens, int cap) {
    const am_specials *s = &v->specials;
    token_set set = { .n = 0 };
    add_non_speech(&set, v);
    set_add(&set, s->start_of_transcript);
    set_add(&set, s->translate);
    set_add(&set, s->transcribe);
    set_add(&set, s->start_of_lm);
    set_add(&set, s->start_of_previous);
    set_add(&set, s->no_speech);
    for (int i = 0; i < set.n && i < cap; i++) tokens[i] = set.tokens[i];
    return set.n;
}
