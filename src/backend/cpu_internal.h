/* Shared by the files of the CPU backend: prepared weights and a session's working memory.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BACKEND_CPU_INTERNAL_H
#define AM_BACKEND_CPU_INTERNAL_H

#include "audio/mel.h"
#include "backend/backend.h"
#include "base/arena.h"
#include "kernels/kernels.h"

/* y = x w^T + b with w packed for the gemm kernel in use; f16 where that loses nothing. */
typedef struct cpu_linear {
    const void *w;
    const float *b; /* [n] */
    int n, k;
    bool is_f16;
} cpu_linear;

typedef struct cpu_norm {
    const float *gamma, *beta;
} cpu_norm;

typedef struct cpu_encoder_layer {
    cpu_norm attn_norm, mlp_norm;
    cpu_linear qkv, attn_out, fc1, fc2;
} cpu_encoder_layer;

typedef struct cpu_decoder_layer {
    cpu_norm attn_norm, cross_norm, mlp_norm;
    cpu_linear qkv, attn_out, cross_q, cross_kv, cross_out, fc1, fc2;
} cpu_decoder_layer;

struct am_prepared {
    am_dims dims;
    am_kernels kernels;
    am_mel *mel;
    am_arena arena;               /* everything below */
    cpu_linear conv1, conv2;      /* columns reordered to [tap][in channel] */
    const float *audio_positions; /* [n_audio_ctx, n_audio_state] */
    cpu_encoder_layer *encoder;
    cpu_norm encoder_norm;
    cpu_linear token_embedding;  /* packed as the output projection; the input side gathers from it */
    const float *text_positions; /* [n_text_ctx, n_text_state] */
    cpu_decoder_layer *decoder;
    cpu_norm decoder_norm;
};

/* Keys packed as gemm weights with positions as output channels [positions / nr][head_dim][nr], values with positions as
 * the summed index [head_dim / nr][positions][nr]: attention is then two calls of the one gemm kernel. */
typedef struct cpu_kv {
    float *keys, *values;
} cpu_kv;

struct am_backend {
    const am_prepared *model;
    am_pool *pool;
    int n_slots;
    am_arena arena; /* everything below */
    am_backend_counters counters;
    /* Encoder.  Rows are padded by PAD floats so that neighbouring rows do not share cache sets. */
    float *conv_in;    /* [3002, n_mels]: time-major mel with a zero row at both ends */
    float *conv_mid;   /* [3002, n_state] likewise */
    float *x;          /* [n_audio_ctx, n_state] */
    float *norm;       /* [n_audio_ctx, n_state] */
    float *wide;       /* [n_audio_ctx, 4 n_state + PAD]: Q K V, then the MLP's middle */
    cpu_kv encoder_kv; /* packed K, V of all heads of one layer */
    /* Decoder, by rows of one call */
    float *row_x, *row_norm, *row_wide, *row_attn; /* [AM_DECODE_MAX_ROWS, n | n | 4 n + PAD | n] */
    float *row_scores;                             /* per worker: [AM_DECODE_MAX_ROWS, max ctx] */
    float *logits;                                 /* [am_decode_max_logits(), n_vocab] */
    cpu_kv *self_kv;                               /* [n_slots * n_text_layer] */
    cpu_kv *cross_kv;                              /* [n_slots * n_text_layer] */
    /* Per worker */
    float *scratch; /* [n_threads, scratch_len] */
    size_t scratch_len;
    float *scores; /* [n_threads, m_block, n_audio_ctx + PAD] */
};

#define PAD 16

static inline int cpu_panels(const am_prepared *p, int n) {
    return (n + p->kernels.gemm.nr - 1) / p->kernels.gemm.nr;
}

/* Floats of keys (or values) of one head over `n` positions. */
static inline size_t cpu_keys_len(const am_prepared *p, int n, int head_dim) {
    return (size_t)cpu_panels(p, n) * p->kernels.gemm.nr * head_dim;
}
static inline size_t cpu_values_len(const am_prepared *p, int n, int head_dim) {
    return (size_t)cpu_panels(p, head_dim) * p->kernels.gemm.nr * n;
}

am_status am_cpu_prepare(am_prepared **p, const am_prepare_config *cfg, am_error *err);
void am_cpu_release(am_prepared **p);

/* y[m, l->n] = act(x l->w^T + l->b) + residual, split over the pool by rows and columns. */
typedef struct cpu_product {
    const cpu_linear *linear;
    const float *x;
    float *y;
    const float *residual;
    ptrdiff_t ldx, ldy, ldr;
    int m;
    bool gelu;
} cpu_product;
void am_cpu_product(am_backend *b, const cpu_product *product);

/* Rows of floats: row i begins at data + i * ld. */
typedef struct cpu_rows {
    float *data;
    ptrdiff_t ld;
} cpu_rows;

/* The three products a transformer is made of, for m rows: y = x w^T + b; the same through GELU; y += x w^T + b. */
void am_cpu_linear(am_backend *b, const cpu_linear *linear, cpu_rows x, cpu_rows y, int m);
void am_cpu_linear_gelu(am_backend *b, const cpu_linear *linear, cpu_rows x, cpu_rows y, int m);
void am_cpu_linear_add(am_backend *b, const cpu_linear *linear, cpu_rows x, cpu_rows y, int m);

/* y[m, n] = LayerNorm of x, split over the pool by rows. */
void am_cpu_norm(am_backend *b, float *y, const float *x, const cpu_norm *norm, int m, int n);

/* Keys and values [n_ctx, head_dim] of one head, row stride ld, into the packed form of cpu_kv. */
void am_cpu_pack_head(const am_prepared *p, const float *k, const float *v, ptrdiff_t ld, int n_ctx, int head_dim,
                      float *keys, float *values);

am_status am_cpu_encode(am_backend *b, const float *mel, float *out, am_error *err);
am_status am_cpu_cross_kv(am_backend *b, const float *encoded, int slot, am_error *err);
am_status am_cpu_decode(am_backend *b, am_decode_row *rows, int n_rows, am_error *err);

#endif
