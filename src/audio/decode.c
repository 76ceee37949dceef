/* Anything FFmpeg can read, as a source of samples.
 *
 * Owns: one demuxer over our own input (so that a pipe is as good as a file), one decoder, one packet and one frame.
 * Every byte FFmpeg sees comes through am_input: playlists and other formats that name further files or addresses find
 * every protocol shut.  Packets that do not decode are skipped and counted; the end of the stream then is AM_E_FORMAT.
 * What FFmpeg says about a failure is for the debug log: the sentences are ours.
 *
 * FFmpeg 5.1 or later.
 *
 * SPDX-License-Identifier: MIT */
#include "audio/source.h"

#ifdef AM_WITH_FFMPEG

#include "audio/ending.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/log.h>

enum {
    IO_BYTES = 1 << 15,
    MAX_RETRIES = 1000, /* of calls that say "again" or fail without reading on */
};

typedef struct decoder {
    am_source base;
    am_input *in;
    am_logger logger;
    AVIOContext *io;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    int stream;
    int64_t n_lead;      /* frames of silence still to give: the sound begins that much later than the film */
    int frame_pos;       /* samples of the frame already given */
    bool ended;          /* the demuxer has no more packets; the decoder is being drained */
    int read_error;      /* AVERROR the demuxer ended with, 0 for a proper end */
    int n_retries;       /* in a row */
    double promised_sec; /* length the container's header speaks of; 0 when it does not */
    double given_sec;
    uint64_t n_packets, n_bad;
    unsigned char head[AM_ENDING_HEAD]; /* the first bytes of the input */
    size_t head_len;
    am_ending ending;
} decoder;

/* ---- FFmpeg's log ------------------------------------------------------------------------------------------- */

/* FFmpeg has one log for the whole process and would print to stderr.  Ours is installed once; it takes only what is
 * said while a thread is inside a call of ours and leaves the rest to FFmpeg's own. */
static _Thread_local decoder *caller;

static void on_log(void *object, int level, const char *fmt, va_list args) {
    decoder *d = caller;
    if (!d) {
        av_log_default_callback(object, level, fmt, args);
        return;
    }
    if (level > AV_LOG_WARNING) return;
    char line[200];
    vsnprintf(line, sizeof line, fmt, args);
    size_t len = 0;
    for (const char *c = line; *c && *c != '\n'; c++) line[len++] = *c >= ' ' && *c <= '~' ? *c : '?';
    while (len && (line[len - 1] == ' ' || line[len - 1] == '.')) len--;
    line[len] = '\0';
    if (!len) return;
    am_log(&d->logger, AM_LOG_DEBUG, "ffmpeg: %s", line);
}

static void install_log(void) {
    av_log_set_callback(on_log);
}

static void log_error(const decoder *d, int error) {
    char line[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(error, line, sizeof line);
    am_log(&d->logger, AM_LOG_DEBUG, "ffmpeg: %s", line);
}

/* ---- Input -------------------------------------------------------------------------------------------------- */

static int io_read(void *opaque, uint8_t *bytes, int len) {
    decoder *d = opaque;
    ptrdiff_t n = am_input_read(d->in, bytes, (size_t)len);
    if (n > 0 && !am_input_is_seekable(d->in)) am_ending_feed(&d->ending, bytes, (size_t)n);
    return n > 0 ? (int)n : n == 0 ? AVERROR_EOF : AVERROR(EIO);
}

static int64_t io_seek(void *opaque, int64_t pos, int whence) {
    am_input *in = ((decoder *)opaque)->in;
    int64_t size = am_input_size(in);
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE: return size;
    case SEEK_SET: break;
    case SEEK_CUR: pos += (int64_t)am_input_pos(in); break;
    case SEEK_END: pos += size; break;
    default: return AVERROR(EINVAL);
    }
    return pos >= 0 && am_input_seek(in, (uint64_t)pos) ? pos : AVERROR(EINVAL);
}

/* No file may make us open another one. */
static int refuse_open(AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options) {
    return AVERROR(EPERM);
}

/* ---- Samples ------------------------------------------------------------------------------------------------ */

static float from_double(double x) {
    return isnan(x) ? NAN : x > FLT_MAX ? INFINITY : x < -FLT_MAX ? -INFINITY : (float)x;
}

