/* Writing a container: the header and table first in memory, with every sum, then one pass into a temporary file that
 * gets its name when all of it lasts.
 *
 * The temporary name holds the process's number and is made exclusively, so that any number of writers of the same
 * container work side by side; the last to finish gives the file its content, and every one of them is whole.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "model/catalogue.h"
#include "model/container_format.h"

enum { N_NAMES_TRIED = 1000, TEMP_CAP = AM_PATH_CAP + 32 };

typedef struct writing {
    const char *path;
    char temp[TEMP_CAP];
    unsigned char *head; /* header and table; all zeros at first */
    size_t head_bytes;
    uint32_t n_sections, i_section;
    uint64_t offset; /* where the next section goes */
    int fd;
    am_error *err;
} writing;

static void put_u32(unsigned char *p, uint32_t x) {
    for (int i = 0; i < 4; i++) p[i] = (unsigned char)(x >> 8 * i);
}

static void put_u64(unsigned char *p, uint64_t x) {
    put_u32(p, (uint32_t)x);
    put_u32(p + 4, (uint32_t)(x >> 32));
}

static void put_text(unsigned char *p, size_t cap, const char *text) {
    size_t len = strlen(text);
    memcpy(p, text, len < cap ? len : cap);
}

static am_status fail_write(writing *k, const char *path, const char *what) {
    return am_fail(k->err, AM_E_IO, "%.600s: %s: %s", path, what,
                   errno == ENOSPC ? "the disk is full" : strerror(errno));
}

/* ---- header and table --------------------------------------------------------------------------------------- */

static am_status count_section(void *arg, const am_slot *slot) {
    writing *k = arg;
    k->n_sections++;
    return AM_OK;
}

static uint64_t sum_section(const unsigned char *bytes, uint64_t n_bytes) {
    uint64_t sum = AM_ROUND_UP(n_bytes, AM_CONTAINER_ALIGN);
    for (uint64_t at = 0; at < n_bytes; at += AM_CHUNK_BYTES) {
        uint64_t n = n_bytes - at < AM_CHUNK_BYTES ? n_bytes - at : AM_CHUNK_BYTES;
        sum = am_checksum_step(sum, am_chunk_checksum(bytes + at, (size_t)n));
    }
    return sum ^ sum >> 32;
}

static am_status put_entry(void *arg, const am_slot *slot) {
    writing *k = arg;
    unsigned char *entry = k->head + AM_HEADER_BYTES + (size_t)k->i_section++ * AM_ENTRY_BYTES;
    put_text(entry + AM_ENTRY_NAME, AM_SLOT_NAME_CAP, slot->name);
    put_u32(entry + AM_ENTRY_TYPE, (uint32_t)slot->type);
    put_u64(entry + AM_ENTRY_N_ROWS, slot->n_rows);
    put_u64(entry + AM_ENTRY_N_COLS, slot->n_cols);
    put_u64(entry + AM_ENTRY_OFFSET, k->offset);
    put_u64(entry + AM_ENTRY_N_BYTES, slot->n_bytes);
    put_u64(entry + AM_ENTRY_CHECKSUM, sum_section(am_slot_get(slot), slot->n_bytes));
    k->offset += AM_ROUND_UP(slot->n_bytes, AM_CONTAINER_ALIGN);
    return AM_OK;
}

static void put_header(writing *k, const am_quantized *q, const am_source_identity *source) {
    const am_dims *d = &q->dims;
    const int dims[] = { d->n_mels,        d->n_vocab,    d->n_audio_ctx,  d->n_audio_state, d->n_audio_head,
                         d->n_audio_layer, d->n_text_ctx, d->n_text_state, d->n_text_head,   d->n_text_layer };
    unsigned char *h = k->head;
    memcpy(h + AM_HEADER_MAGIC, AM_CONTAINER_MAGIC, 8);
    put_u32(h + AM_HEADER_VERSION, AM_CONTAINER_VERSION);
    put_u32(h + AM_HEADER_N_SECTIONS, k->n_sections);
    put_u64(h + AM_HEADER_FILE_BYTES, k->offset);
    for (int i = 0; i < AM_CONTAINER_N_DIMS; i++) put_u32(h + AM_HEADER_DIMS + 4 * i, (uint32_t)dims[i]);
    put_u32(h + AM_HEADER_N_SUPPRESS, (uint32_t)q->n_suppress);
    put_u32(h + AM_HEADER_N_SUPPRESS_BEGIN, (uint32_t)q->n_suppress_begin);
    put_u32(h + AM_HEADER_N_ALIGNMENT_HEADS, (uint32_t)q->n_alignment_heads);
    put_u32(h + AM_HEADER_F16,
            (uint32_t)q->conv1.is_f16 | (uint32_t)q->conv2.is_f16 << 1 | (uint32_t)q->token_rows.is_f16 << 2);
    put_u32(h + AM_HEADER_N_VOCAB_BYTES, q->vocab.offset[d->n_vocab]);
    put_text(h + AM_HEADER_SOURCE_FORMAT, 16, q->format);
    put_text(h + AM_HEADER_SOURCE_IDENTITY, 64, source->hex);
    put_text(h + AM_HEADER_QUANTIZATION, 64, AM_CONTAINER_QUANTIZATION);
    put_u64(h + AM_HEADER_CHECKSUM, am_chunk_checksum(h, k->head_bytes));
}

