/* Caches of keys and values, and attention over them, in the two number formats.  The encoder's layers, the text's own
 * past and the decoder's view of the audio all use these.
 *
 * SPDX-License-Identifier: MIT */
#include "backend/cpu_internal.h"

#include <math.h>

static int padded(int n, int to) {
    return (n + to - 1) / to * to;
}

/* Elements of keys, or values, of one head. */
static size_t keys_len(const am_prepared *p, const cpu_kv *kv) {
    if (p->type == CPU_S8) return (size_t)padded(kv->capacity, AM_S8_NR) * padded(kv->head_dim, 4);
    return (size_t)padded(kv->capacity, p->kernels.gemm.nr) * kv->head_dim;
}
static size_t values_len(const am_prepared *p, const cpu_kv *kv) {
    if (p->type == CPU_S8) return (size_t)padded(kv->head_dim, AM_S8_NR) * padded(kv->capacity, 4);
    return (size_t)padded(kv->head_dim, p->kernels.gemm.nr) * kv->capacity;
}
static int scales_len(const cpu_kv *kv) {
    return padded(kv->capacity, AM_S8_NR);
}

static void *take(char *memory, size_t *used, size_t n_bytes) {
    void *piece = memory ? memory + *used : NULL;
    *used += AM_ROUND_UP(n_bytes, AM_ALIGN);
    return piece;
}

size_t am_cpu_kv_take(const am_prepared *p, cpu_kv *kv, int capacity, int n_head, int head_dim, char *memory) {
    size_t used = 0, heads = (size_t)n_head;
    *kv = (cpu_kv){ .capacity = capacity, .n_head = n_head, .head_dim = head_dim };
    size_t element = p->type == CPU_S8 ? 1 : sizeof(float);
    kv->keys = take(memory, &used, heads * keys_len(p, kv) * element);
    kv->values = take(memory, &used, heads * values_len(p, kv) * element);
    if (p->type != CPU_S8) return used;
    size_t n_scales = heads * (size_t)scales_len(kv);
    kv->k_scale = take(memory, &used, n_scales * sizeof *kv->k_scale);
    kv->v_scale = take(memory, &used, n_scales * sizeof *kv->v_scale);
    kv->k_sum = take(memory, &used, n_scales * sizeof *kv->k_sum);
    return used;
}

static void put_float(const am_prepared *p, const cpu_kv *kv, int head, int t, const float *k, const float *v) {
    int nr = p->kernels.gemm.nr, hd = kv->head_dim;
    float *keys = (float *)kv->keys + head * keys_len(p, kv) + (size_t)(t / nr) * nr * hd + t % nr;
    float *values = (float *)kv->values + head * values_len(p, kv) + (size_t)t * nr;
    for (int i = 0; i < hd; i++) {
        keys[(size_t)i * nr] = k[i];
        values[(size_t)(i / nr) * kv->capacity * nr + i % nr] = v[i];
    }
}

/* One head of m positions, quantized in the worker's memory first. */
static void put_s8(const am_prepared *p, const cpu_scratch *s, const cpu_kv *kv, int head, int t, int m, cpu_rows k,
                   cpu_rows v) {
    int hd = kv->head_dim, ld = padded(hd, 4);
    int8_t *keys = (int8_t *)kv->keys + head * keys_len(p, kv),
           *values = (int8_t *)kv->values + head * values_len(p, kv);
    size_t at = (size_t)head * scales_len(kv);
    p->kernels.quantize_s8(s->q, ld, kv->k_scale + at + t, k.data, k.ld, m, hd, 0);
    am_s8_rows rows = { s->q, ld, t, m, hd };
    am_keys_put_s8(keys, kv->k_sum + at, &rows);
    p->kernels.quantize_s8(s->q, ld, kv->v_scale + at + t, v.data, v.ld, m, hd, 0);
    am_values_put_s8(values, padded(kv->capacity, 4), &rows);
}

void am_cpu_kv_put(am_backend *b, int worker, const cpu_kv *kv, int head, int t, int m, cpu_rows k, cpu_rows v) {
    const am_prepared *p = b->model;
    if (p->type == CPU_S8) put_s8(p, &b->scratch[worker], kv, head, t, m, k, v);
    else
        for (int i = 0; i < m; i++) put_float(p, kv, head, t + i, cpu_row(k, i).data, cpu_row(v, i).data);
}

size_t am_cpu_attend_scratch(const am_prepared *p, int m, int n, int head_dim) {
    if (p->type == CPU_S8) return am_attention_s8_scratch(m, n, head_dim);
    return (size_t)m * (n + PAD) * sizeof(float);
}

static void attend_float(am_backend *b, int worker, const cpu_kv *kv, int head, cpu_rows q, int m, int n,
                         cpu_rows out) {
    const am_prepared *p = b->model;
    const am_gemm_desc *gemm = &p->kernels.gemm;
    int hd = kv->head_dim;
    float *scores = b->scratch[worker].attention;
    ptrdiff_t ld_scores = n + PAD;
    gemm->f32(&(am_gemm_args){ .x = q.data,
                               .ldx = q.ld,
                               .w = (float *)kv->keys + head * keys_len(p, kv),
                               .panel_stride = (ptrdiff_t)hd * gemm->nr,
                               .y = scores,
                               .ldy = ld_scores,
                               .m = m,
                               .n = n,
                               .k = hd });
    p->kernels.softmax_f32(scores, ld_scores, m, n, 1.0f / sqrtf((float)hd));
    gemm->f32(&(am_gemm_args){ .x = scores,
                               .ldx = ld_scores,
                               .w = (float *)kv->values + head * values_len(p, kv),
                               .panel_stride = (ptrdiff_t)kv->capacity * gemm->nr,
                               .y = out.data,
                               .ldy = out.ld,
                               .m = m,
                               .n = hd,
                               .k = n });
}

static void attend_s8(am_backend *b, int worker, const cpu_kv *kv, int head, cpu_rows q, int m, int n, cpu_rows out) {
    const am_prepared *p = b->model;
    const cpu_scratch *s = &b->scratch[worker];
    int hd = kv->head_dim, ldq = padded(hd, 4);
    size_t scales = (size_t)head * scales_len(kv);
    p->kernels.quantize_s8(s->q, ldq, s->q_scale, q.data, q.ld, m, hd, p->kernels.gemm_s8.flip);
    am_attention_s8(&p->kernels, &(am_attention_s8_args){ .out = out.data,
                                                          .ldo = out.ld,
                                                          .q = s->q,
                                                          .ldq = ldq,
                                                          .q_scale = s->q_scale,
                                                          .k = (int8_t *)kv->keys + head * keys_len(p, kv),
                                                          .k_scale = kv->k_scale + scales,
                                                          .k_sum = kv->k_sum + scales,
                                                          .v = (int8_t *)kv->values + head * values_len(p, kv),
                                                          .v_scale = kv->v_scale + scales,
                                                          .scratch = s->attention,
                                                          .m = m,
                                                          .n = n,
                                                          .head_dim = hd,
                                                          .v_capacity = padded(kv->capacity, 4),
                                                          .scale = 1.0f / sqrtf((float)hd) });
}

void am_cpu_attend(am_backend *b, int worker, const cpu_kv *kv, int head, cpu_rows q, int m, int n, cpu_rows out) {
    (b->model->type == CPU_S8 ? attend_s8 : attend_float)(b, worker, kv, head, q, m, n, out);
}
