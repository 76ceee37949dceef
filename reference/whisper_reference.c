/* Whisper in plain C: the oracle the fast engine is measured against, and a text to learn the model from.
 *
 *     whisper_reference MODEL_FOLDER AUDIO.wav [DUMP]
 *
 * transcribes the first 30 seconds of a recording: log-mel spectrogram, encoder, language detection, greedy decoding
 * with Whisper's timestamp rules.  Read it from the top; main() at the bottom ties the parts together.  It has no
 * threads, no SIMD, no options and shares no line with the engine, so that a mistake is not made twice.
 * Paper: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022.
 *
 * SPDX-License-Identifier: MIT */
#include "whisper_reference.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Log-mel spectrogram: 30 seconds of samples -> [n_mels][3000] ------------------------------------------- */

enum { N_FFT = 400, HOP = 160, N_BINS = N_FFT / 2 + 1, N_FRAMES = WINDOW_SAMPLES / HOP };

static const double pi = 3.14159265358979323846;

/* The Slaney mel scale: 200/3 Hz per mel up to 1 kHz (15 mels), from there a factor of 6.4 every 27 mels. */
static double mel_to_hz(double mel) {
    return mel < 15.0 ? mel * 200.0 / 3.0 : 1000.0 * pow(6.4, (mel - 15.0) / 27.0);
}

static double hz_to_mel(double hz) {
    return hz < 1000.0 ? hz * 3.0 / 200.0 : 15.0 + 27.0 * log(hz / 1000.0) / log(6.4);
}

/* Weight of the frequency bin `bin` in the triangular filter `band`: corners equally spaced in mel from 0 to 8 kHz,
 * height 2 / width, so that all triangles have the same area. */
static double mel_filter(int band, int n_mels, int bin) {
    double step = hz_to_mel(SAMPLE_RATE / 2.0) / (n_mels + 1);
    double left = mel_to_hz(band * step), top = mel_to_hz((band + 1) * step), right = mel_to_hz((band + 2) * step);
    double hz = (double)bin * SAMPLE_RATE / N_FFT;
    double rising = (hz - left) / (top - left), falling = (right - hz) / (right - top);
    double height = rising < falling ? rising : falling;
    return height > 0.0 ? height * 2.0 / (right - left) : 0.0;
}

/* Power spectrum of the frame centred on sample frame * 160.  The window of samples is reflected at both ends. */
static void power_spectrum(const float *samples, int frame, const double *cosine, const double *sine, double *power) {
    double windowed[N_FFT];
    for (int n = 0; n < N_FFT; n++) {
        int at = frame * HOP - N_FFT / 2 + n;
        if (at < 0) at = -at;
        if (at >= WINDOW_SAMPLES) at = 2 * (WINDOW_SAMPLES - 1) - at;
        windowed[n] = samples[at] * (0.5 - 0.5 * cosine[n]); /* periodic Hann window */
    }
    for (int bin = 0; bin < N_BINS; bin++) {
        double re = 0.0, im = 0.0;
        for (int n = 0, turn = 0; n < N_FFT; n++) {
            re += windowed[n] * cosine[turn];
            im -= windowed[n] * sine[turn];
            turn += bin;
            if (turn >= N_FFT) turn -= N_FFT;
        }
        power[bin] = re * re + im * im;
    }
}

/* mel[n_mels][3000]: log10 of the energy in each band, at most 8 below the loudest spot, scaled to about [-1, 1]. */
static void log_mel_spectrogram(const float *samples, int n_mels, float *mel) {
    double cosine[N_FFT], sine[N_FFT], power[N_BINS];
    for (int n = 0; n < N_FFT; n++) {
        cosine[n] = cos(2.0 * pi * n / N_FFT);
        sine[n] = sin(2.0 * pi * n / N_FFT);
    }
    double *filters = allocate((size_t)n_mels * N_BINS, sizeof *filters);
    for (int band = 0; band < n_mels; band++)
        for (int bin = 0; bin < N_BINS; bin++) filters[band * N_BINS + bin] = mel_filter(band, n_mels, bin);
    float loudest = -INFINITY;
    for (int frame = 0; frame < N_FRAMES; frame++) {
        power_spectrum(samples, frame, cosine, sine, power);
        for (int band = 0; band < n_mels; band++) {
            double energy = 0.0;
            for (int bin = 0; bin < N_BINS; bin++) energy += filters[band * N_BINS + bin] * power[bin];
            float level = (float)log10(energy > 1e-10 ? energy : 1e-10);
            mel[band * N_FRAMES + frame] = level;
            if (level > loudest) loudest = level;
        }
    }
    for (int i = 0; i < n_mels * N_FRAMES; i++) {
        float level = mel[i] > loudest - 8.0f ? mel[i] : loudest - 8.0f;
        mel[i] = (level + 4.0f) / 4.0f;
    }
    free(filters);
}

