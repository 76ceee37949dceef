/* Opening a container.  The header says everything that has a size; from it follows where each section must lie, so the
 * table is not searched but compared, entry by entry, and nothing from the file is used before that.  The arrays are
 * used where they lie in the mapping.
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/container_format.h"
#include "model/tensors.h"

#define CONTAINER_MAX (UINT64_C(1) << 42)

typedef struct opening {
    am_quantized *q;
    const am_mapping *file;
    const unsigned char *head;
    am_section *sections;
    uint32_t n_sections; /* as the header has it; */
    uint32_t n_slots;    /* as the dimensions have it */
    uint64_t head_bytes, offset;
    am_error *err;
} opening;

static am_status fail_damaged(const opening *k, const char *what) {
    return am_fail(k->err, AM_E_MODEL, "%s: a damaged container: %s", k->file->shown, what);
}

/* ---- header ------------------------------------------------------------------------------------------------- */

/* What must be so before any field may be believed. */
static am_status check_head(opening *k) {
    const am_mapping *m = k->file;
    if (m->len < AM_HEADER_BYTES || memcmp(m->data, AM_CONTAINER_MAGIC, 8) != 0)
        return am_fail(k->err, AM_E_MODEL, "%s: not a container (%zu bytes, without its first eight)", m->shown,
                       m->len);
    uint32_t version = am_load_u32(m->data + AM_HEADER_VERSION);
    if (version != AM_CONTAINER_VERSION)
        return am_fail(k->err, AM_E_MODEL, "%s: a container of version %u; this program reads version %d%s", m->shown,
                       (unsigned)version, AM_CONTAINER_VERSION,
                       version > AM_CONTAINER_VERSION ? ": a newer one wrote it" : "");
    uint64_t file_bytes = am_load_u64(m->data + AM_HEADER_FILE_BYTES);
    if (file_bytes != m->len)
        return am_fail(k->err, AM_E_MODEL, "%s: %zu bytes; its header says %llu: it is damaged or cut off", m->shown,
                       m->len, (unsigned long long)file_bytes);
    k->n_sections = am_load_u32(m->data + AM_HEADER_N_SECTIONS);
    if (k->n_sections > AM_CONTAINER_MAX_SECTIONS)
        return am_fail(k->err, AM_E_MODEL, "%s: a table of %u sections; no model has more than %d", m->shown,
                       (unsigned)k->n_sections, AM_CONTAINER_MAX_SECTIONS);
    k->head_bytes = AM_ROUND_UP(AM_HEADER_BYTES + (uint64_t)k->n_sections * AM_ENTRY_BYTES, AM_CONTAINER_ALIGN);
    if (k->head_bytes > m->len)
        return am_fail(k->err, AM_E_MODEL, "%s: a table of %u sections in a file of %zu bytes: it is damaged", m->shown,
                       (unsigned)k->n_sections, m->len);
    return AM_OK;
}

static am_status sum_head(opening *k) {
    unsigned char *copy = malloc((size_t)k->head_bytes);
    if (!copy) return am_fail_nomem(k->err, "the table of a container", (size_t)k->head_bytes);
    memcpy(copy, k->file->data, (size_t)k->head_bytes);
    memset(copy + AM_HEADER_CHECKSUM, 0, 8);
    uint64_t sum = am_chunk_checksum(copy, (size_t)k->head_bytes), want = am_load_u64(k->head + AM_HEADER_CHECKSUM);
    free(copy);
    if (sum == want) return AM_OK;
    return am_fail(k->err, AM_E_MODEL,
                   "%s: header and table are damaged: their checksum is %016llx, the header has %016llx",
                   k->file->shown, (unsigned long long)sum, (unsigned long long)want);
}

static am_status read_dims(const opening *k, am_dims *d) {
    int *const dims[] = { &d->n_mels,        &d->n_vocab,    &d->n_audio_ctx,  &d->n_audio_state, &d->n_audio_head,
                          &d->n_audio_layer, &d->n_text_ctx, &d->n_text_state, &d->n_text_head,   &d->n_text_layer };
    for (int i = 0; i < AM_CONTAINER_N_DIMS; i++) {
        uint32_t value = am_load_u32(k->head + AM_HEADER_DIMS + 4 * i);
        *dims[i] = value > INT32_MAX ? -1 : (int)value;
    }
    return am_dims_check(d, k->file->shown, k->err);
}

static am_status read_length(const opening *k, int at, int *n) {
    uint32_t value = am_load_u32(k->head + at);
    *n = value > INT32_MAX ? 0 : (int)value;
    return value > INT32_MAX ? fail_damaged(k, "a list without end") : AM_OK;
}

static bool is_text(const unsigned char *field, size_t cap, const char *text) {
    size_t len = strlen(text);
    if (len > cap || memcmp(field, text, len) != 0) return false;
    for (size_t i = len; i < cap; i++)
        if (field[i] != 0) return false;
    return true;
}

