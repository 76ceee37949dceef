/* How much memory is left, on machines made of a few text files: every source counts, the least of them wins, what is
 * missing or damaged sets no limit.  Then on the real machine under a real resource limit.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "support/temp_folder.h"

#define NO_LIMIT AM_MEMORY_UNKNOWN
#define MIB (1024 * 1024ull)

static char root[TEMP_PATH_CAP];

static int make_root(void **state) {
    temp_folder_make(root);
    return 0;
}

static int remove_root(void **state) {
    temp_folder_remove(root);
    return 0;
}

/* `name` with its folders below the root. */
static void put(const char *name, const char *text) {
    char path[TEMP_PATH_CAP];
    temp_path(path, root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    temp_file_write(path, text, strlen(text));
}

static uint64_t available(void) {
    return am_memory_available_below(root, NO_LIMIT, NO_LIMIT);
}

static void nothing_known_is_no_limit(void **state) {
    assert_true(available() == AM_MEMORY_UNKNOWN);
    put("proc/meminfo", "MemTotal:       16 kB\nMemAvailable:   lots\n");
    put("proc/self/cgroup", "garbage\n:\n::\n0::/nowhere\n7:memory\n");
    assert_true(available() == AM_MEMORY_UNKNOWN);
}

static void the_machine(void **state) {
    put("proc/meminfo", "MemTotal:       4194304 kB\nMemFree:          1024 kB\nMemAvailable:   2097152 kB\n");
    assert_int_equal(available(), 2048 * MIB);
    put("proc/meminfo", "MemTotal:       4194304 kB\nMemAvailable:   2097152 kB\nSwapFree:       1048576 kB\n");
    assert_int_equal(available(), 3072 * MIB);
}

static void groups_of_version_2(void **state) {
    put("proc/self/cgroup", "0::/user/job\n");
    put("sys/fs/cgroup/user/job/memory.max", "max\n");
    put("sys/fs/cgroup/user/job/memory.current", "104857600\n");
    assert_true(available() == AM_MEMORY_UNKNOWN);
    put("sys/fs/cgroup/user/job/memory.max", "1073741824\n");
    assert_int_equal(available(), 924 * MIB);
    /* File pages are given up first. */
    put("sys/fs/cgroup/user/job/memory.stat", "anon 1\nfile 9\ninactive_file 20971520\nactive_file 10485760\n");
    assert_int_equal(available(), 954 * MIB);
    /* A group around it is narrower. */
    put("sys/fs/cgroup/user/memory.max", "536870912\n");
    put("sys/fs/cgroup/user/memory.current", "268435456\n");
    assert_int_equal(available(), 256 * MIB);
    put("proc/meminfo", "MemAvailable:   102400 kB\n");
    assert_int_equal(available(), 100 * MIB);
    /* Over its limit: nothing, not a huge number. */
    put("sys/fs/cgroup/user/memory.current", "536870913\n");
    assert_int_equal(available(), 0);
}

/* Inside a container /proc may show the path outside it; the mount is the container's own. */
static void a_container(void **state) {
    put("proc/self/cgroup", "0::/docker/0123\n");
    put("sys/fs/cgroup/memory.max", "104857600\n");
    put("sys/fs/cgroup/memory.current", "4194304\n");
    assert_int_equal(available(), 96 * MIB);
}

static void groups_of_version_1(void **state) {
    put("proc/self/cgroup", "5:cpuset:/\n4:memory,hugetlb:/job\n0::/\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/memory.usage_in_bytes", "1048576\n");
    assert_true(available() > UINT64_MAX / 4);
    put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "209715200\n");
    put("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "104857600\n");
    put("sys/fs/cgroup/memory/job/memory.stat", "inactive_file 7\ntotal_inactive_file 4194304\ntotal_active_file 0\n");
    assert_int_equal(available(), 104 * MIB);
}

static void resource_limits(void **state) {
    put("proc/self/status", "Name:\tx\nVmPeak:\t  999999 kB\nVmSize:\t  102400 kB\nVmData:\t   51200 kB\n");
    assert_int_equal(am_memory_available_below(root, 1024 * MIB, NO_LIMIT), 924 * MIB);
    assert_int_equal(am_memory_available_below(root, 1024 * MIB, 150 * MIB), 100 * MIB);
    assert_int_equal(am_memory_available_below(root, 99 * MIB, NO_LIMIT), 0);
}

static void this_machine(void **state) {
    uint64_t before = am_memory_available();
    assert_true(before > MIB); /* or this test would not run */
    struct rlimit old, narrow;
    assert_int_equal(getrlimit(RLIMIT_DATA, &old), 0);
    narrow = old;
    narrow.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_DATA, &narrow), 0);
    uint64_t none = am_memory_available();
    assert_int_equal(setrlimit(RLIMIT_DATA, &old), 0);
    assert_true(none <= 1);
    /* Against a reading of our own: what the machine has and what is asked must agree within what changes meanwhile. */
    FILE *f = fopen("/proc/meminfo", "r");
    unsigned long long total_kb = 0, swap_kb = 0;
    char line[128];
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "MemTotal: %llu", &total_kb);
        sscanf(line, "SwapTotal: %llu", &swap_kb);
    }
    if (f) fclose(f);
    if (total_kb) assert_true(before <= (total_kb + swap_kb) * 1024);
}

#define ON_A_MACHINE(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_A_MACHINE(nothing_known_is_no_limit), ON_A_MACHINE(the_machine),
        ON_A_MACHINE(groups_of_version_2),       ON_A_MACHINE(a_container),
        ON_A_MACHINE(groups_of_version_1),       ON_A_MACHINE(resource_limits),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
