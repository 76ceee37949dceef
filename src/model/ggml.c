/* Reader of whisper.cpp's ggml files (ggml-base.bin and their quantised sisters).
 *
 *     u32 "lmgg", 11 x i32 hyperparameters,
 *     i32 n_mel, i32 n_fft, f32 filters[n_mel * n_fft]           (not used: the filters follow from a formula)
 *     i32 count, count x { u32 length, bytes }                   (tokens; the special ones are left out)
 *     until the end: { i32 n_dims, i32 length, i32 type, i32 dims[n_dims], name, data }
 *
 * Dimensions are written fastest first.  Token bytes are plain, not in GPT-2's alphabet.
 *
 * SPDX-License-Identifier: MIT */
#include "model/tensors.h"

/* "ftype" is the kind of the file plus a thousand times the version of the block layouts; 2 is the one with f16 scales,
 * which every published file has. */
enum { FTYPE_VERSION = 1000, BLOCKS_VERSION = 2, FILTER_MAX = 4096 };

static const struct {
    int dtype;
    const char *name;
} types[] = {
    { AM_DTYPE_F32, "F32" },
    { AM_DTYPE_F16, "F16" },
    { AM_DTYPE_Q4_0, "Q4_0" },
    { AM_DTYPE_Q4_1, "Q4_1" },
    { -1, "Q4_2" },
    { -1, "Q4_3" },
    { AM_DTYPE_Q5_0, "Q5_0" },
    { AM_DTYPE_Q5_1, "Q5_1" },
    { AM_DTYPE_Q8_0, "Q8_0" },
};
#define N_TYPES (sizeof types / sizeof types[0])

static int take_int(am_cursor *c, const char *what) {
    return (int32_t)am_cursor_u32(c, what);
}

static am_status read_dims(am_cursor *c, am_dims *d, int *ftype) {
    static const char what[] = "the hyperparameters";
    am_cursor_u32(c, "the magic number");
    d->n_vocab = take_int(c, what);
    d->n_audio_ctx = take_int(c, what);
    d->n_audio_state = take_int(c, what);
    d->n_audio_head = take_int(c, what);
    d->n_audio_layer = take_int(c, what);
    d->n_text_ctx = take_int(c, what);
    d->n_text_state = take_int(c, what);
    d->n_text_head = take_int(c, what);
    d->n_text_layer = take_int(c, what);
    d->n_mels = take_int(c, what);
    *ftype = take_int(c, what);
    return c->status == AM_OK ? am_dims_check(d, c->shown, c->err) : c->status;
}

static am_status skip_filters(am_cursor *c, const am_dims *d) {
    int n_mel = take_int(c, "the mel filters"), n_fft = take_int(c, "the mel filters");
    if (c->status != AM_OK) return c->status;
    if (n_mel != d->n_mels || n_fft < 0 || n_fft > FILTER_MAX)
        return am_fail(c->err, AM_E_MODEL, "%s: mel filters of [%d, %d]; the model has %d mel bands", c->shown, n_mel,
                       n_fft, d->n_mels);
    am_cursor_take(c, (uint64_t)n_mel * (uint64_t)n_fft * 4, "the mel filters");
    return c->status;
}

static am_status read_tokens(am_cursor *c, am_vocab_builder *b) {
    int n = take_int(c, "the number of tokens");
    if (c->status == AM_OK && (n < 0 || n > b->n_tokens))
        return am_fail(c->err, AM_E_MODEL, "%s: %d tokens listed; the model has %d", c->shown, n, b->n_tokens);
    for (int i = 0; i < n && c->status == AM_OK; i++) {
        uint32_t len = am_cursor_u32(c, "a token");
        const unsigned char *bytes = am_cursor_take(c, len, "a token");
        if (!bytes) break;
        am_status status = am_vocab_builder_add(b, (uint64_t)i, (const char *)bytes, len, c->shown, c->err);
        if (status != AM_OK) return status;
    }
    return c->status;
}