static am_status read_texts(opening *k, am_source_identity *source) {
    static const char *const formats[] = { "ctranslate2", "ggml", "safetensors" };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (is_text(k->head + AM_HEADER_SOURCE_FORMAT, 16, formats[i])) k->q->format = formats[i];
    if (!k->q->format) return fail_damaged(k, "it was made from a format that is not known");
    if (!is_text(k->head + AM_HEADER_QUANTIZATION, 64, AM_CONTAINER_QUANTIZATION)) {
        char shown[65];
        am_show(shown, sizeof shown, k->head + AM_HEADER_QUANTIZATION,
                strnlen((const char *)k->head + AM_HEADER_QUANTIZATION, 64));
        return am_fail(k->err, AM_E_MODEL, "%s: numbers of the kind \"%s\"; known is \"%s\"", k->file->shown, shown,
                       AM_CONTAINER_QUANTIZATION);
    }
    am_source_identity id = { "" };
    memcpy(id.hex, k->head + AM_HEADER_SOURCE_IDENTITY, 64);
    if (strspn(id.hex, "0123456789abcdef") != 64) return fail_damaged(k, "what it was made from is not told");
    if (source) *source = id;
    return AM_OK;
}

/* ---- table -------------------------------------------------------------------------------------------------- */

static am_status count_slot(void *arg, const am_slot *slot) {
    opening *k = arg;
    k->n_slots++;
    return AM_OK;
}

/* Sizes cannot overflow: dimensions and lists are bounded, and a sum of them that passes the file's end stops here. */
static am_status check_entry(void *arg, const am_slot *slot) {
    opening *k = arg;
    const unsigned char *entry = k->head + AM_HEADER_BYTES + (size_t)k->n_slots * AM_ENTRY_BYTES;
    uint64_t n_rows = am_load_u64(entry + AM_ENTRY_N_ROWS), n_cols = am_load_u64(entry + AM_ENTRY_N_COLS);
    uint64_t offset = am_load_u64(entry + AM_ENTRY_OFFSET), n_bytes = am_load_u64(entry + AM_ENTRY_N_BYTES);
    uint32_t type = am_load_u32(entry + AM_ENTRY_TYPE);
    if (!is_text(entry + AM_ENTRY_NAME, AM_SLOT_NAME_CAP, slot->name)) {
        char shown[AM_SLOT_NAME_CAP + 1];
        am_show(shown, sizeof shown, entry + AM_ENTRY_NAME,
                strnlen((const char *)entry + AM_ENTRY_NAME, AM_SLOT_NAME_CAP));
        return am_fail(k->err, AM_E_MODEL, "%s: section %u is \"%s\"; it must be %s", k->file->shown,
                       (unsigned)k->n_slots, shown, slot->name);
    }
    if (type != (uint32_t)slot->type || n_rows != slot->n_rows || n_cols != slot->n_cols)
        return am_fail(k->err, AM_E_MODEL,
                       "%s: section %s is %llu x %llu of type %u; it must be %llu x %llu of type %d", k->file->shown,
                       slot->name, (unsigned long long)n_rows, (unsigned long long)n_cols, (unsigned)type,
                       (unsigned long long)slot->n_rows, (unsigned long long)slot->n_cols, (int)slot->type);
    if (offset != k->offset || n_bytes != slot->n_bytes || n_bytes > k->file->len - offset)
        return am_fail(k->err, AM_E_MODEL,
                       "%s: section %s has %llu bytes at offset %llu; it must have %llu at %llu, and the file has %zu",
                       k->file->shown, slot->name, (unsigned long long)n_bytes, (unsigned long long)offset,
                       (unsigned long long)slot->n_bytes, (unsigned long long)k->offset, k->file->len);
    k->offset += AM_ROUND_UP(n_bytes, AM_CONTAINER_ALIGN);
    if (k->offset > k->file->len) return fail_damaged(k, "its last section is cut off");
    am_slot_set(slot, k->file->data + offset);
    k->sections[k->n_slots++] = (am_section){ *slot, offset, am_load_u64(entry + AM_ENTRY_CHECKSUM) };
    return AM_OK;
}

static am_status read_table(opening *k) {
    am_quantized *q = k->q;
    uint32_t f16 = am_load_u32(k->head + AM_HEADER_F16), n_vocab_bytes = am_load_u32(k->head + AM_HEADER_N_VOCAB_BYTES);
    q->conv1.is_f16 = f16 & 1;
    q->conv2.is_f16 = f16 >> 1 & 1;
    q->token_rows.is_f16 = f16 >> 2 & 1;
    am_status status = read_length(k, AM_HEADER_N_SUPPRESS, &q->n_suppress);
    if (status == AM_OK) status = read_length(k, AM_HEADER_N_SUPPRESS_BEGIN, &q->n_suppress_begin);
    if (status == AM_OK) status = read_length(k, AM_HEADER_N_ALIGNMENT_HEADS, &q->n_alignment_heads);
    if (status != AM_OK) return status;
    am_slots_walk(q, n_vocab_bytes, count_slot, k);
    if (k->n_slots != k->n_sections)
        return am_fail(k->err, AM_E_MODEL, "%s: %u sections; with %d + %d layers it must have %u", k->file->shown,
                       (unsigned)k->n_sections, q->dims.n_audio_layer, q->dims.n_text_layer, (unsigned)k->n_slots);
    k->sections = calloc(k->n_sections, sizeof *k->sections);
    if (!k->sections) return am_fail_nomem(k->err, "the table of a container", k->n_sections * sizeof *k->sections);
    k->offset = k->head_bytes;
    k->n_slots = 0;
    status = am_slots_walk(q, n_vocab_bytes, check_entry, k);
    if (status == AM_OK && k->offset != k->file->len)
        status = am_fail(k->err, AM_E_MODEL, "%s: its sections end at %llu, the file at %zu", k->file->shown,
                         (unsigned long long)k->offset, k->file->len);
    return status;
}