static float sample_at(const uint8_t *data, enum AVSampleFormat packed, size_t i) {
    switch (packed) {
    case AV_SAMPLE_FMT_U8: return (float)(data[i] - 128) / 128.0f;
    case AV_SAMPLE_FMT_S16: return (float)((const int16_t *)data)[i] / 32768.0f;
    case AV_SAMPLE_FMT_S32: return (float)((const int32_t *)data)[i] / 2147483648.0f;
    case AV_SAMPLE_FMT_S64: return (float)((double)((const int64_t *)data)[i] / 9223372036854775808.0);
    case AV_SAMPLE_FMT_FLT: return ((const float *)data)[i];
    case AV_SAMPLE_FMT_DBL: return from_double(((const double *)data)[i]);
    default: return 0;
    }
}

/* n frames from `pos` on, interleaved. */
static void copy_frames(float *out, const AVFrame *f, int pos, size_t n, int n_channels) {
    enum AVSampleFormat packed = av_get_packed_sample_fmt(f->format);
    bool planar = av_sample_fmt_is_planar(f->format);
    size_t stride = planar ? 1 : (size_t)n_channels;
    for (int c = 0; c < n_channels; c++) {
        const uint8_t *data = f->extended_data[planar ? c : 0];
        size_t first = (size_t)pos * stride + (planar ? 0 : (size_t)c);
        for (size_t i = 0; i < n; i++)
            out[i * (size_t)n_channels + (size_t)c] = sample_at(data, packed, first + i * stride);
    }
}

/* ---- Packets and frames ------------------------------------------------------------------------------------- */

/* The next packet of our stream to the decoder, or the news that there is none. */
static void send_packet(decoder *d) {
    for (;;) {
        int rc = d->ended ? AVERROR_EOF : av_read_frame(d->format, d->packet);
        if (rc == AVERROR(EAGAIN) && ++d->n_retries < MAX_RETRIES) continue;
        if (rc < 0) {
            d->read_error = rc == AVERROR_EOF ? 0 : rc;
            if (d->read_error) log_error(d, rc);
            d->ended = true;
            avcodec_send_packet(d->codec, NULL);
            return;
        }
        if (d->packet->stream_index != d->stream) {
            av_packet_unref(d->packet);
            continue;
        }
        d->n_packets++;
        rc = avcodec_send_packet(d->codec, d->packet);
        av_packet_unref(d->packet);
        if (rc < 0) d->n_bad++;
        return;
    }
}

/* The next decoded frame to d->frame.  Returns 0 or AVERROR_EOF. */
static int next_frame(decoder *d) {
    decoder *outer = caller;
    caller = d;
    int rc;
    d->frame_pos = 0;
    for (;;) {
        rc = avcodec_receive_frame(d->codec, d->frame);
        if (rc == 0) {
            d->n_retries = 0;
            if (d->frame->nb_samples > 0) break;
        } else if (rc == AVERROR_EOF || ++d->n_retries > MAX_RETRIES) {
            rc = AVERROR_EOF;
            break;
        } else if (rc == AVERROR(EAGAIN)) {
            send_packet(d);
            if (!d->ended) d->n_retries = 0;
        } else {
            d->n_bad++;
        }
    }
    caller = outer;
    return rc;
}

/* Where the stream ended: properly, in the middle, or with something lost on the way. */
static am_status at_end(decoder *d, am_error *err) {
    const char *label = am_input_label(d->in);
    char why[100];
    bool cut = !am_input_failed(d->in) && am_ending_is_cut(&d->ending, d->in, why, sizeof why);
    if (am_input_failed(d->in)) return am_input_fail(d->in, err);
    if (cut) return am_fail(err, AM_E_FORMAT, "%s breaks off after %.3f s: %s", label, d->given_sec, why);
    /* Headers round, and count what encoders put before and after the sound; a real cut takes more than that, and one
     * packet with it. */
    if (d->n_bad <= 1 && d->given_sec < d->promised_sec * 0.98 - 1)
        return am_fail(err, AM_E_FORMAT, "%s breaks off: its header promises %.1f s of audio, %.1f s are there", label,
                       d->promised_sec, d->given_sec);
    if (d->n_bad)
        return am_fail(err, AM_E_FORMAT, "%s is damaged: %llu of %llu packets could not be decoded", label,
                       (unsigned long long)d->n_bad, (unsigned long long)d->n_packets);
    if (d->read_error)
        return am_fail(err, AM_E_FORMAT, "%s breaks off after %.3f s: what follows is damaged or not there", label,
                       d->given_sec);
    return AM_E_END;
}

