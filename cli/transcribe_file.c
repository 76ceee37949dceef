/* See transcribe_file.h.  Nothing that was recognised is lost: a source that breaks off, an interruption, a failing
 * device end the transcript early, and what is there is written out whole.
 *
 * SPDX-License-Identifier: MIT */
#include "transcribe_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "interrupt.h"
#include "progress.h"

enum { READ_SAMPLES = 16000, MAX_LANGUAGES = 5 };

/* Work on one input.  `code` is the worst that happened first. */
typedef struct work {
    am_cli_job *job;
    const char *path, *name; /* as in am_cli_input_path(), am_cli_input_name() */
    am_audio *audio;
    am_session *session;
    am_cli_output *output;
    am_cli_progress progress;
    uint64_t n_samples;
    bool heard_words;
    bool cut_short; /* the transcript ends before the recording does */
    int code;
    char *reason;
} work;

static void fail(work *w, int code, const char *fmt, ...) AM_CLI_PRINTF(3, 4);

/* Say a failure and remember the first. */
static void fail(work *w, int code, const char *fmt, ...) {
    char sentence[AM_CLI_REASON_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    am_cli_say("%s", sentence);
    if (w->code != AM_EXIT_OK) return;
    w->code = code;
    memcpy(w->reason, sentence, sizeof sentence);
}

/* ---- Opening ------------------------------------------------------------------------------------------------ */

static bool open_audio(work *w, int index) {
    am_error err = { 0 };
    am_audio_config cfg = w->job->audio;
    cfg.path = w->job->plan.inputs[index];
    am_status status = am_audio_open(&w->audio, &cfg, &err);
    if (status == AM_OK) return true;
    if (status == AM_E_CANCELLED) return false; /* said at the end */
    fail(w, am_cli_exit_code(status, AM_EXIT_INPUT), "%s", err.text);
    return false;
}

/* The model is opened when the first input is known to be audio: a mistyped name is told at once. */
static bool open_model(work *w) {
    am_cli_job *job = w->job;
    if (job->model) return true;
    am_error err = { 0 };
    am_status status = am_model_open(&job->model, &job->model_config, &err);
    if (status == AM_OK) {
        job->model_info.struct_size = sizeof job->model_info;
        am_model_info_get(job->model, &job->model_info);
        return true;
    }
    int code = status == AM_E_UNSUPPORTED ? AM_EXIT_DEVICE : am_cli_exit_code(status, AM_EXIT_MODEL);
    fail(w, code, "%s", err.text);
    job->stop_code = code;
    return false;
}

/* Whole recordings: text that comes a minute later is no loss.  Of a pipe or a device it is wanted while it is spoken. */
static bool is_recording(const char *path) {
    struct stat info;
    int failed = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &info) : stat(path, &info);
    return failed || S_ISREG(info.st_mode);
}

static bool open_session(work *w, const char *input) {
    enum { RECORDING_BATCH = 8 };
    am_error err = { 0 };
    am_session_config cfg = w->job->session;
    if (cfg.n_batch == 0) cfg.n_batch = is_recording(input) ? RECORDING_BATCH : 1;
    am_status status = am_session_open(&w->session, w->job->model, &cfg, &err);
    if (status == AM_OK) {
        am_cli_interrupt_session(w->session);
        return true;
    }
    fail(w, am_cli_exit_code(status, AM_EXIT_DEVICE), "%s", err.text);
    w->job->stop_code = w->code;
    return false;
}

/* There is nowhere else to write to, for this input and those that follow. */
static bool is_only_stdout_lost(const work *w) {
    return w->job->plan.files.n == 0 && am_cli_output_lost_stdout(w->output);
}

static bool open_output(work *w, int index) {
    int code = am_cli_output_open(&w->output, &w->job->plan, index);
    if (code == AM_EXIT_OK) return true;
    w->code = code;
    if (w->output && is_only_stdout_lost(w)) w->job->stop_code = code;
    return false;
}

/* ---- Samples to segments ------------------------------------------------------------------------------------ */

static double seconds_done(const work *w) {
    return am_session_position(w->session) - w->job->session.start_sec;
}

static bool has_words(const char *text) {
    return text[strspn(text, " \t\r\n")] != '\0';
}

