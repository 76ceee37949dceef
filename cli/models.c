/* `amanuensis models list|pull|convert|rm|verify|info`.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "command.h"
#include "console.h"
#include "environment.h"
#include "interrupt.h"
#include "options.h"
#include "output.h"
#include "progress.h"

typedef struct settings {
    const char *progress;
    int n_threads;
    bool quiet, verbose;
} settings;

#define FIELD(name) offsetof(settings, name)

static const am_cli_option pull_options[] = {
    { "progress", 0, AM_CLI_CHOICE, "auto|never", "A progress bar on the terminal. Default: auto.", FIELD(progress), 0,
      0 },
    { "quiet", 'q', AM_CLI_FLAG, NULL, "Only failures.", FIELD(quiet), 0, 0 },
    { "verbose", 'v', AM_CLI_FLAG, NULL, "Also what goes on inside.", FIELD(verbose), 0, 0 },
};

static const am_cli_option convert_options[] = {
    { "threads", 't', AM_CLI_INT, "N", "Threads. Default: one per core.", FIELD(n_threads), 1, 256 },
    { "quiet", 'q', AM_CLI_FLAG, NULL, "Only failures.", FIELD(quiet), 0, 0 },
    { "verbose", 'v', AM_CLI_FLAG, NULL, "Also what goes on inside.", FIELD(verbose), 0, 0 },
};

/* ---- list --------------------------------------------------------------------------------------------------- */

/* Whether a catalogue model lies in the cache; a file of the same name elsewhere does not count. */
static bool is_installed(const char *name, const char *cache) {
    char path[AM_CLI_PATH_MAX];
    size_t len = strlen(cache);
    return am_model_locate(name, cache, path, sizeof path, NULL) == AM_OK && strncmp(path, cache, len) == 0;
}

static bool is_converted(const char *name, const char *cache) {
    char path[AM_CLI_PATH_MAX], container_dir[AM_CLI_PATH_MAX], container[AM_CLI_PATH_MAX];
    return is_installed(name, cache) && am_model_locate(name, cache, path, sizeof path, NULL) == AM_OK &&
           am_cli_container_dir(cache, container_dir, sizeof container_dir) &&
           am_model_converted(path, container_dir, container, sizeof container, NULL) == AM_OK;
}

static const char *size_text(uint64_t n_bytes, char text[32]) {
    if (n_bytes == 0) snprintf(text, 32, "-");
    else if (n_bytes < 10000000000u) snprintf(text, 32, "%.0f MB", (double)n_bytes / 1e6);
    else snprintf(text, 32, "%.1f GB", (double)n_bytes / 1e9);
    return text;
}

static int list_models(const char *cache, int n_names, char **names, const settings *s) {
    am_catalog_entry entry = { .struct_size = sizeof entry };
    printf("%-18s %8s  %-9s %-10s %-9s %s\n", "NAME", "SIZE", "INSTALLED", "CHECKSUM", "CONVERTED", "DESCRIPTION");
    for (size_t i = 0; am_catalog_get(i, &entry) == AM_OK; i++) {
        char size[32];
        printf("%-18s %8s  %-9s %-10s %-9s %s%s\n", entry.name, size_text(entry.n_bytes, size),
               is_installed(entry.name, cache) ? "yes" : "no", entry.sha256 ? "pinned" : "not pinned",
               is_converted(entry.name, cache) ? "yes" : "no", entry.description, entry.is_default ? " (default)" : "");
    }
    printf("\n\"large\" is another name of large-v3, and \"turbo\" of large-v3-turbo.\n");
    printf("Models are kept in %s\n", cache);
    return AM_EXIT_OK;
}

/* ---- pull --------------------------------------------------------------------------------------------------- */

static int on_progress(void *cookie, const char *what, uint64_t n_done, uint64_t n_total) {
    am_cli_progress_bytes(cookie, what, n_done, n_total);
    return am_cli_interrupted();
}

