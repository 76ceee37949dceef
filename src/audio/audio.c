/* am_audio: one way of the data from whatever the source is to mono samples at 16 kHz.
 *
 *     source (wav.c, decode.c) -> mean of the channels (mix.c) -> 16 kHz (resample.c) -> offset and duration -> caller
 *
 * Memory is fixed at opening.  A failure of the source is held back until all that was read before it is delivered.
 * With an offset the samples are bit for bit those a reader from the start would have got from there on: the source is
 * entered at a point where its samples and ours coincide, early enough for the filter to have forgotten that.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/mix.h"
#include "audio/resample.h"
#include "audio/source.h"
#include "base/versioned.h"

enum { CHUNK_FLOATS = 1 << 14 };
#define MAX_SEC 1e9 /* times sample rates stay far inside 64 bits */

struct am_audio {
    am_input *in;
    am_source *source;
    am_resampler *resampler;
    am_logger logger;
    double offset_sec, duration_sec;
    int rate;             /* of the samples in the resampler */
    uint64_t skip_frames; /* of the source, still to be dropped before the resampler */
    uint64_t skip;        /* 16 kHz samples still to be dropped behind it */
    uint64_t left;        /* 16 kHz samples still to be delivered; UINT64_MAX without a limit */
    uint64_t n_delivered;
    double read_sec; /* what the source has given so far */
    uint64_t n_nonfinite;
    size_t mono_pos, mono_len; /* samples of `mono` the resampler has not taken yet */
    bool drains;               /* the resampler was told that nothing more comes at its rate */
    am_status source_status;   /* AM_OK while it gives samples; its error is in `error` already */
    am_status status;          /* AM_OK until am_audio_read() has returned something final */
    am_error error;
    float mono[CHUNK_FLOATS];
    float frames[CHUNK_FLOATS];
};

/* ---- Open --------------------------------------------------------------------------------------------------- */

static am_status copy_config(am_audio_config *to, const am_audio_config *from, am_error *err) {
    if (!am_versioned_read(to, sizeof *to, from))
        return am_fail(err, AM_E_ARG, "am_audio_open needs a configuration filled by am_audio_config_init()");
    if (!to->path || !*to->path) return am_fail(err, AM_E_ARG, "am_audio_open needs the path of a file, or \"-\"");
    if (!(to->offset_sec >= 0 && to->offset_sec <= MAX_SEC))
        return am_fail(err, AM_E_ARG, "the offset of %g s is not in 0..%g", to->offset_sec, MAX_SEC);
    if (!(to->duration_sec >= 0 && to->duration_sec <= MAX_SEC))
        return am_fail(err, AM_E_ARG, "the duration of %g s is not in 0..%g", to->duration_sec, MAX_SEC);
    return AM_OK;
}

/* Whoever can read it, by its first bytes.  A WAV with a codec of its own goes on to FFmpeg. */
static am_status open_source(am_audio *a, const am_audio_config *cfg, am_error *err) {
    unsigned char head[12];
    ptrdiff_t n = am_input_read_full(a->in, head, sizeof head);
    if (n < 0) return am_input_fail(a->in, err);
    if (n == 0) return am_fail(err, AM_E_FORMAT, "%s is empty", am_input_label(a->in));
    if (!am_input_rewind(a->in)) return am_fail(err, AM_E_IO, "%s cannot be rewound", am_input_label(a->in));
    if (cfg->raw) return am_raw_open(&a->source, a->in, cfg->raw, &a->logger, err);
    if (am_wav_is(head, (size_t)n)) {
        am_error first;
        am_status status = am_wav_open(&a->source, a->in, &a->logger, &first);
        if (status != AM_E_UNSUPPORTED || !am_input_rewind(a->in)) {
            if (status != AM_OK && err) *err = first;
            return status;
        }
    }
    return am_decode_open(&a->source, a->in, &a->logger, err);
}

/* Where to enter the source so that the sample at the offset comes out exactly: at a coincidence of both rates, with the
 * filter's whole support before the first sample that is kept. */
