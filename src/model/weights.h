/* A Whisper model as it lies in a file, checked: its dimensions, its tensors by their role, its vocabulary.
 * The three readers (ctranslate2.c, ggml.c, safetensors.c) fill this one shape; nobody behind it knows which it was.
 *
 * Tensors point into the mapped file in the file's own number format.  am_weight_read() is the only way to numbers, and
 * it gives f32; backends call it once, row block by row block, while they pack weights into their own layout, and the
 * file is unmapped afterwards.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_WEIGHTS_H
#define AM_MODEL_WEIGHTS_H

#include <stdbool.h>

#include "base/error.h"

typedef struct am_dims {
    int n_mels;                                                  /* 80 or 128 */
    int n_vocab;                                                 /* 51864 (English), 51865, 51866 */
    int n_audio_ctx, n_audio_state, n_audio_head, n_audio_layer; /* 1500, 512, 8, 6 for base */
    int n_text_ctx, n_text_state, n_text_head, n_text_layer;     /* 448, 512, 8, 6 for base */
} am_dims;

/* What a model hears at once: 30 s. */
enum {
    AM_WINDOW_SAMPLES = 480000,
    AM_WINDOW_FRAMES = 3000,
    AM_HOP = 160,
};

/* Limits a file's numbers are checked against before anything is multiplied or allocated. */
enum {
    AM_DIMS_MAX_LAYERS = 256,
    AM_DIMS_MAX_STATE = 16384,
    AM_DIMS_MAX_CTX = 65536,
    AM_DIMS_MAX_VOCAB = 1 << 20,
};

typedef enum am_dtype {
    AM_DTYPE_F32,
    AM_DTYPE_F16,
    AM_DTYPE_BF16,
    AM_DTYPE_S8_ROW, /* int8, one f32 scale per row: value = q / scale[row]  (CTranslate2) */
    AM_DTYPE_Q8_0,   /* ggml blocks of 32 along a row: f16 d, 32 x s8: value = d * q */
    AM_DTYPE_Q4_0,   /* f16 d, 16 bytes: value = d * (q - 8); low nibbles are elements 0..15, high ones 16..31 */
    AM_DTYPE_Q4_1,   /* f16 d, f16 m, 16 bytes: value = d * q + m */
    AM_DTYPE_Q5_0,   /* f16 d, u32 fifth bits, 16 bytes: value = d * (q - 16) */
    AM_DTYPE_Q5_1,   /* f16 d, f16 m, u32 fifth bits, 16 bytes: value = d * q + m */
} am_dtype;

/* One tensor of the file, row-major [n_rows, n_cols]; a vector has n_rows 1; a convolution [out, in * 3]. */
typedef struct am_tensor {
    am_dtype dtype;
    int64_t n_rows, n_cols;
    const void *data;      /* in the mapping; no alignment promised */
    const void *row_scale; /* S8_ROW: n_rows f32, no alignment promised */
} am_tensor;

/* A role in the model: up to three tensors stacked by rows (Q, K, V lie fused or apart).  For vectors the parts are
 * concatenated.  A part with data NULL reads as zeros (Whisper's K has no bias). */
typedef struct am_weight {
    int n_parts;
    am_tensor part[3];
    int64_t n_rows, n_cols; /* of the whole; a vector is [1, n] */
} am_weight;

typedef struct am_norm_weights {
    am_weight gamma, beta; /* [1, n_state] */
} am_norm_weights;

typedef struct am_linear_weights {
    am_weight w; /* [n_out, n_in] */
    am_weight b; /* [1, n_out] */
} am_linear_weights;

typedef struct am_encoder_layer_weights {
    am_norm_weights attn_norm;
    am_linear_weights qkv;      /* [3 n_state, n_state]: Q, then K, then V; Q not scaled */
    am_linear_weights attn_out; /* [n_state, n_state] */
    am_norm_weights mlp_norm;
    am_linear_weights fc1; /* [4 n_state, n_state] */
    am_linear_weights fc2; /* [n_state, 4 n_state] */
} am_encoder_layer_weights;

typedef struct am_decoder_layer_weights {
    am_norm_weights attn_norm;
    am_linear_weights qkv, attn_out;
    am_norm_weights cross_norm;
    am_linear_weights cross_q;   /* [n_state, n_state] */
    am_linear_weights cross_kv;  /* [2 n_state, n_audio_state]: K, then V */
    am_linear_weights cross_out; /* [n_state, n_state] */
    am_norm_weights mlp_norm;
    am_linear_weights fc1, fc2;
} am_decoder_layer_weights;

/* Token number -> bytes (the byte-level encoding already undone).  A special token has the text
 * of its name where the file gives it, else none. */
typedef struct am_vocab_bytes {
    int n_tokens;
    uint32_t *offset; /* [n_tokens + 1] into bytes */
    char *bytes;
} am_vocab_bytes;

typedef struct am_weights {
    const char *format; /* "ctranslate2", "ggml", "safetensors" */
    am_dims dims;
    am_linear_weights conv1;           /* w [n_state, n_mels * 3]: row = out channel, column = in channel * 3 + tap */
    am_linear_weights conv2;           /* w [n_state, n_state * 3] */
    am_weight audio_positions;         /* [n_audio_ctx, n_state] */
    am_encoder_layer_weights *encoder; /* [n_audio_layer] */
    am_norm_weights encoder_norm;
    am_weight token_embedding;         /* [n_vocab, n_text_state]; also the output projection */
    am_weight text_positions;          /* [n_text_ctx, n_text_state] */
    am_decoder_layer_weights *decoder; /* [n_text_layer] */
    am_norm_weights decoder_norm;
    am_vocab_bytes vocab;
    /* From config.json or generation_config.json; n 0 where absent (text/vocabulary.h then uses Whisper's defaults). */
    int32_t *suppress;
    int n_suppress;
    int32_t *suppress_begin;
    int n_suppress_begin;
    int32_t (*alignment_heads)[2];
    int n_alignment_heads; /* layer, head */
    void *owner;           /* the reader's mapping and tables */
} am_weights;

/* Open a model file or folder, choose the reader by what the bytes are (never by the name), check everything.
 * Returns AM_OK, AM_E_OPEN, AM_E_MODEL, AM_E_NOMEM; the sentence names file, tensor and numbers.  *w is NULL on failure. */
am_status am_weights_open(am_weights **w, const char *path, const am_logger *logger, am_error *err);
void am_weights_close(am_weights **w);

/* dst[n, n_cols] = rows row0 .. row0+n-1 as f32.  The range must lie inside.  Any thread. */
void am_weight_read(const am_weight *w, int64_t row0, int64_t n, float *dst);

/* True when every number of it is exactly an f16, so that a backend may keep it in half the memory. */
bool am_weight_is_f16(const am_weight *w);

/* Tell the system that the mapped pages behind `w` are not needed for now (keeps the peak of packing low). */
void am_weight_release_pages(const am_weights *owner, const am_weight *w);

#endif
