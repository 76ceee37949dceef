/* A model small enough to run in milliseconds, in a file of its own: Whisper's tokens and windows, random weights.
 * It hears nothing; it exercises everything.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_SMALL_MODEL_H
#define AM_TEST_SMALL_MODEL_H

#include "model/weights.h"

/* Whisper's windows and tokens around as little as computes: state 16, 2 heads, 1 + 2 layers. */
am_dims am_small_dims(void);

/* Writes the model into a temporary folder (removed at exit) and returns its path; the same one on later calls. */
const char *am_small_model_path(void);

#endif
