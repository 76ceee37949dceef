/* See check.h.  SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdlib.h>

const char *am_test_model_path(void) {
    return getenv("AM_TEST_MODEL");
}
