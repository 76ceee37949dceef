/* `amanuensis transcribe`: its options, and its inputs one after the other.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "console.h"
#include "environment.h"
#include "interrupt.h"
#include "options.h"
#include "transcribe_file.h"

typedef struct settings {
    const char *model, *language, *task, *output_format, *output_dir, *device, *compute, *cpu, *prompt, *raw, *progress;
    double offset, duration;
    int n_threads, n_batch;
    bool no_timestamps, no_previous_text, quiet, verbose;
} settings;

#define FIELD(name) offsetof(settings, name)

static const am_cli_option options[] = {
    { "model", 'm', AM_CLI_TEXT, "NAME|PATH",
      "Model: a name of \"amanuensis models list\", or the path of a model file or folder. Default: base.",
      FIELD(model), 0, 0 },
    { "language", 'l', AM_CLI_TEXT, "CODE",
      "Language spoken, \"en\" or \"english\", or auto to detect it from the first 30 seconds. Default: auto. The "
      "codes are listed below.",
      FIELD(language), 0, 0 },
    { "task", 0, AM_CLI_CHOICE, "transcribe|translate",
      "Write what is said, or translate it into English. Default: transcribe.", FIELD(task), 0, 0 },
    { "output-format", 'f', AM_CLI_TEXT, "FORMAT,...",
      "One or more of txt, srt, vtt, json, tsv, lrc, lines, or all. Default: lines with their times on standard "
      "output.",
      FIELD(output_format), 0, 0 },
    { "output-dir", 'o', AM_CLI_TEXT, "FOLDER",
      "Write files into this folder, which is made when missing. Without --output-format: all formats.",
      FIELD(output_dir), 0, 0 },
    { "offset", 0, AM_CLI_TIME, "TIME",
      "Start this far into the audio: seconds or [hh:]mm:ss. Times in the result count from the start of the file.",
      FIELD(offset), 0, 0 },
    { "duration", 0, AM_CLI_TIME, "TIME", "Transcribe this much audio. Default: to the end.", FIELD(duration), 0, 0 },
    { "prompt", 0, AM_CLI_TEXT, "TEXT",
      "Text to imagine before the first words, or with --batch above 1 before those of every window: names and terms "
      "to "
      "expect, a style to continue.",
      FIELD(prompt), 0, 0 },
    { "no-timestamps", 0, AM_CLI_FLAG, NULL, "No times inside a 30-second window; plain text on standard output.",
      FIELD(no_timestamps), 0, 0 },
    { "no-previous-text", 0, AM_CLI_FLAG, NULL,
      "With --batch 1: do not show the model the text it wrote before; less consistent, but no error is carried on.",
      FIELD(no_previous_text), 0, 0 },
    { "raw", 0, AM_CLI_TEXT, "FORMAT,RATE,CHANNELS",
      "The input has no header, as s16le,16000,1. FORMAT: u8, s16le, s24le, s32le, f32le or f64le.", FIELD(raw), 0, 0 },
    { "threads", 't', AM_CLI_INT, "N", "Threads. Default: one per core.", FIELD(n_threads), 1, 256 },
    { "batch", 0, AM_CLI_INT, "N",
      "How many windows of 30 seconds are decoded together. From 2 on (at most 64) they are cut in silence and know "
      "nothing of each other: much faster, more memory, and the text is the same for any number. 1: one after the "
      "other, each seeing the text before; words come soonest. Default: 8 for a file, 1 for a pipe or a device.",
      FIELD(n_batch), 1, AM_BATCH_MAX },
    { "device", 0, AM_CLI_CHOICE, "auto|cpu", "Where to compute. Default: auto.", FIELD(device), 0, 0 },
    { "compute", 0, AM_CLI_CHOICE, "auto|int8|f32",
      "Number format to compute in: int8, or f32, which is slower and takes more memory. Default: auto, which is int8.",
      FIELD(compute), 0, 0 },
    { "cpu", 0, AM_CLI_CHOICE, "auto|c|avx2|avxvnni|avx512|avx512vnni|neon|dotprod|i8mm",
      "Best instruction set to use. Default: auto, the best this machine has.", FIELD(cpu), 0, 0 },
    { "progress", 0, AM_CLI_CHOICE, "auto|never", "A progress bar on the terminal. Default: auto.", FIELD(progress), 0,
      0 },
    { "quiet", 'q', AM_CLI_FLAG, NULL, "Only the result and failures.", FIELD(quiet), 0, 0 },
    { "verbose", 'v', AM_CLI_FLAG, NULL, "Also what goes on inside.", FIELD(verbose), 0, 0 },
};

/* The codes, as many in a line as fit. */
static void print_languages(void) {
    enum { WIDTH = 100 };
    const char *code, *name;
    int column = WIDTH;
    printf("\nLanguages:");
    for (size_t i = 0; am_language_get(i, &code, &name) == AM_OK; i++) {
        if (column + 1 + (int)strlen(code) > WIDTH) column = printf("\n ") - 1;
        column += printf(" %s", code);
    }
    putchar('\n');
}

