/* A stranger's program: uses the header and the library as they were installed, and calls far enough in that every
 * part is linked.
 *
 * SPDX-License-Identifier: MIT */
#include <amanuensis.h>
#include <stdio.h>

int main(void) {
    am_error err = { AM_OK, "" };
    am_audio *audio = NULL;
    am_audio_config audio_cfg;
    am_audio_config_init(&audio_cfg);
    audio_cfg.path = "/nonexistent/recording.wav";
    if (am_audio_open(&audio, &audio_cfg, &err) != AM_E_OPEN || audio || !err.text[0]) return 1;

    am_model *model = NULL;
    am_model_config model_cfg;
    am_model_config_init(&model_cfg);
    model_cfg.path = "/nonexistent/model";
    if (am_model_open(&model, &model_cfg, &err) != AM_E_OPEN || model || !err.text[0]) return 2;
    printf("amanuensis %s\n", am_version());
    return 0;
}
