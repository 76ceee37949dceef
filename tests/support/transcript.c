/* See transcript.h.  SPDX-License-Identifier: MIT */
#include "support/transcript.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static void take(am_transcript *t, const am_segment *segment) {
    snprintf(t->text + strlen(t->text), sizeof t->text - strlen(t->text), "%s", segment->text);
    for (int i = 0; i < segment->n_tokens && t->n_tokens < 4096; i++) t->tokens[t->n_tokens++] = segment->tokens[i];
    assert_int_equal(segment->id, t->n_segments++);
    assert_true(segment->end > segment->start && segment->start >= t->last_end - 1e-9);
    t->last_end = segment->end;
    snprintf(t->language, sizeof t->language, "%s", segment->language);
}

static am_status drain(am_transcript *t, am_session *s) {
    const am_segment *segment;
    am_status status;
    while ((status = am_session_next(s, &segment)) == AM_OK) take(t, segment);
    return status;
}

static am_status feed_all(am_transcript *t, am_session *s, const float *pcm, size_t n, size_t chunk) {
    for (size_t at = 0; at < n;) {
        size_t len = n - at < chunk ? n - at : chunk;
        am_status status = am_session_feed(s, pcm + at, len);
        if (status == AM_OK) at += len;
        else if (status != AM_E_AGAIN) return status;
        if ((status = drain(t, s)) != AM_E_AGAIN) return status;
    }
    am_session_finish(s);
    return drain(t, s);
}

void am_transcribe_pcm(am_transcript *t, const am_model *model, const am_session_config *cfg, const float *pcm,
                       size_t n, size_t chunk) {
    memset(t, 0, sizeof *t);
    am_session *s;
    t->status = am_session_open(&s, model, cfg, &t->error);
    if (t->status != AM_OK) return;
    t->status = feed_all(t, s, pcm, n, chunk);
    if (t->status == AM_E_END) t->status = AM_OK;
    else t->error = *am_session_error(s);
    am_session_close(&s);
}

float *am_read_pcm(const char *path, size_t *n) {
    am_audio_config cfg;
    am_audio_config_init(&cfg);
    cfg.path = path;
    am_audio *audio;
    am_error err;
    if (am_audio_open(&audio, &cfg, &err) != AM_OK) fail_msg("%s", err.text);
    size_t cap = 1 << 20, got = 0;
    float *pcm = malloc(cap * sizeof *pcm);
    *n = 0;
    while (am_audio_read(audio, pcm + *n, cap - *n, &got) == AM_OK) {
        *n += got;
        if (*n == cap) pcm = realloc(pcm, (cap *= 2) * sizeof *pcm);
    }
    am_audio_close(&audio);
    return pcm;
}

am_model *am_open_model(const char *path, const char *cpu) {
    am_model_config cfg;
    am_model_config_init(&cfg);
    cfg.path = path;
    cfg.cpu = cpu;
    am_model *model;
    am_error err;
    if (am_model_open(&model, &cfg, &err) != AM_OK) fail_msg("%s", err.text);
    return model;
}

void am_plain_words(char *out, size_t cap, const char *text) {
    size_t n = 0;
    bool gap = true;
    for (; *text && n + 10 < cap; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || c >= 128) {
            out[n++] = (char)tolower(c);
            gap = false;
        } else if (!gap && c != '\'') {
            if (n >= 2 && out[n - 2] == 'm' && out[n - 1] == 'r' && (n == 2 || out[n - 3] == ' ')) {
                memcpy(out + n - 1, "ister", 5);
                n += 4;
            }
            out[n++] = ' ';
            gap = true;
        }
    }
    while (n && out[n - 1] == ' ') n--;
    out[n] = '\0';
}

static int split(char *text, char *words[], int most) {
    int n = 0;
    for (char *w = strtok(text, " "); w && n < most; w = strtok(NULL, " ")) words[n++] = w;
    return n;
}

int am_word_errors(const char *reference, const char *heard) {
    enum { MOST = 2000 };
    static char *a[MOST], *b[MOST];
    static int row[MOST + 1];
    char *ra = strdup(reference), *hb = strdup(heard);
    int n = split(ra, a, MOST), m = split(hb, b, MOST);
    for (int j = 0; j <= m; j++) row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = diagonal + (strcmp(a[i - 1], b[j - 1]) != 0);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    int errors = row[m];
    free(ra);
    free(hb);
    return errors;
}
