/* See model_writer.h.  One walk over the model calls one `emit` per tensor; the formats differ in what emit does and in
 * the names it is given.
 *
 * SPDX-License-Identifier: MIT */
#include "support/model_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/number_formats.h"
#include "support/temp_folder.h"

/* ---- the walk ------------------------------------------------------------------------------------------------ */

enum { CT2, GGML, HF };

typedef struct tensor {
    char name[128];
    int n_dims;
    int dims[3];
    const am_weight *w; /* rows row0 .. row0+n-1 of it; for vectors elements */
    int64_t row0, n_rows;
    bool small; /* vectors and positions: kept in f32 by quantised files */
} tensor;

typedef struct walker {
    int format;
    void (*emit)(struct walker *k, const tensor *t);
    void *out;
    mw_dtype dtype;
} walker;

static void emit_matrix(walker *k, const char *name, const am_weight *w, int64_t row0, int64_t n, bool small) {
    tensor t = { .n_dims = 2, .dims = { (int)n, (int)w->n_cols }, .w = w, .row0 = row0, .n_rows = n, .small = small };
    snprintf(t.name, sizeof t.name, "%s", name);
    k->emit(k, &t);
}

static void emit_conv(walker *k, const char *name, const am_weight *w) {
    tensor t = { .n_dims = 3, .dims = { (int)w->n_rows, (int)w->n_cols / 3, 3 }, .w = w, .n_rows = w->n_rows };
    snprintf(t.name, sizeof t.name, "%s", name);
    k->emit(k, &t);
}

static void emit_vector(walker *k, const char *name, const am_weight *w, int64_t first, int64_t n) {
    tensor t = { .n_dims = 1, .dims = { (int)n }, .w = w, .row0 = first, .n_rows = n, .small = true };
    if (k->format == GGML && strstr(name, ".conv")) {
        t.n_dims = 2;
        t.dims[1] = 1;
    }
    snprintf(t.name, sizeof t.name, "%s", name);
    k->emit(k, &t);
}

/* prefix + one of the three names + ending */
static const char *join(char out[128], const char *prefix, const char *name, const char *ending) {
    snprintf(out, 128, "%s%s%s", prefix, name, ending);
    return out;
}

static void walk_norm(walker *k, const char *prefix, const am_norm_weights *n, const char *const names[3]) {
    char name[128];
    const char *name_of = names[k->format];
    emit_vector(k, join(name, prefix, name_of, k->format == CT2 ? "/gamma" : ".weight"), &n->gamma, 0, n->gamma.n_cols);
    emit_vector(k, join(name, prefix, name_of, k->format == CT2 ? "/beta" : ".bias"), &n->beta, 0, n->beta.n_cols);
}

/* A linear layer that `parts` names share by rows in the formats that keep them apart; the one that ends in a '-' has no
 * bias there. */
static void walk_linear(walker *k, const char *prefix, const am_linear_weights *l, const char *ct2, int n_parts,
                        const char *const ggml[], const char *const hf[]) {
    char name[128], base[64];
    const char *const *parts = k->format == GGML ? ggml : hf;
    if (k->format == CT2) n_parts = 1;
    int64_t n = l->w.n_rows / n_parts;
    for (int i = 0; i < n_parts; i++) {
        snprintf(base, sizeof base, "%s", k->format == CT2 ? ct2 : parts[i]);
        size_t len = strlen(base);
        bool has_bias = base[len - 1] != '-';
        if (!has_bias) base[len - 1] = '\0';
        emit_matrix(k, join(name, prefix, base, k->format == CT2 ? "/weight" : ".weight"), &l->w, i * n, n, false);
        if (has_bias) emit_vector(k, join(name, prefix, base, k->format == CT2 ? "/bias" : ".bias"), &l->b, i * n, n);
    }
}

#define LIST(...)                                                                                                      \
    (const char *const[]) {                                                                                            \
        __VA_ARGS__                                                                                                    \
    }

