/* am_writer: segments in, one of the transcript formats out, through the caller's function.
 *
 * A call's bytes are made whole in memory and given away in one piece.  When memory or a maximum runs out they are
 * dropped whole, so that the output stays well-formed without the segment and can still be finished.
 *
 * SPDX-License-Identifier: MIT */
#include "text/writer.h"
#include "base/versioned.h"

#include <stdlib.h>
#include <string.h>

static const am_writer_functions *const formats[] = {
    &am_writer_txt, &am_writer_srt, &am_writer_vtt, &am_writer_json, &am_writer_tsv, &am_writer_lrc, &am_writer_lines,
};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

struct am_writer {
    const am_writer_functions *format;
    int (*write)(void *cookie, const void *bytes, size_t n_bytes);
    void *cookie;
    am_writer_state state;
    bool broken, finished;
};

const char *am_writer_format(size_t index) {
    return index < N_FORMATS ? formats[index]->name : NULL;
}

static const am_writer_functions *find_format(const char *name) {
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i]->name, name) == 0) return formats[i];
    return NULL;
}

static am_status unknown_format(const char *name, am_error *err) {
    am_buf list;
    am_buf_init(&list, 200);
    for (size_t i = 0; i < N_FORMATS; i++) am_buf_add_fmt(&list, "%s%s", i ? ", " : "", formats[i]->name);
    am_status status =
        am_fail(err, AM_E_ARG, "unknown output format \"%.100s\" (known are %s)", name, list.data ? list.data : "");
    am_buf_free(&list);
    return status;
}

/* Give away what a format has made, or drop it when it could not be made whole. */
static am_status flush(am_writer *w) {
    am_buf *out = &w->state.out;
    am_status status = out->status;
    if (status == AM_OK && out->len && w->write(w->cookie, out->data, out->len) != 0) {
        w->broken = true;
        status = AM_E_IO;
    }
    am_buf_clear(out);
    return status;
}

static am_status copy_config(am_writer_config *cfg, const am_writer_config *from, am_error *err) {
    if (!am_versioned_read(cfg, sizeof *cfg, from))
        return am_fail(err, AM_E_ARG, "the writer's configuration was not filled by am_writer_config_init()");
    if (!cfg->format) return am_fail(err, AM_E_ARG, "no output format is given");
    if (!cfg->write) return am_fail(err, AM_E_ARG, "no function to write with is given");
    return AM_OK;
}

am_status am_writer_open(am_writer **writer, const am_writer_config *user_cfg, am_error *err) {
    am_error_clear(err);
    if (!writer) return am_fail(err, AM_E_ARG, "no place for the writer is given");
    *writer = NULL;
    am_writer_config cfg;
    am_status status = copy_config(&cfg, user_cfg, err);
    if (status != AM_OK) return status;
    const am_writer_functions *format = find_format(cfg.format);
    if (!format) return unknown_format(cfg.format, err);
    am_writer *w = calloc(1, sizeof *w);
    if (!w) return am_fail_nomem(err, "a writer", sizeof *w);
    w->format = format;
    w->write = cfg.write;
    w->cookie = cfg.cookie;
    am_buf_init(&w->state.out, 2 * AM_WRITER_MAX + (1 << 16));
    am_buf_init(&w->state.text, AM_WRITER_MAX);
    am_buf_init(&w->state.segments, AM_WRITER_MAX);
    if (format->begin) format->begin(&w->state);
    status = flush(w);
    if (status != AM_OK) {
        am_writer_close(&w);
        return am_fail(err, status, "the beginning of the %s output could not be written", format->name);
    }
    *writer = w;
    return AM_OK;
}

/* Take back what was added to a buffer behind `len`, with its failure. */
static void take_back(am_buf *b, size_t len) {
    b->len = len;
    b->status = AM_OK;
    if (b->data) b->data[len] = '\0';
}

am_status am_writer_segment(am_writer *w, const am_segment *segment) {
    if (!w || !segment) return AM_E_ARG;
    if (w->finished) return AM_E_STATE;
    if (w->broken) return AM_E_IO;
    am_writer_state *s = &w->state;
    size_t text_len = s->text.len, segments_len = s->segments.len;
    w->format->segment(s, segment);
    am_status status = s->out.status;
    if (status == AM_OK) status = s->text.status;
    if (status == AM_OK) status = s->segments.status;
    if (status != AM_OK) {
        take_back(&s->out, 0);
        take_back(&s->text, text_len);
        take_back(&s->segments, segments_len);
        return status;
    }
    s->n_segments++;
    return flush(w);
}

am_status am_writer_finish(am_writer *w, const am_transcript_info *info) {
    am_transcript_info full;
    if (!w || (info && !am_versioned_read(&full, sizeof full, info))) return AM_E_ARG;
    if (w->finished) return AM_E_STATE;
    w->finished = true;
    if (w->broken) return AM_E_IO;
    if (w->format->finish) w->format->finish(&w->state, info ? &full : NULL);
    return flush(w);
}

void am_writer_close(am_writer **writer) {
    if (!writer || !*writer) return;
    am_writer *w = *writer;
    am_buf_free(&w->state.out);
    am_buf_free(&w->state.text);
    am_buf_free(&w->state.segments);
    free(w);
    *writer = NULL;
}
