/* Opening and closing a model: which reader, by what the bytes are.  See weights.h.
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/tensors.h"

typedef am_status reader_fn(am_weights *w, am_source *s, const char *folder, am_error *err);

/* No Whisper comes near; keeps the arithmetic on sizes far from its ends. */
#define MODEL_FILE_MAX (UINT64_C(1) << 40)

/* What people have lying about under the name of a model, so that the sentence can say it. */
static const struct {
    const char *magic, *what;
} foreign[] = {
    { "GGUF", "a GGUF file; Whisper's ggml files begin with \"lmgg\"" },
    { "tjgg", "a ggjt file" },
    { "fmgg", "a ggmf file" },
    { "algg", "a ggla file" },
    { "PK\003\004", "a zip archive or PyTorch checkpoint; convert it to safetensors" },
    { "\200\002", "a Python pickle or PyTorch checkpoint; convert it to safetensors" },
    { "\211HDF", "an HDF5 file" },
    { "versi", "a Git LFS pointer, not the file itself" },
    { "\037\213", "a gzip archive" },
    { "<", "a web page or XML" },
};

static bool ends_in(const char *text, const char *ending) {
    size_t len = strlen(text), ending_len = strlen(ending);
    return len > ending_len && strcmp(text + len - ending_len, ending) == 0;
}

/* A safetensors file begins with the length of its JSON header. */
static bool is_safetensors(const am_mapping *m) {
    return m->len > 8 && m->data[8] == '{' && am_load_u64(m->data) < MODEL_FILE_MAX;
}

/* The version, and the name of a specification: a string with its length before it and a NUL at its end. */
static bool is_ctranslate2(const am_mapping *m) {
    if (m->len < 6 || am_load_u32(m->data) == 0 || am_load_u32(m->data) > 64) return false;
    size_t len = am_load_u16(m->data + 4);
    if (len < 2 || len > AM_NAME_SHOWN || len > m->len - 6 || m->data[6 + len - 1] != '\0') return false;
    for (size_t i = 0; i < len - 1; i++)
        if (m->data[6 + i] <= ' ' || m->data[6 + i] > '~') return false;
    return true;
}

static const char *foreign_format(const am_mapping *m) {
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        size_t len = strlen(foreign[i].magic);
        if (m->len >= len && memcmp(m->data, foreign[i].magic, len) == 0) return foreign[i].what;
    }
    return NULL;
}

/* Of a file that is safetensors by its name or its looks. */
static bool has_header_length(const am_mapping *m, am_error *err) {
    if (m->len >= 8 && am_load_u64(m->data) < MODEL_FILE_MAX) return true;
    if (m->len < 8)
        am_fail(err, AM_E_MODEL, "%s: a safetensors file that breaks off after %zu bytes", m->shown, m->len);
    else
        am_fail(err, AM_E_MODEL, "%s: a safetensors file that is damaged: its header would have %llu bytes, it has %zu",
                m->shown, (unsigned long long)am_load_u64(m->data), m->len);
    return false;
}

static reader_fn *choose_reader(am_weights *w, const am_mapping *m, const char *file, am_error *err) {
    if (m->len >= 4 && am_load_u32(m->data) == 0x67676d6c) {
        w->format = "ggml";
        return am_ggml_read;
    }
    if (is_ctranslate2(m)) {
        w->format = "ctranslate2";
        return am_ctranslate2_read;
    }
    const char *what = is_safetensors(m) ? NULL : foreign_format(m);
    /* One with a damaged beginning is still that, and nothing else. */
    if (!what && m->len && ((m->len > 8 && m->data[8] == '{') || ends_in(file, ".safetensors"))) {
        w->format = "safetensors";
        return has_header_length(m, err) ? am_safetensors_read : NULL;
    }
    if (!what) what = m->len ? "its first bytes are those of no format known here" : "it is empty";
    am_fail(err, AM_E_MODEL, "%s: not a Whisper model: %s (CTranslate2, ggml and safetensors are read)", m->shown,
            what);
    return NULL;
}

static bool exists_in(const char *folder, const char *name) {
    char path[AM_PATH_CAP];
    return am_path_join(path, folder, name, NULL) == AM_OK && am_path_exists(path);
}

