/* cmocka with the headers it wants before it, in one include.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_CHECK_H
#define AM_TEST_CHECK_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* Folder of the default model for tests that need real weights: the cache that `./run` fills ($AM_TEST_MODEL).
 * NULL when it is not there; such a test then calls skip(), and `./run test` makes sure it never comes to that. */
const char *am_test_model_path(void);

#endif
