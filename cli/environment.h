/* The only reader of the environment in the program; the library never looks.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_CLI_ENVIRONMENT_H
#define AM_CLI_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Where models are kept: $XDG_CACHE_HOME/amanuensis, else ~/.cache/amanuensis, into path[cap].
 * False, with a sentence said, when there is no home or the path is too long. */
bool am_cli_cache_dir(char *path, size_t cap);

/* Where converted models are kept: "containers" in that folder.  False, with a sentence said, when the path is too long. */
bool am_cli_container_dir(const char *cache, char *path, size_t cap);

/* TERM says that the terminal cannot move its cursor (an editor's shell window, a build log). */
bool am_cli_terminal_is_dumb(void);

/* Cores this process may run on, at least 1: what 0 threads means to the library. */
int am_cli_n_cores(void);

#endif
