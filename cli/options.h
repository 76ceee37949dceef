/* Options from a table.  The table is also the help text, so the two cannot disagree.
 *
 *     --name value   --name=value   -n value   -nvalue   --flag   --   (what follows is an argument)   -   (stdin)
 *
 * Options and arguments may come in any order; of an option given twice the last one counts.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_CLI_OPTIONS_H
#define AM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum am_cli_kind {
    AM_CLI_FLAG,   /* field: bool */
    AM_CLI_TEXT,   /* field: const char *, never empty */
    AM_CLI_CHOICE, /* field: const char *; one of the words in `value`, "auto|cpu" */
    AM_CLI_INT,    /* field: int, in min..max */
    AM_CLI_TIME    /* field: double, seconds; "90", "1:30", "0:01:30.5" */
} am_cli_kind;

typedef struct am_cli_option {
    const char *name; /* without the dashes */
    char alias;       /* one letter, or 0 */
    am_cli_kind kind;
    const char *value; /* how the help calls the value; the words of a choice */
    const char *help;  /* wrapped when printed */
    size_t field;      /* offset in the struct that takes the values */
    int min, max;      /* of an integer */
} am_cli_option;

typedef struct am_cli_syntax {
    const char *command;          /* "transcribe", "models pull" */
    const char *usage;            /* what follows the command in the usage line */
    const char *about;            /* a paragraph */
    const am_cli_option *options; /* --help is always there and is not listed */
    size_t n_options;
    const char *examples;     /* printed as it is, or NULL */
    const char *notes;        /* printed as it is, or NULL */
    void (*print_more)(void); /* what only the program knows, after the notes, or NULL */
    const char *not_here;     /* "a|b": options other programs of the kind have and this one does not, or NULL */
} am_cli_syntax;

typedef enum am_cli_parsed { AM_CLI_GO, AM_CLI_HELPED, AM_CLI_BAD_USE } am_cli_parsed;

/* Read argv[0..argc-1] into the struct at `fields`.  The arguments that are not options are moved to the front of argv,
 * their number to *n_args.  AM_CLI_HELPED: --help was printed on stdout; AM_CLI_BAD_USE: a sentence was said. */
am_cli_parsed am_cli_parse(const am_cli_syntax *syntax, int argc, char **argv, void *fields, int *n_args);

void am_cli_help(const am_cli_syntax *syntax);

/* Say that `word` is none of the words of a list ("a|b|c"), with the likeliest one when it is within two edits. */
void am_cli_say_unknown(const char *what, const char *word, const char *list);

#endif
