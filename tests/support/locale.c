/* See locale.h.  SPDX-License-Identifier: MIT */
#include "support/locale.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/check.h"

bool am_test_decimal_comma(void) {
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8")) return true;
    char folder[] = AM_BUILD_DIR "/locale-XXXXXX", command[4096];
    if (!mkdtemp(folder)) return false;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >'%s/log' 2>&1", folder, folder);
    bool compiled = system(command) == 0;
    setenv("LOCPATH", folder, 1);
    bool german = compiled && setlocale(LC_NUMERIC, "de_DE.UTF-8");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    if (system(command) != 0) print_message("%s stays behind\n", folder);
    if (!german) print_message("no locale with a decimal comma here: not tested\n");
    return german;
}
