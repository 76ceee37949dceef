/* Transcript formats: byte for byte against goldens made by Python, and valid whatever a segment holds.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "support/locale.h"
#include "text/writer.h"

enum { MAX_SEGMENTS = 16, MAX_TOKENS = 16 };

typedef struct document {
    am_segment segments[MAX_SEGMENTS];
    am_buf texts[MAX_SEGMENTS];
    int32_t tokens[MAX_SEGMENTS][MAX_TOKENS];
    int n;
    am_language_prob languages[MAX_SEGMENTS];
    char codes[MAX_SEGMENTS][8];
    am_transcript_info info;
    char language[8];
} document;

/* A sink that can be told to fail. */
typedef struct sink {
    am_buf bytes;
    int n_calls, fail_at; /* the call that fails, counted from 1; 0: none */
} sink;

static int to_sink(void *cookie, const void *bytes, size_t n_bytes) {
    sink *s = cookie;
    if (++s->n_calls == s->fail_at) return 1;
    return am_buf_add(&s->bytes, bytes, n_bytes) != AM_OK;
}

static am_buf read_file(const char *name) {
    char path[4096], block[4096];
    snprintf(path, sizeof path, AM_TEST_DATA "/unit/data/%s", name);
    am_buf text;
    am_buf_init(&text, 1 << 20);
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot open %s", path);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) am_buf_add(&text, block, n);
    fclose(f);
    return text;
}

static void read_tokens(am_json *j, document *d) {
    am_segment *s = &d->segments[d->n];
    s->tokens = d->tokens[d->n];
    while (am_json_next(j) == AM_JSON_NUMBER) d->tokens[d->n][s->n_tokens++] = (int32_t)j->number;
}

static void read_segment(am_json *j, document *d) {
    am_segment *s = &d->segments[d->n];
    am_buf *text = &d->texts[d->n];
    am_buf_init(text, 1 << 16);
    while (am_json_next(j) == AM_JSON_KEY) {
        am_json key = *j;
        am_json_token t = am_json_next(j);
        if (t == AM_JSON_STRING) am_json_unescape(j, text);
        else if (t == AM_JSON_ARRAY) read_tokens(j, d);
        else if (am_json_is(&key, "id")) s->id = (int64_t)j->number;
        else if (am_json_is(&key, "seek")) s->seek = (int64_t)j->number;
        else if (am_json_is(&key, "start")) s->start = j->number;
        else if (am_json_is(&key, "end")) s->end = j->number;
        else if (am_json_is(&key, "temperature")) s->temperature = (float)j->number;
        else if (am_json_is(&key, "avg_logprob")) s->avg_logprob = (float)j->number;
        else if (am_json_is(&key, "compression_ratio")) s->compression_ratio = (float)j->number;
        else if (am_json_is(&key, "no_speech_prob")) s->no_speech_prob = (float)j->number;
        else fail_msg("unknown key");
    }
    s->text = text->data;
    d->n++;
}

static void read_languages(am_json *j, document *d) {
    while (am_json_next(j) == AM_JSON_OBJECT) {
        am_language_prob *p = &d->languages[d->info.n_languages];
        am_json_next(j), am_json_next(j);
        snprintf(d->codes[d->info.n_languages], 8, "%.*s", (int)j->str_len, j->str);
        p->code = d->codes[d->info.n_languages++];
        am_json_next(j), am_json_next(j);
        p->probability = (float)j->number;
        am_json_next(j);
    }
}

static document *read_document(void) {
    document *d = calloc(1, sizeof *d);
    am_buf file = read_file("writer_segments.json");
    am_json j;
    am_json_init(&j, file.data, file.len);
    am_json_next(&j);
    while (am_json_next(&j) == AM_JSON_KEY) {
        am_json key = j;
        am_json_token t = am_json_next(&j);
        if (am_json_is(&key, "language")) snprintf(d->language, 8, "%.*s", (int)j.str_len, j.str);
        else if (am_json_is(&key, "duration")) d->info.duration_sec = j.number;
        else if (am_json_is(&key, "languages")) read_languages(&j, d);
        else
            while (t != AM_JSON_ARRAY_END && (t = am_json_next(&j)) == AM_JSON_OBJECT) read_segment(&j, d);
    }
    assert_int_equal(am_json_next(&j), AM_JSON_END);
    d->info.struct_size = sizeof d->info;
    d->info.language = d->language;
    d->info.languages = d->languages;
    am_buf_free(&file);
    return d;
}

static void free_document(document *d) {
    for (int i = 0; i < d->n; i++) am_buf_free(&d->texts[i]);
    free(d);
}

static am_writer *open_writer(const char *format, sink *s) {
    am_writer_config cfg;
    am_writer_config_init(&cfg);
    cfg.format = format;
    cfg.write = to_sink;
    cfg.cookie = s;
    am_buf_init(&s->bytes, 1 << 24);
    s->n_calls = 0;
    am_writer *w;
    am_error err;
    assert_int_equal(am_writer_open(&w, &cfg, &err), AM_OK);
    return w;
}

