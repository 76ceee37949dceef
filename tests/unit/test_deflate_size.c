/* The size of a text as zlib.compress() makes it, to the byte: against goldens of Python's zlib for generated texts of
 * eight kinds, in length from 0 to the limit, and mathematics for what is beyond it.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "text/deflate_size.h"

/* The same list as in data/make_deflate_golden.py. */
static const char word_list[] =
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about out "
    "many then them these so some her would make like him into time has look two more write go see number no way "
    "could people my than first water been call who oil its now find long down day did get come made may part "
    "große größer où être niño año привет мир это слово 你好 世界 ありがとう ございます";

static uint32_t state_of_random;

static uint32_t below(uint32_t n) {
    state_of_random = state_of_random * 1664525u + 1013904223u;
    return (state_of_random >> 8) % n;
}

/* Word number `index` and the space behind it. */
static void add_word(am_buf *out, uint32_t index) {
    const char *word = word_list;
    for (; index; index--) word = strchr(word, ' ') + 1;
    am_buf_add(out, word, strcspn(word, " "));
    am_buf_add_char(out, ' ');
}

static uint32_t count_words(void) {
    uint32_t n = 1;
    for (const char *c = word_list; *c; c++) n += *c == ' ';
    return n;
}

static void single_letter(am_buf *out, size_t n) {
    char letter = (char)(97 + state_of_random % 26);
    while (out->len < n) am_buf_add_char(out, letter);
}

static void random_bytes(am_buf *out, size_t n) {
    while (out->len < n) am_buf_add_char(out, (char)below(256));
}

static void few_letters(am_buf *out, size_t n) {
    uint32_t k = 2 + state_of_random % 60;
    while (out->len < n) am_buf_add_char(out, (char)(33 + below(k)));
}

static void words(am_buf *out, size_t n) {
    uint32_t n_words = count_words();
    while (out->len < n) add_word(out, below(n_words));
}

static void loop(am_buf *out, size_t n) {
    am_buf phrase;
    am_buf_init(&phrase, 1000);
    words(&phrase, 3 + below(120));
    while (out->len < n) am_buf_add(out, phrase.data, phrase.len);
    am_buf_free(&phrase);
}

static void skewed(am_buf *out, size_t n) {
    while (out->len < n) {
        int k = 0;
        while (k < 40 && below(2)) k++;
        am_buf_add_char(out, (char)(65 + k));
    }
}

static void chunks(am_buf *out, size_t n) {
    am_buf_add_str(out, "abc");
    while (out->len < n) {
        if (below(3) == 0) {
            am_buf_add_char(out, (char)below(256));
            continue;
        }
        uint32_t start = below((uint32_t)out->len), length = 3 + below(1 + below(400));
        for (uint32_t i = 0; i < length; i++) am_buf_add_char(out, out->data[start + i]);
    }
}

static void hash_twins(am_buf *out, size_t n) {
    while (out->len < n) {
        uint32_t a = below(32);
        am_buf_add_char(out, (char)(64 + (a & 7)));
        am_buf_add_char(out, (char)(below(4) << 5 ^ (a * 3 & 31)));
        am_buf_add_char(out, (char)below(256));
    }
}

static void as_python(void **state) {
    static void (*const kinds[])(am_buf *, size_t) = { single_letter, random_bytes, few_letters, words,
                                                       loop,          skewed,       chunks,      hash_twins };
    FILE *f = fopen(AM_TEST_DATA "/unit/data/deflate_golden.txt", "r");
    assert_non_null(f);
    unsigned kind, seed;
    size_t length, size, n_lines = 0, n_wrong = 0;
    am_buf text;
    am_buf_init(&text, 1 << 17);
    while (fscanf(f, "%u %u %zu %zu", &kind, &seed, &length, &size) == 4) {
        am_buf_clear(&text);
        state_of_random = seed;
        kinds[kind](&text, length);
        size_t got = am_deflate_size(text.data ? text.data : "", length);
        if (got != size) print_error("kind %u seed %u length %zu: %zu, not %zu\n", kind, seed, length, got, size);
        n_wrong += got != size;
        n_lines++;
    }
    am_buf_free(&text);
    fclose(f);
    assert_int_equal(n_wrong, 0);
    assert_true(n_lines > 700);
}

static void ratio(void **state) {
    assert_true(am_compression_ratio("", 0) == 0);
    assert_true(am_compression_ratio(NULL, 0) == 0);
    char text[600];
    memset(text, 'a', sizeof text);
    /* len(zlib.compress(b"a" * 600)) == 15 */
    assert_true(am_compression_ratio(text, sizeof text) == 40.0f);
}

static void looks_at_the_first_32768_bytes_only(void **state) {
    enum { LEN = AM_DEFLATE_MAX + 5000 };
    char *text = malloc(LEN);
    for (size_t i = 0; i < LEN; i++) text[i] = (char)('a' + i * i % 23);
    size_t size = am_deflate_size(text, AM_DEFLATE_MAX);
    assert_int_equal(am_deflate_size(text, LEN), size);
    assert_true(am_compression_ratio(text, LEN) == (float)((double)AM_DEFLATE_MAX / (double)size));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_python),
        cmocka_unit_test(ratio),
        cmocka_unit_test(looks_at_the_first_32768_bytes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