static void walk_encoder_layer(walker *k, const am_encoder_layer_weights *e, int i) {
    char p[64];
    snprintf(p, sizeof p,
             k->format == CT2    ? "encoder/layer_%d/"
             : k->format == GGML ? "encoder.blocks.%d."
                                 : "model.encoder.layers.%d.",
             i);
    walk_norm(k, p, &e->attn_norm, LIST("self_attention/layer_norm", "attn_ln", "self_attn_layer_norm"));
    walk_linear(k, p, &e->qkv, "self_attention/linear_0", 3, LIST("attn.query", "attn.key-", "attn.value"),
                LIST("self_attn.q_proj", "self_attn.k_proj-", "self_attn.v_proj"));
    walk_linear(k, p, &e->attn_out, "self_attention/linear_1", 1, LIST("attn.out"), LIST("self_attn.out_proj"));
    walk_norm(k, p, &e->mlp_norm, LIST("ffn/layer_norm", "mlp_ln", "final_layer_norm"));
    walk_linear(k, p, &e->fc1, "ffn/linear_0", 1, LIST("mlp.0"), LIST("fc1"));
    walk_linear(k, p, &e->fc2, "ffn/linear_1", 1, LIST("mlp.2"), LIST("fc2"));
}

static void walk_decoder_layer(walker *k, const am_decoder_layer_weights *d, int i) {
    char p[64];
    snprintf(p, sizeof p,
             k->format == CT2    ? "decoder/layer_%d/"
             : k->format == GGML ? "decoder.blocks.%d."
                                 : "model.decoder.layers.%d.",
             i);
    walk_norm(k, p, &d->attn_norm, LIST("self_attention/layer_norm", "attn_ln", "self_attn_layer_norm"));
    walk_linear(k, p, &d->qkv, "self_attention/linear_0", 3, LIST("attn.query", "attn.key-", "attn.value"),
                LIST("self_attn.q_proj", "self_attn.k_proj-", "self_attn.v_proj"));
    walk_linear(k, p, &d->attn_out, "self_attention/linear_1", 1, LIST("attn.out"), LIST("self_attn.out_proj"));
    walk_norm(k, p, &d->cross_norm, LIST("attention/layer_norm", "cross_attn_ln", "encoder_attn_layer_norm"));
    walk_linear(k, p, &d->cross_q, "attention/linear_0", 1, LIST("cross_attn.query"), LIST("encoder_attn.q_proj"));
    walk_linear(k, p, &d->cross_kv, "attention/linear_1", 2, LIST("cross_attn.key-", "cross_attn.value"),
                LIST("encoder_attn.k_proj-", "encoder_attn.v_proj"));
    walk_linear(k, p, &d->cross_out, "attention/linear_2", 1, LIST("cross_attn.out"), LIST("encoder_attn.out_proj"));
    walk_norm(k, p, &d->mlp_norm, LIST("ffn/layer_norm", "mlp_ln", "final_layer_norm"));
    walk_linear(k, p, &d->fc1, "ffn/linear_0", 1, LIST("mlp.0"), LIST("fc1"));
    walk_linear(k, p, &d->fc2, "ffn/linear_1", 1, LIST("mlp.2"), LIST("fc2"));
}

static void walk_conv(walker *k, const am_linear_weights *conv, int number) {
    char name[128], base[64];
    snprintf(base, sizeof base, "%s%d", LIST("encoder/conv", "encoder.conv", "model.encoder.conv")[k->format], number);
    emit_conv(k, join(name, base, "", k->format == CT2 ? "/weight" : ".weight"), &conv->w);
    emit_vector(k, join(name, base, "", k->format == CT2 ? "/bias" : ".bias"), &conv->b, 0, conv->b.n_cols);
}

static void walk(walker *k, const am_weights *w) {
    walk_conv(k, &w->conv1, 1);
    walk_conv(k, &w->conv2, 2);
    emit_matrix(k,
                LIST("encoder/position_encodings/encodings", "encoder.positional_embedding",
                     "model.encoder.embed_positions.weight")[k->format],
                &w->audio_positions, 0, w->audio_positions.n_rows, true);
    for (int i = 0; i < w->dims.n_audio_layer; i++) walk_encoder_layer(k, &w->encoder[i], i);
    walk_norm(k, "", &w->encoder_norm, LIST("encoder/layer_norm", "encoder.ln_post", "model.encoder.layer_norm"));
    emit_matrix(k,
                LIST("decoder/embeddings/weight", "decoder.token_embedding.weight",
                     "model.decoder.embed_tokens.weight")[k->format],
                &w->token_embedding, 0, w->token_embedding.n_rows, false);
    emit_matrix(k,
                LIST("decoder/position_encodings/encodings", "decoder.positional_embedding",
                     "model.decoder.embed_positions.weight")[k->format],
                &w->text_positions, 0, w->text_positions.n_rows, true);
    for (int i = 0; i < w->dims.n_text_layer; i++) walk_decoder_layer(k, &w->decoder[i], i);
    walk_norm(k, "", &w->decoder_norm, LIST("decoder/layer_norm", "decoder.ln", "model.decoder.layer_norm"));
}

