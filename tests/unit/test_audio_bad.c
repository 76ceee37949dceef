/* Audio that is not there, not audio, cut, or damaged: the right status, one sentence that names the file, and every
 * sample that could be read before it.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/media.h"

#define FF "ffmpeg -nostdin -y -loglevel error "
#define SPEECH AM_SOURCE_DIR "/data/sense-and-sensibility.wav"

#ifdef AM_WITH_FFMPEG
enum { WITH_FFMPEG = 1 };
#else
enum { WITH_FFMPEG = 0 };
#endif

static int teardown(void **state) {
    media_cleanup();
    return 0;
}

static void check_sentence(const am_error *e, const char *name, const char *words) {
    printf("  %s: %s\n", am_status_name(e->status), e->text);
    assert_non_null(strstr(e->text, name));
    assert_non_null(strstr(e->text, words));
    assert_null(strchr(e->text, '\n'));
    assert_true(strlen(e->text) < 700);
}

static void expect_open(const char *name, am_status status, const char *words) {
    sound s = media_read(media_path(name), NULL, 0, 0, 0);
    assert_null(s.pcm);
    check_sentence(&s.error, name, words);
    assert_int_equal(s.open, status);
}

static void cannot_be_opened(void **state) {
    expect_open("missing.wav", AM_E_OPEN, "No such file or directory");
    expect_open(".", AM_E_OPEN, "Is a directory");
    media_write("secret.wav", "x", 1);
    assert_int_equal(chmod(media_path("secret.wav"), 0), 0);
    bool root = geteuid() == 0; /* who may read everything */
    if (root) assert_int_equal(seteuid(65534), 0);
    expect_open("secret.wav", AM_E_OPEN, "Permission denied");
    if (root) assert_int_equal(seteuid(0), 0);
}

/* The system refuses in the middle: the first page of a process's memory is a file that opens and cannot be read. */
static void cannot_be_read(void **state) {
    sound s = media_read("/proc/self/mem", NULL, 0, 0, 0);
    check_sentence(&s.error, "/proc/self/mem", "failed after 0 bytes: Input/output error");
    assert_int_equal(s.open, AM_E_IO);
}

/* A name cannot break the sentence it is in. */
static void strange_names(void **state) {
    am_error err;
    am_audio *a;
    am_audio_config cfg;
    am_audio_config_init(&cfg);
    cfg.path = "a\nb\x1b[31m\xff\xc3\xa9.wav";
    assert_int_equal(am_audio_open(&a, &cfg, &err), AM_E_OPEN);
    assert_non_null(strstr(err.text, "\"a?b?[31m?\xc3\xa9.wav\""));
    char path[5000];
    memset(path, 'x', sizeof path);
    strcpy(path + 4990, "end.wav");
    cfg.path = path;
    assert_int_equal(am_audio_open(&a, &cfg, &err), AM_E_OPEN);
    assert_non_null(strstr(err.text, "xxend.wav\": File name too long"));
    assert_true(strlen(err.text) < 600);
}

static void bad_arguments(void **state) {
    am_error err;
    am_audio *a;
    am_audio_config cfg;
    am_audio_config_init(&cfg);
    assert_int_equal(am_audio_open(&a, &cfg, &err), AM_E_ARG); /* no path */
    assert_int_equal(am_audio_open(&a, NULL, &err), AM_E_ARG);
    assert_int_equal(am_audio_open(NULL, &cfg, &err), AM_E_ARG);
    cfg.path = SPEECH;
    cfg.struct_size = 0;
    assert_int_equal(am_audio_open(&a, &cfg, NULL), AM_E_ARG);
    cfg.struct_size = offsetof(am_audio_config, raw); /* a program built when there was only the path */
    cfg.raw = "not looked at";
    assert_int_equal(am_audio_open(&a, &cfg, &err), AM_OK);
    float pcm[10];
    size_t n = 7;
    assert_int_equal(am_audio_read(a, NULL, 10, &n), AM_E_ARG);
    assert_int_equal(n, 0);
    assert_int_equal(am_audio_read(a, pcm, 0, &n), AM_E_ARG);
    assert_int_equal(am_audio_read(a, pcm, 10, &n), AM_OK);
    am_audio_close(&a);
    am_audio_close(&a);
    am_audio_close(NULL);
    sound s = media_read(SPEECH, "s16,16000,1", 0, 0, 0);
    assert_int_equal(s.open, AM_E_ARG);
    check_sentence(&s.error, "s16,16000,1", "s16le");
}