/* ---- The building blocks of both Transformers --------------------------------------------------------------- */

/* y[n_rows][n_out] = x[n_rows][n_in] * weight + bias */
static void apply_linear(float *y, const float *x, const linear *l, int n_rows) {
    for (int row = 0; row < n_rows; row++) {
        const float *from = x + (size_t)row * (size_t)l->n_in;
        float *restrict to = y + (size_t)row * (size_t)l->n_out;
        memcpy(to, l->bias, (size_t)l->n_out * sizeof *to);
        for (int i = 0; i < l->n_in; i++) {
            const float *restrict weight = l->weight + (size_t)i * (size_t)l->n_out;
            float xi = from[i];
            for (int o = 0; o < l->n_out; o++) to[o] += xi * weight[o];
        }
    }
}

/* Every row gets mean 0 and variance 1, then a gain and a bias per channel. */
static void apply_layer_norm(float *y, const float *x, const layer_norm *l, int n_rows) {
    for (int row = 0; row < n_rows; row++, x += l->n, y += l->n) {
        double mean = 0.0, variance = 0.0;
        for (int i = 0; i < l->n; i++) mean += x[i];
        mean /= l->n;
        for (int i = 0; i < l->n; i++) variance += (x[i] - mean) * (x[i] - mean);
        variance /= l->n;
        double scale = 1.0 / sqrt(variance + 1e-5);
        for (int i = 0; i < l->n; i++) y[i] = (float)((x[i] - mean) * scale) * l->gain[i] + l->bias[i];
    }
}

/* The exact GELU, x * Phi(x); the tanh formula is something else. */
static void apply_gelu(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f));
}

static void softmax(float *x, int n) {
    float largest = x[0];
    double sum = 0.0;
    for (int i = 1; i < n; i++) largest = x[i] > largest ? x[i] : largest;
    for (int i = 0; i < n; i++) sum += x[i] = expf(x[i] - largest);
    for (int i = 0; i < n; i++) x[i] = (float)(x[i] / sum);
}

static void add(float *x, const float *y, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] += y[i];
}

/* What one attention looks at.  Keys lie transposed, so that a query meets neighbouring numbers of many positions. */
typedef struct memory {
    int n_positions, capacity;
    float *keys;   /* [n_state][capacity] */
    float *values; /* [capacity][n_state] */
} memory;

static memory new_memory(int n_state, int capacity) {
    size_t n = (size_t)n_state * (size_t)capacity;
    return (memory){ 0, capacity, allocate(n, sizeof(float)), allocate(n, sizeof(float)) };
}

/* Append n_rows positions; row r has its key at key[r * stride] and its value at value[r * stride]. */
static void remember(memory *m, const float *key, const float *value, int n_state, int stride, int n_rows) {
    for (int row = 0; row < n_rows; row++, key += stride, value += stride, m->n_positions++) {
        for (int c = 0; c < n_state; c++) m->keys[(size_t)c * (size_t)m->capacity + (size_t)m->n_positions] = key[c];
        memcpy(m->values + (size_t)m->n_positions * (size_t)n_state, value, (size_t)n_state * sizeof *value);
    }
}

/* Multi-head attention: every head compares its slice of each query with its slice of all keys, and mixes its slice of
 * the values by softmax(q k / sqrt(slice)).  Query r is at query[r * stride]; out is [n_rows][n_state]. */
