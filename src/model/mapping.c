/* See mapping.h.  The size is taken at open; a file that shrinks while it is mapped is the operating system's SIGBUS and
 * outside of what a reader can promise.
 *
 * SPDX-License-Identifier: MIT */
#include "model/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void am_show(char *shown, size_t cap, const void *bytes, size_t len) {
    const unsigned char *b = bytes;
    size_t n = 0;
    for (; n < len && n + 1 < cap; n++) shown[n] = (char)(b[n] >= 0x20 && b[n] < 0x7f ? b[n] : '?');
    shown[n] = '\0';
}

/* Paths are UTF-8 of the user's own; only control characters are taken out, and of long ones the end is kept. */
static void show_path(char shown[AM_SHOWN_CAP], const char *path) {
    size_t len = strlen(path);
    const char *dots = "";
    if (len >= AM_SHOWN_CAP) {
        path += len - (AM_SHOWN_CAP - 4);
        dots = "...";
    }
    snprintf(shown, AM_SHOWN_CAP, "%s%s", dots, path);
    for (char *p = shown; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
}

am_status am_mapping_open(am_mapping *m, const char *path, size_t max_len, am_error *err) {
    *m = (am_mapping){ 0 };
    show_path(m->shown, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return am_fail(err, AM_E_OPEN, "%s: %s", m->shown, strerror(errno));
    struct stat st;
    am_status status = AM_OK;
    if (fstat(fd, &st) != 0) {
        status = am_fail(err, AM_E_OPEN, "%s: %s", m->shown, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        status = am_fail(err, AM_E_OPEN, "%s: not a regular file", m->shown);
    } else if ((uint64_t)st.st_size > max_len) {
        status = am_fail(err, AM_E_MODEL, "%s: %llu bytes, at most %zu are expected here", m->shown,
                         (unsigned long long)st.st_size, max_len);
    } else if (st.st_size > 0) {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            status = am_fail(err, errno == ENOMEM ? AM_E_NOMEM : AM_E_OPEN, "%s: cannot map its %llu bytes: %s",
                             m->shown, (unsigned long long)st.st_size, strerror(errno));
        } else {
            m->data = data;
            m->len = (size_t)st.st_size;
        }
    }
    close(fd);
    return status;
}

void am_mapping_close(am_mapping *m) {
    if (m->data) munmap((void *)(uintptr_t)m->data, m->len);
    m->data = NULL;
    m->len = 0;
}

am_status am_path_join(char out[AM_PATH_CAP], const char *folder, const char *name, am_error *err) {
    int n = snprintf(out, AM_PATH_CAP, "%s/%s", folder, name);
    if (n < 0 || n >= AM_PATH_CAP) {
        char shown[AM_SHOWN_CAP];
        show_path(shown, folder);
        return am_fail(err, AM_E_OPEN, "%s: the path of %.64s in it is longer than %d bytes", shown, name, AM_PATH_CAP);
    }
    return AM_OK;
}

bool am_path_exists(const char *path) {
    return access(path, F_OK) == 0;
}

am_cursor am_cursor_init(const am_mapping *m, am_error *err) {
    return (am_cursor){ .data = m->data, .len = m->len, .shown = m->shown, .err = err };
}

const unsigned char *am_cursor_take(am_cursor *c, uint64_t n, const char *what) {
    if (c->status != AM_OK) return NULL;
    if (n > c->len - c->pos) {
        c->status =
            am_fail(c->err, AM_E_MODEL, "%s: %s needs %llu bytes at offset %zu, but the file has only %zu bytes",
                    c->shown, what, (unsigned long long)n, c->pos, c->len);
        return NULL;
    }
    const unsigned char *p = c->data + c->pos;
    c->pos += (size_t)n;
    return p;
}

uint8_t am_cursor_u8(am_cursor *c, const char *what) {
    const unsigned char *p = am_cursor_take(c, 1, what);
    return p ? *p : 0;
}

uint16_t am_cursor_u16(am_cursor *c, const char *what) {
    const unsigned char *p = am_cursor_take(c, 2, what);
    return p ? am_load_u16(p) : 0;
}

uint32_t am_cursor_u32(am_cursor *c, const char *what) {
    const unsigned char *p = am_cursor_take(c, 4, what);
    return p ? am_load_u32(p) : 0;
}
