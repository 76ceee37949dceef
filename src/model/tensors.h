/* What the readers share: a file's named tensors, the vocabulary under construction, and the one mapper that finds each
 * role of Whisper among the names and checks its shape.  A reader parses its format into these; it never fills
 * am_weights itself.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_TENSORS_H
#define AM_MODEL_TENSORS_H

#include "base/buf.h"
#include "base/json.h"
#include "model/mapping.h"
#include "model/weights.h"

enum {
    AM_TENSOR_MAX_DIMS = 4,
    AM_TENSORS_MAX = 1 << 16, /* the largest Whisper has 1,260 */
    AM_SHARDS_MAX = 64,
    AM_NAME_SHOWN = 96,
};

/* The most bytes a side file (config, vocabulary) may have; tokenizer.json of Whisper has 4 MB. */
#define AM_SIDE_FILE_MAX (64u << 20)

typedef struct am_named_tensor {
    const char *name; /* in the mapping, not NUL-terminated */
    size_t name_len;
    int dtype;              /* an am_dtype, or -1: nothing a weight can be */
    const char *dtype_name; /* as its format calls it, static */
    int n_dims;
    int64_t dims[AM_TENSOR_MAX_DIMS]; /* row-major, the last one runs fastest */
    const unsigned char *data;
    size_t n_bytes;
    const unsigned char *row_scale; /* S8_ROW: n_row_scales f32 */
    uint64_t n_row_scales;
} am_named_tensor;

/* Everything behind am_weights.owner. */
typedef struct am_source {
    am_mapping *files; /* [n_files]; the first is the one that was opened */
    int n_files;
    am_named_tensor *tensors; /* sorted by name after am_source_sort() */
    size_t n_tensors, cap_tensors;
    const am_logger *logger; /* during open only */
} am_source;

/* Add a copy of *t.  Returns AM_OK, AM_E_MODEL (more than AM_TENSORS_MAX), AM_E_NOMEM. */
am_status am_source_add(am_source *s, const am_named_tensor *t, am_error *err);
/* Sort by name; AM_E_MODEL when a name is there twice. */
am_status am_source_sort(am_source *s, am_error *err);
am_named_tensor *am_source_find(const am_source *s, const char *name);
am_named_tensor *am_source_find_n(const am_source *s, const char *name, size_t len);
const char *am_source_shown(const am_source *s);

/* How many layers the names speak of: the largest N in "<prefix>N<separator>..." plus one, 0 for none. */
int am_source_count_layers(const am_source *s, const char *prefix, char separator);

/* Bytes n_dims dimensions of dtype take, the last dimension being the row.  False when they overflow 2^62, a dimension
 * is negative, or a row is not a whole number of the dtype's blocks. */
bool am_dtype_bytes(am_dtype dtype, int n_dims, const int64_t *dims, uint64_t *n_bytes);

/* The naming schemes of the mapper. */
typedef enum am_naming { AM_NAMING_CTRANSLATE2, AM_NAMING_GGML, AM_NAMING_SAFETENSORS, AM_N_NAMINGS } am_naming;

/* Check w->dims against the limits and Whisper's own rules; the sentence names the number. */
am_status am_dims_check(const am_dims *dims, const char *shown, am_error *err);

/* Allocate the layers (w->dims must have passed am_dims_check()) and find, check and set every role. */
am_status am_weights_map(am_weights *w, const am_source *s, am_naming naming, am_error *err);

/* ---- vocabulary and configuration --------------------------------------------------------------------------- */

/* Tokens arrive in any order; bytes are copied. */
typedef struct am_vocab_builder {
    int n_tokens;     /* of the model; numbers at or above it are passed over */
    uint32_t *offset; /* [n_tokens] */
    uint32_t *len;    /* [n_tokens]; UINT32_MAX: not seen */
    am_buf bytes;
    int n_outside; /* tokens passed over */
} am_vocab_builder;

am_status am_vocab_builder_open(am_vocab_builder *b, int n_tokens, am_error *err);
void am_vocab_builder_close(am_vocab_builder *b);
/* AM_E_MODEL when the token was there already with other bytes. */
am_status am_vocab_builder_add(am_vocab_builder *b, uint64_t token, const char *bytes, size_t len, const char *shown,
                               am_error *err);
/* Fill in the special tokens a file leaves out, check that none is missing, and hand over to `out`. */
am_status am_vocab_builder_finish(am_vocab_builder *b, am_vocab_bytes *out, const char *shown, am_error *err);
void am_vocab_bytes_free(am_vocab_bytes *v);

/* GPT-2 writes bytes as printable characters; undo that.  Text that is not in that alphabet stays as it is. */
am_status am_vocab_undo_bytes(am_buf *out, const char *text, size_t len);

/* The vocabulary that lies in `folder`: vocabulary.txt or vocabulary.json (CTranslate2), tokenizer.json, or vocab.json
 * with added_tokens.json (Hugging Face). */
am_status am_vocab_from_folder(am_weights *w, const char *folder, const am_logger *logger, am_error *err);

/* What config.json and generation_config.json tell.  Numbers are -1 where absent. */
typedef struct am_hf_config {
    double d_model, encoder_layers, decoder_layers, encoder_heads, decoder_heads, encoder_ffn, decoder_ffn;
    double n_mels, n_vocab, n_audio_ctx, n_text_ctx;
    char model_type[32], activation[32]; /* empty where absent */
    bool scale_embedding;
} am_hf_config;

/* Read a configuration; `hf` may be NULL.  The lists found in it (suppress_ids or suppress_tokens, ..._begin,
 * alignment_heads) replace those of `w`.  *found says whether the file is there; a missing one is AM_OK. */
am_status am_config_read(am_weights *w, const char *folder, const char *name, am_hf_config *hf, bool *found,
                         am_error *err);
/* After the last configuration: every number of the lists lies in the model. */
am_status am_config_check(const am_weights *w, const char *shown, am_error *err);

/* ---- the readers: s->files[0] is mapped, `folder` is where it lies ------------------------------------------- */

am_status am_ctranslate2_read(am_weights *w, am_source *s, const char *folder, am_error *err);
am_status am_ggml_read(am_weights *w, am_source *s, const char *folder, am_error *err);
am_status am_safetensors_read(am_weights *w, am_source *s, const char *folder, am_error *err);

#endif