static void holds_nothing(void **state) {
    media_write("empty.wav", "", 0);
    expect_open("empty.wav", AM_E_FORMAT, "is empty");
    sound s = media_read("/dev/null", NULL, 0, 0, 0);
    assert_int_equal(s.open, AM_E_FORMAT);
    check_sentence(&s.error, "/dev/null", "is empty");
    s = media_read_pipe("true", NULL, 0, 0);
    assert_int_equal(s.open, AM_E_FORMAT);
    check_sentence(&s.error, "standard input", "is empty");
    static const unsigned char silent[44] = "RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data";
    media_write("nothing.wav", silent, 44);
    expect_open("nothing.wav", AM_E_NO_AUDIO, "holds no audio samples");
    s = media_read_pipe("cat nothing.wav", NULL, 0, 0);
    assert_int_equal(s.open, AM_OK);
    assert_int_equal(s.end, AM_E_NO_AUDIO);
    check_sentence(&s.error, "standard input", "holds no audio samples");
    free(s.pcm);
    media_write("nothing.raw", "x", 1);
    s = media_read(media_path("nothing.raw"), "s16le,16000,1", 0, 0, 0);
    assert_int_equal(s.open, AM_E_NO_AUDIO);
}

static void is_no_audio_file(void **state) {
    const am_status other = WITH_FFMPEG ? AM_E_FORMAT : AM_E_UNSUPPORTED;
    const char *words = WITH_FFMPEG ? "is not a media file that can be read" : "is not a WAV file of plain samples";
    unsigned char noise[20000];
    uint32_t x = 99;
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)((x = x * 1664525u + 1013904223u) >> 24);
    media_write("noise.bin", noise, sizeof noise);
    expect_open("noise.bin", other, words);
    media_write("noise.mp3", noise, sizeof noise);
    expect_open("noise.mp3", other, words);
    media_write("one.byte", "x", 1);
    expect_open("one.byte", other, words);
    memset(noise, 0, sizeof noise);
    media_write("zeros.bin", noise, sizeof noise);
    expect_open("zeros.bin", other, words);
    assert_true(media_run("for i in 1 2 3 4 5 6 7 8 9; do cat '%s/LICENSE'; done > letter.txt", AM_SOURCE_DIR));
    expect_open("letter.txt", other, words);
    /* A playlist must not make us read the file it names, nor an address. */
    assert_true(media_run("cp '%s' here.wav", SPEECH));
    static const char *const lists[] = {
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:7.1,\nhere.wav\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile here.wav\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"
    };
    static const char *const names[] = { "list.m3u8", "list.ffconcat", "list.sdp" };
    for (int i = 0; i < 3; i++) {
        media_write(names[i], lists[i], strlen(lists[i]));
        expect_open(names[i], other, names[i]);
    }
}

static void has_no_audio_stream(void **state) {
    if (!WITH_FFMPEG || !media_has_ffmpeg()) skip();
    assert_true(media_run(FF "-f lavfi -i testsrc2=s=96x64:d=1 -c:v mpeg4 mute.mp4"));
    expect_open("mute.mp4", AM_E_NO_AUDIO, "has no audio stream");
    assert_true(media_run(FF "-f lavfi -i testsrc2=s=96x64:d=1 -frames:v 1 picture.png"));
    expect_open("picture.png", AM_E_NO_AUDIO, "has no audio stream");
}

/* Everything that is there, and then why it is not more. */
static void expect_cut(const char *name, const sound *whole, double at_least_sec, am_status status, const char *words) {
    sound s = media_read(media_path(name), NULL, 0, 0, 0);
    printf("  %s: %.3f s\n", name, (double)s.n / 16000);
    assert_int_equal(s.open, AM_OK);
    assert_int_equal(s.end, status);
    if (status != AM_E_END) check_sentence(&s.error, name, words);
    assert_true(s.n >= (size_t)(at_least_sec * 16000) && s.n < whole->n);
    sound head = { .pcm = s.pcm, .n = s.n - 3000 };
    assert_true(media_correlation(&head, whole) > 0.99);
    free(s.pcm);
}

