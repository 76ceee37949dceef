/* Words to the person: sentences on stderr, the progress bar's line kept apart from them and from the result on stdout.
 * The bar is the last line of the terminal; whoever prints wipes it first.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_CLI_CONSOLE_H
#define AM_CLI_CONSOLE_H

#include <stdbool.h>

#include <amanuensis.h>

#define AM_CLI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Make sure that descriptors 0, 1 and 2 are open, so that no file of ours gets one of their numbers: a program
 * started with `>&-` would otherwise write its result into the first file it opens. */
void am_cli_console_init(void);

/* "amanuensis: " and a sentence, as one line on stderr; control bytes in it are shown as '?'. */
void am_cli_say(const char *fmt, ...) AM_CLI_PRINTF(1, 2);

/* The same without the program's name: reports that are not failures. */
void am_cli_note(const char *fmt, ...) AM_CLI_PRINTF(1, 2);

/* Control bytes, which file names may hold and a line must not, become '?'.  UTF-8 passes. */
void am_cli_make_printable(char *text);

/* Put `line` where the bar is; NULL wipes it.  Only to be used when am_cli_console_has_bar(). */
void am_cli_console_bar(const char *line);

/* A bar is on the screen now: nobody printed since it was drawn. */
bool am_cli_console_bar_is_shown(void);

/* stderr is a terminal that can move its cursor. */
bool am_cli_console_has_bar(void);

/* Columns of the terminal, 80 when unknown. */
int am_cli_console_width(void);

typedef enum am_cli_verbosity { AM_CLI_QUIET, AM_CLI_NORMAL, AM_CLI_VERBOSE } am_cli_verbosity;

/* A logger for library objects that prints what `verbosity` wants to see: warnings, or everything, or nothing. */
am_logger am_cli_logger(am_cli_verbosity verbosity);

/* Flush stdout.  False when its bytes could not be written: *broken_pipe tells whether the reader merely left. */
bool am_cli_stdout_flush(bool *broken_pipe);

/* Flush stdout at the end of a command.  A failure is said, unless the reader left; returns the exit code. */
int am_cli_stdout_end(int exit_code);

#endif