/* Write the segments that are ready.  False when this input is at its end, for whatever reason. */
static bool drain(work *w) {
    for (;;) {
        const am_segment *segment;
        am_status status = am_session_next(w->session, &segment);
        if (status == AM_E_AGAIN) return true;
        if (status == AM_E_END) return false;
        if (status != AM_OK) w->cut_short = true;
        if (status == AM_E_CANCELLED) {
            w->code = AM_EXIT_INTERRUPTED; /* said at the end, when the results are safe */
            return false;
        }
        if (status != AM_OK) {
            fail(w, am_cli_exit_code(status, AM_EXIT_DEVICE), "\"%s\": %s", w->path,
                 am_session_error(w->session)->text);
            return false;
        }
        w->heard_words |= has_words(segment->text);
        double end = segment->end - w->job->session.start_sec;
        if (!am_cli_output_segment(w->output, segment)) return false;
        am_cli_progress_audio(&w->progress, end);
    }
}

/* Feed all of n samples, decoding in between.  False as drain(). */
static bool feed(work *w, const float *pcm, size_t n) {
    w->n_samples += n;
    am_status status;
    while ((status = am_session_feed(w->session, pcm, n)) == AM_E_AGAIN)
        if (!drain(w)) return false;
    if (status != AM_OK) {
        w->cut_short = true;
        fail(w, am_cli_exit_code(status, AM_EXIT_DEVICE), "\"%s\": %s", w->path, am_session_error(w->session)->text);
        return false;
    }
    bool more = drain(w);
    am_cli_progress_audio(&w->progress, seconds_done(w));
    return more;
}

static void transcribe(work *w) {
    static float pcm[READ_SAMPLES];
    am_status status;
    size_t n;
    while ((status = am_audio_read(w->audio, pcm, READ_SAMPLES, &n)) == AM_OK) {
        if (!feed(w, pcm, n)) return;
        if (am_cli_interrupted()) break;
    }
    if (am_cli_interrupted()) {
        w->cut_short = true;
        w->code = AM_EXIT_INTERRUPTED;
        return;
    }
    if (status != AM_E_END) {
        w->cut_short = true;
        fail(w, am_cli_exit_code(status, AM_EXIT_INPUT), "%s", am_audio_error(w->audio)->text);
    }
    am_session_finish(w->session);
    drain(w);
}

/* ---- The end ------------------------------------------------------------------------------------------------ */

static bool is_anything_done(const work *w) {
    return w->heard_words || seconds_done(w) > 0;
}

static void write_ends(work *w) {
    am_language_prob languages[MAX_LANGUAGES];
    am_transcript_info info = { .struct_size = sizeof info, .languages = languages };
    am_session_languages(w->session, languages, MAX_LANGUAGES, &info.n_languages);
    if (info.n_languages > 0) info.language = languages[0].code;
    info.duration_sec = w->cut_short ? seconds_done(w) : (double)w->n_samples / AM_SAMPLE_RATE;
    am_cli_extent extent = w->cut_short ? AM_CLI_PARTIAL : AM_CLI_WHOLE;
    if (w->cut_short && !is_anything_done(w)) extent = AM_CLI_NOTHING;
    int code = am_cli_output_finish(w->output, &info, extent);
    if (code != AM_EXIT_OK && w->code == AM_EXIT_OK) {
        w->code = code;
        snprintf(w->reason, AM_CLI_REASON_MAX, "%s", am_cli_output_reason(w->output));
    }
    if (is_only_stdout_lost(w)) w->job->stop_code = AM_EXIT_OUTPUT;
}

static void judge_samples(work *w) {
    am_audio_info info = { .struct_size = sizeof info };
    am_audio_info_get(w->audio, &info);
    if (info.n_nonfinite > 0)
        fail(w, AM_EXIT_INPUT, "\"%s\": %llu samples are not numbers (NaN or infinite) and were read as silence",
             w->path, (unsigned long long)info.n_nonfinite);
    else if (w->n_samples == 0 && w->code == AM_EXIT_OK && w->job->audio.offset_sec > 0)
        fail(w, AM_EXIT_INPUT, "\"%s\": ends before --offset %g s", w->path, w->job->audio.offset_sec);
    else if (w->n_samples == 0 && w->code == AM_EXIT_OK) fail(w, AM_EXIT_INPUT, "\"%s\": holds no samples", w->path);
    else if (!w->heard_words && w->code == AM_EXIT_OK && w->job->verbosity != AM_CLI_QUIET)
        am_cli_note("\"%s\": no speech found", w->path);
}

