/* Which name is which part of Whisper, for every format at once, and the checks all formats share.
 *
 * One row of the table is one role: where it goes in am_weights, the shape it must have, and its name or names in each
 * naming scheme.  A format that keeps Q, K and V apart has three names in the row, a format that fuses them has one;
 * behind am_weights nobody can tell.
 *
 * SPDX-License-Identifier: MIT */
#include "model/tensors.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum scope { TOP, ENCODER_LAYER, DECODER_LAYER } scope;
typedef enum kind { LINEAR, NORM, PLAIN } kind;

/* Shapes: A audio state, T text state, M mel bands, V tokens, a and t the contexts; a digit before one multiplies it and
 * one alone is itself.  The first dimension is that of all parts together.  A '?' before a name: its bias may be
 * absent and is zero then (Whisper's keys have none). */
typedef struct role {
    scope scope;
    kind kind;
    size_t at; /* offset in am_weights or in the layer's struct */
    const char *shape;
    const char *names[AM_N_NAMINGS][3];
} role;

#define W(field) offsetof(am_weights, field)
#define E(field) offsetof(am_encoder_layer_weights, field)
#define D(field) offsetof(am_decoder_layer_weights, field)

/* clang-format off */
static const role roles[] = {
    { TOP, LINEAR, W(conv1), "A,M,3", { { "encoder/conv1" }, { "encoder.conv1" }, { "encoder.conv1" } } },
    { TOP, LINEAR, W(conv2), "A,A,3", { { "encoder/conv2" }, { "encoder.conv2" }, { "encoder.conv2" } } },
    { TOP, PLAIN, W(audio_positions), "a,A",
      { { "encoder/position_encodings/encodings" }, { "encoder.positional_embedding" }, { "encoder.embed_positions.weight" } } },
    { TOP, NORM, W(encoder_norm), "A", { { "encoder/layer_norm" }, { "encoder.ln_post" }, { "encoder.layer_norm" } } },
    { TOP, PLAIN, W(token_embedding), "V,T",
      { { "decoder/embeddings/weight" }, { "decoder.token_embedding.weight" }, { "decoder.embed_tokens.weight" } } },
    { TOP, PLAIN, W(text_positions), "t,T",
      { { "decoder/position_encodings/encodings" }, { "decoder.positional_embedding" }, { "decoder.embed_positions.weight" } } },
    { TOP, NORM, W(decoder_norm), "T", { { "decoder/layer_norm" }, { "decoder.ln" }, { "decoder.layer_norm" } } },

    { ENCODER_LAYER, NORM, E(attn_norm), "A",
      { { "self_attention/layer_norm" }, { "attn_ln" }, { "self_attn_layer_norm" } } },
    { ENCODER_LAYER, LINEAR, E(qkv), "3A,A",
      { { "self_attention/linear_0" },
        { "attn.query", "?attn.key", "attn.value" },
        { "self_attn.q_proj", "?self_attn.k_proj", "self_attn.v_proj" } } },
    { ENCODER_LAYER, LINEAR, E(attn_out), "A,A",
      { { "self_attention/linear_1" }, { "attn.out" }, { "self_attn.out_proj" } } },
    { ENCODER_LAYER, NORM, E(mlp_norm), "A", { { "ffn/layer_norm" }, { "mlp_ln" }, { "final_layer_norm" } } },
    { ENCODER_LAYER, LINEAR, E(fc1), "4A,A", { { "ffn/linear_0" }, { "mlp.0" }, { "fc1" } } },
    { ENCODER_LAYER, LINEAR, E(fc2), "A,4A", { { "ffn/linear_1" }, { "mlp.2" }, { "fc2" } } },

    { DECODER_LAYER, NORM, D(attn_norm), "T",
      { { "self_attention/layer_norm" }, { "attn_ln" }, { "self_attn_layer_norm" } } },
    { DECODER_LAYER, LINEAR, D(qkv), "3T,T",
      { { "self_attention/linear_0" },
        { "attn.query", "?attn.key", "attn.value" },
        { "self_attn.q_proj", "?self_attn.k_proj", "self_attn.v_proj" } } },
    { DECODER_LAYER, LINEAR, D(attn_out), "T,T",
      { { "self_attention/linear_1" }, { "attn.out" }, { "self_attn.out_proj" } } },
    { DECODER_LAYER, NORM, D(cross_norm), "T",
      { { "attention/layer_norm" }, { "cross_attn_ln" }, { "encoder_attn_layer_norm" } } },
    { DECODER_LAYER, LINEAR, D(cross_q), "T,T",
      { { "attention/linear_0" }, { "cross_attn.query" }, { "encoder_attn.q_proj" } } },
    { DECODER_LAYER, LINEAR, D(cross_kv), "2T,A",
      { { "attention/linear_1" },
        { "?cross_attn.key", "cross_attn.value" },
        { "?encoder_attn.k_proj", "encoder_attn.v_proj" } } },
    { DECODER_LAYER, LINEAR, D(cross_out), "T,T",
      { { "attention/linear_2" }, { "cross_attn.out" }, { "encoder_attn.out_proj" } } },
    { DECODER_LAYER, NORM, D(mlp_norm), "T", { { "ffn/layer_norm" }, { "mlp_ln" }, { "final_layer_norm" } } },
    { DECODER_LAYER, LINEAR, D(fc1), "4T,T", { { "ffn/linear_0" }, { "mlp.0" }, { "fc1" } } },
    { DECODER_LAYER, LINEAR, D(fc2), "T,4T", { { "ffn/linear_1" }, { "mlp.2" }, { "fc2" } } },
};