static void as_python_writes_them(void **state) {
    document *d = read_document();
    assert_int_equal(d->n, 9);
    const char *format;
    for (size_t f = 0; (format = am_writer_format(f)); f++) {
        sink s = { .fail_at = 0 };
        am_writer *w = open_writer(format, &s);
        for (int i = 0; i < d->n; i++) assert_int_equal(am_writer_segment(w, &d->segments[i]), AM_OK);
        assert_int_equal(am_writer_finish(w, &d->info), AM_OK);
        assert_int_equal(am_writer_finish(w, &d->info), AM_E_STATE);
        assert_int_equal(am_writer_segment(w, &d->segments[0]), AM_E_STATE);
        am_writer_close(&w);
        assert_null(w);
        char name[64];
        snprintf(name, sizeof name, "writer_golden.%s", format);
        am_buf want = read_file(name);
        assert_string_equal(s.bytes.data, want.data);
        assert_int_equal(s.bytes.len, want.len);
        am_buf_free(&want);
        am_buf_free(&s.bytes);
    }
    free_document(d);
}

static void expect_output(const char *format, const am_segment *segment, const am_transcript_info *info,
                          const char *want) {
    sink s = { .fail_at = 0 };
    am_writer *w = open_writer(format, &s);
    if (segment) assert_int_equal(am_writer_segment(w, segment), AM_OK);
    assert_int_equal(am_writer_finish(w, info), AM_OK);
    am_writer_close(&w);
    assert_string_equal(s.bytes.data ? s.bytes.data : "", want);
    am_buf_free(&s.bytes);
}

static void whole_without_segments(void **state) {
    expect_output("txt", NULL, NULL, "");
    expect_output("srt", NULL, NULL, "");
    expect_output("vtt", NULL, NULL, "WEBVTT\n\n");
    expect_output("tsv", NULL, NULL, "start\tend\ttext\n");
    expect_output("lrc", NULL, NULL, "");
    expect_output("json", NULL, NULL,
                  "{\"text\": \"\", \"segments\": [], \"language\": null, \"language_probs\": [], \"duration\": null}");
    am_transcript_info info = { .struct_size = sizeof info, .n_languages = 3, .duration_sec = -1 };
    expect_output("json", NULL, &info,
                  "{\"text\": \"\", \"segments\": [], \"language\": null, \"language_probs\": [], \"duration\": 0.0}");
}

static void survives_odd_times(void **state) {
    am_segment s = { .start = NAN, .end = -5, .text = " x" };
    expect_output("srt", &s, NULL, "1\n00:00:00,000 --> 00:00:00,000\nx\n\n");
    expect_output("tsv", &s, NULL, "start\tend\ttext\n0\t0\tx\n");
    s.start = -INFINITY, s.end = INFINITY;
    expect_output("vtt", &s, NULL, "WEBVTT\n\n00:00.000 --> 277777:46:40.000\nx\n\n");
    s.start = DBL_MAX;
    expect_output("lrc", &s, NULL, "[16666666:40.00]x\n");
    s.start = DBL_MIN, s.avg_logprob = NAN, s.compression_ratio = INFINITY, s.no_speech_prob = -FLT_MAX, s.n_tokens = 3;
    expect_output("json", &s, NULL,
                  "{\"text\": \" x\", \"segments\": [{\"id\": 0, \"seek\": 0, \"start\": 0.0, \"end\": 1000000000.0, "
                  "\"text\": \" x\", \"tokens\": [], \"temperature\": 0.0, \"avg_logprob\": null, "
                  "\"compression_ratio\": null, \"no_speech_prob\": -3.4028234663852886e+38}], \"language\": null, "
                  "\"language_probs\": [], \"duration\": null}");
}

static void survives_odd_text(void **state) {
    am_segment s = { .end = 1, .text = "\xFF a\xE2\x82\r\n--->--->\x80" };
    expect_output("txt", &s, NULL, "\xEF\xBF\xBD a\xEF\xBF\xBD  --->--->\xEF\xBF\xBD\n");
    expect_output("srt", &s, NULL,
                  "1\n00:00:00,000 --> 00:00:01,000\n\xEF\xBF\xBD a\xEF\xBF\xBD  ->->\xEF\xBF\xBD\n\n");
    s.text = NULL;
    expect_output("txt", &s, NULL, "\n");
    s.text = " \n\t\xC2\xA0 ";
    expect_output("srt", &s, NULL, "1\n00:00:00,000 --> 00:00:01,000\n\n\n");
    expect_output("lines", &s, NULL, "[00:00.000 --> 00:01.000]   \t\xC2\xA0 \n");
}

/* Python's json reads what we write: here our own strict reader has to, for random bytes as text. */
static void json_is_valid_for_any_bytes(void **state) {
    uint32_t random = 5;
    for (int round = 0; round < 300; round++) {
        char text[64];
        for (size_t i = 0; i < sizeof text; i++) {
            random = random * 1664525u + 1013904223u;
            text[i] = (char)(random >> 24);
        }
        text[63] = '\0';
        am_segment segment = { .text = text };
        sink s = { .fail_at = 0 };
        am_writer *w = open_writer("json", &s);
        for (int i = 0; i < 3; i++) assert_int_equal(am_writer_segment(w, &segment), AM_OK);
        assert_int_equal(am_writer_finish(w, NULL), AM_OK);
        am_writer_close(&w);
        am_json j;
        am_json_init(&j, s.bytes.data, s.bytes.len);
        assert_int_equal(am_json_skip(&j), AM_JSON_OBJECT_END);
        assert_int_equal(am_json_next(&j), AM_JSON_END);
        am_buf_free(&s.bytes);
    }
}

