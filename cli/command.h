/* What the commands of the program share: their exit codes and how a status of the library becomes one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_CLI_COMMAND_H
#define AM_CLI_COMMAND_H

#include <amanuensis.h>

/* Part of the interface: scripts test them.  Listed in --help, README.md and the manual page. */
enum {
    AM_EXIT_OK = 0,
    AM_EXIT_USE = 1,    /* unknown option, impossible value */
    AM_EXIT_INPUT = 2,  /* an input is missing, damaged or not audio */
    AM_EXIT_MODEL = 3,  /* the model is missing, damaged, or could not be downloaded */
    AM_EXIT_DEVICE = 4, /* this machine cannot: instruction set, accelerator, memory */
    AM_EXIT_OUTPUT = 5, /* a result could not be written */
    AM_EXIT_INTERRUPTED = 130
};

/* The exit code for a failure of `status`, where `otherwise` names the family it happened in. */
static inline int am_cli_exit_code(am_status status, int otherwise) {
    switch (status) {
    case AM_OK: return AM_EXIT_OK;
    case AM_E_CANCELLED: return AM_EXIT_INTERRUPTED;
    case AM_E_ARG: return AM_EXIT_USE;
    case AM_E_NOMEM:
    case AM_E_DEVICE: return AM_EXIT_DEVICE;
    default: return otherwise;
    }
}

/* A command takes what follows its name and returns an exit code. */
typedef int am_cli_run(int argc, char **argv);
am_cli_run am_cli_transcribe, am_cli_models;

#endif
