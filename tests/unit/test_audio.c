/* am_audio on real containers: what the `ffmpeg` program encodes at test time is read back and compared with ffmpeg's
 * own decoding to 16 kHz mono.  Then channels and rates, pipes, offsets to the bit, samples that are no numbers, and
 * memory that does not grow with the length.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "audio/source.h"
#include "support/media.h"

#define FF "ffmpeg -nostdin -y -loglevel error "
#define SPEECH AM_SOURCE_DIR "/data/sense-and-sensibility.wav"
#define VIDEO " -f lavfi -i testsrc2=s=96x64:d=7.1:r=10 "
#define NEEDS_FFMPEG                                                                                                   \
    if (!media_has_ffmpeg()) skip()

static bool with_ffmpeg(void) {
#ifdef AM_WITH_FFMPEG
    return true;
#else
    return false;
#endif
}

static int teardown(void **state) {
    media_cleanup();
    return 0;
}

/* The speech in both channels of a 44.1 kHz stereo file, with a tone on the right, so that mixing shows. */
static void make_stereo(void) {
    assert_true(media_run(FF "-i '%s' -f lavfi -i sine=300:d=7.1:r=44100 -filter_complex "
                             "'[0:a]aresample=44100,asplit[a][b];[b][1:a]amix=2:normalize=0[c];[a][c]join=2:stereo' "
                             "-c:a pcm_s16le stereo.wav",
                          SPEECH));
}

/* ffmpeg's own decoding, mixed as we mix. */
static sound by_ffmpeg(const char *name, int n_channels) {
    char pan[512] = "pan=mono|c0=";
    for (int c = 0; c < n_channels; c++)
        snprintf(pan + strlen(pan), sizeof pan - strlen(pan), "%s%.9f*c%d", c ? "+" : "", 1.0 / n_channels, c);
    assert_true(media_run(FF "-i %s -map 0:a:0 -af '%s' -ar 16000 -f f32le by_ffmpeg.f32", name, pan));
    return media_read_f32(media_path("by_ffmpeg.f32"));
}

static void compare_with_ffmpeg(const char *name, int n_channels, const char *container, const char *codec) {
    sound a = media_read(media_path(name), NULL, 0, 0, 0), b = by_ffmpeg(name, n_channels);
    double corr = media_correlation(&a, &b);
    printf("  %-12s %-24s %-10s %zu samples (ffmpeg %zu), correlation %.6f, duration %.3f\n", name, a.container,
           a.codec, a.n, b.n, corr, a.duration_at_open);
    if (a.open != AM_OK || a.end != AM_E_END) printf("  %s\n", a.error.text);
    assert_int_equal(a.open, AM_OK);
    assert_int_equal(a.end, AM_E_END);
    assert_true(llabs((long long)a.n - (long long)b.n) <= 2);
    assert_true(corr > 0.999); /* a shift by one sample already costs more */
    assert_int_equal(a.info.n_channels, n_channels);
    assert_non_null(strstr(a.container, container));
    assert_string_equal(a.codec, codec);
    free(a.pcm), free(b.pcm);
}

