/* See isas.h.  SPDX-License-Identifier: MIT */
#include "support/isas.h"

#include <string.h>

#include "amanuensis.h"
#include "support/check.h"

const char *const *am_test_isas(int *n) {
    static char text[128];
    static const char *names[AM_TEST_MAX_ISAS];
    assert_int_equal(am_cpu_describe(text, sizeof text), AM_OK);
    *n = 0;
    for (char *name = text; name; (*n)++) {
        assert_true(*n < AM_TEST_MAX_ISAS);
        names[*n] = name;
        name = strchr(name, ',');
        if (name) *name++ = '\0';
    }
    return names;
}
