/* The JSON reader and the writer's escapes: what RFC 8259 allows is read right, what it does not is refused at the
 * right byte, and nothing is read past the end of the text (every text here ends at a page that may not be touched).
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "support/check.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "base/utf8.h"
#include "support/locale.h"

enum { AREA = 1 << 16 };
static char *area_end;

/* A page nobody may touch behind AREA bytes. */
static int make_area(void **state) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, AREA + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + AREA, page, PROT_NONE) != 0) return -1;
    area_end = p + AREA;
    return 0;
}

static const char *at_end(const char *text, size_t len) {
    assert_true(len <= AREA);
    return memcpy(area_end - len, text, len);
}

static void start(am_json *j, const char *text) {
    am_json_init(j, at_end(text, strlen(text)), strlen(text));
}

/* The tokens of a text as letters, with the values written out. */
static void trace(const char *text, size_t len, am_buf *out) {
    am_json j;
    am_json_init(&j, at_end(text, len), len);
    am_buf_clear(out);
    for (am_json_token t;;) {
        switch (t = am_json_next(&j)) {
        case AM_JSON_END: return;
        case AM_JSON_ERROR:
            assert_non_null(j.error);
            am_buf_add_fmt(out, "!%zu", j.pos);
            return;
        case AM_JSON_OBJECT: am_buf_add_char(out, '{'); break;
        case AM_JSON_OBJECT_END: am_buf_add_char(out, '}'); break;
        case AM_JSON_ARRAY: am_buf_add_char(out, '['); break;
        case AM_JSON_ARRAY_END: am_buf_add_char(out, ']'); break;
        case AM_JSON_KEY: am_buf_add_fmt(out, "k<%.*s>", (int)j.str_len, j.str); break;
        case AM_JSON_STRING: am_buf_add_fmt(out, "s<%.*s>", (int)j.str_len, j.str); break;
        case AM_JSON_NUMBER: am_buf_add_fmt(out, "n<%.17g>", j.number); break;
        case AM_JSON_TRUE: am_buf_add_char(out, 'T'); break;
        case AM_JSON_FALSE: am_buf_add_char(out, 'F'); break;
        case AM_JSON_NULL: am_buf_add_char(out, 'N'); break;
        }
    }
}

static void expect(const char *text, const char *tokens) {
    am_buf out;
    am_buf_init(&out, AREA * 4);
    trace(text, strlen(text), &out);
    assert_string_equal(out.data ? out.data : "", tokens);
    am_buf_free(&out);
}

static void reads_what_is_json(void **state) {
    expect("{}", "{}");
    expect("[]", "[]");
    expect(" \t\r\n[ ] \n", "[]");
    expect("null", "N");
    expect("\"\"", "s<>");
    expect("[true,false , null]", "[TFN]");
    expect("{\"a\":1,\"b\":[{},[]],\"c\":{\"d\":\"e\"}}", "{k<a>n<1>k<b>[{}[]]k<c>{k<d>s<e>}}");
    expect("{\"a\" : \"x\\\"y\"}", "{k<a>s<x\\\"y>}");
    expect("\"\xF0\x9F\x98\x80 \xC3\xA9 \x7F\"", "s<\xF0\x9F\x98\x80 \xC3\xA9 \x7F>");
    expect("\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9 \\uD83d\\uDe00\"",
           "s<\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9 \\uD83d\\uDe00>");
}

static void reads_numbers(void **state) {
    expect("0", "n<0>");
    expect("-0", "n<-0>");
    expect("-12", "n<-12>");
    expect("[1.5,2.50e1,1E+2,1e-2]", "[n<1.5>n<25>n<100>n<0.01>]");
    expect("0.1", "n<0.10000000000000001>");
    expect("9007199254740993", "n<9007199254740992>");
    expect("1.7976931348623157e308", "n<1.7976931348623157e+308>");
    expect("5e-324", "n<4.9406564584124654e-324>");
    expect("1e-99999999999999999999", "n<0>");
    expect("0e99999999999999999999", "n<0>");
}

static void numbers_do_not_depend_on_the_locale(void **state) {
    if (!am_test_decimal_comma()) return;
    assert_true(strtod("1,25", NULL) == 1.25);
    am_json j;
    start(&j, "1.25");
    am_json_token t = am_json_next(&j);
    double number = j.number;
    setlocale(LC_NUMERIC, "C");
    assert_int_equal(t, AM_JSON_NUMBER);
    assert_true(number == 1.25);
}

