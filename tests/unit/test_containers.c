/* The folder of converted models: made once, found again, made anew when it is damaged or its model has changed, and
 * never a reason for a good model not to open.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/containers.h"
#include "support/model_writer.h"
#include "support/small_model.h"
#include "support/temp_folder.h"

static char folder[TEMP_PATH_CAP], source[TEMP_PATH_CAP], kept[TEMP_PATH_CAP];
static am_pool *pool;
static char logged[4096];
static am_log_level worst;

static void on_log(void *cookie, am_log_level level, const char *message) {
    snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s\n", message);
    if (level < worst) worst = level;
}

static const am_logger logger = { NULL, on_log };

static void write_source(uint32_t seed) {
    const am_dims dims = am_small_dims();
    am_weights *w = mw_model_make(&dims, seed);
    mw_write_ctranslate2(w, source, MW_F16);
    mw_model_free(w);
}

static int set_up(void **state) {
    temp_folder_make(folder);
    temp_path(source, folder, "small model");
    temp_path(kept, folder, "cache/containers");
    assert_int_equal(mkdir(source, 0777), 0);
    write_source(1);
    assert_int_equal(am_pool_open(&pool, 2, NULL), AM_OK);
    return 0;
}

static int tear_down(void **state) {
    am_pool_close(&pool);
    chmod(kept, 0777);
    temp_folder_remove(folder);
    return 0;
}

static void forget_log(void) {
    logged[0] = '\0';
    worst = AM_LOG_DEBUG;
}

/* The first bytes of the token rows tell which model it is; the log whether it was converted. */
static void load(const char *path, const char *container_dir, uint16_t rows[8]) {
    am_quantized *q;
    am_error err = { 0 };
    forget_log();
    if (am_quantized_load(&q, path, container_dir, pool, &logger, &err) != AM_OK) fail_msg("%s", err.text);
    memcpy(rows, q->token_rows.data, 8 * sizeof *rows);
    am_quantized_close(&q);
}

static void place(char container[AM_PATH_CAP]) {
    assert_int_equal(am_container_place(container, kept, source, NULL), AM_OK);
}

static void flip_byte(const char *path, off_t at) {
    unsigned char byte;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0 && pread(fd, &byte, 1, at) == 1);
    byte ^= 16;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_made_once(void **state) {
    uint16_t in_memory[8], first[8], second[8];
    char container[AM_PATH_CAP];
    struct stat a, b;
    load(source, NULL, in_memory);
    assert_string_equal(logged, "");
    load(source, kept, first);
    assert_non_null(strstr(logged, "converted"));
    assert_int_equal(worst, AM_LOG_INFO);
    place(container);
    assert_non_null(strstr(container, "/containers/small_model-"));
    assert_int_equal(stat(container, &a), 0);
    load(source, kept, second);
    assert_string_equal(logged, "");
    assert_int_equal(stat(container, &b), 0);
    assert_true(a.st_ino == b.st_ino);
    assert_memory_equal(first, in_memory, sizeof first);
    assert_memory_equal(second, in_memory, sizeof second);
    load(container, kept, second); /* a container is its own model */
    assert_string_equal(logged, "");
    assert_memory_equal(second, in_memory, sizeof second);
}

static void test_damaged_is_made_again(void **state) {
    uint16_t rows[8];
    char container[AM_PATH_CAP];
    load(source, kept, rows);
    place(container);
    flip_byte(container, 100000);
    load(source, kept, rows);
    assert_non_null(strstr(logged, "is damaged"));
    assert_non_null(strstr(logged, "converted"));
    assert_int_equal(worst, AM_LOG_INFO);
    assert_int_equal(truncate(container, 1000), 0);
    load(source, kept, rows);
    assert_non_null(strstr(logged, "1000 bytes"));
    load(source, kept, rows);
    assert_string_equal(logged, "");
}