static void attend(float *out, const float *query, int stride, const memory *m, int n_state, int n_heads, int n_rows) {
    int n_slice = n_state / n_heads;
    float scale = 1.0f / sqrtf((float)n_slice);
    float *weight = allocate((size_t)m->n_positions, sizeof *weight);
    for (int row = 0; row < n_rows; row++, query += stride, out += n_state) {
        memset(out, 0, (size_t)n_state * sizeof *out);
        for (int first = 0; first < n_state; first += n_slice) {
            memset(weight, 0, (size_t)m->n_positions * sizeof *weight);
            for (int c = first; c < first + n_slice; c++) {
                const float *key = m->keys + (size_t)c * (size_t)m->capacity;
                float q = query[c] * scale;
                for (int p = 0; p < m->n_positions; p++) weight[p] += q * key[p];
            }
            softmax(weight, m->n_positions);
            for (int p = 0; p < m->n_positions; p++) {
                const float *value = m->values + (size_t)p * (size_t)n_state;
                for (int c = first; c < first + n_slice; c++) out[c] += weight[p] * value[c];
            }
        }
    }
    free(weight);
}

/* x += mlp_out(gelu(mlp_in(norm(x)))) */
static void apply_mlp(float *x, const layer_norm *norm, const linear *mlp_in, const linear *mlp_out, int n_rows) {
    size_t n = (size_t)n_rows * (size_t)norm->n;
    float *normed = allocate(n, sizeof *normed), *hidden = allocate(4 * n, sizeof *hidden);
    apply_layer_norm(normed, x, norm, n_rows);
    apply_linear(hidden, normed, mlp_in, n_rows);
    apply_gelu(hidden, 4 * n);
    apply_linear(normed, hidden, mlp_out, n_rows);
    add(x, normed, n);
    free(normed);
    free(hidden);
}

/* ---- Encoder: [n_mels][3000] -> [1500][n_audio_state] ------------------------------------------------------- */

/* y[n / stride][n_out] = gelu(convolution of x[n][n_channels] with 3 taps), zeros beyond both ends. */
static void apply_convolution(float *y, const float *x, const linear *l, int n, int stride) {
    int n_channels = l->n_in / 3, n_rows = n / stride;
    float *taps = allocate((size_t)n_rows * (size_t)l->n_in, sizeof *taps);
    for (int row = 0; row < n_rows; row++)
        for (int tap = 0; tap < 3; tap++) {
            int at = row * stride + tap - 1;
            for (int c = 0; at >= 0 && at < n && c < n_channels; c++)
                taps[(size_t)row * (size_t)l->n_in + (size_t)(3 * c + tap)] =
                    x[(size_t)at * (size_t)n_channels + (size_t)c];
        }
    apply_linear(y, taps, l, n_rows);
    apply_gelu(y, (size_t)n_rows * (size_t)l->n_out);
    free(taps);
}

/* x += attention_out(attention(norm(x))), everyone looking at everyone */
static void apply_encoder_attention(const whisper *w, const encoder_layer *l, float *x, int n_rows) {
    int n_state = w->n_audio_state;
    size_t n = (size_t)n_rows * (size_t)n_state;
    float *normed = allocate(n, sizeof *normed), *mixed = allocate(n, sizeof *mixed);
    float *qkv = allocate(3 * n, sizeof *qkv);
    memory m = new_memory(n_state, n_rows);
    apply_layer_norm(normed, x, &l->attention_norm, n_rows);
    apply_linear(qkv, normed, &l->query_key_value, n_rows);
    remember(&m, qkv + n_state, qkv + 2 * n_state, n_state, 3 * n_state, n_rows);
    attend(mixed, qkv, 3 * n_state, &m, n_state, w->n_audio_head, n_rows);
    apply_linear(normed, mixed, &l->attention_out, n_rows);
    add(x, normed, n);
    free(normed);
    free(mixed);
    free(qkv);
    free(m.keys);
    free(m.values);
}

static void encode(const whisper *w, const float *mel, float *encoded) {
    int n_state = w->n_audio_state, n_ctx = w->n_audio_ctx;
    float *frames = allocate((size_t)N_FRAMES * (size_t)w->n_mels, sizeof *frames);
    float *convolved = allocate((size_t)N_FRAMES * (size_t)n_state, sizeof *convolved);
    for (int frame = 0; frame < N_FRAMES; frame++)
        for (int band = 0; band < w->n_mels; band++) frames[frame * w->n_mels + band] = mel[band * N_FRAMES + frame];
    apply_convolution(convolved, frames, &w->conv1, N_FRAMES, 1);
    apply_convolution(encoded, convolved, &w->conv2, N_FRAMES, 2);
    add(encoded, w->audio_positions, (size_t)n_ctx * (size_t)n_state);
    for (int i = 0; i < w->n_audio_layer; i++) {
        const encoder_layer *l = &w->encoder[i];
        apply_encoder_attention(w, l, encoded, n_ctx);
        apply_mlp(encoded, &l->mlp_norm, &l->mlp_in, &l->mlp_out, n_ctx);
    }
    apply_layer_norm(encoded, encoded, &w->encoder_norm, n_ctx);
    free(frames);
    free(convolved);
}