/* The numbers of a tensor; malloc'd. */
static float *read_tensor(const tensor *t, size_t *n) {
    bool vector = t->w->n_rows == 1;
    size_t n_all = (size_t)(vector ? t->w->n_cols : t->n_rows * t->w->n_cols);
    float *x = malloc(n_all * sizeof *x);
    assert_non_null(x);
    if (vector) am_weight_read(t->w, 0, 1, x);
    else am_weight_read(t->w, t->row0, t->n_rows, x);
    *n = n_all;
    if (vector && t->n_dims == 1) {
        memmove(x, x + t->row0, (size_t)t->n_rows * sizeof *x);
        *n = (size_t)t->n_rows;
    }
    return x;
}

static FILE *open_out(const char *folder, const char *name) {
    char path[TEMP_PATH_CAP];
    FILE *f = fopen(temp_path(path, folder, name), "wb");
    assert_non_null(f);
    return f;
}

static void close_out(FILE *f) {
    assert_false(ferror(f));
    assert_int_equal(fclose(f), 0);
}

/* ---- vocabulary and configuration ---------------------------------------------------------------------------- */

/* A byte as the character GPT-2 writes for it, in UTF-8. */
static size_t gpt2_character(unsigned char byte, char out[2]) {
    static uint16_t table[256];
    if (!table['!']) {
        uint16_t next = 0x100;
        for (int b = 0; b < 256; b++) {
            bool printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
            table[b] = printable ? (uint16_t)b : next++;
        }
    }
    uint16_t c = table[byte];
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 63));
    return 2;
}

static void put_token(FILE *f, const am_vocab_bytes *v, int token, bool json) {
    for (uint32_t i = v->offset[token]; i < v->offset[token + 1]; i++) {
        char c[2];
        size_t n = gpt2_character((unsigned char)v->bytes[i], c);
        if (json && (c[0] == '"' || c[0] == '\\')) fputc('\\', f);
        fwrite(c, 1, n, f);
    }
}

static void put_list(FILE *f, const char *key, const int32_t *list, int n) {
    fprintf(f, "\"%s\": [", key);
    for (int i = 0; i < n; i++) fprintf(f, "%s%d", i ? ", " : "", (int)list[i]);
    fprintf(f, "],\n");
}

static void put_heads(FILE *f, const am_weights *w) {
    fprintf(f, "\"alignment_heads\": [");
    for (int i = 0; i < w->n_alignment_heads; i++)
        fprintf(f, "%s[%d, %d]", i ? ", " : "", (int)w->alignment_heads[i][0], (int)w->alignment_heads[i][1]);
    fprintf(f, "]\n");
}

/* ---- CTranslate2 --------------------------------------------------------------------------------------------- */

typedef struct ct2_out {
    FILE *f;
    uint32_t n; /* variables written, or counted when f is NULL */
} ct2_out;

static void ct2_string(FILE *f, const char *text) {
    put_u16(f, (uint32_t)strlen(text) + 1);
    fwrite(text, 1, strlen(text) + 1, f);
}

static void ct2_header(FILE *f, const char *name, int n_dims, const int *dims, int type, size_t n_bytes) {
    ct2_string(f, name);
    fputc(n_dims, f);
    for (int i = 0; i < n_dims; i++) put_u32(f, (uint32_t)dims[i]);
    fputc(type, f);
    put_u32(f, (uint32_t)n_bytes);
}

/* An int8 matrix and its scales: value = q / scale, scale = 127 / the largest of the row. */
static void ct2_put_s8(FILE *f, const tensor *t, const float *x, size_t n) {
    size_t n_rows = (size_t)t->n_rows, n_cols = n / n_rows;
    float *scale = malloc(n_rows * sizeof *scale);
    assert_non_null(scale);
    ct2_header(f, t->name, t->n_dims, t->dims, 1, n);
    for (size_t r = 0; r < n_rows; r++) {
        float most = 0;
        for (size_t i = 0; i < n_cols; i++) most = fmaxf(most, fabsf(x[r * n_cols + i]));
        scale[r] = most > 0 ? 127 / most : 127;
        for (size_t i = 0; i < n_cols; i++) fputc(clamp_round(x[r * n_cols + i] * scale[r], -127, 127) & 255, f);
    }
    char name[160];
    snprintf(name, sizeof name, "%s_scale", t->name);
    ct2_header(f, name, 1, t->dims, 0, n_rows * 4);
    put_numbers(f, MW_F32, scale, n_rows);
    free(scale);
}