/* ---- text --------------------------------------------------------------------------------------------------- */

static am_status check_vocabulary(const opening *k) {
    const am_vocab_bytes *v = &k->q->vocab;
    uint32_t n_bytes = am_load_u32(k->head + AM_HEADER_N_VOCAB_BYTES);
    for (int i = 0; i < v->n_tokens; i++)
        if (v->offset[i] > v->offset[i + 1] || (i == 0 && v->offset[0] != 0))
            return am_fail(k->err, AM_E_MODEL, "%s: section vocabulary.offsets: token %d lies at %u to %u",
                           k->file->shown, i, (unsigned)v->offset[i], (unsigned)v->offset[i + 1]);
    if (v->offset[v->n_tokens] != n_bytes)
        return am_fail(k->err, AM_E_MODEL, "%s: section vocabulary.offsets ends at %u, vocabulary.bytes has %u",
                       k->file->shown, (unsigned)v->offset[v->n_tokens], (unsigned)n_bytes);
    return AM_OK;
}

/* The check of the readers wants am_weights and changes nothing. */
static am_status check_lists(const opening *k) {
    const am_quantized *q = k->q;
    am_weights lists = { .dims = q->dims,
                         .suppress = (int32_t *)(uintptr_t)q->suppress,
                         .n_suppress = q->n_suppress,
                         .suppress_begin = (int32_t *)(uintptr_t)q->suppress_begin,
                         .n_suppress_begin = q->n_suppress_begin,
                         .alignment_heads = (int32_t(*)[2])(uintptr_t)q->alignment_heads,
                         .n_alignment_heads = q->n_alignment_heads };
    return am_config_check(&lists, k->file->shown, k->err);
}

/* ---- the model ---------------------------------------------------------------------------------------------- */

static am_status read_container(am_quantized **q, const char *path, am_pool *pool, am_source_identity *source,
                                am_mapping *file, am_error *err) {
    opening k = { .file = file, .err = err };
    am_status status = am_mapping_open(file, path, CONTAINER_MAX, err);
    if (status != AM_OK) return status;
    k.head = file->data;
    am_dims dims;
    status = check_head(&k);
    if (status == AM_OK) status = sum_head(&k);
    if (status == AM_OK) status = read_dims(&k, &dims);
    if (status == AM_OK) status = am_quantized_new(q, &dims, err);
    k.q = *q;
    if (status == AM_OK) status = read_texts(&k, source);
    if (status == AM_OK) status = read_table(&k);
    if (status == AM_OK) status = am_sections_check(file, k.sections, k.n_sections, pool, err);
    if (status == AM_OK) status = check_vocabulary(&k);
    if (status == AM_OK) status = check_lists(&k);
    free(k.sections);
    return status;
}

am_status am_container_open(am_quantized **quantized, const char *path, am_pool *pool, am_source_identity *source,
                            am_error *err) {
    *quantized = NULL;
    if (!am_host_is_little_endian())
        return am_fail(err, AM_E_UNSUPPORTED, "%.600s: containers are little-endian, this machine is not", path);
    am_quantized *q = NULL;
    am_mapping file = { 0 };
    am_status status = read_container(&q, path, pool, source, &file, err);
    if (status != AM_OK) {
        am_mapping_close(&file);
        am_quantized_close(&q);
        return status;
    }
    am_quantized_owner *owner = q->owner;
    owner->mapping = file;
    q->n_bytes = file.len;
    am_quantized_release_rows(q, &q->token_rows);
    *quantized = q;
    return AM_OK;
}

void am_quantized_release_rows(const am_quantized *q, const am_plain_rows *rows) {
    const am_quantized_owner *owner = q->owner;
    if (!owner->mapping.data) return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)rows->data / page * page;
    size_t n_bytes = (size_t)rows->n * (size_t)rows->k * (rows->is_f16 ? 2 : 4);
    madvise((void *)start, (uintptr_t)rows->data + n_bytes - start, MADV_DONTNEED);
}

bool am_container_is(const char *path) {
    char magic[8];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return false;
    ssize_t n = read(fd, magic, sizeof magic);
    close(fd);
    return n == sizeof magic && memcmp(magic, AM_CONTAINER_MAGIC, sizeof magic) == 0;
}
