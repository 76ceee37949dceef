/* Names of instruction sets: what this machine lists can be asked for and is what then runs; everything else is refused
 * with a sentence.  No list is repeated here but that of the other architecture.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <string.h>

#include "base/cpu.h"
#include "support/isas.h"

static void every_name_means_itself(void **state) {
    int n;
    const char *const *isas = am_test_isas(&n);
    assert_string_equal(isas[0], "c");
    assert_string_equal(isas[n - 1], am_cpu_name(am_cpu_flags()));
    for (int i = 0; i < n; i++) {
        unsigned flags = ~0u;
        assert_int_equal(am_cpu_mask(isas[i], &flags, NULL), AM_OK);
        assert_int_equal(flags & ~am_cpu_flags(), 0);
        assert_string_equal(am_cpu_name(flags), isas[i]);
    }
}

static void automatic_is_everything(void **state) {
    unsigned flags = 0;
    assert_int_equal(am_cpu_mask(NULL, &flags, NULL), AM_OK);
    assert_int_equal(flags, am_cpu_flags());
    assert_int_equal(am_cpu_mask("auto", &flags, NULL), AM_OK);
    assert_int_equal(flags, am_cpu_flags());
}

static void other_names_are_refused(void **state) {
#if defined(__aarch64__)
    static const char *const others[] = { "", "avx3", "avx2", "avx512vnni", "C" };
#else
    static const char *const others[] = { "", "avx3", "neon", "i8mm", "C" };
#endif
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        unsigned flags;
        am_error err = { 0 };
        assert_int_equal(am_cpu_mask(others[i], &flags, &err), AM_E_ARG);
        assert_non_null(strstr(err.text, others[i]));
        int n;
        const char *const *isas = am_test_isas(&n);
        for (int j = 0; j < n; j++) assert_non_null(strstr(err.text, isas[j]));
    }
}

/* Flags are of this architecture only, and NEON belongs to every 64-bit ARM. */
static void flags_are_of_this_architecture(void **state) {
#if defined(__aarch64__)
    assert_true(am_cpu_flags() & AM_CPU_NEON);
    assert_false(am_cpu_flags() & (AM_CPU_AVX2 | AM_CPU_AVX512 | AM_CPU_AVXVNNI | AM_CPU_AVX512VNNI));
#else
    assert_false(am_cpu_flags() & (AM_CPU_NEON | AM_CPU_DOTPROD | AM_CPU_I8MM));
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_name_means_itself),
                                        cmocka_unit_test(automatic_is_everything),
                                        cmocka_unit_test(other_names_are_refused),
                                        cmocka_unit_test(flags_are_of_this_architecture) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
