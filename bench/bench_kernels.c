/* How near is each kernel to what the machine can do?  One thread, every instruction set this machine has.
 *
 * Products are measured at the shapes Whisper base gives them and set against the peak of the same run: a loop of
 * independent multiplications on registers (peak.h).  Products of one or few rows are bound by memory: they are given
 * in GB/s of weights besides.  Element-wise kernels are given in GB/s of what they read and write, attention in GMAC/s
 * of its two products, softmax included.
 *
 *     bench_kernels [c | avx2 | avx512 ...]        default: all this machine has
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/cpu.h"
#include "kernels/kernels.h"
#include "measure.h"
#include "peak.h"

#define SECONDS 0.3

/* ---- Products ----------------------------------------------------------------------------------------------- */

typedef struct shape {
    const char *where;
    int m, n, k;
} shape;

static const shape shapes[] = {
    { "encoder attention out", 1500, 512, 512 }, { "encoder Q K V", 1500, 1536, 512 },
    { "encoder MLP in", 1500, 2048, 512 },       { "encoder MLP out", 1500, 512, 2048 },
    { "encoder scores", 1500, 1500, 64 },        { "encoder values", 1500, 64, 1500 },
    { "decoder attention out", 1, 512, 512 },    { "decoder Q K V", 1, 1536, 512 },
    { "decoder MLP in", 1, 2048, 512 },          { "decoder MLP out", 1, 512, 2048 },
    { "decoder logits", 1, 51865, 512 },
};

typedef struct product {
    const am_gemm_desc *gemm;
    am_gemm_fn *fn;
    am_gemm_args args;
} product;

/* The whole product, in the pieces the backend would cut it into. */
static void run_product(void *arg) {
    const product *p = arg;
    for (int row = 0; row < p->args.m; row += p->gemm->m_block) {
        am_gemm_args piece = p->args;
        piece.x += row * piece.ldx;
        piece.y += row * piece.ldy;
        piece.m = piece.m - row < p->gemm->m_block ? piece.m - row : p->gemm->m_block;
        p->fn(&piece);
    }
}

typedef struct product_s8 {
    const am_gemm_s8_desc *gemm;
    am_gemm_s8_args args;
} product_s8;

static void run_product_s8(void *arg) {
    const product_s8 *p = arg;
    for (int row = 0; row < p->args.m; row += p->gemm->m_block) {
        am_gemm_s8_args piece = p->args;
        piece.x += row * piece.ldx;
        piece.x_scale += row;
        piece.y += row * piece.ldy;
        piece.m = piece.m - row < p->gemm->m_block ? piece.m - row : p->gemm->m_block;
        p->gemm->fn(&piece);
    }
}

static void fill(float *x, size_t n) {
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)state * 0x1p-31f;
    }
}

static void *take(size_t n_bytes) {
    void *p = am_aligned_alloc(n_bytes);
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

static void bench_product(const am_gemm_desc *gemm, const char *cpu, const shape *s, double top) {
    size_t panels = ((size_t)s->n + gemm->nr - 1) / gemm->nr, n_packed = panels * gemm->nr * s->k;
    float *x = take(sizeof *x * s->m * s->k), *y = take(sizeof *y * s->m * s->n), *w = take(sizeof *w * s->n * s->k);
    float *bias = take(sizeof *bias * s->n), *scratch = take(sizeof *scratch * gemm->nr * s->k);
    float *packed = take(sizeof *packed * n_packed);
    uint16_t *packed_half = take(sizeof *packed_half * n_packed);
    fill(x, (size_t)s->m * s->k);
    fill(w, (size_t)s->n * s->k);
    fill(bias, (size_t)s->n);
    am_gemm_pack_f32(packed, w, s->k, s->n, s->k, gemm->nr);
    am_gemm_pack_f16(packed_half, w, s->k, s->n, s->k, gemm->nr);
    am_gemm_args args = { .y = y,
                          .x = x,
                          .bias = bias,
                          .scratch = scratch,
                          .ldx = s->k,
                          .ldy = s->n,
                          .m = s->m,
                          .n = s->n,
                          .k = s->k,
                          .panel_stride = (ptrdiff_t)gemm->nr * s->k };
    for (int half = 0; half < 2; half++) {
        product p = { gemm, half ? gemm->f16 : gemm->f32, args };
        p.args.w = half ? (const void *)packed_half : packed;
        double speed = 1e-9 * s->m * s->n * s->k / measure_calls(run_product, &p, SECONDS);
        printf("%-10s gemm_f32%s  %-22s %5d x%6d x%5d %8.2f GMAC/s", cpu, half ? "f16" : "f32", s->where, s->m, s->n,
               s->k, speed);
        if (top > 0) printf("  %5.1f %% of peak", 100 * speed / top);
        printf("\n");
    }
    void *all[] = { x, y, w, bias, scratch, packed, packed_half };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) am_aligned_free(all[i]);
}

