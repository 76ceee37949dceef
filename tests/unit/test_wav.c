/* The WAV reader: every sample format against values written by hand or by another program, the shapes headers come
 * in, streaming sizes, and files that are cut or bent at every byte, read up against a page that must not be touched.
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audio/source.h"
#include "unit/data/g711.h"

/* ---- Making files ------------------------------------------------------------------------------------------- */

typedef struct bytes {
    unsigned char data[4096];
    size_t len;
} bytes;

static void add(bytes *b, const void *p, size_t n) {
    assert_true(b->len + n <= sizeof b->data);
    memcpy(b->data + b->len, p, n);
    b->len += n;
}

static void add_int(bytes *b, uint64_t x, int n) {
    for (int i = 0; i < n; i++, x >>= 8) add(b, &(unsigned char){ (unsigned char)x }, 1);
}

static void add_chunk(bytes *b, const char *id, const void *body, size_t n) {
    add(b, id, 4);
    add_int(b, n, 4);
    add(b, body, n);
    if (n & 1) add_int(b, 0, 1);
}

static void add_fmt(bytes *b, unsigned tag, unsigned channels, unsigned rate, unsigned bits) {
    unsigned block = channels * ((bits + 7) / 8);
    add(b, "fmt ", 4);
    add_int(b, 16, 4);
    add_int(b, tag, 2), add_int(b, channels, 2), add_int(b, rate, 4);
    add_int(b, (uint64_t)rate * block, 4), add_int(b, block, 2), add_int(b, bits, 2);
}

static void add_fmt_extensible(bytes *b, unsigned tag, unsigned channels, unsigned rate, unsigned container_bits,
                               unsigned valid_bits) {
    static const unsigned char tail[] = { 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71 };
    unsigned block = channels * container_bits / 8;
    add(b, "fmt ", 4);
    add_int(b, 40, 4);
    add_int(b, 0xfffe, 2), add_int(b, channels, 2), add_int(b, rate, 4);
    add_int(b, (uint64_t)rate * block, 4), add_int(b, block, 2), add_int(b, container_bits, 2);
    add_int(b, 22, 2), add_int(b, valid_bits, 2), add_int(b, 0, 4), add_int(b, tag, 2);
    add(b, tail, sizeof tail);
}

static void start(bytes *b, const char *riff) {
    b->len = 0;
    add(b, riff, 4);
    add_int(b, 0xdeadbeef, 4); /* the RIFF size is wrong in half the files there are: nobody may look at it */
    add(b, "WAVE", 4);
}

static void simple(bytes *b, unsigned tag, unsigned channels, unsigned bits, const void *samples, size_t n) {
    start(b, "RIFF");
    add_fmt(b, tag, channels, 16000, bits);
    add_chunk(b, "data", samples, n);
}

/* ---- Reading them ------------------------------------------------------------------------------------------- */

typedef struct result {
    am_status open, end;
    am_error error;
    int rate, n_channels;
    int64_t n_frames;
    char codec[32];
    size_t n; /* floats */
    float x[4096];
} result;

static void check_sentence(const am_error *e) {
    size_t len = strlen(e->text);
    assert_true(len > 20 && len < sizeof e->text - 1);
    assert_null(strchr(e->text, '\n'));
    assert_non_null(strstr(e->text, "\"memory\""));
}

/* The bytes end where a page that cannot be read begins. */
static result read_wav(const void *data, size_t len, bool seekable, size_t cap, const char *raw) {
    static result r;
    memset(&r, 0, sizeof r);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (len / page + 1) * page;
    unsigned char *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + room, page, PROT_NONE), 0);
    memcpy(map + room - len, data, len);

    am_input *in;
    am_source *s;
    assert_int_equal(am_input_open_memory(&in, map + room - len, len, seekable, &r.error), AM_OK);
    r.open = raw ? am_raw_open(&s, in, raw, NULL, &r.error) : am_wav_open(&s, in, NULL, &r.error);
    if (r.open == AM_OK) {
        r.rate = s->sample_rate, r.n_channels = s->n_channels, r.n_frames = s->n_frames;
        strcpy(r.codec, s->codec);
        size_t n;
        assert_true(s->n_channels >= 1 && s->n_channels <= 64);
        while ((r.end = s->ops->read(s, r.x + r.n, cap, &n, &r.error)) == AM_OK) {
            assert_true(n > 0 && n * (size_t)s->n_channels <= cap);
            r.n += n * (size_t)s->n_channels;
            assert_true(r.n + cap <= 4096);
        }
        if (r.end != AM_E_END) check_sentence(&r.error);
        s->ops->close(s);
    } else {
        assert_null(s);
        check_sentence(&r.error);
    }
    am_input_close(&in);
    munmap(map, room + page);
    return r;
}

