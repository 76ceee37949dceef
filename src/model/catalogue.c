/* The public calls about models by name.  See catalogue.h, and catalogue_data.h for the data.
 *
 * SPDX-License-Identifier: MIT */
#include "base/versioned.h"
#include "model/catalogue_data.h"
#include "model/containers.h"

#include <stdio.h>

#define N_MODELS (sizeof models / sizeof models[0])

static const am_catalog_model *find_exactly(const char *name) {
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(name, aliases[i].alias) == 0) name = aliases[i].name;
    for (size_t i = 0; i < N_MODELS; i++)
        if (strcmp(name, models[i].name) == 0) return &models[i];
    return NULL;
}

static void list_names(char *out, size_t cap) {
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < N_MODELS && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%s", i ? ", " : "", models[i].name);
}

const am_catalog_model *am_catalog_find(const char *name, am_error *err) {
    const am_catalog_model *model = name ? find_exactly(name) : NULL;
    if (!model) {
        char names[512];
        list_names(names, sizeof names);
        am_fail(err, AM_E_ARG, "no model is called \"%.100s\"; known are %s", name ? name : "", names);
    }
    return model;
}

am_status am_catalog_get(size_t index, am_catalog_entry *entry) {
    if (index >= N_MODELS) return AM_E_END;
    const am_catalog_model *m = &models[index];
    am_catalog_entry full = {
        .name = m->name, .description = m->description, .repository = m->repository, .is_default = m->is_default
    };
    for (const am_catalog_file *f = m->files; f->name; f++) {
        if (strcmp(f->name, "model.bin") != 0) continue;
        full.sha256 = f->sha256;
        full.n_bytes = f->n_bytes;
    }
    return am_versioned_write(entry, &full, sizeof full) ? AM_OK : AM_E_ARG;
}

static am_status put_path(const char *found, char *path, size_t cap, am_error *err) {
    if (strlen(found) >= cap)
        return am_fail(err, AM_E_LIMIT, "the path of the model has %zu bytes, there is room for %zu", strlen(found),
                       cap);
    memcpy(path, found, strlen(found) + 1);
    return AM_OK;
}

am_status am_model_locate(const char *name_or_path, const char *cache_dir, char *path, size_t cap, am_error *err) {
    am_error_clear(err);
    if (!name_or_path || !*name_or_path || !path) return am_fail(err, AM_E_ARG, "no model is named");
    const am_catalog_model *model = find_exactly(name_or_path);
    char folder[AM_PATH_CAP];
    if (model && cache_dir) {
        am_status status = am_cache_path(folder, cache_dir, "", model->name, "", err);
        if (status != AM_OK) return status;
        if (am_path_exists(folder)) return put_path(folder, path, cap, err);
    }
    if (am_path_exists(name_or_path)) return put_path(name_or_path, path, cap, err);
    if (model)
        return am_fail(err, AM_E_OPEN,
                       "model \"%s\" is not in the cache (%.600s); get it with: amanuensis models pull %s", model->name,
                       cache_dir ? folder : "none", model->name);
    char names[512];
    list_names(names, sizeof names);
    return am_fail(err, AM_E_OPEN, "%.300s: no such file or folder, and no model of that name; known are %s",
                   name_or_path, names);
}

/* The folder of a cached model, for calls that need it to be there. */
static am_status find_cached(const char *name, const char *cache_dir, const am_catalog_model **model,
                             char folder[AM_PATH_CAP], am_error *err) {
    am_error_clear(err);
    *model = am_catalog_find(name, err);
    if (!*model) return AM_E_ARG;
    if (!cache_dir || !*cache_dir) return am_fail(err, AM_E_ARG, "no cache folder is given");
    am_status status = am_cache_path(folder, cache_dir, "", (*model)->name, "", err);
    if (status == AM_OK && !am_path_exists(folder))
        status = am_fail(err, AM_E_OPEN, "model \"%s\" is not in the cache (%.600s)", (*model)->name, folder);
    return status;
}

static am_status place_container(char container[AM_PATH_CAP], const char *folder, const char *cache_dir,
                                 am_error *err) {
    char container_dir[AM_PATH_CAP];
    am_status status = am_path_join(container_dir, cache_dir, "containers", err);
    return status == AM_OK ? am_container_place(container, container_dir, folder, err) : status;
}

static am_status check_container(const char *folder, const char *cache_dir, am_error *err) {
    char container[AM_PATH_CAP];
    am_status status = place_container(container, folder, cache_dir, err);
    if (status != AM_OK || !am_path_exists(container)) return status;
    am_pool *pool = NULL;
    am_quantized *q = NULL;
    status = am_pool_open(&pool, 0, err);
    if (status == AM_OK) status = am_container_open(&q, container, pool, NULL, err);
    am_quantized_close(&q);
    am_pool_close(&pool);
    return status;
}

am_status am_model_verify(const char *name, const char *cache_dir, am_error *err) {
    const am_catalog_model *model;
    char folder[AM_PATH_CAP];
    const am_progress silent = { 0 };
    am_status status = find_cached(name, cache_dir, &model, folder, err);
    if (status == AM_OK) status = am_cache_check(model, folder, false, false, &silent, err);
    return status == AM_OK ? check_container(folder, cache_dir, err) : status;
}

am_status am_model_remove(const char *name, const char *cache_dir, am_error *err) {
    const am_catalog_model *model;
    char folder[AM_PATH_CAP], partial[AM_PATH_CAP];
    am_status status = find_cached(name, cache_dir, &model, folder, err);
    if (model && cache_dir && am_cache_path(partial, cache_dir, ".", model->name, ".partial", NULL) == AM_OK)
        am_remove_folder(partial, NULL);
    char container[AM_PATH_CAP];
    if (status == AM_OK) status = place_container(container, folder, cache_dir, err);
    if (status == AM_OK) status = am_container_remove(container, err);
    return status == AM_OK ? am_remove_folder(folder, err) : status;
}
