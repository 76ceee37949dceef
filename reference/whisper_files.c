/* Files of the reference: a CTranslate2 model folder (model.bin, config.json, vocabulary.txt or .json) and a WAV file.
 * Trusts that the model is a Whisper model; checks every read, size and shape on the way all the same.
 *
 * model.bin, version 6, little-endian:
 *     u32 version; string specification; u32 revision; u32 number of variables
 *     for each: string name; u8 rank; u32 dimensions[rank]; u8 type; u32 bytes; data
 *     u32 number of aliases; for each: string alias, string name
 * where a string is u16 length (with the NUL) and its bytes.  Types: 0 f32, 1 s8, 2 s16, 3 s32, 4 f16.
 * An s8 matrix has a companion NAME_scale of one f32 per row: value = q / scale.
 *
 * SPDX-License-Identifier: MIT */
#include "whisper_reference.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 256, MAX_RANK = 3, MAX_FILE = 1 << 26 };
enum { TYPE_F32 = 0, TYPE_S8 = 1, TYPE_S16 = 2, TYPE_F16 = 4 };

void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("whisper_reference: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void *allocate(size_t n, size_t size) {
    void *p = calloc(n ? n : 1, size);
    if (!p) die("out of memory for %zu times %zu bytes", n, size);
    return p;
}

/* ---- model.bin ---------------------------------------------------------------------------------------------- */

typedef struct variable {
    char name[MAX_NAME];
    int rank, type;
    size_t dim[MAX_RANK]; /* absent dimensions are 1 */
    size_t n_bytes;
    unsigned char *data;
} variable;

typedef struct model_file {
    FILE *file;
    const char *path;
    variable *variables;
    int n_variables;
} model_file;

static void read_bytes(model_file *m, void *to, size_t n) {
    if (fread(to, 1, n, m->file) != n) die("%s ends too early or cannot be read", m->path);
}

static unsigned read_unsigned(model_file *m, int n_bytes) {
    unsigned char b[4] = { 0 };
    read_bytes(m, b, (size_t)n_bytes);
    return b[0] | (unsigned)b[1] << 8 | (unsigned)b[2] << 16 | (unsigned)b[3] << 24;
}

static void read_string(model_file *m, char *to) {
    unsigned len = read_unsigned(m, 2);
    if (len >= MAX_NAME) die("%s: a name of %u bytes", m->path, len);
    read_bytes(m, to, len);
    to[len] = 0;
}

static void read_variable(model_file *m, variable *v) {
    static const size_t type_size[] = { 4, 1, 2, 4, 2 };
    read_string(m, v->name);
    v->rank = (int)read_unsigned(m, 1);
    if (v->rank > MAX_RANK) die("%s: %s has %d dimensions", m->path, v->name, v->rank);
    size_t n = 1;
    for (int i = 0; i < MAX_RANK; i++) {
        v->dim[i] = i < v->rank ? read_unsigned(m, 4) : 1;
        if (v->dim[i] == 0 || v->dim[i] > 1 << 20 || (n *= v->dim[i]) > (size_t)1 << 30)
            die("%s: %s is empty or too large", m->path, v->name);
    }
    v->type = (int)read_unsigned(m, 1);
    v->n_bytes = read_unsigned(m, 4);
    if (v->type > TYPE_F16 || v->n_bytes != n * type_size[v->type])
        die("%s: %s has %zu bytes of type %d for %zu numbers", m->path, v->name, v->n_bytes, v->type, n);
    v->data = allocate(v->n_bytes, 1);
    read_bytes(m, v->data, v->n_bytes);
}

static void read_model_file(model_file *m, const char *path) {
    char specification[MAX_NAME];
    m->path = path;
    m->file = fopen(path, "rb");
    if (!m->file) die("cannot open %s", path);
    unsigned version = read_unsigned(m, 4);
    if (version != 6) die("%s: version %u, expected 6", path, version);
    read_string(m, specification);
    if (strcmp(specification, "WhisperSpec") != 0) die("%s holds a %s, not a WhisperSpec", path, specification);
    read_unsigned(m, 4); /* revision */
    m->n_variables = (int)read_unsigned(m, 4);
    if (m->n_variables < 1 || m->n_variables > 100000) die("%s: %d variables", path, m->n_variables);
    m->variables = allocate((size_t)m->n_variables, sizeof *m->variables);
    for (int i = 0; i < m->n_variables; i++) read_variable(m, &m->variables[i]);
    fclose(m->file); /* the only alias says that the output projection is the embedding */
}

