/* A locale with a decimal comma, for what must not depend on one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_LOCALE_H
#define AM_TEST_LOCALE_H

#include <stdbool.h>

/* Make numbers German: with an installed locale, else with one that localedef compiles into the build folder.  false
 * when this machine has neither.  setlocale(LC_NUMERIC, "C") undoes it. */
bool am_test_decimal_comma(void);

#endif
