/* The native container: what goes in comes out, byte for byte; no truncation and no flipped bit gets through; headers
 * that are whole but lie are refused with a sentence that says where.  The checksum is written here a second time, after
 * docs/MODEL.md, so that hostile files can be sealed and the page stays true.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/slots.h"
#include "support/model_writer.h"
#include "support/temp_folder.h"

static const am_dims tiny = { .n_mels = 80,
                              .n_vocab = 50,
                              .n_audio_ctx = 3,
                              .n_audio_state = 16,
                              .n_audio_head = 2,
                              .n_audio_layer = 1,
                              .n_text_ctx = 4,
                              .n_text_state = 8,
                              .n_text_head = 1,
                              .n_text_layer = 1 };

static const am_source_identity identity = { "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" };

static char folder[TEMP_PATH_CAP], path[TEMP_PATH_CAP];
static am_pool *pool;
static am_quantized *made;
static unsigned char *file; /* the container of `made` */
static size_t file_len;

static int set_up(void **state) {
    char source[TEMP_PATH_CAP];
    am_weights *w;
    am_error err = { 0 };
    temp_folder_make(folder);
    temp_path(source, folder, "source");
    assert_int_equal(mkdir(source, 0777), 0);
    am_weights *random = mw_model_make(&tiny, 9);
    mw_write_ctranslate2(random, source, MW_F16);
    mw_model_free(random);
    assert_int_equal(am_pool_open(&pool, 2, NULL), AM_OK);
    if (am_weights_open(&w, source, NULL, &err) != AM_OK) fail_msg("%s", err.text);
    assert_int_equal(am_quantized_make(&made, w, pool, &err), AM_OK);
    am_weights_close(&w);
    temp_path(path, folder, "model.am");
    if (am_container_write(made, &identity, path, &err) != AM_OK) fail_msg("%s", err.text);
    file = (unsigned char *)temp_file_read(path, &file_len);
    return 0;
}

static int tear_down(void **state) {
    am_quantized_close(&made);
    am_pool_close(&pool);
    free(file);
    temp_folder_remove(folder);
    return 0;
}

/* ---- round trip --------------------------------------------------------------------------------------------- */

typedef struct listing {
    am_slot slots[256];
    int n;
} listing;

static am_status list_slot(void *arg, const am_slot *slot) {
    listing *l = arg;
    assert_true(l->n < 256);
    l->slots[l->n++] = *slot;
    return AM_OK;
}

static void test_round_trip(void **state) {
    am_quantized *q;
    am_source_identity source;
    am_error err = { 0 };
    if (am_container_open(&q, path, pool, &source, &err) != AM_OK) fail_msg("%s", err.text);
    assert_string_equal(source.hex, identity.hex);
    assert_string_equal(q->format, "ctranslate2");
    assert_memory_equal(&q->dims, &made->dims, sizeof q->dims);
    assert_int_equal(q->n_bytes, file_len);
    assert_int_equal(q->n_suppress, made->n_suppress);
    assert_int_equal(q->n_suppress_begin, made->n_suppress_begin);
    assert_int_equal(q->n_alignment_heads, made->n_alignment_heads);
    assert_int_equal(q->vocab.n_tokens, 50);
    static listing a, b;
    a.n = b.n = 0;
    uint64_t n_vocab_bytes = made->vocab.offset[50];
    assert_int_equal(am_slots_walk(made, n_vocab_bytes, list_slot, &a), AM_OK);
    assert_int_equal(am_slots_walk(q, n_vocab_bytes, list_slot, &b), AM_OK);
    assert_true(a.n == b.n && a.n > 60);
    for (int i = 0; i < a.n; i++) {
        assert_string_equal(a.slots[i].name, b.slots[i].name);
        assert_int_equal(a.slots[i].type, b.slots[i].type);
        assert_int_equal(a.slots[i].n_bytes, b.slots[i].n_bytes);
        const void *got = am_slot_get(&b.slots[i]);
        assert_true((uintptr_t)got % 64 == 0);
        if (a.slots[i].n_bytes) assert_memory_equal(am_slot_get(&a.slots[i]), got, (size_t)a.slots[i].n_bytes);
    }
    am_quantized_close(&q);
    assert_true(am_container_is(path));
}

