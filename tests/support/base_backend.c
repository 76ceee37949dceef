/* See base_backend.h.
 *
 * SPDX-License-Identifier: MIT */
#include "support/base_backend.h"

#include "base/cpu.h"
#include "support/check.h"
#include "support/isas.h"

const char *const *am_test_cpu_names(int *n) {
    static const char *best_first[AM_TEST_MAX_ISAS];
    int n_isas;
    const char *const *isas = am_test_isas(&n_isas);
    *n = n_isas > 1 ? n_isas - 1 : 1;
    for (int i = 0; i < *n; i++) best_first[i] = isas[n_isas - 1 - i];
    return best_first;
}

bool am_test_backend_open(am_test_backend *t, const char *cpu, am_test_compute compute, int n_slots) {
    *t = (am_test_backend){ 0 };
    const char *path = am_test_model_path();
    if (!path) return false;
    am_error err = { 0 };
    am_logger silent = { 0 };
    am_weights *w;
    if (am_weights_open(&w, path, &silent, &err)) fail_msg("%s", err.text);
    t->dims = w->dims;
    if (w->dims.n_audio_state != 512 || w->dims.n_vocab != 51865) {
        am_weights_close(&w);
        return false;
    }
    am_prepare_config cfg = { .cpu_flags = am_cpu_flags() };
    assert_int_equal(am_cpu_mask(cpu, &cfg.cpu_flags, &err), AM_OK);
    assert_int_equal(am_pool_open(&t->pool, 0, &err), AM_OK);
    cfg.pool = t->pool;
    if (compute == AM_TEST_INT8 && am_quantized_make(&t->quantized, w, t->pool, &err)) fail_msg("%s", err.text);
    if (compute == AM_TEST_INT8) cfg.quantized = t->quantized;
    else cfg.weights = w;
    if (am_backend_cpu.prepare(&t->prepared, &cfg, &err)) fail_msg("%s", err.text);
    am_weights_close(&w);
    if (am_backend_cpu.open(&t->backend, t->prepared, t->pool, n_slots, &err)) fail_msg("%s", err.text);
    return true;
}

void am_test_backend_close(am_test_backend *t) {
    am_backend_cpu.close(&t->backend);
    am_backend_cpu.release(&t->prepared);
    am_quantized_close(&t->quantized);
    am_pool_close(&t->pool);
    assert_null(t->backend);
    assert_null(t->prepared);
}
