/* See console.h.  The one static variable here, whether a bar is on the screen, is the terminal's state, not ours.
 *
 * SPDX-License-Identifier: MIT */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command.h"
#include "environment.h"

static bool bar_shown;

void am_cli_console_init(void) {
    for (int fd = 0; fd <= 2; fd++) {
        /* Opened the wrong way round on purpose: using it fails as using a closed one would. */
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
}

void am_cli_console_bar(const char *line) {
    if (!line && !bar_shown) return;
    fprintf(stderr, "\r%s\033[K", line ? line : "");
    fflush(stderr);
    bar_shown = line != NULL;
}

bool am_cli_console_bar_is_shown(void) {
    return bar_shown;
}

void am_cli_make_printable(char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) *text = '?';
    }
}

static void print_line(const char *prefix, const char *fmt, va_list args) {
    char line[2048];
    vsnprintf(line, sizeof line, fmt, args);
    am_cli_make_printable(line);
    am_cli_console_bar(NULL);
    fprintf(stderr, "%s%s\n", prefix, line);
}

void am_cli_say(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    print_line("amanuensis: ", fmt, args);
    va_end(args);
}

void am_cli_note(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    print_line("", fmt, args);
    va_end(args);
}

bool am_cli_console_has_bar(void) {
    return isatty(2) && !am_cli_terminal_is_dumb();
}

int am_cli_console_width(void) {
    struct winsize size;
    if (ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

static void log_warnings(void *cookie, am_log_level level, const char *message) {
    if (level <= AM_LOG_WARNING) am_cli_say("%s%s", level == AM_LOG_WARNING ? "warning: " : "", message);
}

static void log_everything(void *cookie, am_log_level level, const char *message) {
    static const char *const names[] = { "", "error", "warning", "info", "debug" };
    am_cli_note("[%s] %s", names[level >= AM_LOG_ERROR && level <= AM_LOG_DEBUG ? level : 0], message);
}

am_logger am_cli_logger(am_cli_verbosity verbosity) {
    am_logger logger = { 0 };
    if (verbosity == AM_CLI_NORMAL) logger.fn = log_warnings;
    if (verbosity == AM_CLI_VERBOSE) logger.fn = log_everything;
    return logger;
}

bool am_cli_stdout_flush(bool *broken_pipe) {
    errno = 0;
    bool good = fflush(stdout) == 0 && !ferror(stdout);
    *broken_pipe = !good && errno == EPIPE;
    return good;
}

int am_cli_stdout_end(int exit_code) {
    bool broken_pipe;
    if (am_cli_stdout_flush(&broken_pipe)) return exit_code;
    if (!broken_pipe) am_cli_say("cannot write to standard output: %s", strerror(errno ? errno : EIO));
    return exit_code == AM_EXIT_OK ? AM_EXIT_OUTPUT : exit_code;
}
