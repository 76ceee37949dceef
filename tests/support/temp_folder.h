/* A folder of a test's own, gone with everything in it when the test is done.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_TEMP_FOLDER_H
#define AM_TEST_TEMP_FOLDER_H

#include <stddef.h>

enum { TEMP_PATH_CAP = 512 };

/* Make one under $TMPDIR or /tmp; the test fails when it cannot be made. */
void temp_folder_make(char path[TEMP_PATH_CAP]);

/* Remove it and everything below. */
void temp_folder_remove(const char *path);

/* "folder/name" */
const char *temp_path(char out[TEMP_PATH_CAP], const char *folder, const char *name);

/* A whole file, in and out; reading gives malloc'd bytes with a NUL behind them. */
void temp_file_write(const char *path, const void *bytes, size_t len);
char *temp_file_read(const char *path, size_t *len);

#endif
