/* Many windows at once: the audio is cut in silence, windows are encoded one after the other in the background, and up
 * to n_batch of them are decoded together.  They know nothing of each other, so a window's text is the same in any
 * company; passages come out in order of time.
 *
 * Order of preference: hand out what is done; keep an encoding under way; ask for samples while there is room; then
 * decode, as long as the batch is full or nothing can be encoded; else help with the encoding.  A step costs nearly the
 * same for one text and for many, so a batch that is not full waits for its windows.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_BATCH_H
#define AM_ENGINE_BATCH_H

#include "engine/cutter.h"
#include "engine/engine.h"
#include "engine/passage.h"

typedef enum am_stage { AM_ENCODING, AM_ENCODED, AM_DECODING, AM_DONE, AM_FAILED } am_stage;

/* A window between being cut and being handed out. */
typedef struct am_flight {
    am_stage stage;
    int slot;
    int64_t seek;
    int n_frames;
    int last_sound; /* frame, see am_cutter_last_sound() */
    am_passage passage;
    am_error error; /* of a failed one */
} am_flight;

typedef struct am_batch {
    am_engine *engine;
    am_cutter cutter;
    int n_batch, n_slots, n_ring;
    am_flight *ring; /* [n_ring], by time: `first` is the earliest */
    int first, n_flights;
    bool handed_out;     /* the earliest is with the caller */
    bool feeder_waits;   /* samples were refused */
    bool is_failing;     /* nothing behind a failure is begun */
    am_flight *encoding; /* the window under way in the background, or NULL */
    float *pcm;          /* [AM_WINDOW_SAMPLES]: its samples, so that the buffer can move on */
    bool slot_taken[AM_BATCH_MAX + 1];
} am_batch;

/* Slots a batch wants: one more than it decodes, so that the next window can be encoded meanwhile. */
static inline int am_batch_slots(int n_batch) {
    return n_batch + 1;
}

am_status am_batch_open(am_batch *b, am_engine *engine, int n_batch, am_error *err);
/* Waits for the encoding under way. */
void am_batch_close(am_batch *b);

/* AM_OK, or AM_E_AGAIN: am_batch_next() will make room. */
am_status am_batch_feed(am_batch *b, const float *pcm, size_t n_samples);

/* The next window in order of time.  Returns AM_OK with *passage, valid until the next call; AM_E_AGAIN (feed more);
 * AM_E_END; AM_E_CANCELLED; or a failure with its sentence in engine->error, when all before it is handed out. */
am_status am_batch_next(am_batch *b, am_passage **passage);

#endif
