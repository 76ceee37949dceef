/* Any bytes as a WAV file, as a pipe and as a file, and as headerless samples; then through mixing and resampling.
 * Nothing may crash, hang, or come out that is not a finite number.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "audio/mix.h"
#include "audio/resample.h"
#include "audio/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP_FLOATS = 4096 };

static void must(bool condition) {
    if (!condition) abort();
}

/* Resample what a read gave; the filter of an input with a new rate every time is too slow to fuzz. */
static void use(const am_source *s, const float *frames, size_t n, am_resampler *r) {
    float mono[CAP_FLOATS], out[CAP_FLOATS];
    must(n > 0 && n * (size_t)s->n_channels <= CAP_FLOATS);
    am_mix_mono(frames, n, s->n_channels, mono);
    for (size_t done = 0; done < n;) {
        done += am_resampler_push(r, mono + done, n - done);
        size_t got;
        while ((got = am_resampler_pull(r, out, CAP_FLOATS)) > 0)
            for (size_t i = 0; i < got; i++) must(isfinite(out[i]));
    }
}

static void drain(am_source *s, uint64_t n_skip, am_resampler *r) {
    static float frames[CAP_FLOATS];
    size_t n;
    am_error err = { 0 };
    am_status status;
    must(s->ops->skip(s, n_skip) <= n_skip);
    while ((status = s->ops->read(s, frames, CAP_FLOATS, &n, &err)) == AM_OK) use(s, frames, n, r);
    must(status == AM_E_END || (status == AM_E_FORMAT && err.text[0]));
    s->ops->close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static am_resampler *r; /* one for the whole run: its history does not matter here */
    if (!r) must(am_resampler_open(&r, 44100, NULL) == AM_OK);
    for (int way = 0; way < 3; way++) {
        am_input *in;
        am_source *s;
        am_error err;
        must(am_input_open_memory(&in, data, size, way != 0, &err) == AM_OK);
        am_status status = way < 2 ? am_wav_open(&s, in, NULL, &err) : am_raw_open(&s, in, "f64le,8000,3", NULL, &err);
        must((s != NULL) == (status == AM_OK));
        if (s) drain(s, size ? data[size - 1] : 0, r);
        else must(err.text[0] && (status == AM_E_FORMAT || status == AM_E_UNSUPPORTED));
        am_input_close(&in);
    }
    return 0;
}
