/* Telling whether a model's files are still those a container was made from, without reading them: names, sizes and
 * times of change of the model's file and of everything beside it a reader may look at.
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/sha256.h"
#include "model/catalogue.h"
#include "model/quantized.h"

enum { LIST_MAX = 1 << 20 };

static bool ends_in(const char *text, const char *ending) {
    size_t len = strlen(text), ending_len = strlen(ending);
    return len >= ending_len && strcmp(text + len - ending_len, ending) == 0;
}

static bool is_of_model(const char *name) {
    static const char *const names[] = { "model.bin",
                                         "config.json",
                                         "generation_config.json",
                                         "vocabulary.txt",
                                         "vocabulary.json",
                                         "tokenizer.json",
                                         "vocab.json",
                                         "merges.txt",
                                         "added_tokens.json",
                                         "special_tokens_map.json" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return ends_in(name, ".safetensors") || ends_in(name, ".safetensors.index.json");
}

static void add_file(am_buf *list, const char *name, const struct stat *st) {
    am_buf_add_fmt(list, "%lld %lld.%09ld %s\n", (long long)st->st_size, (long long)st->st_mtim.tv_sec,
                   (long)st->st_mtim.tv_nsec, name);
}

static int is_wanted(const struct dirent *entry) {
    return is_of_model(entry->d_name);
}

/* In the order of their names' bytes, whatever the language of the system. */
static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static am_status add_folder(am_buf *list, const char *folder, am_error *err) {
    struct dirent **entries;
    int n = scandir(folder, &entries, is_wanted, by_bytes);
    if (n < 0) return am_fail(err, AM_E_OPEN, "%.600s: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        char path[AM_PATH_CAP];
        struct stat st;
        if (am_path_join(path, folder, entries[i]->d_name, NULL) == AM_OK && stat(path, &st) == 0)
            add_file(list, entries[i]->d_name, &st);
        free(entries[i]);
    }
    free(entries);
    return AM_OK;
}

am_status am_source_identify(am_source_identity *id, const char *path, am_error *err) {
    struct stat st;
    char folder[AM_PATH_CAP];
    if (stat(path, &st) != 0 || strlen(path) >= sizeof folder)
        return am_fail(err, AM_E_OPEN, "%.600s: %s", path, strerror(errno));
    am_buf list;
    am_buf_init(&list, LIST_MAX);
    snprintf(folder, sizeof folder, "%s", path);
    if (!S_ISDIR(st.st_mode)) {
        char *slash = strrchr(folder, '/');
        add_file(&list, slash ? slash + 1 : folder, &st);
        if (slash) slash[slash == folder] = '\0';
        else snprintf(folder, sizeof folder, ".");
    }
    am_status status = add_folder(&list, folder, err);
    if (status == AM_OK && list.status != AM_OK) status = am_fail_nomem(err, "the list of a model's files", list.len);
    if (status == AM_OK) {
        am_sha256 sha;
        am_sha256_init(&sha);
        am_sha256_add(&sha, list.data, list.len);
        am_sha256_hex(&sha, id->hex);
    }
    am_buf_free(&list);
    return status;
}
