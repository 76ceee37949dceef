/* See temp_folder.h.  SPDX-License-Identifier: MIT */
#include "support/temp_folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check.h"

void temp_folder_make(char path[TEMP_PATH_CAP]) {
    const char *parent = getenv("TMPDIR");
    snprintf(path, TEMP_PATH_CAP, "%.400s/amanuensis-test-XXXXXX", parent && *parent ? parent : "/tmp");
    assert_non_null(mkdtemp(path));
}

void temp_folder_remove(const char *path) {
    DIR *dir = opendir(path);
    if (dir) {
        struct dirent *entry;
        while ((entry = readdir(dir))) {
            char child[TEMP_PATH_CAP];
            struct stat st;
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
            temp_path(child, path, entry->d_name);
            if (lstat(child, &st) == 0 && S_ISDIR(st.st_mode)) temp_folder_remove(child);
            else unlink(child);
        }
        closedir(dir);
    }
    rmdir(path);
}

const char *temp_path(char out[TEMP_PATH_CAP], const char *folder, const char *name) {
    int n = snprintf(out, TEMP_PATH_CAP, "%s/%s", folder, name);
    assert_in_range(n, 1, TEMP_PATH_CAP - 1);
    return out;
}

void temp_file_write(const char *path, const void *bytes, size_t len) {
    unlink(path); /* ext4 flushes a file to disk that is truncated and written again; thousands of those take minutes */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

char *temp_file_read(const char *path, size_t *len) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    assert_true(size >= 0);
    rewind(f);
    char *bytes = malloc((size_t)size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, f), size);
    bytes[size] = '\0';
    fclose(f);
    *len = (size_t)size;
    return bytes;
}
