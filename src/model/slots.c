/* See slots.h.
 *
 * SPDX-License-Identifier: MIT */
#include "model/slots.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct walk {
    am_quantized *q;
    am_slot_fn *fn;
    void *arg;
    const char *part; /* "encoder", "decoder", or "" */
    int layer;
    am_status status;
} walk;

static uint64_t bytes_of(am_slot_type type, uint64_t n_rows, uint64_t n_cols) {
    switch (type) {
    case AM_SLOT_S8_PANELS: return AM_ROUND_UP(n_rows, AM_S8_PANEL) * AM_ROUND_UP(n_cols, AM_S8_GROUP);
    case AM_SLOT_F16: return n_rows * n_cols * 2;
    case AM_SLOT_BYTES: return n_rows * n_cols;
    default: return n_rows * n_cols * 4;
    }
}

static void visit(walk *w, const char *name, const char *after, am_slot_type type, int64_t n_rows, int64_t n_cols,
                  void *pointer) {
    if (w->status != AM_OK) return;
    am_slot slot = { .type = type,
                     .n_rows = (uint64_t)n_rows,
                     .n_cols = (uint64_t)n_cols,
                     .n_bytes = bytes_of(type, (uint64_t)n_rows, (uint64_t)n_cols),
                     .pointer = pointer };
    if (*w->part) snprintf(slot.name, sizeof slot.name, "%s.%d.%s%s", w->part, w->layer, name, after);
    else snprintf(slot.name, sizeof slot.name, "%s%s", name, after);
    w->status = w->fn(w->arg, &slot);
}

static void visit_norm(walk *w, const char *name, am_plain_norm *norm, int n_state) {
    visit(w, name, ".gamma", AM_SLOT_F32, 1, n_state, &norm->gamma);
    visit(w, name, ".beta", AM_SLOT_F32, 1, n_state, &norm->beta);
}

static void visit_matrix(walk *w, const char *name, am_s8_matrix *m, bool has_bias) {
    int64_t n_padded = AM_ROUND_UP((int64_t)m->n, AM_S8_PANEL);
    visit(w, name, ".weight", AM_SLOT_S8_PANELS, m->n, m->k, &m->w);
    visit(w, name, ".scale", AM_SLOT_SCALES, 1, n_padded, &m->scale);
    visit(w, name, ".sum", AM_SLOT_S32, 1, n_padded, &m->sum);
    if (has_bias) visit(w, name, ".bias", AM_SLOT_F32, 1, m->n, &m->bias);
}

static void visit_rows(walk *w, const char *name, am_plain_rows *rows) {
    visit(w, name, "", rows->is_f16 ? AM_SLOT_F16 : AM_SLOT_F32, rows->n, rows->k, &rows->data);
}

static void visit_encoder(walk *w) {
    am_quantized *q = w->q;
    int n_state = q->dims.n_audio_state;
    visit_rows(w, "conv1.weight", &q->conv1);
    visit(w, "conv1.bias", "", AM_SLOT_F32, 1, n_state, &q->conv1_bias);
    visit_rows(w, "conv2.weight", &q->conv2);
    visit(w, "conv2.bias", "", AM_SLOT_F32, 1, n_state, &q->conv2_bias);
    visit(w, "audio_positions", "", AM_SLOT_F32, q->dims.n_audio_ctx, n_state, &q->audio_positions);
    w->part = "encoder";
    for (int i = 0; i < q->dims.n_audio_layer; i++) {
        am_quantized_encoder_layer *layer = &q->encoder[i];
        w->layer = i;
        visit_norm(w, "attn_norm", &layer->attn_norm, n_state);
        visit_matrix(w, "qkv", &layer->qkv, true);
        visit_matrix(w, "attn_out", &layer->attn_out, true);
        visit_norm(w, "mlp_norm", &layer->mlp_norm, n_state);
        visit_matrix(w, "fc1", &layer->fc1, true);
        visit_matrix(w, "fc2", &layer->fc2, true);
    }
    w->part = "";
    visit_norm(w, "encoder_norm", &q->encoder_norm, n_state);
}

