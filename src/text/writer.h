/* Inside of am_writer: one row of functions per format, and the few things formats share.
 *
 * Whatever a segment holds (line breaks, control characters, bytes that are not UTF-8, times that are not numbers) the
 * output is valid in its format; that is settled here once, in am_writer_add_line() and am_writer_time().
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEXT_WRITER_H
#define AM_TEXT_WRITER_H

#include <stdint.h>

#include "base/buf.h"

/* The most one segment's output may take, and the most a format may hold back until the end. */
#define AM_WRITER_MAX ((size_t)1 << 30)

/* What a format keeps between calls. */
typedef struct am_writer_state {
    am_buf out;      /* to be written next; emptied after every call */
    am_buf text;     /* JSON only: the whole text, escaped */
    am_buf segments; /* JSON only: the segments */
    int64_t n_segments;
} am_writer_state;

/* Each adds to s->out; a failure shows in the status of the buffers.  Only `segment` is obligatory. */
typedef struct am_writer_functions {
    const char *name;
    void (*begin)(am_writer_state *s);
    void (*segment)(am_writer_state *s, const am_segment *segment);
    void (*finish)(am_writer_state *s, const am_transcript_info *info);
} am_writer_functions;

extern const am_writer_functions am_writer_txt, am_writer_srt, am_writer_vtt, am_writer_json, am_writer_tsv,
    am_writer_lrc, am_writer_lines;

/* A time in 0..1e9 seconds: nonsense (NaN, negative) is 0. */
double am_writer_time(double seconds);

/* Text as one line of UTF-8: control characters (line breaks among them) become spaces. */
enum {
    AM_LINE_STRIP = 1,    /* without white space at both ends, as Python's str.strip() */
    AM_LINE_NO_ARROW = 2, /* "-->", which separates times in subtitles, becomes "->" */
    AM_LINE_NO_TAB = 4    /* tabs become spaces */
};
void am_writer_add_line(am_buf *out, const char *text, unsigned flags);

/* A number as Python's repr() writes it: the fewest digits that read back as the same double (as the same float for
 * the second); null where JSON has no number for it. */
void am_writer_add_double(am_buf *out, double value);
void am_writer_add_float(am_buf *out, float value);

#endif
