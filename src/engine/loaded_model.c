/* Opening a model: the checked file becomes prepared weights and a vocabulary, then the file is let go.  In INT8 the
 * weights are a container's, which stays mapped, or made here and kept.
 *
 * SPDX-License-Identifier: MIT */
#include "engine/loaded_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/versioned.h"
#include "model/capacity.h"
#include "model/containers.h"

/* Model sizes as published; large-v1, v2 and v3 differ in n_mels and n_vocab only. */
static const struct {
    const char *name;
    int n_state, n_audio_layer, n_text_layer;
} sizes[] = {
    { "tiny", 384, 4, 4 },      { "base", 512, 6, 6 },     { "small", 768, 12, 12 },
    { "medium", 1024, 24, 24 }, { "large", 1280, 32, 32 }, { "turbo", 1280, 32, 4 },
};

const char *am_dims_size_name(const am_dims *d) {
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (d->n_audio_state == sizes[i].n_state && d->n_audio_layer == sizes[i].n_audio_layer &&
            d->n_text_layer == sizes[i].n_text_layer)
            return sizes[i].name;
    return "custom";
}

static am_status check_config(const am_model_config *cfg, unsigned *cpu_flags, am_error *err) {
    if (!cfg->path || !*cfg->path) return am_fail(err, AM_E_ARG, "no model was named");
    const char *compute = cfg->compute;
    if (compute && strcmp(compute, "auto") != 0 && strcmp(compute, "int8") != 0 && strcmp(compute, "f32") != 0)
        return am_fail(err, AM_E_ARG, "unknown compute type \"%s\"; known are auto, int8 and f32", compute);
    return am_cpu_mask(cfg->cpu, cpu_flags, err);
}

static am_status choose_compute(const am_model_config *cfg, bool *is_int8, am_error *err) {
    *is_int8 = !cfg->compute || strcmp(cfg->compute, "f32") != 0;
    if (!*is_int8 && am_container_is(cfg->path))
        return am_fail(err, AM_E_UNSUPPORTED, "%.600s: a converted model computes in int8, not in %s", cfg->path,
                       cfg->compute);
    return AM_OK;
}

/* What the window and the prompt rely on: 30 s are 1,500 positions, and a prompt with its task and some text fits. */
#define MIN_TEXT_CTX 16

static am_status check_dims(const char *path, const am_dims *d, am_error *err) {
    if (d->n_audio_ctx != AM_WINDOW_FRAMES / 2)
        return am_fail(err, AM_E_MODEL, "%s: an audio context of %d positions; Whisper's is %d", path, d->n_audio_ctx,
                       AM_WINDOW_FRAMES / 2);
    if (d->n_text_ctx < MIN_TEXT_CTX)
        return am_fail(err, AM_E_MODEL, "%s: a text context of %d tokens; at least %d are needed", path, d->n_text_ctx,
                       MIN_TEXT_CTX);
    return AM_OK;
}

/* A blank and the end: what Whisper forbids as the first token where the model does not say. */
static int default_suppress_first(const am_vocabulary *v, int32_t tokens[2]) {
    int n = 0;
    if (am_vocabulary_encode(v, " ", tokens, 1, &n) != AM_OK || n != 1) n = 0;
    tokens[n++] = am_vocabulary_specials(v)->end_of_text;
    return n;
}

/* What a model is besides its weights, wherever it comes from. */
typedef struct facts {
    const char *format;
    const am_dims *dims;
    const am_vocab_bytes *vocab;
    const int32_t *suppress, *suppress_begin;
    int n_suppress, n_suppress_begin;
} facts;

static facts facts_of_weights(const am_weights *w) {
    return (
        facts){ w->format, &w->dims, &w->vocab, w->suppress, w->suppress_begin, w->n_suppress, w->n_suppress_begin };
}

static facts facts_of_quantized(const am_quantized *q) {
    return (
        facts){ q->format, &q->dims, &q->vocab, q->suppress, q->suppress_begin, q->n_suppress, q->n_suppress_begin };
}

/* The model's own lists, or Whisper's for its vocabulary. */
static am_status take_suppress_lists(am_model *m, const facts *f, am_error *err) {
    int n = f->n_suppress ? f->n_suppress : am_vocabulary_default_suppress(m->vocabulary, NULL, 0);
    int n_first = f->n_suppress_begin ? f->n_suppress_begin : 2;
    m->suppress = malloc((size_t)(n ? n : 1) * sizeof *m->suppress);
    m->suppress_first = malloc((size_t)n_first * sizeof *m->suppress_first);
    if (!m->suppress || !m->suppress_first)
        return am_fail_nomem(err, "the lists of suppressed tokens", (size_t)(n + n_first) * sizeof *m->suppress);
    m->n_suppress = n;
    if (f->n_suppress) memcpy(m->suppress, f->suppress, (size_t)n * sizeof *m->suppress);
    else am_vocabulary_default_suppress(m->vocabulary, m->suppress, n);
    m->n_suppress_first = n_first;
    if (f->n_suppress_begin) memcpy(m->suppress_first, f->suppress_begin, (size_t)n_first * sizeof *m->suppress_first);
    else m->n_suppress_first = default_suppress_first(m->vocabulary, m->suppress_first);
    return AM_OK;
}