static void breaks_off(void **state) {
    sound whole = media_read(SPEECH, NULL, 0, 0, 0);
    assert_int_equal(whole.n, 113600);
    assert_true(media_run("head -c 100001 '%s' > cut.wav", SPEECH));
    expect_cut("cut.wav", &whole, 3.123, AM_E_FORMAT,
               "breaks off: its header promises 227200 bytes of samples, 99957 are there");
    if (WITH_FFMPEG && media_has_ffmpeg()) {
        assert_true(media_run(FF "-i '%s' -c:a flac all.flac && head -c 60000 all.flac > cut.flac", SPEECH));
        expect_cut("cut.flac", &whole, 2, AM_E_FORMAT, "breaks off: its header promises 7.1 s of audio");
        assert_true(
            media_run(FF "-i '%s' -c:a aac -movflags +faststart all.m4a && head -c 30000 all.m4a > cut.m4a", SPEECH));
        expect_cut("cut.m4a", &whole, 2, AM_E_FORMAT, "breaks off: its header promises 7.1 s of audio");
        if (media_run(FF "-i '%s' -c:a libmp3lame -b:a 32k all.mp3 2>/dev/null && head -c 15000 all.mp3 > cut.mp3",
                      SPEECH))
            expect_cut("cut.mp3", &whole, 2, AM_E_FORMAT, "");
        assert_true(media_run(FF "-i '%s' -c:a aac back.m4a && head -c 30000 back.m4a > noindex.m4a", SPEECH));
        expect_open("noindex.m4a", AM_E_FORMAT, "breaks off: its index cannot be read");
        sound s = media_read_pipe("cat back.m4a", NULL, 0, 0);
        assert_int_equal(s.open, AM_E_FORMAT);
        check_sentence(&s.error, "standard input", "give it as a file");
    }
    free(whole.pcm);
}

/* The first `part` of a file that exists. */
static void cut_file(const char *from, const char *to, double part) {
    FILE *f = fopen(media_path(from), "rb");
    assert_non_null(f);
    static unsigned char bytes[1 << 20];
    size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_true(len > 1000 && len < sizeof bytes);
    media_write(to, bytes, (size_t)((double)len * part));
}

static void expect_pipe(const char *name, am_status status, const char *words) {
    char command[80];
    snprintf(command, sizeof command, "cat %s", name);
    sound s = media_read_pipe(command, NULL, 0, 0);
    assert_int_equal(s.open, AM_OK);
    assert_int_equal(s.end, status);
    if (status != AM_E_END) check_sentence(&s.error, "standard input", words);
    free(s.pcm);
}

/* Containers FFmpeg plays to their last byte without a word.  Whole ones are whole, as files and as pipes. */
static void breaks_off_silently(void **state) {
    if (!WITH_FFMPEG || !media_has_ffmpeg()) skip();
    static const struct {
        const char *make, *name, *words;
        bool is_cut; /* can tell at all, when it is cut */
    } cases[] = {
        { FF "-i \"$1\" -c:a flac s.mkv", "s.mkv", "breaks off after", true },
        { FF "-i \"$1\" -f lavfi -i testsrc2=s=96x64:d=8 -c:a flac -c:v mpeg4 v.mkv", "v.mkv", "breaks off after",
          true },
        { FF "-i \"$1\" -c:a libopus -b:a 24k s.webm", "s.webm", "breaks off after", true },
        { FF "-i \"$1\" -c:a libvorbis s.ogg", "s.ogg", "page is not all there", true },
        { FF "-i \"$1\" -c:a flac s.oga", "s.oga", "page is not all there", true },
        { FF "-i \"$1\" -c:a libopus -b:a 24k s.opus", "s.opus", "page is not all there", true },
        { FF "-i \"$1\" -c:a libopus -b:a 24k -page_duration 20000 p.opus", "p.opus", "page is not all there", true },
        { FF "-i \"$1\" -c:a libopus -b:a 24k -f webm - > live.webm", "live.webm", "", false },
        { "sox \"$1\" sox.ogg", "sox.ogg", "page is not all there", true },
        { "oggenc -Q -o oggenc.ogg \"$1\"", "oggenc.ogg", "page is not all there", true },
        { "opusenc --quiet \"$1\" enc.opus", "enc.opus", "page is not all there", true },
    };
    static const double parts[] = { 0.5, 0.9 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (!media_run("set -- '%s' && %s 2>/dev/null", SPEECH, cases[i].make))
            continue; /* a codec or a program that is not here */
        sound whole = media_read(media_path(cases[i].name), NULL, 0, 0, 0);
        assert_int_equal(whole.end, AM_E_END);
        expect_pipe(cases[i].name, AM_E_END, "");
        for (size_t k = 0; k < 2 && cases[i].is_cut; k++) {
            char name[64];
            snprintf(name, sizeof name, "cut-%s", cases[i].name);
            cut_file(cases[i].name, name, parts[k]);
            expect_cut(name, &whole, 7.1 * parts[k] - 2.2, AM_E_FORMAT, cases[i].words);
            expect_pipe(name, AM_E_FORMAT, cases[i].words);
        }
        free(whole.pcm);
    }
}

