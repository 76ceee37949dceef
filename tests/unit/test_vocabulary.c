/* Tokens and text.  With Whisper's own vocabulary (of the model in $AM_TEST_MODEL) against goldens that PyPI
 * `tokenizers` made, and without any model on a small vocabulary whose merges can be followed by hand.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/utf8.h"
#include "text/bpe.h"
#include "text/language.h"
#include "text/split.h"
#include "text/unicode.h"
#include "text/vocabulary.h"

enum { N_MULTILINGUAL = 51865, MAX_FILE = 4 << 20 };

static am_buf read_file(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    am_buf text;
    am_buf_init(&text, MAX_FILE);
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot open %s", path);
    char block[4096];
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) am_buf_add(&text, block, n);
    fclose(f);
    assert_int_equal(text.status, AM_OK);
    return text;
}

/* The byte a character of GPT-2's byte-level alphabet stands for: printable Latin-1 is itself, the other 68 bytes are
 * U+0100.. in rising order. */
static int byte_of(uint32_t c) {
    int next = 0x100;
    for (int byte = 0; byte < 256; byte++) {
        bool itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
        int stands = itself ? byte : next++;
        if (stands == (int)c) return byte;
    }
    return -1;
}

static am_vocabulary *open_real(void) {
    const char *folder = am_test_model_path();
    if (!folder) return NULL;
    am_buf text = read_file(folder, "vocabulary.txt"), bytes;
    am_buf_init(&bytes, MAX_FILE);
    static uint32_t offset[N_MULTILINGUAL + 1];
    int n = 0;
    for (size_t i = 0; i < text.len && n < N_MULTILINGUAL;) {
        uint32_t c;
        i += am_utf8_next(text.data + i, text.len - i, &c);
        if (c == '\n') offset[++n] = (uint32_t)bytes.len;
        else am_buf_add_char(&bytes, (char)byte_of(c));
    }
    assert_int_equal(n, N_MULTILINGUAL);
    am_vocabulary *v;
    assert_int_equal(am_vocabulary_open(&v, n, offset, bytes.data, NULL), AM_OK);
    am_buf_free(&bytes);
    am_buf_free(&text);
    return v;
}

/* All single bytes as tokens 0..255 and the given tokens behind them; the rest is empty. */
static am_vocabulary *open_small(const char *const *extra, int n_extra, int n_tokens) {
    uint32_t *offset = calloc((size_t)n_tokens + 1, sizeof *offset);
    am_buf bytes;
    am_buf_init(&bytes, 1 << 20);
    for (int t = 0; t < n_tokens; t++) {
        if (t < 256) am_buf_add_char(&bytes, (char)t);
        else if (t < 256 + n_extra) am_buf_add_str(&bytes, extra[t - 256]);
        offset[t + 1] = (uint32_t)bytes.len;
    }
    am_vocabulary *v;
    am_error err;
    assert_int_equal(am_vocabulary_open(&v, n_tokens, offset, bytes.data, &err), AM_OK);
    am_buf_free(&bytes);
    free(offset);
    return v;
}

static void read_golden(am_json *j, am_buf *text, int32_t *tokens, int cap, int *n) {
    am_buf_clear(text);
    *n = 0;
    am_json_token t = am_json_next(j);
    assert_int_equal(t, AM_JSON_OBJECT);
    while ((t = am_json_next(j)) != AM_JSON_OBJECT_END) {
        assert_int_equal(t, AM_JSON_KEY);
        if (am_json_is(j, "text")) {
            assert_int_equal(am_json_next(j), AM_JSON_STRING);
            assert_int_equal(am_json_unescape(j, text), AM_OK);
            continue;
        }
        assert_int_equal(am_json_next(j), AM_JSON_ARRAY);
        while (am_json_next(j) == AM_JSON_NUMBER && *n < cap) tokens[(*n)++] = (int32_t)j->number;
    }
}

/* Encoding gives the golden tokens, and they decode to the text. */
static void check_golden(const am_vocabulary *v, const am_buf *text, const int32_t *want, int n_want, int line) {
    int32_t got[2000];
    int n;
    assert_int_equal(am_vocabulary_encode(v, text->data ? text->data : "", got, 2000, &n), AM_OK);
    bool same = n == n_want && memcmp(got, want, (size_t)n * sizeof *got) == 0;
    if (!same) fail_msg("line %d \"%s\": %d tokens, %d expected", line, text->data, n, n_want);
    am_buf back;
    am_buf_init(&back, 1 << 16);
    assert_int_equal(am_vocabulary_decode(v, got, n, &back), AM_OK);
    assert_int_equal(back.len, text->len);
    if (back.len) assert_memory_equal(back.data, text->data, back.len);
    am_buf_free(&back);
}