static void fill_bytes(int8_t *x, size_t n) {
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (int8_t)(state >> 25); /* 0..127: what every form of x may hold */
    }
}

static const shape shapes_s8[] = {
    { "encoder attention out", 1500, 512, 512 }, { "encoder Q K V", 1500, 1536, 512 },
    { "encoder MLP in", 1500, 2048, 512 },       { "encoder MLP out", 1500, 512, 2048 },
    { "encoder scores", 48, 1500, 64 },          { "encoder values", 96, 64, 1500 },
    { "decoder attention out", 1, 512, 512 },    { "decoder Q K V", 1, 1536, 512 },
    { "decoder MLP in", 1, 2048, 512 },          { "decoder MLP out", 1, 512, 2048 },
    { "decoder cross scores", 1, 1500, 64 },     { "decoder cross values", 2, 64, 1500 },
    { "decoder logits", 1, 51865, 512 },         { "decoder logits, 2 rows", 2, 51865, 512 },
    { "decoder logits, 5 rows", 5, 51865, 512 }, { "decoder logits, 8 rows", 8, 51865, 512 },
};

static void bench_product_s8(const am_gemm_s8_desc *gemm, const char *cpu, const shape *s, double top) {
    size_t n16 = AM_ROUND_UP((size_t)s->n, AM_S8_NR), k4 = AM_ROUND_UP((size_t)s->k, 4), ldx = k4 + AM_ALIGN;
    float *y = take(sizeof *y * s->m * s->n), *x_scale = take(sizeof *x_scale * s->m);
    float *w_scale = take(sizeof *w_scale * n16), *bias = take(sizeof *bias * n16);
    int8_t *x = take(ldx * s->m), *w = take(n16 * s->k), *panels = take(n16 * k4);
    int32_t *w_sum = take(sizeof *w_sum * n16);
    void *scratch = take(AM_GEMM_S8_SCRATCH(s->k));
    fill(x_scale, (size_t)s->m);
    fill(w_scale, n16);
    fill(bias, n16);
    fill_bytes(x, ldx * s->m);
    fill_bytes(w, n16 * s->k);
    am_gemm_pack_s8(panels, w_sum, w, s->k, s->n, s->k);
    product_s8 p = { gemm,
                     { .y = y,
                       .x = x,
                       .x_scale = x_scale,
                       .w = panels,
                       .w_scale = w_scale,
                       .w_sum = w_sum,
                       .bias = bias,
                       .scratch = scratch,
                       .ldx = (ptrdiff_t)ldx,
                       .ldy = s->n,
                       .panel_stride = (ptrdiff_t)k4 * AM_S8_NR,
                       .m = s->m,
                       .n = s->n,
                       .k = s->k,
                       .flip = gemm->flip } };
    double seconds = measure_calls(run_product_s8, &p, SECONDS), speed = 1e-9 * s->m * s->n * s->k / seconds;
    printf("%-10s gemm_s8s8    %-22s %5d x%6d x%5d %8.2f GMAC/s", cpu, s->where, s->m, s->n, s->k, speed);
    if (top > 0) printf("  %5.1f %% of peak", 100 * speed / top);
    if (s->m <= 8) printf("  %6.1f GB/s", 1e-9 * s->n * s->k / seconds);
    printf("\n");
    void *all[] = { y, x_scale, w_scale, bias, x, w, panels, w_sum, scratch };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) am_aligned_free(all[i]);
}

