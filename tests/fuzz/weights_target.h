/* What the three harnesses for model files share: a folder with the companions a model needs, and the reading of
 * everything a model that opened claims to have.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_FUZZ_WEIGHTS_TARGET_H
#define AM_FUZZ_WEIGHTS_TARGET_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/weights.h"

enum { FUZZ_TOKENS = 512, FUZZ_ROW_MAX = 1 << 20 };

static inline void fuzz_write(const char *folder, const char *name, const void *bytes, size_t len) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0) abort();
}

static char fuzz_folder_path[] = "/tmp/amanuensis-fuzz-XXXXXX";

static inline void fuzz_remove_folder(void) {
    static const char *const names[] = { "vocabulary.txt", "model.bin", "ggml.bin", "config.json",
                                         "model.safetensors" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", fuzz_folder_path, names[i]);
        unlink(path);
    }
    rmdir(fuzz_folder_path);
}

/* A folder that is made once per process, with a vocabulary of FUZZ_TOKENS tokens. */
static inline const char *fuzz_folder(void) {
    static int made;
    char *folder = fuzz_folder_path;
    if (made) return folder;
    if (!mkdtemp(folder) || atexit(fuzz_remove_folder) != 0) abort();
    char text[FUZZ_TOKENS * 8];
    int len = 0;
    for (int i = 0; i < FUZZ_TOKENS; i++) len += snprintf(text + len, sizeof text - (size_t)len, "t%d\n", i);
    fuzz_write(folder, "vocabulary.txt", text, (size_t)len);
    made = 1;
    return folder;
}

static inline void fuzz_read(const am_weight *w) {
    if (w->n_cols > FUZZ_ROW_MAX) return;
    float *row = malloc((size_t)w->n_cols * sizeof *row);
    if (!row) abort();
    am_weight_read(w, 0, 1, row);
    am_weight_read(w, w->n_rows - 1, 1, row);
    free(row);
}

static inline void fuzz_linear(const am_linear_weights *l) {
    fuzz_read(&l->w);
    fuzz_read(&l->b);
}

/* Open; a failure must have its sentence.  Of what opened, the first and the last row of the roles are read. */
static inline void fuzz_open(const char *path) {
    am_weights *w;
    am_error err;
    am_status status = am_weights_open(&w, path, NULL, &err);
    if (status != AM_OK) {
        if (w || err.status != status || !*err.text) abort();
        return;
    }
    fuzz_linear(&w->conv1);
    fuzz_linear(&w->conv2);
    fuzz_read(&w->audio_positions);
    fuzz_read(&w->token_embedding);
    fuzz_read(&w->text_positions);
    for (int i = 0; i < w->dims.n_audio_layer; i++) {
        fuzz_linear(&w->encoder[i].qkv);
        fuzz_linear(&w->encoder[i].fc1);
        fuzz_linear(&w->encoder[i].fc2);
    }
    for (int i = 0; i < w->dims.n_text_layer; i++) {
        fuzz_linear(&w->decoder[i].qkv);
        fuzz_linear(&w->decoder[i].cross_kv);
        fuzz_linear(&w->decoder[i].fc2);
    }
    am_weights_close(&w);
}

#endif
