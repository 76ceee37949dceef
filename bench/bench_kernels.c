/* How near is each kernel to what the machine can do?  One thread, every instruction set this machine has.
 *
 * Products are measured at the shapes Whisper base gives them and set against the peak of the same run: a loop of
 * independent fused multiply-adds on registers.  Element-wise kernels are given in GB/s of what they read and write.
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

#define SECONDS 0.3

/* ---- Peak --------------------------------------------------------------------------------------------------- */

enum { PEAK_STEPS = 200000, CHAINS = 12 }; /* latency 4 x 2 units needs 8 chains; the rest hides the loop */

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,fma"))) static void peak_avx2(void *arg) {
    __m256 chain[CHAINS], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
    for (int i = 0; i < CHAINS; i++) chain[i] = _mm256_set1_ps((float)i);
    for (int step = 0; step < PEAK_STEPS; step++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) chain[i] = _mm256_fmadd_ps(chain[i], a, b);
    }
    for (int i = 1; i < CHAINS; i++) chain[0] = _mm256_add_ps(chain[0], chain[i]);
    *(volatile float *)arg = _mm256_cvtss_f32(chain[0]);
}

__attribute__((target("avx512f"))) static void peak_avx512(void *arg) {
    __m512 chain[CHAINS], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
    for (int i = 0; i < CHAINS; i++) chain[i] = _mm512_set1_ps((float)i);
    for (int step = 0; step < PEAK_STEPS; step++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) chain[i] = _mm512_fmadd_ps(chain[i], a, b);
    }
    for (int i = 1; i < CHAINS; i++) chain[0] = _mm512_add_ps(chain[0], chain[i]);
    *(volatile float *)arg = _mm512_cvtss_f32(chain[0]);
}

/* GMAC/s of registers alone; 0 where there is no such loop. */
static double peak(unsigned flags) {
    float sink; /* written as volatile, or the compiler would see that nobody wants the sums */
    if (flags & AM_CPU_AVX512) return 16e-9 * CHAINS * PEAK_STEPS / measure_calls(peak_avx512, &sink, SECONDS);
    if (flags & AM_CPU_AVX2) return 8e-9 * CHAINS * PEAK_STEPS / measure_calls(peak_avx2, &sink, SECONDS);
    return 0;
}
#else
static double peak(unsigned flags) {
    return 0;
}
#endif

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
        printf("%-7s gemm_f32%s  %-22s %5d x%6d x%5d %8.2f GMAC/s", cpu, half ? "f16" : "f32", s->where, s->m, s->n,
               s->k, speed);
        if (top > 0) printf("  %5.1f %% of peak", 100 * speed / top);
        printf("\n");
    }
    void *all[] = { x, y, w, bias, scratch, packed, packed_half };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) am_aligned_free(all[i]);
}

/* ---- Element-wise kernels ----------------------------------------------------------------------------------- */

enum { ROWS = 96, SCORES = 1500, STATE = 512, MIDDLE = 2048 };

typedef struct rows {
    const am_kernels *k;
    float *x, *y, *gamma, *beta;
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

static void bench_elements(const am_kernels *k, const char *cpu) {
    static const struct {
        const char *name;
        measure_fn *fn;
        int n;
    } kernels[] = { { "softmax_f32", run_softmax, SCORES },
                    { "layernorm_f32", run_layernorm, STATE },
                    { "gelu_f32", run_gelu, MIDDLE } };
    size_t n = (size_t)ROWS * MIDDLE;
    rows r = { k, take(4 * n), take(4 * n), take(4 * STATE), take(4 * STATE) };
    fill(r.gamma, STATE);
    fill(r.beta, STATE);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        fill(r.x, n);
        double speed = 8e-9 * ROWS * kernels[i].n / measure_calls(kernels[i].fn, &r, SECONDS);
        printf("%-7s %-12s %-22s %5d x%6d        %8.2f GB/s\n", cpu, kernels[i].name, "", ROWS, kernels[i].n, speed);
    }
    float *all[] = { r.x, r.y, r.gamma, r.beta };
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
    double top = peak(flags);
    if (top > 0) printf("%-7s peak of one core                                     %8.2f GMAC/s\n", cpu, top);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) bench_product(&k.gemm, cpu, &shapes[i], top);
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
