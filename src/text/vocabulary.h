/* Tokens and text: Whisper's vocabulary with its special tokens, byte-pair encoding and decoding.
 * Immutable once open; any thread.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEXT_VOCABULARY_H
#define AM_TEXT_VOCABULARY_H

#include <stdbool.h>

#include "base/buf.h"

typedef struct am_vocabulary am_vocabulary;

/* Special tokens, found from the vocabulary's size: 51864 English only, 51865 multilingual, 51866 with Cantonese. */
typedef struct am_specials {
    int32_t end_of_text; /* <|endoftext|>: 50257 multilingual, 50256 English; ordinary text tokens are below it */
    int32_t start_of_transcript;
    int32_t first_language; /* n_languages in a row, in Whisper's order */
    int n_languages;        /* 99 or 100; 0 for English-only models */
    int32_t translate, transcribe;
    int32_t start_of_lm, start_of_previous, no_speech, no_timestamps;
    int32_t first_timestamp; /* <|0.00|>; 1501 of them, 0.02 s apart */
    bool multilingual;
} am_specials;

/* bytes[offset[t] .. offset[t+1]) are the bytes of token t, for n_tokens tokens; copied.
 * Returns AM_OK, AM_E_MODEL (not one of Whisper's vocabularies: names the number), AM_E_NOMEM. */
am_status am_vocabulary_open(am_vocabulary **v, int n_tokens, const uint32_t *offset, const char *bytes, am_error *err);
void am_vocabulary_close(am_vocabulary **v);

const am_specials *am_vocabulary_specials(const am_vocabulary *v);

/* The bytes of a token; *len 0 for special tokens and numbers outside the vocabulary. */
const char *am_vocabulary_bytes(const am_vocabulary *v, int32_t token, size_t *len);

/* Append the text of tokens; special and timestamp tokens are passed over.  Bytes that are not UTF-8 (a character cut
 * by the end of a segment) become U+FFFD.  Returns AM_OK or out's failure. */
am_status am_vocabulary_decode(const am_vocabulary *v, const int32_t *tokens, int n_tokens, am_buf *out);

/* GPT-2 pre-splitting, then byte-pair merges by lowest rank (a token's number is its rank), as tiktoken does.
 * Special tokens in the text are ordinary text.  Writes at most cap tokens; *n_tokens is how many there would be.
 * Returns AM_OK, AM_E_LIMIT (more than cap), AM_E_NOMEM. */
am_status am_vocabulary_encode(const am_vocabulary *v, const char *text, int32_t *tokens, int cap, int *n_tokens);

/* Tokens suppressed in ordinary decoding where the model does not list its own: every token whose text is only symbols
 * or brackets (openai/whisper's non-speech tokens) and the special tokens that are never to be sampled.
 * Writes up to cap numbers in rising order, returns how many there are. */
int am_vocabulary_default_suppress(const am_vocabulary *v, int32_t *tokens, int cap);

#endif
