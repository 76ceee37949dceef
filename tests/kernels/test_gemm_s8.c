/* Every INT8 product this machine can run against the C reference, bit for bit: odd sizes, extreme values, both forms of
 * x, rows with faults in them, a row alone and in a batch.  x, weights, scales and y end at guard pages.
 * Machines with AVX-VNNI and without AVX-512 are rare in test farms, so their template is built here a second time with
 * the same instruction in its AVX-512 encoding.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cpu.h"
#include "kernels/kernels.h"
#include "support/guard.h"

#if defined(__x86_64__)
#define TARGET_EXTRA ",avx512vl,avx512vnni"
#include "kernels/x86/vec16_avx2.h"
INLINE v16i i_dot_s8(v16i acc, vword x, v16i w) {
    return (v16i){ _mm256_dpbusd_epi32(acc.lo, x, w.lo), _mm256_dpbusd_epi32(acc.hi, x, w.hi) };
}
#define NAME(op) op##_avxvnni_template
#define MAX_ROWS 6
#define MAX_PANELS 1
#define WIDE 0
static am_gemm_s8_fn gemm_s8s8_avxvnni_template;
#include "kernels/x86/gemm_s8_template.h"
#endif

typedef struct variant {
    const char *name;
    am_gemm_s8_desc desc;
} variant;

enum { MAX_VARIANTS = 8 };
static variant variants[MAX_VARIANTS];
static int n_variants;

/* The C reference first. */
static int find_variants(void **state) {
    static const char *const names[] = { "c", "avx2", "avxvnni", "avx512", "avx512vnni", "neon", "dotprod", "i8mm" };
    n_variants = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsigned flags;
        if (am_cpu_mask(names[i], &flags, NULL) != AM_OK) continue;
        am_kernels kernels;
        am_kernels_init(&kernels, flags);
        variants[n_variants++] = (variant){ names[i], kernels.gemm_s8 };
    }
#if defined(__x86_64__)
    if (am_cpu_flags() & AM_CPU_AVX512VNNI)
        variants[n_variants++] = (variant){ "avxvnni template", { gemm_s8s8_avxvnni_template, 0x80, 96 } };
#endif
    return 0;
}

typedef struct problem {
    int m, n, k;
    bool gelu, bias, residual;
    int8_t *x, *w; /* dense, plain */
    float *x_scale, *w_scale, *b, *r;
} problem;

static am_guard guarded(const void *p, size_t n_bytes) {
    am_guard g = am_guard_open(n_bytes);
    memcpy(g.data, p, n_bytes);
    return g;
}

enum { GAP = 5 };

/* y[rows, n] for rows row0 ... by one variant.  Everything it may read ends at a guard page. */
static void run(const variant *v, const problem *p, bool flipped, int row0, int rows, float *y) {
    int k4 = AM_ROUND_UP(p->k, 4), n16 = AM_ROUND_UP(p->n, AM_S8_NR), flip = flipped ? v->desc.flip : 0;
    am_guard w = am_guard_open((size_t)n16 * k4), w_sum = am_guard_open((size_t)n16 * sizeof(int32_t));
    am_gemm_pack_s8(w.data, w_sum.data, p->w, p->k, p->n, p->k);
    ptrdiff_t ldx = k4 + GAP, ldy = p->n + GAP;
    am_guard x = am_guard_open((size_t)(rows - 1) * ldx + k4);
    am_guard out = am_guard_open(((size_t)(rows - 1) * ldy + p->n) * sizeof(float));
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < k4; j++) { /* what lies from k to k4 meets zero weights: anything */
            int8_t q = j < p->k ? p->x[(size_t)(row0 + i) * p->k + j] : (int8_t)(57 * j);
            ((int8_t *)x.data)[i * ldx + j] = (int8_t)(q ^ flip);
        }
    am_guard x_scale = guarded(p->x_scale + row0, (size_t)rows * sizeof(float));
    float *padded = calloc((size_t)n16, sizeof *padded);
    memcpy(padded, p->w_scale, (size_t)p->n * sizeof(float));
    am_guard w_scale = guarded(padded, (size_t)n16 * sizeof(float));
    free(padded);
    am_guard bias = guarded(p->b, (size_t)p->n * sizeof(float));
    am_guard residual = guarded(p->r + (size_t)row0 * p->n, (size_t)rows * p->n * sizeof(float));
    am_guard scratch = am_guard_open(AM_GEMM_S8_SCRATCH(p->k));
    v->desc.fn(&(am_gemm_s8_args){ .y = out.data,
                                   .ldy = ldy,
                                   .x = x.data,
                                   .ldx = ldx,
                                   .x_scale = x_scale.data,
                                   .w = w.data,
                                   .w_scale = w_scale.data,
                                   .w_sum = flip ? w_sum.data : NULL,
                                   .panel_stride = (ptrdiff_t)k4 * AM_S8_NR,
                                   .bias = p->bias ? bias.data : NULL,
                                   .residual = p->residual ? residual.data : NULL,
                                   .ldr = p->n,
                                   .scratch = scratch.data,
                                   .m = rows,
                                   .n = p->n,
                                   .k = p->k,
                                   .flip = flip,
                                   .gelu = p->gelu });
    for (int i = 0; i < rows; i++) {
        memcpy(y + (size_t)i * p->n, (float *)out.data + i * ldy, (size_t)p->n * sizeof(float));
        /* what lies between two rows of y belongs to the caller */
        for (size_t j = 0; i + 1 < rows && j < GAP * sizeof(float); j++)
            assert_int_equal(((unsigned char *)((float *)out.data + i * ldy + p->n))[j], 0xA5);
    }
    am_guard *all[] = { &w, &w_sum, &x, &out, &x_scale, &w_scale, &bias, &residual, &scratch };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) am_guard_close(all[i]);
}