static variable *find_variable(const model_file *m, const char *name) {
    for (int i = 0; i < m->n_variables; i++)
        if (strcmp(m->variables[i].name, name) == 0) return &m->variables[i];
    return NULL;
}

static void join(char full[MAX_NAME], const char *prefix, const char *name) {
    int n = snprintf(full, MAX_NAME, "%s%s", prefix, name);
    if (n < 0 || n >= MAX_NAME) die("the name %s%s is too long", prefix, name);
}

static variable *need_variable(const model_file *m, const char *prefix, const char *name) {
    char full[MAX_NAME];
    join(full, prefix, name);
    variable *v = find_variable(m, full);
    if (!v) die("%s: no variable %s", m->path, full);
    return v;
}

static float half_to_float(unsigned h) {
    int exponent = h >> 10 & 31, fraction = h & 1023;
    float value = exponent == 0    ? ldexpf((float)fraction, -24)
                  : exponent == 31 ? (fraction ? NAN : INFINITY)
                                   : ldexpf((float)(fraction + 1024), exponent - 25);
    return h & 0x8000 ? -value : value;
}

/* All numbers of a variable as floats, in file order; frees the file's copy. */
static float *take_floats(const model_file *m, variable *v, size_t n_expected) {
    size_t n = v->dim[0] * v->dim[1] * v->dim[2], per_row = v->dim[1] * v->dim[2];
    if (n != n_expected) die("%s: %s has %zu numbers, expected %zu", m->path, v->name, n, n_expected);
    float *out = allocate(n, sizeof *out);
    if (v->type == TYPE_F32) {
        memcpy(out, v->data, n * sizeof *out);
    } else if (v->type == TYPE_F16) {
        for (size_t i = 0; i < n; i++) out[i] = half_to_float(v->data[2 * i] | (unsigned)v->data[2 * i + 1] << 8);
    } else if (v->type == TYPE_S8) {
        variable *s = need_variable(m, v->name, "_scale");
        if (s->type != TYPE_F32 || s->dim[0] != v->dim[0]) die("%s: %s does not fit", m->path, s->name);
        const float *scale = (const float *)s->data;
        for (size_t i = 0; i < n; i++) out[i] = (float)(signed char)v->data[i] / scale[i / per_row];
    } else {
        die("%s: %s has type %d", m->path, v->name, v->type);
    }
    free(v->data);
    v->data = NULL;
    return out;
}

static void load_linear(const model_file *m, const char *prefix, const char *name, linear *l, int n_in, int n_out) {
    char full[MAX_NAME];
    join(full, prefix, name);
    l->n_in = n_in;
    l->n_out = n_out;
    l->bias = take_floats(m, need_variable(m, full, "/bias"), (size_t)n_out);
    float *rows = take_floats(m, need_variable(m, full, "/weight"), (size_t)n_in * (size_t)n_out);
    l->weight = allocate((size_t)n_in * (size_t)n_out, sizeof *l->weight);
    for (int o = 0; o < n_out; o++)
        for (int i = 0; i < n_in; i++)
            l->weight[(size_t)i * (size_t)n_out + (size_t)o] = rows[(size_t)o * (size_t)n_in + (size_t)i];
    free(rows);
}

static void load_norm(const model_file *m, const char *prefix, const char *name, layer_norm *l, int n) {
    char full[MAX_NAME];
    join(full, prefix, name);
    l->n = n;
    l->gain = take_floats(m, need_variable(m, full, "/gamma"), (size_t)n);
    l->bias = take_floats(m, need_variable(m, full, "/beta"), (size_t)n);
}

static int count_layers(const model_file *m, const char *side) {
    char name[MAX_NAME];
    for (int n = 0;; n++) {
        snprintf(name, sizeof name, "%s/layer_%d/ffn/linear_0/weight", side, n);
        if (!find_variable(m, name)) return n;
    }
}