static const am_cli_syntax syntax = {
    .command = "transcribe",
    .usage = "[options] FILE... | -",
    .about =
        "Turn speech into text. FILE is anything with an audio stream; - reads standard input. The text appears on "
        "standard output as it is recognised; everything else goes to standard error.",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "  amanuensis transcribe talk.mp3\n"
                "  amanuensis transcribe --output-format srt film.mkv > film.srt\n"
                "  amanuensis transcribe --output-format txt,json --output-dir out *.wav\n"
                "  amanuensis transcribe --language de --task translate --offset 1:30 --duration 60 interview.m4a\n"
                "  ffmpeg -i URL -f wav - | amanuensis transcribe -\n"
                "  arecord -f S16_LE -r 16000 -c 1 -t raw | amanuensis transcribe --raw s16le,16000,1 -\n",
    .notes =
        "Results:\n"
        "  One input and one format without --output-dir go to standard output. Otherwise every input gets one file\n"
        "  per format, named after it (talk.mp3 -> talk.srt), in --output-dir or the current folder, and the lines\n"
        "  with their times still go to standard output unless --quiet, with \"==> talk.mp3 <==\" above each of\n"
        "  several inputs. A file appears when it is whole, and then replaces one of an earlier run.\n"
        "  Ctrl-C keeps what is done so far, in talk.srt.part-NUMBER where talk.srt is there already; a second\n"
        "  Ctrl-C ends at once.\n"
        "\n"
        "Exit codes:\n"
        "  0 fine   1 bad use   2 bad input   3 model   4 device, memory   5 output   130 interrupted\n"
        "  With several inputs the others are still done, and the code is that of the first failure.\n",
    .print_more = print_languages,
    .not_here = "beam-size|best-of|patience|length-penalty|temperature|temperature-increment-on-fallback|"
                "word-timestamps|vad|vad-filter|diarize|highlight-words",
};

/* ---- From options to a job ---------------------------------------------------------------------------------- */

static int check_inputs(int n_inputs, char **inputs) {
    int n_stdin = 0;
    for (int i = 0; i < n_inputs; i++) {
        n_stdin += strcmp(inputs[i], "-") == 0;
        if (inputs[i][0]) continue;
        am_cli_say("a file name is empty");
        return AM_EXIT_USE;
    }
    if (n_inputs > 0 && n_stdin <= 1) return AM_EXIT_OK;
    if (n_inputs == 0) am_cli_say("transcribe what? Name a file, or - for standard input");
    else am_cli_say("standard input (-) can be read only once");
    return AM_EXIT_USE;
}

static int plan_results(am_cli_plan *plan, const settings *s, int n_inputs, char **inputs) {
    plan->inputs = inputs;
    plan->n_inputs = n_inputs;
    plan->folder = s->output_dir;
    const char *list = s->output_format;
    if (!list && s->output_dir) list = "all";
    if (list && !am_cli_formats_parse(&plan->files, list)) return AM_EXIT_USE;
    if (plan->files.n == 1 && n_inputs == 1 && !s->output_dir) {
        plan->stdout_format = plan->files.name[0];
        plan->files.n = 0;
    } else if (plan->files.n == 0 || !s->quiet) {
        plan->stdout_format = s->no_timestamps ? "txt" : "lines";
    }
    return am_cli_plan_open(plan);
}

static int is_cancelled(void *cookie) {
    return am_cli_interrupted();
}

