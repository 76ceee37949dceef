/* Real speech, real weights, a human's transcript: the words must be right, in the right order of time, whatever the
 * number of threads, the instruction set, or the file format the same weights come from.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/weights.h"
#include "support/model_writer.h"
#include "support/transcript.h"

#define CLIP AM_SOURCE_DIR "/data/sense-and-sensibility.wav"
/* LibriVox's reader, as transcribed in Debian's pocketsphinx-testdata. */
#define WORDS                                                                                                          \
    "and mister john dashwood had then leisure to consider how much there might be prudently in his power to do "      \
    "for them"

static float *pcm;
static size_t n_pcm;

static int set_up(void **state) {
    pcm = am_read_pcm(CLIP, &n_pcm);
    return 0;
}

static int tear_down(void **state) {
    free(pcm);
    return 0;
}

static void transcribe(am_transcript *t, const char *path, const char *cpu, int n_threads, const char *language) {
    am_model *model = am_open_model(path, cpu);
    am_session_config cfg;
    am_session_config_init(&cfg);
    cfg.n_threads = n_threads;
    cfg.language = language;
    am_transcribe_pcm(t, model, &cfg, pcm, n_pcm, 16000);
    if (t->status != AM_OK) fail_msg("%s", t->error.text);
    am_model_close(&model);
}

static int errors_of(const am_transcript *t) {
    static char plain[1 << 16];
    am_plain_words(plain, sizeof plain, t->text);
    return am_word_errors(WORDS, plain);
}

static am_transcript first, other;

static void the_words_are_right(void **state) {
    if (!am_test_model_path()) skip();
    transcribe(&first, am_test_model_path(), NULL, 2, NULL);
    assert_int_equal(errors_of(&first), 0);
    assert_string_equal(first.language, "en");
    assert_true(first.last_end > 6.0 && first.last_end < 7.3);
}

static void threads_and_instruction_sets_do_not_matter(void **state) {
    if (!am_test_model_path()) skip();
    static const struct {
        const char *cpu;
        int n_threads;
    } ways[] = { { NULL, 1 }, { NULL, 3 }, { "avx2", 2 } };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char have[64];
        am_cpu_describe(have, sizeof have);
        if (ways[i].cpu && !strstr(have, ways[i].cpu)) continue;
        transcribe(&other, am_test_model_path(), ways[i].cpu, ways[i].n_threads, "en");
        assert_int_equal(other.n_tokens, first.n_tokens);
        assert_memory_equal(other.tokens, first.tokens, (size_t)first.n_tokens * sizeof *first.tokens);
    }
}

typedef struct conversion {
    const char *name;
    enum { CT2, GGML, SAFETENSORS } format;
    mw_dtype dtype;
    int same; /* nothing is lost, so every token is the same; else the words are still right */
} conversion;

static void write_converted(const am_weights *w, const conversion *c, const char *folder, char *path, size_t cap) {
    snprintf(path, cap, "%s", folder);
    if (c->format == CT2) mw_write_ctranslate2(w, folder, c->dtype);
    else if (c->format == SAFETENSORS) mw_write_safetensors(w, folder, c->dtype, 2);
    else {
        snprintf(path, cap, "%s/ggml.bin", folder);
        mw_write_ggml(w, path, c->dtype);
    }
}

static void remove_folder(const char *folder) {
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fail_msg("%s", command);
}

static void every_format_gives_the_same_transcript(void **state) {
    if (!am_test_model_path()) skip();
    static const conversion conversions[] = {
        { "ct2 f32", CT2, MW_F32, 1 },
        { "ggml f16", GGML, MW_F16, 1 },
        { "safetensors f16", SAFETENSORS, MW_F16, 1 },
        { "ct2 int8", CT2, MW_S8, 0 },
        { "ggml q8_0", GGML, MW_Q8_0, 0 },
        { "ggml q5_0", GGML, MW_Q5_0, 0 },
        { "ggml q5_1", GGML, MW_Q5_1, 0 },
        { "ggml q4_0", GGML, MW_Q4_0, 0 },
        { "ggml q4_1", GGML, MW_Q4_1, 0 },
        { "safetensors bf16", SAFETENSORS, MW_BF16, 0 },
    };
#ifdef AM_REDZONES
    const size_t n = 3; /* every reader once: instrumented, each takes half a minute */
#else
    const size_t n = sizeof conversions / sizeof conversions[0];
#endif
    for (size_t i = 0; i < n; i++) {
        const conversion *c = &conversions[i];
        char folder[] = "/tmp/amanuensis-converted-XXXXXX", path[100];
        assert_non_null(mkdtemp(folder));
        am_weights *w;
        assert_int_equal(am_weights_open(&w, am_test_model_path(), NULL, NULL), AM_OK);
        write_converted(w, c, folder, path, sizeof path);
        am_weights_close(&w);
        transcribe(&other, path, NULL, 2, "en");
        remove_folder(folder);
        if (errors_of(&other) > (c->same ? 0 : 1)) fail_msg("%s: \"%s\"", c->name, other.text);
        if (!c->same) continue;
        assert_int_equal(other.n_tokens, first.n_tokens);
        assert_memory_equal(other.tokens, first.tokens, (size_t)first.n_tokens * sizeof *first.tokens);
    }
}

