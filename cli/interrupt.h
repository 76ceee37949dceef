/* Ctrl-C and SIGTERM: the first one asks for an orderly end, with everything done so far kept; the second one ends the
 * program at once.  SIGPIPE and SIGXFSZ are ignored: writing then fails with a reason that can be told.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_CLI_INTERRUPT_H
#define AM_CLI_INTERRUPT_H

#include <stdbool.h>

#include <amanuensis.h>

void am_cli_interrupt_init(void);

bool am_cli_interrupted(void);

/* The session to cancel when the signal comes; NULL before it is closed. */
void am_cli_interrupt_session(am_session *session);

#endif