static am_status check_frame(decoder *d, am_error *err) {
    int rate = d->frame->sample_rate, n_channels = d->frame->ch_layout.nb_channels;
    if (rate < AM_SOURCE_MIN_RATE || rate > AM_SOURCE_MAX_RATE || n_channels < 1 || n_channels > AM_SOURCE_MAX_CHANNELS)
        return am_fail(
            err, AM_E_UNSUPPORTED, "%s has %d channels at %d Hz: 1 to %d channels at %d to %d Hz can be read",
            am_input_label(d->in), n_channels, rate, AM_SOURCE_MAX_CHANNELS, AM_SOURCE_MIN_RATE, AM_SOURCE_MAX_RATE);
    d->base.sample_rate = rate;
    d->base.n_channels = n_channels;
    return AM_OK;
}

/* Silence in front, so that times count from where the film begins. */
static size_t give_lead(decoder *d, float *frames, size_t most) {
    size_t n = d->n_lead < (int64_t)most ? (size_t)d->n_lead : most;
    memset(frames, 0, n * (size_t)d->base.n_channels * sizeof *frames);
    d->n_lead -= (int64_t)n;
    return n;
}

static am_status decoder_read(am_source *s, float *frames, size_t cap_floats, size_t *n_frames, am_error *err) {
    decoder *d = (decoder *)s;
    *n_frames = 0;
    if (d->n_lead > 0) {
        *n_frames = give_lead(d, frames, cap_floats / (size_t)s->n_channels);
        return AM_OK;
    }
    if (d->frame_pos >= d->frame->nb_samples) {
        if (next_frame(d) != 0) return at_end(d, err);
        am_status status = check_frame(d, err);
        if (status != AM_OK) return status;
    }
    size_t n = (size_t)(d->frame->nb_samples - d->frame_pos), most = cap_floats / (size_t)s->n_channels;
    if (n > most) n = most;
    copy_frames(frames, d->frame, d->frame_pos, n, s->n_channels);
    d->frame_pos += (int)n;
    d->given_sec += (double)n / s->sample_rate;
    *n_frames = n;
    return AM_OK;
}

static void decoder_close(am_source *s) {
    decoder *d = (decoder *)s;
    caller = d;
    av_frame_free(&d->frame);
    av_packet_free(&d->packet);
    avcodec_free_context(&d->codec);
    avformat_close_input(&d->format);
    if (d->io) av_freep(&d->io->buffer);
    avio_context_free(&d->io);
    caller = NULL;
    free(d);
}

static const am_source_ops ops = { decoder_read, NULL, decoder_close };

/* ---- Open --------------------------------------------------------------------------------------------------- */

static am_status fail_ffmpeg_nomem(am_error *err) {
    return am_fail_nomem(err, "FFmpeg", IO_BYTES);
}

static am_status open_io(decoder *d, am_error *err) {
    uint8_t *buf = av_malloc(IO_BYTES);
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    d->format = avformat_alloc_context();
    if (buf)
        d->io = avio_alloc_context(buf, IO_BYTES, 0, d, io_read, NULL, am_input_is_seekable(d->in) ? io_seek : NULL);
    if (!d->io) av_free(buf);
    if (!d->io || !d->packet || !d->frame || !d->format) return fail_ffmpeg_nomem(err);
    d->format->pb = d->io;
    d->format->io_open = refuse_open;
    d->format->protocol_whitelist = av_strdup("none"); /* demuxers that open addresses without io_open */
    return d->format->protocol_whitelist ? AM_OK : fail_ffmpeg_nomem(err);
}

/* Does the input begin as a media file does?  What does and cannot be read is damaged; the rest is something else. */
static bool has_media_signature(const decoder *d) {
    static const struct {
        size_t at;
        const char *bytes;
    } signatures[] = {
        { 0, "fLaC" }, { 0, "OggS" }, { 0, "\x1a\x45\xdf\xa3" }, { 0, "RIFF" },  { 0, "RF64" }, { 0, "FORM" },
        { 0, "ID3" },  { 4, "ftyp" }, { 0, "\x30\x26\xb2\x75" }, { 0, "#!AMR" }, { 0, "caff" }, { 0, ".snd" },
    };
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        size_t at = signatures[i].at, len = strlen(signatures[i].bytes);
        if (d->head_len >= at + len && memcmp(d->head + at, signatures[i].bytes, len) == 0) return true;
    }
    /* MPEG audio and ADTS: eleven bits of a frame's start, a layer, a bit rate and a sample rate that exist. */
    return d->head_len >= 3 && d->head[0] == 0xff && (d->head[1] & 0xe0) == 0xe0 && (d->head[1] & 0x18) != 0x08 &&
           d->head[2] >> 4 != 15 && (d->head[2] & 0x0c) != 0x0c;
}

