/* Every allocation (and thread start) of quantizing, writing, opening and keeping a model fails once: AM_E_NOMEM with a
 * sentence, nothing leaked, no file left behind; and where only the folder of containers suffers, the model opens.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/containers.h"
#include "support/faulty_memory.h"
#include "support/small_model.h"
#include "support/temp_folder.h"

static char folder[TEMP_PATH_CAP], kept[TEMP_PATH_CAP], path[TEMP_PATH_CAP];
static am_pool *pool;
static am_weights *weights;
static am_quantized *whole;
static const am_source_identity nobody = { "0000000000000000000000000000000000000000000000000000000000000000" };

static int set_up(void **state) {
    temp_folder_make(folder);
    temp_path(kept, folder, "containers");
    temp_path(path, folder, "model.am");
    assert_int_equal(am_pool_open(&pool, 2, NULL), AM_OK);
    assert_int_equal(am_weights_open(&weights, am_small_model_path(), NULL, NULL), AM_OK);
    assert_int_equal(am_quantized_make(&whole, weights, pool, NULL), AM_OK);
    return 0;
}

static int tear_down(void **state) {
    am_quantized_close(&whole);
    am_weights_close(&weights);
    am_pool_close(&pool);
    temp_folder_remove(folder);
    return 0;
}

static am_status make(am_error *err) {
    am_quantized *q;
    am_status status = am_quantized_make(&q, weights, pool, err);
    assert_true((status == AM_OK) == (q != NULL));
    am_quantized_close(&q);
    return status;
}

static am_status write_container(am_error *err) {
    am_status status = am_container_write(whole, &nobody, path, err);
    assert_true((status == AM_OK) == (access(path, F_OK) == 0));
    return status;
}

static am_status open_container(am_error *err) {
    am_quantized *q;
    am_status status = am_container_open(&q, path, pool, NULL, err);
    assert_true((status == AM_OK) == (q != NULL));
    am_quantized_close(&q);
    return status;
}

static am_status open_model(const char *compute, const char *container_dir, am_error *err) {
    am_model *model;
    am_model_config cfg;
    am_model_config_init(&cfg);
    cfg.path = am_small_model_path();
    cfg.compute = compute;
    cfg.container_dir = container_dir;
    cfg.n_threads = 2;
    am_status status = am_model_open(&model, &cfg, err);
    assert_true((status == AM_OK) == (model != NULL));
    am_model_close(&model);
    return status;
}

static am_status open_in_memory(am_error *err) {
    return open_model("int8", NULL, err);
}

static am_status convert(am_error *err) {
    am_convert_config cfg;
    am_convert_config_init(&cfg);
    cfg.path = am_small_model_path();
    cfg.output = path;
    cfg.n_threads = 2;
    return am_model_convert(&cfg, NULL, 0, err);
}

static void every_allocation(am_status (*fn)(am_error *err), long at_least) {
    for (long n = 1;; n++) {
        am_error err = { 0 };
        am_faulty_memory_arm(n);
        am_status status = fn(&err);
        am_faulty_memory_disarm();
        if (!am_faulty_memory_fired()) {
            assert_int_equal(status, AM_OK);
            assert_true(n > at_least);
            return;
        }
        if (status != AM_E_NOMEM) fail_msg("allocation %ld failed: %s \"%s\"", n, am_status_name(status), err.text);
        assert_int_equal(err.status, AM_E_NOMEM);
        assert_true(strlen(err.text) > 10);
    }
}

static void test_make(void **state) {
    every_allocation(make, 5);
}

static void test_write_and_open(void **state) {
    every_allocation(write_container, 1);
    every_allocation(open_container, 5);
    every_allocation(convert, 10);
}

static void test_model_in_memory(void **state) {
    every_allocation(open_in_memory, 15);
}

/* Once with nothing in the folder each time, once with the container there. */
static void test_model_with_a_folder(void **state) {
    char container[AM_PATH_CAP];
    for (int is_there = 0; is_there < 2; is_there++)
        for (long n = 1;; n++) {
            am_error err = { 0 };
            if (!is_there && am_container_place(container, kept, am_small_model_path(), NULL) == AM_OK)
                unlink(container);
            am_faulty_memory_arm(n);
            am_status status = open_model("int8", kept, &err);
            am_faulty_memory_disarm();
            if (!am_faulty_memory_fired()) {
                assert_int_equal(status, AM_OK);
                assert_true(n > 10);
                break;
            }
            if (status != AM_OK && status != AM_E_NOMEM)
                fail_msg("allocation %ld failed: %s \"%s\"", n, am_status_name(status), err.text);
        }
    assert_int_equal(am_container_remove(container, NULL), AM_OK);
    assert_int_equal(rmdir(kept), 0); /* nothing else is left */
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_make), cmocka_unit_test(test_write_and_open),
                                        cmocka_unit_test(test_model_in_memory),
                                        cmocka_unit_test(test_model_with_a_folder) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