static void ct2_emit(walker *k, const tensor *t) {
    ct2_out *out = k->out;
    bool s8 = k->dtype == MW_S8 && !t->small;
    out->n += s8 ? 2 : 1;
    if (!out->f) return;
    size_t n;
    float *x = read_tensor(t, &n);
    if (s8) {
        ct2_put_s8(out->f, t, x, n);
    } else {
        mw_dtype dtype = k->dtype == MW_S8 ? MW_F32 : k->dtype;
        ct2_header(out->f, t->name, t->n_dims, t->dims,
                   dtype == MW_F32   ? 0
                   : dtype == MW_F16 ? 4
                                     : 5,
                   n * (dtype == MW_F32 ? 4 : 2));
        put_numbers(out->f, dtype, x, n);
    }
    free(x);
}

static void ct2_scalar(FILE *f, const char *name, int type, int value) {
    ct2_header(f, name, 0, NULL, type, type == 1 ? 1 : 2);
    fputc(value & 255, f);
    if (type == 2) fputc(value >> 8 & 255, f);
}

static void ct2_side_files(const am_weights *w, const char *folder) {
    FILE *f = open_out(folder, "config.json");
    fprintf(f, "{\n");
    put_list(f, "suppress_ids", w->suppress, w->n_suppress);
    put_list(f, "suppress_ids_begin", w->suppress_begin, w->n_suppress_begin);
    if (w->vocab.n_tokens >= 51865) { /* which CTranslate2 itself asks for */
        int32_t languages[100];
        int n = w->vocab.n_tokens - 51865 + 99;
        for (int i = 0; i < n && i < 100; i++) languages[i] = 50259 + i;
        put_list(f, "lang_ids", languages, n < 100 ? n : 100);
    }
    put_heads(f, w);
    fprintf(f, "}\n");
    close_out(f);
    f = open_out(folder, "vocabulary.txt");
    for (int i = 0; i < w->vocab.n_tokens; i++) {
        put_token(f, &w->vocab, i, false);
        fputc('\n', f);
    }
    close_out(f);
}

void mw_write_ctranslate2(const am_weights *w, const char *folder, mw_dtype dtype) {
    static const struct {
        const char *name;
        int type, value;
    } options[] = {
        { "decoder/activation", 1, 3 },
        { "decoder/alibi", 1, 0 },
        { "decoder/alignment_heads", 2, 1 },
        { "decoder/alignment_layer", 2, -1 },
        { "decoder/pre_norm", 1, 1 },
        { "decoder/scale_embeddings", 1, 0 },
        { "decoder/start_from_zero_embedding", 1, 0 },
    };
    const int n_options = sizeof options / sizeof options[0];
    ct2_out out = { 0 };
    walker k = { .format = CT2, .emit = ct2_emit, .out = &out, .dtype = dtype };
    walk(&k, w);
    FILE *f = open_out(folder, "model.bin");
    put_u32(f, 6);
    ct2_string(f, "WhisperSpec");
    put_u32(f, 3);
    put_u32(f, out.n + (uint32_t)n_options + 2);
    out = (ct2_out){ .f = f };
    walk(&k, w);
    for (int i = 0; i < n_options; i++) ct2_scalar(f, options[i].name, options[i].type, options[i].value);
    ct2_scalar(f, "encoder/num_heads", 2, w->dims.n_audio_head);
    ct2_scalar(f, "decoder/num_heads", 2, w->dims.n_text_head);
    put_u32(f, dtype == MW_S8 ? 2 : 1);
    ct2_string(f, "decoder/projection/weight");
    ct2_string(f, "decoder/embeddings/weight");
    if (dtype == MW_S8) {
        ct2_string(f, "decoder/projection/weight_scale");
        ct2_string(f, "decoder/embeddings/weight_scale");
    }
    close_out(f);
    ct2_side_files(w, folder);
}

/* ---- ggml ---------------------------------------------------------------------------------------------------- */