static void plan_offset(am_audio *a) {
    am_resampler_grid grid = am_resampler_grid_get(a->resampler);
    uint64_t first = (uint64_t)llround(a->offset_sec * AM_SAMPLE_RATE);
    uint64_t frame = first / (uint64_t)grid.out * (uint64_t)grid.in;
    uint64_t reach = ((uint64_t)grid.reach + (uint64_t)grid.in - 1) / (uint64_t)grid.in * (uint64_t)grid.in;
    a->skip_frames = frame > reach ? frame - reach : 0;
    a->skip = first - a->skip_frames / (uint64_t)grid.in * (uint64_t)grid.out;
    a->left = a->duration_sec > 0 ? (uint64_t)llround(a->duration_sec * AM_SAMPLE_RATE) : UINT64_MAX;
}

static am_status fail_no_samples(const am_audio *a, am_error *err) {
    const char *label = am_input_label(a->in);
    if (a->read_sec > 0)
        return am_fail(err, AM_E_NO_AUDIO, "%s holds no audio after %g s: it is %.3f s long", label, a->offset_sec,
                       a->read_sec);
    return am_fail(err, AM_E_NO_AUDIO, "%s holds no audio samples", label);
}

am_status am_audio_open(am_audio **audio, const am_audio_config *user_cfg, am_error *err) {
    am_error_clear(err);
    if (!audio) return am_fail(err, AM_E_ARG, "am_audio_open needs somewhere to put the am_audio");
    *audio = NULL;
    am_audio_config cfg;
    am_status status = copy_config(&cfg, user_cfg, err);
    if (status != AM_OK) return status;
    am_audio *a = malloc(sizeof *a);
    if (!a) return am_fail_nomem(err, "an audio reader", sizeof *a);
    memset(a, 0, offsetof(am_audio, mono));
    a->logger = cfg.logger;
    a->offset_sec = cfg.offset_sec;
    a->duration_sec = cfg.duration_sec;

    status = am_input_open(&a->in, cfg.path, (am_input_cancel){ cfg.is_cancelled, cfg.cookie }, err);
    if (status == AM_OK) status = open_source(a, &cfg, err);
    if (status == AM_OK && a->source->n_frames == 0) status = fail_no_samples(a, err);
    if (status == AM_OK) status = am_resampler_open(&a->resampler, a->source->sample_rate, err);
    if (status != AM_OK) {
        am_audio_close(&a);
        return status;
    }
    am_input_forget(a->in);
    a->rate = a->source->sample_rate;
    plan_offset(a);
    am_log(&a->logger, AM_LOG_DEBUG, "%s: %s, %s, %d Hz, %d channels", am_input_label(a->in), a->source->container,
           a->source->codec, a->source->sample_rate, a->source->n_channels);
    *audio = a;
    return AM_OK;
}

void am_audio_close(am_audio **audio) {
    if (!audio || !*audio) return;
    if ((*audio)->source) (*audio)->source->ops->close((*audio)->source);
    am_resampler_close(&(*audio)->resampler);
    am_input_close(&(*audio)->in);
    free(*audio);
    *audio = NULL;
}

/* ---- Read --------------------------------------------------------------------------------------------------- */

static void skip_in_source(am_audio *a) {
    uint64_t n = a->source->ops->skip ? a->source->ops->skip(a->source, a->skip_frames) : 0;
    a->skip_frames -= n;
    a->read_sec += (double)n / a->rate;
}

/* Drop what lies before the point of entry.  Where the rate changes before it is reached, the rest of the way is dropped
 * behind the resampler instead. */
static size_t drop_frames(am_audio *a, size_t n) {
    if (a->skip_frames == 0) return 0;
    if (a->source->sample_rate != a->rate) {
        a->skip +=
            a->skip_frames * AM_SAMPLE_RATE / (uint64_t)a->rate; /* rounded down: each stretch rounds its length up */
        a->skip_frames = 0;
        return 0;
    }
    if (n > a->skip_frames) n = (size_t)a->skip_frames;
    a->skip_frames -= n;
    return n;
}

