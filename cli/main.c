/* The program: which command is meant.  Later commands are added to the table.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "console.h"
#include "interrupt.h"
#include "options.h"

static am_cli_run help, version;

static const struct {
    const char *name, *about;
    am_cli_run *run;
} commands[] = {
    { "transcribe", "turn audio or video files into text", am_cli_transcribe },
    { "models", "list, download, check and remove models", am_cli_models },
    { "version", "say what this program is and what this machine can do", version },
    { "help", "show this text, or that of a command", help },
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out) {
    fprintf(out, "amanuensis turns speech into text with Whisper models, on this machine.\n\n"
                 "Usage: amanuensis COMMAND [options] ...\n\nCommands:\n");
    for (int i = 0; i < N_COMMANDS; i++) fprintf(out, "  %-12s%s\n", commands[i].name, commands[i].about);
    fprintf(out, "\nTo begin:\n"
                 "  amanuensis models pull base        download the default model once (145 MB)\n"
                 "  amanuensis transcribe talk.mp3     read what was said\n"
                 "\n\"amanuensis COMMAND --help\" explains a command.\n"
                 "\nExit codes:\n"
                 "  0 fine   1 bad use   2 bad input   3 model   4 device, memory   5 output   130 interrupted\n");
}

static am_cli_run *find_command(const char *name) {
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return commands[i].run;
    return NULL;
}

static int say_unknown_command(const char *name) {
    struct stat info;
    if (stat(name, &info) == 0) {
        am_cli_say("\"%s\" is not a command; to transcribe it: amanuensis transcribe \"%s\"", name, name);
        return AM_EXIT_USE;
    }
    char list[128] = "";
    for (int i = 0; i < N_COMMANDS; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? "|" : "", commands[i].name);
    }
    am_cli_say_unknown(name[0] == '-' ? "option" : "command", name, list);
    return AM_EXIT_USE;
}

static int help(int argc, char **argv) {
    static char help_option[] = "--help";
    static char *only_help[] = { help_option, NULL };
    if (argc > 0 && strcmp(argv[0], "help") != 0 && argv[0][0] != '-') {
        am_cli_run *run = find_command(argv[0]);
        return run ? run(1, only_help) : say_unknown_command(argv[0]);
    }
    print_help(stdout);
    return am_cli_stdout_end(AM_EXIT_OK);
}

static const am_cli_syntax version_syntax = {
    .command = "version",
    .usage = "",
    .about = "Print the version, the instruction sets that would be used here, and what was built in.",
};

static int version(int argc, char **argv) {
    int n_args;
    switch (am_cli_parse(&version_syntax, argc, argv, NULL, &n_args)) {
    case AM_CLI_HELPED: return am_cli_stdout_end(AM_EXIT_OK);
    case AM_CLI_BAD_USE: return AM_EXIT_USE;
    case AM_CLI_GO: break;
    }
    if (n_args > 0) {
        am_cli_say("version takes no arguments, not \"%s\"", argv[0]);
        return AM_EXIT_USE;
    }
    char cpu[128] = "";
    am_cpu_describe(cpu, sizeof cpu);
    printf("amanuensis %s\n", am_version());
    printf("instruction sets: %s\n", cpu);
#ifdef AM_WITH_FFMPEG
    printf("media: FFmpeg, WAV, raw samples\n");
#else
    printf("media: WAV, raw samples (built without FFmpeg)\n");
#endif
#ifdef AM_WITH_DOWNLOAD
    printf("downloads: yes\n");
#else
    printf("downloads: no\n");
#endif
    return am_cli_stdout_end(AM_EXIT_OK);
}

int main(int argc, char **argv) {
    am_cli_console_init();
    am_cli_interrupt_init();
    if (argc < 2) {
        print_help(stderr);
        return AM_EXIT_USE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = "version";
    am_cli_run *run = find_command(name);
    return run ? run(argc - 2, argv + 2) : say_unknown_command(name);
}