static void test_changed_model_is_converted_again(void **state) {
    uint16_t one[8], two[8];
    load(source, kept, one);
    write_source(2);
    load(source, kept, two);
    assert_non_null(strstr(logged, "has changed"));
    assert_true(memcmp(one, two, sizeof one) != 0);
    load(source, kept, one);
    assert_string_equal(logged, "");
    assert_memory_equal(one, two, sizeof one);
}

/* A size, a time to the nanosecond, a name, a side file: each alone is another source. */
static void test_identity(void **state) {
    char name[TEMP_PATH_CAP];
    am_source_identity before, after;
    struct stat st;
    assert_int_equal(am_source_identify(&before, source, NULL), AM_OK);
    assert_int_equal(am_source_identify(&after, source, NULL), AM_OK);
    assert_string_equal(before.hex, after.hex);
    assert_int_equal(strlen(before.hex), 64);
    temp_path(name, source, "model.bin");
    assert_int_equal(stat(name, &st), 0);
    struct timespec times[2] = { st.st_atim, st.st_mtim };
    times[1].tv_nsec = (times[1].tv_nsec + 1) % 1000000000;
    assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
    assert_int_equal(am_source_identify(&after, source, NULL), AM_OK);
    assert_string_not_equal(before.hex, after.hex);
    times[1] = st.st_mtim;
    assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
    assert_int_equal(am_source_identify(&after, source, NULL), AM_OK);
    assert_string_equal(before.hex, after.hex);
    temp_file_write(temp_path(name, source, "tokenizer.json"), "{}", 2);
    assert_int_equal(am_source_identify(&after, source, NULL), AM_OK);
    assert_string_not_equal(before.hex, after.hex);
    assert_int_equal(unlink(name), 0);
    temp_file_write(temp_path(name, source, "notes.txt"), "not of the model", 16);
    assert_int_equal(am_source_identify(&after, source, NULL), AM_OK);
    assert_string_equal(before.hex, after.hex);
    assert_int_equal(am_source_identify(&after, temp_path(name, source, "model.bin"), NULL), AM_OK);
    am_error err = { 0 };
    assert_int_equal(am_source_identify(&after, temp_path(name, source, "nothing"), &err), AM_E_OPEN);
    assert_non_null(strstr(err.text, "nothing"));
}

/* A file where the folder should be, so that nobody can write there, root neither. */
static void test_folder_that_takes_nothing(void **state) {
    char file[TEMP_PATH_CAP], inside[TEMP_PATH_CAP];
    uint16_t want[8], got[8];
    temp_file_write(temp_path(file, folder, "file"), "", 0);
    load(source, NULL, want);
    load(source, temp_path(inside, folder, "file/containers"), got);
    assert_non_null(strstr(logged, "the converted model is not kept"));
    assert_int_equal(worst, AM_LOG_WARNING);
    assert_memory_equal(got, want, sizeof got);
}

static void test_no_such_model(void **state) {
    char name[TEMP_PATH_CAP];
    am_quantized *q;
    am_error err = { 0 };
    assert_int_equal(am_quantized_load(&q, temp_path(name, folder, "nothing"), kept, pool, NULL, &err), AM_E_OPEN);
    assert_null(q);
    assert_non_null(strstr(err.text, "nothing"));
}

static void test_processes_at_once(void **state) {
    char container[AM_PATH_CAP];
    uint16_t want[8], got[8];
    load(source, NULL, want);
    place(container);
    unlink(container);
    pid_t children[3];
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] != 0) continue;
        am_pool *own;
        am_quantized *q;
        if (am_pool_open(&own, 1, NULL) != AM_OK) _exit(1);
        if (am_quantized_load(&q, source, kept, own, NULL, NULL) != AM_OK) _exit(2);
        _exit(memcmp(q->token_rows.data, want, sizeof want) ? 3 : 0);
    }
    for (int i = 0; i < 3; i++) {
        int code;
        assert_int_equal(waitpid(children[i], &code, 0), children[i]);
        assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    }
    load(source, kept, got);
    assert_string_equal(logged, "");
    assert_memory_equal(got, want, sizeof got);
    assert_int_equal(am_container_remove(container, NULL), AM_OK);
    assert_int_equal(rmdir(kept), 0); /* nobody has left anything */
}