/* Why opening failed, in our words. */
static am_status fail_format(decoder *d, int rc, am_error *err) {
    const char *label = am_input_label(d->in);
    if (am_input_failed(d->in)) return am_input_fail(d->in, err);
    if (rc == AVERROR(ENOMEM)) return fail_ffmpeg_nomem(err);
    log_error(d, rc);
    bool is_mp4 = d->head_len >= 8 && memcmp(d->head + 4, "ftyp", 4) == 0;
    if (is_mp4 && !am_input_is_seekable(d->in))
        return am_fail(err, AM_E_FORMAT,
                       "%s cannot be read as a pipe: an MP4 may have its index at the end; give it as a file", label);
    if (is_mp4)
        return am_fail(err, AM_E_FORMAT, "%s is an MP4 that is damaged or breaks off: its index cannot be read", label);
    if (has_media_signature(d))
        return am_fail(err, AM_E_FORMAT, "%s is damaged or breaks off: nothing playable was found", label);
    return am_fail(err, AM_E_FORMAT, "%s is not a media file that can be read: nothing playable was found", label);
}

/* The first bytes, which are then there to be read again. */
static am_status look_at_head(decoder *d, am_error *err) {
    ptrdiff_t n = am_input_read_full(d->in, d->head, sizeof d->head);
    if (n < 0) return am_input_fail(d->in, err);
    if (!am_input_rewind(d->in)) return am_fail(err, AM_E_IO, "%s cannot be rewound", am_input_label(d->in));
    d->head_len = (size_t)n;
    am_ending_init(&d->ending, d->head, d->head_len);
    return AM_OK;
}

/* A stream's length 0 when it is not known. */
static double stream_duration(const AVStream *st) {
    double sec = st->duration == AV_NOPTS_VALUE ? 0 : (double)st->duration * av_q2d(st->time_base);
    return sec > 0 && sec < 1e9 ? sec : 0;
}

/* The length the header gives for its audio, asked before FFmpeg fills in guesses; 0 when it does not.  Of several audio
 * streams the shortest, so that no whole file is ever called cut. */
static double promised_duration(const AVFormatContext *format) {
    double least = 0;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        double sec = stream_duration(format->streams[i]);
        if (format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO && sec > 0 && (least == 0 || sec < least))
            least = sec;
    }
    return least;
}

static am_status open_format(decoder *d, am_error *err) {
    /* The name helps to recognise formats without a signature (.g722, .gsm); it is never opened. */
    int rc = avformat_open_input(&d->format, am_input_basename(d->in), NULL, NULL);
    if (rc < 0) return fail_format(d, rc, err);
    snprintf(d->base.container, sizeof d->base.container, "%s", d->format->iformat->name);
    d->promised_sec = promised_duration(d->format);
    rc = avformat_find_stream_info(d->format, NULL);
    return rc < 0 ? fail_format(d, rc, err) : AM_OK;
}

/* FFmpeg takes any text for a film in letters, or for subtitles: that is no media file to us. */
static bool is_media(const AVFormatContext *format) {
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVCodecParameters *par = format->streams[i]->codecpar;
        bool is_text_art = par->codec_id == AV_CODEC_ID_ANSI || par->codec_id == AV_CODEC_ID_BINTEXT ||
                           par->codec_id == AV_CODEC_ID_XBIN || par->codec_id == AV_CODEC_ID_IDF;
        if (par->codec_type == AVMEDIA_TYPE_AUDIO || (par->codec_type == AVMEDIA_TYPE_VIDEO && !is_text_art))
            return true;
    }
    return false;
}

static am_status choose_stream(decoder *d, const AVCodec **codec, am_error *err) {
    const char *label = am_input_label(d->in);
    int rc = av_find_best_stream(d->format, AVMEDIA_TYPE_AUDIO, -1, -1, codec, 0);
    if (rc == AVERROR_DECODER_NOT_FOUND)
        return am_fail(err, AM_E_UNSUPPORTED, "%s has audio in a codec this FFmpeg cannot decode", label);
    if (am_input_failed(d->in)) return am_input_fail(d->in, err);
    if (rc < 0 && !is_media(d->format)) return fail_format(d, AVERROR_INVALIDDATA, err);
    if (rc < 0) return am_fail(err, AM_E_NO_AUDIO, "%s (%s) has no audio stream", label, d->base.container);
    d->stream = rc;
    for (int i = 0; i < (int)d->format->nb_streams; i++)
        if (i != d->stream) d->format->streams[i]->discard = AVDISCARD_ALL;
    return AM_OK;
}

