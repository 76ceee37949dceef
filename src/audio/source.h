/* Where samples come from: the seam between the file formats and the one way of the data
 *
 *     source -> mono (mix.h) -> 16 kHz (resample.h) -> offset and duration (audio.c) -> am_audio_read()
 *
 * A source gives interleaved float frames at its own rate and channel count, in order, as they arrive.  There are two:
 * wav.c (WAV and headerless samples, no libraries) and decode.c (everything FFmpeg knows).
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_AUDIO_SOURCE_H
#define AM_AUDIO_SOURCE_H

#include "audio/input.h"

enum {
    AM_SOURCE_MAX_CHANNELS = 64,
    AM_SOURCE_MIN_RATE = 1000,
    AM_SOURCE_MAX_RATE = 768000,
};

typedef struct am_source am_source;

typedef struct am_source_ops {
    /* Up to cap_floats / n_channels frames; cap_floats is at least AM_SOURCE_MAX_CHANNELS.  Sets the source's
     * sample_rate and n_channels to those of the frames it gives: they may change between two calls.  What is not a
     * finite float comes as it is (numbers too large for a float as infinity).
     * Returns AM_OK with *n_frames > 0; AM_E_END; anything else with a sentence, after all that could be read. */
    am_status (*read)(am_source *s, float *frames, size_t cap_floats, size_t *n_frames, am_error *err);

    /* Move on by exactly n_frames, or to the end where fewer are left, without reading them; returns how many were
     * passed over.  0 where the source cannot: nothing has moved then. */
    uint64_t (*skip)(am_source *s, uint64_t n_frames);

    /* Frees the source; the input stays open. */
    void (*close)(am_source *s);
} am_source_ops;

struct am_source {
    const am_source_ops *ops;
    int sample_rate, n_channels; /* before the first read: those to expect.  Within the limits above */
    int64_t n_frames;            /* at sample_rate, from the first read on; -1 when not known */
    char container[64], codec[32];
};

/* RIFF/RF64/BW64 WAVE by its first 12 bytes. */
bool am_wav_is(const unsigned char *head, size_t len);

/* Read the header up to the samples.  The input stands at its first byte and outlives the source.
 * Returns AM_OK; AM_E_FORMAT; AM_E_UNSUPPORTED (a codec that is not plain samples: another reader may try);
 * AM_E_IO; AM_E_NOMEM. */
am_status am_wav_open(am_source **s, am_input *in, const am_logger *logger, am_error *err);

/* Headerless samples, format "s16le,16000,1" as in am_audio_config.  Returns AM_OK, AM_E_ARG, AM_E_NOMEM. */
am_status am_raw_open(am_source **s, am_input *in, const char *format, const am_logger *logger, am_error *err);

/* Anything else.  The input stands at its first byte and outlives the source.
 * Returns AM_OK; AM_E_FORMAT (not media); AM_E_NO_AUDIO; AM_E_UNSUPPORTED; AM_E_IO; AM_E_NOMEM.  Without FFmpeg it is
 * always AM_E_UNSUPPORTED. */
am_status am_decode_open(am_source **s, am_input *in, const am_logger *logger, am_error *err);

#endif