/* A model that is pinned has a second source as well; for the others this is the way on. */
static bool is_pinned(const char *name) {
    am_catalog_entry entry = { .struct_size = sizeof entry };
    for (size_t i = 0; am_catalog_get(i, &entry) == AM_OK; i++)
        if (strcmp(entry.name, name) == 0) return entry.sha256 != NULL;
    return false;
}

static int pull_model(const char *cache, char *name, const settings *s) {
    am_cli_progress progress;
    am_error err = { 0 };
    am_pull_config cfg;
    am_pull_config_init(&cfg);
    cfg.name = name;
    cfg.cache_dir = cache;
    cfg.on_progress = on_progress;
    cfg.cookie = &progress;
    cfg.logger = am_cli_logger(s->quiet ? AM_CLI_QUIET : s->verbose ? AM_CLI_VERBOSE : AM_CLI_NORMAL);
    am_cli_progress_start(&progress, !s->quiet && !(s->progress && strcmp(s->progress, "never") == 0), 0);
    am_status status = am_model_pull(&cfg, &err);
    am_cli_progress_end(&progress);
    if (am_cli_interrupted()) {
        am_cli_say("interrupted: what was loaded of \"%s\" is kept and will be resumed", name);
        return AM_EXIT_INTERRUPTED;
    }
    if (status != AM_OK) {
        bool elsewhere = status != AM_E_ARG && status != AM_E_IO && !is_pinned(name);
        am_cli_say("%s%s", err.text,
                   elsewhere ? "; transcribe -m PATH takes a model that came from anywhere else" : "");
        return am_cli_exit_code(status, AM_EXIT_MODEL);
    }
    char path[AM_CLI_PATH_MAX];
    if (!s->quiet && am_model_locate(name, cache, path, sizeof path, NULL) == AM_OK)
        printf("%s: ready in %s\n", name, path);
    return AM_EXIT_OK;
}

/* ---- convert ------------------------------------------------------------------------------------------------ */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int convert_model(const char *cache, int n_names, char **names, const settings *s) {
    char path[AM_CLI_PATH_MAX], container_dir[AM_CLI_PATH_MAX], written[AM_CLI_PATH_MAX], size[32];
    am_error err = { 0 };
    am_convert_config cfg;
    am_convert_config_init(&cfg);
    cfg.path = path;
    cfg.output = n_names > 1 ? names[1] : NULL;
    cfg.container_dir = container_dir;
    cfg.n_threads = s->n_threads ? s->n_threads : am_cli_n_cores();
    cfg.logger = am_cli_logger(s->quiet ? AM_CLI_QUIET : s->verbose ? AM_CLI_VERBOSE : AM_CLI_NORMAL);
    if (!am_cli_container_dir(cache, container_dir, sizeof container_dir)) return AM_EXIT_MODEL;
    double begin = now();
    am_status status = am_model_locate(names[0], cache, path, sizeof path, &err);
    if (status == AM_OK) status = am_model_convert(&cfg, written, sizeof written, &err);
    if (status != AM_OK) {
        am_cli_say("%s", err.text);
        return am_cli_exit_code(status, status == AM_E_IO ? AM_EXIT_OUTPUT : AM_EXIT_MODEL);
    }
    struct stat st = { 0 };
    stat(written, &st);
    if (!s->quiet)
        printf("%s: converted into %s, %s in %.1f s\n", names[0], written, size_text((uint64_t)st.st_size, size),
               now() - begin);
    return AM_EXIT_OK;
}

/* ---- rm, verify --------------------------------------------------------------------------------------------- */

static int remove_model(const char *cache, char *name, const settings *s) {
    am_error err = { 0 };
    am_status status = am_model_remove(name, cache, &err);
    if (status == AM_OK) printf("%s: removed\n", name);
    else am_cli_say("%s", err.text);
    return am_cli_exit_code(status, AM_EXIT_MODEL);
}

static int verify_model(const char *cache, char *name, const settings *s) {
    am_error err = { 0 };
    am_status status = am_model_verify(name, cache, &err);
    if (status == AM_OK) printf("%s: whole\n", name);
    else am_cli_say("%s", err.text);
    return am_cli_exit_code(status, AM_EXIT_MODEL);
}