static am_status open_codec(decoder *d, const AVCodec *codec, am_error *err) {
    const AVStream *st = d->format->streams[d->stream];
    snprintf(d->base.codec, sizeof d->base.codec, "%s", avcodec_get_name(codec->id));
    d->codec = avcodec_alloc_context3(codec);
    if (!d->codec || avcodec_parameters_to_context(d->codec, st->codecpar) < 0) return fail_ffmpeg_nomem(err);
    d->codec->pkt_timebase = st->time_base; /* without it the encoder's padding at start and end is not cut off */
    d->codec->thread_count = 1;             /* audio decoders gain nothing, and the log above goes by thread */
    int rc = avcodec_open2(d->codec, codec, NULL);
    if (rc >= 0) return AM_OK;
    log_error(d, rc);
    if (rc == AVERROR(ENOMEM)) return fail_ffmpeg_nomem(err);
    return am_fail(err, AM_E_FORMAT, "%s is damaged: its description of the %s stream cannot be used",
                   am_input_label(d->in), d->base.codec);
}

/* For the progress of a reader.  May be FFmpeg's estimate from the bit rate, which for most files is close. */
static int64_t total_frames(const decoder *d) {
    double sec = stream_duration(d->format->streams[d->stream]);
    if (sec > 0) sec += (double)d->n_lead / d->base.sample_rate; /* the container's own length has it in */
    else if (d->format->duration != AV_NOPTS_VALUE) sec = (double)d->format->duration / AV_TIME_BASE;
    return sec > 0 && sec < 1e9 ? llround(sec * d->base.sample_rate) : -1;
}

/* Decode up to the first frame: only then rate and channels are certain, and that this is sound at all. */
static am_status first_frame(decoder *d, am_error *err) {
    if (next_frame(d) == 0) return check_frame(d, err);
    if (am_input_failed(d->in) || d->n_bad || d->read_error) return fail_format(d, AVERROR_INVALIDDATA, err);
    return am_fail(err, AM_E_NO_AUDIO, "%s holds no audio samples", am_input_label(d->in));
}

/* How much later than the container's other streams the sound begins.  What is shorter than a tenth of a second is an
 * encoder's padding, what is longer than an hour a damaged number. */
static int64_t lead_frames(const decoder *d) {
    const AVStream *st = d->format->streams[d->stream];
    if (st->start_time == AV_NOPTS_VALUE || d->format->start_time == AV_NOPTS_VALUE) return 0;
    double late = (double)st->start_time * av_q2d(st->time_base) - (double)d->format->start_time / AV_TIME_BASE;
    return late >= 0.1 && late <= 3600 ? llround(late * d->base.sample_rate) : 0;
}

static am_status open_all(decoder *d, am_error *err) {
    const AVCodec *codec = NULL;
    am_status status = look_at_head(d, err);
    if (status == AM_OK) status = open_io(d, err);
    caller = d;
    if (status == AM_OK) status = open_format(d, err);
    if (status == AM_OK) status = choose_stream(d, &codec, err);
    if (status == AM_OK) status = open_codec(d, codec, err);
    if (status == AM_OK) status = first_frame(d, err);
    caller = NULL;
    if (status != AM_OK) return status;
    d->n_lead = lead_frames(d);
    d->base.n_frames = total_frames(d);
    return AM_OK;
}

am_status am_decode_open(am_source **s, am_input *in, const am_logger *logger, am_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    *s = NULL;
    pthread_once(&once, install_log);
    decoder *d = calloc(1, sizeof *d);
    if (!d) return am_fail_nomem(err, "a decoder", sizeof *d);
    d->base.ops = &ops;
    d->in = in;
    if (logger) d->logger = *logger;
    am_status status = open_all(d, err);
    if (status != AM_OK) decoder_close(&d->base);
    else *s = &d->base;
    return status;
}

#else

am_status am_decode_open(am_source **s, am_input *in, const am_logger *logger, am_error *err) {
    *s = NULL;
    return am_fail(err, AM_E_UNSUPPORTED,
                   "%s is not a WAV file of plain samples, and this build reads nothing else (it has no FFmpeg)",
                   am_input_label(in));
}

#endif
