/* WAV and headerless samples without any library: the path the core always has, on pipes as well as files.
 *
 * Owns: RIFF, RF64 and BW64; WAVE_FORMAT_PCM, IEEE_FLOAT, ALAW, MULAW and EXTENSIBLE; 8 to 64 bits.  Refuses, as
 * AM_E_UNSUPPORTED so that FFmpeg may try: every compressed codec.  The RIFF size is not looked at (half the writers in
 * the field get it wrong); the size of the data chunk is, and a file that ends before it is reported once all that is
 * there was delivered.  Sizes that streaming writers leave behind mean "until the end".
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/source.h"

enum {
    TAG_PCM = 0x0001,
    TAG_FLOAT = 0x0003,
    TAG_ALAW = 0x0006,
    TAG_MULAW = 0x0007,
    TAG_EXTENSIBLE = 0xfffe,
    BUF_BYTES = 1 << 16,
    MAX_CHUNKS = 1000, /* before the samples; a real file has less than ten */
};

#define UNTIL_END UINT64_MAX

typedef enum sample_format { U8, S16, S24, S32, F32, F64, ALAW, MULAW, N_FORMATS } sample_format;

static const struct {
    const char *codec, *raw_name; /* raw_name NULL: not offered for headerless samples */
    int n_bytes;
} formats[N_FORMATS] = {
    [U8] = { "pcm_u8", "u8", 1 },        [S16] = { "pcm_s16le", "s16le", 2 }, [S24] = { "pcm_s24le", "s24le", 3 },
    [S32] = { "pcm_s32le", "s32le", 4 }, [F32] = { "pcm_f32le", "f32le", 4 }, [F64] = { "pcm_f64le", "f64le", 8 },
    [ALAW] = { "pcm_alaw", NULL, 1 },    [MULAW] = { "pcm_mulaw", NULL, 1 },
};

typedef struct wav {
    am_source base;
    am_input *in;
    am_logger logger;
    sample_format format;
    size_t block;      /* bytes of a frame */
    uint64_t promised; /* bytes of samples the header speaks of, or UNTIL_END */
    uint64_t done;     /* bytes of them read so far */
    size_t fill;       /* bytes of an unfinished frame at the start of buf */
    unsigned char buf[BUF_BYTES];
} wav;

/* ---- Numbers ------------------------------------------------------------------------------------------------ */

static uint32_t le16(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const unsigned char *p) {
    return le16(p) | le16(p + 2) << 16;
}

