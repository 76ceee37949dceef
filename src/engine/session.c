/* A session: samples in, segments out.  Windows of at most 30 s go mel -> encoder -> decoder one after the other; each
 * says where the next begins.  All memory is taken when the session opens, but for the text of segments.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/versioned.h"
#include "engine/decoder.h"
#include "engine/timestamps.h"
#include "engine/window.h"
#include "text/deflate_size.h"
#include "text/language.h"

/* Whisper's thresholds (Radford et al. 2022, section 4.5). */
#define NO_SPEECH_THRESHOLD 0.6f
#define LOGPROB_THRESHOLD (-1.0f)
#define COMPRESSION_THRESHOLD 2.4f

#define MAX_TEXT_BYTES (1u << 20)
/* A window's text with every byte repaired to three: taken up front so that decoding allocates nothing. */
#define USUAL_TEXT_BYTES (1u << 16)

struct am_session {
    const am_model *model;
    am_pool *pool;
    am_backend *backend;
    am_decoder decoder;
    am_window window;
    am_logger logger;
    am_error error;
    am_status failed; /* a failure that ended the session */
    am_decode_options options;
    am_decode_result result;
    bool detect_language, languages_known, use_previous;
    double start_sec;
    float *mel;     /* [n_mels, 3000] */
    float *encoded; /* [n_audio_ctx, n_audio_state] */
    float language_probs[AM_N_LANGUAGES];
    int32_t *previous; /* [n_text_ctx]: the newest tokens of the text before */
    /* The window's segments still to be handed out */
    am_span *spans;
    int n_spans, next_span;
    int64_t window_seek, next_id;
    float compression_ratio;
    am_segment segment;
    am_buf text;
    _Atomic bool cancelled;
    _Atomic int64_t done_frames;
};

/* ---- Opening ------------------------------------------------------------------------------------------------ */

static am_status choose_language(am_session *s, const am_session_config *cfg, am_error *err) {
    const am_specials *specials = am_vocabulary_specials(s->model->vocabulary);
    bool is_auto = !cfg->language || !*cfg->language || strcmp(cfg->language, "auto") == 0;
    int index = is_auto ? 0 : am_language_find(cfg->language);
    if (index < 0) return am_fail(err, AM_E_ARG, "unknown language \"%s\"", cfg->language);
    if (!specials->multilingual) {
        if (index != 0) return am_fail(err, AM_E_ARG, "this model knows English only, not %s", am_language_name(index));
        if (cfg->task == AM_TASK_TRANSLATE)
            return am_fail(err, AM_E_ARG, "this model knows English only and cannot translate");
        is_auto = false;
    } else if (index >= specials->n_languages) {
        return am_fail(err, AM_E_ARG, "this model has no %s; only large-v3 and turbo have", am_language_name(index));
    }
    s->detect_language = is_auto;
    s->languages_known = !is_auto;
    s->options.language = index;
    if (!is_auto) s->language_probs[index] = 1;
    return AM_OK;
}

/* The prompt given by the user stands where the text before would. */
static am_status take_initial_prompt(am_session *s, const am_session_config *cfg, am_error *err) {
    if (!cfg->initial_prompt || !*cfg->initial_prompt) return AM_OK;
    size_t len = strlen(cfg->initial_prompt);
    char *text = malloc(len + 2);
    int32_t *tokens = malloc((len + 1) * sizeof *tokens);
    int n = 0, most = AM_MAX_PREVIOUS(&s->model->dims);
    am_status status = text && tokens ? AM_OK : am_fail_nomem(err, "the prompt", len * sizeof *tokens);
    if (status == AM_OK) {
        const char *start = cfg->initial_prompt + strspn(cfg->initial_prompt, " \t\r\n");
        text[0] = ' ';
        memcpy(text + 1, start, strlen(start) + 1);
        status = am_vocabulary_encode(s->model->vocabulary, text, tokens, (int)len + 1, &n);
        if (status != AM_OK) am_fail(err, status, "the prompt cannot be turned into tokens");
    }
    if (status == AM_OK) {
        int kept = n < most ? n : most;
        if (kept < n) am_log(&s->logger, AM_LOG_WARNING, "the prompt has %d tokens; its last %d are used", n, kept);
        memcpy(s->previous, tokens + n - kept, (size_t)kept * sizeof *tokens);
        s->options.n_previous = kept;
    }
    free(tokens);
    free(text);
    return status;
}