static void expect(const bytes *b, const float *want, size_t n, const char *codec) {
    for (int seekable = 0; seekable < 2; seekable++) {
        for (size_t cap = 64; cap <= 1024; cap *= 4) {
            result r = read_wav(b->data, b->len, seekable, cap, NULL);
            assert_int_equal(r.open, AM_OK);
            assert_int_equal(r.end, AM_E_END);
            assert_int_equal(r.n, n);
            assert_memory_equal(r.x, want, n * sizeof *want);
            assert_string_equal(r.codec, codec);
        }
    }
}

/* ---- Tests -------------------------------------------------------------------------------------------------- */

static void every_integer_format(void **state) {
    static bytes b;
    simple(&b, 1, 1, 8, "\x00\x80\xff\x40", 4);
    expect(&b, (float[]){ -1, 0, 127 / 128.0f, -0.5f }, 4, "pcm_u8");
    simple(&b, 1, 2, 16, "\x00\x80\xff\x7f\x01\x00\xff\xff", 8);
    expect(&b, (float[]){ -1, 32767 / 32768.0f, 1 / 32768.0f, -1 / 32768.0f }, 4, "pcm_s16le");
    simple(&b, 1, 1, 24, "\x00\x00\x80\xff\xff\x7f\x01\x00\x00\xff\xff\xff", 12);
    expect(&b, (float[]){ -1, 8388607 / 8388608.0f, 1 / 8388608.0f, -1 / 8388608.0f }, 4, "pcm_s24le");
    simple(&b, 1, 1, 32, "\x00\x00\x00\x80\x00\x00\x00\x40\x01\x00\x00\x00\xff\xff\xff\xff", 16);
    expect(&b, (float[]){ -1, 0.5f, 1 / 2147483648.0f, -1 / 2147483648.0f }, 4, "pcm_s32le");
    /* 12 bits live in the upper bits of 2 bytes, 20 bits in 3. */
    simple(&b, 1, 1, 12, "\xf0\x7f\x00\x80", 4);
    expect(&b, (float[]){ 32752 / 32768.0f, -1 }, 2, "pcm_s16le");
    simple(&b, 1, 1, 20, "\x00\x00\x40", 3);
    expect(&b, (float[]){ 0.5f }, 1, "pcm_s24le");
}

static void every_float_format(void **state) {
    static bytes b;
    static const float f[] = { 0.25f, -1.5f, 1e-30f, 3e38f };
    simple(&b, 3, 2, 32, f, sizeof f); /* this test's machine is little-endian, like every one we build for */
    expect(&b, f, 4, "pcm_f32le");
    simple(&b, 3, 1, 64, (double[]){ 0.25, -1.5, 1e300, -1e300 }, 32);
    expect(&b, (float[]){ 0.25f, -1.5f, INFINITY, -INFINITY }, 4, "pcm_f64le");
    simple(&b, 3, 1, 32, "\x00\x00\xc0\x7f\x00\x00\x80\xff", 8);
    result r = read_wav(b.data, b.len, true, 64, NULL);
    assert_true(r.n == 2 && isnan(r.x[0]) && r.x[1] == -INFINITY);
}

static void g711(void **state) {
    static bytes b;
    unsigned char all[256];
    float want[256];
    for (int i = 0; i < 256; i++) all[i] = (unsigned char)i;
    simple(&b, 6, 1, 8, all, 256);
    for (int i = 0; i < 256; i++) want[i] = golden_alaw[i] / 32768.0f;
    expect(&b, want, 256, "pcm_alaw");
    simple(&b, 7, 1, 8, all, 256);
    for (int i = 0; i < 256; i++) want[i] = golden_mulaw[i] / 32768.0f;
    expect(&b, want, 256, "pcm_mulaw");
}

