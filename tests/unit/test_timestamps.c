/* Cutting tokens into segments, against cases worked by hand from openai/whisper's transcribe().
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include "engine/timestamps.h"

#define T(step) (1000 + (step)) /* timestamp token of step * 0.02 s */

static am_span spans[32];

static void expect_span(int i, int first, int n, int start, int end) {
    assert_int_equal(spans[i].first, first);
    assert_int_equal(spans[i].n, n);
    assert_int_equal(spans[i].start_step, start);
    assert_int_equal(spans[i].end_step, end);
}

static void pairs_and_an_open_end(void **state) {
    const int32_t tokens[] = { T(0), 5, 6, T(100), T(110), 7, T(200), T(200), 8 };
    am_cut cut = am_timestamps_cut(tokens, 9, 1000, 3000, spans);
    assert_int_equal(cut.n_spans, 2); /* the last text is cut off: decoded again from step 200 */
    expect_span(0, 0, 4, 0, 100);
    expect_span(1, 4, 3, 110, 200);
    assert_int_equal(cut.advance, 400);
    assert_int_equal(cut.n_done, 8); /* token 8 is not among what the next window continues */
}

static void single_timestamp_at_the_end(void **state) {
    const int32_t tokens[] = { T(0), 5, T(100), T(100), 7, T(300) };
    am_cut cut = am_timestamps_cut(tokens, 6, 1000, 700, spans);
    assert_int_equal(cut.n_spans, 2);
    expect_span(1, 3, 3, 100, 300);
    assert_int_equal(cut.advance, 700); /* nothing follows: the whole window is done */
    assert_int_equal(cut.n_done, 6);
}

static void one_segment(void **state) {
    const int32_t with_end[] = { T(0), 5, 6, T(250) }, without_end[] = { T(0), 5, 6 }, text_only[] = { 5, 6 };
    am_cut cut = am_timestamps_cut(with_end, 4, 1000, 2000, spans);
    assert_int_equal(cut.n_spans, 1);
    expect_span(0, 0, 4, 0, 250);
    assert_int_equal(cut.advance, 2000);
    cut = am_timestamps_cut(without_end, 3, 1000, 2000, spans);
    expect_span(0, 0, 3, 0, 1000);
    cut = am_timestamps_cut(text_only, 2, 1000, 2000, spans);
    expect_span(0, 0, 2, 0, 1000);
    assert_int_equal(cut.advance, 2000);
}

static void nothing(void **state) {
    am_cut cut = am_timestamps_cut(NULL, 0, 1000, 1234, spans);
    assert_int_equal(cut.n_spans, 0);
    assert_int_equal(cut.advance, 1234);
}

static void a_window_that_stands_alone(void **state) {
    const int32_t open_end[] = { T(0), 5, 6, T(100), T(110), 7, T(200), T(210), 8 };
    assert_int_equal(am_timestamps_cut_whole(open_end, 9, 1000, 600, spans), 3);
    expect_span(1, 4, 3, 110, 200);
    expect_span(2, 7, 2, 210, 300); /* nobody else decodes what follows the last pair */
    const int32_t single[] = { T(0), 5, T(100), T(100), 7, T(300) };
    assert_int_equal(am_timestamps_cut_whole(single, 6, 1000, 500, spans), 2);
    expect_span(1, 3, 3, 100, 250); /* no time lies behind the window */
    assert_int_equal(am_timestamps_cut_whole(single + 1, 1, 1000, 500, spans), 1);
    expect_span(0, 0, 1, 0, 250);
    assert_int_equal(am_timestamps_cut_whole(NULL, 0, 1000, 500, spans), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(pairs_and_an_open_end),
                                        cmocka_unit_test(single_timestamp_at_the_end), cmocka_unit_test(one_segment),
                                        cmocka_unit_test(nothing), cmocka_unit_test(a_window_that_stands_alone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