static am_status take_memory(am_session *s, am_error *err) {
    const am_dims *d = &s->model->dims;
    size_t n_mel = (size_t)d->n_mels * AM_WINDOW_FRAMES, n_encoded = (size_t)d->n_audio_ctx * d->n_audio_state;
    size_t n_sampled = (size_t)AM_MAX_SAMPLED(d) + 1;
    s->mel = malloc(n_mel * sizeof *s->mel);
    s->encoded = malloc(n_encoded * sizeof *s->encoded);
    s->previous = malloc((size_t)d->n_text_ctx * sizeof *s->previous);
    s->result.tokens = malloc(n_sampled * sizeof *s->result.tokens);
    s->spans = malloc(n_sampled * sizeof *s->spans);
    am_buf_init(&s->text, MAX_TEXT_BYTES);
    am_status status = am_buf_reserve(&s->text, USUAL_TEXT_BYTES);
    if (status == AM_OK && s->mel && s->encoded && s->previous && s->result.tokens && s->spans) return AM_OK;
    return am_fail_nomem(err, "a session", (n_mel + n_encoded) * sizeof *s->mel);
}

static am_status check_config(const am_session_config *cfg, am_error *err) {
    if (cfg->task != AM_TASK_TRANSCRIBE && cfg->task != AM_TASK_TRANSLATE)
        return am_fail(err, AM_E_ARG, "unknown task %d", (int)cfg->task);
    if (cfg->device && strcmp(cfg->device, "auto") != 0 && strcmp(cfg->device, "cpu") != 0)
        return am_fail(err, AM_E_ARG, "unknown device \"%s\"; known are auto and cpu", cfg->device);
    if (!isfinite(cfg->start_sec)) return am_fail(err, AM_E_ARG, "the start time is not a finite number");
    return AM_OK;
}

am_status am_session_open(am_session **session, const am_model *model, const am_session_config *user_cfg,
                          am_error *err) {
    if (!session) return am_fail(err, AM_E_ARG, "am_session_open: session is NULL");
    *session = NULL;
    am_error_clear(err);
    am_session_config copy, *cfg = &copy;
    if (!model || !am_versioned_read(cfg, sizeof *cfg, user_cfg))
        return am_fail(err, AM_E_ARG, "am_session_open: no model or no configuration is given");
    am_status status = check_config(cfg, err);
    if (status != AM_OK) return status;
    am_session *s = calloc(1, sizeof *s);
    if (!s) return am_fail_nomem(err, "a session", sizeof *s);
    s->model = model;
    s->logger = cfg->logger;
    s->start_sec = cfg->start_sec;
    s->use_previous = !cfg->no_previous_text;
    s->options.task = cfg->task;
    s->options.timestamps = !cfg->no_timestamps;
    status = choose_language(s, cfg, err);
    if (status == AM_OK) status = take_memory(s, err);
    if (status == AM_OK) status = take_initial_prompt(s, cfg, err);
    if (status == AM_OK) status = am_window_open(&s->window, err);
    if (status == AM_OK) status = am_pool_open(&s->pool, cfg->n_threads, err);
    if (status == AM_OK) status = model->ops->open(&s->backend, model->prepared, s->pool, 1, err);
    if (status == AM_OK) status = am_decoder_open(&s->decoder, model, s->backend, &s->cancelled, err);
    if (status != AM_OK) am_session_close(&s);
    else s->options.previous = s->previous;
    *session = s;
    return status;
}

void am_session_close(am_session **session) {
    if (!session || !*session) return;
    am_session *s = *session;
    am_decoder_close(&s->decoder);
    if (s->backend) s->model->ops->close(&s->backend);
    am_pool_close(&s->pool);
    am_window_close(&s->window);
    am_buf_free(&s->text);
    free(s->spans);
    free(s->result.tokens);
    free(s->previous);
    free(s->encoded);
    free(s->mel);
    free(s);
    *session = NULL;
}

/* ---- Feeding ------------------------------------------------------------------------------------------------ */

