/* The files a vocabulary lies in beside a model: CTranslate2's vocabulary.txt and vocabulary.json, Hugging Face's
 * tokenizer.json and vocab.json with added_tokens.json.
 *
 * SPDX-License-Identifier: MIT */
#include "model/tensors.h"

typedef struct loader {
    am_vocab_builder *builder;
    am_buf text, bytes; /* of one token: as JSON says it, and as bytes */
    am_mapping file;
    am_json json;
    am_error *err;
} loader;

/* A token of Whisper has at most some 70 bytes. */
#define TOKEN_MAX 4096

static am_status fail_json(loader *l, const char *what) {
    return am_fail(l->err, AM_E_MODEL, "%s: at byte %zu: %s", l->file.shown, l->json.pos,
                   l->json.error ? l->json.error : what);
}

static am_status add_token(loader *l, uint64_t token, const char *text, size_t len, bool plain) {
    am_buf_clear(&l->bytes);
    am_status status = plain ? am_buf_add(&l->bytes, text, len) : am_vocab_undo_bytes(&l->bytes, text, len);
    if (status == AM_E_NOMEM) return am_fail_nomem(l->err, "a token", len);
    if (status != AM_OK)
        return am_fail(l->err, AM_E_MODEL, "%s: token %llu has more than %d bytes", l->file.shown,
                       (unsigned long long)token, TOKEN_MAX);
    return am_vocab_builder_add(l->builder, token, l->bytes.data ? l->bytes.data : "", l->bytes.len, l->file.shown,
                                l->err);
}

/* The last KEY or STRING into l->text. */
static am_status take_text(loader *l) {
    am_buf_clear(&l->text);
    am_status status = am_json_unescape(&l->json, &l->text);
    if (status == AM_E_NOMEM) return am_fail_nomem(l->err, "a token", l->json.str_len);
    return status == AM_OK ? AM_OK : fail_json(l, "a token is too long");
}

static bool is_token_number(double n) {
    return n >= 0 && n <= 1e9 && n == (double)(uint64_t)n;
}

static am_status read_lines(loader *l) {
    const char *text = (const char *)l->file.data;
    uint64_t token = 0;
    for (size_t at = 0; at < l->file.len; token++) {
        const char *end = memchr(text + at, '\n', l->file.len - at);
        size_t len = end ? (size_t)(end - (text + at)) : l->file.len - at;
        am_status status = add_token(l, token, text + at, len && text[at + len - 1] == '\r' ? len - 1 : len, false);
        if (status != AM_OK) return status;
        at += len + (end != NULL);
    }
    return AM_OK;
}

/* ["token 0", "token 1", ...] after its bracket */
static am_status read_array(loader *l) {
    for (uint64_t token = 0;; token++) {
        am_json_token t = am_json_next(&l->json);
        if (t == AM_JSON_ARRAY_END) return AM_OK;
        if (t != AM_JSON_STRING) return fail_json(l, "a string is expected in the list of tokens");
        am_status status = take_text(l);
        if (status == AM_OK) status = add_token(l, token, l->text.data ? l->text.data : "", l->text.len, false);
        if (status != AM_OK) return status;
    }
}

/* {"token": number, ...} after its brace */
static am_status read_map(loader *l, bool plain) {
    for (;;) {
        am_json_token t = am_json_next(&l->json);
        if (t == AM_JSON_OBJECT_END) return AM_OK;
        if (t != AM_JSON_KEY) return fail_json(l, "an object from token to number is expected");
        am_status status = take_text(l);
        if (status != AM_OK) return status;
        if (am_json_next(&l->json) != AM_JSON_NUMBER || !is_token_number(l->json.number))
            return fail_json(l, "the number of a token is expected");
        status = add_token(l, (uint64_t)l->json.number, l->text.data ? l->text.data : "", l->text.len, plain);
        if (status != AM_OK) return status;
    }
}

static am_status read_vocabulary_json(loader *l) {
    am_json_token t = am_json_next(&l->json);
    am_status status;
    if (t == AM_JSON_ARRAY) status = read_array(l);
    else if (t == AM_JSON_OBJECT) status = read_map(l, false);
    else return fail_json(l, "a list or an object of tokens is expected");
    if (status != AM_OK) return status;
    return am_json_next(&l->json) == AM_JSON_END ? AM_OK : fail_json(l, "more after the vocabulary");
}

static am_status read_added_tokens_json(loader *l) {
    if (am_json_next(&l->json) != AM_JSON_OBJECT) return fail_json(l, "an object of tokens is expected");
    am_status status = read_map(l, true);
    if (status != AM_OK) return status;
    return am_json_next(&l->json) == AM_JSON_END ? AM_OK : fail_json(l, "more after the added tokens");
}

/* One of "added_tokens": {"id": 50257, "content": "<|endoftext|>", ...} after its brace */
static am_status read_added_token(loader *l) {
    double id = -1;
    bool has_content = false;
    for (;;) {
        am_json_token t = am_json_next(&l->json);
        if (t == AM_JSON_OBJECT_END) break;
        if (t != AM_JSON_KEY) return fail_json(l, "an added token is expected to be an object");
        if (am_json_is(&l->json, "id")) {
            if (am_json_next(&l->json) != AM_JSON_NUMBER || !is_token_number(l->json.number))
                return fail_json(l, "the number of an added token is expected");
            id = l->json.number;
        } else if (am_json_is(&l->json, "content")) {
            if (am_json_next(&l->json) != AM_JSON_STRING) return fail_json(l, "the text of an added token is expected");
            am_status status = take_text(l);
            if (status != AM_OK) return status;
            has_content = true;
        } else if (am_json_skip(&l->json) == AM_JSON_ERROR) {
            return fail_json(l, "damaged");
        }
    }
    if (id < 0 || !has_content) return fail_json(l, "an added token lacks its id or content");
    return add_token(l, (uint64_t)id, l->text.data ? l->text.data : "", l->text.len, true);
}