/* The file to look at for `path`, and the folder its companions lie in. */
static am_status find_file(const char *path, char file[AM_PATH_CAP], char folder[AM_PATH_CAP], am_error *err) {
    static const char *const names[] = { "model.bin", "model.safetensors", "model.safetensors.index.json" };
    struct stat st;
    if (!*path || strlen(path) >= AM_PATH_CAP - 1)
        return am_fail(err, AM_E_OPEN, "%.200s: %s", path, *path ? "the path is too long" : "the path is empty");
    if (stat(path, &st) != 0) return am_fail(err, AM_E_OPEN, "%.600s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) {
        snprintf(file, AM_PATH_CAP, "%s", path);
        snprintf(folder, AM_PATH_CAP, "%s", path);
        char *slash = strrchr(folder, '/');
        if (slash) slash[slash == folder] = '\0';
        else snprintf(folder, AM_PATH_CAP, ".");
        return AM_OK;
    }
    snprintf(folder, AM_PATH_CAP, "%s", path);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (exists_in(folder, names[i])) return am_path_join(file, folder, names[i], err);
    if (exists_in(folder, "pytorch_model.bin"))
        return am_fail(err, AM_E_MODEL, "%.600s: pytorch_model.bin is a PyTorch checkpoint; convert it to safetensors",
                       path);
    return am_fail(err, AM_E_MODEL,
                   "%.600s: no model.bin, model.safetensors or model.safetensors.index.json in this folder", path);
}

static am_status read_model(am_weights *w, am_source *s, const char *path, am_error *err) {
    char file[AM_PATH_CAP], folder[AM_PATH_CAP];
    am_status status = find_file(path, file, folder, err);
    if (status != AM_OK) return status;
    s->files = calloc(AM_SHARDS_MAX + 1, sizeof *s->files);
    if (!s->files) return am_fail_nomem(err, "the list of files", (AM_SHARDS_MAX + 1) * sizeof *s->files);
    s->n_files = 1;
    status = am_mapping_open(&s->files[0], file, MODEL_FILE_MAX, err);
    if (status != AM_OK) return status;
    reader_fn *reader;
    if (ends_in(file, ".index.json")) {
        w->format = "safetensors";
        reader = am_safetensors_read;
    } else {
        reader = choose_reader(w, &s->files[0], file, err);
        if (!reader) return AM_E_MODEL;
    }
    return reader(w, s, folder, err);
}

am_status am_weights_open(am_weights **weights, const char *path, const am_logger *logger, am_error *err) {
    *weights = NULL;
    am_error_clear(err);
    am_weights *w = calloc(1, sizeof *w);
    am_source *s = calloc(1, sizeof *s);
    if (!w || !s) {
        free(w);
        free(s);
        return am_fail_nomem(err, "a model", sizeof *w + sizeof *s);
    }
    w->owner = s;
    s->logger = logger;
    am_status status = read_model(w, s, path, err);
    s->logger = NULL;
    if (status != AM_OK) am_weights_close(&w);
    *weights = w;
    return status;
}

void am_weights_close(am_weights **weights) {
    am_weights *w = *weights;
    if (!w) return;
    am_source *s = w->owner;
    for (int i = 0; i < s->n_files; i++) am_mapping_close(&s->files[i]);
    free(s->files);
    free(s->tensors);
    free(s);
    am_vocab_bytes_free(&w->vocab);
    free(w->encoder);
    free(w->decoder);
    free(w->suppress);
    free(w->suppress_begin);
    free(w->alignment_heads);
    free(w);
    *weights = NULL;
}

static bool is_mapped(const am_source *s, const unsigned char *data, uint64_t n_bytes) {
    for (int i = 0; i < s->n_files; i++) {
        uintptr_t at = (uintptr_t)data - (uintptr_t)s->files[i].data;
        if (s->files[i].data && at < s->files[i].len && n_bytes <= s->files[i].len - at) return true;
    }
    return false;
}

/* Clean pages of a private read-only mapping: they come back from the file if anyone asks again, so that rounding
 * outwards to whole pages may take a neighbour's bytes along.  Any other memory would come back as zeros. */
void am_weight_release_pages(const am_weights *owner, const am_weight *w) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < w->n_parts; i++) {
        const am_tensor *t = &w->part[i];
        int64_t dims[2] = { t->n_rows, t->n_cols };
        uint64_t n_bytes;
        if (!t->data || !am_dtype_bytes(t->dtype, 2, dims, &n_bytes) || n_bytes == 0) continue;
        if (!is_mapped(owner->owner, t->data, n_bytes)) continue;
        uintptr_t start = (uintptr_t)t->data / page * page;
        uintptr_t end = ((uintptr_t)t->data + n_bytes + page - 1) / page * page;
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
}
