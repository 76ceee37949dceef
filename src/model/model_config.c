/* config.json and generation_config.json: the lists that steer decoding, and the dimensions Hugging Face keeps there.
 *
 * CTranslate2 writes suppress_ids and suppress_ids_begin, Hugging Face suppress_tokens and begin_suppress_tokens; both
 * write alignment_heads as pairs of layer and head.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "model/tensors.h"

/* The longest list Whisper has is 90 tokens, 20 * 32 heads. */
enum { LIST_MAX = 1 << 16 };

typedef struct reader {
    am_mapping file;
    am_json json;
    am_error *err;
} reader;

static am_status fail_json(reader *r, const char *key, const char *what) {
    return am_fail(r->err, AM_E_MODEL, "%s: at byte %zu: %s%s%s", r->file.shown, r->json.pos, key, *key ? ": " : "",
                   r->json.error ? r->json.error : what);
}

static am_status take_int(reader *r, const char *key, int32_t *value) {
    double n = r->json.number;
    if (!(n >= -1 && n <= 1e9 && n == (double)(int32_t)n)) return fail_json(r, key, "not a token or head number");
    *value = (int32_t)n;
    return AM_OK;
}

/* A list of numbers, or null, into freshly allocated memory; -1 ("the default", in old configurations) makes it empty. */
static am_status read_list(reader *r, const char *key, int32_t **list, int *n_list) {
    free(*list);
    *list = NULL;
    *n_list = 0;
    am_json_token t = am_json_next(&r->json);
    if (t == AM_JSON_NULL) return AM_OK;
    if (t != AM_JSON_ARRAY) return fail_json(r, key, "a list of numbers is expected");
    int cap = 0;
    bool use_default = false;
    for (;;) {
        t = am_json_next(&r->json);
        if (t == AM_JSON_ARRAY_END) break;
        if (t != AM_JSON_NUMBER) return fail_json(r, key, "a list of numbers is expected");
        if (*n_list == LIST_MAX) return fail_json(r, key, "the list is too long");
        if (*n_list == cap) {
            cap = cap ? cap * 2 : 64;
            int32_t *grown = realloc(*list, (size_t)cap * sizeof *grown);
            if (!grown) return am_fail_nomem(r->err, key, (size_t)cap * sizeof *grown);
            *list = grown;
        }
        am_status status = take_int(r, key, &(*list)[*n_list]);
        if (status != AM_OK) return status;
        if ((*list)[(*n_list)++] == -1) use_default = true;
    }
    if (use_default) *n_list = 0;
    return AM_OK;
}

/* [[layer, head], ...] or null */
static am_status read_heads(reader *r, am_weights *w) {
    static const char key[] = "alignment_heads";
    free(w->alignment_heads);
    w->alignment_heads = NULL;
    w->n_alignment_heads = 0;
    am_json_token t = am_json_next(&r->json);
    if (t == AM_JSON_NULL) return AM_OK;
    if (t != AM_JSON_ARRAY) return fail_json(r, key, "a list of pairs is expected");
    int cap = 0;
    while ((t = am_json_next(&r->json)) == AM_JSON_ARRAY) {
        if (w->n_alignment_heads == LIST_MAX) return fail_json(r, key, "the list is too long");
        if (w->n_alignment_heads == cap) {
            cap = cap ? cap * 2 : 16;
            int32_t(*grown)[2] = realloc(w->alignment_heads, (size_t)cap * sizeof *grown);
            if (!grown) return am_fail_nomem(r->err, key, (size_t)cap * sizeof *grown);
            w->alignment_heads = grown;
        }
        int32_t *pair = w->alignment_heads[w->n_alignment_heads++];
        for (int i = 0; i < 2; i++) {
            if (am_json_next(&r->json) != AM_JSON_NUMBER) return fail_json(r, key, "a pair of numbers is expected");
            am_status status = take_int(r, key, &pair[i]);
            if (status != AM_OK) return status;
        }
        if (am_json_next(&r->json) != AM_JSON_ARRAY_END) return fail_json(r, key, "a pair of numbers is expected");
    }
    return t == AM_JSON_ARRAY_END ? AM_OK : fail_json(r, key, "a list of pairs is expected");
}

static am_status read_lists(reader *r, am_weights *w, bool *known) {
    *known = true;
    if (am_json_is(&r->json, "suppress_ids") || am_json_is(&r->json, "suppress_tokens"))
        return read_list(r, "suppress_tokens", &w->suppress, &w->n_suppress);
    if (am_json_is(&r->json, "suppress_ids_begin") || am_json_is(&r->json, "begin_suppress_tokens"))
        return read_list(r, "begin_suppress_tokens", &w->suppress_begin, &w->n_suppress_begin);
    if (am_json_is(&r->json, "alignment_heads")) return read_heads(r, w);
    *known = false;
    return AM_OK;
}

static void read_text(reader *r, char *out, size_t cap) {
    if (am_json_next(&r->json) == AM_JSON_STRING) am_show(out, cap, r->json.str, r->json.str_len);
}

