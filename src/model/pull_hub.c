/* Files from the Hugging Face hub over verified TLS, with libcurl.
 *
 * A broken transfer is taken up again where it broke, within this call and in the next one.  A server that knows no
 * ranges starts over.  Nothing is believed about lengths: a file that grows past what the catalogue says is cut off.
 *
 * SPDX-License-Identifier: MIT */
#ifdef AM_WITH_DOWNLOAD
#include "model/pull.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECT_MS = 5000, SLOW_BYTES_PER_SEC = 1000, SLOW_SEC = 30, N_TRIES = 4, URL_CAP = 1024 };

/* The largest Whisper has 3.1 GB. */
#define UNPINNED_MAX (UINT64_C(8) << 30)

typedef struct transfer {
    const am_pull_job *job;
    const am_catalog_file *file;
    const char *name; /* file->name or file->or_else */
    CURL *curl;
    int fd;
    uint64_t n_before, n_here; /* bytes from earlier transfers, and from this one */
    int write_errno;
    bool too_long, stopped;
    char problem[CURL_ERROR_SIZE];
} transfer;

static size_t on_bytes(char *bytes, size_t size, size_t n, void *cookie) {
    transfer *t = cookie;
    uint64_t most = t->file->n_bytes ? t->file->n_bytes : UNPINNED_MAX;
    n *= size;
    if (n > most - t->n_before - t->n_here) {
        t->too_long = true;
        return 0;
    }
    if (!am_write_all(t->fd, bytes, n)) {
        t->write_errno = errno;
        return 0;
    }
    t->n_here += n;
    return n;
}

static int on_progress(void *cookie, curl_off_t n_total, curl_off_t n_done, curl_off_t n_up_total, curl_off_t n_up) {
    transfer *t = cookie;
    const am_progress *p = &t->job->progress;
    uint64_t total = t->file->n_bytes ? t->file->n_bytes : n_total > 0 ? t->n_before + (uint64_t)n_total : 0;
    if (p->fn && p->fn(p->cookie, t->name, t->n_before + t->n_here, total) != 0) t->stopped = true;
    return t->stopped;
}

static void set_options(transfer *t, const char *url) {
    CURL *c = t->curl;
    bool plain = strncmp(t->job->sources->hub, "http:", 5) == 0; /* a server on this machine, in tests */
    char user_agent[64];
    snprintf(user_agent, sizeof user_agent, "amanuensis/%d.%d.%d", AM_VERSION_MAJOR, AM_VERSION_MINOR,
             AM_VERSION_PATCH);
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, plain ? "http" : "https");
#else
    curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(plain ? CURLPROTO_HTTP : CURLPROTO_HTTPS));
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS, (long)(plain ? CURLPROTO_HTTP : CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(c, CURLOPT_USERAGENT, user_agent);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, 8L);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_PER_SEC);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SEC);
    curl_easy_setopt(c, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->n_before);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    t->problem[0] = '\0';
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->problem);
}

typedef enum outcome { DONE, FAILED, NOT_FOUND, START_OVER, TRY_AGAIN } outcome;

static outcome judge(const transfer *t, CURLcode code, long http, const char *url, am_error *err) {
    if (t->stopped) {
        am_fail(err, AM_E_CANCELLED, "stopped while loading %s", t->name);
        return FAILED;
    }
    if (t->too_long) {
        am_fail(err, AM_E_CHECKSUM, "%s: more than the expected %llu bytes", url,
                (unsigned long long)(t->file->n_bytes ? t->file->n_bytes : UNPINNED_MAX));
        return FAILED;
    }
    if (t->write_errno) {
        am_fail(err, AM_E_IO, "%.500s/%s.part: %s", t->job->folder, t->name,
                t->write_errno == ENOSPC ? "the disk is full" : strerror(t->write_errno));
        return FAILED;
    }
    if (code == CURLE_OK) return DONE;
    if (t->n_before > 0 && (code == CURLE_RANGE_ERROR || http == 416)) return START_OVER;
    am_fail(err, AM_E_NETWORK, "%s: %s", url, *t->problem ? t->problem : curl_easy_strerror(code));
    if (code == CURLE_HTTP_RETURNED_ERROR && http == 404) return NOT_FOUND;
    return t->n_here > 0 ? TRY_AGAIN : FAILED;
}

