/* See engine.h.  SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "model/capacity.h"

#define MAX_TEXT_BYTES (1u << 20)
/* A window's text with every byte repaired to three: taken up front so that decoding allocates nothing. */
#define USUAL_TEXT_BYTES (1u << 16)

static am_status choose_language(am_engine *e, const am_session_config *cfg, am_error *err) {
    const am_specials *specials = am_vocabulary_specials(e->model->vocabulary);
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
    e->languages_known = !is_auto;
    e->options.language = index;
    if (!is_auto) e->language_probs[index] = 1;
    return AM_OK;
}

/* The prompt given by the user stands where the text before would. */
static am_status take_initial_prompt(am_engine *e, const am_session_config *cfg, am_error *err) {
    if (!cfg->initial_prompt || !*cfg->initial_prompt) return AM_OK;
    size_t len = strlen(cfg->initial_prompt);
    char *text = malloc(len + 2);
    int32_t *tokens = malloc((len + 1) * sizeof *tokens);
    int n = 0, most = AM_MAX_PREVIOUS(&e->model->dims);
    am_status status = text && tokens ? AM_OK : am_fail_nomem(err, "the prompt", len * sizeof *tokens);
    if (status == AM_OK) {
        const char *start = cfg->initial_prompt + strspn(cfg->initial_prompt, " \t\r\n");
        text[0] = ' ';
        memcpy(text + 1, start, strlen(start) + 1);
        status = am_vocabulary_encode(e->model->vocabulary, text, tokens, (int)len + 1, &n);
        if (status != AM_OK) am_fail(err, status, "the prompt cannot be turned into tokens");
    }
    if (status == AM_OK) {
        int kept = n < most ? n : most;
        if (kept < n) am_log(&cfg->logger, AM_LOG_WARNING, "the prompt has %d tokens; its last %d are used", n, kept);
        memcpy(e->previous, tokens + n - kept, (size_t)kept * sizeof *tokens);
        e->options.n_previous = kept;
    }
    free(tokens);
    free(text);
    return status;
}

am_status am_engine_open(am_engine *e, const am_model *model, const am_session_config *cfg, int n_slots,
                         am_error *err) {
    size_t previous_bytes = (size_t)model->dims.n_text_ctx * sizeof *e->previous;
    e->model = model;
    e->options.task = cfg->task;
    e->options.timestamps = !cfg->no_timestamps;
    am_buf_init(&e->text, MAX_TEXT_BYTES);
    am_status status = choose_language(e, cfg, err);
    if (status != AM_OK) return status;
    e->previous = malloc(previous_bytes);
    e->options.previous = e->previous;
    if (!e->previous || am_buf_reserve(&e->text, USUAL_TEXT_BYTES) != AM_OK)
        return am_fail_nomem(err, "a session", previous_bytes + USUAL_TEXT_BYTES);
    status = take_initial_prompt(e, cfg, err);
    if (status == AM_OK) status = am_window_open(&e->window, err);
    if (status == AM_OK) status = am_pool_open(&e->pool, cfg->n_threads, err);
    if (status == AM_OK)
        status =
            am_capacity_check_session(&model->dims, model->quantized != NULL, n_slots, am_pool_n_threads(e->pool), err);
    if (status == AM_OK) status = model->ops->open(&e->backend, model->prepared, e->pool, n_slots, err);
    if (status == AM_OK) status = am_decoder_open(&e->decoder, model, e->pool, e->backend, n_slots, err);
    if (status == AM_OK) status = am_encoding_open(&e->encoding, model, e->backend, &e->cancelled, err);
    return status;
}

void am_engine_close(am_engine *e) {
    am_encoding_close(&e->encoding);
    am_decoder_close(&e->decoder);
    if (e->backend) e->model->ops->close(&e->backend);
    am_pool_close(&e->pool);
    am_window_close(&e->window);
    am_buf_free(&e->text);
    free(e->previous);
    e->previous = NULL;
}

am_status am_engine_detect_language(am_engine *e, int slot) {
    if (e->languages_known) return AM_OK;
    am_status status = am_decoder_languages(&e->decoder, slot, e->language_probs, &e->error);
    if (status != AM_OK) return status;
    int n = am_vocabulary_specials(e->model->vocabulary)->n_languages;
    e->options.language = e->model->kernels.max_f32(e->language_probs, n);
    e->languages_known = true;
    return AM_OK;
}