static void same(const variant *v, const problem *p, const float *want, const float *got, int rows) {
    for (size_t i = 0; i < (size_t)rows * p->n; i++) {
        bool equal = memcmp(&want[i], &got[i], sizeof(float)) == 0 || (isnan(want[i]) && isnan(got[i]));
        double off = fabs((double)want[i] - got[i]);
        if (p->gelu) equal |= off <= 2 * (AM_TOL_GELU_F32 + 4 * 1.2e-7 * fabs((double)want[i]));
        if (!equal)
            fail_msg("%s m %d n %d k %d gelu %d at %zu: %.9g, expected %.9g", v->name, rows, p->n, p->k, p->gelu, i,
                     (double)got[i], (double)want[i]);
    }
}

/* Every variant and form against the first; some rows alone against the batch. */
static void check(const problem *p, bool no_negative_x) {
    float *want = malloc((size_t)p->m * p->n * sizeof *want), *got = malloc((size_t)p->m * p->n * sizeof *got);
    for (int v = 0; v < n_variants; v++)
        for (int flipped = 1; flipped >= (no_negative_x ? 0 : 1); flipped--) {
            float *y = v == 0 && flipped ? want : got;
            run(&variants[v], p, flipped, 0, p->m, y);
            if (y != want) same(&variants[v], p, want, got, p->m);
            float *alone = malloc((size_t)p->n * sizeof *alone);
            for (int row = 0; row < p->m; row += 7) {
                run(&variants[v], p, flipped, row, 1, alone);
                assert_memory_equal(alone, y + (size_t)row * p->n, (size_t)p->n * sizeof *alone);
            }
            free(alone);
        }
    free(want);
    free(got);
}

static int any_byte(am_random *random) {
    return (int)(am_random_next(random) >> 8) % 255 - 127;
}
static int largest(am_random *random) {
    return 127;
}
static int smallest(am_random *random) {
    return -127;
}
static int smallest_weight(am_random *random) {
    return -128;
}
static int either_end(am_random *random) {
    return am_random_next(random) >> 8 & 1 ? 127 : -127;
}
static int not_negative(am_random *random) {
    return (int)(am_random_next(random) >> 8) % 128;
}

typedef int source(am_random *random);

static problem make(int m, int n, int k, int mode, source *of_x, source *of_w, am_random *random) {
    problem p = { m, n, k, mode & 1, mode & 2, mode & 4, 0, 0, 0, 0, 0, 0 };
    p.x = malloc((size_t)m * k);
    p.w = malloc((size_t)n * k);
    float **floats[] = { &p.x_scale, &p.w_scale, &p.b, &p.r };
    size_t counts[] = { (size_t)m, (size_t)n, (size_t)n, (size_t)m * n };
    for (int i = 0; i < 4; i++) {
        *floats[i] = malloc(counts[i] * sizeof(float));
        for (size_t j = 0; j < counts[i]; j++)
            (*floats[i])[j] = i < 2 ? am_random_float(random, 1e-4f, 2e-3f) : am_random_float(random, -1, 1);
    }
    for (size_t i = 0; i < (size_t)m * k; i++) p.x[i] = (int8_t)of_x(random);
    for (size_t i = 0; i < (size_t)n * k; i++) p.w[i] = (int8_t)of_w(random);
    return p;
}

static void drop(problem *p) {
    void *all[] = { p->x, p->w, p->x_scale, p->w_scale, p->b, p->r };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
}

static void odd_sizes(void **state) {
    static const int sizes[][3] = {
        { 1, 1, 1 },    { 1, 33, 7 },    { 2, 64, 100 },  { 3, 31, 65 },   { 4, 16, 5 },
        { 5, 100, 17 }, { 6, 97, 64 },   { 7, 17, 130 },  { 8, 48, 9 },    { 11, 32, 3 },
        { 12, 31, 66 }, { 13, 129, 63 }, { 25, 48, 80 },  { 50, 33, 33 },  { 131, 70, 34 },
        { 29, 15, 12 }, { 24, 64, 61 },  { 1, 1500, 64 }, { 2, 64, 1500 }, { 80, 40, 512 }
    };
    am_random random = { 7 };
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int mode = 0; mode < 8; mode++) {
            problem p = make(sizes[s][0], sizes[s][1], sizes[s][2], mode, mode & 2 ? not_negative : any_byte, any_byte,
                             &random);
            check(&p, mode & 2);
            drop(&p);
        }
}

