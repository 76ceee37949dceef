/* Estimates of memory lie below what is really taken, and not far below; refusals give the numbers.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <limits.h>
#include <string.h>

#include "backend/cpu_internal.h"
#include "model/capacity.h"

/* Published sizes (Radford et al. 2022, table 1; the cards of large-v3 and its turbo). */
static const struct {
    const char *name;
    double million_parameters;
    am_dims dims;
} models[] = {
    { "tiny", 39, { 80, 51865, 1500, 384, 6, 4, 448, 384, 6, 4 } },
    { "base", 74, { 80, 51865, 1500, 512, 8, 6, 448, 512, 8, 6 } },
    { "small", 244, { 80, 51865, 1500, 768, 12, 12, 448, 768, 12, 12 } },
    { "medium", 769, { 80, 51865, 1500, 1024, 16, 24, 448, 1024, 16, 24 } },
    { "large-v3", 1550, { 128, 51866, 1500, 1280, 20, 32, 448, 1280, 20, 32 } },
    { "large-v3-turbo", 809, { 128, 51866, 1500, 1280, 20, 32, 448, 1280, 20, 4 } },
};
enum { N_MODELS = sizeof models / sizeof models[0] };

static void models_as_published(void **state) {
    for (int i = 0; i < N_MODELS; i++) {
        const am_dims *d = &models[i].dims;
        double parameters = models[i].million_parameters * 1e6, embedding = (double)d->n_vocab * d->n_text_state;
        double f16 = (double)am_capacity_of_model(d, false) / (2 * parameters);
        double s8 = (double)am_capacity_of_model(d, true) / (parameters + 2 * embedding);
        /* The paper rounds to the million and counts no fixed positions. */
        if (f16 < 0.95 || f16 > 1.04 || s8 < 0.95 || s8 > 1.12) fail_msg("%s: %.3f %.3f", models[i].name, f16, s8);
    }
}

/* What the CPU backend really takes; the pages are never touched. */
static uint64_t session_bytes(const am_dims *d, cpu_type type, int n_slots, am_pool *pool) {
    am_prepared model = { .dims = *d, .type = type };
    am_kernels_init(&model.kernels, 0);
    am_backend *b;
    assert_int_equal(am_backend_cpu.open(&b, &model, pool, n_slots, NULL), AM_OK);
    uint64_t n_bytes = b->arena.cap;
    am_backend_cpu.close(&b);
    return n_bytes;
}

static void sessions_as_they_are(void **state) {
    static const int slots[] = { 1, 4 }, threads[] = { 1, 8 };
    for (int i = 0; i < 3 * 2 * 2 * 2; i++) {
        const am_dims *d = &models[i / 8].dims;
        int n_slots = slots[i / 4 % 2], n_threads = threads[i / 2 % 2];
        bool is_int8 = i % 2;
        am_pool *pool;
        assert_int_equal(am_pool_open(&pool, n_threads, NULL), AM_OK);
        uint64_t real = session_bytes(d, is_int8 ? CPU_S8 : CPU_F32, n_slots, pool);
        am_pool_close(&pool);
        uint64_t mel = 3000ull * (uint64_t)d->n_mels * 4; /* the session's own, not the backend's */
        uint64_t estimate = am_capacity_of_session(d, is_int8, n_slots, n_threads);
        if (estimate > real + mel || estimate < real / 2)
            fail_msg("%s, int8 %d, %d slots, %d threads: %llu estimated, %llu taken", models[i / 8].name, is_int8,
                     n_slots, n_threads, (unsigned long long)estimate, (unsigned long long)(real + mel));
    }
}

static void refusals(void **state) {
    const am_dims *d = &models[4].dims;
    am_error err = { 0 };
    uint64_t need = am_capacity_of_model(d, false);
    assert_int_equal(am_capacity_check_model_in(need, d, false, &err), AM_OK);
    assert_int_equal(am_capacity_check_model_in(UINT64_MAX, d, false, &err), AM_OK);
    assert_int_equal(am_capacity_check_model_in(need - 1, d, false, &err), AM_E_NOMEM);
    assert_int_equal(am_capacity_check_model_in(1200999999, d, false, &err), AM_E_NOMEM);
    assert_int_equal(err.status, AM_E_NOMEM);
    assert_non_null(strstr(err.text, "a model of 3,0"));
    assert_non_null(strstr(err.text, " MB does not fit in the 1,200 MB this process may take"));
    need = am_capacity_of_session(d, true, 16, 8);
    assert_int_equal(am_capacity_check_session_in(need, d, true, 16, 8, &err), AM_OK);
    assert_int_equal(am_capacity_check_session_in(need - 1, d, true, 16, 8, &err), AM_E_NOMEM);
    assert_int_equal(am_capacity_check_session_in(5000000, d, true, 16, 8, &err), AM_E_NOMEM);
    assert_non_null(strstr(err.text, " MB (16 windows at once) does not fit in the 5 MB this process may take"));
    assert_int_equal(am_capacity_check_session_in(0, d, true, 1, 1, NULL), AM_E_NOMEM);
    assert_int_equal(am_capacity_check_session_in(0, d, true, 1, 1, &err), AM_E_NOMEM);
    assert_non_null(strstr(err.text, " MB (1 window at once) does not fit in the 0 MB this process may take"));
}

/* The largest numbers a file can hold do not wrap round to small ones. */
static void extremes_do_not_wrap(void **state) {
    am_dims d = { AM_DIMS_MAX_STATE,
                  AM_DIMS_MAX_VOCAB,
                  AM_DIMS_MAX_CTX,
                  AM_DIMS_MAX_STATE,
                  1,
                  AM_DIMS_MAX_LAYERS,
                  AM_DIMS_MAX_CTX,
                  AM_DIMS_MAX_STATE,
                  1,
                  AM_DIMS_MAX_LAYERS };
    /* 256 layers of 12 and 16 matrices of 2^28 numbers each. */
    assert_true(am_capacity_of_model(&d, true) > 28ull << 36);
    assert_true(am_capacity_of_session(&d, false, INT_MAX, INT_MAX) == UINT64_MAX);
    assert_true(am_capacity_of_session(&d, true, 1, 1) > 2ull * 256 * 131072 * 16384);
    am_error err;
    assert_int_equal(am_capacity_check_model(&d, false, &err), AM_E_NOMEM);
    assert_int_equal(am_capacity_check_session(&d, false, INT_MAX, INT_MAX, &err), AM_E_NOMEM);
    assert_true(strlen(err.text) < sizeof err.text - 1);
}

static void what_fits_is_not_refused(void **state) {
    assert_int_equal(am_capacity_check_model(&models[0].dims, true, NULL), AM_OK);
    assert_int_equal(am_capacity_check_session(&models[0].dims, true, 2, 2, NULL), AM_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(models_as_published), cmocka_unit_test(sessions_as_they_are),
                                        cmocka_unit_test(refusals), cmocka_unit_test(extremes_do_not_wrap),
                                        cmocka_unit_test(what_fits_is_not_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