/* ---- info --------------------------------------------------------------------------------------------------- */

static void print_info(const char *path, const am_model_info *m) {
    /* The engine keeps a matrix in f16 where that loses nothing; then there are fewer than 4 bytes for a number. */
    bool has_f16 = strcmp(m->compute, "f32") == 0 && m->weight_bytes < 3 * m->n_parameters;
    printf("path         %s\n", path);
    printf("format       %s\n", m->format);
    printf("size         %s, %.1f million parameters\n", m->size, (double)m->n_parameters / 1e6);
    printf("memory       %.0f MB prepared for %s (%scomputed in %s)\n", (double)m->weight_bytes / 1e6, m->cpu,
           has_f16 ? "f16 weights stay f16, " : "", m->compute);
    printf("audio        %d mels, %d positions, %d layers of %d, %d heads\n", m->n_mels, m->n_audio_ctx,
           m->n_audio_layer, m->n_audio_state, m->n_audio_head);
    printf("text         %d tokens, %d positions, %d layers of %d, %d heads\n", m->n_vocab, m->n_text_ctx,
           m->n_text_layer, m->n_text_state, m->n_text_head);
    if (m->is_multilingual) printf("languages    %d, translation into English\n", m->n_languages);
    else printf("languages    English only\n");
}

static int model_info(const char *cache, char *name, const settings *s) {
    char path[AM_CLI_PATH_MAX], container_dir[AM_CLI_PATH_MAX];
    am_error err = { 0 };
    am_model *model = NULL;
    am_model_config cfg;
    am_model_config_init(&cfg);
    cfg.path = path;
    if (am_cli_container_dir(cache, container_dir, sizeof container_dir)) cfg.container_dir = container_dir;
    am_status status = am_model_locate(name, cache, path, sizeof path, &err);
    if (status == AM_OK) status = am_model_open(&model, &cfg, &err);
    if (status != AM_OK) {
        am_cli_say("%s", err.text);
        return am_cli_exit_code(status, AM_EXIT_MODEL);
    }
    am_model_info info = { .struct_size = sizeof info };
    am_model_info_get(model, &info);
    print_info(path, &info);
    am_model_close(&model);
    return AM_EXIT_OK;
}

/* ---- Dispatch ----------------------------------------------------------------------------------------------- */

#define PULL_OPTIONS pull_options, sizeof pull_options / sizeof pull_options[0]
#define CONVERT_OPTIONS convert_options, sizeof convert_options / sizeof convert_options[0]

static const struct {
    const char *name, *arguments, *brief; /* for the list of actions */
    am_cli_syntax syntax;
    int min_names, max_names;                                      /* max_names is for `all` */
    int (*each)(const char *cache, char *name, const settings *s); /* once for every name */
    int (*all)(const char *cache, int n_names, char **names, const settings *s);
} actions[] = {
    { "list",
      "",
      "which models there are, and which of them are here",
      { "models list", "", "List the models that can be pulled, and which of them are here.", NULL, 0, NULL, NULL, NULL,
        NULL },
      0,
      0,
      NULL,
      list_models },
    { "pull",
      "NAME...",
      "download into the cache, with checks; resumes what was interrupted",
      { "models pull", "[options] NAME...",
        "Download models into the cache. They are checked against the SHA-256 where the catalogue has one (base); "
        "the others come over TLS from the Hugging Face hub and must open as a model. A model that is there already "
        "is left alone; an interrupted download goes on where it stopped.",
        PULL_OPTIONS, "  amanuensis models pull base\n", NULL, NULL, NULL },
      1,
      0,
      pull_model,
      NULL },
    { "convert",
      "NAME|PATH [OUTPUT]",
      "into a container (.am) that opens in no time",
      { "models convert", "[options] NAME|PATH [OUTPUT.am]",
        "Convert a model into a native container: int8 in the layout the processor reads, with checksums. Without "
        "OUTPUT it "
        "goes into the cache, where transcribe finds it; transcribe does the same by itself when it meets a model for "
        "the "
        "first time.",
        CONVERT_OPTIONS, "  amanuensis models convert base\n  amanuensis models convert ggml-small.bin small.am\n",
        NULL, NULL, NULL },
      1,
      2,
      NULL,
      convert_model },
    { "rm",
      "NAME...",
      "delete from the cache",
      { "models rm", "NAME...", "Delete models from the cache, and what they were converted into.", NULL, 0, NULL, NULL,
        NULL, NULL },
      1,
      0,
      remove_model,
      NULL },
    { "verify",
      "NAME...",
      "compare with the checksums of the catalogue, or of the download",
      { "models verify", "NAME...",
        "Read models of the cache whole and compare size and SHA-256 with the catalogue where it has them (base), "
        "and otherwise with what was noted when the model came. What a model was converted into is checked too.",
        NULL, 0, NULL, NULL, NULL, NULL },
      1,
      0,
      verify_model,
      NULL },
    { "info",
      "NAME|PATH...",
      "format, dimensions, languages, memory",
      { "models info", "NAME|PATH...", "Show what a model is: its format, dimensions, languages, memory.", NULL, 0,
        "  amanuensis models info base\n  amanuensis models info ggml-small.bin\n", NULL, NULL, NULL },
      1,
      0,
      model_info,
      NULL },
};