static am_status read_added_tokens(loader *l) {
    if (am_json_next(&l->json) != AM_JSON_ARRAY) return fail_json(l, "added_tokens is expected to be a list");
    for (;;) {
        am_json_token t = am_json_next(&l->json);
        if (t == AM_JSON_ARRAY_END) return AM_OK;
        if (t != AM_JSON_OBJECT) return fail_json(l, "an added token is expected to be an object");
        am_status status = read_added_token(l);
        if (status != AM_OK) return status;
    }
}

/* "model": {"vocab": {...}, ...} */
static am_status read_tokenizer_model(loader *l, bool *found) {
    if (am_json_next(&l->json) != AM_JSON_OBJECT) return fail_json(l, "model is expected to be an object");
    for (;;) {
        am_json_token t = am_json_next(&l->json);
        if (t == AM_JSON_OBJECT_END) return AM_OK;
        if (t != AM_JSON_KEY) return fail_json(l, "damaged");
        if (am_json_is(&l->json, "vocab")) {
            if (am_json_next(&l->json) != AM_JSON_OBJECT)
                return fail_json(l, "model.vocab is expected to be an object");
            am_status status = read_map(l, false);
            if (status != AM_OK) return status;
            *found = true;
        } else if (am_json_skip(&l->json) == AM_JSON_ERROR) {
            return fail_json(l, "damaged");
        }
    }
}

static am_status read_tokenizer_json(loader *l) {
    bool found = false;
    if (am_json_next(&l->json) != AM_JSON_OBJECT) return fail_json(l, "an object is expected");
    for (;;) {
        am_json_token t = am_json_next(&l->json);
        if (t == AM_JSON_OBJECT_END) break;
        if (t != AM_JSON_KEY) return fail_json(l, "damaged");
        am_status status = AM_OK;
        if (am_json_is(&l->json, "model")) status = read_tokenizer_model(l, &found);
        else if (am_json_is(&l->json, "added_tokens")) status = read_added_tokens(l);
        else if (am_json_skip(&l->json) == AM_JSON_ERROR) status = fail_json(l, "damaged");
        if (status != AM_OK) return status;
    }
    if (am_json_next(&l->json) != AM_JSON_END) return fail_json(l, "more after the tokenizer");
    return found ? AM_OK : fail_json(l, "no model.vocab in this tokenizer");
}

typedef am_status read_fn(loader *l);

/* Read folder/name with fn when it is there. */
static am_status read_file(loader *l, const char *folder, const char *name, read_fn *fn, bool *found) {
    char path[AM_PATH_CAP];
    am_status status = am_path_join(path, folder, name, l->err);
    if (status != AM_OK) return status;
    *found = am_path_exists(path);
    if (!*found) return AM_OK;
    status = am_mapping_open(&l->file, path, AM_SIDE_FILE_MAX, l->err);
    if (status != AM_OK) return status;
    am_json_init(&l->json, (const char *)l->file.data, l->file.len);
    status = fn(l);
    am_mapping_close(&l->file);
    return status;
}

static am_status read_any(loader *l, const char *folder, const char **used) {
    static const struct {
        const char *name;
        read_fn *fn;
    } files[] = {
        { "vocabulary.txt", read_lines },
        { "vocabulary.json", read_vocabulary_json },
        { "tokenizer.json", read_tokenizer_json },
        { "vocab.json", read_vocabulary_json },
    };
    bool found = false;
    for (size_t i = 0; i < sizeof files / sizeof files[0] && !found; i++) {
        am_status status = read_file(l, folder, files[i].name, files[i].fn, &found);
        if (status != AM_OK) return status;
        *used = files[i].name;
    }
    if (!found)
        return am_fail(l->err, AM_E_MODEL,
                       "%.600s: no vocabulary.txt, vocabulary.json, tokenizer.json or vocab.json in this folder",
                       folder);
    if (strcmp(*used, "vocab.json") != 0) return AM_OK;
    return read_file(l, folder, "added_tokens.json", read_added_tokens_json, &found);
}

am_status am_vocab_from_folder(am_weights *w, const char *folder, const am_logger *logger, am_error *err) {
    am_vocab_builder builder;
    am_status status = am_vocab_builder_open(&builder, w->dims.n_vocab, err);
    if (status != AM_OK) return status;
    loader l = { .builder = &builder, .err = err };
    am_buf_init(&l.text, TOKEN_MAX);
    am_buf_init(&l.bytes, TOKEN_MAX);
    const char *used = "";
    char shown[AM_PATH_CAP];
    status = read_any(&l, folder, &used);
    if (status == AM_OK) status = am_path_join(shown, folder, used, err);
    if (status == AM_OK) status = am_vocab_builder_finish(&builder, &w->vocab, shown, err);
    if (status == AM_OK && builder.n_outside > 0)
        am_log(logger, AM_LOG_WARNING, "%s: %d tokens beyond the model's %d are not used", shown, builder.n_outside,
               builder.n_tokens);
    am_buf_free(&l.text);
    am_buf_free(&l.bytes);
    am_vocab_builder_close(&builder);
    return status;
}
