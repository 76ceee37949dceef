/* See passage.h.  SPDX-License-Identifier: MIT */
#include "engine/passage.h"

#include <stdlib.h>
#include <string.h>

#include "text/deflate_size.h"

/* Whisper's thresholds (Radford et al. 2022, section 4.5). */
#define NO_SPEECH_THRESHOLD 0.6f
#define LOGPROB_THRESHOLD (-1.0f)
#define COMPRESSION_THRESHOLD 2.4f

static const char white_space[] = " \t\r\n";

am_status am_passage_open(am_passage *p, const am_dims *dims, am_error *err) {
    size_t n_sampled = (size_t)AM_MAX_SAMPLED(dims) + 1;
    *p = (am_passage){ 0 };
    p->result.tokens = malloc(n_sampled * sizeof *p->result.tokens);
    p->spans = malloc(n_sampled * sizeof *p->spans);
    if (p->result.tokens && p->spans) return AM_OK;
    am_passage_close(p);
    return am_fail_nomem(err, "a window's tokens", n_sampled * (sizeof *p->result.tokens + sizeof *p->spans));
}

void am_passage_close(am_passage *p) {
    free(p->spans);
    free(p->result.tokens);
    *p = (am_passage){ 0 };
}

void am_passage_set_silent(am_passage *p, int64_t seek, int n_frames) {
    p->seek = seek;
    p->n_frames = n_frames;
    p->n_spans = p->next_span = 0;
}

static am_status text_of(const am_model *model, const int32_t *tokens, int n, am_buf *text, am_error *err) {
    am_buf_clear(text);
    am_status status = am_vocabulary_decode(model->vocabulary, tokens, n, text);
    return status == AM_OK ? AM_OK : am_fail(err, status, "out of memory for the text of a window");
}

/* Of the text without the white space around it, as openai/whisper measures it. */
static float compression_of(const am_buf *text) {
    size_t first = text->len ? strspn(text->data, white_space) : 0, end = text->len;
    while (end > first && strchr(white_space, text->data[end - 1])) end--;
    return end > first ? am_compression_ratio(text->data + first, end - first) : 0;
}

am_status am_passage_judge(am_passage *p, const am_model *model, int64_t seek, int n_frames, am_buf *text,
                           bool *is_silence, bool *is_good, am_error *err) {
    const am_decode_result *r = &p->result;
    am_passage_set_silent(p, seek, n_frames);
    *is_silence = *is_good = false;
    if (r->is_damaged)
        return am_fail(err, AM_E_MODEL, "the model computes numbers that are not finite: its file is damaged");
    am_status status = text_of(model, r->tokens, r->n_tokens, text, err);
    if (status != AM_OK) return status;
    p->compression_ratio = compression_of(text);
    *is_silence = r->no_speech_prob > NO_SPEECH_THRESHOLD && r->avg_logprob < LOGPROB_THRESHOLD;
    *is_good = p->compression_ratio <= COMPRESSION_THRESHOLD && r->avg_logprob >= LOGPROB_THRESHOLD;
    return AM_OK;
}

am_cut am_passage_cut(am_passage *p, const am_model *model) {
    int32_t first_timestamp = am_vocabulary_specials(model->vocabulary)->first_timestamp;
    am_cut cut = am_timestamps_cut(p->result.tokens, p->result.n_tokens, first_timestamp, p->n_frames, p->spans);
    p->n_spans = cut.n_spans;
    if (cut.advance < p->n_frames) p->n_frames = cut.advance;
    return cut;
}

void am_passage_cut_whole(am_passage *p, const am_model *model) {
    int32_t first_timestamp = am_vocabulary_specials(model->vocabulary)->first_timestamp;
    p->n_spans = am_timestamps_cut_whole(p->result.tokens, p->result.n_tokens, first_timestamp, p->n_frames, p->spans);
}

am_status am_passage_next(am_passage *p, const am_model *model, am_buf *text, am_segment *segment, am_error *err) {
    const am_decode_result *r = &p->result;
    while (p->next_span < p->n_spans) {
        const am_span *span = &p->spans[p->next_span++];
        am_status status = text_of(model, r->tokens + span->first, span->n, text, err);
        if (status != AM_OK) return status;
        if (span->end_step <= span->start_step || text->len == 0) continue;
        if (strspn(text->data, white_space) == text->len) continue;
        *segment = (am_segment){
            .seek = p->seek,
            .start = (double)p->seek * 0.01 + span->start_step * 0.02,
            .end = (double)p->seek * 0.01 + span->end_step * 0.02,
            .text = text->data,
            .tokens = r->tokens + span->first,
            .n_tokens = span->n,
            .temperature = r->temperature,
            .avg_logprob = r->avg_logprob,
            .compression_ratio = p->compression_ratio,
            .no_speech_prob = r->no_speech_prob,
        };
        return AM_OK;
    }
    return AM_E_END;
}
