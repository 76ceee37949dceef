/* Converted models: found, made, replaced.  See containers.h.
 *
 * Whoever opens a model wants to transcribe, not to keep a cache in order: nothing about the folder of containers keeps
 * a good model from opening.
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "model/containers.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sha256.h"
#include "base/versioned.h"
#include "model/capacity.h"
#include "model/catalogue.h"

enum { NAME_SHOWN = 64 };

/* ---- where containers are kept -------------------------------------------------------------------------------- */

am_status am_container_place(char out[AM_PATH_CAP], const char *container_dir, const char *path, am_error *err) {
    char *real = realpath(path, NULL);
    if (!real) return am_fail(err, errno == ENOMEM ? AM_E_NOMEM : AM_E_OPEN, "%.600s: %s", path, strerror(errno));
    char hex[65], name[NAME_SHOWN + 1];
    am_sha256 sha;
    am_sha256_init(&sha);
    am_sha256_add(&sha, real, strlen(real));
    am_sha256_hex(&sha, hex);
    snprintf(name, sizeof name, "%s", strrchr(real, '/') + 1);
    for (char *p = name; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *p)) *p = '_';
    free(real);
    int n = snprintf(out, AM_PATH_CAP, "%s/%s-%.16s.am", container_dir, name, hex);
    if (n < 0 || n >= AM_PATH_CAP)
        return am_fail(err, AM_E_ARG, "%.200s...: the path of the containers is too long", container_dir);
    return AM_OK;
}

am_status am_container_remove(const char *container, am_error *err) {
    char folder[AM_PATH_CAP];
    snprintf(folder, sizeof folder, "%s", container);
    char *name = strrchr(folder, '/');
    if (!name) return AM_OK;
    *name++ = '\0';
    DIR *dir = opendir(folder);
    if (!dir) return AM_OK;
    am_status status = AM_OK;
    for (struct dirent *entry; status == AM_OK && (entry = readdir(dir));) {
        /* The container, and what a writer that was killed has left of it. */
        char file[AM_PATH_CAP];
        size_t len = strlen(name);
        if (strncmp(entry->d_name, name, len) != 0) continue;
        if (entry->d_name[len] && strncmp(entry->d_name + len, ".tmp-", 5) != 0) continue;
        if (am_path_join(file, folder, entry->d_name, NULL) == AM_OK && remove(file) != 0 && errno != ENOENT)
            status = am_fail(err, AM_E_IO, "%.600s: cannot remove: %s", file, strerror(errno));
    }
    closedir(dir);
    return status;
}

/* ---- found or made ---------------------------------------------------------------------------------------- */

typedef struct loading {
    const char *path;
    char container[AM_PATH_CAP]; /* empty: none */
    am_source_identity identity;
    am_pool *pool;
    const am_logger *logger;
    am_error *err;
} loading;

/* NULL in *q when there is none that can be used; that is AM_OK, only memory is a failure. */
static am_status find_container(const loading *k, am_quantized **q, am_error *why) {
    am_source_identity source;
    am_status status = am_container_open(q, k->container, k->pool, &source, why);
    if (status == AM_E_NOMEM) return status;
    if (status == AM_OK && strcmp(source.hex, k->identity.hex) == 0) return AM_OK;
    if (status == AM_OK)
        am_log(k->logger, AM_LOG_INFO, "%s: the model has changed since, converting again", k->container);
    else if (status != AM_E_OPEN || am_path_exists(k->container))
        am_log(k->logger, AM_LOG_INFO, "%s; converting again", why->text);
    am_quantized_close(q);
    return AM_OK;
}

static am_status make(const loading *k, am_quantized **q) {
    am_weights *w;
    am_status status = am_weights_open(&w, k->path, k->logger, k->err);
    if (status == AM_OK) status = am_capacity_check_model(&w->dims, true, k->err);
    if (status == AM_OK) status = am_quantized_make(q, w, k->pool, k->err);
    am_weights_close(&w);
    return status;
}

/* Replace a model in memory by its container, when that can be written. */
static void keep(const loading *k, const char *container_dir, am_quantized **q) {
    am_quantized *mapped;
    am_error why = { 0 };
    am_status status = am_make_folders(container_dir, &why);
    if (status == AM_OK) status = am_container_write(*q, &k->identity, k->container, &why);
    if (status == AM_OK) status = am_container_open(&mapped, k->container, k->pool, NULL, &why);
    if (status != AM_OK) {
        am_log(k->logger, AM_LOG_WARNING, "the converted model is not kept: %s", why.text);
        return;
    }
    am_log(k->logger, AM_LOG_INFO, "%s: converted, %.0f MB", k->container, (double)mapped->n_bytes / 1e6);
    am_quantized_close(q);
    *q = mapped;
}

