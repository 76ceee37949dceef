/* See encoding.h.  SPDX-License-Identifier: MIT */
#include "engine/encoding.h"

#include <stdlib.h>

am_status am_encoding_open(am_encoding *e, const am_model *model, am_backend *backend, const _Atomic bool *cancelled,
                           am_error *err) {
    const am_dims *d = &model->dims;
    size_t n_mel = (size_t)d->n_mels * AM_WINDOW_FRAMES, n_encoded = (size_t)d->n_audio_ctx * d->n_audio_state;
    *e = (am_encoding){ .model = model, .backend = backend, .cancelled = cancelled };
    e->mel = malloc(n_mel * sizeof *e->mel);
    e->encoded = malloc(n_encoded * sizeof *e->encoded);
    if (e->mel && e->encoded) return AM_OK;
    am_encoding_close(e);
    return am_fail_nomem(err, "a session", (n_mel + n_encoded) * sizeof *e->mel);
}

void am_encoding_close(am_encoding *e) {
    free(e->encoded);
    free(e->mel);
    *e = (am_encoding){ 0 };
}

void am_encoding_run(void *arg) {
    am_encoding *e = arg;
    const am_backend_ops *ops = e->model->ops;
    e->status = ops->mel(e->backend, e->pcm, e->n_samples, e->mel, &e->error);
    if (e->status == AM_OK) e->status = ops->encode(e->backend, e->mel, e->encoded, &e->error);
    if (e->status == AM_OK && atomic_load(e->cancelled)) e->status = am_fail(&e->error, AM_E_CANCELLED, "cancelled");
    if (e->status == AM_OK) e->status = ops->cross_kv(e->backend, e->encoded, e->slot, &e->error);
}