static void ggml_emit(walker *k, const tensor *t) {
    static const int ids[] = {
        [MW_F32] = 0, [MW_F16] = 1, [MW_Q4_0] = 2, [MW_Q4_1] = 3, [MW_Q5_0] = 6, [MW_Q5_1] = 7, [MW_Q8_0] = 8
    };
    FILE *f = k->out;
    mw_dtype dtype = k->dtype;
    if (t->small) dtype = MW_F32;
    else if (t->n_dims == 3 && dtype != MW_F32) dtype = MW_F16;
    put_u32(f, (uint32_t)t->n_dims);
    put_u32(f, (uint32_t)strlen(t->name));
    put_u32(f, (uint32_t)ids[dtype]);
    for (int i = t->n_dims - 1; i >= 0; i--) put_u32(f, (uint32_t)t->dims[i]);
    fwrite(t->name, 1, strlen(t->name), f);
    size_t n;
    float *x = read_tensor(t, &n);
    put_numbers(f, dtype, x, n);
    free(x);
}

/* The file's kind; quantised ones carry the version of the block layouts in the thousands. */
static int ggml_ftype(mw_dtype dtype) {
    switch (dtype) {
    case MW_F32: return 0;
    case MW_F16: return 1;
    case MW_Q4_0: return 2002;
    case MW_Q4_1: return 2003;
    case MW_Q8_0: return 2007;
    case MW_Q5_0: return 2008;
    default: return 2009;
    }
}

void mw_write_ggml(const am_weights *w, const char *path, mw_dtype dtype) {
    const am_dims *d = &w->dims;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    const int head[] = { 0x67676d6c,      d->n_vocab,
                         d->n_audio_ctx,  d->n_audio_state,
                         d->n_audio_head, d->n_audio_layer,
                         d->n_text_ctx,   d->n_text_state,
                         d->n_text_head,  d->n_text_layer,
                         d->n_mels,       ggml_ftype(dtype),
                         d->n_mels,       201 };
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) put_u32(f, (uint32_t)head[i]);
    for (int i = 0; i < d->n_mels * 201; i++) put_f32(f, 0.25f);
    int n_tokens = d->n_vocab == 51864 ? 50256 : d->n_vocab == 51865 || d->n_vocab == 51866 ? 50257 : d->n_vocab;
    put_u32(f, (uint32_t)n_tokens);
    for (int i = 0; i < n_tokens; i++) {
        uint32_t len = w->vocab.offset[i + 1] - w->vocab.offset[i];
        put_u32(f, len);
        fwrite(w->vocab.bytes + w->vocab.offset[i], 1, len, f);
    }
    walker k = { .format = GGML, .emit = ggml_emit, .out = f, .dtype = dtype };
    walk(&k, w);
    close_out(f);
}

/* ---- safetensors --------------------------------------------------------------------------------------------- */

typedef struct hf_out {
    FILE *header, *data; /* of this pass: names and offsets, or the numbers */
    FILE *index;         /* or NULL */
    uint64_t offset;
    int n, shard, n_shards; /* tensor i lies in shard i % n_shards */
} hf_out;

static void hf_file_name(char out[64], int shard, int n_shards) {
    if (n_shards == 1) snprintf(out, 64, "model.safetensors");
    else snprintf(out, 64, "model-%05d-of-%05d.safetensors", shard + 1, n_shards);
}

static void hf_emit(walker *k, const tensor *t) {
    hf_out *out = k->out;
    if (out->n++ % out->n_shards != out->shard) return;
    static const char *const names[] = { [MW_F32] = "F32", [MW_F16] = "F16", [MW_BF16] = "BF16" };
    if (out->header) {
        uint64_t n_bytes = k->dtype == MW_F32 ? 4 : 2;
        fprintf(out->header, "%s\"%s\": {\"dtype\": \"%s\", \"shape\": [", out->offset ? ", " : "", t->name,
                names[k->dtype]);
        for (int i = 0; i < t->n_dims; i++) {
            fprintf(out->header, "%s%d", i ? ", " : "", t->dims[i]);
            n_bytes *= (uint64_t)t->dims[i];
        }
        fprintf(out->header, "], \"data_offsets\": [%llu, %llu]}", (unsigned long long)out->offset,
                (unsigned long long)(out->offset + n_bytes));
        out->offset += n_bytes;
        if (out->index) {
            char name[64];
            hf_file_name(name, out->shard, out->n_shards);
            fprintf(out->index, "%s\"%s\": \"%s\"", out->n > out->shard + 1 ? ",\n" : "", t->name, name);
        }
    } else {
        size_t n;
        float *x = read_tensor(t, &n);
        put_numbers(out->data, k->dtype, x, n);
        free(x);
    }
}

