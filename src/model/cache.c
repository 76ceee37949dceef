/* Files and folders of the cache: hashing, stamping, removing.  See catalogue.h.
 *
 * SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/sha256.h"
#include "model/catalogue.h"

#define STAMP ".verified"

enum { HASH_STEP = 1 << 20, STAMP_MAX = 4096, N_FILES_MAX = 8 };

static am_status fail_errno(am_error *err, am_status status, const char *path, const char *what) {
    return am_fail(err, status, "%.600s: %s%s%s", path, what, *what ? ": " : "",
                   errno == ENOSPC ? "the disk is full" : strerror(errno));
}

bool am_write_all(int fd, const void *bytes, size_t len) {
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

am_status am_cache_path(char out[AM_PATH_CAP], const char *cache_dir, const char *before, const char *name,
                        const char *after, am_error *err) {
    int n = snprintf(out, AM_PATH_CAP, "%s/models%s%s%s%s", cache_dir, *name ? "/" : "", before, name, after);
    if (n < 0 || n >= AM_PATH_CAP - 64)
        return am_fail(err, AM_E_ARG, "%.200s...: the path of the cache is too long", cache_dir);
    return AM_OK;
}

am_status am_make_folders(const char *path, am_error *err) {
    char part[AM_PATH_CAP];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != '\0') continue;
        char end = *p;
        *p = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST && errno != EISDIR)
            return fail_errno(err, AM_E_IO, part, "cannot make this folder");
        if (!end) return AM_OK;
        *p = end;
    }
}

static am_status remove_in(const char *path, int depth, am_error *err) {
    DIR *dir = opendir(path);
    if (!dir && errno == ENOENT) return AM_OK;
    if (!dir) return fail_errno(err, AM_E_IO, path, "cannot remove");
    am_status status = AM_OK;
    struct dirent *entry;
    while (status == AM_OK && (entry = readdir(dir))) {
        char child[AM_PATH_CAP];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        status = am_path_join(child, path, entry->d_name, err);
        if (status != AM_OK) break;
        if (lstat(child, &st) == 0 && S_ISDIR(st.st_mode) && depth > 0) status = remove_in(child, depth - 1, err);
        else if (unlink(child) != 0) status = fail_errno(err, AM_E_IO, child, "cannot remove");
    }
    closedir(dir);
    if (status == AM_OK && rmdir(path) != 0) status = fail_errno(err, AM_E_IO, path, "cannot remove");
    return status;
}

/* pip leaves a folder or two in its temporary folder when it is killed; nothing of ours is deeper. */
am_status am_remove_folder(const char *path, am_error *err) {
    return remove_in(path, 8, err);
}

am_status am_sync_path(const char *path, am_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(err, AM_E_IO, path, "cannot be made to last");
    am_status status = AM_OK;
    if (fsync(fd) != 0 && errno != EINVAL) status = fail_errno(err, AM_E_IO, path, "cannot be made to last");
    close(fd);
    return status;
}

static am_status hash_fd(int fd, const char *path, const char *what, uint64_t n_total, const am_progress *progress,
                         char hex[65], uint64_t *n_bytes, am_error *err) {
    char *block = malloc(HASH_STEP);
    if (!block) return am_fail_nomem(err, "hashing", HASH_STEP);
    am_sha256 sha;
    am_sha256_init(&sha);
    am_status status = AM_OK;
    for (*n_bytes = 0; status == AM_OK;) {
        ssize_t n = read(fd, block, HASH_STEP);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) break;
        if (n < 0) {
            status = fail_errno(err, AM_E_IO, path, "");
            break;
        }
        am_sha256_add(&sha, block, (size_t)n);
        *n_bytes += (uint64_t)n;
        if (progress->fn && progress->fn(progress->cookie, what, *n_bytes, n_total) != 0)
            status = am_fail(err, AM_E_CANCELLED, "stopped while checking %.600s", path);
    }
    am_sha256_hex(&sha, hex);
    free(block);
    return status;
}

am_status am_hash_file(const char *path, const char *what, const am_progress *progress, char hex[65], uint64_t *n_bytes,
                       am_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        am_status status = fail_errno(err, AM_E_OPEN, path, "");
        if (fd >= 0) close(fd);
        return status;
    }
    am_status status = hash_fd(fd, path, what, (uint64_t)st.st_size, progress, hex, n_bytes, err);
    close(fd);
    return status;
}

/* ---- .verified: one line "<sha256> <size> <name>" per file ---------------------------------------------------- */

typedef struct stamp_line {
    char name[64], sha256[65];
    uint64_t n_bytes;
} stamp_line;

