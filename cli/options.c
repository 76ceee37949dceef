/* See options.h.
 *
 * SPDX-License-Identifier: MIT */
#include "options.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

enum { HELP_INDENT = 32, HELP_WIDTH = 100, WORD_MAX = 32, EDITS_MAX = 2 };

/* ---- Did you mean ------------------------------------------------------------------------------------------- */

/* Edits that turn a into b: insert, delete, replace a letter, swap two neighbours (optimal string alignment). */
static int edit_distance(const char *a, const char *b) {
    size_t n_a = strlen(a), n_b = strlen(b);
    if (n_a > WORD_MAX || n_b > WORD_MAX) return WORD_MAX;
    int d[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t i = 0; i <= n_a; i++) d[i][0] = (int)i;
    for (size_t j = 0; j <= n_b; j++) d[0][j] = (int)j;
    for (size_t i = 1; i <= n_a; i++) {
        for (size_t j = 1; j <= n_b; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && d[i - 2][j - 2] + 1 < best) best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[n_a][n_b];
}

typedef struct nearest {
    char word[WORD_MAX + 1];
    int distance;
} nearest;

static void nearest_try(nearest *n, const char *typed, const char *word) {
    int distance = edit_distance(typed, word);
    /* A prefix is what a person types who hopes for abbreviations. */
    if (strlen(typed) >= 3 && strncmp(typed, word, strlen(typed)) == 0) distance = 0;
    if (distance >= n->distance || distance * 2 > (int)strlen(word)) return;
    n->distance = distance;
    snprintf(n->word, sizeof n->word, "%s", word);
}

/* The next of the words "a|b|c"; false at the end. */
static bool next_word(const char **list, char *word, size_t cap) {
    if (!**list) return false;
    size_t len = strcspn(*list, "|");
    snprintf(word, cap, "%.*s", (int)len, *list);
    *list += len + ((*list)[len] == '|');
    return true;
}

void am_cli_say_unknown(const char *what, const char *word, const char *list) {
    nearest n = { .distance = EDITS_MAX + 1 };
    char one[WORD_MAX + 1];
    const char *bare = word + strspn(word, "-");
    for (const char *at = list; next_word(&at, one, sizeof one);) nearest_try(&n, bare, one);
    if (n.word[0]) am_cli_say("unknown %s \"%s\": did you mean \"%s\"?", what, word, n.word);
    else am_cli_say("unknown %s \"%s\": it is one of %s", what, word, list);
}

static bool is_choice(const char *list, const char *text) {
    char one[WORD_MAX + 1];
    while (next_word(&list, one, sizeof one))
        if (strcmp(one, text) == 0) return true;
    return false;
}

static am_cli_parsed say_unknown_option(const am_cli_syntax *syntax, const char *arg) {
    nearest n = { .distance = EDITS_MAX + 1 };
    char typed[256], dashed[sizeof typed];
    snprintf(typed, sizeof typed, "%.*s", (int)strcspn(arg, "="), arg);
    const char *bare = typed + strspn(typed, "-");
    snprintf(dashed, sizeof dashed, "%s", bare);
    for (char *at = dashed; *at; at++)
        if (*at == '_') *at = '-';
    if (syntax->not_here && is_choice(syntax->not_here, dashed)) {
        am_cli_say("option \"%s\" is not in this version", typed);
        return AM_CLI_BAD_USE;
    }
    for (size_t i = 0; i < syntax->n_options; i++) nearest_try(&n, bare, syntax->options[i].name);
    nearest_try(&n, bare, "help");
    if (n.word[0]) am_cli_say("unknown option \"%s\": did you mean \"--%s\"?", typed, n.word);
    else am_cli_say("unknown option \"%s\": see \"amanuensis %s --help\"", typed, syntax->command);
    return AM_CLI_BAD_USE;
}

/* ---- Values ------------------------------------------------------------------------------------------------- */

static bool parse_int(const char *text, int min, int max, int *value) {
    char *end;
    if (!isdigit((unsigned char)text[0])) return false;
    long number = strtol(text, &end, 10);
    if (*end || number < min || number > max) return false;
    *value = (int)number;
    return true;
}

/* "[[hh:]mm:]ss[.fraction]".  Below an hour mark minutes, and below a minute mark seconds, are less than 60. */
static bool parse_time(const char *text, double *seconds) {
    double total = 0;
    for (int part = 0;; part++) {
        size_t n_digits = strspn(text, "0123456789");
        if (n_digits == 0 || n_digits > 9 || part > 2) return false;
        double number = strtod(text, NULL);
        text += n_digits;
        if (*text == '.') text += 1 + strspn(text + 1, "0123456789");
        if (part > 0 && number >= 60) return false;
        total = total * 60 + number;
        if (!*text) break;
        if (*text != ':' || text[-1] == '.') return false;
        if (number != (double)(int64_t)number) return false; /* a fraction belongs to the seconds */
        text++;
    }
    *seconds = total;
    return true;
}

static am_cli_parsed set_value(const am_cli_option *option, const char *text, void *fields) {
    void *field = (char *)fields + option->field;
    if (!text[0]) {
        am_cli_say("option \"--%s\" needs a value that is not empty (%s)", option->name, option->value);
        return AM_CLI_BAD_USE;
    }
    switch (option->kind) {
    case AM_CLI_FLAG: break;
    case AM_CLI_TEXT: *(const char **)field = text; break;
    case AM_CLI_CHOICE:
        if (!is_choice(option->value, text)) {
            char what[WORD_MAX + 16];
            snprintf(what, sizeof what, "value of --%s", option->name);
            am_cli_say_unknown(what, text, option->value);
            return AM_CLI_BAD_USE;
        }
        *(const char **)field = text;
        break;
    case AM_CLI_INT:
        if (parse_int(text, option->min, option->max, field)) break;
        am_cli_say("option \"--%s\" wants a whole number from %d to %d, not \"%s\"", option->name, option->min,
                   option->max, text);
        return AM_CLI_BAD_USE;
    case AM_CLI_TIME:
        if (parse_time(text, field)) break;
        am_cli_say("option \"--%s\" wants seconds or [hh:]mm:ss, not \"%s\"", option->name, text);
        return AM_CLI_BAD_USE;
    }
    return AM_CLI_GO;
}

/* ---- The command line --------------------------------------------------------------------------------------- */

/* The option an argument names, and its value where it is part of the same argument. */
static const am_cli_option *find_option(const am_cli_syntax *syntax, const char *arg, const char **value) {
    *value = NULL;
    for (size_t i = 0; i < syntax->n_options; i++) {
        const am_cli_option *option = &syntax->options[i];
        if (arg[1] == '-') {
            size_t len = strlen(option->name);
            if (strncmp(arg + 2, option->name, len) != 0) continue;
            if (arg[2 + len] == '=') *value = arg + 2 + len + 1;
            if (arg[2 + len] == '=' || !arg[2 + len]) return option;
        } else if (option->alias && arg[1] == option->alias) {
            if (option->kind == AM_CLI_FLAG && arg[2]) continue;
            if (arg[2]) *value = arg + 2;
            return option;
        }
    }
    return NULL;
}

static am_cli_parsed parse_option(const am_cli_syntax *syntax, int argc, char **argv, int *at, void *fields) {
    const char *value;
    const am_cli_option *option = find_option(syntax, argv[*at], &value);
    if (!option) return say_unknown_option(syntax, argv[*at]);
    if (option->kind == AM_CLI_FLAG) {
        if (value) {
            am_cli_say("option \"--%s\" takes no value", option->name);
            return AM_CLI_BAD_USE;
        }
        *(bool *)((char *)fields + option->field) = true;
        return AM_CLI_GO;
    }
    if (!value) {
        if (*at + 1 >= argc) {
            am_cli_say("option \"--%s\" needs a value (%s)", option->name, option->value);
            return AM_CLI_BAD_USE;
        }
        value = argv[++*at];
    }
    return set_value(option, value, fields);
}

am_cli_parsed am_cli_parse(const am_cli_syntax *syntax, int argc, char **argv, void *fields, int *n_args) {
    *n_args = 0;
    bool only_args = false;
    for (int i = 0; i < argc; i++) {
        if (only_args || argv[i][0] != '-' || !argv[i][1]) {
            argv[(*n_args)++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            only_args = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            am_cli_help(syntax);
            return AM_CLI_HELPED;
        } else {
            am_cli_parsed parsed = parse_option(syntax, argc, argv, &i, fields);
            if (parsed != AM_CLI_GO) return parsed;
        }
    }
    return AM_CLI_GO;
}

/* ---- Help --------------------------------------------------------------------------------------------------- */

/* Words of `text` in lines of HELP_WIDTH columns, all but the first indented. */
static void print_wrapped(const char *text, int indent) {
    int column = indent;
    while (*text) {
        int len = (int)strcspn(text, " ");
        if (column > indent && column + 1 + len > HELP_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf("%s%.*s", column > indent ? " " : "", len, text);
        text += len;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_option(const am_cli_option *option) {
    char left[160];
    char alias[5] = "    ";
    if (option->alias) snprintf(alias, sizeof alias, "-%c, ", option->alias);
    int len = snprintf(left, sizeof left, "  %s--%s%s%s", alias, option->name, option->value ? " " : "",
                       option->value ? option->value : "");
    printf("%-*s", HELP_INDENT, left);
    if (len > HELP_INDENT - 2) printf("\n%*s", HELP_INDENT, "");
    print_wrapped(option->help, HELP_INDENT);
}

void am_cli_help(const am_cli_syntax *syntax) {
    static const am_cli_option help = { .name = "help", .alias = 'h', .help = "Show this text." };
    printf("Usage: amanuensis %s%s%s\n\n", syntax->command, syntax->usage[0] ? " " : "", syntax->usage);
    print_wrapped(syntax->about, 0);
    printf("\nOptions:\n");
    for (size_t i = 0; i < syntax->n_options; i++) print_option(&syntax->options[i]);
    print_option(&help);
    if (syntax->examples) printf("\nExamples:\n%s", syntax->examples);
    if (syntax->notes) printf("\n%s", syntax->notes);
    if (syntax->print_more) syntax->print_more();
}
