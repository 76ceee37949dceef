/* Writes a Whisper model out again in any of the formats the library reads, so that tests can convert real weights and
 * demand the same numbers, and makes small models of any shape out of random numbers.
 *
 * Knows the formats by itself: it shares no table with the readers it is there to test.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_MODEL_WRITER_H
#define AM_TEST_MODEL_WRITER_H

#include "model/weights.h"

typedef enum mw_dtype {
    MW_F32,
    MW_F16,
    MW_BF16, /* safetensors only */
    MW_S8,   /* CTranslate2 only: int8 with a scale per row; vectors and positions stay f32 */
    MW_Q8_0, /* the rest ggml only: matrices; convolutions f16, vectors and positions f32, as whisper.cpp has it */
    MW_Q4_0,
    MW_Q4_1,
    MW_Q5_0,
    MW_Q5_1,
} mw_dtype;

/* folder/model.bin, config.json, vocabulary.txt */
void mw_write_ctranslate2(const am_weights *w, const char *folder, mw_dtype dtype);
/* One file; the special tokens are left out of its vocabulary when the size is one of Whisper's. */
void mw_write_ggml(const am_weights *w, const char *path, mw_dtype dtype);
/* folder/model.safetensors, config.json, generation_config.json, tokenizer.json; with n_shards > 1
 * model-0000N-of-0000M.safetensors and their index instead.  The names begin with "model.". */
void mw_write_safetensors(const am_weights *w, const char *folder, mw_dtype dtype, int n_shards);

/* A model of these dimensions with random weights that are exact in f16 and bf16.  The vocabulary is made up; for a
 * size of Whisper's it has <|endoftext|> where it belongs.  To be closed with mw_model_free(), not am_weights_close(). */
am_weights *mw_model_make(const am_dims *dims, uint32_t seed);
void mw_model_free(am_weights *w);

/* Every role of both models has the same shape; matrices agree within `tolerance` times the largest number of their row
 * (0: the same bits), vectors and positions have the same bits.  Names the first difference and fails the test. */
void mw_assert_equal(const am_weights *a, const am_weights *b, float tolerance);
void mw_assert_same_lists(const am_weights *a, const am_weights *b);
/* The first n tokens have the same bytes. */
void mw_assert_same_tokens(const am_vocab_bytes *a, const am_vocab_bytes *b, int n);

#endif