static uint64_t count_parameters(const am_dims *d) {
    uint64_t a = (uint64_t)d->n_audio_state, t = (uint64_t)d->n_text_state;
    uint64_t attention_a = 4 * a * a + 3 * a, attention_t = 4 * t * t + 3 * t;
    uint64_t encoder_layer = attention_a + 8 * a * a + 5 * a + 4 * a;
    uint64_t decoder_layer = 2 * attention_t + 8 * t * t + 5 * t + 6 * t;
    return a * (uint64_t)d->n_mels * 3 + a + a * a * 3 + a + (uint64_t)d->n_audio_layer * encoder_layer + 2 * a +
           ((uint64_t)d->n_vocab + (uint64_t)d->n_text_ctx) * t + (uint64_t)d->n_text_layer * decoder_layer + 2 * t;
}

static am_status fill(am_model *m, const facts *f, const char *path, am_error *err) {
    am_status status = check_dims(path, f->dims, err);
    if (status != AM_OK) return status;
    m->dims = *f->dims;
    m->format = f->format;
    m->n_parameters = count_parameters(f->dims);
    status = am_vocabulary_open(&m->vocabulary, f->vocab->n_tokens, f->vocab->offset, f->vocab->bytes, err);
    return status == AM_OK ? take_suppress_lists(m, f, err) : status;
}

static am_status open_f32(am_model *m, const am_model_config *cfg, am_pool *pool, am_error *err) {
    am_weights *w;
    am_status status = am_weights_open(&w, cfg->path, &cfg->logger, err);
    if (status == AM_OK) {
        facts f = facts_of_weights(w);
        status = fill(m, &f, cfg->path, err);
    }
    if (status == AM_OK) status = am_capacity_check_model(&m->dims, false, err);
    am_prepare_config prepare = { .weights = w, .cpu_flags = m->cpu_flags, .pool = pool };
    if (status == AM_OK) status = m->ops->prepare(&m->prepared, &prepare, err);
    am_weights_close(&w);
    return status;
}

static am_status open_int8(am_model *m, const am_model_config *cfg, am_pool *pool, am_error *err) {
    am_status status = am_quantized_load(&m->quantized, cfg->path, cfg->container_dir, pool, &cfg->logger, err);
    if (status != AM_OK) return status;
    const am_quantized *q = m->quantized;
    facts f = facts_of_quantized(q);
    status = fill(m, &f, cfg->path, err);
    am_prepare_config prepare = { .quantized = q, .cpu_flags = m->cpu_flags, .pool = pool };
    if (status == AM_OK) status = m->ops->prepare(&m->prepared, &prepare, err);
    am_quantized_release_rows(q, &q->conv1);
    am_quantized_release_rows(q, &q->conv2);
    return status;
}

am_status am_model_open(am_model **model, const am_model_config *user_cfg, am_error *err) {
    if (!model) return am_fail(err, AM_E_ARG, "am_model_open: model is NULL");
    *model = NULL;
    am_error_clear(err);
    unsigned cpu_flags;
    bool is_int8 = false;
    am_model_config cfg;
    if (!am_versioned_read(&cfg, sizeof cfg, user_cfg)) return am_fail(err, AM_E_ARG, "no configuration is given");
    am_status status = check_config(&cfg, &cpu_flags, err);
    if (status == AM_OK) status = choose_compute(&cfg, &is_int8, err);
    if (status != AM_OK) return status;
    am_model *m = calloc(1, sizeof *m);
    if (!m) return am_fail_nomem(err, "a model", sizeof *m);
    m->cpu_flags = cpu_flags;
    am_kernels_init(&m->kernels, cpu_flags);
    m->ops = &am_backend_cpu;
    am_pool *pool = NULL;
    status = am_pool_open(&pool, cfg.n_threads, err);
    if (status == AM_OK) status = is_int8 ? open_int8(m, &cfg, pool, err) : open_f32(m, &cfg, pool, err);
    am_pool_close(&pool);
    if (status != AM_OK) am_model_close(&m);
    *model = m;
    return status;
}

void am_model_close(am_model **model) {
    if (!model || !*model) return;
    am_model *m = *model;
    if (m->prepared) m->ops->release(&m->prepared);
    am_quantized_close(&m->quantized);
    am_vocabulary_close(&m->vocabulary);
    free(m->suppress);
    free(m->suppress_first);
    free(m);
    *model = NULL;
}

am_status am_model_info_get(const am_model *m, am_model_info *info) {
    if (!m) return AM_E_ARG;
    const am_dims *d = &m->dims;
    const am_specials *s = am_vocabulary_specials(m->vocabulary);
    am_model_info full = {
        .format = m->format,
        .size = am_dims_size_name(d),
        .compute = m->quantized ? "int8" : "f32",
        .cpu = am_cpu_name(m->cpu_flags),
        .n_mels = d->n_mels,
        .n_vocab = d->n_vocab,
        .n_languages = s->n_languages,
        .n_audio_ctx = d->n_audio_ctx,
        .n_audio_state = d->n_audio_state,
        .n_audio_head = d->n_audio_head,
        .n_audio_layer = d->n_audio_layer,
        .n_text_ctx = d->n_text_ctx,
        .n_text_state = d->n_text_state,
        .n_text_head = d->n_text_head,
        .n_text_layer = d->n_text_layer,
        .is_multilingual = s->multilingual,
        .n_parameters = m->n_parameters,
        .weight_bytes = m->ops->prepared_bytes(m->prepared),
    };
    return am_versioned_write(info, &full, sizeof full) ? AM_OK : AM_E_ARG;
}
