/* See versioned.h.  SPDX-License-Identifier: MIT */
#include "base/versioned.h"

#include <string.h>

#include "amanuensis.h"

/* 0 for a struct that does not say its size. */
static size_t size_of(const void *versioned) {
    size_t size = 0;
    if (versioned) memcpy(&size, versioned, sizeof size);
    return size > sizeof size ? size : 0;
}

bool am_versioned_read(void *own, size_t own_size, const void *theirs) {
    size_t size = size_of(theirs);
    if (size == 0) return false;
    memset(own, 0, own_size);
    memcpy(own, theirs, size < own_size ? size : own_size);
    memcpy(own, &own_size, sizeof own_size);
    return true;
}

bool am_versioned_write(void *theirs, const void *own, size_t own_size) {
    size_t size = size_of(theirs);
    if (size == 0) return false;
    memcpy((char *)theirs + sizeof size, (const char *)own + sizeof size,
           (size < own_size ? size : own_size) - sizeof size);
    return true;
}

void am_config_init(void *config, size_t struct_size) {
    if (!config || struct_size < sizeof struct_size) return;
    memset(config, 0, struct_size);
    memcpy(config, &struct_size, sizeof struct_size);
}