static void visit_decoder(walk *w) {
    am_quantized *q = w->q;
    int n_state = q->dims.n_text_state;
    visit_matrix(w, "token_embedding", &q->token_embedding, false);
    visit_rows(w, "token_rows", &q->token_rows);
    visit(w, "text_positions", "", AM_SLOT_F32, q->dims.n_text_ctx, n_state, &q->text_positions);
    w->part = "decoder";
    for (int i = 0; i < q->dims.n_text_layer; i++) {
        am_quantized_decoder_layer *layer = &q->decoder[i];
        w->layer = i;
        visit_norm(w, "attn_norm", &layer->attn_norm, n_state);
        visit_matrix(w, "qkv", &layer->qkv, true);
        visit_matrix(w, "attn_out", &layer->attn_out, true);
        visit_norm(w, "cross_norm", &layer->cross_norm, n_state);
        visit_matrix(w, "cross_q", &layer->cross_q, true);
        visit_matrix(w, "cross_kv", &layer->cross_kv, true);
        visit_matrix(w, "cross_out", &layer->cross_out, true);
        visit_norm(w, "mlp_norm", &layer->mlp_norm, n_state);
        visit_matrix(w, "fc1", &layer->fc1, true);
        visit_matrix(w, "fc2", &layer->fc2, true);
    }
    w->part = "";
    visit_norm(w, "decoder_norm", &q->decoder_norm, n_state);
}

am_status am_slots_walk(am_quantized *q, uint64_t n_vocab_bytes, am_slot_fn *fn, void *arg) {
    walk w = { .q = q, .fn = fn, .arg = arg, .part = "" };
    visit_encoder(&w);
    visit_decoder(&w);
    visit(&w, "vocabulary.offsets", "", AM_SLOT_U32, 1, (int64_t)q->dims.n_vocab + 1, &q->vocab.offset);
    visit(&w, "vocabulary.bytes", "", AM_SLOT_BYTES, 1, (int64_t)n_vocab_bytes, &q->vocab.bytes);
    visit(&w, "suppress", "", AM_SLOT_S32, 1, q->n_suppress, &q->suppress);
    visit(&w, "suppress_begin", "", AM_SLOT_S32, 1, q->n_suppress_begin, &q->suppress_begin);
    visit(&w, "alignment_heads", "", AM_SLOT_S32, q->n_alignment_heads, 2, &q->alignment_heads);
    return w.status;
}

static void shape(am_s8_matrix *m, int n, int k) {
    m->n = n;
    m->k = k;
}

void am_quantized_shapes(am_quantized *q) {
    const am_dims *d = &q->dims;
    int a = d->n_audio_state, t = d->n_text_state;
    q->conv1.n = q->conv2.n = a;
    q->conv1.k = d->n_mels * 3;
    q->conv2.k = a * 3;
    for (int i = 0; i < d->n_audio_layer; i++) {
        shape(&q->encoder[i].qkv, 3 * a, a);
        shape(&q->encoder[i].attn_out, a, a);
        shape(&q->encoder[i].fc1, 4 * a, a);
        shape(&q->encoder[i].fc2, a, 4 * a);
    }
    shape(&q->token_embedding, d->n_vocab, t);
    q->token_rows.n = d->n_vocab;
    q->token_rows.k = t;
    for (int i = 0; i < d->n_text_layer; i++) {
        shape(&q->decoder[i].qkv, 3 * t, t);
        shape(&q->decoder[i].attn_out, t, t);
        shape(&q->decoder[i].cross_q, t, t);
        shape(&q->decoder[i].cross_kv, 2 * t, a);
        shape(&q->decoder[i].cross_out, t, t);
        shape(&q->decoder[i].fc1, 4 * t, t);
        shape(&q->decoder[i].fc2, t, 4 * t);
    }
    q->vocab.n_tokens = d->n_vocab;
}

am_status am_quantized_new(am_quantized **quantized, const am_dims *dims, am_error *err) {
    *quantized = NULL;
    am_quantized *q = calloc(1, sizeof *q);
    if (!q) return am_fail_nomem(err, "a model", sizeof *q);
    q->dims = *dims;
    q->owner = calloc(1, sizeof(am_quantized_owner));
    q->encoder = calloc((size_t)dims->n_audio_layer, sizeof *q->encoder);
    q->decoder = calloc((size_t)dims->n_text_layer, sizeof *q->decoder);
    if (!q->owner || !q->encoder || !q->decoder) {
        am_quantized_close(&q);
        return am_fail_nomem(err, "the model's tables of layers",
                             (size_t)dims->n_audio_layer * sizeof *q->encoder +
                                 (size_t)dims->n_text_layer * sizeof *q->decoder);
    }
    am_quantized_shapes(q);
    *quantized = q;
    return AM_OK;
}

void am_quantized_close(am_quantized **quantized) {
    am_quantized *q = *quantized;
    if (!q) return;
    am_quantized_owner *owner = q->owner;
    if (owner) {
        am_arena_close(&owner->arena);
        am_mapping_close(&owner->mapping);
    }
    free(owner);
    free(q->encoder);
    free(q->decoder);
    free(q);
    *quantized = NULL;
}
