/* SHA-256 against the examples of FIPS 180-4 and NIST's test vectors, in one piece and in every split.
 *
 * SPDX-License-Identifier: MIT */
#include "base/sha256.h"

#include <string.h>

#include "support/check.h"

static void is_hash(const void *bytes, size_t len, const char *want) {
    char hex[65];
    am_sha256 s;
    am_sha256_init(&s);
    am_sha256_add(&s, bytes, len);
    am_sha256_hex(&s, hex);
    assert_string_equal(hex, want);
}

static void test_examples(void **state) {
    static const struct {
        const char *text, *hash;
    } cases[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopq"
          "rstu",
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        is_hash(cases[i].text, strlen(cases[i].text), cases[i].hash);
}

/* NIST's additional vectors: lengths around the padding, and a million letters. */
static void test_lengths(void **state) {
    static const unsigned char zeros[64];
    is_hash(zeros, 55, "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7");
    is_hash(zeros, 56, "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb");
    is_hash(zeros, 57, "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785");
    is_hash(zeros, 64, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b");
    am_sha256 s;
    am_sha256_init(&s);
    char letters[1000], hex[65];
    memset(letters, 'a', sizeof letters);
    for (int i = 0; i < 1000; i++) am_sha256_add(&s, letters, sizeof letters);
    am_sha256_hex(&s, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_splits(void **state) {
    char text[150], want[65], hex[65];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7);
    am_sha256 s;
    am_sha256_init(&s);
    am_sha256_add(&s, text, sizeof text);
    am_sha256_hex(&s, want);
    for (size_t a = 0; a <= sizeof text; a++)
        for (size_t b = a; b <= sizeof text; b += 13) {
            am_sha256_init(&s);
            am_sha256_add(&s, text, a);
            am_sha256_add(&s, text + a, b - a);
            am_sha256_add(&s, text + b, sizeof text - b);
            am_sha256_hex(&s, hex);
            assert_string_equal(hex, want);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