/* ---- Attention ---------------------------------------------------------------------------------------------- */

typedef struct attention {
    const am_kernels *k;
    am_attention_s8_args args;
} attention;

static void run_attention(void *arg) {
    const attention *a = arg;
    am_attention_s8(a->k, &a->args);
}

static void bench_attention(const am_kernels *k, const char *cpu, int m, double top) {
    enum { N = 1500, DIM = 64, N16 = AM_ROUND_UP(N, AM_S8_NR) };
    ptrdiff_t ldq = DIM + AM_ALIGN;
    int8_t *q = take((size_t)(m * ldq)), *keys = take(N16 * DIM), *values = take(N * DIM);
    float *q_scale = take(sizeof *q_scale * m), *k_scale = take(sizeof *k_scale * N16);
    float *v_scale = take(sizeof *v_scale * N), *out = take(sizeof *out * m * DIM);
    int32_t *k_sum = take(sizeof *k_sum * N16);
    void *scratch = take(am_attention_s8_scratch(m, N, DIM));
    fill_bytes(q, (size_t)(m * ldq));
    fill_bytes(keys, N16 * DIM);
    fill_bytes(values, N * DIM);
    for (int i = 0; i < m; i++) q_scale[i] = 0.01f;
    for (int i = 0; i < N16; i++) {
        k_scale[i] = 0.01f;
        k_sum[i] = 0;
    }
    for (int i = 0; i < N; i++) v_scale[i] = 0.01f;
    attention a = { k,
                    { .out = out,
                      .q = q,
                      .q_scale = q_scale,
                      .k = keys,
                      .k_scale = k_scale,
                      .k_sum = k_sum,
                      .v = values,
                      .v_scale = v_scale,
                      .scratch = scratch,
                      .ldo = DIM,
                      .ldq = ldq,
                      .m = m,
                      .n = N,
                      .head_dim = DIM,
                      .v_capacity = N,
                      .scale = 0.125f } };
    double speed = 2e-9 * m * N * DIM / measure_calls(run_attention, &a, SECONDS);
    printf("%-10s attention_s8 %-22s %5d x%6d x%5d %8.2f GMAC/s", cpu, "one head", m, N, DIM, speed);
    if (top > 0) printf("  %5.1f %% of peak", 100 * speed / top);
    printf("\n");
    void *all[] = { q, keys, values, q_scale, k_scale, v_scale, out, k_sum, scratch };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) am_aligned_free(all[i]);
}

/* ---- Element-wise kernels ----------------------------------------------------------------------------------- */

enum { ROWS = 96, SCORES = 1500, STATE = 512, MIDDLE = 2048, VOCABULARY = 51865 };

typedef struct rows {
    const am_kernels *k;
    float *x, *y, *gamma, *beta;
    int8_t *bytes;
    int kept; /* so that no result goes unused */
} rows;

static void run_softmax(void *arg) {
    const rows *r = arg;
    r->k->softmax_f32(r->x, SCORES, ROWS, SCORES, 0.125f);
}

static void run_layernorm(void *arg) {
    const rows *r = arg;
    r->k->layernorm_f32(r->y, r->x, r->gamma, r->beta, ROWS, STATE);
}

static void run_gelu(void *arg) {
    const rows *r = arg;
    r->k->gelu_f32(r->y, r->x, ROWS * MIDDLE);
}

