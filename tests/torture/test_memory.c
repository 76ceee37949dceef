/* Fail the first allocation (or thread start), then the second, ... until everything passes: each failure must come out
 * as AM_E_NOMEM with a sentence, and leave nothing behind (AddressSanitizer's leak check looks after that).
 * Then the reverse: once warm, decoding allocates nothing at all.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amanuensis.h"
#include "support/faulty_memory.h"
#include "support/guard.h"
#include "support/small_model.h"

static float noise[AM_FEED_MAX];

static void make_noise(void) {
    am_random random = { 5 };
    for (int i = 0; i < AM_FEED_MAX; i++) noise[i] = am_random_float(&random, -0.1f, 0.1f);
}

static am_status open_model(am_model **model, am_error *err) {
    am_model_config cfg;
    am_model_config_init(&cfg);
    cfg.path = am_small_model_path();
    cfg.n_threads = 2;
    return am_model_open(model, &cfg, err);
}

static int n_batch; /* of the sessions below */

static am_status open_session(am_session **session, const am_model *model, am_error *err) {
    am_session_config cfg;
    am_session_config_init(&cfg);
    cfg.n_threads = 2;
    cfg.n_batch = n_batch;
    cfg.initial_prompt = "some words before";
    return am_session_open(session, model, &cfg, err);
}

static am_status drain(am_session *s) {
    const am_segment *segment;
    am_status status;
    while ((status = am_session_next(s, &segment)) == AM_OK) assert_true(segment->end > segment->start);
    return status;
}

static am_status transcribe(const am_model *model, am_error *err) {
    am_session *s = NULL;
    am_status status = open_session(&s, model, err);
    if (status != AM_OK) {
        assert_null(s);
        return status;
    }
    am_session_feed(s, noise, 32000);
    am_session_finish(s);
    status = drain(s);
    if (status != AM_E_END) *err = *am_session_error(s);
    am_session_close(&s);
    assert_null(s);
    return status == AM_E_END ? AM_OK : status;
}

static void expect_nomem(am_status status, const am_error *err, long n) {
    if (status != AM_E_NOMEM) fail_msg("allocation %ld failed: %s \"%s\"", n, am_status_name(status), err->text);
    assert_int_equal(err->status, AM_E_NOMEM);
    assert_true(strlen(err->text) > 10);
}

static void every_allocation_of_a_model(void **state) {
    am_small_model_path();
    for (long n = 1;; n++) {
        am_model *model = NULL;
        am_error err = { 0 };
        am_faulty_memory_arm(n);
        am_status status = open_model(&model, &err);
        am_faulty_memory_disarm();
        if (!am_faulty_memory_fired()) {
            assert_int_equal(status, AM_OK);
            am_model_close(&model);
            assert_true(n > 10);
            return;
        }
        expect_nomem(status, &err, n);
        assert_null(model);
    }
}

static void every_allocation_of_a_session(void **state) {
    am_model *model;
    assert_int_equal(open_model(&model, NULL), AM_OK);
    for (long n = 1;; n++) {
        am_error err = { 0 };
        am_faulty_memory_arm(n);
        am_status status = transcribe(model, &err);
        am_faulty_memory_disarm();
        if (!am_faulty_memory_fired()) {
            assert_int_equal(status, AM_OK);
            assert_true(n > 10);
            break;
        }
        expect_nomem(status, &err, n);
    }
    am_model_close(&model);
}

static void decoding_allocates_nothing(void **state) {
    am_model *model;
    am_session *s;
    assert_int_equal(open_model(&model, NULL), AM_OK);
    assert_int_equal(open_session(&s, model, NULL), AM_OK);
    assert_int_equal(am_session_feed(s, noise, AM_FEED_MAX), AM_OK);
    am_faulty_memory_arm(0);
    for (int i = 0; i < 8; i++) {
        while (am_session_feed(s, noise, AM_FEED_MAX) == AM_E_AGAIN) assert_int_equal(drain(s), AM_E_AGAIN);
        assert_int_equal(drain(s), AM_E_AGAIN);
    }
    am_session_finish(s);
    assert_int_equal(drain(s), AM_E_END);
    long n = am_faulty_memory_count();
    am_faulty_memory_disarm();
    am_session_close(&s);
    am_model_close(&model);
    assert_int_equal(n, 0);
}

static int one_by_one(void **state) {
    n_batch = 1;
    return 0;
}

static int together(void **state) {
    n_batch = 3;
    return 0;
}

int main(void) {
    make_noise();
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation_of_a_model),
                                        cmocka_unit_test_setup(every_allocation_of_a_session, one_by_one),
                                        cmocka_unit_test_setup(every_allocation_of_a_session, together),
                                        cmocka_unit_test_setup(decoding_allocates_nothing, one_by_one),
                                        cmocka_unit_test_setup(decoding_allocates_nothing, together) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