static void stops_when_the_sink_fails(void **state) {
    am_segment segment = { .text = " x" };
    sink s = { .fail_at = 2 };
    am_writer *w = open_writer("txt", &s);
    assert_int_equal(am_writer_segment(w, &segment), AM_OK);
    assert_int_equal(am_writer_segment(w, &segment), AM_E_IO);
    assert_int_equal(am_writer_segment(w, &segment), AM_E_IO);
    assert_int_equal(am_writer_finish(w, NULL), AM_E_IO);
    assert_int_equal(s.n_calls, 2);
    assert_string_equal(s.bytes.data, "x\n");
    am_writer_close(&w);
    am_buf_free(&s.bytes);
}

static void refuses_bad_configurations(void **state) {
    am_writer_config cfg;
    am_writer *w;
    am_error err;
    sink s = { .fail_at = 1 };
    am_buf_init(&s.bytes, 1);
    am_writer_config_init(&cfg);
    assert_int_equal(am_writer_open(&w, NULL, &err), AM_E_ARG);
    assert_int_equal(am_writer_open(NULL, &cfg, &err), AM_E_ARG);
    assert_int_equal(am_writer_open(&w, &cfg, &err), AM_E_ARG);
    cfg.write = to_sink;
    cfg.cookie = &s;
    cfg.format = "docx";
    assert_int_equal(am_writer_open(&w, &cfg, &err), AM_E_ARG);
    assert_null(w);
    assert_string_equal(err.text, "unknown output format \"docx\" (known are txt, srt, vtt, json, tsv, lrc, lines)");
    cfg.format = "vtt"; /* its header does not get through */
    assert_int_equal(am_writer_open(&w, &cfg, &err), AM_E_IO);
    assert_null(w);
    cfg.struct_size = 0;
    assert_int_equal(am_writer_open(&w, &cfg, &err), AM_E_ARG);
    am_writer_close(&w);
    am_writer_close(NULL);
}

static void expect_number(double value, bool is_float, const char *want) {
    am_buf out;
    am_buf_init(&out, 100);
    if (is_float) am_writer_add_float(&out, (float)value);
    else am_writer_add_double(&out, value);
    assert_string_equal(out.data, want);
    am_buf_free(&out);
}

/* The strings are what Python's repr() gives. */
static void numbers_as_python_writes_them(void **state) {
    expect_number(0, false, "0.0");
    expect_number(-0.0, false, "-0.0");
    expect_number(2.5, false, "2.5");
    expect_number(1e-5, false, "1e-05");
    expect_number(0.0001, false, "0.0001");
    expect_number(0.00012345, false, "0.00012345");
    expect_number(123456, false, "123456.0");
    expect_number(1e15, false, "1000000000000000.0");
    expect_number(9999999999999998.0, false, "9999999999999998.0");
    expect_number(1e16, false, "1e+16");
    expect_number(1.5e300, false, "1.5e+300");
    expect_number(5e-324, false, "5e-324");
    expect_number(0.1 + 0.2, false, "0.30000000000000004");
    expect_number(1.0 / 3, false, "0.3333333333333333");
    expect_number(DBL_MAX, false, "1.7976931348623157e+308");
    expect_number(100, false, "100.0");
    expect_number(123.456, false, "123.456");
    expect_number(NAN, false, "null");
    expect_number(0.1, true, "0.1");
    expect_number(0.2, true, "0.2");
    expect_number(0.8, true, "0.8");
    expect_number(16777216, true, "16777216.0");
}

static void numbers_do_not_depend_on_the_locale(void **state) {
    if (!am_test_decimal_comma()) return;
    am_segment s = { .start = 1.25, .end = 2.5, .text = "", .temperature = 0.2f };
    expect_output("json", &s, NULL,
                  "{\"text\": \"\", \"segments\": [{\"id\": 0, \"seek\": 0, \"start\": 1.25, \"end\": 2.5, "
                  "\"text\": \"\", \"tokens\": [], \"temperature\": 0.2, \"avg_logprob\": 0.0, "
                  "\"compression_ratio\": 0.0, \"no_speech_prob\": 0.0}], \"language\": null, "
                  "\"language_probs\": [], \"duration\": null}");
    setlocale(LC_NUMERIC, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_python_writes_them),
        cmocka_unit_test(whole_without_segments),
        cmocka_unit_test(survives_odd_times),
        cmocka_unit_test(survives_odd_text),
        cmocka_unit_test(json_is_valid_for_any_bytes),
        cmocka_unit_test(stops_when_the_sink_fails),
        cmocka_unit_test(refuses_bad_configurations),
        cmocka_unit_test(numbers_as_python_writes_them),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