static int read_stamp(const char *folder, stamp_line lines[N_FILES_MAX]) {
    char path[AM_PATH_CAP], text[STAMP_MAX];
    if (am_path_join(path, folder, STAMP, NULL) != AM_OK) return 0;
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    int n = 0;
    while (n < N_FILES_MAX && fgets(text, sizeof text, f)) {
        unsigned long long size;
        if (sscanf(text, "%64[0-9a-f] %llu %63s", lines[n].sha256, &size, lines[n].name) != 3) break;
        lines[n++].n_bytes = size;
    }
    fclose(f);
    return n;
}

static am_status put_stamp(const char *folder, const stamp_line *lines, int n, am_error *err) {
    char path[AM_PATH_CAP];
    am_status status = am_path_join(path, folder, STAMP, err);
    if (status != AM_OK) return status;
    am_buf text;
    am_buf_init(&text, STAMP_MAX);
    for (int i = 0; i < n; i++)
        am_buf_add_fmt(&text, "%s %llu %s\n", lines[i].sha256, (unsigned long long)lines[i].n_bytes, lines[i].name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (text.status != AM_OK) status = am_fail_nomem(err, STAMP, text.len);
    else if (fd < 0 || !am_write_all(fd, text.data, text.len)) status = fail_errno(err, AM_E_IO, path, "");
    if (fd >= 0) close(fd);
    am_buf_free(&text);
    if (status != AM_OK) return status;
    return am_sync_path(path, err);
}

static const stamp_line *find_line(const stamp_line *lines, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(lines[i].name, name) == 0) return &lines[i];
    return NULL;
}

/* The name a file of the catalogue has in this folder, and its path. */
static const char *name_in(const char *folder, const am_catalog_file *file, char path[AM_PATH_CAP]) {
    const char *names[2] = { file->name, file->or_else };
    for (int i = 0; i < 2; i++)
        if (names[i] && am_path_join(path, folder, names[i], NULL) == AM_OK && am_path_exists(path)) return names[i];
    return am_path_join(path, folder, file->name, NULL) == AM_OK ? file->name : NULL;
}

bool am_cache_is_whole(const am_catalog_model *model, const char *folder) {
    stamp_line lines[N_FILES_MAX];
    int n = read_stamp(folder, lines);
    for (const am_catalog_file *file = model->files; file->name; file++) {
        char path[AM_PATH_CAP];
        struct stat st;
        const char *name = name_in(folder, file, path);
        const stamp_line *line = name ? find_line(lines, n, name) : NULL;
        if (!line || stat(path, &st) != 0 || (uint64_t)st.st_size != line->n_bytes) return false;
        if (file->sha256 && (strcmp(file->sha256, line->sha256) != 0 || file->n_bytes != line->n_bytes)) return false;
    }
    return true;
}

static am_status check_file(const am_catalog_file *file, const char *folder, const stamp_line *old, bool remove_bad,
                            const am_progress *progress, stamp_line *line, am_error *err) {
    char path[AM_PATH_CAP];
    am_status status = am_path_join(path, folder, line->name, err);
    if (status == AM_OK) status = am_hash_file(path, line->name, progress, line->sha256, &line->n_bytes, err);
    if (status != AM_OK) return status;
    const char *want = file->sha256 ? file->sha256 : old ? old->sha256 : NULL;
    uint64_t want_bytes = file->sha256 ? file->n_bytes : old ? old->n_bytes : 0;
    if (!want || (strcmp(want, line->sha256) == 0 && want_bytes == line->n_bytes)) return AM_OK;
    if (remove_bad) unlink(path);
    return am_fail(err, AM_E_CHECKSUM, "%.600s: %llu bytes with SHA-256 %s; expected %llu bytes with %s%s", path,
                   (unsigned long long)line->n_bytes, line->sha256, (unsigned long long)want_bytes, want,
                   remove_bad ? "; it was removed" : "");
}

am_status am_cache_check(const am_catalog_model *model, const char *folder, bool remove_bad, bool write_stamp,
                         const am_progress *progress, am_error *err) {
    stamp_line old[N_FILES_MAX], found[N_FILES_MAX];
    int n_old = read_stamp(folder, old), n_found = 0;
    for (const am_catalog_file *file = model->files; file->name && n_found < N_FILES_MAX; file++) {
        char path[AM_PATH_CAP];
        const char *name = name_in(folder, file, path);
        stamp_line *line = &found[n_found++];
        snprintf(line->name, sizeof line->name, "%s", name ? name : file->name);
        am_status status = check_file(file, folder, find_line(old, n_old, line->name), remove_bad, progress, line, err);
        if (status != AM_OK) return status;
    }
    return write_stamp ? put_stamp(folder, found, n_found, err) : AM_OK;
}