static void encodes_as_tokenizers(void **state) {
    am_vocabulary *v = open_real();
    if (!v) skip();
    am_buf file = read_file(AM_TEST_DATA "/unit/data", "vocabulary_golden.jsonl"), text;
    am_buf_init(&text, 1 << 16);
    int line = 0;
    for (char *at = file.data, *end; (end = strchr(at, '\n')); at = end + 1) {
        int32_t want[2000];
        int n;
        am_json j;
        am_json_init(&j, at, (size_t)(end - at));
        read_golden(&j, &text, want, 2000, &n);
        line++;
        if (text.len != strlen(text.data ? text.data : "")) continue; /* an inner NUL: our interface cannot say it */
        check_golden(v, &text, want, n, line);
    }
    assert_true(line > 300);
    am_buf_free(&text);
    am_buf_free(&file);
    am_vocabulary_close(&v);
}

static void suppresses_as_the_model_says(void **state) {
    am_vocabulary *v = open_real();
    if (!v) skip();
    am_buf file = read_file(AM_TEST_DATA "/unit/data", "suppress_golden.txt");
    int32_t got[200];
    int n = am_vocabulary_default_suppress(v, got, 200), i = 0;
    for (char *at = file.data, *end; (end = strchr(at, '\n')); at = end + 1, i++) {
        assert_true(i < n);
        assert_int_equal(got[i], strtol(at, NULL, 10));
    }
    assert_int_equal(i, n);
    int32_t few[3] = { -1, -1, -1 };
    assert_int_equal(am_vocabulary_default_suppress(v, few, 2), n);
    assert_int_equal(few[1], got[1]);
    assert_int_equal(few[2], -1);
    am_buf_free(&file);
    am_vocabulary_close(&v);
}

/* <|translate|> and the others, as in tokenizer.json of the three families of models. */
static void special_tokens(void **state) {
    static const struct {
        int n_tokens, end, start, languages, translate, timestamps;
    } want[] = {
        { 51864, 50256, 50257, 0, 50357, 50363 },
        { 51865, 50257, 50258, 99, 50358, 50364 },
        { 51866, 50257, 50258, 100, 50359, 50365 },
    };
    for (int i = 0; i < 3; i++) {
        am_vocabulary *v = open_small(NULL, 0, want[i].n_tokens);
        const am_specials *s = am_vocabulary_specials(v);
        assert_int_equal(s->end_of_text, want[i].end);
        assert_int_equal(s->start_of_transcript, want[i].start);
        assert_int_equal(s->first_language, want[i].start + 1);
        assert_int_equal(s->n_languages, want[i].languages);
        assert_int_equal(s->translate, want[i].translate);
        assert_int_equal(s->transcribe, want[i].translate + 1);
        assert_int_equal(s->start_of_lm, want[i].translate + 2);
        assert_int_equal(s->start_of_previous, want[i].translate + 3);
        assert_int_equal(s->no_speech, want[i].translate + 4);
        assert_int_equal(s->no_timestamps, want[i].translate + 5);
        assert_int_equal(s->first_timestamp, want[i].timestamps);
        assert_int_equal(s->multilingual, i != 0);
        am_vocabulary_close(&v);
        assert_null(v);
    }
}

static void refuses_other_vocabularies(void **state) {
    static uint32_t offset[N_MULTILINGUAL + 1];
    am_vocabulary *v;
    am_error err;
    static const int sizes[] = { -1, 0, 51863, 51867, 50257 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(am_vocabulary_open(&v, sizes[i], offset, "", &err), AM_E_MODEL);
        char number[16];
        snprintf(number, sizeof number, "%d", sizes[i]);
        assert_non_null(strstr(err.text, number));
        assert_null(v);
    }
    offset[7] = 1; /* offsets that fall */
    assert_int_equal(am_vocabulary_open(&v, N_MULTILINGUAL, offset, "x", &err), AM_E_MODEL);
    assert_non_null(strstr(err.text, "token 7 "));
    assert_null(v);
}

