/* Files for the audio tests: a folder that goes away, commands that fill it, am_audio read whole.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_MEDIA_H
#define AM_TEST_MEDIA_H

#include <stdbool.h>

#include "amanuensis.h"

/* A fresh folder for this program's files; removed by media_cleanup(). */
const char *media_dir(void);
void media_cleanup(void);

/* Run a shell command inside that folder; true when it succeeded. */
bool media_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "<folder>/<name>", valid for eight more calls. */
const char *media_path(const char *name);

void media_write(const char *name, const void *bytes, size_t len);

/* True when the `ffmpeg` command is there. */
bool media_has_ffmpeg(void);

typedef struct sound {
    float *pcm; /* free() it */
    size_t n;
    am_status open, end; /* of am_audio_open(), and what ended the reading */
    am_error error;
    am_audio_info info; /* at the end; its strings are gone.  container and codec are kept below */
    char container[64], codec[32];
    double duration_at_open;
} sound;

/* Read a source whole, `piece` samples at a time (0: 16000), at most 50 million. */
sound media_read(const char *path, const char *raw, double offset, double duration, size_t piece);

/* The same with the output of a shell command as standard input: a true pipe. */
sound media_read_pipe(const char *command, const char *raw, double offset, double duration);

/* Headerless f32 samples of a file of ours or another program's. */
sound media_read_f32(const char *path);

/* Correlation of the samples both have; 0 when one is silent. */
double media_correlation(const sound *a, const sound *b);

#endif