/* A recording of a live stream has no last page that says so, some programs append tags, and streams are joined: all of
 * them whole.  A packet that goes on in a page that is not there is a cut, though every page is complete. */
static void ogg_endings(void **state) {
    if (!WITH_FFMPEG || !media_has_ffmpeg()) skip();
    if (!media_run(FF "-i '%s' -c:a libopus -b:a 24k -page_duration 200000 o.opus 2>/dev/null", SPEECH)) skip();
    static unsigned char bytes[1 << 17];
    FILE *f = fopen(media_path("o.opus"), "rb");
    assert_non_null(f);
    size_t len = fread(bytes, 1, sizeof bytes, f), pages[400], n = 0;
    fclose(f);
    for (size_t at = 0; at + 27 < len;) {
        assert_memory_equal(bytes + at, "OggS", 4);
        assert_true(n < 400);
        pages[n++] = at;
        size_t body = 0;
        for (size_t i = 0; i < bytes[at + 26]; i++) body += bytes[at + 27 + i];
        at += 27 + bytes[at + 26] + body;
    }
    assert_true(n > 10);
    static const struct {
        const char *name;
        size_t from_end; /* pages left out */
        int more;        /* bytes beyond them */
        bool is_cut;
    } cases[] = { { "live.opus", 3, 0, false }, { "a.opus", 3, 1, true },   { "b.opus", 3, 26, true },
                  { "c.opus", 3, 27, true },    { "d.opus", 3, 100, true }, { "e.opus", 3, -1, true } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        media_write(cases[i].name, bytes, pages[n - cases[i].from_end] + (size_t)(ptrdiff_t)cases[i].more);
        sound s = media_read(media_path(cases[i].name), NULL, 0, 0, 0);
        if (s.end != (cases[i].is_cut ? AM_E_FORMAT : AM_E_END)) fail_msg("%s: %s", cases[i].name, s.error.text);
        free(s.pcm);
        expect_pipe(cases[i].name, cases[i].is_cut ? AM_E_FORMAT : AM_E_END, "its last page is not all there");
    }
    assert_true(media_run("{ cat o.opus; printf TAG; head -c 125 /dev/zero; } > tag.opus && " FF
                          "-i o.opus -c copy -serial_offset 77 o2.opus && cat o.opus o2.opus > two.opus"));
    static const char *const whole[] = { "tag.opus", "two.opus" };
    for (size_t i = 0; i < 2; i++) {
        sound s = media_read(media_path(whole[i]), NULL, 0, 0, 0);
        assert_int_equal(s.end, AM_E_END);
        free(s.pcm);
        expect_pipe(whole[i], AM_E_END, "");
    }
    size_t page = pages[n - 4], n_lacing = bytes[page + 26]; /* its last packet now goes on */
    bytes[page + 27 + n_lacing - 1] = 255;
    size_t body = 0;
    for (size_t i = 0; i < n_lacing; i++) body += bytes[page + 27 + i];
    media_write("open.opus", bytes, page + 27 + n_lacing + body);
    sound s = media_read(media_path("open.opus"), NULL, 0, 0, 0);
    assert_int_equal(s.end, AM_E_FORMAT);
    check_sentence(&s.error, "open.opus", "its last packet is not all there");
    free(s.pcm);
}

