/* Windows one after the other: each begins where the last word of the one before ended, and sees its text.  What live
 * audio needs, and the most consistent text.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_SEQUENCE_H
#define AM_ENGINE_SEQUENCE_H

#include "engine/engine.h"
#include "engine/passage.h"

typedef struct am_sequence {
    am_engine *engine;
    am_passage passage; /* the latest window's */
    bool use_previous;
} am_sequence;

am_status am_sequence_open(am_sequence *s, am_engine *engine, bool use_previous, am_error *err);
void am_sequence_close(am_sequence *s);

/* Decode the next window.  Returns AM_OK with *passage, valid until the next call; AM_E_AGAIN (30 s are not there yet);
 * AM_E_END; AM_E_CANCELLED; or a failure with its sentence in engine->error. */
am_status am_sequence_next(am_sequence *s, am_passage **passage);

#endif