static void extensible(void **state) {
    static bytes b;
    static const float want[] = { 0.5f, -0.5f };
    start(&b, "RIFF");
    add_fmt_extensible(&b, 1, 2, 48000, 24, 20);
    add_chunk(&b, "data", "\x00\x00\x40\x00\x00\xc0", 6);
    expect(&b, want, 2, "pcm_s24le");
    start(&b, "RIFF");
    add_fmt_extensible(&b, 3, 2, 48000, 32, 32);
    add_chunk(&b, "data", want, sizeof want);
    expect(&b, want, 2, "pcm_f32le");
    b.data[12 + 8 + 39] ^= 1; /* another family of formats */
    assert_int_equal(read_wav(b.data, b.len, true, 64, NULL).open, AM_E_UNSUPPORTED);
}

static void odd_chunks(void **state) {
    static bytes b;
    start(&b, "RIFF");
    add_chunk(&b, "JUNK", "abc", 3);
    add_chunk(&b, "bext", "", 0);
    add_fmt(&b, 1, 1, 8000, 16);
    add_chunk(&b, "LIST", "INFO?", 5);
    add_chunk(&b, "data", "\x00\x40\x00\xc0", 4);
    add_chunk(&b, "id3 ", "trailing bytes that are not sound", 33);
    expect(&b, (float[]){ 0.5f, -0.5f }, 2, "pcm_s16le");
    result r = read_wav(b.data, b.len, false, 64, NULL);
    assert_int_equal(r.rate, 8000);
    assert_int_equal(r.n_frames, 2);
    /* 8-bit samples of odd number, followed by their padding */
    simple(&b, 1, 1, 8, "\xc0\xc0\xc0", 3);
    expect(&b, (float[]){ 0.5f, 0.5f, 0.5f }, 3, "pcm_u8");
    /* samples that do not fill their last frame */
    simple(&b, 1, 2, 16, "\x00\x40\x00\xc0\x00\x40", 6);
    expect(&b, (float[]){ 0.5f, -0.5f }, 2, "pcm_s16le");
}

static void rf64(void **state) {
    static bytes b;
    static const char *const names[] = { "RF64", "BW64" };
    for (int i = 0; i < 2; i++) {
        start(&b, names[i]);
        add(&b, "ds64", 4);
        add_int(&b, 28, 4), add_int(&b, 0, 8), add_int(&b, 4, 8), add_int(&b, 2, 8), add_int(&b, 0, 4);
        add_fmt(&b, 1, 1, 16000, 16);
        size_t at = b.len + 4;
        add_chunk(&b, "data", "\x00\x40\x00\xc0", 4);
        memset(b.data + at, 0xff, 4);
        add_chunk(&b, "LIST", "not sound", 9);
        expect(&b, (float[]){ 0.5f, -0.5f }, 2, "pcm_s16le");
        assert_int_equal(read_wav(b.data, b.len, true, 64, NULL).n_frames, 2);

        /* 5 GB promised, 15 bytes there */
        bytes cut = b;
        cut.len = at + 4 + 15;
        memcpy(cut.data + 12 + 8 + 8, "\x00\xf2\x05\x2a\x01\x00\x00\x00", 8);
        result r = read_wav(cut.data, cut.len, false, 64, NULL);
        assert_int_equal(r.open, AM_OK);
        assert_int_equal(r.n, 7);
        assert_int_equal(r.n_frames, 2500000000);
        assert_int_equal(r.end, AM_E_FORMAT);
        assert_string_equal(r.error.text,
                            "\"memory\" breaks off: its header promises 5000000000 bytes of samples, 15 are there");
    }
}

/* What ffmpeg, older programs, SoX and arecord write when they cannot go back to the header. */
static void streaming_sizes(void **state) {
    static const uint32_t sizes[] = { 0xffffffff, 0, 0x7ffff000, 0x80000000, 0xffffffdb };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        static bytes b;
        simple(&b, 1, 1, 16, "\x00\x40\x00\xc0\x00\x20\x00\xe0", 8);
        for (int k = 0; k < 4; k++) b.data[40 + k] = (unsigned char)(sizes[i] >> 8 * k);
        expect(&b, (float[]){ 0.5f, -0.5f, 0.25f, -0.25f }, 4, "pcm_s16le");
        assert_int_equal(read_wav(b.data, b.len, true, 64, NULL).n_frames, 4);
        assert_int_equal(read_wav(b.data, b.len, false, 64, NULL).n_frames, -1);
        b.len--; /* and the last sample torn off: a stream may end anywhere */
        expect(&b, (float[]){ 0.5f, -0.5f, 0.25f }, 3, "pcm_s16le");
    }
}