enum { N_ACTIONS = sizeof actions / sizeof actions[0] };

static void print_help(FILE *out) {
    fprintf(out, "Usage: amanuensis models ACTION [options] ...\n\nActions:\n");
    for (int i = 0; i < N_ACTIONS; i++)
        fprintf(out, "  %-8s%-20s%s\n", actions[i].name, actions[i].arguments, actions[i].brief);
    fprintf(out, "\nModels are kept in $XDG_CACHE_HOME/amanuensis, or ~/.cache/amanuensis.\n"
                 "\"amanuensis models ACTION --help\" explains an action.\n");
}

static int run_action(int index, int argc, char **argv) {
    settings s = { 0 };
    int n_names;
    char cache[AM_CLI_PATH_MAX];
    switch (am_cli_parse(&actions[index].syntax, argc, argv, &s, &n_names)) {
    case AM_CLI_HELPED: return am_cli_stdout_end(AM_EXIT_OK);
    case AM_CLI_BAD_USE: return AM_EXIT_USE;
    case AM_CLI_GO: break;
    }
    if (n_names < actions[index].min_names) {
        am_cli_say("models %s needs a name; \"amanuensis models list\" shows them", actions[index].name);
        return AM_EXIT_USE;
    }
    int max_names = actions[index].max_names;
    if (actions[index].all && n_names > max_names) {
        am_cli_say("models %s takes %s arguments, not \"%s\"", actions[index].name, max_names ? "only two" : "no",
                   argv[max_names]);
        return AM_EXIT_USE;
    }
    if (!am_cli_cache_dir(cache, sizeof cache)) return AM_EXIT_MODEL;
    if (actions[index].all) return am_cli_stdout_end(actions[index].all(cache, n_names, argv, &s));
    int code = AM_EXIT_OK;
    for (int i = 0; i < n_names && !am_cli_interrupted(); i++) {
        int one = actions[index].each(cache, argv[i], &s);
        if (code == AM_EXIT_OK) code = one;
    }
    if (am_cli_interrupted() && code != AM_EXIT_INTERRUPTED) {
        am_cli_say("interrupted");
        code = AM_EXIT_INTERRUPTED;
    }
    return am_cli_stdout_end(code);
}

int am_cli_models(int argc, char **argv) {
    if (argc == 0) {
        print_help(stderr);
        return AM_EXIT_USE;
    }
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        print_help(stdout);
        return am_cli_stdout_end(AM_EXIT_OK);
    }
    for (int i = 0; i < N_ACTIONS; i++)
        if (strcmp(actions[i].name, argv[0]) == 0) return run_action(i, argc - 1, argv + 1);
    am_cli_say_unknown("action of \"models\"", argv[0], "list|pull|convert|rm|verify|info");
    return AM_EXIT_USE;
}