static int heads_of(const model_file *m, const char *side, int n_state) {
    variable *v = need_variable(m, side, "/num_heads");
    int n = v->type == TYPE_S16 ? v->data[0] | v->data[1] << 8 : v->data[0];
    if (n < 1 || n_state % n != 0) die("%s: %s/num_heads is %d", m->path, side, n);
    return n;
}

/* The dimensions are nowhere written down as such: the shapes tell them. */
static void read_dimensions(whisper *w, const model_file *m) {
    variable *conv1 = need_variable(m, "encoder", "/conv1/weight");
    variable *audio = need_variable(m, "encoder", "/position_encodings/encodings");
    variable *embedding = need_variable(m, "decoder", "/embeddings/weight");
    variable *text = need_variable(m, "decoder", "/position_encodings/encodings");
    w->n_mels = (int)conv1->dim[1];
    w->n_audio_state = (int)conv1->dim[0];
    w->n_audio_ctx = (int)audio->dim[0];
    w->n_audio_layer = count_layers(m, "encoder");
    w->n_audio_head = heads_of(m, "encoder", w->n_audio_state);
    w->n_vocab = (int)embedding->dim[0];
    w->n_text_state = (int)embedding->dim[1];
    w->n_text_ctx = (int)text->dim[0];
    w->n_text_layer = count_layers(m, "decoder");
    w->n_text_head = heads_of(m, "decoder", w->n_text_state);
    if (w->n_vocab < 51864 || w->n_vocab > 51866) die("%s: %d tokens are not Whisper's", m->path, w->n_vocab);
    if (w->n_audio_ctx != WINDOW_SECONDS * 50) die("%s: %d audio positions", m->path, w->n_audio_ctx);
}

static void load_encoder(whisper *w, const model_file *m) {
    int n = w->n_audio_state;
    load_linear(m, "encoder", "/conv1", &w->conv1, 3 * w->n_mels, n);
    load_linear(m, "encoder", "/conv2", &w->conv2, 3 * n, n);
    w->audio_positions = take_floats(m, need_variable(m, "encoder", "/position_encodings/encodings"),
                                     (size_t)w->n_audio_ctx * (size_t)n);
    w->encoder = allocate((size_t)w->n_audio_layer, sizeof *w->encoder);
    for (int i = 0; i < w->n_audio_layer; i++) {
        char layer[MAX_NAME];
        encoder_layer *l = &w->encoder[i];
        snprintf(layer, sizeof layer, "encoder/layer_%d", i);
        load_norm(m, layer, "/self_attention/layer_norm", &l->attention_norm, n);
        load_linear(m, layer, "/self_attention/linear_0", &l->query_key_value, n, 3 * n);
        load_linear(m, layer, "/self_attention/linear_1", &l->attention_out, n, n);
        load_norm(m, layer, "/ffn/layer_norm", &l->mlp_norm, n);
        load_linear(m, layer, "/ffn/linear_0", &l->mlp_in, n, 4 * n);
        load_linear(m, layer, "/ffn/linear_1", &l->mlp_out, 4 * n, n);
    }
    load_norm(m, "encoder", "/layer_norm", &w->encoder_norm, n);
}

static void load_decoder(whisper *w, const model_file *m) {
    int n = w->n_text_state;
    w->token_embedding =
        take_floats(m, need_variable(m, "decoder", "/embeddings/weight"), (size_t)w->n_vocab * (size_t)n);
    w->text_positions =
        take_floats(m, need_variable(m, "decoder", "/position_encodings/encodings"), (size_t)w->n_text_ctx * (size_t)n);
    w->decoder = allocate((size_t)w->n_text_layer, sizeof *w->decoder);
    for (int i = 0; i < w->n_text_layer; i++) {
        char layer[MAX_NAME];
        decoder_layer *l = &w->decoder[i];
        snprintf(layer, sizeof layer, "decoder/layer_%d", i);
        load_norm(m, layer, "/self_attention/layer_norm", &l->attention_norm, n);
        load_linear(m, layer, "/self_attention/linear_0", &l->query_key_value, n, 3 * n);
        load_linear(m, layer, "/self_attention/linear_1", &l->attention_out, n, n);
        load_norm(m, layer, "/attention/layer_norm", &l->cross_norm, n);
        load_linear(m, layer, "/attention/linear_0", &l->cross_query, n, n);
        load_linear(m, layer, "/attention/linear_1", &l->cross_key_value, w->n_audio_state, 2 * n);
        load_linear(m, layer, "/attention/linear_2", &l->cross_out, n, n);
        load_norm(m, layer, "/ffn/layer_norm", &l->mlp_norm, n);
        load_linear(m, layer, "/ffn/linear_0", &l->mlp_in, n, 4 * n);
        load_linear(m, layer, "/ffn/linear_1", &l->mlp_out, 4 * n, n);
    }
    load_norm(m, "decoder", "/layer_norm", &w->decoder_norm, n);
}