am_status am_session_feed(am_session *s, const float *pcm, size_t n_samples) {
    if (!s) return AM_E_ARG;
    if (!pcm && n_samples) return am_fail(&s->error, AM_E_ARG, "no samples are given");
    if (s->window.finished) return am_fail(&s->error, AM_E_STATE, "samples were fed after the end was declared");
    if (n_samples > AM_FEED_MAX)
        return am_fail(&s->error, AM_E_ARG, "%zu samples at once; at most %d are taken", n_samples, AM_FEED_MAX);
    for (size_t i = 0; i < n_samples; i++)
        if (!isfinite(pcm[i])) return am_fail(&s->error, AM_E_ARG, "sample %zu is not a finite number", i);
    return am_window_feed(&s->window, pcm, n_samples);
}

am_status am_session_finish(am_session *s) {
    if (!s) return AM_E_ARG;
    s->window.finished = true;
    return AM_OK;
}

void am_session_cancel(am_session *s) {
    if (!s) return;
    atomic_store(&s->cancelled, true);
}

/* ---- One window --------------------------------------------------------------------------------------------- */

static am_status detect_language(am_session *s) {
    am_status status = am_decoder_languages(&s->decoder, 0, s->language_probs, &s->error);
    if (status != AM_OK) return status;
    s->options.language = am_arg_max(s->language_probs, am_vocabulary_specials(s->model->vocabulary)->n_languages);
    s->languages_known = true;
    return AM_OK;
}

/* The next window continues this text.  Text that failed the thresholds would only be continued as badly. */
static void remember(am_session *s, int n_tokens, bool is_good) {
    const int32_t *tokens = s->result.tokens;
    if (!s->use_previous || !is_good) {
        s->options.n_previous = 0;
        return;
    }
    int most = AM_MAX_PREVIOUS(&s->model->dims);
    int n_new = n_tokens < most ? n_tokens : most;
    int n_old = s->options.n_previous < most - n_new ? s->options.n_previous : most - n_new;
    memmove(s->previous, s->previous + s->options.n_previous - n_old, (size_t)n_old * sizeof *s->previous);
    memcpy(s->previous + n_old, tokens + n_tokens - n_new, (size_t)n_new * sizeof *s->previous);
    s->options.n_previous = n_old + n_new;
}

static am_status text_of(am_session *s, const int32_t *tokens, int n) {
    am_buf_clear(&s->text);
    am_status status = am_vocabulary_decode(s->model->vocabulary, tokens, n, &s->text);
    return status == AM_OK ? AM_OK : am_fail(&s->error, status, "out of memory for the text of a window");
}

/* Of the text without the white space around it, as openai/whisper measures it. */
static float compression_of(const am_buf *text) {
    static const char space[] = " \t\r\n";
    size_t first = text->len ? strspn(text->data, space) : 0, end = text->len;
    while (end > first && strchr(space, text->data[end - 1])) end--;
    return end > first ? am_compression_ratio(text->data + first, end - first) : 0;
}

/* Turn the decoder's result into segments to hand out and move on to where the next window begins. */
static am_status take_result(am_session *s) {
    am_decode_result *r = &s->result;
    am_status status = text_of(s, r->tokens, r->n_tokens);
    if (status != AM_OK) return status;
    int n_frames = am_window_frames(&s->window);
    s->compression_ratio = compression_of(&s->text);
    bool is_silence = r->no_speech_prob > NO_SPEECH_THRESHOLD && r->avg_logprob < LOGPROB_THRESHOLD;
    am_cut cut = { 0, 0, n_frames };
    if (!is_silence) {
        cut = am_timestamps_cut(r->tokens, r->n_tokens, am_vocabulary_specials(s->model->vocabulary)->first_timestamp,
                                n_frames, s->spans);
        remember(s, cut.n_done, s->compression_ratio <= COMPRESSION_THRESHOLD && r->avg_logprob >= LOGPROB_THRESHOLD);
    }
    s->n_spans = cut.n_spans;
    s->next_span = 0;
    s->window_seek = s->window.seek;
    am_window_advance(&s->window, cut.advance > n_frames ? n_frames : cut.advance);
    return AM_OK;
}