/* Released rows come back; rows in memory are not touched by it. */
static void test_release(void **state) {
    am_quantized *q;
    assert_int_equal(am_container_open(&q, path, pool, NULL, NULL), AM_OK);
    size_t n_bytes = (size_t)q->token_rows.n * (size_t)q->token_rows.k * 2;
    am_quantized_release_rows(q, &q->token_rows);
    am_quantized_release_rows(made, &made->token_rows);
    assert_memory_equal(q->token_rows.data, made->token_rows.data, n_bytes);
    assert_int_equal(((const char *)q->token_rows.data)[n_bytes - 1],
                     ((const char *)made->token_rows.data)[n_bytes - 1]);
    am_quantized_close(&q);
}

/* ---- damage ------------------------------------------------------------------------------------------------- */

static char spoiled[TEMP_PATH_CAP];

static void put_file(const void *bytes, size_t len) {
    temp_file_write(temp_path(spoiled, folder, "spoiled.am"), bytes, len);
}

static void expect_refused(const char *what, size_t where) {
    am_quantized *q;
    am_error err = { 0 };
    am_status status = am_container_open(&q, spoiled, pool, NULL, &err);
    if (status != AM_E_MODEL) fail_msg("%s %zu: %s \"%s\"", what, where, am_status_name(status), err.text);
    assert_null(q);
    assert_non_null(strstr(err.text, "spoiled.am"));
}

static void test_truncation(void **state) {
    put_file(file, file_len);
    for (size_t len = file_len; len-- > 0; len -= len > 300 && len < file_len - 70 ? 36 : 0) {
        assert_int_equal(truncate(spoiled, (off_t)len), 0);
        expect_refused("cut to", len);
    }
    put_file(file, file_len);
    FILE *f = fopen(spoiled, "ab");
    fputc(0, f);
    fclose(f);
    expect_refused("longer than", file_len);
}