/* What goes before a layer's number and after it, the ends of a pair's names, and the separate output projection that
 * must be the embedding again. */
static const struct {
    const char *encoder_layer, *decoder_layer, *after_number;
    const char *linear[2], *norm[2];
    const char *projection;
} schemes[AM_N_NAMINGS] = {
    [AM_NAMING_CTRANSLATE2] = { "encoder/layer_", "decoder/layer_", "/",
                                { "/weight", "/bias" }, { "/gamma", "/beta" }, "decoder/projection/weight" },
    [AM_NAMING_GGML] = { "encoder.blocks.", "decoder.blocks.", ".",
                         { ".weight", ".bias" }, { ".weight", ".bias" }, NULL },
    [AM_NAMING_SAFETENSORS] = { "encoder.layers.", "decoder.layers.", ".",
                                { ".weight", ".bias" }, { ".weight", ".bias" }, "proj_out.weight" },
};
/* clang-format on */

typedef struct mapper {
    am_weights *w;
    const am_source *s;
    am_naming naming;
    const char *prefix; /* before every name: "model." in most safetensors files */
    am_error *err;
} mapper;

typedef struct shape {
    int n_dims;
    int64_t dims[3];
} shape;

static int64_t dimension(const am_dims *d, char letter) {
    switch (letter) {
    case 'A': return d->n_audio_state;
    case 'T': return d->n_text_state;
    case 'M': return d->n_mels;
    case 'V': return d->n_vocab;
    case 'a': return d->n_audio_ctx;
    case 't': return d->n_text_ctx;
    default: return 1;
    }
}

static shape parse_shape(const am_dims *d, const char *text) {
    shape s = { 0 };
    for (const char *p = text; *p; p++) {
        int64_t n = 1;
        if (*p >= '0' && *p <= '9') n = *p++ - '0';
        if (*p && *p != ',') n *= dimension(d, *p++);
        assert(s.n_dims < 3);
        s.dims[s.n_dims++] = n;
        if (!*p) break;
    }
    return s;
}

