/* The instruction sets this machine can use, as the library itself names them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_ISAS_H
#define AM_TEST_ISAS_H

enum { AM_TEST_MAX_ISAS = 8 };

/* Their names, "c" first and the best last; *n of them. */
const char *const *am_test_isas(int *n);

#endif
