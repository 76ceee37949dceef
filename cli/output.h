/* Where a transcript goes: lines on stdout and files, several formats at once.
 *
 * A file is written under "<name>.part-<process>" in its own folder and takes its name when it is whole, so under a
 * result's name there is always a whole result.  When writing fails (a full disk) the others go on, and what was
 * written of the failed one stays under the temporary name.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_CLI_OUTPUT_H
#define AM_CLI_OUTPUT_H

#include <stdbool.h>

#include <amanuensis.h>

enum { AM_CLI_MAX_FORMATS = 8, AM_CLI_PATH_MAX = 4096 };

/* The formats of a command line: "srt,json", "all". */
typedef struct am_cli_formats {
    const char *name[AM_CLI_MAX_FORMATS]; /* static strings of the library, each once */
    int n;
} am_cli_formats;

/* False, with a sentence said, when `list` names one that does not exist. */
bool am_cli_formats_parse(am_cli_formats *formats, const char *list);

/* Where the results of all inputs of a command go. */
typedef struct am_cli_plan {
    am_cli_formats files;      /* formats written as files */
    const char *folder;        /* of the files; NULL: the current one */
    const char *stdout_format; /* NULL: nothing to stdout */
    char *const *inputs;
    int n_inputs;
    char **stems; /* [n_inputs] file names without folder and format */
} am_cli_plan;

/* Choose a different stem for each input.  Returns an exit code, a sentence was said unless 0. */
int am_cli_plan_open(am_cli_plan *plan);

/* Make the folder with those above it, where it is missing.  Returns an exit code as above. */
int am_cli_plan_make_folder(const am_cli_plan *plan);
void am_cli_plan_close(am_cli_plan *plan);

/* "talk.wav", or "stdin" for "-": how an input is called in reports. */
const char *am_cli_input_name(const char *path);

typedef struct am_cli_output am_cli_output;

/* Open everything input number `index` is written to.  Returns an exit code, a sentence was said unless 0. */
int am_cli_output_open(am_cli_output **output, const am_cli_plan *plan, int index);

/* Write a segment everywhere it can still be written.  False when there is no place left. */
bool am_cli_output_segment(am_cli_output *output, const am_segment *segment);

/* Write the ends and give the files their names.  Returns AM_EXIT_OK, or AM_EXIT_OUTPUT when any place failed. */
int am_cli_output_finish(am_cli_output *output, const am_transcript_info *info);

/* stdout failed: later inputs need not try it. */
bool am_cli_output_lost_stdout(const am_cli_output *output);

/* Sentences of the failures, the first of them; "" when there was none. */
const char *am_cli_output_reason(const am_cli_output *output);

void am_cli_output_close(am_cli_output **output);

#endif