static void show_shape(char *out, size_t cap, int n_dims, const int64_t *dims) {
    size_t len = (size_t)snprintf(out, cap, "[");
    for (int i = 0; i < n_dims && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%lld", i ? ", " : "", (long long)dims[i]);
    if (len < cap) snprintf(out + len, cap - len, "]");
}

/* Dimensions of one are no difference: ggml writes a convolution's bias as [n, 1]. */
static bool same_shape(const am_named_tensor *t, const shape *want) {
    int i = 0, j = 0;
    for (;;) {
        while (i < t->n_dims && t->dims[i] == 1) i++;
        while (j < want->n_dims && want->dims[j] == 1) j++;
        if (i == t->n_dims || j == want->n_dims) return i == t->n_dims && j == want->n_dims;
        if (t->dims[i++] != want->dims[j++]) return false;
    }
}

/* A scale of zero, or none at all, would turn whole rows into infinities. */
static am_status check_scales(const mapper *m, const char *name, const am_named_tensor *t, int64_t n_rows) {
    if (!t->row_scale)
        return am_fail(m->err, AM_E_MODEL, "%s: tensor %s is int8 but has no scales", am_source_shown(m->s), name);
    if (t->n_row_scales != (uint64_t)n_rows)
        return am_fail(m->err, AM_E_MODEL, "%s: tensor %s has %lld rows but %llu scales", am_source_shown(m->s), name,
                       (long long)n_rows, (unsigned long long)t->n_row_scales);
    for (int64_t i = 0; i < n_rows; i++) {
        float scale = am_load_f32(t->row_scale + i * 4);
        if (!(scale > 0 && scale <= 3.4e38f))
            return am_fail(m->err, AM_E_MODEL, "%s: tensor %s: the scale of row %lld is %g", am_source_shown(m->s),
                           name, (long long)i, (double)scale);
    }
    return AM_OK;
}

static am_status set_part(const mapper *m, am_tensor *part, const char *name, const shape *want, bool optional) {
    const char *shown = am_source_shown(m->s);
    bool vector = want->n_dims == 1;
    part->n_rows = vector ? 1 : want->dims[0];
    part->n_cols = vector ? want->dims[0] : want->dims[1] * (want->n_dims == 3 ? want->dims[2] : 1);
    const am_named_tensor *t = am_source_find(m->s, name);
    if (!t && optional) return AM_OK;
    char need[64], have[64];
    show_shape(need, sizeof need, want->n_dims, want->dims);
    if (!t) return am_fail(m->err, AM_E_MODEL, "%s: tensor %s %s is missing", shown, name, need);
    show_shape(have, sizeof have, t->n_dims, t->dims);
    if (!same_shape(t, want))
        return am_fail(m->err, AM_E_MODEL, "%s: tensor %s is %s, not %s", shown, name, have, need);
    if (t->dtype < 0 || (vector && t->dtype == AM_DTYPE_S8_ROW))
        return am_fail(m->err, AM_E_MODEL, "%s: tensor %s has numbers of type %s, which this program does not read",
                       shown, name, t->dtype_name);
    part->dtype = (am_dtype)t->dtype;
    part->data = t->data;
    part->row_scale = t->row_scale;
    return t->dtype == AM_DTYPE_S8_ROW ? check_scales(m, name, t, part->n_rows) : AM_OK;
}

#define NAME_CAP 128

/* "<prefix><layers prefix><number><separator><base><ending>" */
static void make_name(const mapper *m, char name[NAME_CAP], const role *r, int layer, const char *base,
                      const char *ending) {
    const char *layers =
        r->scope == ENCODER_LAYER ? schemes[m->naming].encoder_layer : schemes[m->naming].decoder_layer;
    if (r->scope == TOP) snprintf(name, NAME_CAP, "%s%s%s", m->prefix, base, ending);
    else
        snprintf(name, NAME_CAP, "%s%s%d%s%s%s", m->prefix, layers, layer, schemes[m->naming].after_number, base,
                 ending);
}

/* One am_weight: the matrix of a role, or (`vector`) its bias, gamma or beta. */
static am_status set_weight(const mapper *m, am_weight *weight, const role *r, int layer, const char *ending,
                            bool vector) {
    const char *const *names = r->names[m->naming];
    while (weight->n_parts < 3 && names[weight->n_parts]) weight->n_parts++;
    shape want = parse_shape(&m->w->dims, r->shape);
    if (vector) want.n_dims = 1;
    want.dims[0] /= weight->n_parts;
    for (int i = 0; i < weight->n_parts; i++) {
        char name[NAME_CAP];
        bool optional = vector && *names[i] == '?';
        make_name(m, name, r, layer, names[i] + (*names[i] == '?'), ending);
        am_status status = set_part(m, &weight->part[i], name, &want, optional);
        if (status != AM_OK) return status;
        if (vector) {
            weight->n_rows = 1;
            weight->n_cols += weight->part[i].n_cols;
        } else {
            weight->n_rows += weight->part[i].n_rows;
            weight->n_cols = weight->part[i].n_cols;
        }
    }
    return AM_OK;
}

static am_status set_role(const mapper *m, char *base, const role *r, int layer) {
    const char *const *endings = r->kind == NORM ? schemes[m->naming].norm : schemes[m->naming].linear;
    if (r->kind == PLAIN) return set_weight(m, (am_weight *)(void *)(base + r->at), r, layer, "", false);
    am_linear_weights *pair = (am_linear_weights *)(void *)(base + r->at); /* am_norm_weights has the same layout */
    am_status status = set_weight(m, &pair->w, r, layer, endings[0], r->kind == NORM);
    return status == AM_OK ? set_weight(m, &pair->b, r, layer, endings[1], true) : status;
}

static_assert(sizeof(am_norm_weights) == sizeof(am_linear_weights) &&
                  offsetof(am_norm_weights, beta) == offsetof(am_linear_weights, b),
              "set_role() fills both through one type");

static am_status set_scope(const mapper *m, scope which, void *base, int layer) {
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (roles[i].scope != which) continue;
        am_status status = set_role(m, base, &roles[i], layer);
        if (status != AM_OK) return status;
    }
    return AM_OK;
}

