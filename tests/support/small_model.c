/* See small_model.h.  SPDX-License-Identifier: MIT */
#include "support/small_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/model_writer.h"

static char folder[] = "/tmp/amanuensis-small-model-XXXXXX";

static void remove_folder(void) {
    static const char *const files[] = { "model.bin", "config.json", "vocabulary.txt" };
    char path[sizeof folder + 32];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

am_dims am_small_dims(void) {
    return (am_dims){ .n_mels = 80,
                      .n_vocab = 51865,
                      .n_audio_ctx = 1500,
                      .n_audio_state = 16,
                      .n_audio_head = 2,
                      .n_audio_layer = 1,
                      .n_text_ctx = 448,
                      .n_text_state = 16,
                      .n_text_head = 2,
                      .n_text_layer = 2 };
}

const char *am_small_model_path(void) {
    static int made;
    if (made) return folder;
    if (!mkdtemp(folder)) abort();
    atexit(remove_folder);
    made = 1;
    const am_dims dims = am_small_dims();
    am_weights *w = mw_model_make(&dims, 1);
    mw_write_ctranslate2(w, folder, MW_F16);
    mw_model_free(w);
    return folder;
}
