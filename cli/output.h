/* Where a transcript goes: lines on stdout and files, several formats at once.
 *
 * A file is written under "<name>.part-<process>" in its own folder and takes its name when it is whole, so under a
 * result's name there is always a file that ends as its format wants.  When writing fails (a full disk) the others go
 * on, and what was written of the failed one stays under the temporary name.  So does the transcript of a run that was
 * cut short when a file of an earlier run has the name: that one may be the whole.
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
    char **stems;   /* [n_inputs] file names without folder and format */
    int n_headings; /* "==> talk.mp3 <==" on stdout so far: only when there are several inputs */
} am_cli_plan;

/* Choose a different stem for each input.  Returns an exit code, a sentence was said unless 0. */
int am_cli_plan_open(am_cli_plan *plan);

/* Make the folder with those above it, where it is missing.  Returns an exit code as above. */
int am_cli_plan_make_folder(const am_cli_plan *plan);
void am_cli_plan_close(am_cli_plan *plan);

/* How an input is called: its path in sentences, its name without folders in reports; "stdin" for "-" in both. */
const char *am_cli_input_path(const char *path);
const char *am_cli_input_name(const char *path);

typedef struct am_cli_output am_cli_output;

/* Open everything input number `index` is written to.  Returns an exit code, a sentence was said unless 0. */
int am_cli_output_open(am_cli_output **output, am_cli_plan *plan, int index);

/* Write a segment everywhere it can still be written.  False when there is no place left. */
bool am_cli_output_segment(am_cli_output *output, const am_segment *segment);

/* How much of an input the transcript covers. */
typedef enum am_cli_extent {
    AM_CLI_WHOLE,
    AM_CLI_PARTIAL, /* files of an earlier run keep their names */
    AM_CLI_NOTHING  /* no file gets a name */
} am_cli_extent;

/* Write the ends and give the files their names.  Returns AM_EXIT_OK, or AM_EXIT_OUTPUT when any place failed. */
int am_cli_output_finish(am_cli_output *output, const am_transcript_info *info, am_cli_extent extent);

/* After the end: the files that kept their temporary names because of older ones, "a.srt.part-7, a.txt.part-7", or "". */
const char *am_cli_output_kept(const am_cli_output *output);

/* stdout failed: later inputs need not try it. */
bool am_cli_output_lost_stdout(const am_cli_output *output);

/* Sentences of the failures, the first of them; "" when there was none. */
const char *am_cli_output_reason(const am_cli_output *output);

void am_cli_output_close(am_cli_output **output);

#endif
