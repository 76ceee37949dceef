/* The engine's spectrogram and encoder against CTranslate2's float32 encoder output on real speech: 60 of the 1500
 * positions, all 512 channels.  Bound in f32: 2e-2 at the worst number (the output reaches 23), correlation above 0.99999.
 * Every instruction set of this machine is held to it.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/base_backend.h"
#include "support/golden.h"

enum { N_STATE = 512, N_CTX = 1500, N_KEPT = 60, STEP = 25 };

static float pcm[AM_WINDOW_SAMPLES], mel[80 * AM_WINDOW_FRAMES], encoded[N_CTX * N_STATE], again[N_CTX * N_STATE];

static void encode(am_test_backend *t, int n_samples, float *out) {
    am_error err = { 0 };
    assert_int_equal(am_backend_cpu.mel(t->backend, pcm, n_samples, mel, &err), AM_OK);
    assert_int_equal(am_backend_cpu.encode(t->backend, mel, out, &err), AM_OK);
}

static void compare(const char *cpu, am_test_compute compute, const am_golden *expected) {
    float kept[N_KEPT * N_STATE];
    for (int p = 0; p < N_KEPT; p++) memcpy(kept + p * N_STATE, encoded + p * STEP * N_STATE, N_STATE * sizeof *kept);
    am_difference d = am_golden_compare(kept, expected->x, N_KEPT * N_STATE);
    print_message("measured: encoder %s %-10s max abs difference %.2e, mean %.2e, 1 - correlation %.1e\n",
                  compute == AM_TEST_INT8 ? "int8" : "f32", cpu, d.max_abs, d.mean_abs, 1.0 - d.correlation);
    assert_true(d.max_abs <= (compute == AM_TEST_INT8 ? 2.0 : 2e-2));
    assert_true(d.correlation > (compute == AM_TEST_INT8 ? 0.999 : 0.99999));
}

static void check_compute(am_test_compute compute) {
    am_golden expected = am_golden_load(AM_GOLDEN_BASE, "encoded", N_KEPT, N_STATE);
    int n_samples = am_golden_speech(pcm), n_cpus;
    const char *const *cpu = am_test_cpu_names(&n_cpus);
    bool ran = false;
    for (int i = 0; i < n_cpus; i++) {
        am_test_backend t;
        if (!am_test_backend_open(&t, cpu[i], compute, 1)) break;
        encode(&t, n_samples, encoded);
        compare(cpu[i], compute, &expected);
        if (i ==
            0) { /* nothing of one window may reach the next: after another sound, the same samples, the same bits */
            encode(&t, n_samples / 3, again);
            assert_memory_not_equal(again, encoded, sizeof encoded);
            encode(&t, n_samples, again);
            assert_memory_equal(again, encoded, sizeof encoded);
        }
        am_test_backend_close(&t);
        ran = true;
    }
    free(expected.x);
    if (!ran) skip();
}

static void matches_ctranslate2(void **state) {
    check_compute(AM_TEST_F32);
}

static void int8_is_near(void **state) {
    check_compute(AM_TEST_INT8);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(matches_ctranslate2), cmocka_unit_test(int8_is_near) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
