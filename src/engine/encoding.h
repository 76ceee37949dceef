/* A window's way from samples to a slot the decoder can read from: mel, encoder, cross-attention keys and values.
 * May run in the background of the decoder; it then works on a slot of its own.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_ENCODING_H
#define AM_ENGINE_ENCODING_H

#include <stdatomic.h>

#include "engine/loaded_model.h"

typedef struct am_encoding {
    const am_model *model;
    am_backend *backend;
    const _Atomic bool *cancelled;
    float *mel;     /* [n_mels, 3000] */
    float *encoded; /* [n_audio_ctx, n_audio_state] */
    /* What to encode, and where to */
    const float *pcm;
    int n_samples, slot;
    /* What came of it */
    am_status status;
    am_error error;
} am_encoding;

am_status am_encoding_open(am_encoding *e, const am_model *model, am_backend *backend, const _Atomic bool *cancelled,
                           am_error *err);
void am_encoding_close(am_encoding *e);

/* An am_pool_background_fn: arg is the am_encoding.  status: AM_OK, AM_E_CANCELLED or a backend's failure. */
void am_encoding_run(void *arg);

#endif
