/* Each rule on a vocabulary of a handful of tokens.
 * 0..9 text (0 is the blank), 10 end of text, 11 no-timestamps, 12.. timestamps.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdbool.h>

#include "base/cpu.h"
#include "engine/logit_rules.h"

enum { END = 10, NO_TIMES = 11, FIRST = 12, N = 32 };
static const am_specials specials = { .end_of_text = END, .no_timestamps = NO_TIMES, .first_timestamp = FIRST };
static const int32_t first[] = { 0, END };
static float logits[N];
static am_kernels kernels;

static int set_up(void **state) {
    am_kernels_init(&kernels, am_cpu_flags());
    return 0;
}

static am_logit_rules rules(bool timestamps) {
    return (am_logit_rules){ .kernels = &kernels,
                             .specials = &specials,
                             .n_vocab = N,
                             .suppress_first = first,
                             .n_suppress_first = 2,
                             .timestamps = timestamps,
                             .max_initial_timestamp = 5 };
}

static bool allowed(int token) {
    return logits[token] > -INFINITY;
}

/* Text far likelier than timestamps, so that the preference rule stays out of the way. */
static void text_is_likely(void) {
    for (int i = 0; i < N; i++) logits[i] = i < FIRST ? 10 : 0;
}

static void begins_with_an_early_timestamp(void **state) {
    text_is_likely();
    am_logit_rules r = rules(true);
    am_logit_rules_apply(&r, NULL, 0, logits);
    for (int i = 0; i < N; i++) assert_int_equal(allowed(i), i >= FIRST && i <= FIRST + 5);
}

static void begins_with_text_when_no_times_are_wanted(void **state) {
    text_is_likely();
    am_logit_rules r = rules(false);
    am_logit_rules_apply(&r, NULL, 0, logits);
    for (int i = 0; i < N; i++) assert_int_equal(allowed(i), i >= 1 && i < END); /* no blank, no end, no times */
}

static void a_closed_pair_wants_text(void **state) {
    text_is_likely();
    am_logit_rules r = rules(true);
    const int32_t tokens[] = { FIRST, 3, FIRST + 4, FIRST + 4 };
    am_logit_rules_apply(&r, tokens, 4, logits);
    for (int i = 0; i < N; i++) assert_int_equal(allowed(i), i <= END);
}

static void an_ended_segment_wants_its_pair_or_the_end(void **state) {
    text_is_likely();
    am_logit_rules r = rules(true);
    const int32_t tokens[] = { FIRST, 3, FIRST + 4 };
    am_logit_rules_apply(&r, tokens, 3, logits);
    for (int i = 0; i < N; i++) assert_int_equal(allowed(i), i == END || i >= FIRST + 4);
}

static void times_rise(void **state) {
    text_is_likely();
    am_logit_rules r = rules(true);
    const int32_t tokens[] = { FIRST, 3, FIRST + 4, FIRST + 6, 5 };
    am_logit_rules_apply(&r, tokens, 5, logits);
    for (int i = 0; i < N; i++) assert_int_equal(allowed(i), i <= END || i > FIRST + 6);
}

static void together_likelier_than_text(void **state) {
    am_logit_rules r = rules(true);
    const int32_t tokens[] = { FIRST, 3 };
    for (int i = 0; i < N; i++) logits[i] = 0;
    logits[4] = 2.5f; /* below log(19 timestamps) = 2.94 */
    am_logit_rules_apply(&r, tokens, 2, logits);
    assert_false(allowed(4));
    for (int i = 0; i < N; i++) logits[i] = 0;
    logits[4] = 3.5f;
    am_logit_rules_apply(&r, tokens, 2, logits);
    assert_true(allowed(4));
}

static void suppressed_tokens_never_come(void **state) {
    text_is_likely();
    am_logit_rules r = rules(false);
    const int32_t suppress[] = { 2, 7, 1000, -1 }, tokens[] = { 3 }; /* numbers outside the vocabulary do no harm */
    r.suppress = suppress;
    r.n_suppress = 4;
    am_logit_rules_apply(&r, tokens, 1, logits);
    for (int i = 0; i < N; i++) assert_int_equal(allowed(i), i <= END && i != 2 && i != 7);
}

static void text_goes_on_where_speech_does(void **state) {
    am_logit_rules r = rules(true);
    r.end_not_before = 10;
    const int32_t early[] = { FIRST, 3, FIRST + 9, FIRST + 9 }, late[] = { FIRST, 3, FIRST + 10, FIRST + 10 };
    text_is_likely();
    am_logit_rules_apply(&r, early, 3, logits);
    assert_false(allowed(END));
    text_is_likely();
    am_logit_rules_apply(&r, early, 4, logits);
    assert_false(allowed(END));
    assert_true(allowed(3));
    text_is_likely();
    am_logit_rules_apply(&r, early, 2, logits); /* inside a sentence it may: then it fills the window */
    assert_true(allowed(END));
    text_is_likely();
    am_logit_rules_apply(&r, late, 4, logits);
    assert_true(allowed(END));
}

static void sums(void **state) {
    const float x[] = { 0, 1000, 1000, -INFINITY }, none[] = { -INFINITY, -INFINITY };
    assert_true(fabsf(am_log_sum_exp(&kernels, x, 4) - (1000 + logf(2))) < 1e-3f);
    assert_true(am_log_sum_exp(&kernels, none, 2) == -INFINITY);
    assert_true(am_log_sum_exp(&kernels, x, 0) == -INFINITY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_an_early_timestamp),
        cmocka_unit_test(begins_with_text_when_no_times_are_wanted),
        cmocka_unit_test(a_closed_pair_wants_text),
        cmocka_unit_test(an_ended_segment_wants_its_pair_or_the_end),
        cmocka_unit_test(times_rise),
        cmocka_unit_test(together_likelier_than_text),
        cmocka_unit_test(suppressed_tokens_never_come),
        cmocka_unit_test(text_goes_on_where_speech_does),
        cmocka_unit_test(sums),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
