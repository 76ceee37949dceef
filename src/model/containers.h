/* The folder that converted models are kept in: <container_dir>/<name>-<16 digits>.am, one for each place a model lies.
 * The digits are those of the model's absolute path, so a model that changes gets its container replaced, not another.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_CONTAINERS_H
#define AM_MODEL_CONTAINERS_H

#include "model/mapping.h"
#include "model/quantized.h"

/* Where the container of the model at `path` belongs.  Returns AM_OK, AM_E_OPEN (no such path), AM_E_ARG, AM_E_NOMEM. */
am_status am_container_place(char out[AM_PATH_CAP], const char *container_dir, const char *path, am_error *err);

/* Remove a container of that folder; AM_OK when it is not there.  Returns AM_OK, AM_E_IO. */
am_status am_container_remove(const char *container, am_error *err);

/* The model at `path`, quantized: the container in `container_dir` where that is whole and still of this model; else made
 * of the weights, put there and mapped.  What goes wrong with the folder is logged and no failure; without a folder
 * (NULL) the model stays in memory.  A `path` that is a container itself is mapped.
 * Returns AM_OK, AM_E_OPEN, AM_E_MODEL, AM_E_NOMEM. */
am_status am_quantized_load(am_quantized **q, const char *path, const char *container_dir, am_pool *pool,
                            const am_logger *logger, am_error *err);

#endif
