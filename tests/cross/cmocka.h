/* The part of cmocka that the tests of this tree use, under cmocka's names: for builds for another architecture, where
 * the distribution's library is missing.  What a failure means is the same; mocking, leak checks and XML are not here.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_CROSS_CMOCKA_H
#define AM_TEST_CROSS_CMOCKA_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
};
#define cmocka_unit_test(f)                                                                                            \
    { #f, f, NULL, NULL }
#define cmocka_unit_test_setup_teardown(f, setup, teardown)                                                            \
    { #f, f, setup, teardown }

/* Runs them in order; returns how many failed. */
#define cmocka_run_group_tests(tests, setup, teardown)                                                                 \
    check_run_group(tests, sizeof(tests) / sizeof(tests)[0], setup, teardown)
int check_run_group(const struct CMUnitTest *tests, size_t n, int (*setup)(void **state),
                    int (*teardown)(void **state));

/* These end the test that runs, and what comes after a failed comparison is never reached. */
_Noreturn void check_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void check_skip(void);
void check_ints(uintmax_t a, uintmax_t b, int must_be_equal, const char *file, int line);
void check_in_range(uintmax_t value, uintmax_t low, uintmax_t high, const char *file, int line);
void check_floats(double a, double b, double most, const char *file, int line);
void check_strings(const char *a, const char *b, int must_be_equal, const char *file, int line);
void check_bytes(const void *a, const void *b, size_t n, int must_be_equal, const char *file, int line);

#define fail_msg(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)
#define skip() check_skip()
#define print_message(...) printf(__VA_ARGS__)
#define print_error(...) fprintf(stderr, __VA_ARGS__)
#define assert_true(c) ((c) ? (void)0 : check_fail(__FILE__, __LINE__, "not true: %s", #c))
#define assert_false(c) ((c) ? check_fail(__FILE__, __LINE__, "not false: %s", #c) : (void)0)
#define assert_non_null(p) ((p) ? (void)0 : check_fail(__FILE__, __LINE__, "NULL: %s", #p))
#define assert_null(p) ((p) ? check_fail(__FILE__, __LINE__, "not NULL: %s", #p) : (void)0)
#define assert_int_equal(a, b) check_ints((uintmax_t)(a), (uintmax_t)(b), 1, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) check_ints((uintmax_t)(a), (uintmax_t)(b), 0, __FILE__, __LINE__)
#define assert_in_range(value, low, high)                                                                              \
    check_in_range((uintmax_t)(value), (uintmax_t)(low), (uintmax_t)(high), __FILE__, __LINE__)
#define assert_float_equal(a, b, most) check_floats(a, b, most, __FILE__, __LINE__)
#define assert_string_equal(a, b) check_strings(a, b, 1, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) check_strings(a, b, 0, __FILE__, __LINE__)
#define assert_memory_equal(a, b, n) check_bytes(a, b, n, 1, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, n) check_bytes(a, b, n, 0, __FILE__, __LINE__)

#endif