/* ---- config.json, vocabulary.txt, vocabulary.json ----------------------------------------------------------- */

/* A whole text file with a NUL behind it, or NULL when it is not there. */
static char *read_text(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *text = allocate(MAX_FILE, 1);
    size_t n = fread(text, 1, MAX_FILE - 1, f);
    if (ferror(f) || n == MAX_FILE - 1) die("%s cannot be read or is too large", path);
    fclose(f);
    return text;
}

/* The array of whole numbers under `key`; enough of JSON for the lists in config.json. */
static token_list read_token_list(const char *config, const char *key) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    token_list list = { allocate(1024, sizeof *list.token), 0 };
    const char *at = strstr(config, quoted);
    at = at ? strchr(at, '[') : NULL;
    for (char *end; at && (*at == '[' || *at == ','); at = end + strspn(end, " \t\r\n")) {
        long token = strtol(at + 1, &end, 10);
        if (end == at + 1 || list.n == 1024) die("config.json: %s is not a short list of numbers", key);
        list.token[list.n++] = (int)token;
    }
    if (list.n == 0) die("config.json has no list %s", key);
    return list;
}

/* One character of UTF-8; its length is known from the first byte. */
static unsigned next_character(const unsigned char **at) {
    const unsigned char *p = *at;
    int n = p[0] < 0x80 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
    unsigned c = n == 0 ? p[0] : p[0] & (0x3fu >> n);
    for (int i = 1; i <= n; i++) {
        if ((p[i] & 0xc0) != 0x80) die("the vocabulary is not UTF-8");
        c = c << 6 | (p[i] & 0x3f);
    }
    *at = p + n + 1;
    return c;
}

/* GPT-2 writes bytes as printable characters: those that print (33-126, 161-172, 174-255) as themselves, the others,
 * in rising order, as the characters from 256 on. */
static int byte_of_character(unsigned c) {
    if ((c >= 33 && c <= 126) || (c >= 161 && c <= 172) || (c >= 174 && c <= 255)) return (int)c;
    unsigned next = 256;
    for (int byte = 0; byte < 256; byte++) {
        int prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
        if (!prints && next++ == c) return byte;
    }
    return -1;
}

static token_bytes make_token(const char *text, size_t len) {
    token_bytes t = { allocate(len + 1, 1), 0 };
    const unsigned char *at = (const unsigned char *)text, *end = at + len;
    while (at < end) {
        int byte = byte_of_character(next_character(&at));
        if (byte < 0) die("the vocabulary has the character %.*s", (int)len, text);
        t.bytes[t.len++] = (unsigned char)byte;
    }
    return t;
}

/* Undo JSON's escapes of the string behind the opening quote, in place; returns the place behind the closing one. */
static char *undo_escapes(char *at, size_t *len) {
    char *out = at, *start = at;
    while (*at && *at != '"') {
        if (*at != '\\') {
            *out++ = *at++;
        } else if (at[1] == 'u') {
            char hex[5] = { 0 };
            memcpy(hex, at + 2, strnlen(at + 2, 4));
            unsigned c = (unsigned)strtoul(hex, NULL, 16);
            if (c < 0x80 || c >= 0x800) die("vocabulary.json has the character \\u%s", hex);
            *out++ = (char)(0xc0 | c >> 6); /* byte-level characters end at U+0143 */
            *out++ = (char)(0x80 | (c & 0x3f));
            at += 6;
        } else if (at[1] == '"' || at[1] == '\\' || at[1] == '/') {
            *out++ = at[1];
            at += 2;
        } else {
            die("vocabulary.json has the escape \\%c", at[1]);
        }
    }
    if (!*at) die("vocabulary.json ends inside a string");
    *len = (size_t)(out - start);
    return at + 1;
}

