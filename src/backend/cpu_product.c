/* Products of the CPU backend: rows times weights of any type, by one worker or split over the pool by output channels.
 *
 * SPDX-License-Identifier: MIT */
#include "backend/cpu_internal.h"

cpu_operand am_cpu_operand(const am_prepared *p, cpu_type type, cpu_rows x, int m, int k, cpu_bytes bytes) {
    cpu_operand operand = { .x = x, .m = m };
    if (type != CPU_S8) return operand;
    p->kernels.quantize_s8(bytes.q, bytes.ldq, bytes.scale, x.data, x.ld, m, k, p->kernels.gemm_s8.flip);
    operand.q = bytes.q;
    operand.ldq = bytes.ldq;
    operand.scale = bytes.scale;
    return operand;
}

cpu_operand am_cpu_fine_operand(const am_prepared *p, cpu_type type, cpu_rows x, int m, int k, cpu_bytes bytes,
                                float *rest) {
    cpu_operand operand = { .x = x, .m = m };
    if (type != CPU_S8) return operand;
    int flip = p->kernels.gemm_s8.flip;
    int8_t *q_rest = bytes.q + m * bytes.ldq;
    float *scale_rest = bytes.scale + m;
    p->kernels.quantize_s8(bytes.q, bytes.ldq, bytes.scale, x.data, x.ld, m, k, flip);
    for (int row = 0; row < m; row++) {
        const float *from = cpu_row(x, row).data;
        const int8_t *q = bytes.q + row * bytes.ldq;
        float scale = bytes.scale[row];
        for (int i = 0; i < k; i++) rest[i] = from[i] - scale * (float)(int8_t)(q[i] ^ flip);
        p->kernels.quantize_s8(q_rest + row * bytes.ldq, bytes.ldq, scale_rest + row, rest, k, 1, k, flip);
    }
    return (cpu_operand){ x, bytes.q, q_rest, bytes.ldq, bytes.scale, scale_rest, m };
}

/* Some rows and some output channels of a product; column0 is a multiple of the panel's width. */
typedef struct piece {
    int row0, m, column0, n;
} piece;

static void multiply_bytes(am_backend *b, int worker, const cpu_linear *l, const cpu_operand *x, cpu_rows y,
                           cpu_finish finish, piece at) {
    ptrdiff_t panel_stride = (ptrdiff_t)AM_ROUND_UP(l->k, 4) * AM_S8_NR;
    float *out = y.data + at.row0 * y.ld + at.column0;
    b->model->kernels.gemm_s8.fn(&(am_gemm_s8_args){ .y = out,
                                                     .ldy = y.ld,
                                                     .x = x->q + at.row0 * x->ldq,
                                                     .ldx = x->ldq,
                                                     .x_scale = x->scale + at.row0,
                                                     .w = (const int8_t *)l->w + at.column0 / AM_S8_NR * panel_stride,
                                                     .w_scale = l->scale + at.column0,
                                                     .w_sum = l->sum + at.column0,
                                                     .panel_stride = panel_stride,
                                                     .bias = l->b ? l->b + at.column0 : NULL,
                                                     .residual = finish == CPU_ADD ? out : NULL,
                                                     .ldr = y.ld,
                                                     .scratch = b->scratch[worker].gemm,
                                                     .m = at.m,
                                                     .n = at.n,
                                                     .k = l->k,
                                                     .flip = b->model->kernels.gemm_s8.flip,
                                                     .gelu = finish == CPU_GELU });
}

/* Both parts of a fine operand one after the other, while the weights are in cache; GELU comes last. */
static void multiply_s8(am_backend *b, int worker, const cpu_linear *l, const cpu_operand *x, cpu_rows y,
                        cpu_finish finish, piece at) {
    if (!x->q_rest) {
        multiply_bytes(b, worker, l, x, y, finish, at);
        return;
    }
    cpu_operand rest = { .q = x->q_rest, .ldq = x->ldq, .scale = x->scale_rest, .m = x->m };
    cpu_linear no_bias = *l;
    no_bias.b = NULL;
    multiply_bytes(b, worker, l, x, y, finish == CPU_GELU ? CPU_STORE : finish, at);
    multiply_bytes(b, worker, &no_bias, &rest, y, CPU_ADD, at);
    for (int row = at.row0; finish == CPU_GELU && row < at.row0 + at.m; row++) {
        float *out = cpu_row(y, row).data + at.column0;
        b->model->kernels.gelu_f32(out, out, at.n);
    }
}

static void multiply_float(am_backend *b, int worker, const cpu_linear *l, const cpu_operand *x, cpu_rows y,
                           cpu_finish finish, piece at) {
    const am_gemm_desc *gemm = &b->model->kernels.gemm;
    ptrdiff_t panel_stride = (ptrdiff_t)gemm->nr * l->k;
    size_t offset = (size_t)(at.column0 / gemm->nr) * (size_t)panel_stride * (l->type == CPU_F16 ? 2 : 4);
    float *out = y.data + at.row0 * y.ld + at.column0;
    am_gemm_args args = { .y = out,
                          .ldy = y.ld,
                          .x = x->x.data + at.row0 * x->x.ld,
                          .ldx = x->x.ld,
                          .w = (const char *)l->w + offset,
                          .panel_stride = panel_stride,
                          .bias = l->b ? l->b + at.column0 : NULL,
                          .residual = finish == CPU_ADD ? out : NULL,
                          .ldr = y.ld,
                          .scratch = b->scratch[worker].gemm,
                          .m = at.m,
                          .n = at.n,
                          .k = l->k,
                          .gelu = finish == CPU_GELU };
    (l->type == CPU_F16 ? gemm->f16 : gemm->f32)(&args);
}

static void multiply(am_backend *b, int worker, const cpu_linear *l, const cpu_operand *x, cpu_rows y,
                     cpu_finish finish, piece at) {
    (l->type == CPU_S8 ? multiply_s8 : multiply_float)(b, worker, l, x, y, finish, at);
}

void am_cpu_multiply(am_backend *b, int worker, const cpu_linear *l, const cpu_operand *x, cpu_rows y,
                     cpu_finish finish) {
    multiply(b, worker, l, x, y, finish, (piece){ 0, x->m, 0, l->n });
}

typedef struct split_job {
    am_backend *b;
    const cpu_linear *linear;
    const cpu_operand *x;
    cpu_rows y;
    cpu_finish finish;
    int width; /* output channels a task */
} split_job;

static void split_task(void *arg, int task, int worker) {
    const split_job *job = arg;
    int column0 = task * job->width, left = job->linear->n - column0;
    multiply(job->b, worker, job->linear, job->x, job->y, job->finish,
             (piece){ 0, job->x->m, column0, left < job->width ? left : job->width });
}

/* Tasks of about this many multiply-adds: some tens of microseconds, large against the cost of handing one out, and a
 * multiple of what the widest register tile takes at once. */
#define TASK_MACS 1500000
#define TASK_WIDTH 384

void am_cpu_multiply_split(am_backend *b, const cpu_linear *l, const cpu_operand *x, cpu_rows y, cpu_finish finish) {
    int64_t widths = TASK_MACS / ((int64_t)x->m * l->k * TASK_WIDTH);
    int width = widths < 1 ? TASK_WIDTH : (int)widths * TASK_WIDTH;
    split_job job = { b, l, x, y, finish, width };
    am_pool_run(b->pool, split_task, &job, (l->n + width - 1) / width);
}