/* A key of Hugging Face's configuration that matters; any other value is skipped. */
static am_status read_hf(reader *r, am_hf_config *hf) {
    const struct {
        const char *key;
        double *value;
    } numbers[] = {
        { "d_model", &hf->d_model },
        { "encoder_layers", &hf->encoder_layers },
        { "decoder_layers", &hf->decoder_layers },
        { "encoder_attention_heads", &hf->encoder_heads },
        { "decoder_attention_heads", &hf->decoder_heads },
        { "encoder_ffn_dim", &hf->encoder_ffn },
        { "decoder_ffn_dim", &hf->decoder_ffn },
        { "num_mel_bins", &hf->n_mels },
        { "vocab_size", &hf->n_vocab },
        { "max_source_positions", &hf->n_audio_ctx },
        { "max_target_positions", &hf->n_text_ctx },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!am_json_is(&r->json, numbers[i].key)) continue;
        if (am_json_next(&r->json) != AM_JSON_NUMBER) return fail_json(r, numbers[i].key, "a number is expected");
        *numbers[i].value = r->json.number;
        return AM_OK;
    }
    if (am_json_is(&r->json, "model_type")) read_text(r, hf->model_type, sizeof hf->model_type);
    else if (am_json_is(&r->json, "activation_function")) read_text(r, hf->activation, sizeof hf->activation);
    else if (am_json_is(&r->json, "scale_embedding")) hf->scale_embedding = am_json_next(&r->json) == AM_JSON_TRUE;
    else am_json_skip(&r->json);
    return r->json.error ? fail_json(r, "", "damaged") : AM_OK;
}

static am_status read_object(reader *r, am_weights *w, am_hf_config *hf) {
    if (am_json_next(&r->json) != AM_JSON_OBJECT) return fail_json(r, "", "an object is expected");
    for (;;) {
        am_json_token t = am_json_next(&r->json);
        if (t == AM_JSON_OBJECT_END) break;
        if (t != AM_JSON_KEY) return fail_json(r, "", "damaged");
        bool known;
        am_status status = read_lists(r, w, &known);
        if (status == AM_OK && !known && hf) status = read_hf(r, hf);
        else if (status == AM_OK && !known && am_json_skip(&r->json) == AM_JSON_ERROR)
            status = fail_json(r, "", "damaged");
        if (status != AM_OK) return status;
    }
    return am_json_next(&r->json) == AM_JSON_END ? AM_OK : fail_json(r, "", "more after the configuration");
}

am_status am_config_read(am_weights *w, const char *folder, const char *name, am_hf_config *hf, bool *found,
                         am_error *err) {
    if (hf)
        *hf = (am_hf_config){ .d_model = -1,
                              .encoder_layers = -1,
                              .decoder_layers = -1,
                              .encoder_heads = -1,
                              .decoder_heads = -1,
                              .encoder_ffn = -1,
                              .decoder_ffn = -1,
                              .n_mels = -1,
                              .n_vocab = -1,
                              .n_audio_ctx = -1,
                              .n_text_ctx = -1 };
    char path[AM_PATH_CAP];
    am_status status = am_path_join(path, folder, name, err);
    if (status != AM_OK) return status;
    *found = am_path_exists(path);
    if (!*found) return AM_OK;
    reader r = { .err = err };
    status = am_mapping_open(&r.file, path, AM_SIDE_FILE_MAX, err);
    if (status != AM_OK) return status;
    am_json_init(&r.json, (const char *)r.file.data, r.file.len);
    status = read_object(&r, w, hf);
    am_mapping_close(&r.file);
    return status;
}

static am_status check_list(const int32_t *list, int n, int n_vocab, const char *what, const char *shown,
                            am_error *err) {
    for (int i = 0; i < n; i++)
        if (list[i] < 0 || list[i] >= n_vocab)
            return am_fail(err, AM_E_MODEL, "%s: %s: token %d; the model has %d tokens", shown, what, (int)list[i],
                           n_vocab);
    return AM_OK;
}

am_status am_config_check(const am_weights *w, const char *shown, am_error *err) {
    const am_dims *d = &w->dims;
    am_status status = check_list(w->suppress, w->n_suppress, d->n_vocab, "suppressed tokens", shown, err);
    if (status == AM_OK)
        status = check_list(w->suppress_begin, w->n_suppress_begin, d->n_vocab, "tokens suppressed at the beginning",
                            shown, err);
    for (int i = 0; i < w->n_alignment_heads && status == AM_OK; i++) {
        const int32_t *pair = w->alignment_heads[i];
        if (pair[0] < 0 || pair[0] >= d->n_text_layer || pair[1] < 0 || pair[1] >= d->n_text_head)
            status = am_fail(err, AM_E_MODEL, "%s: alignment head [%d, %d]; the decoder has %d layers of %d heads",
                             shown, (int)pair[0], (int)pair[1], d->n_text_layer, d->n_text_head);
    }
    return status;
}