/* ---- public calls ------------------------------------------------------------------------------------------- */

static void test_convert(void **state) {
    char output[TEMP_PATH_CAP], written[TEMP_PATH_CAP], found[TEMP_PATH_CAP];
    am_error err = { 0 };
    am_convert_config cfg;
    am_convert_config_init(&cfg);
    assert_int_equal(am_model_convert(&cfg, NULL, 0, &err), AM_E_ARG);
    cfg.path = source;
    cfg.n_threads = 1;
    assert_int_equal(am_model_convert(&cfg, NULL, 0, &err), AM_E_ARG);
    cfg.container_dir = kept;
    assert_int_equal(am_model_converted(source, kept, found, sizeof found, &err), AM_E_OPEN);
    assert_int_equal(am_model_convert(&cfg, written, 3, &err), AM_E_LIMIT);
    if (am_model_convert(&cfg, written, sizeof written, &err) != AM_OK) fail_msg("%s", err.text);
    assert_int_equal(am_model_converted(source, kept, found, sizeof found, &err), AM_OK);
    assert_string_equal(found, written);
    cfg.output = temp_path(output, folder, "out.am");
    assert_int_equal(am_model_convert(&cfg, written, sizeof written, &err), AM_OK);
    assert_string_equal(written, output);
    assert_int_equal(am_model_convert(&cfg, NULL, 0, &err), AM_OK); /* one container may replace another */
    cfg.path = output;
    assert_int_equal(am_model_convert(&cfg, NULL, 0, &err), AM_E_ARG);
    cfg.path = source;
    cfg.output = temp_path(found, source, "model.bin"); /* but nothing else: least of all the model */
    assert_int_equal(am_model_convert(&cfg, NULL, 0, &err), AM_E_ARG);
    assert_non_null(strstr(err.text, "not replaced"));
}

static am_status open_model(const char *path, const char *compute, am_model_info *info, am_error *err) {
    am_model *m;
    am_model_config cfg;
    am_model_config_init(&cfg);
    cfg.path = path;
    cfg.compute = compute;
    cfg.n_threads = 2;
    cfg.container_dir = kept;
    am_status status = am_model_open(&m, &cfg, err);
    *info = (am_model_info){ .struct_size = sizeof *info };
    if (status == AM_OK) assert_int_equal(am_model_info_get(m, info), AM_OK);
    am_model_close(&m);
    return status;
}

static void test_open(void **state) {
    char output[TEMP_PATH_CAP];
    am_model_info info;
    am_error err = { 0 };
    temp_path(output, folder, "out.am");
    assert_int_equal(open_model(source, "f32", &info, &err), AM_OK);
    assert_string_equal(info.compute, "f32");
    assert_int_equal(open_model(source, "int8", &info, &err), AM_OK);
    assert_string_equal(info.compute, "int8");
    assert_string_equal(info.format, "ctranslate2");
    assert_int_equal(open_model(output, NULL, &info, &err), AM_OK);
    assert_string_equal(info.compute, "int8");
    assert_int_equal(open_model(output, "f32", &info, &err), AM_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "out.am"));
    flip_byte(output, 200000);
    assert_int_equal(open_model(output, "int8", &info, &err), AM_E_MODEL);
    assert_non_null(strstr(err.text, "checksum"));
    assert_int_equal(open_model(source, "int4", &info, &err), AM_E_ARG);
    assert_non_null(strstr(err.text, "int4"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_once),
        cmocka_unit_test(test_damaged_is_made_again),
        cmocka_unit_test(test_changed_model_is_converted_again),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_folder_that_takes_nothing),
        cmocka_unit_test(test_no_such_model),
        cmocka_unit_test(test_processes_at_once),
        cmocka_unit_test(test_convert),
        cmocka_unit_test(test_open),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