/* ---- Containers --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *options, *container, *codec;
    int n_channels;
    bool video;
} containers[] = {
    { "a.mp3", "-c:a libmp3lame -b:a 64k", "mp3", "mp3", 2, false },
    { "a.flac", "-c:a flac", "flac", "flac", 2, false },
    { "24.flac", "-c:a flac -sample_fmt s32", "flac", "flac", 2, false },
    { "a.ogg", "-c:a libvorbis", "ogg", "vorbis", 2, false },
    { "a.opus", "-c:a libopus -b:a 48k", "ogg", "opus", 2, false },
    { "a.m4a", "-c:a aac -b:a 96k", "mp4", "aac", 2, false },
    { "alac.m4a", "-c:a alac", "mp4", "alac", 2, false },
    { "v.mp4", "-c:v mpeg4 -c:a aac -b:a 96k", "mp4", "aac", 2, true },
    { "v.webm", "-c:v libvpx -b:v 50k -c:a libopus -b:a 48k", "webm", "opus", 2, true },
    { "v.mkv", "-c:v mpeg4 -c:a flac", "matroska", "flac", 2, true },
    { "v.avi", "-c:v mpeg4 -c:a libmp3lame", "avi", "mp3", 2, true },
    { "v.ts", "-c:v mpeg2video -c:a aac", "mpegts", "aac", 2, true },
    { "a.aac", "-c:a aac -b:a 96k", "aac", "aac", 2, false },
    { "a.wma", "-c:a wmav2 -b:a 96k", "asf", "wmav2", 2, false },
    { "a.aiff", "-c:a pcm_s16be", "aiff", "pcm_s16be", 2, false },
    { "a.au", "-c:a pcm_s16be", "au", "pcm_s16be", 2, false },
    { "a.caf", "-c:a pcm_s24le", "caf", "pcm_s24le", 2, false },
    { "a.w64", "-c:a pcm_s32le", "w64", "pcm_s32le", 2, false },
    { "adpcm.wav", "-c:a adpcm_ms", "wav", "adpcm_ms", 2, false },
    { "a.ac3", "-c:a ac3", "ac3", "ac3", 2, false },
    { "a.amr", "-ar 8000 -ac 1 -c:a libopencore_amrnb", "amr", "amr_nb", 1, false },
};

static void every_container(void **state) {
    NEEDS_FFMPEG;
    if (!with_ffmpeg()) skip();
    make_stereo();
    int n = 0, n_all = sizeof containers / sizeof containers[0];
    for (int i = 0; i < n_all; i++) {
        if (!media_run(FF "-i stereo.wav %s %s %s 2>/dev/null", containers[i].video ? VIDEO : "", containers[i].options,
                       containers[i].name)) {
            printf("  %s left out: this ffmpeg does not make it\n", containers[i].name);
            continue;
        }
        compare_with_ffmpeg(containers[i].name, containers[i].n_channels, containers[i].container, containers[i].codec);
        n++;
    }
    assert_true(n >= 15);
}

/* No free encoder for AMR is packaged, but any bits are a valid frame: 2 s of noise at 12.2 kbit/s. */
static void amr(void **state) {
    NEEDS_FFMPEG;
    if (!with_ffmpeg()) skip();
    unsigned char file[6 + 100 * 32] = "#!AMR\n";
    uint32_t x = 7;
    for (int i = 0; i < 100 * 32; i++)
        file[6 + i] = i % 32 ? (unsigned char)((x = x * 1664525u + 1013904223u) >> 24) : 0x3c;
    file[6 + 100 * 32 - 1] &= 0xf0; /* the padding bits */
    media_write("noise.amr", file, sizeof file);
    compare_with_ffmpeg("noise.amr", 1, "amr", "amr_nb");
}

static void channels_and_rates(void **state) {
    NEEDS_FFMPEG;
    static const int rates[] = { 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000 };
    for (int i = 0; i < 8; i++) {
        int n_channels = i + 1;
        /* Every channel gets a tone of its own loudness. */
        assert_true(
            media_run(FF "-f lavfi -i "
                         "'aevalsrc=exprs=0.5*sin(2*PI*200*t)%s%s%s%s%s%s%s:d=1.5:s=%d' -c:a pcm_s24le many.wav",
                      n_channels > 1 ? "|0.1*sin(2*PI*310*t)" : "", n_channels > 2 ? "|0.3*sin(2*PI*430*t)" : "",
                      n_channels > 3 ? "|0.2*sin(2*PI*570*t)" : "", n_channels > 4 ? "|0.4*sin(2*PI*640*t)" : "",
                      n_channels > 5 ? "|0.6*sin(2*PI*750*t)" : "", n_channels > 6 ? "|0.1*sin(2*PI*810*t)" : "",
                      n_channels > 7 ? "|0.7*sin(2*PI*940*t)" : "", rates[i]));
        compare_with_ffmpeg("many.wav", n_channels, "wav", "pcm_s24le");
        if (!with_ffmpeg()) continue;
        assert_true(media_run(FF "-i many.wav -sample_fmt s32 many.flac"));
        compare_with_ffmpeg("many.flac", n_channels, "flac", "flac");
    }
}

