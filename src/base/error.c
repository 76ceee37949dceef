/* Status names, sentences and log lines.  Knows nothing about speech.
 *
 * SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *am_status_name(am_status status) {
    switch (status) {
    case AM_OK: return "AM_OK";
    case AM_E_ARG: return "AM_E_ARG";
    case AM_E_STATE: return "AM_E_STATE";
    case AM_E_UNSUPPORTED: return "AM_E_UNSUPPORTED";
    case AM_E_AGAIN: return "AM_E_AGAIN";
    case AM_E_END: return "AM_E_END";
    case AM_E_OPEN: return "AM_E_OPEN";
    case AM_E_IO: return "AM_E_IO";
    case AM_E_FORMAT: return "AM_E_FORMAT";
    case AM_E_NO_AUDIO: return "AM_E_NO_AUDIO";
    case AM_E_CHECKSUM: return "AM_E_CHECKSUM";
    case AM_E_NETWORK: return "AM_E_NETWORK";
    case AM_E_MODEL: return "AM_E_MODEL";
    case AM_E_NOMEM: return "AM_E_NOMEM";
    case AM_E_LIMIT: return "AM_E_LIMIT";
    case AM_E_DEVICE: return "AM_E_DEVICE";
    case AM_E_CANCELLED: return "AM_E_CANCELLED";
    }
    return "AM_E_?";
}

am_status am_fail(am_error *err, am_status status, const char *fmt, ...) {
    if (err) {
        va_list args;
        va_start(args, fmt);
        err->status = status;
        vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
    }
    return status;
}

am_status am_fail_nomem(am_error *err, const char *what, size_t n_bytes) {
    return am_fail(err, AM_E_NOMEM, "out of memory: %zu bytes for %s", n_bytes, what);
}

void am_error_clear(am_error *err) {
    if (err) {
        err->status = AM_OK;
        err->text[0] = '\0';
    }
}

void am_log(const am_logger *logger, am_log_level level, const char *fmt, ...) {
    if (!logger || !logger->fn) return;
    char line[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    logger->fn(logger->cookie, level, line);
}
