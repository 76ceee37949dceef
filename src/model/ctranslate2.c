/* Reader of CTranslate2's model.bin, version 6, with its vocabulary and config.json in the same folder.
 *
 *     u32 version, string specification, u32 revision,
 *     u32 count, count x { string name, u8 rank, u32 dims[rank], u8 type, u32 n_bytes, data },
 *     u32 count, count x { string alias, string of what }
 *     string: u16 length with the NUL, bytes
 *
 * Q, K and V lie fused, and so do the cross-attention's K and V.  An int8 variable X has its scales in X_scale, one f32
 * per row.  Other versions of the container are refused: none of their files could be looked at.
 *
 * SPDX-License-Identifier: MIT */
#include "model/tensors.h"

enum { VERSION = 6, REVISION = 3, N_TYPES = 6, ACTIVATION_GELU = 3 };

static const struct {
    int dtype, n_bytes;
    const char *name;
} types[N_TYPES] = {
    { AM_DTYPE_F32, 4, "float32" }, { AM_DTYPE_S8_ROW, 1, "int8" },   { -1, 2, "int16" }, { -1, 4, "int32" },
    { AM_DTYPE_F16, 2, "float16" }, { AM_DTYPE_BF16, 2, "bfloat16" },
};

/* A string without its NUL; NULL when it does not fit. */
static const char *take_string(am_cursor *c, size_t *len, const char *what) {
    uint16_t n = am_cursor_u16(c, what);
    const unsigned char *s = am_cursor_take(c, n, what);
    *len = 0;
    if (!s) return NULL;
    if (n < 2 || s[n - 1] != '\0') {
        c->status = am_fail(c->err, AM_E_MODEL, "%s: %s before offset %zu is %s", c->shown, what, c->pos,
                            n < 2 ? "empty" : "not ended by a zero");
        return NULL;
    }
    *len = n - 1u;
    return (const char *)s;
}

static am_status read_header(am_cursor *c) {
    uint32_t version = am_cursor_u32(c, "the version");
    if (c->status == AM_OK && version != VERSION)
        return am_fail(c->err, AM_E_MODEL,
                       "%s: CTranslate2 container of version %u; only version %d is read (convert "
                       "the model again)",
                       c->shown, version, VERSION);
    size_t len;
    const char *spec = take_string(c, &len, "the name of the specification");
    if (!spec) return c->status;
    if (len != strlen("WhisperSpec") || memcmp(spec, "WhisperSpec", len) != 0) {
        char shown[AM_NAME_SHOWN];
        am_show(shown, sizeof shown, spec, len);
        return am_fail(c->err, AM_E_MODEL, "%s: a CTranslate2 model of the kind %s, not WhisperSpec", c->shown, shown);
    }
    uint32_t revision = am_cursor_u32(c, "the revision");
    if (c->status == AM_OK && revision != REVISION)
        return am_fail(c->err, AM_E_MODEL, "%s: WhisperSpec of revision %u; only revision %d is read", c->shown,
                       revision, REVISION);
    return c->status;
}

static am_status read_variable(am_cursor *c, am_source *s) {
    am_named_tensor t = { 0 };
    char shown[AM_NAME_SHOWN];
    t.name = take_string(c, &t.name_len, "the name of a variable");
    if (!t.name) return c->status;
    am_show(shown, sizeof shown, t.name, t.name_len);
    t.n_dims = am_cursor_u8(c, shown);
    if (t.n_dims > AM_TENSOR_MAX_DIMS)
        return am_fail(c->err, AM_E_MODEL, "%s: variable %s has %d dimensions, at most %d are expected", c->shown,
                       shown, t.n_dims, AM_TENSOR_MAX_DIMS);
    for (int i = 0; i < t.n_dims; i++) t.dims[i] = am_cursor_u32(c, shown);
    uint8_t type = am_cursor_u8(c, shown);
    t.n_bytes = am_cursor_u32(c, shown);
    if (c->status != AM_OK) return c->status;
    if (type >= N_TYPES)
        return am_fail(c->err, AM_E_MODEL, "%s: variable %s has numbers of type %u, which is unknown", c->shown, shown,
                       type);
    t.dtype = types[type].dtype;
    t.dtype_name = types[type].name;
    /* The size in bytes depends only on how many bytes one number has. */
    am_dtype same_size = types[type].n_bytes == 4   ? AM_DTYPE_F32
                         : types[type].n_bytes == 2 ? AM_DTYPE_F16
                                                    : AM_DTYPE_S8_ROW;
    uint64_t n_bytes;
    if (!am_dtype_bytes(same_size, t.n_dims, t.dims, &n_bytes) || n_bytes != t.n_bytes)
        return am_fail(c->err, AM_E_MODEL, "%s: variable %s has %zu bytes, which its dimensions and type %s deny",
                       c->shown, shown, t.n_bytes, t.dtype_name);
    t.data = am_cursor_take(c, t.n_bytes, shown);
    return t.data ? am_source_add(s, &t, c->err) : c->status;
}

