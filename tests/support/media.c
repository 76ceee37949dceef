/* See media.h.  SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#include "support/media.h"

#include "support/check.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SAMPLES = 50000000 };

static char dir[64];

const char *media_dir(void) {
    if (!dir[0]) {
        strcpy(dir, "/tmp/am-test-XXXXXX");
        assert_non_null(mkdtemp(dir));
    }
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    return remove(path);
}

void media_cleanup(void) {
    if (dir[0]) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    dir[0] = '\0';
}

const char *media_path(const char *name) {
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", media_dir(), name);
    return path;
}

bool media_run(const char *fmt, ...) {
    char command[4096];
    int n = snprintf(command, sizeof command, "cd %s && ", media_dir());
    va_list args;
    va_start(args, fmt);
    n += vsnprintf(command + n, sizeof command - (size_t)n, fmt, args);
    va_end(args);
    assert_true(n < (int)sizeof command);
    return system(command) == 0;
}

void media_write(const char *name, const void *bytes, size_t len) {
    FILE *f = fopen(media_path(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

bool media_has_ffmpeg(void) {
    return media_run("ffmpeg -version >/dev/null 2>&1");
}

sound media_read(const char *path, const char *raw, double offset, double duration, size_t piece) {
    sound s = { 0 };
    am_audio_config cfg;
    am_audio_config_init(&cfg);
    cfg.path = path;
    cfg.raw = raw;
    cfg.offset_sec = offset;
    cfg.duration_sec = duration;
    if (!piece) piece = AM_SAMPLE_RATE;
    am_audio *a;
    s.open = am_audio_open(&a, &cfg, &s.error);
    assert_int_equal(s.open, s.error.status);
    assert_true((a != NULL) == (s.open == AM_OK));
    if (s.open != AM_OK) return s;
    s.info.struct_size = sizeof s.info;
    assert_int_equal(am_audio_info_get(a, &s.info), AM_OK);
    s.duration_at_open = s.info.duration_sec;
    size_t cap = 0, n;
    do {
        if (cap - s.n < piece) {
            cap = cap * 2 + piece;
            assert_true(cap < MAX_SAMPLES * 2);
            s.pcm = realloc(s.pcm, cap * sizeof *s.pcm);
            assert_non_null(s.pcm);
        }
        s.end = am_audio_read(a, s.pcm + s.n, piece, &n);
        assert_true(n <= piece && (n > 0) == (s.end == AM_OK));
        for (size_t i = 0; i < n; i++) assert_true(isfinite(s.pcm[s.n + i]));
        s.n += n;
    } while (s.end == AM_OK);
    float x;
    assert_int_equal(am_audio_read(a, &x, 1, &n), s.end); /* and it stays ended */
    assert_int_equal(am_audio_info_get(a, &s.info), AM_OK);
    snprintf(s.container, sizeof s.container, "%s", s.info.container);
    snprintf(s.codec, sizeof s.codec, "%s", s.info.codec);
    s.info.container = s.info.codec = NULL;
    if (s.end != AM_E_END) s.error = *am_audio_error(a);
    am_audio_close(&a);
    assert_null(a);
    return s;
}

sound media_read_pipe(const char *command, const char *raw, double offset, double duration) {
    char full[4096];
    snprintf(full, sizeof full, "cd %s && %s", media_dir(), command);
    FILE *f = popen(full, "r");
    assert_non_null(f);
    int saved = dup(STDIN_FILENO);
    assert_true(dup2(fileno(f), STDIN_FILENO) == STDIN_FILENO);
    sound s = media_read("-", raw, offset, duration, 0);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    } else {
        close(STDIN_FILENO);
    }
    pclose(f);
    return s;
}

sound media_read_f32(const char *path) {
    sound s = { 0 };
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    s.n = (size_t)ftell(f) / sizeof *s.pcm;
    rewind(f);
    s.pcm = malloc(s.n * sizeof *s.pcm + 1);
    assert_int_equal(fread(s.pcm, sizeof *s.pcm, s.n, f), s.n);
    fclose(f);
    return s;
}

double media_correlation(const sound *a, const sound *b) {
    size_t n = a->n < b->n ? a->n : b->n;
    double aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < n; i++) {
        aa += (double)a->pcm[i] * a->pcm[i];
        bb += (double)b->pcm[i] * b->pcm[i];
        ab += (double)a->pcm[i] * b->pcm[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}
