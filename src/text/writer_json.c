/* The JSON transcript: openai/whisper's keys in its order and with Python's separators, then two keys of ours,
 * "language_probs" and "duration".  Unlike Python's default, text that is not ASCII stays as it is.
 *
 * "text" comes first and is known last, so everything is held back until the end.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "text/writer.h"

enum { MAX_LANGUAGES = 5 };

static void add_string(am_buf *out, const char *text) {
    if (!text) {
        am_buf_add_str(out, "null");
        return;
    }
    am_buf_add_char(out, '"');
    am_json_escape(out, text, strlen(text));
    am_buf_add_char(out, '"');
}

/* Model times are multiples of 0.02 that sums of doubles blur: two decimals, as openai/whisper rounds them. */
static void add_time(am_buf *out, double seconds) {
    char text[32];
    snprintf(text, sizeof text, "%.2f", am_writer_time(seconds));
    am_writer_add_double(out, strtod(text, NULL));
}

static void add_tokens(am_buf *out, const am_segment *s) {
    am_buf_add_char(out, '[');
    for (int i = 0; s->tokens && i < s->n_tokens; i++) am_buf_add_fmt(out, "%s%d", i ? ", " : "", (int)s->tokens[i]);
    am_buf_add_char(out, ']');
}

static void json_segment(am_writer_state *w, const am_segment *s) {
    am_buf *out = &w->segments;
    const char *text = s->text ? s->text : "";
    am_json_escape(&w->text, text, strlen(text));
    am_buf_add_fmt(out, "%s{\"id\": %lld, \"seek\": %lld, \"start\": ", w->n_segments ? ", " : "", (long long)s->id,
                   (long long)s->seek);
    add_time(out, s->start);
    am_buf_add_str(out, ", \"end\": ");
    add_time(out, s->end);
    am_buf_add_str(out, ", \"text\": ");
    add_string(out, text);
    am_buf_add_str(out, ", \"tokens\": ");
    add_tokens(out, s);
    am_buf_add_str(out, ", \"temperature\": ");
    am_writer_add_float(out, s->temperature); /* 0.2, not the double nearest to the float */
    am_buf_add_str(out, ", \"avg_logprob\": ");
    am_writer_add_double(out, (double)s->avg_logprob);
    am_buf_add_str(out, ", \"compression_ratio\": ");
    am_writer_add_double(out, (double)s->compression_ratio);
    am_buf_add_str(out, ", \"no_speech_prob\": ");
    am_writer_add_double(out, (double)s->no_speech_prob);
    am_buf_add_char(out, '}');
}

static void add_languages(am_buf *out, const am_transcript_info *info) {
    size_t n = info && info->languages ? info->n_languages : 0;
    am_buf_add_char(out, '[');
    for (size_t i = 0; i < n && i < MAX_LANGUAGES; i++) {
        am_buf_add_str(out, i ? ", {\"language\": " : "{\"language\": ");
        add_string(out, info->languages[i].code);
        am_buf_add_str(out, ", \"probability\": ");
        am_writer_add_double(out, (double)info->languages[i].probability);
        am_buf_add_char(out, '}');
    }
    am_buf_add_char(out, ']');
}

static void json_finish(am_writer_state *w, const am_transcript_info *info) {
    am_buf *out = &w->out;
    am_buf_add_str(out, "{\"text\": \"");
    am_buf_add(out, w->text.data, w->text.len);
    am_buf_add_str(out, "\", \"segments\": [");
    am_buf_add(out, w->segments.data, w->segments.len);
    am_buf_add_str(out, "], \"language\": ");
    add_string(out, info ? info->language : NULL);
    am_buf_add_str(out, ", \"language_probs\": ");
    add_languages(out, info);
    am_buf_add_str(out, ", \"duration\": ");
    if (info) am_writer_add_double(out, am_writer_time(info->duration_sec));
    else am_buf_add_str(out, "null");
    am_buf_add_char(out, '}');
}

const am_writer_functions am_writer_json = { .name = "json", .segment = json_segment, .finish = json_finish };
