/* See interrupt.h.  Everything the handler calls is safe in a signal handler.
 *
 * SPDX-License-Identifier: MIT */
#include "interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "command.h"

static volatile sig_atomic_t n_signals;
static _Atomic(am_session *) current;

static void on_signal(int number) {
    n_signals++;
    if (n_signals > 1) _exit(AM_EXIT_INTERRUPTED);
    am_session *session = atomic_load(&current);
    if (session) am_session_cancel(session);
}

void am_cli_interrupt_init(void) {
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal }, inherited;
    sigemptyset(&action.sa_mask);
    /* No SA_RESTART: a read from a terminal or a pipe is to return.  What the parent chose to ignore (nohup, a shell's
     * background job) stays ignored. */
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (sigaction(ends[i], NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
            sigaction(ends[i], &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
}

bool am_cli_interrupted(void) {
    return n_signals > 0;
}

void am_cli_interrupt_session(am_session *session) {
    atomic_store(&current, session);
    /* The signal may have come just before there was a session to tell. */
    if (session && n_signals > 0) am_session_cancel(session);
}