/* ---- Many windows together ---------------------------------------------------------------------------------- */

enum { N_TIMES = 12, PAUSE = AM_SAMPLE_RATE / 5 };

/* The clip again and again, with a fifth of a second between: a minute and a half. */
static float *make_long(size_t *n) {
    size_t n_once = n_pcm + PAUSE;
    *n = N_TIMES * n_once;
    float *out = calloc(*n, sizeof *out);
    for (size_t i = 0; i < N_TIMES; i++) memcpy(out + i * n_once, pcm, n_pcm * sizeof *pcm);
    return out;
}

static double power(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return sum / (double)n;
}

/* Where the windows begin that the session made. */
static int window_starts(const am_model *model, const float *long_pcm, size_t n, int64_t *starts, int most) {
    am_session_config cfg;
    am_session_config_init(&cfg);
    cfg.n_batch = 4;
    cfg.language = "en";
    am_session *s;
    const am_segment *segment;
    int n_starts = 0;
    assert_int_equal(am_session_open(&s, model, &cfg, NULL), AM_OK);
    for (size_t at = 0;;) {
        size_t len = n - at < 16000 ? n - at : 16000;
        if (len == 0) am_session_finish(s);
        else if (am_session_feed(s, long_pcm + at, len) == AM_OK) at += len;
        am_status status;
        while ((status = am_session_next(s, &segment)) == AM_OK)
            if ((n_starts == 0 || segment->seek != starts[n_starts - 1]) && n_starts < most)
                starts[n_starts++] = segment->seek;
        if (status != AM_E_AGAIN) break;
    }
    am_session_close(&s);
    return n_starts;
}

static void batches_hear_the_same_and_cut_no_word(void **state) {
    if (!am_test_model_path()) skip();
    static char words[N_TIMES * sizeof WORDS + 1], plain[1 << 16];
    int64_t starts[20];
    size_t n;
    float *long_pcm = make_long(&n);
    am_model *model = am_open_model(am_test_model_path(), NULL);
    am_session_config cfg;
    am_session_config_init(&cfg);
    cfg.n_batch = 2;
    am_transcribe_pcm(&first, model, &cfg, long_pcm, n, 16000);
    cfg.n_batch = 8;
    cfg.n_threads = 1;
    am_transcribe_pcm(&other, model, &cfg, long_pcm, n, AM_FEED_MAX);
    assert_int_equal(first.status, AM_OK);
    assert_string_equal(first.text, other.text);
    assert_int_equal(first.n_tokens, other.n_tokens);
    assert_memory_equal(first.tokens, other.tokens, (size_t)first.n_tokens * sizeof *first.tokens);
    for (int i = 0; i < N_TIMES; i++) strcat(strcat(words, i ? " " : ""), WORDS);
    am_plain_words(plain, sizeof plain, first.text);
    int errors = am_word_errors(words, plain);
    if (errors > N_TIMES) fail_msg("%d errors: %s", errors, plain);

    int n_starts = window_starts(model, long_pcm, n, starts, 20);
    assert_true(n_starts >= 3); /* 88 s */
    double loud = power(long_pcm, n);
    for (int i = 1; i < n_starts; i++) {
        double here = power(long_pcm + starts[i] * 160 - 320, 640);
        if (here > 0.03 * loud) fail_msg("window %d begins at %.2f s, in a loud place", i, (double)starts[i] * 0.01);
    }
    am_model_close(&model);
    free(long_pcm);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_words_are_right),
                                        cmocka_unit_test(threads_and_instruction_sets_do_not_matter),
                                        cmocka_unit_test(every_format_gives_the_same_transcript),
                                        cmocka_unit_test(batches_hear_the_same_and_cut_no_word) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
