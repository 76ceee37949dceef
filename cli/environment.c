/* See environment.h.  The cache follows the XDG Base Directory Specification: a relative XDG_CACHE_HOME is ignored.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sched_getaffinity */
#include "environment.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

bool am_cli_cache_dir(char *path, size_t cap) {
    const char *base = getenv("XDG_CACHE_HOME");
    const char *below = "/amanuensis";
    if (!base || base[0] != '/') {
        base = getenv("HOME");
        below = "/.cache/amanuensis";
    }
    if (!base || !base[0]) {
        am_cli_say("no place for models: neither XDG_CACHE_HOME nor HOME is set");
        return false;
    }
    int len = snprintf(path, cap, "%s%s", base, below);
    if (len < 0 || (size_t)len >= cap) {
        am_cli_say("the path of the cache folder is longer than %zu bytes", cap - 1);
        return false;
    }
    return true;
}

bool am_cli_container_dir(const char *cache, char *path, size_t cap) {
    int len = snprintf(path, cap, "%s/containers", cache);
    if (len >= 0 && (size_t)len < cap) return true;
    am_cli_say("the path of the cache folder is longer than %zu bytes", cap - sizeof "/containers");
    return false;
}

bool am_cli_terminal_is_dumb(void) {
    const char *term = getenv("TERM");
    return !term || !term[0] || strcmp(term, "dumb") == 0;
}

int am_cli_n_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}
