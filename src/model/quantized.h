/* A Whisper model in INT8, in the layout every CPU kernel reads as it is: matrices as the panels of kernels.h
 * (gemm_s8s8), one scale per output channel, what must stay exact in float.  Made from checked weights in memory, or
 * mapped from a native container (.am), which is the same bytes in a file and costs nothing to open.
 *
 * Immutable; shared by threads.  All arrays are 64-byte aligned.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_QUANTIZED_H
#define AM_MODEL_QUANTIZED_H

#include "base/pool.h"
#include "model/weights.h"

/* y = x w^T + bias: [n, k], value = w * scale[n]. */
typedef struct am_s8_matrix {
    const int8_t *w;    /* panels [ceil(n/16)][ceil(k/4)][16][4] */
    const float *scale; /* [n rounded up to 16]; 0 past n */
    const int32_t *sum; /* [n rounded up to 16]: sum over k of w */
    const float *bias;  /* [n] */
    int n, k;
} am_s8_matrix;

/* Plain rows [n, k], in the type that loses nothing. */
typedef struct am_plain_rows {
    const void *data; /* f16 as uint16_t, or f32 */
    bool is_f16;
    int n, k;
} am_plain_rows;

typedef struct am_plain_norm {
    const float *gamma, *beta; /* [n_state] */
} am_plain_norm;

typedef struct am_quantized_encoder_layer {
    am_plain_norm attn_norm, mlp_norm;
    am_s8_matrix qkv, attn_out, fc1, fc2;
} am_quantized_encoder_layer;

typedef struct am_quantized_decoder_layer {
    am_plain_norm attn_norm, cross_norm, mlp_norm;
    am_s8_matrix qkv, attn_out, cross_q, cross_kv, cross_out, fc1, fc2;
} am_quantized_decoder_layer;

typedef struct am_quantized {
    const char *format; /* of the source: "ctranslate2", "ggml", "safetensors" */
    am_dims dims;
    am_plain_rows conv1, conv2; /* [n_state, in * 3], column = in channel * 3 + tap, as am_weights has them */
    const float *conv1_bias, *conv2_bias;
    const float *audio_positions;        /* [n_audio_ctx, n_audio_state] */
    am_quantized_encoder_layer *encoder; /* [n_audio_layer] */
    am_plain_norm encoder_norm;
    am_s8_matrix token_embedding;        /* as output projection; bias NULL */
    am_plain_rows token_rows;            /* the same, exact: for the input side and for exact logits */
    const float *text_positions;         /* [n_text_ctx, n_text_state] */
    am_quantized_decoder_layer *decoder; /* [n_text_layer] */
    am_plain_norm decoder_norm;
    am_vocab_bytes vocab;
    const int32_t *suppress, *suppress_begin; /* n 0 where the source has none */
    int n_suppress, n_suppress_begin;
    const int32_t (*alignment_heads)[2]; /* layer, head */
    int n_alignment_heads;
    uint64_t n_bytes; /* of all arrays: memory, or of the file */
    void *owner;      /* the arena or the mapping */
} am_quantized;

/* Quantize checked weights into memory: scale = max|row| / 127, nearest even.  Row by row, in parallel.
 * Returns AM_OK, AM_E_NOMEM, or AM_E_MODEL (a weight is not finite). */
am_status am_quantized_make(am_quantized **q, const am_weights *w, am_pool *pool, am_error *err);
void am_quantized_close(am_quantized **q);

/* Rows that were read and are rarely needed again need no memory: those of a mapped file come back from it when somebody
 * asks; others stay. */
void am_quantized_release_rows(const am_quantized *q, const am_plain_rows *rows);

/* What a container was made from, so that it can be told when that has changed.  Filled from the files of a model folder
 * or a model file: names, sizes, times of change to the nanosecond. */
typedef struct am_source_identity {
    char hex[65]; /* SHA-256 over that list */
} am_source_identity;

/* Returns AM_OK, AM_E_OPEN. */
am_status am_source_identify(am_source_identity *id, const char *path, am_error *err);

/* Write a container: into a temporary file beside `path`, made to last, then renamed, so `path` is whole or not there.
 * Returns AM_OK, AM_E_IO (full disk, no permission; nothing is left behind), AM_E_NOMEM. */
am_status am_container_write(const am_quantized *q, const am_source_identity *source, const char *path, am_error *err);

/* Map a container and check all of it: header, table, every offset and dimension, the checksum of every section (in
 * parallel, at the speed of memory), numbers that must be finite.  `source`, when given, receives what it was made from.
 * Returns AM_OK, AM_E_OPEN, AM_E_MODEL, AM_E_NOMEM; the sentence names file, section and numbers. */
am_status am_container_open(am_quantized **q, const char *path, am_pool *pool, am_source_identity *source,
                            am_error *err);

/* The file begins like a container (whatever its name is). */
bool am_container_is(const char *path);

#endif
