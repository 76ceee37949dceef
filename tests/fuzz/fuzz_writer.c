/* Segments with hostile text, times and numbers through every transcript format: the output is UTF-8, the JSON is JSON,
 * and a cue of a subtitle never holds an arrow or a line of its own.
 *
 * SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "text/deflate_size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) abort();
}

static int collect(void *cookie, const void *bytes, size_t n_bytes) {
    return am_buf_add(cookie, bytes, n_bytes) != AM_OK;
}

static void check_utf8(const am_buf *b) {
    for (size_t i = 0; i < b->len;) {
        uint32_t c;
        i += am_utf8_next(b->data + i, b->len - i, &c);
        require(c != AM_UTF8_BAD);
    }
}

static size_t count(const am_buf *b, const char *what) {
    size_t n = 0;
    for (const char *at = b->data; at && (at = strstr(at, what)); at++) n++;
    return n;
}

static void check(const char *format, const am_buf *out) {
    check_utf8(out);
    if (strcmp(format, "json") == 0) {
        am_json j;
        am_json_init(&j, out->data, out->len);
        require(am_json_skip(&j) == AM_JSON_OBJECT_END && am_json_next(&j) == AM_JSON_END);
    } else {
        static const char *const names[] = { "txt", "srt", "vtt", "tsv", "lrc", "lines" };
        static const size_t n_lines[] = { 2, 8, 8, 3, 2, 2 };
        for (size_t i = 0; i < 6; i++)
            if (strcmp(format, names[i]) == 0) require(count(out, "\n") == n_lines[i] && !count(out, "\r"));
        if (format[0] == 's' || format[0] == 'v') require(count(out, "-->") == 2);
        if (format[0] == 't' && format[1] == 's') require(count(out, "\t") == 6);
    }
}

static void write_all(const am_segment *segment) {
    const char *format;
    for (size_t i = 0; (format = am_writer_format(i)); i++) {
        am_buf out;
        am_buf_init(&out, 1 << 24);
        am_writer_config cfg;
        am_writer_config_init(&cfg);
        cfg.format = format;
        cfg.write = collect;
        cfg.cookie = &out;
        am_writer *w;
        require(am_writer_open(&w, &cfg, NULL) == AM_OK);
        require(am_writer_segment(w, segment) == AM_OK && am_writer_segment(w, segment) == AM_OK);
        require(am_writer_finish(w, NULL) == AM_OK);
        am_writer_close(&w);
        check(format, &out);
        am_buf_free(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    am_segment segment = { .id = 1 };
    size_t fixed = sizeof segment.start + sizeof segment.end + 4 * sizeof(float);
    if (size < fixed || size > 1 << 16) return 0;
    memcpy(&segment.start, data, 8);
    memcpy(&segment.end, data + 8, 8);
    memcpy(&segment.temperature, data + 16, 4);
    memcpy(&segment.avg_logprob, data + 20, 4);
    memcpy(&segment.compression_ratio, data + 24, 4);
    memcpy(&segment.no_speech_prob, data + 28, 4);
    char *text = calloc(size - fixed + 1, 1);
    memcpy(text, data + fixed, size - fixed);
    segment.text = text;
    write_all(&segment);
    /* Stored blocks bound what deflate makes of anything. */
    require(am_deflate_size(text, size - fixed) <= size - fixed + 6 + 5 * (2 + size / 16383));
    free(text);
    return 0;
}