/* Beginnings too short to play: our words, not the decoder's. */
static void stumps(void **state) {
    if (!WITH_FFMPEG || !media_has_ffmpeg()) skip();
    media_write("stump.flac", "fLaC\0\0\0\x22\x10\0\x10\0\0", 13);
    expect_open("stump.flac", AM_E_FORMAT, "is damaged or breaks off: nothing playable was found");
    if (media_run(FF "-i '%s' -c:a libmp3lame -b:a 32k s.mp3 2>/dev/null && head -c 1100 s.mp3 > stump.mp3", SPEECH)) {
        sound s = media_read(media_path("stump.mp3"), NULL, 0, 0, 0);
        am_status status = s.open == AM_OK ? s.end : s.open;
        if (status != AM_E_END) check_sentence(&s.error, "stump.mp3", "breaks off");
        assert_int_equal(status, AM_E_FORMAT);
        free(s.pcm);
    }
    media_write("stump.mp3", "ID3\4\0\0\0\0\0\x0a", 10);
    expect_open("stump.mp3", AM_E_FORMAT, "is damaged or breaks off: nothing playable was found");
}

/* Bytes overwritten in the middle: what decodes comes, before and after. */
static void is_damaged(void **state) {
    if (!WITH_FFMPEG || !media_has_ffmpeg()) skip();
    assert_true(media_run(FF "-i '%s' -c:a flac whole.flac", SPEECH));
    FILE *f = fopen(media_path("whole.flac"), "r+b");
    assert_non_null(f);
    uint32_t x = 5;
    for (int k = 0; k < 5; k++) {
        fseek(f, 40000 + k * 9000, SEEK_SET);
        for (int i = 0; i < 1500; i++) fputc((int)((x = x * 1664525u + 1013904223u) >> 24), f);
    }
    fclose(f);
    sound whole = media_read(SPEECH, NULL, 0, 0, 0), s = media_read(media_path("whole.flac"), NULL, 0, 0, 0);
    assert_int_equal(s.open, AM_OK);
    assert_int_equal(s.end, AM_E_FORMAT);
    check_sentence(&s.error, "whole.flac", "is damaged");
    printf("  %.3f of %.3f s\n", (double)s.n / 16000, (double)whole.n / 16000);
    assert_true(s.n > whole.n / 2);
    free(s.pcm), free(whole.pcm);
}

/* Cut at every 1/64, and every 1/64 with a few bytes bent: no crash, one sentence at most, nothing that is no number. */
static void any_cut_any_bend(void **state) {
    if (!WITH_FFMPEG || !media_has_ffmpeg()) skip();
    static const char *const make[] = {
        "-c:a libmp3lame -b:a 32k x.mp3",      "-c:a flac x.flac", "-c:a libopus -b:a 24k x.opus",
        "-c:a aac -movflags +faststart x.m4a", "-c:a wmav2 x.wma", "-c:a libvorbis x.mkv"
    };
    for (size_t m = 0; m < sizeof make / sizeof make[0]; m++) {
        if (!media_run(FF "-i '%s' -t 2 %s 2>/dev/null", SPEECH, make[m])) continue;
        const char *name = strrchr(make[m], ' ') + 1;
        FILE *f = fopen(media_path(name), "rb");
        static unsigned char all[300000], bent[300000];
        size_t len = fread(all, 1, sizeof all, f);
        fclose(f);
        assert_true(len > 1000 && len < sizeof all);
        for (size_t k = 0; k < 64; k++) {
            memcpy(bent, all, len);
            media_write("y", bent, k * len / 64);
            sound s = media_read(media_path("y"), NULL, 0, 0, 0);
            assert_true(s.n <= 33000);
            if (s.end != AM_E_END) assert_true(strlen(s.error.text) > 10);
            free(s.pcm);
            for (size_t i = 0; i < 8; i++) bent[(k * len / 64 + i * 7) % len] ^= (unsigned char)(0x11 << i);
            media_write("y", bent, len);
            s = media_read(media_path("y"), NULL, 0, 0, 0);
            if (s.end != AM_E_END) assert_true(strlen(s.error.text) > 10);
            free(s.pcm);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cannot_be_opened),
        cmocka_unit_test(cannot_be_read),
        cmocka_unit_test(strange_names),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(holds_nothing),
        cmocka_unit_test(is_no_audio_file),
        cmocka_unit_test(has_no_audio_stream),
        cmocka_unit_test(breaks_off),
        cmocka_unit_test(is_damaged),
        cmocka_unit_test(any_cut_any_bend),
        cmocka_unit_test(breaks_off_silently),
        cmocka_unit_test(ogg_endings),
        cmocka_unit_test(stumps),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
