/* The bar: how far, how fast, how long still.  Only on a terminal; in a pipe nothing at all.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_CLI_PROGRESS_H
#define AM_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct am_cli_progress {
    bool enabled;
    double total;      /* seconds of audio, or bytes; 0 or less when unknown */
    double started;    /* am_cli_clock() when it began */
    double last_drawn; /* the screen is not redrawn more often than ten times a second */
} am_cli_progress;

/* Seconds of a clock that only goes forward. */
double am_cli_clock(void);

void am_cli_progress_start(am_cli_progress *p, bool wanted, double total);
void am_cli_progress_audio(am_cli_progress *p, double seconds_done);
void am_cli_progress_bytes(am_cli_progress *p, const char *what, uint64_t n_done, uint64_t n_total);
void am_cli_progress_end(am_cli_progress *p);

/* "7:05" or "1:02:03", from seconds. */
const char *am_cli_time_text(double seconds, char text[32]);

#endif
