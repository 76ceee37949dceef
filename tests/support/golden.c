/* See golden.h.  Assumes a little-endian machine with IEEE floats, like the files.
 *
 * SPDX-License-Identifier: MIT */
#include "support/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

am_golden am_golden_load(const char *path, const char *name, int n_rows, int n_cols) {
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot open %s", path);
    char found[17] = { 0 };
    uint32_t dim[2];
    while (fread(found, 1, 16, f) == 16 && fread(dim, 4, 2, f) == 2) {
        assert_true(dim[0] > 0 && dim[0] < 65536 && dim[1] > 0 && dim[1] < 65536);
        size_t n = (size_t)dim[0] * dim[1];
        if (strcmp(found, name) != 0) {
            assert_int_equal(fseek(f, (long)(n * sizeof(float)), SEEK_CUR), 0);
            continue;
        }
        am_golden g = { (int)dim[0], (int)dim[1], malloc(n * sizeof(float)) };
        assert_non_null(g.x);
        assert_int_equal(fread(g.x, sizeof(float), n, f), n);
        fclose(f);
        if (n_rows) assert_int_equal(g.n_rows, n_rows);
        if (n_cols) assert_int_equal(g.n_cols, n_cols);
        return g;
    }
    fclose(f);
    fail_msg("%s has no array %s", path, name);
    return (am_golden){ 0 };
}

int am_golden_speech(float pcm[480000]) {
    unsigned char head[44], s[2];
    FILE *f = fopen(AM_GOLDEN_SPEECH, "rb");
    assert_non_null(f);
    assert_int_equal(fread(head, 1, 44, f), 44);
    assert_memory_equal(head + 36, "data", 4);
    int n = 0;
    for (; n < 480000 && fread(s, 1, 2, f) == 2; n++) pcm[n] = (float)(int16_t)(s[0] | s[1] << 8) / 32768.0f;
    fclose(f);
    memset(pcm + n, 0, (size_t)(480000 - n) * sizeof *pcm);
    assert_int_equal(n, 395680);
    return n;
}

am_difference am_golden_compare(const float *got, const float *expected, int n) {
    am_difference d = { 0 };
    double sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
    for (int i = 0; i < n; i++) {
        double delta = fabs((double)got[i] - expected[i]);
        if (!(delta <= d.max_abs) && !isnan(d.max_abs)) d.max_abs = delta; /* a NaN is taken, and stays */
        d.mean_abs += delta / n;
        sum_a += got[i];
        sum_b += expected[i];
    }
    for (int i = 0; i < n; i++) {
        double a = got[i] - sum_a / n, b = expected[i] - sum_b / n;
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    d.correlation = ab / sqrt(aa * bb);
    return d;
}