/* Whisper's output projection is its embedding.  A file that has learnt another one would be read wrongly. */
static am_status check_projection(const mapper *m) {
    const char *name = schemes[m->naming].projection;
    const am_named_tensor *t = name ? am_source_find(m->s, name) : NULL;
    const am_tensor *embedding = &m->w->token_embedding.part[0];
    if (!t || t->data == embedding->data) return AM_OK;
    uint64_t n_bytes;
    int64_t dims[2] = { embedding->n_rows, embedding->n_cols };
    bool known = am_dtype_bytes(embedding->dtype, 2, dims, &n_bytes);
    if (known && t->dtype == (int)embedding->dtype && t->n_bytes == n_bytes &&
        memcmp(t->data, embedding->data, n_bytes) == 0)
        return AM_OK;
    return am_fail(m->err, AM_E_MODEL,
                   "%s: tensor %s is not the token embedding; a separate output projection is not Whisper",
                   am_source_shown(m->s), name);
}

am_status am_weights_map(am_weights *w, const am_source *s, am_naming naming, am_error *err) {
    mapper m = { .w = w, .s = s, .naming = naming, .prefix = "", .err = err };
    if (naming == AM_NAMING_SAFETENSORS && !am_source_find(s, "encoder.conv1.weight")) m.prefix = "model.";
    size_t n_encoder = (size_t)w->dims.n_audio_layer, n_decoder = (size_t)w->dims.n_text_layer;
    w->encoder = calloc(n_encoder, sizeof *w->encoder);
    w->decoder = calloc(n_decoder, sizeof *w->decoder);
    if (!w->encoder || !w->decoder)
        return am_fail_nomem(err, "the layers", n_encoder * sizeof *w->encoder + n_decoder * sizeof *w->decoder);
    am_status status = set_scope(&m, TOP, w, 0);
    for (size_t i = 0; i < n_encoder && status == AM_OK; i++)
        status = set_scope(&m, ENCODER_LAYER, &w->encoder[i], (int)i);
    for (size_t i = 0; i < n_decoder && status == AM_OK; i++)
        status = set_scope(&m, DECODER_LAYER, &w->decoder[i], (int)i);
    return status == AM_OK ? check_projection(&m) : status;
}

am_status am_dims_check(const am_dims *d, const char *shown, am_error *err) {
    const struct {
        const char *what;
        int value, max;
    } ranges[] = {
        { "tokens", d->n_vocab, AM_DIMS_MAX_VOCAB },
        { "audio positions", d->n_audio_ctx, AM_DIMS_MAX_CTX },
        { "audio state", d->n_audio_state, AM_DIMS_MAX_STATE },
        { "audio heads", d->n_audio_head, AM_DIMS_MAX_STATE },
        { "audio layers", d->n_audio_layer, AM_DIMS_MAX_LAYERS },
        { "text positions", d->n_text_ctx, AM_DIMS_MAX_CTX },
        { "text state", d->n_text_state, AM_DIMS_MAX_STATE },
        { "text heads", d->n_text_head, AM_DIMS_MAX_STATE },
        { "text layers", d->n_text_layer, AM_DIMS_MAX_LAYERS },
    };
    if (d->n_mels != 80 && d->n_mels != 128)
        return am_fail(err, AM_E_MODEL, "%s: %d mel bands; Whisper has 80 or 128", shown, d->n_mels);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (ranges[i].value < 1 || ranges[i].value > ranges[i].max)
            return am_fail(err, AM_E_MODEL, "%s: %s: %d is not within 1 to %d", shown, ranges[i].what, ranges[i].value,
                           ranges[i].max);
    const int states[2] = { d->n_audio_state, d->n_text_state }, heads[2] = { d->n_audio_head, d->n_text_head };
    for (int i = 0; i < 2; i++) {
        int size = states[i] / heads[i];
        if (states[i] % heads[i] != 0 || size % 8 != 0 || size > 256)
            return am_fail(err, AM_E_MODEL,
                           "%s: %s state %d in %d heads; a head must have a multiple of 8 numbers, at most 256", shown,
                           i ? "text" : "audio", states[i], heads[i]);
    }
    return AM_OK;
}
