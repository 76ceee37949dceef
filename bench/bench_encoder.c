/* How long does each part of the model take for one window of 30 s?  Medians over `runs` windows after one to warm up,
 * and the multiply-adds a second that means for the encoder.
 *
 *     bench_encoder MODEL [threads] [cpu] [runs] [compute]       as bench_encoder base/ 2 auto 5 int8
 *
 * 0 threads: one per core; compute: int8 (default) or f32.
 *
 * The window is noise: no step of the computation depends on what is said.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "base/cpu.h"
#include "measure.h"

enum { DECODE_STEPS = 256, MAX_RUNS = 100, BATCH = 8 };

typedef struct bench {
    am_weights *weights;
    am_quantized *quantized; /* NULL: f32 */
    am_pool *pool;
    am_prepared *prepared;
    am_backend *backend;
    float *pcm, *mel, *encoded;
    double mel_sec[MAX_RUNS], encode_sec[MAX_RUNS], cross_sec[MAX_RUNS], decode_sec[MAX_RUNS * DECODE_STEPS],
        batch_sec[MAX_RUNS * DECODE_STEPS];
} bench;

static void make_noise(float *pcm, int n) {
    uint32_t state = 1;
    for (int i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        pcm[i] = (float)(int32_t)state * 0x1p-33f;
    }
}

/* Multiply-adds of the encoder for one window: both convolutions, the linear layers, both products of attention. */
static double encoder_macs(const am_dims *d) {
    double n = d->n_audio_state, ctx = d->n_audio_ctx;
    double convolutions = 2 * ctx * 3 * d->n_mels * n + ctx * 3 * n * n;
    double layer = ctx * 12 * n * n + 2 * ctx * ctx * n;
    return convolutions + d->n_audio_layer * layer;
}

static am_status open_bench(bench *b, const char *path, int n_threads, const char *cpu, bool is_int8, am_error *err) {
    am_prepare_config cfg = { 0 };
    am_status status = am_cpu_mask(cpu, &cfg.cpu_flags, err);
    if (!status) status = am_pool_open(&b->pool, n_threads, err);
    if (!status) status = am_weights_open(&b->weights, path, NULL, err);
    if (status) return status;
    cfg.pool = b->pool;
    double start = measure_now();
    if (is_int8) status = am_quantized_make(&b->quantized, b->weights, b->pool, err);
    if (status) return status;
    if (is_int8) cfg.quantized = b->quantized;
    else cfg.weights = b->weights;
    status = am_backend_cpu.prepare(&b->prepared, &cfg, err);
    if (!status) status = am_backend_cpu.open(&b->backend, b->prepared, b->pool, BATCH, err);
    if (status) return status;
    printf("%s, %s, %d threads: prepared %.1f MB of weights in %.0f ms\n", am_cpu_name(cfg.cpu_flags),
           is_int8 ? "int8" : "f32", am_pool_n_threads(b->pool),
           1e-6 * (double)am_backend_cpu.prepared_bytes(b->prepared), 1e3 * (measure_now() - start));
    const am_dims *d = &b->weights->dims;
    b->pcm = malloc(sizeof *b->pcm * AM_WINDOW_SAMPLES);
    b->mel = malloc(sizeof *b->mel * AM_WINDOW_FRAMES * d->n_mels);
    b->encoded = malloc(sizeof *b->encoded * d->n_audio_ctx * d->n_audio_state);
    if (!b->pcm || !b->mel || !b->encoded) return am_fail_nomem(err, "a window", AM_WINDOW_SAMPLES * 4);
    make_noise(b->pcm, AM_WINDOW_SAMPLES);
    return AM_OK;
}

static void close_bench(bench *b) {
    am_backend_cpu.close(&b->backend);
    am_backend_cpu.release(&b->prepared);
    am_quantized_close(&b->quantized);
    am_weights_close(&b->weights);
    am_pool_close(&b->pool);
    float *all[] = { b->pcm, b->mel, b->encoded };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* The same steps for the first n_slots windows together; seconds of each. */
static am_status decode(bench *b, int n_slots, double *seconds, am_error *err) {
    am_status status = AM_OK;
    for (int i = 0; !status && i < DECODE_STEPS; i++) {
        am_decode_row rows[BATCH];
        for (int slot = 0; slot < n_slots; slot++)
            rows[slot] = (am_decode_row){ .slot = slot, .token = 1000 + i, .position = i, .wants_logits = true };
        double start = measure_now();
        status = am_backend_cpu.decode(b->backend, rows, n_slots, err);
        seconds[i] = measure_now() - start;
    }
    return status;
}

/* One window; its times become number `run`. */
static am_status run_window(bench *b, int run, am_error *err) {
    double t0 = measure_now();
    am_status status = am_backend_cpu.mel(b->backend, b->pcm, AM_WINDOW_SAMPLES, b->mel, err);
    double t1 = measure_now();
    if (!status) status = am_backend_cpu.encode(b->backend, b->mel, b->encoded, err);
    double t2 = measure_now();
    if (!status) status = am_backend_cpu.cross_kv(b->backend, b->encoded, 0, err);
    double t3 = measure_now();
    b->mel_sec[run] = t1 - t0;
    b->encode_sec[run] = t2 - t1;
    b->cross_sec[run] = t3 - t2;
    for (int slot = 1; !status && slot < BATCH; slot++)
        status = am_backend_cpu.cross_kv(b->backend, b->encoded, slot, err);
    if (!status) status = decode(b, 1, b->decode_sec + run * DECODE_STEPS, err);
    if (!status) status = decode(b, BATCH, b->batch_sec + run * DECODE_STEPS, err);
    return status;
}

static int fail(bench *b, const am_error *err) {
    fprintf(stderr, "%s\n", err->text);
    close_bench(b);
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: bench_encoder MODEL [threads] [cpu] [runs] [compute]\n");
        return 1;
    }
    static bench b;
    am_error err;
    int n_runs = argc > 4 ? atoi(argv[4]) : 5;
    if (n_runs < 1 || n_runs > MAX_RUNS) n_runs = 5;
    bool is_int8 = argc < 6 || strcmp(argv[5], "f32") != 0;
    int n_threads = argc > 2 ? atoi(argv[2]) : 0;
    if (open_bench(&b, argv[1], n_threads, argc > 3 ? argv[3] : NULL, is_int8, &err)) return fail(&b, &err);
    for (int run = -1; run < n_runs; run++) { /* the first one is overwritten */
        if (run_window(&b, run < 0 ? 0 : run, &err)) return fail(&b, &err);
    }
    double encode = measure_median(b.encode_sec, n_runs);
    printf("mel      %8.2f ms\n", 1e3 * measure_median(b.mel_sec, n_runs));
    printf("encode   %8.2f ms  %.1f GMAC/s\n", 1e3 * encode, 1e-9 * encoder_macs(&b.weights->dims) / encode);
    printf("cross_kv %8.2f ms\n", 1e3 * measure_median(b.cross_sec, n_runs));
    printf("decode   %8.3f ms a token\n", 1e3 * measure_median(b.decode_sec, n_runs * DECODE_STEPS));
    printf("decode%d  %8.3f ms a token, %d windows together\n", BATCH,
           1e3 * measure_median(b.batch_sec, n_runs * DECODE_STEPS) / BATCH, BATCH);
    close_bench(&b);
    return 0;
}