/* ---- Decoder: one token in, the scores of all possible next tokens out -------------------------------------- */

typedef struct decoder_state {
    const whisper *w;
    memory *text;  /* per layer: keys and values of the tokens so far */
    memory *audio; /* per layer: keys and values of the encoder's output, computed once */
    float *logits; /* [n_vocab] after the last token */
} decoder_state;

static decoder_state start_decoder(const whisper *w, const float *encoded) {
    decoder_state d = { .w = w };
    int n = w->n_text_state;
    d.text = allocate((size_t)w->n_text_layer, sizeof *d.text);
    d.audio = allocate((size_t)w->n_text_layer, sizeof *d.audio);
    d.logits = allocate((size_t)w->n_vocab, sizeof *d.logits);
    float *key_value = allocate((size_t)w->n_audio_ctx * 2 * (size_t)n, sizeof *key_value);
    for (int i = 0; i < w->n_text_layer; i++) {
        d.text[i] = new_memory(n, w->n_text_ctx);
        d.audio[i] = new_memory(n, w->n_audio_ctx);
        apply_linear(key_value, encoded, &w->decoder[i].cross_key_value, w->n_audio_ctx);
        remember(&d.audio[i], key_value, key_value + n, n, 2 * n, w->n_audio_ctx);
    }
    free(key_value);
    return d;
}

static void forget_text(decoder_state *d) {
    for (int i = 0; i < d->w->n_text_layer; i++) d->text[i].n_positions = 0;
}

/* Run one token; d->logits then scores what comes after it.  A token sees itself and those before: with one token at a
 * time the causal mask is simply that the others are not there yet. */
static void decode_token(decoder_state *d, int token) {
    const whisper *w = d->w;
    int n = w->n_text_state, position = d->text[0].n_positions;
    if (position >= w->n_text_ctx) die("more than %d tokens", w->n_text_ctx);
    float *x = allocate(6 * (size_t)n, sizeof *x), *normed = x + n, *mixed = x + 2 * n, *qkv = x + 3 * n;
    for (int c = 0; c < n; c++)
        x[c] = w->token_embedding[(size_t)token * (size_t)n + (size_t)c] +
               w->text_positions[(size_t)position * (size_t)n + (size_t)c];
    for (int i = 0; i < w->n_text_layer; i++) {
        const decoder_layer *l = &w->decoder[i];
        apply_layer_norm(normed, x, &l->attention_norm, 1);
        apply_linear(qkv, normed, &l->query_key_value, 1);
        remember(&d->text[i], qkv + n, qkv + 2 * n, n, 3 * n, 1);
        attend(mixed, qkv, 3 * n, &d->text[i], n, w->n_text_head, 1);
        apply_linear(normed, mixed, &l->attention_out, 1);
        add(x, normed, (size_t)n);

        apply_layer_norm(normed, x, &l->cross_norm, 1);
        apply_linear(qkv, normed, &l->cross_query, 1);
        attend(mixed, qkv, n, &d->audio[i], n, w->n_text_head, 1);
        apply_linear(normed, mixed, &l->cross_out, 1);
        add(x, normed, (size_t)n);

        apply_mlp(x, &l->mlp_norm, &l->mlp_in, &l->mlp_out, 1);
    }
    apply_layer_norm(normed, x, &w->decoder_norm, 1);
    for (int t = 0; t < w->n_vocab; t++) {
        const float *embedding = w->token_embedding + (size_t)t * (size_t)n;
        float score = 0.0f;
        for (int c = 0; c < n; c++) score += normed[c] * embedding[c];
        d->logits[t] = score;
    }
    free(x);
}

/* ---- Decoding rules ----------------------------------------------------------------------------------------- */

static int best_token(const float *logits, int n) {
    int best = 0;
    for (int t = 1; t < n; t++)
        if (logits[t] > logits[best]) best = t;
    return best;
}