static am_status load(loading *k, const char *container_dir, am_quantized **q) {
    if (am_container_is(k->path)) return am_container_open(q, k->path, k->pool, NULL, k->err);
    if (container_dir) {
        am_error why = { 0 };
        am_status status = am_container_place(k->container, container_dir, k->path, &why);
        if (status == AM_OK) status = am_source_identify(&k->identity, k->path, &why);
        if (status == AM_OK) status = find_container(k, q, &why);
        else k->container[0] = '\0'; /* what is wrong with the path itself, the readers say better */
        if (status == AM_E_NOMEM && k->err) *k->err = why;
        if (status == AM_E_NOMEM || *q) return status;
    }
    am_status status = make(k, q);
    if (status == AM_OK && k->container[0]) keep(k, container_dir, q);
    return status;
}

am_status am_quantized_load(am_quantized **q, const char *path, const char *container_dir, am_pool *pool,
                            const am_logger *logger, am_error *err) {
    loading k = { .path = path, .pool = pool, .logger = logger, .err = err };
    *q = NULL;
    return load(&k, container_dir, q);
}

/* ---- public calls ------------------------------------------------------------------------------------------- */

static am_status put_path(const char *found, char *path, size_t cap, am_error *err) {
    if (!path || (size_t)snprintf(path, cap, "%s", found) < cap) return AM_OK;
    return am_fail(err, AM_E_LIMIT, "the path of the container has %zu bytes, there is room for %zu", strlen(found),
                   cap);
}

static am_status convert(loading *k) {
    am_quantized *q = NULL;
    am_status status = am_source_identify(&k->identity, k->path, k->err);
    if (status == AM_OK) status = make(k, &q);
    if (status == AM_OK) status = am_container_write(q, &k->identity, k->container, k->err);
    am_quantized_close(&q);
    return status;
}

static am_status choose_output(loading *k, const am_convert_config *cfg) {
    if (!cfg->path || !*cfg->path) return am_fail(k->err, AM_E_ARG, "no model is named");
    if (am_container_is(cfg->path)) return am_fail(k->err, AM_E_ARG, "%.600s: a converted model already", cfg->path);
    if (cfg->output) {
        if (am_path_exists(cfg->output) && !am_container_is(cfg->output))
            return am_fail(k->err, AM_E_ARG, "%.600s: there is something else of this name; it is not replaced",
                           cfg->output);
        int n = snprintf(k->container, sizeof k->container, "%s", cfg->output);
        if (n > 0 && (size_t)n < sizeof k->container) return AM_OK;
        return am_fail(k->err, AM_E_ARG, "%.200s: no name for a file", cfg->output);
    }
    if (!cfg->container_dir || !*cfg->container_dir)
        return am_fail(k->err, AM_E_ARG, "neither a file nor a folder for the converted model is given");
    am_status status = am_container_place(k->container, cfg->container_dir, cfg->path, k->err);
    return status == AM_OK ? am_make_folders(cfg->container_dir, k->err) : status;
}

am_status am_model_convert(const am_convert_config *user_cfg, char *written, size_t cap, am_error *err) {
    am_convert_config cfg;
    am_error_clear(err);
    if (!am_versioned_read(&cfg, sizeof cfg, user_cfg)) return am_fail(err, AM_E_ARG, "no configuration is given");
    loading k = { .path = cfg.path, .logger = &cfg.logger, .err = err };
    am_status status = choose_output(&k, &cfg);
    if (status == AM_OK) status = put_path(k.container, written, cap, err);
    if (status == AM_OK) status = am_pool_open(&k.pool, cfg.n_threads, err);
    if (status == AM_OK) status = convert(&k);
    am_pool_close(&k.pool);
    return status;
}

am_status am_model_converted(const char *path, const char *container_dir, char *container, size_t cap, am_error *err) {
    char place[AM_PATH_CAP];
    am_error_clear(err);
    if (!path || !container_dir) return am_fail(err, AM_E_ARG, "no model or no folder of containers is given");
    am_status status = am_container_place(place, container_dir, path, err);
    if (status == AM_OK && !am_path_exists(place))
        status = am_fail(err, AM_E_OPEN, "%.600s: not converted, there is no %.300s", path, place);
    return status == AM_OK ? put_path(place, container, cap, err) : status;
}