/* The next samples of the source to a->mono; what is there must have been used up. */
static void read_source(am_audio *a) {
    if (a->skip_frames) skip_in_source(a);
    size_t n = 0;
    am_source *s = a->source;
    a->source_status = s->ops->read(s, a->frames, CHUNK_FLOATS, &n, &a->error);
    a->mono_pos = a->mono_len = 0;
    if (a->source_status != AM_OK) return;
    a->read_sec += (double)n / s->sample_rate;
    size_t n_drop = drop_frames(a, n);
    a->n_nonfinite += am_mix_mono(a->frames + n_drop * (size_t)s->n_channels, n - n_drop, s->n_channels, a->mono);
    a->mono_len = n - n_drop;
}

/* Nothing more comes out of the resampler at the old rate; go on at the one the samples in a->mono have. */
static am_status next_rate(am_audio *a) {
    am_resampler_close(&a->resampler);
    a->rate = a->source->sample_rate;
    a->drains = false;
    return am_resampler_open(&a->resampler, a->rate, &a->error);
}

/* Up to cap samples of the stream before the offset is taken off; AM_E_END when source and resampler are empty. */
static am_status pull(am_audio *a, float *pcm, size_t cap, size_t *n) {
    for (;;) {
        *n = am_resampler_pull(a->resampler, pcm, cap);
        if (*n > 0) return AM_OK;
        while (a->mono_pos == a->mono_len && a->source_status == AM_OK) read_source(a);
        bool more = a->mono_pos < a->mono_len;
        if (more && a->source->sample_rate == a->rate) {
            a->mono_pos += am_resampler_push(a->resampler, a->mono + a->mono_pos, a->mono_len - a->mono_pos);
        } else if (!a->drains) {
            am_resampler_finish(a->resampler);
            a->drains = true;
        } else if (!more) {
            return AM_E_END;
        } else {
            am_status status = next_rate(a);
            if (status != AM_OK) return status;
        }
    }
}

/* All that could be read is delivered: say how it ended. */
static am_status finish(am_audio *a) {
    if (a->source_status != AM_E_END) return a->source_status;
    if (a->n_delivered == 0) return fail_no_samples(a, &a->error);
    return AM_E_END;
}

am_status am_audio_read(am_audio *a, float *pcm, size_t cap, size_t *n_read) {
    if (n_read) *n_read = 0;
    if (!a || !pcm || cap == 0 || !n_read) return AM_E_ARG;
    while (a->status == AM_OK) {
        if (a->left == 0) return a->status = AM_E_END;
        size_t n, want = cap < a->left ? cap : (size_t)a->left;
        am_status status = pull(a, pcm, want, &n);
        if (status != AM_OK) {
            a->status = status == AM_E_END ? finish(a) : status;
            break;
        }
        size_t n_drop = n < a->skip ? n : (size_t)a->skip;
        a->skip -= n_drop;
        n -= n_drop;
        if (n == 0) continue;
        if (n_drop) memmove(pcm, pcm + n_drop, n * sizeof *pcm);
        a->n_delivered += n;
        if (a->left != UINT64_MAX) a->left -= n;
        *n_read = n;
        return AM_OK;
    }
    return a->status;
}

am_status am_audio_info_get(const am_audio *a, am_audio_info *info) {
    if (!a) return AM_E_ARG;
    const am_source *s = a->source;
    am_audio_info full = {
        .container = s->container,
        .codec = s->codec,
        .sample_rate = s->sample_rate,
        .n_channels = s->n_channels,
        .duration_sec = -1,
        .n_nonfinite = a->n_nonfinite,
    };
    if (s->n_frames >= 0) {
        double sec = (double)s->n_frames / s->sample_rate - a->offset_sec;
        if (sec < 0) sec = 0;
        full.duration_sec = a->duration_sec > 0 && a->duration_sec < sec ? a->duration_sec : sec;
    }
    return am_versioned_write(info, &full, sizeof full) ? AM_OK : AM_E_ARG;
}

const am_error *am_audio_error(const am_audio *a) {
    return a ? &a->error : NULL;
}