static void load_vocabulary(whisper *w, const char *folder) {
    w->vocabulary = allocate((size_t)w->n_vocab, sizeof *w->vocabulary);
    int n = 0;
    char *text = read_text(folder, "vocabulary.txt"), *at = text;
    if (text) {
        for (; *at && n < w->n_vocab; n++) {
            size_t len = strcspn(at, "\n");
            w->vocabulary[n] = make_token(at, len);
            at += len + (at[len] == '\n');
        }
    } else {
        text = read_text(folder, "vocabulary.json");
        if (!text) die("%s has neither vocabulary.txt nor vocabulary.json", folder);
        for (at = strchr(text, '"'); at && n < w->n_vocab; n++) {
            size_t len;
            char *start = at + 1;
            at = strchr(undo_escapes(start, &len), '"');
            w->vocabulary[n] = make_token(start, len);
        }
    }
    if (n < w->n_vocab) die("the vocabulary of %s has %d tokens, the model %d", folder, n, w->n_vocab);
    free(text);
}

/* English-only models have one ordinary token less; whatever lies between text and timestamps is in the same order. */
static void lay_out_tokens(whisper *w) {
    w->end_of_text = w->n_vocab >= 51865 ? 50257 : 50256;
    w->start_of_transcript = w->end_of_text + 1;
    w->first_language = w->start_of_transcript + 1;
    w->first_timestamp = w->n_vocab - N_TIMESTAMPS;
    w->no_timestamps = w->first_timestamp - 1;
    w->no_speech = w->first_timestamp - 2;
    w->start_of_previous = w->first_timestamp - 3;
    w->start_of_lm = w->first_timestamp - 4;
    w->transcribe = w->first_timestamp - 5;
    w->translate = w->first_timestamp - 6;
    w->n_languages = w->translate - w->first_language; /* 99, or 100 since large-v3 */
}

void load_whisper(whisper *w, const char *folder) {
    char path[4096];
    model_file m = { 0 };
    snprintf(path, sizeof path, "%s/model.bin", folder);
    read_model_file(&m, path);
    read_dimensions(w, &m);
    load_encoder(w, &m);
    load_decoder(w, &m);
    for (int i = 0; i < m.n_variables; i++) free(m.variables[i].data);
    free(m.variables);
    lay_out_tokens(w);
    load_vocabulary(w, folder);
    char *config = read_text(folder, "config.json");
    if (!config) die("%s has no config.json", folder);
    w->suppressed = read_token_list(config, "suppress_ids");
    w->suppressed_first = read_token_list(config, "suppress_ids_begin");
    free(config);
}

/* ---- WAV ---------------------------------------------------------------------------------------------------- */

/* Up to `cap` samples of a 16 kHz mono 16-bit WAV file, scaled to [-1, 1); returns how many. */
int load_wav(const char *path, float *samples, int cap) {
    unsigned char head[12], chunk[8], format[16] = { 0 };
    FILE *f = fopen(path, "rb");
    if (!f) die("cannot open %s", path);
    if (fread(head, 1, 12, f) != 12 || memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0)
        die("%s is not a WAV file", path);
    for (;;) {
        if (fread(chunk, 1, 8, f) != 8) die("%s has no data chunk", path);
        long size = (long)(chunk[4] | (unsigned)chunk[5] << 8 | (unsigned)chunk[6] << 16 | (unsigned)chunk[7] << 24);
        if (memcmp(chunk, "data", 4) == 0) {
            static const unsigned char wanted[16] = { 1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0 };
            if (memcmp(format, wanted, 16) != 0) die("%s is not 16 kHz, mono, 16-bit PCM", path);
            int n = 0;
            for (unsigned char s[2]; n < cap && n < size / 2 && fread(s, 1, 2, f) == 2; n++)
                samples[n] = (float)(int16_t)(s[0] | s[1] << 8) / 32768.0f;
            fclose(f);
            return n;
        }
        long known = memcmp(chunk, "fmt ", 4) == 0 ? 16 : 0;
        if (known && (size < 16 || fread(format, 1, 16, f) != 16)) die("%s has a broken format chunk", path);
        if (fseek(f, size - known + (size & 1), SEEK_CUR) != 0) die("%s ends too early", path);
    }
}