static void expect_tokens(const am_vocabulary *v, const char *text, int n_want, const int32_t *want) {
    int32_t got[64];
    int n;
    assert_int_equal(am_vocabulary_encode(v, text, got, 64, &n), AM_OK);
    assert_int_equal(n, n_want);
    assert_memory_equal(got, want, (size_t)n * sizeof *got);
}

static void merges_by_rank(void **state) {
    /*                                 256   257   258    259    260  261     262 */
    static const char *const extra[] = { "bc", "ab", "abc", " a", "aa", "aaaa", "dd" };
    am_vocabulary *v = open_small(extra, 7, N_MULTILINGUAL);
    expect_tokens(v, "abc", 1, (const int32_t[]){ 258 });
    expect_tokens(v, "abcd", 2, (const int32_t[]){ 258, 'd' }); /* bc first, then a+bc */
    expect_tokens(v, "abd", 2, (const int32_t[]){ 257, 'd' });
    expect_tokens(v, " ab", 2, (const int32_t[]){ ' ', 257 }); /* ab outranks " a" */
    expect_tokens(v, "b a", 2, (const int32_t[]){ 'b', 259 }); /* the piece " a" */
    expect_tokens(v, "aaa", 2, (const int32_t[]){ 260, 'a' }); /* leftmost of equals */
    expect_tokens(v, "aaaaaaa", 3, (const int32_t[]){ 261, 260, 'a' });
    expect_tokens(v, "ddd", 2, (const int32_t[]){ 262, 'd' });
    expect_tokens(v, "", 0, NULL);
    expect_tokens(v, "\xFF\xC3", 2, (const int32_t[]){ 0xFF, 0xC3 });
    int32_t few[2] = { -1, -1 };
    int n;
    assert_int_equal(am_vocabulary_encode(v, "abd", few, 1, &n), AM_E_LIMIT);
    assert_int_equal(n, 2);
    assert_int_equal(few[0], 257);
    assert_int_equal(few[1], -1);
    am_vocabulary_close(&v);
}

/* The same merges by trying all neighbours again after each, on pieces short and long enough for either memory. */
static int merge_slowly(const am_vocabulary *v, const char *text, int32_t *tokens) {
    size_t starts[600], n = strlen(text);
    for (size_t i = 0; i <= n; i++) starts[i] = i;
    for (;;) {
        int32_t best = INT32_MAX;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++)
            for (int32_t t = 0; t < 300 && t < best; t++) {
                size_t len;
                const char *bytes = am_vocabulary_bytes(v, t, &len);
                if (len && len == starts[i + 2] - starts[i] && memcmp(bytes, text + starts[i], len) == 0)
                    best = t, at = i;
            }
        if (best == INT32_MAX) break;
        memmove(&starts[at + 1], &starts[at + 2], (n - at - 1) * sizeof starts[0]);
        n--;
    }
    for (size_t i = 0; i < n; i++)
        for (int32_t t = 0; t < 300; t++) {
            size_t len;
            const char *bytes = am_vocabulary_bytes(v, t, &len);
            if (len == starts[i + 1] - starts[i] && memcmp(bytes, text + starts[i], len) == 0) {
                tokens[i] = t;
                break;
            }
        }
    return (int)n;
}

static void merges_as_the_simple_way(void **state) {
    static const char *const extra[] = { "aa",   "ba",   "ab",   "bb",     "aba",  "aab",   "bba",
                                         "abab", "bbbb", "aaba", "ababab", "baab", "aabaab" };
    am_vocabulary *v = open_small(extra, 13, N_MULTILINGUAL);
    uint32_t random = 1;
    for (int round = 0; round < 120; round++) {
        char text[600];
        int len = 1 + round * round % 500;
        for (int i = 0; i < len; i++) {
            random = random * 1664525u + 1013904223u;
            text[i] = random >> 24 & 1 ? 'a' : 'b';
        }
        text[len] = '\0';
        int32_t want[600], got[600];
        int n_want = merge_slowly(v, text, want), n;
        assert_int_equal(am_vocabulary_encode(v, text, got, 600, &n), AM_OK);
        assert_int_equal(n, n_want);
        assert_memory_equal(got, want, (size_t)n * sizeof *got);
    }
    am_vocabulary_close(&v);
}

