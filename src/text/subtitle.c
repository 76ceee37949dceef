/* The formats that are lines of text and times: txt, srt, vtt, tsv and "lines" byte for byte as openai/whisper writes
 * them, and lrc as music players read it.  A segment is written as soon as it comes.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "text/writer.h"

/* Python's round(): halves to the even neighbour, which is what llrint() does in the default rounding mode. */
static int64_t in_units(double seconds, double units_per_second) {
    return llrint(am_writer_time(seconds) * units_per_second);
}

static void add_clock(am_buf *out, double seconds, bool always_hours, char point) {
    int64_t ms = in_units(seconds, 1000), hours = ms / 3600000;
    if (hours || always_hours) am_buf_add_fmt(out, "%02d:", (int)hours);
    am_buf_add_fmt(out, "%02d:%02d%c%03d", (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), point, (int)(ms % 1000));
}

static void add_span(am_buf *out, const am_segment *s, bool always_hours, char point) {
    add_clock(out, s->start, always_hours, point);
    am_buf_add_str(out, " --> ");
    add_clock(out, s->end, always_hours, point);
}

static void txt_segment(am_writer_state *w, const am_segment *s) {
    am_writer_add_line(&w->out, s->text, AM_LINE_STRIP);
    am_buf_add_char(&w->out, '\n');
}

static void srt_segment(am_writer_state *w, const am_segment *s) {
    am_buf_add_fmt(&w->out, "%lld\n", (long long)w->n_segments + 1);
    add_span(&w->out, s, true, ',');
    am_buf_add_char(&w->out, '\n');
    am_writer_add_line(&w->out, s->text, AM_LINE_STRIP | AM_LINE_NO_ARROW);
    am_buf_add_str(&w->out, "\n\n");
}

static void vtt_begin(am_writer_state *w) {
    am_buf_add_str(&w->out, "WEBVTT\n\n");
}

static void vtt_segment(am_writer_state *w, const am_segment *s) {
    add_span(&w->out, s, false, '.');
    am_buf_add_char(&w->out, '\n');
    am_writer_add_line(&w->out, s->text, AM_LINE_STRIP | AM_LINE_NO_ARROW);
    am_buf_add_str(&w->out, "\n\n");
}

static void tsv_begin(am_writer_state *w) {
    am_buf_add_str(&w->out, "start\tend\ttext\n");
}

static void tsv_segment(am_writer_state *w, const am_segment *s) {
    am_buf_add_fmt(&w->out, "%lld\t%lld\t", (long long)in_units(s->start, 1000), (long long)in_units(s->end, 1000));
    am_writer_add_line(&w->out, s->text, AM_LINE_STRIP | AM_LINE_NO_TAB);
    am_buf_add_char(&w->out, '\n');
}

static void lrc_segment(am_writer_state *w, const am_segment *s) {
    int64_t cs = in_units(s->start, 100);
    am_buf_add_fmt(&w->out, "[%02lld:%02d.%02d]", (long long)(cs / 6000), (int)(cs / 100 % 60), (int)(cs % 100));
    am_writer_add_line(&w->out, s->text, AM_LINE_STRIP);
    am_buf_add_char(&w->out, '\n');
}

static void lines_segment(am_writer_state *w, const am_segment *s) {
    am_buf_add_char(&w->out, '[');
    add_span(&w->out, s, false, '.');
    am_buf_add_str(&w->out, "] ");
    am_writer_add_line(&w->out, s->text, 0);
    am_buf_add_char(&w->out, '\n');
}

const am_writer_functions am_writer_txt = { .name = "txt", .segment = txt_segment };
const am_writer_functions am_writer_srt = { .name = "srt", .segment = srt_segment };
const am_writer_functions am_writer_vtt = { .name = "vtt", .begin = vtt_begin, .segment = vtt_segment };
const am_writer_functions am_writer_tsv = { .name = "tsv", .begin = tsv_begin, .segment = tsv_segment };
const am_writer_functions am_writer_lrc = { .name = "lrc", .segment = lrc_segment };
const am_writer_functions am_writer_lines = { .name = "lines", .segment = lines_segment };
