/* One input from its first sample to its results.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_CLI_TRANSCRIBE_FILE_H
#define AM_CLI_TRANSCRIBE_FILE_H

#include <stdbool.h>

#include <amanuensis.h>

#include "console.h"
#include "output.h"

/* What is the same for all inputs of a command. */
typedef struct am_cli_job {
    am_audio_config audio;     /* all but the path */
    am_session_config session; /* n_batch 0: by the kind of input */
    am_model_config model_config;
    am_model *model; /* opened when the first input turned out to be audio */
    am_model_info model_info;
    am_cli_plan plan;
    am_cli_verbosity verbosity;
    bool with_progress;
    bool interruption_said;
    int stop_code; /* not 0: no input after this one can do better (no model, Ctrl-C, stdout closed) */
} am_cli_job;

enum { AM_CLI_REASON_MAX = 1200 };

/* Say "interrupted" and `where` (" at 1:00 of ..." or ""), unless that was said already. */
void am_cli_say_interrupted(am_cli_job *job, const char *where);

/* Transcribe input number `index`.  Returns an exit code; failures were said, the first of them is in `reason`. */
int am_cli_transcribe_file(am_cli_job *job, int index, char reason[AM_CLI_REASON_MAX]);

#endif