/* Two products of 127 + 128 and 127 leave 16 bits, where AVX2 cuts sums of byte products off; sums over k leave the 24
 * bits of a float. */
static void extreme_values(void **state) {
    static source *const of_x[] = { largest, smallest, either_end }, *const of_w[] = { largest, smallest,
                                                                                       smallest_weight, either_end };
    static const int sizes[][3] = { { 1, 20, 2048 }, { 3, 17, 5120 }, { 15, 33, 5119 }, { 30, 40, 512 } };
    am_random random = { 5 };
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int x = 0; x < 3; x++)
            for (int w = 0; w < 4; w++) {
                problem p = make(sizes[s][0], sizes[s][1], sizes[s][2], 0, of_x[x], of_w[w], &random);
                check(&p, x == 0);
                /* and the reference itself against mathematics, where it is plain */
                for (int j = 0; j < p.n; j++) p.w_scale[j] = 1;
                p.x_scale[0] = 1;
                float *y = malloc((size_t)p.m * p.n * sizeof *y);
                static const int ends[] = { 127, -127, -128 };
                run(&variants[0], &p, true, 0, p.m, y);
                if (x < 2 && w < 3) assert_true(y[0] == (float)(ends[x] * ends[w] * p.k));
                free(y);
                drop(&p);
            }
}

/* A row of zeros gives the bias; a row whose scale is no number gives none; the rows beside it do not notice. */
static void special_scales(void **state) {
    am_random random = { 9 };
    for (int mode = 0; mode < 8; mode += 2) {
        problem p = make(27, 37, 50, mode, any_byte, any_byte, &random);
        p.x_scale[0] = 0;
        p.x_scale[13] = NAN;
        p.x_scale[26] = INFINITY;
        check(&p, false);
        float *y = malloc((size_t)p.m * p.n * sizeof *y);
        for (int v = 0; v < n_variants; v++) {
            run(&variants[v], &p, true, 0, p.m, y);
            for (int j = 0; j < p.n; j++) {
                assert_true(y[j] == (p.bias ? p.b[j] : 0) + (p.residual ? p.r[j] : 0));
                assert_true(isnan(y[13 * p.n + j]) && !isfinite(y[26 * p.n + j]));
                assert_true(isfinite(y[12 * p.n + j]) && isfinite(y[14 * p.n + j]) && isfinite(y[25 * p.n + j]));
            }
        }
        free(y);
        drop(&p);
    }
}

/* y may be the residual; panels may lie apart. */
static void in_place_over_the_residual(void **state) {
    enum { M = 40, N = 50, K = 30, K4 = 32, PANELS = 4, STRIDE = K4 * AM_S8_NR + 64 };
    am_random random = { 4 };
    for (int gelu = 0; gelu < 2; gelu++) {
        problem p = make(M, N, K, 6 + gelu, any_byte, any_byte, &random);
        for (int v = 0; v < n_variants; v++) {
            float *want = malloc(M * N * sizeof *want), *y = malloc(M * N * sizeof *y);
            run(&variants[v], &p, true, 0, M, want);
            memcpy(y, p.r, M * N * sizeof *y);
            int8_t *dense = am_aligned_alloc(PANELS * K4 * AM_S8_NR), *w = am_aligned_alloc(PANELS * STRIDE), x[M * K4];
            int32_t w_sum[PANELS * AM_S8_NR];
            float w_scale[PANELS * AM_S8_NR] = { 0 };
            void *scratch = am_aligned_alloc(AM_GEMM_S8_SCRATCH(K));
            am_gemm_pack_s8(dense, w_sum, p.w, K, N, K);
            for (int i = 0; i < PANELS; i++) memcpy(w + i * STRIDE, dense + i * K4 * AM_S8_NR, K4 * AM_S8_NR);
            memcpy(w_scale, p.w_scale, N * sizeof(float));
            for (int i = 0; i < M; i++)
                for (int j = 0; j < K4; j++)
                    x[i * K4 + j] = (int8_t)((j < K ? p.x[i * K + j] : 0) ^ variants[v].desc.flip);
            variants[v].desc.fn(&(am_gemm_s8_args){ .y = y,
                                                    .ldy = N,
                                                    .x = x,
                                                    .ldx = K4,
                                                    .x_scale = p.x_scale,
                                                    .w = w,
                                                    .w_scale = w_scale,
                                                    .w_sum = w_sum,
                                                    .panel_stride = STRIDE,
                                                    .bias = p.b,
                                                    .residual = y,
                                                    .ldr = N,
                                                    .scratch = scratch,
                                                    .m = M,
                                                    .n = N,
                                                    .k = K,
                                                    .flip = variants[v].desc.flip,
                                                    .gelu = gelu });
            assert_memory_equal(want, y, M * N * sizeof *y);
            am_aligned_free(dense);
            am_aligned_free(w);
            am_aligned_free(scratch);
            free(want);
            free(y);
        }
        drop(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(odd_sizes), cmocka_unit_test(extreme_values),
                                        cmocka_unit_test(special_scales),
                                        cmocka_unit_test(in_place_over_the_residual) };
    return cmocka_run_group_tests(tests, find_variants, NULL);
}