static void forbid(float *logits, int from, int to) {
    for (int t = from; t < to; t++) logits[t] = -INFINITY;
}

/* Timestamps come in pairs, end of one segment and start of the next, and never go back. */
static void keep_timestamps_in_order(const whisper *w, float *logits, const int *sampled, int n_sampled) {
    int last_is_time = n_sampled >= 1 && sampled[n_sampled - 1] >= w->first_timestamp;
    int second_last_is_time = n_sampled < 2 || sampled[n_sampled - 2] >= w->first_timestamp;
    if (last_is_time && second_last_is_time) forbid(logits, w->first_timestamp, w->n_vocab); /* text must follow */
    if (last_is_time && !second_last_is_time) forbid(logits, 0, w->end_of_text); /* a time or the end must follow */

    int latest = -1;
    for (int i = 0; i < n_sampled; i++)
        if (sampled[i] >= w->first_timestamp) latest = sampled[i];
    /* The second of a pair may repeat the first; any other time must be later, so that no segment is empty. */
    if (latest >= 0) forbid(logits, w->first_timestamp, last_is_time && !second_last_is_time ? latest : latest + 1);
}

/* If all timestamps together are likelier than any one text token, the next token is a timestamp. */
static void prefer_timestamps_together(const whisper *w, float *logits) {
    float best_text = logits[best_token(logits, w->first_timestamp)];
    float best_time = logits[w->first_timestamp + best_token(logits + w->first_timestamp, N_TIMESTAMPS)];
    if (best_time == -INFINITY) return;
    double sum = 0.0;
    for (int t = w->first_timestamp; t < w->n_vocab; t++) sum += exp((double)logits[t] - best_time);
    if (best_time + log(sum) > best_text) forbid(logits, 0, w->first_timestamp);
}

/* Take away what may not follow the `sampled` tokens (those behind the prompt). */
static void apply_rules(const whisper *w, float *logits, const int *sampled, int n_sampled) {
    for (int i = 0; i < w->suppressed.n; i++) logits[w->suppressed.token[i]] = -INFINITY;
    for (int i = 0; n_sampled == 0 && i < w->suppressed_first.n; i++) logits[w->suppressed_first.token[i]] = -INFINITY;
    logits[w->no_timestamps] = -INFINITY;
    keep_timestamps_in_order(w, logits, sampled, n_sampled);
    if (n_sampled == 0) { /* begin with a time of at most one second */
        forbid(logits, 0, w->first_timestamp);
        forbid(logits, w->first_timestamp + 50 + 1, w->n_vocab);
    }
    prefer_timestamps_together(w, logits);
}

/* Greedy decoding behind the prompt; at most half the text context.  Returns the number of tokens, the end not among
 * them. */
static int decode_greedily(decoder_state *d, const int *prompt, int n_prompt, int *sampled) {
    const whisper *w = d->w;
    int n = 0;
    forget_text(d);
    for (int i = 0; i < n_prompt; i++) decode_token(d, prompt[i]);
    while (n < w->n_text_ctx / 2) {
        apply_rules(w, d->logits, sampled, n);
        int token = best_token(d->logits, w->n_vocab);
        if (token == w->end_of_text) break;
        sampled[n++] = token;
        decode_token(d, token);
    }
    return n;
}

/* The most likely language after <|startoftranscript|> alone; no other token takes part. */
static int detect_language(decoder_state *d, float *probability) {
    const whisper *w = d->w;
    forget_text(d);
    decode_token(d, w->start_of_transcript);
    float *languages = d->logits + w->first_language;
    softmax(languages, w->n_languages);
    int best = best_token(languages, w->n_languages);
    *probability = languages[best];
    return w->first_language + best;
}

/* ---- What is printed and dumped ----------------------------------------------------------------------------- */

static void print_token(const whisper *w, int token) {
    fwrite(w->vocabulary[token].bytes, 1, (size_t)w->vocabulary[token].len, stdout);
}

static void print_result(const whisper *w, int language, float probability, const int *sampled, int n) {
    printf("language: ");
    if (language >= 0) {
        print_token(w, language);
        printf(" %.4f\n", probability);
    } else {
        printf("<|en|> (the model knows no other)\n");
    }
    printf("tokens:");
    for (int i = 0; i < n; i++) printf(" %d", sampled[i]);
    printf("\ntext:");
    for (int i = 0; i < n; i++)
        if (sampled[i] < w->end_of_text) print_token(w, sampled[i]);
    printf("\n");
}