/* Our WAV reader and FFmpeg's give the same floats. */
static void wav_agrees_with_ffmpeg(void **state) {
    NEEDS_FFMPEG;
    if (!with_ffmpeg()) skip();
    static const char *const codecs[] = { "pcm_u8",    "pcm_s16le", "pcm_s24le", "pcm_s32le",
                                          "pcm_f32le", "pcm_f64le", "pcm_alaw",  "pcm_mulaw" };
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        assert_true(
            media_run(FF "-i '%s' -t 1 -af aresample=osf=flt -ar 22050 -ac 2 -c:a %s c.wav", SPEECH, codecs[i]));
        am_input *in[2];
        am_source *s[2];
        for (int k = 0; k < 2; k++) {
            assert_int_equal(am_input_open(&in[k], media_path("c.wav"), (am_input_cancel){ 0 }, NULL), AM_OK);
            assert_int_equal((k ? am_decode_open : am_wav_open)(&s[k], in[k], NULL, NULL), AM_OK);
        }
        static float x[2][60000];
        size_t n[2] = { 0 };
        for (int k = 0; k < 2; k++) {
            size_t got;
            while (s[k]->ops->read(s[k], x[k] + n[k], 4096, &got, NULL) == AM_OK) n[k] += got * 2;
            assert_string_equal(s[k]->codec, codecs[i]);
            assert_int_equal(s[k]->n_frames * 2, n[k]);
            s[k]->ops->close(s[k]);
            am_input_close(&in[k]);
        }
        assert_int_equal(n[0], 44100);
        assert_int_equal(n[0], n[1]);
        assert_memory_equal(x[0], x[1], n[0] * sizeof(float));
    }
}

/* ---- Pipes, offsets ----------------------------------------------------------------------------------------- */

static void check_same(sound *a, sound *b) {
    assert_int_equal(a->open, AM_OK);
    assert_int_equal(b->open, AM_OK);
    assert_int_equal(a->end, AM_E_END);
    assert_int_equal(b->end, AM_E_END);
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->pcm, b->pcm, a->n * sizeof(float));
    free(a->pcm), free(b->pcm);
}

static void standard_input(void **state) {
    NEEDS_FFMPEG;
    make_stereo();
    static const char *const files[] = { "stereo.wav", "a.flac", "a.ogg", "a.opus",    "a.aac",
                                         "v.webm",     "v.mkv",  "a.wma", "front.mp4", "adpcm.wav" };
    assert_true(media_run(FF "-i stereo.wav -c:a aac -movflags +faststart front.mp4"));
    int n_all = with_ffmpeg() ? sizeof files / sizeof files[0] : 1;
    for (int i = 0; i < n_all; i++) {
        if (!media_run("test -f %s", files[i])) continue;
        char command[64];
        snprintf(command, sizeof command, "cat %s", files[i]);
        sound a = media_read(media_path(files[i]), NULL, 0, 0, 1), b = media_read_pipe(command, NULL, 0, 0);
        check_same(&a, &b);
    }
    if (with_ffmpeg() && media_run("test -f a.mp3")) {
        /* From a pipe FFmpeg does not cut the encoder's padding off the end of an MP3 (less than a frame of 1152): the
         * rest is the same, but for the reach of the resampling filter before the end. */
        sound a = media_read(media_path("a.mp3"), NULL, 0, 0, 0), b = media_read_pipe("cat a.mp3", NULL, 0, 0);
        assert_true(b.end == AM_E_END && b.n >= a.n && b.n - a.n < 1152 * 16000 / 44100);
        assert_memory_equal(a.pcm, b.pcm, (a.n - 200) * sizeof(float));
        free(a.pcm), free(b.pcm);
    }
    /* What programs write that cannot go back to their header, and samples without one. */
    sound a = media_read(media_path("stereo.wav"), NULL, 0, 0, 0);
    sound b = media_read_pipe(FF "-i stereo.wav -f wav - | cat", NULL, 0, 0);
    assert_true(b.duration_at_open < 0);
    check_same(&a, &b);
    a = media_read(media_path("stereo.wav"), NULL, 0, 0, 0);
    b = media_read_pipe(FF "-i stereo.wav -f s16le - | cat", "s16le,44100,2", 0, 0);
    check_same(&a, &b);
    /* A file as standard input */
    assert_non_null(freopen(media_path("stereo.wav"), "rb", stdin));
    a = media_read(media_path("stereo.wav"), NULL, 0, 0, 0);
    b = media_read("-", NULL, 0, 0, 0);
    assert_true(fabs(b.duration_at_open - 7.1) < 0.01);
    check_same(&a, &b);
}

