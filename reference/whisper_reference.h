/* The reference's picture of a Whisper model: what the files hold, under the names the paper's readers know.
 *
 * Every matrix of a linear map is stored transposed, weight[n_in][n_out]: the innermost loop of y += x[i] * weight[i]
 * then runs over neighbouring numbers, and a plain compiler makes it bearable.
 *
 * SPDX-License-Identifier: MIT */
#ifndef WHISPER_REFERENCE_H
#define WHISPER_REFERENCE_H

#include <stddef.h>

enum {
    SAMPLE_RATE = 16000,
    WINDOW_SECONDS = 30,
    WINDOW_SAMPLES = SAMPLE_RATE * WINDOW_SECONDS,
    N_TIMESTAMPS = 1501, /* <|0.00|>, <|0.02|>, ... <|30.00|> */
};

typedef struct linear {
    int n_in, n_out;
    float *weight; /* [n_in][n_out] */
    float *bias;   /* [n_out] */
} linear;

typedef struct layer_norm {
    int n;
    float *gain, *bias;
} layer_norm;

typedef struct encoder_layer {
    layer_norm attention_norm;
    linear query_key_value; /* n_out = 3 n_state: queries, keys, values */
    linear attention_out;
    layer_norm mlp_norm;
    linear mlp_in, mlp_out; /* n_state -> 4 n_state -> n_state */
} encoder_layer;

typedef struct decoder_layer {
    layer_norm attention_norm;
    linear query_key_value, attention_out;
    layer_norm cross_norm;
    linear cross_query;
    linear cross_key_value; /* n_out = 2 n_state: keys, values; reads the encoder's output */
    linear cross_out;
    layer_norm mlp_norm;
    linear mlp_in, mlp_out;
} decoder_layer;

typedef struct token_bytes {
    unsigned char *bytes; /* not a C string: byte 0 is a token too */
    int len;
} token_bytes;

typedef struct token_list {
    int *token;
    int n;
} token_list;

typedef struct whisper {
    int n_mels;
    int n_audio_ctx, n_audio_state, n_audio_head, n_audio_layer; /* 1500, 512, 8, 6 in base */
    int n_text_ctx, n_text_state, n_text_head, n_text_layer;     /* 448, 512, 8, 6 in base */
    int n_vocab;

    linear conv1, conv2;    /* a convolution of 3 taps is a linear map of 3 neighbouring frames: n_in = 3 * channels */
    float *audio_positions; /* [n_audio_ctx][n_audio_state] */
    encoder_layer *encoder;
    layer_norm encoder_norm;

    float *token_embedding; /* [n_vocab][n_text_state], not transposed; the output projection as well */
    float *text_positions;  /* [n_text_ctx][n_text_state] */
    decoder_layer *decoder;
    layer_norm decoder_norm;

    token_bytes *vocabulary;     /* [n_vocab] */
    token_list suppressed;       /* never sampled */
    token_list suppressed_first; /* never sampled as the first token: a space, the end of the text */

    /* Tokens with a meaning, in the order of their numbers. */
    int end_of_text; /* ordinary text is below it */
    int start_of_transcript;
    int first_language, n_languages;
    int translate, transcribe, start_of_lm, start_of_previous, no_speech, no_timestamps;
    int first_timestamp; /* <|0.00|> */
} whisper;

/* Print a sentence to stderr and leave: the reference is for people at a terminal and cleans nothing up. */
_Noreturn void die(const char *format, ...);
void *allocate(size_t n, size_t size); /* zeroed, or die */

/* whisper_files.c */
void load_whisper(whisper *w, const char *folder);
int load_wav(const char *path, float *samples, int cap);

#endif
