/* Reader of Hugging Face's WhisperForConditionalGeneration: model.safetensors, or several files listed by
 * model.safetensors.index.json, with config.json, generation_config.json and a tokenizer beside them.
 *
 *     u64 length, JSON {"name": {"dtype": "F16", "shape": [..], "data_offsets": [from, to]}, ...}, data
 *
 * Offsets count from the end of the JSON.  The dimensions come from config.json, and every tensor must agree with them.
 *
 * SPDX-License-Identifier: MIT */
#include "model/tensors.h"

#define HEADER_MAX (100u << 20) /* the format's own limit */

static const struct {
    const char *name;
    int dtype;
} types[] = {
    { "F32", AM_DTYPE_F32 },
    { "F16", AM_DTYPE_F16 },
    { "BF16", AM_DTYPE_BF16 },
    { "F64", -1 },
    { "F8_E4M3", -1 },
    { "F8_E5M2", -1 },
    { "I64", -1 },
    { "I32", -1 },
    { "I16", -1 },
    { "I8", -1 },
    { "U8", -1 },
    { "BOOL", -1 },
};

typedef struct reader {
    am_source *s;
    const am_mapping *file;
    am_json json;
    const unsigned char *data; /* behind the header */
    size_t data_len;
    am_error *err;
} reader;

static am_status fail_json(reader *r, const char *what) {
    return am_fail(r->err, AM_E_MODEL, "%s: header: at byte %zu: %s", r->file->shown, r->json.pos,
                   r->json.error ? r->json.error : what);
}

static void set_type(reader *r, am_named_tensor *t) {
    t->dtype = -1;
    t->dtype_name = "an unknown type";
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!am_json_is(&r->json, types[i].name)) continue;
        t->dtype = types[i].dtype;
        t->dtype_name = types[i].name;
    }
}

/* A list of at most cap whole numbers from 0 to 2^53; *n is how many. */
static am_status read_numbers(reader *r, int64_t *list, int cap, int *n) {
    if (am_json_next(&r->json) != AM_JSON_ARRAY) return fail_json(r, "a list of numbers is expected");
    for (*n = 0;; (*n)++) {
        am_json_token t = am_json_next(&r->json);
        if (t == AM_JSON_ARRAY_END) return AM_OK;
        if (t != AM_JSON_NUMBER) return fail_json(r, "a list of numbers is expected");
        double value = r->json.number;
        if (*n == cap) return fail_json(r, "more numbers than a tensor has");
        if (!(value >= 0 && value <= 9007199254740992.0) || value != (double)(int64_t)value)
            return fail_json(r, "a number is negative, broken or too large");
        list[*n] = (int64_t)value;
    }
}

static am_status check_extent(reader *r, am_named_tensor *t, const int64_t offsets[2]) {
    char shown[AM_NAME_SHOWN];
    am_show(shown, sizeof shown, t->name, t->name_len);
    if (offsets[0] > offsets[1] || (uint64_t)offsets[1] > r->data_len)
        return am_fail(r->err, AM_E_MODEL,
                       "%s: tensor %s lies at %lld to %lld, but the file has only %zu bytes of data", r->file->shown,
                       shown, (long long)offsets[0], (long long)offsets[1], r->data_len);
    t->data = r->data + offsets[0];
    t->n_bytes = (size_t)(offsets[1] - offsets[0]);
    uint64_t n_bytes;
    if (t->dtype >= 0 &&
        (!am_dtype_bytes((am_dtype)t->dtype, t->n_dims, t->dims, &n_bytes) || n_bytes != (uint64_t)t->n_bytes))
        return am_fail(r->err, AM_E_MODEL, "%s: tensor %s has %zu bytes, which its shape and type %s deny",
                       r->file->shown, shown, t->n_bytes, t->dtype_name);
    return AM_OK;
}

/* {"dtype": .., "shape": .., "data_offsets": ..} after the key with the tensor's name */
static am_status read_tensor(reader *r) {
    am_named_tensor t = { .name = r->json.str, .name_len = r->json.str_len };
    int64_t offsets[2];
    int n_offsets = 0;
    bool has_type = false, has_shape = false;
    if (am_json_next(&r->json) != AM_JSON_OBJECT) return fail_json(r, "a tensor is expected to be an object");
    for (;;) {
        am_json_token token = am_json_next(&r->json);
        am_status status = AM_OK;
        if (token == AM_JSON_OBJECT_END) break;
        if (token != AM_JSON_KEY) return fail_json(r, "damaged");
        if (am_json_is(&r->json, "dtype")) {
            if (am_json_next(&r->json) != AM_JSON_STRING) return fail_json(r, "dtype is expected to be a string");
            set_type(r, &t);
            has_type = true;
        } else if (am_json_is(&r->json, "shape")) {
            status = read_numbers(r, t.dims, AM_TENSOR_MAX_DIMS, &t.n_dims);
            has_shape = true;
        } else if (am_json_is(&r->json, "data_offsets")) {
            status = read_numbers(r, offsets, 2, &n_offsets);
        } else if (am_json_skip(&r->json) == AM_JSON_ERROR) {
            status = fail_json(r, "damaged");
        }
        if (status != AM_OK) return status;
    }
    if (!has_type || !has_shape || n_offsets != 2)
        return fail_json(r, "a tensor lacks its dtype, shape or two data_offsets");
    am_status status = check_extent(r, &t, offsets);
    return status == AM_OK ? am_source_add(r->s, &t, r->err) : status;
}