/* One array of the dump: a name of 16 bytes, two u32 dimensions, f32 numbers, all little-endian. */
static void dump_array(FILE *f, const char *name, int n_rows, int n_cols, const float *x) {
    char padded[16] = { 0 };
    uint32_t dims[2] = { (uint32_t)n_rows, (uint32_t)n_cols };
    snprintf(padded, sizeof padded, "%s", name);
    size_t n = (size_t)n_rows * (size_t)n_cols;
    if (fwrite(padded, 1, 16, f) != 16 || fwrite(dims, 4, 2, f) != 2 || fwrite(x, 4, n, f) != n)
        die("the dump cannot be written");
}

enum { N_DUMP_STEPS = 10, N_DUMP_TOP = 20 };

/* Ten steps of plain argmax behind the prompt, without any rule: the 20 likeliest tokens of each step, most likely
 * first, and their log-probabilities over the whole vocabulary. */
static void dump_steps(FILE *f, decoder_state *d, const int *prompt, int n_prompt) {
    float tokens[N_DUMP_STEPS * N_DUMP_TOP], logprobs[N_DUMP_STEPS * N_DUMP_TOP];
    int n_vocab = d->w->n_vocab;
    forget_text(d);
    for (int i = 0; i < n_prompt; i++) decode_token(d, prompt[i]);
    for (int step = 0; step < N_DUMP_STEPS; step++) {
        float largest = d->logits[best_token(d->logits, n_vocab)];
        double sum = 0.0;
        for (int t = 0; t < n_vocab; t++) sum += exp((double)d->logits[t] - largest);
        for (int i = step * N_DUMP_TOP; i < (step + 1) * N_DUMP_TOP; i++) {
            int token = best_token(d->logits, n_vocab);
            tokens[i] = (float)token;
            logprobs[i] = (float)(d->logits[token] - largest - log(sum));
            d->logits[token] = -INFINITY;
        }
        decode_token(d, (int)tokens[step * N_DUMP_TOP]);
    }
    dump_array(f, "step_tokens", N_DUMP_STEPS, N_DUMP_TOP, tokens);
    dump_array(f, "step_logprobs", N_DUMP_STEPS, N_DUMP_TOP, logprobs);
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4) die("usage: whisper_reference MODEL_FOLDER AUDIO.wav [DUMP]");
    static whisper w; /* static: the weights stay until the process ends */
    static decoder_state d;
    load_whisper(&w, argv[1]);

    float *samples = allocate(WINDOW_SAMPLES, sizeof *samples); /* what the file does not fill is silence */
    float *mel = allocate((size_t)w.n_mels * N_FRAMES, sizeof *mel);
    float *encoded = allocate((size_t)w.n_audio_ctx * (size_t)w.n_audio_state, sizeof *encoded);
    load_wav(argv[2], samples, WINDOW_SAMPLES);
    log_mel_spectrogram(samples, w.n_mels, mel);
    encode(&w, mel, encoded);

    d = start_decoder(&w, encoded);
    int prompt[4] = { w.start_of_transcript }, n_prompt = 1, language = -1;
    float probability = 1.0f;
    if (w.end_of_text == 50257) { /* English-only models know neither languages nor tasks */
        language = detect_language(&d, &probability);
        prompt[n_prompt++] = language;
        prompt[n_prompt++] = w.transcribe;
    }
    int *sampled = allocate((size_t)w.n_text_ctx, sizeof *sampled);
    int n_sampled = decode_greedily(&d, prompt, n_prompt, sampled);
    print_result(&w, language, probability, sampled, n_sampled);

    if (argc == 4) {
        FILE *f = fopen(argv[3], "wb");
        if (!f) die("cannot write %s", argv[3]);
        dump_array(f, "mel", w.n_mels, N_FRAMES, mel);
        dump_array(f, "encoded", w.n_audio_ctx, w.n_audio_state, encoded);
        prompt[n_prompt++] = w.no_timestamps;
        dump_steps(f, &d, prompt, n_prompt);
        if (fclose(f) != 0) die("the dump cannot be written");
    }
    free(samples);
    free(mel);
    free(encoded);
    free(sampled);
    return 0;
}