static am_status run_window(am_session *s) {
    const am_backend_ops *ops = s->model->ops;
    int n_samples = am_window_samples(&s->window);
    if (am_window_is_silent(&s->window)) {
        am_window_advance(&s->window, (n_samples + AM_HOP - 1) / AM_HOP);
        return AM_OK;
    }
    am_status status = ops->mel(s->backend, s->window.pcm, n_samples, s->mel, &s->error);
    if (status == AM_OK) status = ops->encode(s->backend, s->mel, s->encoded, &s->error);
    if (status == AM_OK && atomic_load(&s->cancelled)) status = am_fail(&s->error, AM_E_CANCELLED, "cancelled");
    if (status == AM_OK) status = ops->cross_kv(s->backend, s->encoded, 0, &s->error);
    if (status == AM_OK && s->detect_language && !s->languages_known) status = detect_language(s);
    if (status == AM_OK) status = am_decoder_run(&s->decoder, 0, &s->options, &s->result, &s->error);
    return status == AM_OK ? take_result(s) : status;
}

/* ---- Segments out ------------------------------------------------------------------------------------------- */

/* Fill s->segment from the next span; false when it holds no text. */
static am_status emit(am_session *s, bool *has_text) {
    const am_span *span = &s->spans[s->next_span++];
    const am_decode_result *r = &s->result;
    am_status status = text_of(s, r->tokens + span->first, span->n);
    if (status != AM_OK) return status;
    *has_text = s->text.len > 0 && strspn(s->text.data, " \t\r\n") < s->text.len && span->end_step > span->start_step;
    if (!*has_text) return AM_OK;
    double offset = s->start_sec + (double)s->window_seek * 0.01;
    s->segment = (am_segment){
        .id = s->next_id++,
        .seek = s->window_seek,
        .start = offset + span->start_step * 0.02,
        .end = offset + span->end_step * 0.02,
        .text = s->text.data,
        .tokens = r->tokens + span->first,
        .n_tokens = span->n,
        .temperature = r->temperature,
        .avg_logprob = r->avg_logprob,
        .compression_ratio = s->compression_ratio,
        .no_speech_prob = r->no_speech_prob,
        .language = am_language_code(s->options.language),
    };
    return AM_OK;
}

am_status am_session_next(am_session *s, const am_segment **segment) {
    if (!segment) return AM_E_ARG;
    *segment = NULL;
    if (!s) return AM_E_ARG;
    if (s->failed != AM_OK) return s->failed;
    for (;;) {
        bool has_text = false;
        while (s->next_span < s->n_spans && !has_text) {
            am_status status = emit(s, &has_text);
            if (status != AM_OK) return s->failed = status;
        }
        if (has_text) {
            *segment = &s->segment;
            return AM_OK;
        }
        atomic_store(&s->done_frames, s->window.seek);
        if (atomic_load(&s->cancelled)) return s->failed = am_fail(&s->error, AM_E_CANCELLED, "cancelled");
        if (!am_window_ready(&s->window)) return s->window.finished ? AM_E_END : AM_E_AGAIN;
        am_status status = run_window(s);
        if (status != AM_OK) return s->failed = status;
    }
}

double am_session_position(const am_session *s) {
    if (!s) return 0;
    return s->start_sec + 0.01 * (double)atomic_load(&s->done_frames);
}

const am_error *am_session_error(const am_session *s) {
    static const am_error none = { AM_E_ARG, "there is no session" };
    return s ? &s->error : &none;
}

am_status am_session_languages(const am_session *s, am_language_prob *out, size_t cap, size_t *n) {
    if (!s || !n || (!out && cap)) return AM_E_ARG;
    *n = 0;
    if (!s->languages_known) return AM_OK;
    bool taken[AM_N_LANGUAGES] = { false };
    while (*n < cap && *n < AM_N_LANGUAGES) {
        int best = -1;
        for (int i = 0; i < AM_N_LANGUAGES; i++)
            if (!taken[i] && s->language_probs[i] > 0 && (best < 0 || s->language_probs[i] > s->language_probs[best]))
                best = i;
        if (best < 0) break;
        taken[best] = true;
        out[(*n)++] = (am_language_prob){ am_language_code(best), s->language_probs[best] };
    }
    return AM_OK;
}
