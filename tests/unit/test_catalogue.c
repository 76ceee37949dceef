/* The catalogue and the cache on disk, without a network.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amanuensis.h"
#include "model/catalogue.h"
#include "support/check.h"
#include "support/temp_folder.h"

static void test_entries(void **state) {
    am_catalog_entry e = { .struct_size = sizeof e };
    int n_default = 0, n_pinned = 0;
    size_t n = 0;
    for (; am_catalog_get(n, &e) == AM_OK; n++) {
        assert_int_equal(e.struct_size, sizeof e);
        assert_true(strlen(e.name) && strlen(e.description) && strchr(e.repository, '/'));
        n_default += e.is_default;
        n_pinned += e.sha256 != NULL;
        if (e.sha256) {
            assert_int_equal(strlen(e.sha256), 64);
            assert_int_equal(strspn(e.sha256, "0123456789abcdef"), 64);
        }
        assert_int_equal(e.sha256 != NULL, e.n_bytes != 0);
        am_catalog_entry before = { .struct_size = sizeof before };
        for (size_t i = 0; i < n; i++) {
            am_catalog_get(i, &before);
            assert_string_not_equal(before.name, e.name);
        }
        if (!e.is_default) continue;
        assert_string_equal(e.name, "base");
        assert_string_equal(e.repository, "Systran/faster-whisper-base");
        assert_string_equal(e.sha256, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9");
        assert_true(e.n_bytes == 145217532);
    }
    assert_true(n >= 14);
    assert_int_equal(n_default, 1);
    assert_int_equal(n_pinned, 1);
    assert_int_equal(am_catalog_get(n, &e), AM_E_END);
    assert_int_equal(am_catalog_get((size_t)-1, &e), AM_E_END);
    assert_int_equal(am_catalog_get(0, NULL), AM_E_ARG);
}

/* A caller that was compiled when the struct was shorter. */
static void test_short_entry(void **state) {
    union {
        am_catalog_entry e;
        char bytes[sizeof(am_catalog_entry)];
    } u;
    memset(&u, 0x5a, sizeof u);
    size_t size = offsetof(am_catalog_entry, repository);
    u.e.struct_size = size;
    assert_int_equal(am_catalog_get(0, &u.e), AM_OK);
    assert_string_equal(u.e.name, "tiny");
    for (size_t i = size; i < sizeof u; i++) assert_int_equal(u.bytes[i], 0x5a);
}

static void test_find(void **state) {
    am_error err;
    assert_string_equal(am_catalog_find("turbo", &err)->name, "large-v3-turbo");
    assert_string_equal(am_catalog_find("large", &err)->name, "large-v3");
    assert_null(am_catalog_find("../base", &err));
    assert_int_equal(err.status, AM_E_ARG);
    assert_non_null(strstr(err.text, "../base"));
    assert_null(am_catalog_find(NULL, &err));
}

static void test_locate(void **state) {
    char cache[TEMP_PATH_CAP], path[TEMP_PATH_CAP], out[TEMP_PATH_CAP];
    am_error err;
    temp_folder_make(cache);
    assert_int_equal(am_model_locate("base", cache, out, sizeof out, &err), AM_E_OPEN);
    assert_non_null(strstr(err.text, "amanuensis models pull base"));
    assert_int_equal(am_model_locate("nosuch", cache, out, sizeof out, &err), AM_E_OPEN);
    assert_non_null(strstr(err.text, "nosuch: no such file"));
    assert_int_equal(am_model_locate("", cache, out, sizeof out, &err), AM_E_ARG);
    assert_int_equal(am_model_locate(cache, NULL, out, sizeof out, &err), AM_OK);
    assert_string_equal(out, cache);
    assert_int_equal(mkdir(temp_path(path, cache, "models"), 0700), 0);
    assert_int_equal(mkdir(temp_path(path, cache, "models/large-v3-turbo"), 0700), 0);
    assert_int_equal(am_model_locate("turbo", cache, out, sizeof out, &err), AM_OK);
    assert_string_equal(out, path);
    assert_int_equal(am_model_locate("turbo", cache, out, strlen(path), &err), AM_E_LIMIT);
    assert_int_equal(am_model_locate("turbo", cache, out, strlen(path) + 1, &err), AM_OK);
    temp_folder_remove(cache);
}

/* A pinned model whose files are not there, of the wrong size, of the wrong bytes. */
static void test_verify_and_remove(void **state) {
    char cache[TEMP_PATH_CAP], path[TEMP_PATH_CAP];
    am_error err;
    temp_folder_make(cache);
    assert_int_equal(am_model_verify("base", cache, &err), AM_E_OPEN);
    assert_int_equal(am_model_verify("bass", cache, &err), AM_E_ARG);
    assert_int_equal(am_model_verify("base", NULL, &err), AM_E_ARG);
    assert_int_equal(am_model_remove("base", cache, &err), AM_E_OPEN);
    mkdir(temp_path(path, cache, "models"), 0700);
    mkdir(temp_path(path, cache, "models/base"), 0700);
    assert_int_equal(am_model_verify("base", cache, &err), AM_E_OPEN);
    assert_non_null(strstr(err.text, "config.json"));
    temp_file_write(temp_path(path, cache, "models/base/config.json"), "{}", 2);
    assert_int_equal(am_model_verify("base", cache, &err), AM_E_CHECKSUM);
    assert_non_null(strstr(err.text, "2 bytes"));
    assert_non_null(strstr(err.text, "expected 2309"));
    assert_int_equal(access(path, F_OK), 0); /* looking removes nothing */
    mkdir(temp_path(path, cache, "models/.base.partial"), 0700);
    assert_int_equal(am_model_remove("base", cache, &err), AM_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(temp_path(path, cache, "models/base"), F_OK), -1);
    assert_int_equal(access(temp_path(path, cache, "models"), F_OK), 0);
    temp_folder_remove(cache);
}

/* An unpinned model is held against what was recorded when it came. */
static void test_stamp(void **state) {
    static const am_catalog_file files[] = { { .name = "vocabulary.txt", .or_else = "vocabulary.json" },
                                             { .name = "model.bin" },
                                             { .name = NULL } };
    static const am_catalog_model model = { "x", "", "a/x", files, NULL, false };
    const am_progress silent = { 0 };
    char folder[TEMP_PATH_CAP], path[TEMP_PATH_CAP];
    am_error err;
    temp_folder_make(folder);
    temp_file_write(temp_path(path, folder, "vocabulary.json"), "[]", 2);
    temp_file_write(temp_path(path, folder, "model.bin"), "12345", 5);
    assert_false(am_cache_is_whole(&model, folder));
    assert_int_equal(am_cache_check(&model, folder, false, true, &silent, &err), AM_OK);
    assert_true(am_cache_is_whole(&model, folder));
    size_t len;
    char *stamp = temp_file_read(temp_path(path, folder, ".verified"), &len);
    /* sha256 of "12345", from any other tool */
    assert_non_null(strstr(stamp, "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5 5 model.bin\n"));
    free(stamp);
    temp_file_write(temp_path(path, folder, "model.bin"), "12346", 5);
    assert_int_equal(am_cache_check(&model, folder, false, false, &silent, &err), AM_E_CHECKSUM);
    assert_true(am_cache_is_whole(&model, folder)); /* same size: only reading it tells */
    temp_file_write(path, "1234", 4);
    assert_false(am_cache_is_whole(&model, folder));
    temp_folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries), cmocka_unit_test(test_short_entry), cmocka_unit_test(test_find),
        cmocka_unit_test(test_locate),  cmocka_unit_test(test_stamp),       cmocka_unit_test(test_verify_and_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