static void run_quantize(void *arg) {
    const rows *r = arg;
    r->k->quantize_s8(r->bytes, MIDDLE, r->y, r->x, MIDDLE, ROWS, MIDDLE, r->k->gemm_s8.flip);
}

/* Overwrites scores by weights: the same work whatever they are. */
static void run_softmax_s8(void *arg) {
    const rows *r = arg;
    r->k->softmax_s8(r->bytes, SCORES, r->beta, r->x, SCORES, r->y, ROWS, SCORES, 0.125f);
}

static void run_max(void *arg) {
    rows *r = arg;
    r->kept += r->k->max_f32(r->x, VOCABULARY);
}

static void run_sum_exp(void *arg) {
    rows *r = arg;
    r->kept += (int)r->k->sum_exp_f32(r->x, VOCABULARY, 1.0f);
}

static void bench_elements(const am_kernels *k, const char *cpu) {
    static const struct {
        const char *name;
        measure_fn *fn;
        int m, n, n_bytes; /* bytes an element costs in memory, there and back */
    } kernels[] = {
        { "softmax_f32", run_softmax, ROWS, SCORES, 8 },    { "layernorm_f32", run_layernorm, ROWS, STATE, 8 },
        { "gelu_f32", run_gelu, ROWS, MIDDLE, 8 },          { "quantize_s8", run_quantize, ROWS, MIDDLE, 5 },
        { "softmax_s8", run_softmax_s8, ROWS, SCORES, 10 }, { "max_f32", run_max, 1, VOCABULARY, 4 },
        { "sum_exp_f32", run_sum_exp, 1, VOCABULARY, 4 }
    };
    size_t n = (size_t)ROWS * MIDDLE;
    rows r = { k, take(4 * n), take(4 * n), take(4 * STATE), take(4 * STATE), take(2 * n), 0 };
    fill(r.gamma, STATE);
    fill(r.beta, STATE);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        fill(r.x, n);
        for (size_t j = 0; j < n; j++) r.y[j] = 0.01f;
        double n_bytes = (double)kernels[i].n_bytes * kernels[i].m * kernels[i].n;
        double speed = 1e-9 * n_bytes / measure_calls(kernels[i].fn, &r, SECONDS);
        printf("%-10s %-12s %-22s %5d x%6d        %8.2f GB/s\n", cpu, kernels[i].name, "", kernels[i].m, kernels[i].n,
               speed);
    }
    void *all[] = { r.x, r.y, r.gamma, r.beta, r.bytes };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) am_aligned_free(all[i]);
}

static int bench_cpu(const char *cpu) {
    unsigned flags;
    am_error err;
    if (am_cpu_mask(cpu, &flags, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    am_kernels k;
    am_kernels_init(&k, flags);
    double top = peak_f32(flags), top_s8 = peak_s8(flags);
    if (top > 0) printf("%-10s peak_f32     one core %40.2f GMAC/s\n", cpu, top);
    if (top_s8 > 0) printf("%-10s peak_s8      one core %40.2f GMAC/s\n", cpu, top_s8);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) bench_product(&k.gemm, cpu, &shapes[i], top);
    for (size_t i = 0; i < sizeof shapes_s8 / sizeof *shapes_s8; i++)
        bench_product_s8(&k.gemm_s8, cpu, &shapes_s8[i], top_s8);
    static const int queries[] = { 1, 48, 96 };
    for (int i = 0; i < 3; i++) bench_attention(&k, cpu, queries[i], top_s8);
    bench_elements(&k, cpu);
    return 0;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    char all[256];
    if (argc == 1) {
        if (am_cpu_describe(all, sizeof all)) return 1;
        for (char *cpu = strtok(all, ","); cpu; cpu = strtok(NULL, ",")) {
            if (bench_cpu(cpu)) return 1;
        }
    }
    for (int i = 1; i < argc; i++) {
        if (bench_cpu(argv[i])) return 1;
    }
    return 0;
}
