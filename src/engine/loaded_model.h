/* What am_model is inside: a backend's prepared weights, the vocabulary, and the lists that steer decoding.
 * Immutable once open; shared by sessions.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_LOADED_MODEL_H
#define AM_ENGINE_LOADED_MODEL_H

#include "backend/backend.h"
#include "kernels/kernels.h"
#include "text/vocabulary.h"

struct am_model {
    am_dims dims;
    const char *format; /* static */
    unsigned cpu_flags;
    am_kernels kernels; /* for what the engine itself computes: sums over logits */
    const am_backend_ops *ops;
    am_prepared *prepared;
    am_quantized *quantized; /* what `prepared` uses; NULL when it computes in f32 */
    am_vocabulary *vocabulary;
    int32_t *suppress; /* tokens never to be sampled, the timestamp rules' own aside */
    int n_suppress;
    int32_t *suppress_first; /* tokens never to be the first of a window */
    int n_suppress_first;
    uint64_t n_parameters;
};

/* "base", "large", ...: the published size with these dimensions, or "custom". */
const char *am_dims_size_name(const am_dims *d);

#endif