static void poke(size_t at, unsigned char byte) {
    int fd = open(spoiled, O_WRONLY);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

/* One bit of every third byte; no byte of the file is outside of the sums. */
static void test_every_flipped_bit(void **state) {
    put_file(file, file_len);
    for (size_t at = 0; at < file_len; at += 3) {
        poke(at, file[at] ^ (unsigned char)(1u << at / 3 % 8));
        expect_refused("bit of byte", at);
        poke(at, file[at]);
    }
    am_quantized *q;
    assert_int_equal(am_container_open(&q, spoiled, pool, NULL, NULL), AM_OK);
    am_quantized_close(&q);
}

/* ---- headers that lie --------------------------------------------------------------------------------------- */

static uint64_t get(const unsigned char *p, int n) {
    uint64_t x = 0;
    for (int i = n; i-- > 0;) x = x << 8 | p[i];
    return x;
}

static void put(unsigned char *p, int n, uint64_t x) {
    for (int i = 0; i < n; i++) p[i] = (unsigned char)(x >> 8 * i);
}

static uint64_t step(uint64_t sum, uint64_t word) {
    uint64_t x = sum ^ word;
    return ((x << 29) | (x >> 35)) * UINT64_C(11400714819323198485);
}

static uint64_t chunk_sum(const unsigned char *p, size_t n) {
    uint64_t lane[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, sum = n;
    for (size_t i = 0; i < n / 8; i++) lane[i % 8] = step(lane[i % 8], get(p + 8 * i, 8));
    for (int i = 0; i < 8; i++) sum = step(sum, lane[i]);
    return sum ^ sum >> 32;
}

enum { HEADER = 256, ENTRY = 96 };

static unsigned char *entry_of(unsigned char *bytes, const char *name) {
    unsigned char *e = bytes + HEADER;
    for (uint64_t i = 0; i < get(bytes + 12, 4); i++, e += ENTRY)
        if (strcmp((char *)e, name) == 0) return e;
    fail_msg("no section %s", name);
    return NULL;
}

static unsigned char *section_of(unsigned char *bytes, const char *name) {
    return bytes + get(entry_of(bytes, name) + 64, 8);
}

/* All sums anew, as somebody who wrote the file on purpose would do.  Sections of this file have one chunk. */
static void seal(unsigned char *bytes, size_t len) {
    uint64_t n = get(file + 12, 4);
    for (uint64_t i = 0; i < n; i++) {
        unsigned char *e = bytes + HEADER + i * ENTRY;
        uint64_t at = get(file + HEADER + i * ENTRY + 64, 8), size = get(file + HEADER + i * ENTRY + 72, 8);
        size = (size + 63) / 64 * 64;
        uint64_t sum = size ? step(size, chunk_sum(bytes + at, size)) : 0;
        put(e + 80, 8, sum ^ sum >> 32);
    }
    put(bytes + 24, 8, 0);
    put(bytes + 24, 8, chunk_sum(bytes, (HEADER + n * ENTRY + 63) / 64 * 64));
}

static unsigned char *copy_file(void) {
    unsigned char *bytes = malloc(file_len);
    assert_non_null(bytes);
    memcpy(bytes, file, file_len);
    return bytes;
}

/* The sums of the page are those of the program. */
static void test_sums(void **state) {
    unsigned char *bytes = copy_file();
    seal(bytes, file_len);
    assert_memory_equal(bytes, file, file_len);
    free(bytes);
}

/* A change of whole blocks that keeps their number and content. */
static void test_swapped_blocks(void **state) {
    unsigned char *bytes = copy_file(), *p = section_of(bytes, "token_embedding.weight"), block[64];
    for (int i = 1; i < 4; i++) {
        memcpy(block, p, 64);
        memmove(p, p + 64 * i, 64);
        memcpy(p + 64 * i, block, 64);
        put_file(bytes, file_len);
        expect_refused("blocks swapped", (size_t)i);
        memcpy(bytes, file, file_len);
    }
    free(bytes);
}

typedef struct lie {
    const char *section; /* NULL: of the header; "name" with a '#' before it: of its entry in the table */
    size_t at;
    int n_bytes;
    uint64_t value;
    const char *sentence;
} lie;

static const lie lies[] = {
    { NULL, 8, 4, 2, "version 2; this program reads version 1: a newer one wrote it" },
    { NULL, 8, 4, 0, "version 0" },
    { NULL, 12, 4, 0xffffffff, "4294967295 sections" },
    { NULL, 12, 4, 0, "checksum" },
    { NULL, 16, 8, 1, "says 1" },
    { NULL, 32, 4, 81, "81 mel bands" },
    { NULL, 36, 4, 0xffffffff, "tokens: -1" },
    { NULL, 36, 4, 1 << 21, "tokens: 2097152" },
    { NULL, 36, 4, 51, "token_embedding" },
    { NULL, 40, 4, 1 << 30, "audio positions" },
    { NULL, 44, 4, 32, "conv1.weight is 16 x 240" },
    { NULL, 48, 4, 0, "audio heads: 0" },
    { NULL, 48, 4, 5, "audio state 16 in 5 heads" },
    { NULL, 52, 4, 2, "with 2 + 1 layers" },
    { NULL, 68, 4, 256, "with 1 + 256 layers" },
    { NULL, 72, 4, 0xffffffff, "a list without end" },
    { NULL, 72, 4, 0x7fffffff, "section suppress" },
    { NULL, 84, 4, 0, "section conv1.weight" },
    { NULL, 88, 4, 0xffffffff, "section vocabulary.bytes" },
    { NULL, 96, 1, 'x', "a format that is not known" },
    { NULL, 112, 1, 'x', "made from" },
    { NULL, 176, 1, 'S', "S8 symmetric" },
    { "#conv1.bias", 0, 1, 'C', "\"Conv1.bias\"; it must be conv1.bias" },
    { "#conv1.bias", 39, 1, 'C', "must be conv1.bias" },
    { "#conv1.bias", 40, 4, 3, "type 3" },
    { "#conv1.bias", 48, 8, 2, "2 x 16" },
    { "#conv1.bias", 56, 8, UINT64_MAX, "18446744073709551615" },
    { "#conv1.bias", 64, 8, UINT64_MAX - 63, "offset 18446744073709551552" },
    { "#conv1.bias", 64, 8, 0, "offset 0" },
    { "#conv1.bias", 72, 8, UINT64_MAX, "18446744073709551615 bytes" },
    { "conv1.bias", 4, 4, 0x7fc00000, "section conv1.bias (1 x 16 at offset" },
    { "text_positions", 0, 4, 0xff800000, "not finite" },
    { "encoder.0.qkv.scale", 8, 4, 0xbf800000, "encoder.0.qkv.scale" },
    { "token_rows", 6, 2, 0x7c00, "token_rows" },
    { "vocabulary.offsets", 4, 4, 0xffffffff, "token 1" },
    { "vocabulary.offsets", 0, 4, 1, "token 0" },
    { "suppress", 0, 4, 50, "token 50" },
    { "suppress_begin", 0, 4, 0xffffffff, "token -1" },
    { "alignment_heads", 0, 4, 1, "alignment head [1, " },
};

static void test_lies(void **state) {
    unsigned char *bytes = copy_file();
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        const lie *l = &lies[i];
        unsigned char *at = !l->section            ? bytes
                            : l->section[0] == '#' ? entry_of(bytes, l->section + 1)
                                                   : section_of(bytes, l->section);
        put(at + l->at, l->n_bytes, l->value);
        seal(bytes, file_len);
        put_file(bytes, file_len);
        am_quantized *q;
        am_error err = { 0 };
        am_status status = am_container_open(&q, spoiled, pool, NULL, &err);
        if (status != AM_E_MODEL || !strstr(err.text, l->sentence) || !strstr(err.text, "spoiled.am"))
            fail_msg("lie %zu (\"%s\"): %s \"%s\"", i, l->sentence, am_status_name(status), err.text);
        assert_null(q);
        memcpy(bytes, file, file_len);
    }
    free(bytes);
}

static void test_other_files(void **state) {
    am_quantized *q;
    am_error err = { 0 };
    char name[TEMP_PATH_CAP];
    assert_int_equal(am_container_open(&q, temp_path(name, folder, "nothing.am"), pool, NULL, &err), AM_E_OPEN);
    assert_non_null(strstr(err.text, "nothing.am"));
    assert_int_equal(am_container_open(&q, folder, pool, NULL, &err), AM_E_OPEN);
    assert_false(am_container_is(name));
    assert_false(am_container_is(folder));
    put_file("\211AMN", 4);
    assert_false(am_container_is(spoiled));
    expect_refused("four bytes", 4);
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static int n_files(void) {
    char command[TEMP_PATH_CAP + 32];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *f = popen(command, "r");
    int n = -1;
    assert_int_equal(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

static void test_unwritable(void **state) {
    char name[TEMP_PATH_CAP];
    am_error err = { 0 };
    assert_int_equal(am_container_write(made, &identity, temp_path(name, folder, "no/model.am"), &err), AM_E_IO);
    assert_non_null(strstr(err.text, "no/model.am"));
    temp_path(name, folder, "taken.am");
    assert_int_equal(mkdir(name, 0777), 0);
    int before = n_files();
    assert_int_equal(am_container_write(made, &identity, name, &err), AM_E_IO);
    assert_int_equal(n_files(), before);
    rmdir(name);
}

/* A limit on the size of files stands in for a full disk: write(2) fails in the middle either way. */
static void test_full_disk(void **state) {
    char name[TEMP_PATH_CAP];
    struct rlimit old;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    temp_path(name, folder, "big.am");
    int before = n_files();
    for (size_t limit = 0; limit < file_len; limit += file_len / 5) {
        struct rlimit small = { limit, old.rlim_max };
        am_error err = { 0 };
        setrlimit(RLIMIT_FSIZE, &small);
        am_status status = am_container_write(made, &identity, name, &err);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(status, AM_E_IO);
        assert_non_null(strstr(err.text, "big.am"));
        assert_int_equal(n_files(), before);
    }
    signal(SIGXFSZ, handler);
}

static void *write_often(void *arg) {
    for (int i = 0; i < 20; i++)
        if (am_container_write(made, &identity, arg, NULL) != AM_OK) return arg;
    return NULL;
}

/* Writers of one name at once, and a reader that never sees anything but a whole file. */
static void test_writers_at_once(void **state) {
    char name[TEMP_PATH_CAP];
    pthread_t threads[3];
    temp_path(name, folder, "model.am");
    int before = n_files();
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, write_often, name), 0);
    for (int i = 0; i < 40; i++) {
        am_quantized *q;
        am_error err = { 0 };
        if (am_container_open(&q, name, pool, NULL, &err) != AM_OK) fail_msg("%s", err.text);
        am_quantized_close(&q);
    }
    for (int i = 0; i < 3; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(n_files(), before);
    size_t len;
    char *again = temp_file_read(name, &len);
    assert_true(len == file_len && memcmp(again, file, len) == 0);
    free(again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_every_flipped_bit),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_swapped_blocks),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_writers_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