/* Half a million bytes that are one piece, or one piece each: hours if anything were quadratic. */
static void hostile_text_takes_linear_time(void **state) {
    static const char *const extra[] = { "aa", "aaaa", "aaaaaaaa", "  ", "    " };
    am_vocabulary *v = open_small(extra, 5, N_MULTILINGUAL);
    enum { LEN = 500000 };
    char *text = malloc(LEN + 1);
    static const char *const units[] = { "a", " ", "\n", " \n", "'", "' ", "\xFF", "\xE3\x80\x80", "!a" };
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        size_t unit = strlen(units[u]), len = LEN / unit * unit;
        for (size_t i = 0; i < len; i++) text[i] = units[u][i % unit];
        text[len] = '\0';
        int n;
        assert_int_equal(am_vocabulary_encode(v, text, NULL, 0, &n), AM_E_LIMIT);
        assert_true(n > 0 && n <= LEN);
    }
    free(text);
    am_vocabulary_close(&v);
}

static void decodes_broken_characters(void **state) {
    am_vocabulary *v = open_small(NULL, 0, N_MULTILINGUAL);
    am_buf out;
    am_buf_init(&out, 100);
    am_buf_add_str(&out, "<");
    /* An euro sign over three tokens with a timestamp between, then one cut short, then a lone byte. */
    const int32_t tokens[] = { 50364, 0xE2, 0x82, 50400, 0xAC, 0xE2, 0x82, 'x', 0x80, 50257, -1, 51865, INT32_MAX };
    assert_int_equal(am_vocabulary_decode(v, tokens, sizeof tokens / sizeof tokens[0], &out), AM_OK);
    assert_string_equal(out.data, "<\xE2\x82\xAC\xEF\xBF\xBDx\xEF\xBF\xBD");
    am_buf_free(&out);
    am_buf_init(&out, 5);
    assert_int_equal(am_vocabulary_decode(v, (const int32_t[]){ 'a', 'b', 0xFF }, 3, &out), AM_OK);
    assert_int_equal(out.len, 5);
    assert_int_equal(am_vocabulary_decode(v, (const int32_t[]){ 'c' }, 1, &out), AM_E_LIMIT);
    assert_string_equal(out.data, "ab\xEF\xBF\xBD");
    am_buf_free(&out);
    am_vocabulary_close(&v);
}

static void bytes_of_tokens(void **state) {
    am_vocabulary *v = open_small((const char *const[]){ "word" }, 1, N_MULTILINGUAL);
    size_t len;
    assert_memory_equal(am_vocabulary_bytes(v, 256, &len), "word", 4);
    assert_int_equal(len, 4);
    static const int32_t none[] = { -1, 257, 50257, 50364, 51864, 51865, INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_non_null(am_vocabulary_bytes(v, none[i], &len));
        assert_int_equal(len, 0);
    }
    am_vocabulary_close(&v);
}

/* Where the pattern cuts; the bars are Python's, `regex.findall` with the pattern in split.c; for the
 * one text that is not UTF-8 they are our own rule. */
static void splits(void **state) {
    static const char *const pieces[] = {
        "Hello| world",  " | leading",   "a|  | b",        "it|'s| don|'t", "''|s",  "we|'re|x|'ll|y", " '|s",
        "x|1|y",         " 12|.|5",      "a|\n|b",         "a| \n| b",      "a|   ", "\xC2\xA0|x",     "\xC2\xA0| x",
        "caf\xC3\xA9|!", "e|\xCC\x81|a", "\xE6\xBC\xA2|1", "IT|'|S",        "_|a|_", " | \xFF|a",
    };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        char text[64], got[64];
        size_t len = 0, n_got = 0;
        for (const char *c = pieces[i]; *c; c++)
            if (*c != '|') text[len++] = *c;
        for (size_t at = 0, n; at < len; at += n) {
            n = am_split_next(text + at, len - at);
            if (at) got[n_got++] = '|';
            memcpy(got + n_got, text + at, n);
            n_got += n;
        }
        got[n_got] = '\0';
        assert_string_equal(got, pieces[i]);
    }
}