static void hf_write_shard(const am_weights *w, const char *folder, mw_dtype dtype, int shard, int n_shards,
                           FILE *index) {
    char name[64];
    char *header = NULL;
    size_t header_len = 0;
    hf_out out = {
        .header = open_memstream(&header, &header_len), .index = index, .shard = shard, .n_shards = n_shards
    };
    assert_non_null(out.header);
    walker k = { .format = HF, .emit = hf_emit, .out = &out, .dtype = dtype };
    fprintf(out.header, "{");
    walk(&k, w);
    fprintf(out.header, ", \"__metadata__\": {\"format\": \"pt\"}}");
    fclose(out.header);
    hf_file_name(name, shard, n_shards);
    out = (hf_out){ .data = open_out(folder, name), .shard = shard, .n_shards = n_shards };
    put_u32(out.data, (uint32_t)header_len);
    put_u32(out.data, 0);
    fwrite(header, 1, header_len, out.data);
    free(header);
    walk(&k, w);
    close_out(out.data);
}

static void hf_configs(const am_weights *w, const char *folder) {
    const am_dims *d = &w->dims;
    FILE *f = open_out(folder, "config.json");
    fprintf(f, "{\"model_type\": \"whisper\", \"activation_function\": \"gelu\", \"scale_embedding\": false,\n");
    fprintf(f, "\"d_model\": %d, \"encoder_layers\": %d, \"decoder_layers\": %d,\n", d->n_audio_state, d->n_audio_layer,
            d->n_text_layer);
    fprintf(f, "\"encoder_attention_heads\": %d, \"decoder_attention_heads\": %d,\n", d->n_audio_head, d->n_text_head);
    fprintf(f, "\"encoder_ffn_dim\": %d, \"decoder_ffn_dim\": %d,\n", 4 * d->n_audio_state, 4 * d->n_text_state);
    fprintf(f, "\"num_mel_bins\": %d, \"vocab_size\": %d, \"suppress_tokens\": [1, 2],\n", d->n_mels, d->n_vocab);
    fprintf(f, "\"max_source_positions\": %d, \"max_target_positions\": %d}\n", d->n_audio_ctx, d->n_text_ctx);
    close_out(f);
    f = open_out(folder, "generation_config.json");
    fprintf(f, "{\n");
    put_list(f, "suppress_tokens", w->suppress, w->n_suppress);
    put_list(f, "begin_suppress_tokens", w->suppress_begin, w->n_suppress_begin);
    put_heads(f, w);
    fprintf(f, "}\n");
    close_out(f);
}

static void hf_tokenizer(const am_weights *w, const char *folder) {
    int n = w->vocab.n_tokens, n_plain = n > 50257 ? 50257 : n;
    FILE *f = open_out(folder, "tokenizer.json");
    fprintf(f, "{\"version\": \"1.0\", \"added_tokens\": [");
    for (int i = n_plain; i < n; i++) {
        fprintf(f, "%s{\"id\": %d, \"special\": true, \"content\": \"", i > n_plain ? ", " : "", i);
        put_token(f, &w->vocab, i, true);
        fprintf(f, "\"}");
    }
    fprintf(f, "],\n\"model\": {\"type\": \"BPE\", \"vocab\": {");
    for (int i = 0; i < n_plain; i++) {
        fprintf(f, "%s\"", i ? ", " : "");
        put_token(f, &w->vocab, i, true);
        fprintf(f, "\": %d", i);
    }
    fprintf(f, "}, \"merges\": []}}\n");
    close_out(f);
}

void mw_write_safetensors(const am_weights *w, const char *folder, mw_dtype dtype, int n_shards) {
    FILE *index = n_shards > 1 ? open_out(folder, "model.safetensors.index.json") : NULL;
    if (index) fprintf(index, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {\n");
    for (int i = 0; i < n_shards; i++) {
        if (index && i) fprintf(index, ",\n");
        hf_write_shard(w, folder, dtype, i, n_shards, index);
    }
    if (index) {
        fprintf(index, "}}\n");
        close_out(index);
    }
    hf_configs(w, folder);
    hf_tokenizer(w, folder);
}
