/* The likeliest token where logits are only approximate: a made-up backend knows the exact ones.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>

#include "base/cpu.h"
#include "engine/choice.h"
#include "support/guard.h"

enum { N = 51865 };
static float exact[N], logits[N];
static int n_rescored;
static am_kernels kernels;

static void rescore(const am_backend *b, const am_decode_row *row, const int32_t *tokens, int n) {
    for (int i = 0; i < n; i++) row->logits[tokens[i]] = exact[tokens[i]];
    n_rescored = n;
}

static const am_backend_ops ops = { .rescore = rescore };

static int set_up(void **state) {
    am_kernels_init(&kernels, am_cpu_flags());
    return 0;
}

static am_choice choose(int n) {
    am_decode_row row = { .logits = logits };
    n_rescored = 0;
    return am_choose(&kernels, &ops, NULL, &row, n);
}

static void make(float low, float high, float error) {
    am_random random = { 21 };
    for (int i = 0; i < N; i++) {
        exact[i] = am_random_float(&random, low, high);
        logits[i] = exact[i] + am_random_float(&random, -error, error);
    }
}

static int greatest(int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (exact[i] > exact[best]) best = i;
    return best;
}

/* Errors below half the margin never change the choice. */
static void finds_the_exact_one(void **state) {
    static const int sizes[] = { N, N - 1, 64, 63, 65, 1 };
    int n_changed = 0;
    for (int round = 0; round < 200; round++) {
        make(-10, 5, 0);
        am_random random = { (unsigned)round + 1 };
        int n = sizes[round % 6];
        for (int i = 0; i < 40; i++) { /* a crowd at the top */
            int at = (int)(am_random_next(&random) % (unsigned)n);
            exact[at] = am_random_float(&random, 7, 8);
            logits[at] = exact[at] + am_random_float(&random, -0.45f, 0.45f);
        }
        int approximate = kernels.max_f32(logits, n), best = greatest(n);
        am_choice c = choose(n);
        assert_int_equal(c.token, best);
        assert_true(n_rescored <= AM_CHOICE_CANDIDATES);
        n_changed += approximate != best;
    }
    assert_true(n_changed > 20);
}

static void the_first_of_equals(void **state) {
    for (int i = 0; i < N; i++) exact[i] = logits[i] = 1; /* more equals than candidates */
    assert_int_equal(choose(N).token, 0);
    assert_int_equal(n_rescored, AM_CHOICE_CANDIDATES);
    exact[70] = exact[9000] = logits[70] = logits[9000] = 1.5f;
    assert_int_equal(choose(N).token, 70);
    /* Equal only once they are exact. */
    logits[9000] = 1.6f;
    assert_int_equal(choose(N).token, 70);
}

static void the_best_of_many_are_looked_at(void **state) {
    for (int i = 0; i < N; i++) exact[i] = logits[i] = (float)i / N; /* rising: all within the margin */
    exact[N - 30] = 3;
    assert_int_equal(choose(N).token, N - 30);
    for (int i = 0; i < N; i++) exact[i] = logits[i] = -(float)i / N;
    exact[30] = 3;
    assert_int_equal(choose(N).token, 30);
}

static void forbidden_tokens_stay_so(void **state) {
    make(0, 0.5f, 0);
    for (int i = 0; i < N; i++)
        if (i != 7 && i != 40000) logits[i] = -INFINITY;
    exact[7] = logits[7] = 2;
    exact[40000] = logits[40000] = 2 + logf(2);
    am_choice c = choose(N);
    assert_int_equal(c.token, 40000);
    assert_int_equal(n_rescored, 2);
    assert_true(fabsf(c.logprob - logf(2.0f / 3)) < 1e-5f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_exact_one),
        cmocka_unit_test(the_first_of_equals),
        cmocka_unit_test(the_best_of_many_are_looked_at),
        cmocka_unit_test(forbidden_tokens_stay_so),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
