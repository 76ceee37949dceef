/* What both ways through the audio share: one session's memory, decoder and choice of language.  sequence.h goes window
 * by window, batch.h many at once.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_ENGINE_H
#define AM_ENGINE_ENGINE_H

#include "base/buf.h"
#include "engine/decoder.h"
#include "engine/encoding.h"
#include "engine/window.h"
#include "text/language.h"

typedef struct am_engine {
    const am_model *model;
    am_pool *pool;
    am_backend *backend;
    am_decoder decoder;
    am_encoding encoding;
    am_window window; /* samples still needed */
    am_buf text;      /* of a segment, or of a window while it is judged */
    am_decode_options options;
    int32_t *previous; /* [n_text_ctx]: the newest tokens of the text before, which options.previous is */
    bool languages_known;
    float language_probs[AM_N_LANGUAGES];
    _Atomic bool cancelled;
    am_error error;
} am_engine;

/* n_slots: windows whose audio can lie ready at once. */
am_status am_engine_open(am_engine *e, const am_model *model, const am_session_config *cfg, int n_slots, am_error *err);
void am_engine_close(am_engine *e);

/* Choose the language by the audio in `slot`, unless it is known already. */
am_status am_engine_detect_language(am_engine *e, int slot);

#endif