static void classes_of_code_points(void **state) {
    static const struct {
        uint32_t c;
        am_unicode_class class;
    } want[] = {
        { 0, AM_UNICODE_OTHER },        { '@', AM_UNICODE_OTHER },        { 'A', AM_UNICODE_LETTER },
        { 'z', AM_UNICODE_LETTER },     { '{', AM_UNICODE_OTHER },        { '[', AM_UNICODE_OTHER },
        { '0', AM_UNICODE_NUMBER },     { ':', AM_UNICODE_OTHER },        { '\t', AM_UNICODE_SPACE },
        { 0x1C, AM_UNICODE_OTHER },     { 0x85, AM_UNICODE_SPACE },       { 0xA0, AM_UNICODE_SPACE },
        { 0xAA, AM_UNICODE_LETTER },    { 0xB2, AM_UNICODE_NUMBER },      { 0xD7, AM_UNICODE_OTHER },
        { 0x301, AM_UNICODE_OTHER },    { 0x660, AM_UNICODE_NUMBER },     { 0x2028, AM_UNICODE_SPACE },
        { 0x200B, AM_UNICODE_OTHER },   { 0x2167, AM_UNICODE_NUMBER },    { 0x3000, AM_UNICODE_SPACE },
        { 0x4E00, AM_UNICODE_LETTER },  { 0x9FFF, AM_UNICODE_LETTER },    { 0xAC00, AM_UNICODE_LETTER },
        { 0x1F600, AM_UNICODE_OTHER },  { 0x20BB7, AM_UNICODE_LETTER },   { 0x10FFFF, AM_UNICODE_OTHER },
        { 0x110000, AM_UNICODE_OTHER }, { UINT32_MAX, AM_UNICODE_OTHER },
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_int_equal(am_unicode_class_of(want[i].c), want[i].class);
}

static void languages(void **state) {
    const char *code, *name;
    assert_int_equal(am_language_get(0, &code, &name), AM_OK);
    assert_string_equal(code, "en");
    assert_string_equal(name, "english");
    assert_int_equal(am_language_get(99, &code, &name), AM_OK);
    assert_string_equal(code, "yue");
    assert_int_equal(am_language_get(100, &code, &name), AM_E_END);
    assert_int_equal(am_language_find("su"), 98);
    assert_int_equal(am_language_find("DE"), 2);
    assert_int_equal(am_language_find("German"), 2);
    assert_int_equal(am_language_find("Haitian Creole"), am_language_find("haitian"));
    assert_int_equal(am_language_find("castilian"), 3);
    static const char *const unknown[] = { "", "e", "eng", "english ", "klingon" };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) assert_int_equal(am_language_find(unknown[i]), -1);
    assert_int_equal(am_language_find(NULL), -1);
    for (int i = 0; i < AM_N_LANGUAGES; i++) {
        assert_int_equal(am_language_find(am_language_code(i)), i);
        assert_int_equal(am_language_find(am_language_name(i)), i);
    }
    assert_null(am_language_code(-1));
    assert_null(am_language_name(100));
}

/* The order of the languages is the order of their tokens in the model's own vocabulary. */
static void languages_are_in_the_order_of_the_tokens(void **state) {
    const char *folder = am_test_model_path();
    if (!folder) skip();
    am_buf text = read_file(folder, "vocabulary.txt");
    char *line = text.data;
    for (int i = 0; i < 50259; i++) line = strchr(line, '\n') + 1;
    for (int i = 0; i < 99; i++) {
        char want[16];
        snprintf(want, sizeof want, "<|%s|>\n", am_language_code(i));
        assert_int_equal(strncmp(line, want, strlen(want)), 0);
        line = strchr(line, '\n') + 1;
    }
    assert_int_equal(strncmp(line, "<|translate|>", 13), 0);
    am_buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_as_tokenizers),
        cmocka_unit_test(suppresses_as_the_model_says),
        cmocka_unit_test(special_tokens),
        cmocka_unit_test(refuses_other_vocabularies),
        cmocka_unit_test(merges_by_rank),
        cmocka_unit_test(merges_as_the_simple_way),
        cmocka_unit_test(hostile_text_takes_linear_time),
        cmocka_unit_test(decodes_broken_characters),
        cmocka_unit_test(bytes_of_tokens),
        cmocka_unit_test(splits),
        cmocka_unit_test(classes_of_code_points),
        cmocka_unit_test(languages),
        cmocka_unit_test(languages_are_in_the_order_of_the_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
