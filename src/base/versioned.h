/* Public structs that grow: a caller built against another version has a shorter or longer one.  Whatever crosses the
 * interface is copied by the shorter of the two sizes; a field the caller does not have is zero, which means default.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_VERSIONED_H
#define AM_BASE_VERSIONED_H

#include <stdbool.h>
#include <stddef.h>

/* own = theirs as far as both reach, the rest zero; own's struct_size is own_size.  Both begin with size_t struct_size.
 * False when theirs is NULL or shorter than struct_size itself (never filled by am_config_init()). */
bool am_versioned_read(void *own, size_t own_size, const void *theirs);

/* theirs = own as far as both reach; their struct_size stays.  False as above. */
bool am_versioned_write(void *theirs, const void *own, size_t own_size);

#endif