void am_cli_say_interrupted(am_cli_job *job, const char *where) {
    if (!job->interruption_said) am_cli_say("interrupted%s", where);
    job->interruption_said = true;
}

static void say_where_interrupted(const work *w) {
    char at[32], of[32], total[40] = "", where[3 * AM_CLI_PATH_MAX] = "";
    if (w->progress.total > 0) snprintf(total, sizeof total, " of %s", am_cli_time_text(w->progress.total, of));
    const char *kept = am_cli_output_kept(w->output);
    if (is_anything_done(w))
        snprintf(where, sizeof where, " at %s%s in \"%s\": what was done is kept%s%s%s",
                 am_cli_time_text(seconds_done(w), at), total, w->path, kept[0] ? " in " : "", kept,
                 kept[0] ? ", and the older result stays" : "");
    am_cli_say_interrupted(w->job, where);
}

/* A recording that broke off, where an earlier run has left a result. */
static void say_what_is_kept(const work *w) {
    const char *kept = am_cli_output_kept(w->output);
    if (w->code != AM_EXIT_INTERRUPTED && kept[0])
        am_cli_say("\"%s\": what was done is kept in %s, and the older result stays", w->path, kept);
}

/* "talk.wav: 7.1 s of audio in 0.6 s (11.8x realtime), language en (p 0.99), model base f32 on avx512, 2 threads" */
static void report(const work *w) {
    double audio_sec = (double)w->n_samples / AM_SAMPLE_RATE, elapsed = am_cli_clock() - w->progress.started;
    const am_model_info *model = &w->job->model_info;
    am_language_prob best;
    size_t n = 0;
    char language[64] = "";
    am_session_languages(w->session, &best, 1, &n);
    if (n > 0) snprintf(language, sizeof language, ", language %s (p %.2f)", best.code, (double)best.probability);
    int n_threads = w->job->session.n_threads;
    am_cli_note("%s: %.1f s of audio in %.1f s (%.1fx realtime)%s, model %s %s on %s, %d thread%s", w->name, audio_sec,
                elapsed, elapsed > 0 ? audio_sec / elapsed : 0, language, model->size, model->compute, model->cpu,
                n_threads, n_threads == 1 ? "" : "s");
}

static void close_all(work *w) {
    am_cli_interrupt_session(NULL);
    am_cli_output_close(&w->output);
    am_session_close(&w->session);
    am_audio_close(&w->audio);
}

int am_cli_transcribe_file(am_cli_job *job, int index, char reason[AM_CLI_REASON_MAX]) {
    const char *input = job->plan.inputs[index];
    work w = { .job = job, .path = am_cli_input_path(input), .name = am_cli_input_name(input), .reason = reason };
    if (open_audio(&w, index) && open_model(&w) && open_session(&w, input) && open_output(&w, index)) {
        am_audio_info info = { .struct_size = sizeof info };
        am_audio_info_get(w.audio, &info);
        am_cli_progress_start(&w.progress, job->with_progress, info.duration_sec);
        am_cli_progress_audio(&w.progress, 0);
        transcribe(&w);
        am_cli_progress_end(&w.progress);
        write_ends(&w);
        if (w.code == AM_EXIT_INTERRUPTED) say_where_interrupted(&w);
        else judge_samples(&w);
        say_what_is_kept(&w);
        if (job->verbosity != AM_CLI_QUIET && w.n_samples > 0 && w.code != AM_EXIT_INTERRUPTED && !job->stop_code)
            report(&w);
    } else if (w.output) {
        snprintf(reason, AM_CLI_REASON_MAX, "%s", am_cli_output_reason(w.output));
    }
    close_all(&w);
    if (am_cli_interrupted()) job->stop_code = w.code = AM_EXIT_INTERRUPTED;
    return w.code;
}
