/* See progress.h.
 *
 * SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "console.h"

enum { BAR_MAX = 30, LINE_MAX_BYTES = 256 };

double am_cli_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

const char *am_cli_time_text(double seconds, char text[32]) {
    if (!(seconds > 0)) seconds = 0;
    if (seconds > 1e9) seconds = 1e9;
    long s = (long)seconds;
    if (s >= 3600) snprintf(text, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else snprintf(text, 32, "%ld:%02ld", s / 60, s % 60);
    return text;
}

void am_cli_progress_start(am_cli_progress *p, bool wanted, double total) {
    *p = (am_cli_progress){ .total = total, .started = am_cli_clock() };
    p->enabled = wanted && am_cli_console_has_bar();
}

void am_cli_progress_end(am_cli_progress *p) {
    if (p->enabled) am_cli_console_bar(NULL);
}

/* Ten times a second, unless a line has just taken the bar's place. */
static bool is_time_to_draw(am_cli_progress *p) {
    if (!p->enabled) return false;
    double now = am_cli_clock();
    if (am_cli_console_bar_is_shown() && now - p->last_drawn < 0.1) return false;
    p->last_drawn = now;
    return true;
}

/* " 42% [#####.......] details", as wide as the terminal allows; without a total only the details. */
static void draw(double done, double total, const char *details) {
    char line[LINE_MAX_BYTES], bar[BAR_MAX + 1] = "";
    if (total > 0) {
        double part = done < total ? done / total : 1;
        int room = am_cli_console_width() - 10 - (int)strlen(details);
        int width = room > BAR_MAX ? BAR_MAX : room;
        for (int i = 0; i < width; i++) bar[i] = i < (int)(part * width + 0.5) ? '#' : '.';
        if (width > 0) bar[width] = '\0';
        snprintf(line, sizeof line, "%3d%% [%s] %s", (int)(part * 100), bar, details);
    } else {
        snprintf(line, sizeof line, "%s", details);
    }
    int width = am_cli_console_width();
    if (width > 0 && width <= (int)strlen(line)) line[width - 1] = '\0';
    am_cli_console_bar(line);
}

void am_cli_progress_audio(am_cli_progress *p, double seconds_done) {
    if (seconds_done < p->last_done) seconds_done = p->last_done;
    if (p->total > 0 && seconds_done > p->total) seconds_done = p->total;
    /* A window may be the last news for a long time: it is never too soon to show it. */
    if (seconds_done > p->last_done) p->last_drawn = 0;
    if (!is_time_to_draw(p)) return;
    p->last_done = seconds_done;
    double elapsed = am_cli_clock() - p->started;
    double speed = elapsed > 0 ? seconds_done / elapsed : 0;
    char at[32], of[32], left[32], details[128];
    am_cli_time_text(seconds_done, at);
    if (!(speed > 0)) snprintf(details, sizeof details, "listening ...");
    else if (p->total > 0)
        snprintf(details, sizeof details, "%s / %s  %.1fx  %s left", at, am_cli_time_text(p->total, of), speed,
                 am_cli_time_text((p->total - seconds_done) / speed + 0.5, left));
    else snprintf(details, sizeof details, "%s  %.1fx", at, speed);
    draw(seconds_done, p->total, details);
}

void am_cli_progress_bytes(am_cli_progress *p, const char *what, uint64_t n_done, uint64_t n_total) {
    if (!is_time_to_draw(p)) return;
    char details[192];
    if (n_total > 0)
        snprintf(details, sizeof details, "%.1f / %.1f MB  %.80s", (double)n_done / 1e6, (double)n_total / 1e6, what);
    else snprintf(details, sizeof details, "%.1f MB  %.80s", (double)n_done / 1e6, what);
    draw((double)n_done, (double)n_total, details);
}