static am_status make_head(writing *k, am_quantized *q, const am_source_identity *source) {
    uint64_t n_vocab_bytes = q->vocab.offset[q->dims.n_vocab];
    am_slots_walk(q, n_vocab_bytes, count_section, k);
    k->head_bytes = AM_ROUND_UP(AM_HEADER_BYTES + (size_t)k->n_sections * AM_ENTRY_BYTES, AM_CONTAINER_ALIGN);
    k->head = calloc(1, k->head_bytes);
    if (!k->head) return am_fail_nomem(k->err, "the table of a container", k->head_bytes);
    k->offset = k->head_bytes;
    am_slots_walk(q, n_vocab_bytes, put_entry, k);
    put_header(k, q, source);
    return AM_OK;
}

/* ---- the file ----------------------------------------------------------------------------------------------- */

static am_status write_section(void *arg, const am_slot *slot) {
    static const unsigned char zeros[AM_CONTAINER_ALIGN];
    writing *k = arg;
    size_t padding = (size_t)(AM_ROUND_UP(slot->n_bytes, AM_CONTAINER_ALIGN) - slot->n_bytes);
    if (!am_write_all(k->fd, am_slot_get(slot), (size_t)slot->n_bytes) || !am_write_all(k->fd, zeros, padding))
        return fail_write(k, k->temp, "cannot be written");
    return AM_OK;
}

static am_status open_temp(writing *k) {
    if (strlen(k->path) >= AM_PATH_CAP) return am_fail(k->err, AM_E_IO, "%.200s...: the path is too long", k->path);
    for (int i = 0; i < N_NAMES_TRIED; i++) {
        snprintf(k->temp, sizeof k->temp, "%s.tmp-%ld-%d", k->path, (long)getpid(), i);
        k->fd = open(k->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (k->fd >= 0) return AM_OK;
        if (errno != EEXIST) break;
    }
    return fail_write(k, k->path, "cannot be written");
}

static am_status sync_folder(const char *path, am_error *err) {
    char folder[AM_PATH_CAP];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = '\0';
    return am_sync_path(slash ? folder : ".", err);
}

static am_status write_file(writing *k, am_quantized *q) {
    am_status status = open_temp(k);
    if (status != AM_OK) return status;
    if (!am_write_all(k->fd, k->head, k->head_bytes)) status = fail_write(k, k->temp, "cannot be written");
    if (status == AM_OK) status = am_slots_walk(q, q->vocab.offset[q->dims.n_vocab], write_section, k);
    if (status == AM_OK && fsync(k->fd) != 0 && errno != EINVAL)
        status = fail_write(k, k->temp, "cannot be made to last");
    if (close(k->fd) != 0 && status == AM_OK) status = fail_write(k, k->temp, "cannot be written");
    if (status == AM_OK && rename(k->temp, k->path) != 0) status = fail_write(k, k->path, "cannot be replaced");
    if (status != AM_OK) {
        unlink(k->temp);
        return status;
    }
    status = sync_folder(k->path, k->err);
    if (status != AM_OK) unlink(k->path);
    return status;
}

am_status am_container_write(const am_quantized *quantized, const am_source_identity *source, const char *path,
                             am_error *err) {
    if (!am_host_is_little_endian())
        return am_fail(err, AM_E_UNSUPPORTED, "%.600s: containers are little-endian, this machine is not", path);
    am_quantized q = *quantized; /* the walk wants one it could change; it is not changed */
    writing k = { .path = path, .err = err };
    am_status status = make_head(&k, &q, source);
    if (status == AM_OK) status = write_file(&k, &q);
    free(k.head);
    return status;
}