static uint64_t le64(const unsigned char *p) {
    return le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* Two's complement from its bits, without relying on how the compiler narrows. */
static int32_t to_signed(uint32_t u) {
    return u < 0x80000000u ? (int32_t)u : (int32_t)(u - 0x80000000u) - INT32_MAX - 1;
}

/* ITU-T G.711: sign, three bits of exponent, four of mantissa, all or every other bit inverted. */
static float from_alaw(unsigned char byte) {
    unsigned a = byte ^ 0x55u;
    int exponent = (int)(a >> 4 & 7), value = (int)(a & 15) * 16 + 8;
    if (exponent) value = (value + 256) << (exponent - 1);
    return (float)(a & 0x80 ? value : -value) / 32768.0f;
}

static float from_mulaw(unsigned char byte) {
    unsigned u = ~(unsigned)byte & 0xff;
    int value = ((((int)(u & 15) << 3) + 132) << (u >> 4 & 7)) - 132;
    return (float)(u & 0x80 ? -value : value) / 32768.0f;
}

static float from_f64(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    if (isnan(x)) return NAN;
    return x > FLT_MAX ? INFINITY : x < -FLT_MAX ? -INFINITY : (float)x;
}

static float from_f32(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void to_float(float *out, const unsigned char *p, size_t n, sample_format format) {
    switch (format) {
    case U8:
        for (size_t i = 0; i < n; i++) out[i] = (float)(p[i] - 128) / 128.0f;
        break;
    case S16:
        for (size_t i = 0; i < n; i++) out[i] = (float)to_signed(le16(p + 2 * i) << 16) / 2147483648.0f;
        break;
    case S24:
        for (size_t i = 0; i < n; i++)
            out[i] = (float)to_signed(le16(p + 3 * i) << 8 | (uint32_t)p[3 * i + 2] << 24) / 2147483648.0f;
        break;
    case S32:
        for (size_t i = 0; i < n; i++) out[i] = (float)to_signed(le32(p + 4 * i)) / 2147483648.0f;
        break;
    case F32:
        for (size_t i = 0; i < n; i++) out[i] = from_f32(le32(p + 4 * i));
        break;
    case F64:
        for (size_t i = 0; i < n; i++) out[i] = from_f64(le64(p + 8 * i));
        break;
    case ALAW:
        for (size_t i = 0; i < n; i++) out[i] = from_alaw(p[i]);
        break;
    case MULAW:
        for (size_t i = 0; i < n; i++) out[i] = from_mulaw(p[i]);
        break;
    case N_FORMATS: break;
    }
}

/* ---- Samples ------------------------------------------------------------------------------------------------ */

/* The input has ended.  Of a header's promise less than all is an error; a stream simply stops. */
static am_status at_end(const wav *w, am_error *err) {
    const char *label = am_input_label(w->in);
    if (w->promised == UNTIL_END || w->done >= w->promised) {
        if (w->fill)
            am_log(&w->logger, AM_LOG_WARNING,
                   "%s: what is left at its end, %zu byte%s, is no whole frame of %zu: ignored", label, w->fill,
                   w->fill == 1 ? "" : "s", w->block);
        return AM_E_END;
    }
    return am_fail(err, AM_E_FORMAT, "%s breaks off: its header promises %llu bytes of samples, %llu are there", label,
                   (unsigned long long)w->promised, (unsigned long long)w->done);
}

static am_status wav_read(am_source *s, float *frames, size_t cap_floats, size_t *n_frames, am_error *err) {
    wav *w = (wav *)s;
    size_t want = cap_floats / (size_t)s->n_channels * w->block;
    if (want > BUF_BYTES / w->block * w->block) want = BUF_BYTES / w->block * w->block;
    *n_frames = 0;
    while (w->fill < w->block) {
        size_t n = want - w->fill;
        if (n > w->promised - w->done) n = (size_t)(w->promised - w->done);
        ptrdiff_t got = n ? am_input_read(w->in, w->buf + w->fill, n) : 0;
        if (got < 0) return am_input_fail(w->in, err);
        if (got == 0) return at_end(w, err);
        w->fill += (size_t)got;
        w->done += (uint64_t)got;
    }
    size_t whole = w->fill / w->block;
    to_float(frames, w->buf, whole * (size_t)s->n_channels, w->format);
    w->fill -= whole * w->block;
    memmove(w->buf, w->buf + whole * w->block, w->fill);
    *n_frames = whole;
    return AM_OK;
}

static uint64_t wav_skip(am_source *s, uint64_t n_frames) {
    wav *w = (wav *)s;
    if (w->fill || !am_input_is_seekable(w->in)) return 0;
    uint64_t there = (uint64_t)am_input_size(w->in), pos = am_input_pos(w->in);
    uint64_t left = there > pos ? there - pos : 0;
    if (left > w->promised - w->done) left = w->promised - w->done;
    if (n_frames > left / w->block) n_frames = left / w->block;
    if (!am_input_seek(w->in, pos + n_frames * w->block)) return 0;
    w->done += n_frames * w->block;
    return n_frames;
}

static void wav_close(am_source *s) {
    free(s);
}

static const am_source_ops ops = { wav_read, wav_skip, wav_close };

/* Sizes that writers leave in the header when they cannot go back: 0 or all ones by convention, 0x7ffff000 (SoX) and
 * 0x80000000 (arecord) near the top of what old readers can hold. */
static bool is_streaming_size(uint64_t size) {
    return size == 0 || (size >= 0x7fffe000u && size <= 0x80000000u) || size >= 0xffffe000u;
}

/* The input stands at the first sample and `promised` is what the header says; settle what that means. */
static void settle_length(wav *w, bool is_raw, bool is_64bit) {
    uint64_t there = UNTIL_END;
    if (am_input_size(w->in) >= 0) {
        uint64_t pos = am_input_pos(w->in), size = (uint64_t)am_input_size(w->in);
        there = size > pos ? size - pos : 0;
    }
    bool is_marker = is_64bit ? w->promised == 0 || w->promised > INT64_MAX : is_streaming_size(w->promised);
    if (is_raw || (is_marker && (w->promised == 0 || there == UNTIL_END || w->promised > there)))
        w->promised = UNTIL_END;
    uint64_t n_bytes = w->promised < there ? w->promised : there;
    w->base.n_frames = n_bytes == UNTIL_END ? -1 : (int64_t)(n_bytes / w->block);
}

static wav *new_wav(am_input *in, const am_logger *logger, am_error *err) {
    wav *w = malloc(sizeof *w);
    if (!w) {
        am_fail_nomem(err, "a WAV reader", sizeof *w);
        return NULL;
    }
    memset(w, 0, offsetof(wav, buf));
    w->base.ops = &ops;
    w->in = in;
    if (logger) w->logger = *logger;
    return w;
}

static void set_format(wav *w, sample_format format, int sample_rate, int n_channels, const char *container) {
    w->format = format;
    w->block = (size_t)formats[format].n_bytes * (size_t)n_channels;
    w->base.sample_rate = sample_rate;
    w->base.n_channels = n_channels;
    strcpy(w->base.codec, formats[format].codec);
    strcpy(w->base.container, container);
}

/* ---- The WAV header ----------------------------------------------------------------------------------------- */

bool am_wav_is(const unsigned char *head, size_t len) {
    return len >= 12 && (!memcmp(head, "RIFF", 4) || !memcmp(head, "RF64", 4) || !memcmp(head, "BW64", 4)) &&
           !memcmp(head + 8, "WAVE", 4);
}

/* The ends of the extensible sub-format: xxxxxxxx-0000-0010-8000-00aa00389b71, where the x are a format tag. */
static const unsigned char guid_tail[12] = { 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71 };

/* How many bytes a sample takes: the frame size tells, and where that is nonsense the bits do. */
static int sample_bytes(int n_channels, uint32_t block_align, uint32_t bits) {
    int from_bits = (int)((bits + 7) / 8);
    if (block_align == 0 || block_align % (uint32_t)n_channels != 0) return from_bits;
    int from_block = (int)(block_align / (uint32_t)n_channels);
    return from_block >= from_bits && from_block <= 8 ? from_block : from_bits;
}

static sample_format find_format(uint32_t tag, int n_bytes) {
    if (tag == TAG_ALAW) return n_bytes == 1 ? ALAW : N_FORMATS;
    if (tag == TAG_MULAW) return n_bytes == 1 ? MULAW : N_FORMATS;
    if (tag == TAG_FLOAT) return n_bytes == 4 ? F32 : n_bytes == 8 ? F64 : N_FORMATS;
    if (tag == TAG_PCM && n_bytes >= 1 && n_bytes <= 4) return (sample_format)(U8 + n_bytes - 1);
    return N_FORMATS;
}

static am_status parse_fmt(wav *w, const unsigned char *fmt, size_t len, am_error *err) {
    const char *label = am_input_label(w->in);
    uint32_t tag = le16(fmt), channels = le16(fmt + 2), rate = le32(fmt + 4), align = le16(fmt + 12),
             bits = le16(fmt + 14);
    if (tag == TAG_EXTENSIBLE && len >= 40 && !memcmp(fmt + 28, guid_tail, sizeof guid_tail)) tag = le32(fmt + 24);
    if (channels < 1 || channels > AM_SOURCE_MAX_CHANNELS)
        return am_fail(err, AM_E_FORMAT, "%s has %u channels: 1 to %d can be read", label, channels,
                       AM_SOURCE_MAX_CHANNELS);
    if (rate < AM_SOURCE_MIN_RATE || rate > AM_SOURCE_MAX_RATE)
        return am_fail(err, AM_E_FORMAT, "%s has a sample rate of %u Hz: %d to %d can be read", label, rate,
                       AM_SOURCE_MIN_RATE, AM_SOURCE_MAX_RATE);
    sample_format format = find_format(tag, bits ? sample_bytes((int)channels, align, bits) : 0);
    if (format == N_FORMATS)
        return am_fail(err, AM_E_UNSUPPORTED,
                       "%s has samples in format 0x%04x with %u bits, which the WAV reader does not know", label, tag,
                       bits);
    set_format(w, format, (int)rate, (int)channels, "wav");
    return AM_OK;
}

static am_status fail_short(const wav *w, const char *where, am_error *err) {
    if (am_input_failed(w->in)) return am_input_fail(w->in, err);
    return am_fail(err, AM_E_FORMAT, "%s breaks off %s, after %llu bytes", am_input_label(w->in), where,
                   (unsigned long long)am_input_pos(w->in));
}

/* The start of a chunk's body goes to `head` (`cap` bytes, *len of them there), the rest and the padding are skipped. */
static am_status read_chunk(wav *w, uint64_t size, unsigned char *head, size_t cap, size_t *len, am_error *err) {
    *len = size < cap ? (size_t)size : cap;
    ptrdiff_t got = am_input_read_full(w->in, head, *len);
    if (got < 0 || (size_t)got != *len || !am_input_skip(w->in, size - *len + (size & 1)))
        return fail_short(w, "in its header", err);
    return AM_OK;
}

typedef struct header {
    bool is_64bit, has_fmt, has_ds64;
    uint64_t ds64_data; /* size of the data chunk where its own field is all ones */
} header;

static am_status read_fmt(wav *w, header *h, uint64_t size, am_error *err) {
    unsigned char body[40];
    size_t len;
    am_status status = read_chunk(w, size, body, sizeof body, &len, err);
    if (status != AM_OK) return status;
    if (len < 16)
        return am_fail(err, AM_E_FORMAT,
                       "%s has a damaged header: its fmt chunk has %llu bytes, at least 16 are needed",
                       am_input_label(w->in), (unsigned long long)size);
    h->has_fmt = true;
    return parse_fmt(w, body, len, err);
}

static am_status read_ds64(wav *w, header *h, uint64_t size, am_error *err) {
    unsigned char body[28];
    size_t len;
    am_status status = read_chunk(w, size, body, sizeof body, &len, err);
    if (status != AM_OK) return status;
    if (len < 16)
        return am_fail(err, AM_E_FORMAT,
                       "%s has a damaged header: its ds64 chunk has %llu bytes, at least 16 are needed",
                       am_input_label(w->in), (unsigned long long)size);
    h->has_ds64 = true;
    h->ds64_data = le64(body + 8);
    return AM_OK;
}

/* Chunk by chunk up to the samples. */
static am_status read_header(wav *w, am_error *err) {
    unsigned char head[12], waste[1];
    size_t len;
    header h = { 0 };
    ptrdiff_t got = am_input_read_full(w->in, head, sizeof head);
    if (got < 0) return am_input_fail(w->in, err);
    if (!am_wav_is(head, (size_t)got)) return am_fail(err, AM_E_FORMAT, "%s is not a WAV file", am_input_label(w->in));
    h.is_64bit = head[1] != 'I';
    for (int i = 0; i < MAX_CHUNKS; i++) {
        got = am_input_read_full(w->in, head, 8);
        if (got != 8) return fail_short(w, "before its samples begin", err);
        uint64_t size = le32(head + 4);
        am_status status = AM_OK;
        if (!memcmp(head, "data", 4)) {
            if (!h.has_fmt)
                return am_fail(err, AM_E_FORMAT, "%s has samples but no fmt chunk before them", am_input_label(w->in));
            bool is_large = h.is_64bit && h.has_ds64 && size == UINT32_MAX;
            w->promised = is_large ? h.ds64_data : size;
            settle_length(w, false, is_large);
            return AM_OK;
        }
        if (!memcmp(head, "fmt ", 4)) status = read_fmt(w, &h, size, err);
        else if (!memcmp(head, "ds64", 4)) status = read_ds64(w, &h, size, err);
        else status = read_chunk(w, size, waste, 0, &len, err);
        if (status != AM_OK) return status;
    }
    return am_fail(err, AM_E_FORMAT, "%s has %d chunks and no samples among them", am_input_label(w->in), MAX_CHUNKS);
}

am_status am_wav_open(am_source **s, am_input *in, const am_logger *logger, am_error *err) {
    *s = NULL;
    wav *w = new_wav(in, logger, err);
    if (!w) return AM_E_NOMEM;
    am_status status = read_header(w, err);
    if (status != AM_OK) {
        free(w);
        return status;
    }
    *s = &w->base;
    return AM_OK;
}

/* ---- Headerless samples ------------------------------------------------------------------------------------- */

/* A decimal number from *text up to `stop`, which is passed over; -1 when it is none or above a million. */
static int parse_int(const char **text, char stop) {
    int n = 0;
    const char *t = *text;
    if (*t < '0' || *t > '9') return -1;
    for (; *t >= '0' && *t <= '9'; t++) {
        n = n * 10 + (*t - '0');
        if (n > 1000000) return -1;
    }
    if (*t != stop) return -1;
    *text = stop ? t + 1 : t;
    return n;
}

am_status am_raw_open(am_source **s, am_input *in, const char *text, const am_logger *logger, am_error *err) {
    *s = NULL;
    const char *comma = strchr(text, ',');
    sample_format format = N_FORMATS;
    for (sample_format f = U8; comma && f < N_FORMATS; f++)
        if (formats[f].raw_name && strlen(formats[f].raw_name) == (size_t)(comma - text) &&
            !memcmp(text, formats[f].raw_name, (size_t)(comma - text)))
            format = f;
    if (format == N_FORMATS)
        return am_fail(
            err, AM_E_ARG,
            "raw format \"%.60s\" is not FORMAT,RATE,CHANNELS with FORMAT one of u8, s16le, s24le, s32le, f32le, "
            "f64le",
            text);
    const char *rest = comma + 1;
    int rate = parse_int(&rest, ',');
    int channels = rate < 0 ? -1 : parse_int(&rest, '\0');
    if (rate < AM_SOURCE_MIN_RATE || rate > AM_SOURCE_MAX_RATE || channels < 1 || channels > AM_SOURCE_MAX_CHANNELS)
        return am_fail(err, AM_E_ARG,
                       "raw format \"%.60s\" needs a rate of %d..%d and 1..%d channels, as in s16le,16000,1", text,
                       AM_SOURCE_MIN_RATE, AM_SOURCE_MAX_RATE, AM_SOURCE_MAX_CHANNELS);
    wav *w = new_wav(in, logger, err);
    if (!w) return AM_E_NOMEM;
    set_format(w, format, rate, channels, "raw");
    settle_length(w, true, false);
    *s = &w->base;
    return AM_OK;
}