/* A header that no longer gets to the samples is refused; samples that are missing are reported after the others. */
static void cut_anywhere(void **state) {
    static bytes b;
    start(&b, "RIFF");
    add_chunk(&b, "JUNK", "abc", 3);
    add_fmt_extensible(&b, 1, 2, 44100, 16, 16);
    add_chunk(&b, "LIST", "INFO?", 5);
    size_t header = b.len + 8;
    add_chunk(&b, "data", "0123456789abcdefghijklmnopqrstuvwxyz", 36);
    for (int seekable = 0; seekable < 2; seekable++) {
        for (size_t len = 0; len < b.len; len++) {
            result r = read_wav(b.data, len, seekable, 64, NULL);
            if (len < header) {
                assert_int_equal(r.open, AM_E_FORMAT);
            } else {
                assert_int_equal(r.open, AM_OK);
                assert_int_equal(r.n, (len - header) / 4 * 2);
                assert_int_equal(r.end, AM_E_FORMAT);
                char want[100];
                snprintf(want, sizeof want,
                         "\"memory\" breaks off: its header promises 36 bytes of samples, %zu are there", len - header);
                assert_string_equal(r.error.text, want);
            }
        }
    }
}

/* Whatever a byte of the header is changed to: an answer, within bounds. */
static void bent_anywhere(void **state) {
    static bytes b;
    start(&b, "RF64");
    add(&b, "ds64", 4);
    add_int(&b, 28, 4), add_int(&b, 0, 8), add_int(&b, 4, 8), add_int(&b, 2, 8), add_int(&b, 0, 4);
    add_fmt_extensible(&b, 1, 2, 44100, 16, 16);
    add_chunk(&b, "data", "0123456789abcdefghijklmnopqrstuvwxyz", 36);
    size_t header = b.len - 36;
    int n_ok = 0, n_refused = 0;
    for (size_t at = 0; at < header; at++) {
        for (int value = 0; value < 256; value += 5) {
            bytes bent = b;
            bent.data[at] = (unsigned char)value;
            result r = read_wav(bent.data, bent.len, value % 2, 64, NULL);
            assert_true(r.open == AM_OK || r.open == AM_E_FORMAT || r.open == AM_E_UNSUPPORTED);
            n_ok += r.open == AM_OK;
            n_refused += r.open != AM_OK;
        }
    }
    assert_true(n_ok > 100 && n_refused > 100);
}

