/* See memory.h.  Reads the text files of Linux with open() and read() into a buffer on the stack: stdio would allocate,
 * and memory may be what is missing.  On systems without them only the resource limits are left.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* More than any of these files has in front of what is looked for. */
enum { TEXT_CAP = 8192, PATH_CAP = 4096 };

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t less(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

static uint64_t sum(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* The file root + folder + name as a string; false when it is not there. */
static bool read_text(char text[TEXT_CAP], const char *root, const char *folder, const char *name) {
    char path[PATH_CAP];
    int n = snprintf(path, sizeof path, "%s%s/%s", root, folder, name);
    if (n < 0 || n >= PATH_CAP) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    size_t len = 0;
    ssize_t n_read;
    while (len < TEXT_CAP - 1 && (n_read = read(fd, text + len, TEXT_CAP - 1 - len)) > 0) len += (size_t)n_read;
    close(fd);
    text[len] = '\0';
    return len > 0;
}

static bool parse_number(const char *text, uint64_t *value) {
    if (*text < '0' || *text > '9') return false;
    *value = strtoull(text, NULL, 10);
    return true;
}

/* The number behind `key` at the beginning of a line: "MemAvailable:   23802600 kB", "active_file 4096". */
static bool find_number(const char *text, const char *key, uint64_t *value) {
    size_t key_len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, key_len) != 0) continue;
        const char *number = line + key_len;
        return parse_number(number + strspn(number, " \t"), value);
    }
    return false;
}

static uint64_t kilobytes(const char *text, const char *key, uint64_t otherwise) {
    uint64_t value;
    if (!find_number(text, key, &value)) return otherwise;
    return value > UINT64_MAX / 1024 ? UINT64_MAX : value * 1024;
}

/* ---- Control groups ---------------------------------------------------------------------------------------- */

typedef struct group_version {
    const char *mount, *limit, *usage, *active_file, *inactive_file;
} group_version;

static const group_version version1 = { "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                        "total_active_file ", "total_inactive_file " };
static const group_version version2 = { "/sys/fs/cgroup", "memory.max", "memory.current", "active_file ",
                                        "inactive_file " };

/* What one group has left without swap.  Its usage includes file pages, which are given up first. */
static uint64_t group_room(const char *root, const group_version *v, const char *folder) {
    char text[TEXT_CAP];
    uint64_t limit, used = 0, file = 0;
    if (!read_text(text, root, folder, v->limit) || !parse_number(text, &limit)) return AM_MEMORY_UNKNOWN;
    if (read_text(text, root, folder, v->usage)) parse_number(text, &used);
    if (read_text(text, root, folder, "memory.stat")) {
        uint64_t n;
        if (find_number(text, v->active_file, &n)) file = sum(file, n);
        if (find_number(text, v->inactive_file, &n)) file = sum(file, n);
    }
    return less(limit, less(used, file));
}

/* The least over the group `path` and those around it.  In a container the path may be the one outside: folders that
 * are not there are passed over, and the mount itself is the container's. */
static uint64_t groups_room(const char *root, const group_version *v, const char *path, size_t path_len) {
    char folder[PATH_CAP];
    size_t mount_len = strlen(v->mount);
    if (path_len >= PATH_CAP - mount_len) return AM_MEMORY_UNKNOWN;
    memcpy(folder, v->mount, mount_len);
    memcpy(folder + mount_len, path, path_len);
    uint64_t room = AM_MEMORY_UNKNOWN;
    for (size_t len = mount_len + path_len;; len--) {
        bool is_whole_name = len == mount_len + path_len || folder[len] == '/';
        folder[len] = '\0';
        if (is_whole_name) room = least(room, group_room(root, v, folder));
        if (len == mount_len) return room;
    }
}

/* A line of /proc/self/cgroup is "number:controllers:path"; version 2 has number 0 and no controllers. */
static uint64_t all_groups_room(const char *root) {
    char text[TEXT_CAP];
    uint64_t room = AM_MEMORY_UNKNOWN;
    if (!read_text(text, root, "/proc/self", "cgroup")) return room;
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end) *end++ = '\0';
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *path++ = '\0';
        const group_version *v = NULL;
        if (controllers[1] == '\0') v = &version2;
        else if (strstr(controllers, "memory")) v = &version1;
        if (v) room = least(room, groups_room(root, v, path, strlen(path)));
    }
    return room;
}

/* ---- Everything together ----------------------------------------------------------------------------------- */

uint64_t am_memory_available_below(const char *root, uint64_t limit_as, uint64_t limit_data) {
    char text[TEXT_CAP];
    uint64_t available = AM_MEMORY_UNKNOWN, swap = 0;
    if (read_text(text, root, "/proc", "meminfo")) {
        swap = kilobytes(text, "SwapFree:", 0);
        available = sum(kilobytes(text, "MemAvailable:", AM_MEMORY_UNKNOWN), swap);
    }
    available = least(available, sum(all_groups_room(root), swap));
    if (!read_text(text, root, "/proc/self", "status")) text[0] = '\0';
    if (limit_as != AM_MEMORY_UNKNOWN) available = least(available, less(limit_as, kilobytes(text, "VmSize:", 0)));
    if (limit_data != AM_MEMORY_UNKNOWN) available = least(available, less(limit_data, kilobytes(text, "VmData:", 0)));
    return available;
}

static uint64_t resource_limit(int resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return AM_MEMORY_UNKNOWN;
    return limit.rlim_cur;
}

uint64_t am_memory_available(void) {
    return am_memory_available_below("", resource_limit(RLIMIT_AS), resource_limit(RLIMIT_DATA));
}