static am_status read_header(reader *r) {
    am_cursor c = am_cursor_init(r->file, r->err);
    const unsigned char *length = am_cursor_take(&c, 8, "the length of the header");
    if (!length) return c.status;
    uint64_t len = am_load_u64(length);
    if (len > HEADER_MAX)
        return am_fail(r->err, AM_E_MODEL, "%s: a header of %llu bytes, at most %u are allowed", r->file->shown,
                       (unsigned long long)len, HEADER_MAX);
    const unsigned char *text = am_cursor_take(&c, len, "the header");
    if (!text) return c.status;
    r->data = text + len;
    r->data_len = c.len - c.pos;
    am_json_init(&r->json, (const char *)text, (size_t)len);
    if (am_json_next(&r->json) != AM_JSON_OBJECT) return fail_json(r, "an object is expected");
    for (;;) {
        am_json_token token = am_json_next(&r->json);
        am_status status = AM_OK;
        if (token == AM_JSON_OBJECT_END) break;
        if (token != AM_JSON_KEY) return fail_json(r, "damaged");
        if (!am_json_is(&r->json, "__metadata__")) status = read_tensor(r);
        else if (am_json_skip(&r->json) == AM_JSON_ERROR) status = fail_json(r, "damaged");
        if (status != AM_OK) return status;
    }
    return am_json_next(&r->json) == AM_JSON_END ? AM_OK : fail_json(r, "more after the list of tensors");
}

static am_status read_one(am_source *s, const am_mapping *file, am_error *err) {
    reader r = { .s = s, .file = file, .err = err };
    return read_header(&r);
}

/* A shard is named by the index; it must be a plain name, so that it cannot reach out of the folder. */
static am_status open_shard(am_source *s, const char *folder, const am_json *j, am_error *err) {
    char name[128], path[AM_PATH_CAP];
    am_show(name, sizeof name, j->str, j->str_len);
    if (j->str_len == 0 || j->str_len >= sizeof name || *name == '.' || memchr(name, '/', j->str_len) ||
        memcmp(name, j->str, j->str_len) != 0)
        return am_fail(err, AM_E_MODEL, "%s: \"%s\" is not the name of a file in the same folder", am_source_shown(s),
                       name);
    if (s->n_files > AM_SHARDS_MAX)
        return am_fail(err, AM_E_MODEL, "%s: more than %d files", am_source_shown(s), AM_SHARDS_MAX);
    am_status status = am_path_join(path, folder, name, err);
    if (status == AM_OK) status = am_mapping_open(&s->files[s->n_files], path, SIZE_MAX, err);
    if (status != AM_OK) return status;
    return read_one(s, &s->files[s->n_files++], err);
}

typedef struct seen_names {
    struct {
        const char *text;
        size_t len;
    } name[AM_SHARDS_MAX];
    int n;
} seen_names;

static bool is_seen(seen_names *seen, const am_json *j) {
    for (int i = 0; i < seen->n; i++)
        if (seen->name[i].len == j->str_len && memcmp(seen->name[i].text, j->str, j->str_len) == 0) return true;
    if (seen->n < AM_SHARDS_MAX) {
        seen->name[seen->n].text = j->str;
        seen->name[seen->n++].len = j->str_len;
    }
    return false;
}

/* {"weight_map": {"tensor": "file", ...}, ...}: only the files matter, each says itself what it holds. */
static am_status read_index(am_source *s, const char *folder, am_error *err) {
    reader r = { .s = s, .file = &s->files[0], .err = err };
    seen_names seen = { .n = 0 };
    am_json_init(&r.json, (const char *)r.file->data, r.file->len);
    if (am_json_next(&r.json) != AM_JSON_OBJECT) return fail_json(&r, "an object is expected");
    for (;;) {
        am_json_token t = am_json_next(&r.json);
        if (t == AM_JSON_OBJECT_END) break;
        if (t != AM_JSON_KEY) return fail_json(&r, "damaged");
        if (!am_json_is(&r.json, "weight_map")) {
            if (am_json_skip(&r.json) == AM_JSON_ERROR) return fail_json(&r, "damaged");
            continue;
        }
        if (am_json_next(&r.json) != AM_JSON_OBJECT) return fail_json(&r, "weight_map is expected to be an object");
        while ((t = am_json_next(&r.json)) == AM_JSON_KEY) {
            if (am_json_next(&r.json) != AM_JSON_STRING) return fail_json(&r, "a file name is expected");
            am_status status = is_seen(&seen, &r.json) ? AM_OK : open_shard(s, folder, &r.json, err);
            if (status != AM_OK) return status;
        }
        if (t != AM_JSON_OBJECT_END) return fail_json(&r, "damaged");
    }
    return seen.n ? AM_OK : fail_json(&r, "no files in weight_map");
}