static void configure(am_cli_job *job, const settings *s) {
    job->verbosity = s->quiet ? AM_CLI_QUIET : s->verbose ? AM_CLI_VERBOSE : AM_CLI_NORMAL;
    job->with_progress = !s->quiet && !(s->progress && strcmp(s->progress, "never") == 0);
    am_logger logger = am_cli_logger(job->verbosity);

    am_audio_config_init(&job->audio);
    job->audio.raw = s->raw;
    job->audio.offset_sec = s->offset;
    job->audio.duration_sec = s->duration > 0 ? s->duration : 0;
    job->audio.is_cancelled = is_cancelled;
    job->audio.logger = logger;

    int n_threads = s->n_threads ? s->n_threads : am_cli_n_cores();
    am_model_config_init(&job->model_config);
    job->model_config.compute = s->compute;
    job->model_config.cpu = s->cpu && strcmp(s->cpu, "auto") != 0 ? s->cpu : NULL;
    job->model_config.n_threads = n_threads;
    job->model_config.logger = logger;

    am_session_config_init(&job->session);
    job->session.language = s->language;
    job->session.task = s->task && strcmp(s->task, "translate") == 0 ? AM_TASK_TRANSLATE : AM_TASK_TRANSCRIBE;
    job->session.device = s->device;
    job->session.n_threads = n_threads;
    job->session.n_batch = s->n_batch;
    job->session.initial_prompt = s->prompt;
    job->session.no_previous_text = s->no_previous_text;
    job->session.no_timestamps = s->no_timestamps;
    job->session.start_sec = s->offset;
    job->session.logger = logger;
}

static int locate_model(const char *name, char path[AM_CLI_PATH_MAX], char container_dir[AM_CLI_PATH_MAX]) {
    char cache[AM_CLI_PATH_MAX];
    am_error err = { 0 };
    if (!am_cli_cache_dir(cache, sizeof cache) || !am_cli_container_dir(cache, container_dir, AM_CLI_PATH_MAX))
        return AM_EXIT_MODEL;
    if (am_model_locate(name, cache, path, AM_CLI_PATH_MAX, &err) == AM_OK) return AM_EXIT_OK;
    am_cli_say("%s", err.text);
    return AM_EXIT_MODEL;
}

/* ---- The inputs --------------------------------------------------------------------------------------------- */

typedef char reason[AM_CLI_REASON_MAX];

static void summarize(const am_cli_job *job, int n_done, int n_failed, reason *reasons) {
    int n_inputs = job->plan.n_inputs;
    if (n_inputs < 2 || n_failed == 0) return;
    am_cli_say("%d of %d files failed%s", n_failed, n_inputs, n_done < n_inputs ? ", the rest was not begun:" : ":");
    for (int i = 0; i < n_done; i++)
        if (reasons[i][0]) am_cli_note("  %s: %s", am_cli_input_name(job->plan.inputs[i]), reasons[i]);
}

/* All inputs, whatever happens to one of them.  The exit code is the first failure's. */
static int transcribe_all(am_cli_job *job) {
    int n = job->plan.n_inputs, code = AM_EXIT_OK, n_done = 0, n_failed = 0;
    reason *reasons = calloc((size_t)n, sizeof *reasons);
    if (!reasons) {
        am_cli_say("out of memory for %d inputs", n);
        return AM_EXIT_DEVICE;
    }
    while (n_done < n && !job->stop_code && !am_cli_interrupted()) {
        int one = am_cli_transcribe_file(job, n_done, reasons[n_done]);
        if (reasons[n_done][0]) n_failed++; /* a reader of stdout that left is no failure to tell of */
        if (code == AM_EXIT_OK) code = one;
        n_done++;
    }
    if (am_cli_interrupted()) {
        am_cli_say_interrupted(job, "");
        code = AM_EXIT_INTERRUPTED;
    }
    summarize(job, n_done, n_failed, reasons);
    free(reasons);
    return code;
}

int am_cli_transcribe(int argc, char **argv) {
    settings s = { .duration = -1 }; /* 0 is a mistake, not the default */
    int n_inputs;
    switch (am_cli_parse(&syntax, argc, argv, &s, &n_inputs)) {
    case AM_CLI_HELPED: return am_cli_stdout_end(AM_EXIT_OK);
    case AM_CLI_BAD_USE: return AM_EXIT_USE;
    case AM_CLI_GO: break;
    }
    if (s.duration == 0) {
        am_cli_say("--duration 0: nothing to transcribe");
        return AM_EXIT_USE;
    }
    static am_cli_job job;
    char model_path[AM_CLI_PATH_MAX], container_dir[AM_CLI_PATH_MAX];
    configure(&job, &s);
    job.model_config.path = model_path;
    job.model_config.container_dir = container_dir;
    int code = check_inputs(n_inputs, argv);
    if (code == AM_EXIT_OK) code = plan_results(&job.plan, &s, n_inputs, argv);
    if (code == AM_EXIT_OK) code = locate_model(s.model ? s.model : "base", model_path, container_dir);
    if (code == AM_EXIT_OK) code = am_cli_plan_make_folder(&job.plan);
    if (code == AM_EXIT_OK) code = transcribe_all(&job);
    am_cli_plan_close(&job.plan);
    am_model_close(&job.model);
    return code;
}
