/* An int8 tensor with too few scales was read far beyond its file.
 *
 * Shapes are compared without their dimensions of 1, because writers differ in them.  The reader of CTranslate2 files
 * asked a tensor's first dimension how many scales it has to have.  So an int8 matrix that called itself [1, 512, 512]
 * passed as the [512, 512] that was wanted, and its one scale as the one its first dimension spoke of; 512 scales were
 * then read from where there was one, and at the end of a file that meant from behind it.  Now the scales that are there
 * are counted against the rows of the role.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "model/weights.h"
#include "support/check.h"
#include "support/model_writer.h"
#include "support/temp_folder.h"

enum { WIDTH = 512 };

#define MATRIX "encoder/layer_0/self_attention/linear_1/weight"

static const am_dims dims = { .n_mels = 80,
                              .n_vocab = 40,
                              .n_audio_ctx = 4,
                              .n_audio_state = WIDTH,
                              .n_audio_head = 8,
                              .n_audio_layer = 1,
                              .n_text_ctx = 3,
                              .n_text_state = WIDTH,
                              .n_text_head = 8,
                              .n_text_layer = 1 };

typedef struct file {
    char *bytes;
    size_t len;
} file;

/* Where the rank of the variable is: behind its name and the NUL. */
static size_t find_rank(const file *f, const char *name) {
    size_t len = strlen(name) + 1, at = 0;
    while (at + len <= f->len && memcmp(f->bytes + at, name, len) != 0) at++;
    assert_true(at + len <= f->len);
    return at + len;
}

/* Replace `n_old` bytes at `at` by others. */
static void splice(file *f, size_t at, size_t n_old, const void *bytes, size_t n_new) {
    char *out = malloc(f->len - n_old + n_new);
    assert_non_null(out);
    memcpy(out, f->bytes, at);
    memcpy(out + at, bytes, n_new);
    memcpy(out + at + n_new, f->bytes + at + n_old, f->len - at - n_old);
    free(f->bytes);
    f->bytes = out;
    f->len += n_new - n_old;
}

/* [512, 512] becomes [1, 512, 512]. */
static void add_dimension(file *f) {
    size_t at = find_rank(f, MATRIX);
    assert_memory_equal(f->bytes + at, "\2\0\2\0\0\0\2\0\0\1", 10); /* rank, dimensions, int8 */
    splice(f, at, 1, "\3\1\0\0\0", 5);
}

/* 512 scales become one. */
static void leave_one_scale(file *f) {
    size_t at = find_rank(f, MATRIX "_scale");
    assert_memory_equal(f->bytes + at, "\1\0\2\0\0\0\0\10\0\0", 10); /* rank, dimension, float32, bytes */
    splice(f, at, 10 + 4 * (WIDTH - 1), "\1\1\0\0\0\0\4\0\0\0", 10);
}

static void test_scales_are_counted(void **state) {
    char folder[TEMP_PATH_CAP], path[TEMP_PATH_CAP];
    temp_folder_make(folder);
    am_weights *made = mw_model_make(&dims, 1), *w;
    mw_write_ctranslate2(made, folder, MW_S8);
    file f;
    f.bytes = temp_file_read(temp_path(path, folder, "model.bin"), &f.len);
    am_error err;
    assert_int_equal(am_weights_open(&w, folder, NULL, &err), AM_OK);
    am_weights_close(&w);

    leave_one_scale(&f);
    add_dimension(&f);
    temp_file_write(path, f.bytes, f.len);
    assert_int_equal(am_weights_open(&w, folder, NULL, &err), AM_E_MODEL);
    assert_null(w);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, MATRIX));
    assert_non_null(strstr(err.text, "512 rows but 1 scales"));

    free(f.bytes);
    mw_model_free(made);
    temp_folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_scales_are_counted) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