/* One transfer into the open file, from its end on. */
static outcome transfer_once(transfer *t, const char *url, am_error *err) {
    off_t end = lseek(t->fd, 0, SEEK_END);
    t->n_before = end > 0 ? (uint64_t)end : 0;
    t->n_here = 0;
    set_options(t, url);
    CURLcode code = curl_easy_perform(t->curl);
    long http = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &http);
    return judge(t, code, http, url, err);
}

/* Bring one file under t->name.  *found is false when the hub has none of that name. */
static am_status fetch_named(transfer *t, bool *found, am_error *err) {
    char part[AM_PATH_CAP], whole[AM_PATH_CAP], url[URL_CAP];
    am_status status = am_path_join(whole, t->job->folder, t->name, err);
    if (status != AM_OK) return status;
    *found = true;
    if (am_path_exists(whole)) return AM_OK;
    snprintf(part, sizeof part, "%.*s.part", AM_PATH_CAP - 8, whole);
    snprintf(url, sizeof url, "%s/%s/resolve/main/%s", t->job->sources->hub, t->job->model->repository, t->name);
    t->fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (t->fd < 0) return am_fail(err, AM_E_IO, "%.600s: %s", part, strerror(errno));
    struct stat st;
    bool complete = fstat(t->fd, &st) == 0 && t->file->n_bytes && (uint64_t)st.st_size >= t->file->n_bytes;
    if (complete && (uint64_t)st.st_size > t->file->n_bytes) {
        complete = false;
        if (ftruncate(t->fd, 0) != 0) status = am_fail(err, AM_E_IO, "%.600s: %s", part, strerror(errno));
    }
    outcome o = complete ? DONE : TRY_AGAIN;
    for (int i = 0; i < N_TRIES && status == AM_OK && (o == TRY_AGAIN || o == START_OVER); i++) {
        o = transfer_once(t, url, err);
        if (o == START_OVER && ftruncate(t->fd, 0) != 0)
            status = am_fail(err, AM_E_IO, "%.600s: %s", part, strerror(errno));
    }
    if (status == AM_OK && o == START_OVER) status = am_fail(err, AM_E_NETWORK, "%s: cannot be taken up again", url);
    *found = o != NOT_FOUND;
    if (status == AM_OK && o != DONE) status = err->status;
    if (status == AM_OK && fsync(t->fd) != 0) status = am_fail(err, AM_E_IO, "%.600s: %s", part, strerror(errno));
    close(t->fd);
    if (status == AM_E_CHECKSUM || o == NOT_FOUND) unlink(part);
    if (status == AM_OK && rename(part, whole) != 0)
        status = am_fail(err, AM_E_IO, "%.600s: %s", part, strerror(errno));
    return status;
}

static am_status fetch_file(const am_pull_job *job, CURL *curl, const am_catalog_file *file, am_error *err) {
    const char *names[2] = { file->name, file->or_else };
    am_status status = AM_E_NETWORK;
    for (int i = 0; i < 2 && names[i]; i++) {
        transfer t = { .job = job, .file = file, .name = names[i], .curl = curl };
        bool found;
        status = fetch_named(&t, &found, err);
        if (status == AM_OK || found) break;
    }
    return status;
}

am_status am_pull_from_hub(const am_pull_job *job, am_error *err) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) return am_fail(err, AM_E_NETWORK, "libcurl cannot be started");
    CURL *curl = curl_easy_init();
    am_status status = curl ? AM_OK : am_fail_nomem(err, "a transfer", 0);
    for (const am_catalog_file *file = job->model->files; status == AM_OK && file->name; file++)
        status = fetch_file(job, curl, file, err);
    if (curl) curl_easy_cleanup(curl);
    curl_global_cleanup();
    return status;
}
#endif
