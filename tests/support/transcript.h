/* The library used as a program would, in one call: open, feed, drain, collect.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_TRANSCRIPT_H
#define AM_TEST_TRANSCRIPT_H

#include <stdbool.h>

#include "amanuensis.h"

typedef struct am_transcript {
    char text[1 << 16]; /* segment texts one after the other */
    int32_t tokens[4096];
    int n_tokens, n_segments;
    double last_end;
    char language[16];
    am_status status; /* AM_OK when everything was drained */
    am_error error;
} am_transcript;

/* Transcribe samples, fed `chunk` at a time (at most AM_FEED_MAX). */
void am_transcribe_pcm(am_transcript *t, const am_model *model, const am_session_config *cfg, const float *pcm,
                       size_t n, size_t chunk);

/* All samples of a file, malloc'ed; stops the test when it cannot be read. */
float *am_read_pcm(const char *path, size_t *n);

am_model *am_open_model(const char *path, const char *cpu);

/* Words of a text, lower case, without punctuation, "mr." as "mister": for comparing with human transcripts. */
void am_plain_words(char *out, size_t cap, const char *text);

/* Word errors (substitutions, deletions, insertions) of plain texts. */
int am_word_errors(const char *reference, const char *heard);

#endif