static void refuses_what_is_not_json(void **state) {
    expect("", "!0");
    expect("  ", "!2");
    expect("[", "[!1");
    expect("[1", "[n<1>!2");
    expect("[1,", "[n<1>!3");
    expect("[1,]", "[n<1>!3");
    expect("[,1]", "[!1");
    expect("[1 2]", "[n<1>!3");
    expect("[1}", "[n<1>!2");
    expect("{\"a\":1]", "{k<a>n<1>!6");
    expect("{\"a\":1,}", "{k<a>n<1>!7");
    expect("{\"a\" 1}", "{!5");
    expect("{\"a\":}", "{k<a>!5");
    expect("{a:1}", "{!1");
    expect("{1:1}", "{!1");
    expect("{\"a\"", "{!4");
    expect("1 2", "n<1>!2");
    expect("{} x", "{}!3");
    expect("nul", "!0");
    expect("nulll", "N!4");
    expect("NaN", "!0");
    expect("Infinity", "!0");
    expect("-Infinity", "!1");
    expect("'a'", "!0");
    expect("// x\n1", "!0");
    expect("\xEF\xBB\xBF{}", "!0");
}

static void refuses_bad_numbers(void **state) {
    expect("01", "!2");
    expect("-", "!1");
    expect("+1", "!0");
    expect(".5", "!0");
    expect("1.", "!2");
    expect("-.5", "!1");
    expect("1e", "!2");
    expect("1e+", "!3");
    expect("0x10", "n<0>!1");
    expect("1e400", "!5");
    char digits[600];
    memset(digits, '1', sizeof digits);
    digits[400] = '\0';
    am_json j;
    start(&j, digits); /* allowed length, but past the largest double */
    assert_int_equal(am_json_next(&j), AM_JSON_ERROR);
    assert_string_equal(j.error, "a number is too large");
    digits[1] = '.';
    start(&j, digits);
    assert_int_equal(am_json_next(&j), AM_JSON_NUMBER);
    assert_true(j.number > 1.11111111111111 && j.number < 1.11111111111112);
    digits[400] = '1';
    digits[401] = '\0';
    start(&j, digits);
    assert_int_equal(am_json_next(&j), AM_JSON_ERROR);
    assert_string_equal(j.error, "a number is longer than 400 characters");
}

static void refuses_bad_strings(void **state) {
    expect("\"a", "!2");
    expect("\"a\\", "!2");
    expect("\"a\\\"", "!4");
    expect("\"\\x41\"", "!1");
    expect("\"\\u12g4\"", "!1");
    expect("\"\\u123", "!1");
    expect("\"a\nb\"", "!2");
    expect("\"\x80\"", "!1");
    expect("\"\xC0\xAF\"", "!1");
    expect("\"\xED\xA0\x80\"", "!1");
    expect("\"\xF4\x90\x80\x80\"", "!1");
    expect("\"\xE2\x82", "!1");
    am_buf out;
    am_buf_init(&out, 100);
    trace("\"a\0b\"", 5, &out);
    assert_string_equal(out.data, "!2");
    am_buf_free(&out);
}

static void every_beginning_of_a_text_is_an_error(void **state) {
    const char *text = "{\"k\\u00e9y\":[-1.5e+3,true,{\"\xE2\x82\xAC\":null}],\"z\":\"\\ud83d\\ude00\"}";
    for (size_t len = 0; len < strlen(text); len++) {
        am_json j;
        am_json_init(&j, at_end(text, len), len);
        am_json_token t;
        while ((t = am_json_next(&j)) != AM_JSON_END && t != AM_JSON_ERROR)
            ;
        assert_int_equal(t, AM_JSON_ERROR);
        assert_int_equal(am_json_next(&j), AM_JSON_ERROR);
    }
}

static void depth_is_limited(void **state) {
    char text[4 * AM_JSON_MAX_DEPTH];
    for (int depth = AM_JSON_MAX_DEPTH; depth <= AM_JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        am_json j;
        am_json_init(&j, at_end(text, 2 * (size_t)depth), 2 * (size_t)depth);
        am_json_token t;
        while ((t = am_json_next(&j)) != AM_JSON_END && t != AM_JSON_ERROR)
            ;
        assert_int_equal(t, depth == AM_JSON_MAX_DEPTH ? AM_JSON_END : AM_JSON_ERROR);
    }
}

