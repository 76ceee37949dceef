/* Shared by the files of the CPU backend: prepared weights, a session's working memory, and the few operations the layers
 * are made of.
 *
 * One walk through the model serves both number formats: a product looks at the type of its weights, attention at the
 * type of its caches, everything else is f32.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BACKEND_CPU_INTERNAL_H
#define AM_BACKEND_CPU_INTERNAL_H

#include "audio/mel.h"
#include "backend/backend.h"
#include "base/arena.h"
#include "kernels/kernels.h"

/* ---- Weights ----------------------------------------------------------------------------------------------- */

typedef enum cpu_type { CPU_F32, CPU_F16, CPU_S8 } cpu_type;

/* y = x w^T + b with w packed for the gemm kernel in use; f16 where that loses nothing. */
typedef struct cpu_linear {
    const void *w;
    const float *b;     /* [n] or NULL */
    const float *scale; /* CPU_S8: [n], and sums over k */
    const int32_t *sum;
    int n, k;
    cpu_type type;
} cpu_linear;

typedef am_plain_norm cpu_norm;

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
    cpu_type
        type; /* of the layers' weights, activations and caches: CPU_F32 (then some weights are CPU_F16) or CPU_S8 */
    am_mel *mel;
    am_arena arena;               /* what below is not in the quantized model */
    cpu_linear conv1, conv2;      /* columns reordered to [tap][in channel]; never CPU_S8 */
    const float *audio_positions; /* [n_audio_ctx, n_audio_state] */
    cpu_encoder_layer *encoder;
    cpu_norm encoder_norm;
    cpu_linear token_embedding;  /* packed as the output projection */
    am_plain_rows token_rows;    /* CPU_S8: the same, exact; in f32 the input side gathers from the projection */
    const float *text_positions; /* [n_text_ctx, n_text_state] */
    cpu_decoder_layer *decoder;
    cpu_norm decoder_norm;
    uint64_t n_bytes;
};

am_status am_cpu_prepare(am_prepared **p, const am_prepare_config *cfg, am_error *err);
void am_cpu_release(am_prepared **p);

/* ---- Working memory ---------------------------------------------------------------------------------------- */

/* Keys and values of all heads of one layer over up to `capacity` positions, as gemm weights: keys with positions as
 * output channels, values with positions as the summed index.  Attention is then two products around a softmax.
 * CPU_F32: f32 panels.  CPU_S8: byte panels, one scale for each position of each head. */
typedef struct cpu_kv {
    void *keys, *values;
    float *k_scale, *v_scale; /* [n_head, capacity rounded up] */
    int32_t *k_sum;
    int capacity, n_head, head_dim;
} cpu_kv;

/* What one worker computes in.  A block of rows goes through several steps in here while it is in cache. */
typedef struct cpu_scratch {
    float *norm;     /* [block_rows, n + PAD] */
    float *wide;     /* [block_rows, 4 n + PAD] */
    float *frames;   /* [2 block_rows + 3, n_mels]: time-major mel */
    int8_t *q;       /* [block_rows, 4 n + PAD] quantized rows of a product, or of a head */
    float *q_scale;  /* [block_rows] */
    void *gemm;      /* what the gemm kernels ask for */
    void *attention; /* f32: scores [attend_rows, positions + PAD]; s8: what attention_s8 asks for */
} cpu_scratch;

struct am_backend {
    const am_prepared *model;
    am_pool *pool;
    int n_slots;
    int block_rows;  /* rows the encoder takes through its steps at once */
    int attend_rows; /* queries attention takes at once */
    am_arena arena;  /* everything below */
    am_backend_counters counters;
    cpu_scratch *scratch; /* [n_threads] */
    /* Audio side */
    float *x, *query, *attended; /* [n_audio_ctx, n_state] */
    cpu_kv encoder_kv;           /* of the layer that is being computed */
    /* Text side, by rows of one call */
    float *row_x, *row_norm, *row_wide, *row_attn; /* [AM_DECODE_MAX_ROWS, n | n | 4 n + PAD | n] */
    int8_t *row_q;                                 /* [2 AM_DECODE_MAX_ROWS, 4 n + PAD] */
    float *row_q_scale;                            /* [2 AM_DECODE_MAX_ROWS] */
    float *row_rest;                               /* [4 n] */
    float *logits;                                 /* [am_decode_max_logits(), n_vocab] */
    cpu_kv *self_kv;                               /* [n_slots * n_text_layer] */
    cpu_kv *cross_kv;                              /* [n_slots * n_text_layer] */
};