/* A piece is bit for bit what a reader from the start gets there. */
static void offset_and_duration(void **state) {
    NEEDS_FFMPEG;
    make_stereo();
    static const char *const files[] = { "stereo.wav", "odd.wav", "low.wav", "a.flac", "a.mp3" };
    static const double times[][2] = { { 0, 1 },   { 1, 0 },       { 1.2345, 0.777 }, { 0.00001, 2 },
                                       { 7.0, 5 }, { 3.33333, 0 }, { 0.01, 0.001 },   { 6.999, 0.05 } };
    assert_true(media_run(FF "-i stereo.wav -af asetrate=44101 -c:a pcm_s16le odd.wav"));
    assert_true(media_run(FF "-i stereo.wav -ar 11025 -c:a pcm_s16le low.wav"));
    for (size_t f = 0; f < (with_ffmpeg() ? 5 : 3); f++) {
        sound all = media_read(media_path(files[f]), NULL, 0, 0, 0);
        assert_int_equal(all.end, AM_E_END);
        for (size_t t = 0; t < sizeof times / sizeof times[0]; t++) {
            size_t first = (size_t)llround(times[t][0] * 16000), n = (size_t)llround(times[t][1] * 16000);
            if (n == 0 || n > all.n - first) n = all.n - first;
            char command[64];
            snprintf(command, sizeof command, "cat %s", files[f]);
            for (int pipe = 0; pipe < (strcmp(files[f], "a.mp3") ? 2 : 1); pipe++) {
                sound s = pipe ? media_read_pipe(command, NULL, times[t][0], times[t][1])
                               : media_read(media_path(files[f]), NULL, times[t][0], times[t][1], 0);
                assert_int_equal(s.end, AM_E_END);
                assert_int_equal(s.n, n);
                assert_memory_equal(s.pcm, all.pcm + first, n * sizeof(float));
                if (!pipe) assert_true(fabs(s.duration_at_open - (double)n / 16000) < 0.1);
                free(s.pcm);
            }
        }
        free(all.pcm);
    }
    sound s = media_read(SPEECH, NULL, 100, 0, 0);
    assert_true(s.open == AM_OK && s.end == AM_E_NO_AUDIO);
    assert_non_null(strstr(s.error.text, "no audio after 100 s: it is 7.100 s long"));
    free(s.pcm);
    static const double silly[][2] = { { -1, 0 }, { 0, -1 }, { NAN, 0 }, { 0, NAN }, { INFINITY, 0 }, { 0, 1e10 } };
    for (size_t i = 0; i < sizeof silly / sizeof silly[0]; i++)
        assert_int_equal(media_read(SPEECH, NULL, silly[i][0], silly[i][1], 0).open, AM_E_ARG);
}

