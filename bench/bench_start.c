/* How long until a model is ready?  One am_model_open(), as the first thing a process does, through the public interface;
 * run it several times for a median.
 *
 *     bench_start MODEL [threads] [cpu] [compute] [FOLDER]       as bench_start base/ 2 avx512 int8 containers
 *
 * 0 threads: one per core; FOLDER: where native containers lie, and are made when missing.
 *
 * SPDX-License-Identifier: MIT */
#include <amanuensis.h>

#include <stdio.h>
#include <string.h>

#include "measure.h"

/* NULL, which is the library's default, for what was left out and for "auto". */
static const char *choice(int argc, char **argv, int i) {
    return argc > i && strcmp(argv[i], "auto") != 0 ? argv[i] : NULL;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: bench_start MODEL [threads] [cpu] [compute] [FOLDER]\n");
        return 1;
    }
    am_model_config cfg;
    am_model_config_init(&cfg);
    cfg.path = argv[1];
    cfg.n_threads = argc > 2 ? atoi(argv[2]) : 0;
    cfg.cpu = choice(argc, argv, 3);
    cfg.compute = choice(argc, argv, 4);
    cfg.container_dir = choice(argc, argv, 5);

    am_model *model;
    am_error err;
    double start = measure_now();
    if (am_model_open(&model, &cfg, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    double opened = measure_now();
    am_model_info info = { .struct_size = sizeof info };
    am_model_info_get(model, &info);
    am_model_close(&model);
    printf("open  %8.2f ms  (%s, %s, %s, %.1f MB of weights)\n", 1e3 * (opened - start), info.format, info.compute,
           info.cpu, 1e-6 * (double)info.weight_bytes);
    printf("close %8.2f ms\n", 1e3 * (measure_now() - opened));
    return 0;
}