/* Rows of a power of two bytes would share cache sets. */
#define PAD 16

/* ---- Products (cpu_product.c) ------------------------------------------------------------------------------ */

/* Rows of floats: row i begins at data + i * ld. */
typedef struct cpu_rows {
    float *data;
    ptrdiff_t ld;
} cpu_rows;

static inline cpu_rows cpu_row(cpu_rows rows, int row) {
    return (cpu_rows){ rows.data + row * rows.ld, rows.ld };
}

/* m rows as the left side of products with weights of one type: floats, or bytes and scales; or, for what must be finer
 * than a byte, bytes and scales of what the first rounding left over besides. */
typedef struct cpu_operand {
    cpu_rows x;
    const int8_t *q, *q_rest; /* [m, ldq]; q_rest NULL where one byte is enough */
    ptrdiff_t ldq;
    const float *scale, *scale_rest;
    int m;
} cpu_operand;

/* What happens to a product on its way out: nothing, GELU, or addition to what `y` holds. */
typedef enum cpu_finish { CPU_STORE, CPU_GELU, CPU_ADD } cpu_finish;

/* Where an operand's bytes go: [m, ldq] and [m]. */
typedef struct cpu_bytes {
    int8_t *q;
    ptrdiff_t ldq;
    float *scale;
} cpu_bytes;

/* Make m rows of k an operand for weights of `type`; quantizes into `bytes` where that is CPU_S8. */
cpu_operand am_cpu_operand(const am_prepared *p, cpu_type type, cpu_rows x, int m, int k, cpu_bytes bytes);

/* y[m, l->n] = finish(x l->w^T + l->b), by this worker alone. */
void am_cpu_multiply(am_backend *b, int worker, const cpu_linear *l, const cpu_operand *x, cpu_rows y,
                     cpu_finish finish);

/* An operand of about 15 bits.  bytes: twice m rows; rest: [k] floats of scratch. */
cpu_operand am_cpu_fine_operand(const am_prepared *p, cpu_type type, cpu_rows x, int m, int k, cpu_bytes bytes,
                                float *rest);

/* The same for few rows, split over the pool by output channels. */
void am_cpu_multiply_split(am_backend *b, const cpu_linear *l, const cpu_operand *x, cpu_rows y, cpu_finish finish);

/* ---- Attention (cpu_attention.c) ---------------------------------------------------------------------------- */

/* Bytes of memory a cache takes, and the cache in that memory (64-aligned); memory NULL only counts. */
size_t am_cpu_kv_take(const am_prepared *p, cpu_kv *kv, int capacity, int n_head, int head_dim, char *memory);

/* Keys and values [m, head_dim] of one head at positions t .. t+m-1. */
void am_cpu_kv_put(am_backend *b, int worker, const cpu_kv *kv, int head, int t, int m, cpu_rows k, cpu_rows v);

/* out[m, head_dim] = attention of m queries of one head over the first n positions. */
void am_cpu_attend(am_backend *b, int worker, const cpu_kv *kv, int head, cpu_rows q, int m, int n, cpu_rows out);

/* Scratch bytes for that. */
size_t am_cpu_attend_scratch(const am_prepared *p, int m, int n, int head_dim);

/* ---- The sides --------------------------------------------------------------------------------------------- */

am_status am_cpu_encode(am_backend *b, const float *mel, float *out, am_error *err);
am_status am_cpu_cross_kv(am_backend *b, const float *encoded, int slot, am_error *err);
am_status am_cpu_decode(am_backend *b, am_decode_row *rows, int n_rows, am_error *err);
void am_cpu_rescore(const am_backend *b, const am_decode_row *row, const int32_t *tokens, int n);

#endif