static am_status read_vocabulary(am_cursor *c, am_weights *w) {
    am_vocab_builder builder;
    am_status status = am_vocab_builder_open(&builder, w->dims.n_vocab, c->err);
    if (status != AM_OK) return status;
    status = read_tokens(c, &builder);
    if (status == AM_OK) status = am_vocab_builder_finish(&builder, &w->vocab, c->shown, c->err);
    am_vocab_builder_close(&builder);
    return status;
}

/* Name and data of a tensor whose numbers have been read. */
static am_status add_tensor(am_cursor *c, am_source *s, am_named_tensor *t, uint32_t type, int ftype) {
    char shown[AM_NAME_SHOWN];
    am_show(shown, sizeof shown, t->name, t->name_len);
    if (type >= N_TYPES || types[type].dtype < 0)
        return am_fail(c->err, AM_E_MODEL, "%s: tensor %s has numbers of ggml type %u%s%s, which is not read", c->shown,
                       shown, type, type < N_TYPES ? " " : "", type < N_TYPES ? types[type].name : "");
    t->dtype = types[type].dtype;
    t->dtype_name = types[type].name;
    bool in_blocks = t->dtype != AM_DTYPE_F32 && t->dtype != AM_DTYPE_F16;
    if (in_blocks && ftype / FTYPE_VERSION != BLOCKS_VERSION)
        return am_fail(c->err, AM_E_MODEL, "%s: tensor %s is %s of block layout %d; only layout %d is read", c->shown,
                       shown, t->dtype_name, ftype / FTYPE_VERSION, BLOCKS_VERSION);
    uint64_t n_bytes;
    if (!am_dtype_bytes((am_dtype)t->dtype, t->n_dims, t->dims, &n_bytes))
        return am_fail(c->err, AM_E_MODEL,
                       "%s: tensor %s of type %s: its rows of %lld are not whole blocks, or its size is beyond measure",
                       c->shown, shown, t->dtype_name, (long long)(t->n_dims ? t->dims[t->n_dims - 1] : 0));
    t->n_bytes = (size_t)n_bytes;
    t->data = am_cursor_take(c, n_bytes, shown);
    return t->data ? am_source_add(s, t, c->err) : c->status;
}

static am_status read_tensor(am_cursor *c, am_source *s, int ftype) {
    static const char what[] = "the header of a tensor";
    am_named_tensor t = { 0 };
    size_t start = c->pos;
    t.n_dims = take_int(c, what);
    uint32_t name_len = am_cursor_u32(c, what);
    uint32_t type = am_cursor_u32(c, what);
    if (c->status != AM_OK) return c->status;
    if (t.n_dims < 0 || t.n_dims > AM_TENSOR_MAX_DIMS)
        return am_fail(c->err, AM_E_MODEL, "%s: the tensor at offset %zu has %d dimensions, at most %d are expected",
                       c->shown, start, t.n_dims, AM_TENSOR_MAX_DIMS);
    for (int i = t.n_dims - 1; i >= 0; i--) t.dims[i] = take_int(c, what);
    t.name = (const char *)am_cursor_take(c, name_len, "the name of a tensor");
    t.name_len = name_len;
    return t.name ? add_tensor(c, s, &t, type, ftype) : c->status;
}

am_status am_ggml_read(am_weights *w, am_source *s, const char *folder, am_error *err) {
    (void)folder; /* everything is in the one file */
    am_cursor c = am_cursor_init(&s->files[0], err);
    int ftype = 0;
    am_status status = read_dims(&c, &w->dims, &ftype);
    if (status == AM_OK) status = skip_filters(&c, &w->dims);
    if (status == AM_OK) status = read_vocabulary(&c, w);
    while (status == AM_OK && c.pos < c.len) status = read_tensor(&c, s, ftype);
    if (status == AM_OK) status = am_source_sort(s, err);
    return status == AM_OK ? am_weights_map(w, s, AM_NAMING_GGML, err) : status;
}