static void refuses_in_words(void **state) {
    static bytes b;
    static const struct {
        unsigned tag, channels, rate, bits;
        am_status status;
        const char *word;
    } cases[] = {
        { 1, 0, 16000, 16, AM_E_FORMAT, "0 channels" },
        { 1, 65, 16000, 16, AM_E_FORMAT, "65 channels" },
        { 1, 1, 999, 16, AM_E_FORMAT, "999 Hz" },
        { 1, 1, 768001, 16, AM_E_FORMAT, "768001 Hz" },
        { 2, 1, 16000, 4, AM_E_UNSUPPORTED, "0x0002" },
        { 0x55, 2, 44100, 0, AM_E_UNSUPPORTED, "0x0055" },
        { 3, 1, 16000, 16, AM_E_UNSUPPORTED, "16 bits" },
        { 1, 1, 16000, 0, AM_E_UNSUPPORTED, "0 bits" },
        { 1, 1, 16000, 65535, AM_E_UNSUPPORTED, "65535 bits" },
        { 6, 1, 8000, 16, AM_E_UNSUPPORTED, "0x0006" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(&b, "RIFF");
        add_fmt(&b, cases[i].tag, cases[i].channels, cases[i].rate, cases[i].bits);
        add_chunk(&b, "data", "0123", 4);
        result r = read_wav(b.data, b.len, true, 64, NULL);
        assert_int_equal(r.open, cases[i].status);
        assert_non_null(strstr(r.error.text, cases[i].word));
    }
    start(&b, "RIFF");
    add_chunk(&b, "data", "0123", 4);
    assert_non_null(strstr(read_wav(b.data, b.len, true, 64, NULL).error.text, "no fmt chunk"));
    start(&b, "RIFF");
    add_chunk(&b, "fmt ", "0123", 4);
    assert_non_null(strstr(read_wav(b.data, b.len, true, 64, NULL).error.text, "fmt chunk has 4 bytes"));
    assert_int_equal(read_wav("something else entirely", 23, true, 64, NULL).open, AM_E_FORMAT);
}

static void sixty_four_channels(void **state) {
    static bytes b;
    double x[128];
    float want[128];
    for (int i = 0; i < 128; i++) x[i] = want[i] = (float)i / 128;
    simple(&b, 3, 64, 64, x, sizeof x);
    expect(&b, want, 128, "pcm_f64le");
}

static void raw_samples(void **state) {
    static const struct {
        const char *format, *bytes;
        size_t n;
        float want;
    } good[] = {
        { "u8,8000,1", "\xc0", 1, 0.5f },
        { "s16le,16000,1", "\x00\x40", 2, 0.5f },
        { "s24le,48000,1", "\x00\x00\x40", 3, 0.5f },
        { "s32le,44100,1", "\x00\x00\x00\x40", 4, 0.5f },
        { "f32le,96000,1", "\x00\x00\x00\x3f", 4, 0.5f },
        { "f64le,768000,1", "\x00\x00\x00\x00\x00\x00\xe0\x3f", 8, 0.5f },
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        result r = read_wav(good[i].bytes, good[i].n, true, 64, good[i].format);
        assert_true(r.open == AM_OK && r.end == AM_E_END && r.n == 1 && r.n_frames == 1 && r.x[0] == good[i].want);
    }
    result r = read_wav("\x00\x40\x00\x40\x00", 5, false, 64, "s16le,16000,2");
    assert_true(r.open == AM_OK && r.n == 2 && r.n_frames == -1 && r.n_channels == 2);
    static const char *const bad[] = { "",
                                       "s16le",
                                       "s16le,16000",
                                       "s16le,16000,",
                                       "s16le,16000,0",
                                       "s16le,16000,65",
                                       "s16le,999,1",
                                       "s16le,99999999999999999999,1",
                                       "s16le,16000,1,",
                                       "s16le,16000,1 ",
                                       "s16le,-16000,1",
                                       "s16,16000,1",
                                       "S16LE,16000,1",
                                       "s16lex,16000,1",
                                       ",16000,1" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        am_input *in;
        am_source *s;
        am_error err;
        assert_int_equal(am_input_open_memory(&in, "0123", 4, true, &err), AM_OK);
        assert_int_equal(am_raw_open(&s, in, bad[i], NULL, &err), AM_E_ARG);
        assert_null(s);
        assert_non_null(strstr(err.text, "raw format"));
        am_input_close(&in);
    }
}

/* skip() goes exactly where reading would have gone. */
static void skips_exactly(void **state) {
    static bytes b;
    int16_t x[100];
    for (int i = 0; i < 100; i++) x[i] = (int16_t)(i * 100);
    simple(&b, 1, 2, 16, x, sizeof x);
    am_input *in;
    am_source *s;
    float y[64];
    size_t n;
    assert_int_equal(am_input_open_memory(&in, b.data, b.len, true, NULL), AM_OK);
    assert_int_equal(am_wav_open(&s, in, NULL, NULL), AM_OK);
    assert_int_equal((s->ops->skip)(s, 7), 7);
    assert_int_equal(s->ops->read(s, y, 64, &n, NULL), AM_OK);
    assert_true(y[0] == 1400 / 32768.0f && y[1] == 1500 / 32768.0f);
    assert_int_equal((s->ops->skip)(s, 1000), 50 - 7 - n);
    assert_int_equal(s->ops->read(s, y, 64, &n, NULL), AM_E_END);
    s->ops->close(s);
    am_input_close(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_integer_format), cmocka_unit_test(every_float_format),  cmocka_unit_test(g711),
        cmocka_unit_test(extensible),           cmocka_unit_test(odd_chunks),          cmocka_unit_test(rf64),
        cmocka_unit_test(streaming_sizes),      cmocka_unit_test(cut_anywhere),        cmocka_unit_test(bent_anywhere),
        cmocka_unit_test(refuses_in_words),     cmocka_unit_test(sixty_four_channels), cmocka_unit_test(raw_samples),
        cmocka_unit_test(skips_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