/* Aliases name variables of the file; they are looked up after sorting, so they are read into `s` only then. */
static am_status read_aliases(am_cursor *c, am_source *s) {
    uint32_t n = am_cursor_u32(c, "the number of aliases");
    size_t n_variables = s->n_tensors;
    for (uint32_t i = 0; i < n && c->status == AM_OK; i++) {
        size_t alias_len, of_len;
        const char *alias = take_string(c, &alias_len, "an alias");
        const char *of = take_string(c, &of_len, "the name of an aliased variable");
        if (!alias || !of) return c->status;
        size_t n_all = s->n_tensors;
        s->n_tensors = n_variables; /* the sorted part */
        const am_named_tensor *t = am_source_find_n(s, of, of_len);
        s->n_tensors = n_all;
        if (!t) {
            char shown[AM_NAME_SHOWN];
            am_show(shown, sizeof shown, of, of_len);
            return am_fail(c->err, AM_E_MODEL, "%s: an alias of %s, which is not there", c->shown, shown);
        }
        am_named_tensor copy = *t;
        copy.name = alias;
        copy.name_len = alias_len;
        am_status status = am_source_add(s, &copy, c->err);
        if (status != AM_OK) return status;
    }
    if (c->status == AM_OK && c->pos != c->len)
        return am_fail(c->err, AM_E_MODEL, "%s: %zu bytes too many at its end", c->shown, c->len - c->pos);
    return c->status;
}

/* Give every int8 variable its scales.  A missing or odd one is told by the mapper, and only if the variable is used. */
static void find_scales(am_source *s) {
    for (size_t i = 0; i < s->n_tensors; i++) {
        am_named_tensor *t = &s->tensors[i];
        char name[256];
        if (t->dtype != AM_DTYPE_S8_ROW || t->n_dims < 2 || t->name_len + sizeof "_scale" > sizeof name) continue;
        memcpy(name, t->name, t->name_len);
        memcpy(name + t->name_len, "_scale", sizeof "_scale");
        const am_named_tensor *scale = am_source_find(s, name);
        if (!scale || scale->dtype != AM_DTYPE_F32) continue;
        t->row_scale = scale->data;
        t->n_row_scales = scale->n_bytes / 4;
    }
}

/* A scalar of the specification as a number; `absent` when it is not there. */
static int scalar(const am_source *s, const char *name, int absent) {
    const am_named_tensor *t = am_source_find(s, name);
    if (!t || t->n_dims > 1) return absent;
    switch (t->n_bytes) {
    case 1: return (int8_t)t->data[0];
    case 2: return (int16_t)am_load_u16(t->data);
    case 4: return (int)am_load_u32(t->data);
    default: return absent;
    }
}

/* Dimension `i` of a tensor as an int; -1 when there is no such tensor or it cannot be one. */
static int dimension(const am_source *s, const char *name, int i) {
    const am_named_tensor *t = am_source_find(s, name);
    return t && i < t->n_dims && t->dims[i] <= INT32_MAX ? (int)t->dims[i] : -1;
}

static am_status find_dims(am_dims *d, const am_source *s, am_error *err) {
    static const char *const needed[] = { "encoder/conv1/weight",      "encoder/position_encodings/encodings",
                                          "decoder/embeddings/weight", "decoder/position_encodings/encodings",
                                          "encoder/num_heads",         "decoder/num_heads" };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!am_source_find(s, needed[i]))
            return am_fail(err, AM_E_MODEL, "%s: variable %s is missing", am_source_shown(s), needed[i]);
    *d = (am_dims){
        .n_mels = dimension(s, "encoder/conv1/weight", 1),
        .n_vocab = dimension(s, "decoder/embeddings/weight", 0),
        .n_audio_ctx = dimension(s, "encoder/position_encodings/encodings", 0),
        .n_audio_state = dimension(s, "encoder/conv1/weight", 0),
        .n_audio_head = scalar(s, "encoder/num_heads", -1),
        .n_audio_layer = am_source_count_layers(s, "encoder/layer_", '/'),
        .n_text_ctx = dimension(s, "decoder/position_encodings/encodings", 0),
        .n_text_state = dimension(s, "decoder/embeddings/weight", 1),
        .n_text_head = scalar(s, "decoder/num_heads", -1),
        .n_text_layer = am_source_count_layers(s, "decoder/layer_", '/'),
    };
    return am_dims_check(d, am_source_shown(s), err);
}

/* What the container can say and Whisper is not. */
static am_status check_options(const am_source *s, am_error *err) {
    static const struct {
        const char *name;
        int value;
    } options[] = {
        { "decoder/activation", ACTIVATION_GELU },
        { "decoder/alibi", 0 },
        { "decoder/pre_norm", 1 },
        { "decoder/scale_embeddings", 0 },
        { "encoder/activation", ACTIVATION_GELU },
        { "decoder/start_from_zero_embedding", 0 },
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        int value = scalar(s, options[i].name, options[i].value);
        if (value != options[i].value)
            return am_fail(err, AM_E_MODEL, "%s: %s is %d, which no Whisper model has (%d)", am_source_shown(s),
                           options[i].name, value, options[i].value);
    }
    return AM_OK;
}

am_status am_ctranslate2_read(am_weights *w, am_source *s, const char *folder, am_error *err) {
    am_cursor c = am_cursor_init(&s->files[0], err);
    am_status status = read_header(&c);
    uint32_t n = status == AM_OK ? am_cursor_u32(&c, "the number of variables") : 0;
    for (uint32_t i = 0; i < n && status == AM_OK; i++) status = read_variable(&c, s);
    if (status == AM_OK) status = c.status;
    if (status == AM_OK) status = am_source_sort(s, err);
    if (status == AM_OK) status = read_aliases(&c, s);
    if (status == AM_OK) status = am_source_sort(s, err);
    if (status != AM_OK) return status;
    find_scales(s);
    status = check_options(s, err);
    if (status == AM_OK) status = find_dims(&w->dims, s, err);
    if (status == AM_OK) status = am_weights_map(w, s, AM_NAMING_CTRANSLATE2, err);
    bool found = false;
    if (status == AM_OK) status = am_config_read(w, folder, "config.json", NULL, &found, err);
    if (status == AM_OK) status = am_config_check(w, am_source_shown(s), err);
    if (status == AM_OK) status = am_vocab_from_folder(w, folder, s->logger, err);
    return status;
}
