/* See cmocka.h.  SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PASSED = 0, FAILED, SKIPPED }; /* of setjmp: 0 when it returns by itself */
static jmp_buf back;
static void *group_state, *own_state; /* what set-ups made; a test begins with the group's */

_Noreturn void check_fail(const char *file, int line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    longjmp(back, FAILED);
}

_Noreturn void check_skip(void) {
    longjmp(back, SKIPPED);
}

void check_ints(uintmax_t a, uintmax_t b, int must_be_equal, const char *file, int line) {
    if ((a == b) != must_be_equal)
        check_fail(file, line, "%#jx (%jd) %s %#jx (%jd)", a, (intmax_t)a, must_be_equal ? "!=" : "==", b, (intmax_t)b);
}

void check_in_range(uintmax_t value, uintmax_t low, uintmax_t high, const char *file, int line) {
    if (value < low || value > high) check_fail(file, line, "%jd is not in %jd..%jd", value, low, high);
}

void check_floats(double a, double b, double most, const char *file, int line) {
    double off = a > b ? a - b : b - a;
    if (!(off <= most)) check_fail(file, line, "%g and %g are %g apart, more than %g", a, b, off, most);
}

void check_strings(const char *a, const char *b, int must_be_equal, const char *file, int line) {
    if ((strcmp(a, b) == 0) != must_be_equal)
        check_fail(file, line, "\"%s\" %s \"%s\"", a, must_be_equal ? "!=" : "==", b);
}

void check_bytes(const void *a, const void *b, size_t n, int must_be_equal, const char *file, int line) {
    const unsigned char *p = a, *q = b;
    size_t i = 0;
    while (i < n && p[i] == q[i]) i++;
    if (must_be_equal && i < n) check_fail(file, line, "byte %zu of %zu: %#x != %#x", i, n, p[i], q[i]);
    if (!must_be_equal && i == n) check_fail(file, line, "all %zu bytes are equal", n);
}

static int run(const struct CMUnitTest *test) {
    volatile int outcome = PASSED;
    switch (setjmp(back)) {
    case PASSED:
        own_state = group_state;
        if (test->setup && test->setup(&own_state) != 0) check_fail(__FILE__, __LINE__, "setup failed");
        test->test(&own_state);
        break;
    case FAILED: outcome = FAILED; break;
    default: outcome = SKIPPED;
    }
    if (setjmp(back) || (test->teardown && test->teardown(&own_state) != 0)) outcome = FAILED;
    return outcome;
}

int check_run_group(const struct CMUnitTest *tests, size_t n, int (*setup)(void **state),
                    int (*teardown)(void **state)) {
    static const char *const outcomes[] = { "passed", "FAILED", "skipped" };
    volatile int n_failed = 0;
    if (setjmp(back) || (setup && setup(&group_state) != 0)) {
        fprintf(stderr, "the set-up of all tests failed\n");
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        int outcome = run(&tests[i]);
        printf("%s: %s\n", tests[i].name, outcomes[outcome]);
        fflush(stdout);
        n_failed += outcome == FAILED;
    }
    if (setjmp(back) || (teardown && teardown(&group_state) != 0)) n_failed++;
    return n_failed;
}