/* AAC that turns from 44.1 kHz stereo to 22.05 kHz mono in the middle: each part as if alone. */
static void rate_changes_on_the_way(void **state) {
    NEEDS_FFMPEG;
    if (!with_ffmpeg()) skip();
    make_stereo();
    assert_true(media_run(
        FF "-i stereo.wav -t 3 -c:a aac -b:a 96k one.aac && " FF
           "-i stereo.wav -ss 3 -ar 22050 -ac 1 -c:a aac -b:a 96k two.aac && cat one.aac two.aac > both.aac"));
    sound one = media_read(media_path("one.aac"), NULL, 0, 0, 0),
          two = media_read(media_path("two.aac"), NULL, 0, 0, 0);
    sound both = media_read(media_path("both.aac"), NULL, 0, 0, 0);
    assert_int_equal(both.end, AM_E_END);
    assert_true(llabs((long long)both.n - (long long)(one.n + two.n)) <= 2);
    sound rest = { .pcm = both.pcm + one.n, .n = both.n - one.n };
    assert_true(media_correlation(&both, &one) > 0.99);
    assert_true(media_correlation(&rest, &two) > 0.99);
    assert_int_equal(both.info.sample_rate, 22050);
    /* and an offset behind the change */
    sound late = media_read(media_path("both.aac"), NULL, 5, 0, 0);
    assert_int_equal(late.n, both.n - 5 * 16000);
    assert_memory_equal(late.pcm, both.pcm + 5 * 16000, late.n * sizeof(float));
    free(one.pcm), free(two.pcm), free(both.pcm), free(late.pcm);
}

/* ---- Samples ------------------------------------------------------------------------------------------------ */

static void not_a_number(void **state) {
    float x[200];
    for (int i = 0; i < 200; i++) x[i] = 0.25f;
    x[10] = NAN, x[21] = INFINITY, x[32] = -INFINITY;
    x[40] = x[41] = 3e38f; /* a number, if a strange one */
    media_write("nan.f32", x, sizeof x);
    sound s = media_read(media_path("nan.f32"), "f32le,16000,2", 0, 0, 0);
    assert_true(s.end == AM_E_END && s.n == 100);
    assert_int_equal(s.info.n_nonfinite, 3);
    assert_true(s.pcm[0] == 0.25f && s.pcm[5] == 0.125f && s.pcm[10] == 0.125f && s.pcm[16] == 0.125f);
    free(s.pcm);
    s = media_read(media_path("nan.f32"), "f32le,44100,1", 0, 0, 0);
    assert_true(s.end == AM_E_END && s.n == 73);
    free(s.pcm);
}

static void ten_milliseconds_and_one_sample(void **state) {
    int16_t x[160] = { 100 };
    media_write("short.s16", x, sizeof x);
    sound s = media_read(media_path("short.s16"), "s16le,16000,1", 0, 0, 0);
    assert_true(s.end == AM_E_END && s.n == 160);
    free(s.pcm);
    media_write("one.s16", x, 2);
    s = media_read(media_path("one.s16"), "s16le,768000,1", 0, 0, 0);
    assert_true(s.end == AM_E_END && s.n == 1);
    free(s.pcm);
}

/* Two hours through a pipe, in the memory of one second. */
static void memory_is_flat(void **state) {
    enum { HOURS = 2 };
    am_audio_config cfg;
    am_audio_config_init(&cfg);
    char command[200];
    snprintf(
        command, sizeof command,
        "printf 'RIFF\\377\\377\\377\\377WAVEfmt \\020\\0\\0\\0\\001\\0\\001\\0\\200\\076\\0\\0\\0\\175\\0\\0\\002\\0"
        "\\020\\0data\\377\\377\\377\\377'; head -c %d /dev/zero",
        HOURS * 3600 * 32000);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    char link[64];
    snprintf(link, sizeof link, "/dev/fd/%d", fileno(f));
    cfg.path = link;
    am_audio *a;
    am_error err;
    assert_int_equal(am_audio_open(&a, &cfg, &err), AM_OK);
    static float pcm[16000];
    struct rusage before, after;
    size_t n, total = 0;
    am_status status;
    while ((status = am_audio_read(a, pcm, 16000, &n)) == AM_OK) {
        if (total < 16000 * 60 && total + n >= 16000 * 60) getrusage(RUSAGE_SELF, &before);
        total += n;
    }
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(status, AM_E_END);
    assert_int_equal(total, HOURS * 3600 * 16000);
    printf("  peak after a minute %ld KB, after %d hours %ld KB\n", before.ru_maxrss, HOURS, after.ru_maxrss);
    assert_true(after.ru_maxrss - before.ru_maxrss < 1024);
    am_audio_close(&a);
    pclose(f);
}