static am_status whole_number(double value, const char *key, int *out, const char *shown, am_error *err) {
    if (value < 0) return am_fail(err, AM_E_MODEL, "%s: config.json has no %s", shown, key);
    if (value > 1e9 || value != (double)(int)value)
        return am_fail(err, AM_E_MODEL, "%s: config.json: %s is %g", shown, key, value);
    *out = (int)value;
    return AM_OK;
}

static am_status check_options(const am_hf_config *c, const char *shown, am_error *err) {
    if (*c->model_type && strcmp(c->model_type, "whisper") != 0)
        return am_fail(err, AM_E_MODEL, "%s: config.json: a model of type \"%s\", not whisper", shown, c->model_type);
    if (*c->activation && strcmp(c->activation, "gelu") != 0)
        return am_fail(err, AM_E_MODEL, "%s: config.json: activation \"%s\"; Whisper has gelu", shown, c->activation);
    if (c->scale_embedding)
        return am_fail(err, AM_E_MODEL, "%s: config.json: scale_embedding is true; Whisper does not scale", shown);
    const double ffn[2] = { c->encoder_ffn, c->decoder_ffn };
    for (int i = 0; i < 2; i++)
        if (ffn[i] >= 0 && ffn[i] != 4 * c->d_model)
            return am_fail(err, AM_E_MODEL, "%s: config.json: %s is %g, not 4 * %g", shown,
                           i ? "decoder_ffn_dim" : "encoder_ffn_dim", ffn[i], c->d_model);
    return AM_OK;
}

static am_status find_dims(am_dims *d, const am_hf_config *c, const char *shown, am_error *err) {
    const struct {
        double value;
        const char *key;
        int *out;
    } numbers[] = {
        { c->n_mels, "num_mel_bins", &d->n_mels },
        { c->n_vocab, "vocab_size", &d->n_vocab },
        { c->n_audio_ctx, "max_source_positions", &d->n_audio_ctx },
        { c->d_model, "d_model", &d->n_audio_state },
        { c->encoder_heads, "encoder_attention_heads", &d->n_audio_head },
        { c->encoder_layers, "encoder_layers", &d->n_audio_layer },
        { c->n_text_ctx, "max_target_positions", &d->n_text_ctx },
        { c->d_model, "d_model", &d->n_text_state },
        { c->decoder_heads, "decoder_attention_heads", &d->n_text_head },
        { c->decoder_layers, "decoder_layers", &d->n_text_layer },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        am_status status = whole_number(numbers[i].value, numbers[i].key, numbers[i].out, shown, err);
        if (status != AM_OK) return status;
    }
    return am_dims_check(d, shown, err);
}

static am_status read_configs(am_weights *w, const char *folder, const char *shown, am_error *err) {
    am_hf_config config;
    bool found;
    am_status status = am_config_read(w, folder, "config.json", &config, &found, err);
    if (status == AM_OK && !found) status = am_fail(err, AM_E_MODEL, "%s: no config.json beside it", shown);
    if (status == AM_OK) status = check_options(&config, shown, err);
    if (status == AM_OK) status = find_dims(&w->dims, &config, shown, err);
    if (status == AM_OK) status = am_config_read(w, folder, "generation_config.json", NULL, &found, err);
    return status == AM_OK ? am_config_check(w, shown, err) : status;
}

am_status am_safetensors_read(am_weights *w, am_source *s, const char *folder, am_error *err) {
    const am_mapping *first = &s->files[0];
    /* Read as a length, the first eight characters of a JSON text are beyond any file. */
    bool is_index = first->len < 8 || am_load_u64(first->data) >> 40 != 0;
    am_status status = is_index ? read_index(s, folder, err) : read_one(s, first, err);
    if (status == AM_OK) status = am_source_sort(s, err);
    if (status == AM_OK) status = read_configs(w, folder, am_source_shown(s), err);
    if (status == AM_OK) status = am_weights_map(w, s, AM_NAMING_SAFETENSORS, err);
    return status == AM_OK ? am_vocab_from_folder(w, folder, s->logger, err) : status;
}