static void skips(void **state) {
    am_json j;
    start(&j, "{\"a\":{\"x\":[1,{}]},\"b\":7,\"c\":[1,[2],3],\"d\":true}");
    assert_int_equal(am_json_next(&j), AM_JSON_OBJECT);
    assert_int_equal(am_json_next(&j), AM_JSON_KEY);
    assert_int_equal(am_json_skip(&j), AM_JSON_OBJECT_END); /* a value behind its key */
    assert_int_equal(am_json_next(&j), AM_JSON_KEY);
    assert_true(am_json_is(&j, "b"));
    assert_false(am_json_is(&j, "bb"));
    assert_false(am_json_is(&j, ""));
    assert_int_equal(am_json_skip(&j), AM_JSON_NUMBER);
    assert_int_equal(am_json_next(&j), AM_JSON_KEY);
    assert_int_equal(am_json_next(&j), AM_JSON_ARRAY);
    assert_int_equal(am_json_next(&j), AM_JSON_NUMBER);
    assert_int_equal(am_json_skip(&j), AM_JSON_ARRAY_END); /* the rest of the array */
    assert_int_equal(am_json_next(&j), AM_JSON_KEY);
    assert_true(am_json_is(&j, "d"));
    assert_int_equal(am_json_skip(&j), AM_JSON_TRUE);
    assert_int_equal(am_json_next(&j), AM_JSON_OBJECT_END);
    assert_int_equal(am_json_next(&j), AM_JSON_END);
    start(&j, "[1,[2]]");
    assert_int_equal(am_json_skip(&j), AM_JSON_ARRAY_END); /* the whole text */
    assert_int_equal(am_json_next(&j), AM_JSON_END);
    start(&j, "{\"a\":[1,}");
    am_json_next(&j);
    am_json_next(&j);
    assert_int_equal(am_json_skip(&j), AM_JSON_ERROR);
}

static void expect_unescaped(const char *text, const char *want, size_t want_len) {
    am_json j;
    start(&j, text);
    assert_int_equal(am_json_next(&j), AM_JSON_STRING);
    am_buf out;
    am_buf_init(&out, 1000);
    assert_int_equal(am_json_unescape(&j, &out), AM_OK);
    assert_int_equal(out.len, want_len);
    if (want_len) assert_memory_equal(out.data, want, want_len);
    am_buf_free(&out);
}

static void unescapes(void **state) {
    expect_unescaped("\"\"", "", 0);
    expect_unescaped("\"plain\"", "plain", 5);
    expect_unescaped("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    expect_unescaped("\"\\u0041\\u00E9\\u20ac\\u0000\"", "A\xC3\xA9\xE2\x82\xAC", 7);
    expect_unescaped("\"\\uD83D\\uDE00!\"", "\xF0\x9F\x98\x80!", 5);
    expect_unescaped("\"\\uD83D\"", "\xEF\xBF\xBD", 3);
    expect_unescaped("\"\\uDE00x\"", "\xEF\xBF\xBDx", 4);
    expect_unescaped("\"\\uD83D\\u0041\"",
                     "\xEF\xBF\xBD"
                     "A",
                     4);
    expect_unescaped("\"\\uD83D\\uD83D\\uDE00\"", "\xEF\xBF\xBD\xF0\x9F\x98\x80", 7);
    expect_unescaped("\"\\uD83D\\n\"", "\xEF\xBF\xBD\n", 4);
    am_json j;
    start(&j, "\"\\n\\n\\n\\n\"");
    am_json_next(&j);
    am_buf out;
    am_buf_init(&out, 3);
    assert_int_equal(am_json_unescape(&j, &out), AM_E_LIMIT);
    am_buf_free(&out);
}

static void expect_escaped(const char *text, size_t len, const char *want) {
    am_buf out;
    am_buf_init(&out, 1000);
    assert_int_equal(am_json_escape(&out, at_end(text, len), len), AM_OK);
    assert_string_equal(out.data ? out.data : "", want);
    am_buf_free(&out);
}

static void escapes(void **state) {
    expect_escaped("", 0, "");
    expect_escaped("a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\0z", 16, "a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000z");
    expect_escaped("\xC3\xA9\xF0\x9F\x98\x80", 6, "\xC3\xA9\xF0\x9F\x98\x80");
    /* Broken bytes: Python's bytes.decode("utf-8", "replace") gives the same number of marks. */
    expect_escaped("\xFFz\xE2\x82\"\xF0\x9F\x98\xC3", 9, "\xEF\xBF\xBDz\xEF\xBF\xBD\\\"\xEF\xBF\xBD\xEF\xBF\xBD");
    expect_escaped("\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    expect_escaped("\xF0\x80\x80\x41", 4,
                   "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                   "A");
}

static void utf8_round_trips(void **state) {
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        char bytes[4];
        size_t n = am_utf8_put(bytes, c);
        assert_int_equal(n, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        uint32_t back;
        assert_int_equal(am_utf8_next(at_end(bytes, n), n, &back), n);
        assert_int_equal(back, c);
        if (n > 1) {
            am_utf8_next(at_end(bytes, n - 1), n - 1, &back);
            assert_int_equal(back, AM_UTF8_BAD);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_json),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(refuses_bad_numbers),
        cmocka_unit_test(refuses_bad_strings),
        cmocka_unit_test(every_beginning_of_a_text_is_an_error),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(skips),
        cmocka_unit_test(unescapes),
        cmocka_unit_test(escapes),
        cmocka_unit_test(utf8_round_trips),
    };
    return cmocka_run_group_tests(tests, make_area, NULL);
}
