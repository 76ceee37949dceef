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
    double last_drawn; /* am_cli_clock() then */
    double last_done;  /* what the bar showed then; seconds of audio only grow */
} am_cli_progress;

/* Seconds of a clock that only goes forward. */
double am_cli_clock(void);

void am_cli_progress_start(am_cli_progress *p, bool wanted, double total);

/* Seconds of audio that are recognised; 0 before the first window is: the bar then says that it listens.  To be called
 * after every line on the terminal, so that the bar stands while the next window is computed. */
void am_cli_progress_audio(am_cli_progress *p, double seconds_done);

/* Bytes that have come; the screen is redrawn ten times a second at most. */
void am_cli_progress_bytes(am_cli_progress *p, const char *what, uint64_t n_done, uint64_t n_total);
void am_cli_progress_end(am_cli_progress *p);

/* "7:05" or "1:02:03", from seconds. */
const char *am_cli_time_text(double seconds, char text[32]);

#endif
