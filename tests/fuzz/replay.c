/* Drives a fuzz harness without libFuzzer: every file of a corpus as it is, cut short at 64 places, and damaged in N
 * seeded ways.  The same inputs on every machine.
 *
 *     fuzz_json CORPUS_FOLDER N        fuzz_json FILE
 *
 * SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int n_runs;
static int damage;

/* Exactly sized, so that a sanitizer sees a read past the end. */
static void run(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) abort();
    if (size) memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    n_runs++;
}

/* A few changes of the kinds that find bugs in parsers: flipped bits, extreme bytes, extreme 32-bit numbers, bytes
 * copied elsewhere. */
static void corrupt(uint8_t *data, size_t size, am_random *random) {
    static const uint32_t extremes[] = { 0,      1,          0x7f,       0xff,       0x7fff,
                                         0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0 };
    int n = 1 + (int)(am_random_next(random) % 4);
    for (int i = 0; i < n; i++) {
        size_t at = am_random_next(random) % size;
        switch (am_random_next(random) % 4) {
        case 0: data[at] ^= (uint8_t)(1u << (am_random_next(random) % 8)); break;
        case 1: data[at] = (uint8_t)am_random_next(random); break;
        case 2:
            if (size - at >= 4) memcpy(data + at, &extremes[am_random_next(random) % 10], 4);
            break;
        case 3: data[at] = data[am_random_next(random) % size]; break;
        }
    }
}

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = malloc(*size ? *size : 1);
    if (!data || fread(data, 1, *size, f) != *size) exit(1);
    fclose(f);
    return data;
}

static void replay(const char *path) {
    size_t size;
    uint8_t *data = read_file(path, &size);
    run(data, size);
    if (damage > 0 && size > 0) {
        for (size_t i = 0; i < 64; i++) run(data, size * i / 64);
        uint8_t *broken = malloc(size);
        am_random random = { 1 };
        for (int i = 0; i < damage && broken; i++) {
            memcpy(broken, data, size);
            corrupt(broken, size, &random);
            run(broken, size);
        }
        free(broken);
    }
    free(data);
}

int main(int argc, char **argv) {
    if (argc < 2) return 1;
    damage = argc > 2 ? atoi(argv[2]) : 0;
    DIR *folder = opendir(argv[1]);
    if (!folder) {
        replay(argv[1]);
        return 0;
    }
    struct dirent **names;
    closedir(folder);
    int n = scandir(argv[1], &names, NULL, alphasort), n_files = 0;
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", argv[1], names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            replay(path);
            n_files++;
        }
        free(names[i]);
    }
    free(names);
    printf("%d files, %d inputs\n", n_files, n_runs);
    return n_files > 0 ? 0 : 1;
}