/* A film whose sound begins two seconds late: times count from the film's beginning, as a player shows them. */
static void sound_that_begins_late(void **state) {
    if (!media_has_ffmpeg()) skip();
    enum { LATE = 2 * AM_SAMPLE_RATE, SOUND = 3 * AM_SAMPLE_RATE };
    static const char *const names[] = { "late.mkv", "late.mp4" };
    for (int i = 0; i < 2; i++) {
        if (!media_run(FF
                       "-f lavfi -i color=s=64x64:d=6:r=10 -itsoffset 2 -f lavfi -i sine=d=3:r=16000 -map 0:v -map 1:a "
                       "-c:v mpeg4 -c:a aac %s",
                       names[i]))
            skip();
        sound s = media_read(media_path(names[i]), NULL, 0, 0, 0);
        assert_int_equal(s.end, AM_E_END);
        assert_true(s.n > LATE + SOUND - 3000 && s.n < LATE + SOUND + 3000);
        float loudest = 0;
        for (int k = 0; k < LATE - 3000; k++) loudest = fmaxf(loudest, fabsf(s.pcm[k]));
        assert_true(loudest < 1e-4f);
        loudest = 0;
        for (int k = LATE; k < LATE + 3000; k++) loudest = fmaxf(loudest, fabsf(s.pcm[k]));
        assert_true(loudest > 0.05f);
        free(s.pcm);
        sound later = media_read(media_path(names[i]), NULL, 2.5, 0, 0);
        assert_true(fabs((double)later.n - (double)(s.n - LATE - AM_SAMPLE_RATE / 2)) < 2);
        free(later.pcm);
    }
}

static int waits_left;

static int cancel_after_two(void *cookie) {
    return --waits_left < 0;
}

/* A pipe that stays open and silent: without a way out, a reader waits for ever. */
static void cancels_a_stalled_pipe(void **state) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char path[64];
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    static const short samples[8000];
    assert_int_equal(write(ends[1], samples, sizeof samples), sizeof samples);
    am_audio_config cfg;
    am_audio_config_init(&cfg);
    cfg.path = path;
    cfg.raw = "s16le,16000,1";
    cfg.is_cancelled = cancel_after_two;
    waits_left = 1000;
    am_audio *audio;
    assert_int_equal(am_audio_open(&audio, &cfg, NULL), AM_OK);
    static float pcm[16000];
    size_t n, total = 0;
    am_status status;
    waits_left = 2;
    while ((status = am_audio_read(audio, pcm, 16000, &n)) == AM_OK) total += n;
    assert_int_equal(status, AM_E_CANCELLED);
    assert_int_equal(am_audio_error(audio)->status, AM_E_CANCELLED);
    assert_true(total <= 8000);
    am_audio_close(&audio);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancels_a_stalled_pipe),
        cmocka_unit_test(sound_that_begins_late),
        cmocka_unit_test(memory_is_flat),
        cmocka_unit_test(every_container),
        cmocka_unit_test(amr),
        cmocka_unit_test(channels_and_rates),
        cmocka_unit_test(wav_agrees_with_ffmpeg),
        cmocka_unit_test(standard_input),
        cmocka_unit_test(offset_and_duration),
        cmocka_unit_test(rate_changes_on_the_way),
        cmocka_unit_test(not_a_number),
        cmocka_unit_test(ten_milliseconds_and_one_sample),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
