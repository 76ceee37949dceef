/* The catalogue behind the public calls, and the cache on disk: <cache_dir>/models/<name>/{model.bin, ...}.
 *
 * A model in the cache is whole by construction: its folder gets its name only when every file in it was checked.
 * Beside the files lies .verified, the sizes and hashes that were found then, so that nobody hashes them twice.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_CATALOGUE_H
#define AM_MODEL_CATALOGUE_H

#include <stdbool.h>

#include "base/error.h"
#include "model/mapping.h"

typedef struct am_catalog_file {
    const char *name;
    const char *or_else; /* the name to try where the hub has no `name`, or NULL */
    uint64_t n_bytes;    /* 0 when not pinned */
    const char *sha256;  /* NULL when not pinned */
} am_catalog_file;

/* Where a file, or the next piece of one, lies in a Python package: the member whose path ends in `member`. */
typedef struct am_catalog_part {
    const char *package, *member, *file;
} am_catalog_part;

typedef struct am_catalog_model {
    const char *name, *description, *repository;
    const am_catalog_file *files; /* ended by a NULL name */
    const am_catalog_part *parts; /* ended by a NULL package; NULL: no second source */
    bool is_default;
} am_catalog_model;

/* By name or alias; NULL with the list of names in the sentence. */
const am_catalog_model *am_catalog_find(const char *name, am_error *err);

/* Told of work that may take a second; non-zero stops it. */
typedef struct am_progress {
    int (*fn)(void *cookie, const char *what, uint64_t n_done, uint64_t n_total); /* or NULL */
    void *cookie;
} am_progress;

/* Size and SHA-256 of a file.  Returns AM_OK, AM_E_OPEN, AM_E_IO, AM_E_CANCELLED. */
am_status am_hash_file(const char *path, const char *what, const am_progress *progress, char hex[65], uint64_t *n_bytes,
                       am_error *err);

/* <cache_dir>/models, or <cache_dir>/models/<before><name><after> */
am_status am_cache_path(char out[AM_PATH_CAP], const char *cache_dir, const char *before, const char *name,
                        const char *after, am_error *err);

/* write(2) until all of it is written; false with errno set otherwise. */
bool am_write_all(int fd, const void *bytes, size_t len);

/* mkdir -p */
am_status am_make_folders(const char *path, am_error *err);
/* Remove a folder with the files in it, and the files of the folders in it.  AM_OK when it is not there. */
am_status am_remove_folder(const char *path, am_error *err);
/* Make what was written to a file or folder last. */
am_status am_sync_path(const char *path, am_error *err);

/* The folder holds every file of the model and its .verified says that those were checked.  Reads no more than that. */
bool am_cache_is_whole(const am_catalog_model *model, const char *folder);

/* Hash every file of the model in `folder` and compare with the catalogue, or where that pins nothing with .verified (if
 * it is there).  The sentence of AM_E_CHECKSUM names the file, which is removed if `remove_bad`.
 * Returns AM_OK, AM_E_OPEN, AM_E_IO, AM_E_CHECKSUM, AM_E_CANCELLED. */
am_status am_cache_check(const am_catalog_model *model, const char *folder, bool remove_bad, bool write_stamp,
                         const am_progress *progress, am_error *err);

#endif
