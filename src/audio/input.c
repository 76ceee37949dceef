/* Bytes from outside for the audio readers.  Owns the file descriptor and the remembered beginning of a pipe.
 *
 * Plain read(2) instead of stdio: a stream from a microphone must be handed on as soon as its bytes arrive, and a
 * buffer of our own would only be copied once more into the readers' buffers.
 *
 * SPDX-License-Identifier: MIT */
#include "audio/input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"

enum { REMEMBER_MAX = 1 << 20 };

struct am_input {
    am_input_cancel cancel;
    int fd; /* -1: memory */
    bool owns_fd;
    bool seekable;
    bool remembers;
    const unsigned char *bytes;
    uint64_t base; /* where the file descriptor stood when it was given to us */
    int64_t size;
    uint64_t pos;
    am_buf head; /* of a pipe: its first bytes; replayed while pos < head.len */
    int error;   /* errno of the first failure */
    char *basename;
    char label[AM_INPUT_LABEL_MAX + 1];
};

static bool is_control(uint32_t code_point) {
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

/* The path in quotes, fit for a terminal; of a very long one the end, which tells more than the beginning. */
static void make_label(char label[AM_INPUT_LABEL_MAX + 1], const char *path) {
    const size_t room = AM_INPUT_LABEL_MAX - 2 - 3;
    size_t path_len = strlen(path), n = 0;
    label[n++] = '"';
    if (path_len > room) {
        path += path_len - room;
        while (((unsigned char)*path & 0xc0) == 0x80) path++;
        memcpy(label + n, "...", 3);
        n += 3;
    }
    for (const char *end = path + strlen(path); path < end;) {
        uint32_t code_point;
        size_t len = am_utf8_next(path, (size_t)(end - path), &code_point);
        if (code_point == AM_UTF8_BAD || is_control(code_point)) {
            label[n++] = '?';
        } else {
            memcpy(label + n, path, len);
            n += len;
        }
        path += len;
    }
    label[n++] = '"';
    label[n] = '\0';
}

static am_input *new_input(am_error *err) {
    am_input *in = calloc(1, sizeof *in);
    if (!in) {
        am_fail_nomem(err, "an input", sizeof *in);
        return NULL;
    }
    in->fd = -1;
    in->size = -1;
    am_buf_init(&in->head, REMEMBER_MAX);
    return in;
}

static bool is_cancelled(const am_input *in) {
    return in->cancel.fn && in->cancel.fn(in->cancel.cookie);
}

static void reason(int error, char *text, size_t cap) {
    if (strerror_r(error, text, cap) != 0) text[0] = '\0';
}

static am_status fail_open(const am_input *in, int error, am_error *err) {
    char why[128];
    if (error == EINTR && is_cancelled(in)) return am_fail(err, AM_E_CANCELLED, "opening %s was cancelled", in->label);
    reason(error, why, sizeof why);
    return am_fail(err, AM_E_OPEN, "cannot open %s: %s", in->label, why);
}

/* What the descriptor is: a directory is refused, a regular file can be sought in. */
static am_status examine(am_input *in, am_error *err) {
    struct stat st;
    if (fstat(in->fd, &st) != 0) return fail_open(in, errno, err);
    if (S_ISDIR(st.st_mode)) return fail_open(in, EISDIR, err);
    off_t at = lseek(in->fd, 0, SEEK_CUR);
    /* Files under /proc say they are empty and are not: read them like a pipe. */
    if (S_ISREG(st.st_mode) && st.st_size > 0 && at >= 0) {
        in->seekable = true;
        in->base = (uint64_t)at;
        in->size = st.st_size > at ? (int64_t)(st.st_size - at) : 0;
    }
    in->remembers = !in->seekable;
    return AM_OK;
}

am_status am_input_open(am_input **out, const char *path, am_input_cancel cancel, am_error *err) {
    *out = NULL;
    am_input *in = new_input(err);
    if (!in) return AM_E_NOMEM;
    in->cancel = cancel;
    am_status status = AM_OK;
    if (strcmp(path, "-") == 0) {
        strcpy(in->label, "standard input");
        in->basename = calloc(1, 1);
        in->fd = STDIN_FILENO;
    } else {
        make_label(in->label, path);
        const char *slash = strrchr(path, '/');
        in->basename = strdup(slash ? slash + 1 : path);
        in->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (in->fd < 0) status = fail_open(in, errno, err);
        in->owns_fd = in->fd >= 0;
    }
    if (status == AM_OK && !in->basename) status = am_fail_nomem(err, "a file name", strlen(path) + 1);
    if (status == AM_OK) status = examine(in, err);
    if (status != AM_OK) am_input_close(&in);
    *out = in;
    return status;
}

am_status am_input_open_memory(am_input **out, const void *bytes, size_t len, bool seekable, am_error *err) {
    am_input *in = *out = new_input(err);
    if (!in) return AM_E_NOMEM;
    make_label(in->label, "memory");
    in->bytes = bytes;
    in->size = (int64_t)len;
    in->seekable = seekable;
    in->remembers = !seekable;
    return AM_OK;
}

void am_input_close(am_input **in) {
    if (!*in) return;
    if ((*in)->owns_fd) close((*in)->fd);
    am_buf_free(&(*in)->head);
    free((*in)->basename);
    free(*in);
    *in = NULL;
}

const char *am_input_label(const am_input *in) {
    return in->label;
}

const char *am_input_basename(const am_input *in) {
    return in->basename ? in->basename : "";
}

#define CANCEL_POLL_MS 100

/* Wait until there is something to read, the end included.  False when cancelled meanwhile. */
static bool wait_for_bytes(am_input *in) {
    struct pollfd p = { .fd = in->fd, .events = POLLIN };
    while (!is_cancelled(in)) {
        int n = poll(&p, 1, in->cancel.fn ? CANCEL_POLL_MS : -1);
        if (n > 0 || (n < 0 && errno != EINTR)) return true; /* what is wrong, read(2) will say */
    }
    return false;
}

/* read(2) that survives signals and descriptors somebody made non-blocking. */
static ptrdiff_t read_fd(am_input *in, void *bytes, size_t len) {
    for (;;) {
        if (!in->seekable && !wait_for_bytes(in)) {
            in->error = ECANCELED;
            return -1;
        }
        ssize_t n = read(in->fd, bytes, len < SSIZE_MAX ? len : SSIZE_MAX);
        if (n >= 0) return n;
        if (errno == EINTR || errno == EAGAIN) continue;
        in->error = errno;
        return -1;
    }
}

static ptrdiff_t read_source(am_input *in, void *bytes, size_t len) {
    if (in->fd >= 0) return read_fd(in, bytes, len);
    if (in->pos >= (uint64_t)in->size) return 0;
    size_t left = (size_t)((uint64_t)in->size - in->pos);
    if (len > left) len = left;
    memcpy(bytes, in->bytes + in->pos, len);
    return (ptrdiff_t)len;
}

ptrdiff_t am_input_read(am_input *in, void *bytes, size_t len) {
    if (in->error) return -1;
    if (len == 0) return 0;
    if (in->pos < in->head.len) {
        size_t left = in->head.len - (size_t)in->pos;
        if (len > left) len = left;
        memcpy(bytes, in->head.data + in->pos, len);
        in->pos += len;
        return (ptrdiff_t)len;
    }
    if (in->head.len && !in->remembers) am_buf_free(&in->head); /* replayed for the last time */
    ptrdiff_t n = read_source(in, bytes, len);
    if (n > 0) {
        in->pos += (uint64_t)n;
        if (in->remembers && am_buf_add(&in->head, bytes, (size_t)n) != AM_OK) in->remembers = false;
    }
    return n;
}

ptrdiff_t am_input_read_full(am_input *in, void *bytes, size_t len) {
    size_t done = 0;
    while (done < len) {
        ptrdiff_t n = am_input_read(in, (char *)bytes + done, len - done);
        if (n < 0) return -1;
        if (n == 0) break;
        done += (size_t)n;
    }
    return (ptrdiff_t)done;
}

bool am_input_skip(am_input *in, uint64_t len) {
    if (in->seekable) {
        if (len > (uint64_t)in->size || in->pos > (uint64_t)in->size - len) return false;
        return am_input_seek(in, in->pos + len);
    }
    char waste[4096];
    while (len > 0) {
        ptrdiff_t n = am_input_read(in, waste, len < sizeof waste ? (size_t)len : sizeof waste);
        if (n <= 0) return false;
        len -= (uint64_t)n;
    }
    return true;
}

bool am_input_is_seekable(const am_input *in) {
    return in->seekable;
}

bool am_input_seek(am_input *in, uint64_t pos) {
    if (!in->seekable || pos > INT64_MAX - in->base) return false;
    if (in->fd >= 0 && lseek(in->fd, (off_t)(in->base + pos), SEEK_SET) < 0) return false;
    in->pos = pos;
    return true;
}

uint64_t am_input_pos(const am_input *in) {
    return in->pos;
}

int64_t am_input_size(const am_input *in) {
    return in->seekable ? in->size : -1;
}

bool am_input_rewind(am_input *in) {
    if (in->seekable) return am_input_seek(in, 0);
    if (!in->remembers) return false;
    in->pos = 0;
    return true;
}

void am_input_forget(am_input *in) {
    in->remembers = false;
    if (in->pos >= in->head.len) am_buf_free(&in->head);
}

bool am_input_failed(const am_input *in) {
    return in->error != 0;
}

am_status am_input_fail(const am_input *in, am_error *err) {
    if (in->error == ECANCELED) return am_fail(err, AM_E_CANCELLED, "reading %s was cancelled", in->label);
    char why[128];
    reason(in->error, why, sizeof why);
    return am_fail(err, AM_E_IO, "reading %s failed after %llu bytes: %s", in->label, (unsigned long long)in->pos, why);
}
