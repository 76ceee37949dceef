/* See output.h.
 *
 * SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "console.h"

/* One place in one format. */
typedef struct sink {
    FILE *file;
    am_writer *writer;
    bool is_stdout, failed;
    char path[AM_CLI_PATH_MAX], part[AM_CLI_PATH_MAX]; /* of a file: its name, and its name until it is whole */
} sink;

struct am_cli_output {
    sink sinks[AM_CLI_MAX_FORMATS + 1];
    int n_sinks;
    bool begun; /* a segment was written, or the end: a part file that cannot become whole is kept */
    bool lost_stdout;
    char reason[2 * AM_CLI_PATH_MAX];
};

/* The place is lost.  Say why, unless it is a reader that had enough (`| head -1`). */
static void sink_fail(am_cli_output *o, sink *s, const char *why, int error) {
    if (s->failed) return;
    s->failed = true;
    o->lost_stdout |= s->is_stdout;
    if (s->is_stdout && error == EPIPE) return;
    char sentence[2 * AM_CLI_PATH_MAX];
    if (s->is_stdout) snprintf(sentence, sizeof sentence, "cannot write to standard output: %s", why);
    else snprintf(sentence, sizeof sentence, "cannot write \"%.4000s\": %s", s->path, why);
    am_cli_say("%s", sentence);
    if (!o->reason[0]) memcpy(o->reason, sentence, sizeof sentence);
}

static int sink_write(void *cookie, const void *bytes, size_t n_bytes) {
    return fwrite(bytes, 1, n_bytes, cookie) != n_bytes;
}

static void sink_check(am_cli_output *o, sink *s, am_status status) {
    bool flushed = fflush(s->file) == 0 && !ferror(s->file);
    int error = errno;
    if (!flushed) sink_fail(o, s, strerror(error), error);
    else if (status != AM_OK) sink_fail(o, s, am_status_name(status), 0);
}

static bool is_same_file(const char *a, const char *b) {
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* Open the temporary file.  It must not exist: no link somebody left there is followed. */
static bool sink_open_file(am_cli_output *o, sink *s, const am_cli_plan *plan, int index, const char *format) {
    const char *folder = plan->folder ? plan->folder : "";
    const char *slash = folder[0] && folder[strlen(folder) - 1] != '/' ? "/" : "";
    int len = snprintf(s->path, sizeof s->path, "%s%s%s.%s", folder, slash, plan->stems[index], format);
    if (len < 0 || (size_t)len + 32 > sizeof s->path) {
        sink_fail(o, s, strerror(ENAMETOOLONG), ENAMETOOLONG);
        return false;
    }
    snprintf(s->part, sizeof s->part, "%s%s%s.%s.part-%ld", folder, slash, plan->stems[index], format, (long)getpid());
    if (is_same_file(s->path, plan->inputs[index])) {
        sink_fail(o, s, "it is the input", 0);
        return false;
    }
    int fd = open(s->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) s->file = fdopen(fd, "w");
    if (!s->file) sink_fail(o, s, strerror(errno), errno);
    return s->file != NULL;
}

static bool sink_open_writer(am_cli_output *o, sink *s, const char *format) {
    am_error err = { 0 };
    am_writer_config cfg;
    am_writer_config_init(&cfg);
    cfg.format = format;
    cfg.write = sink_write;
    cfg.cookie = s->file;
    am_status status = am_writer_open(&s->writer, &cfg, &err);
    if (status != AM_OK && status != AM_E_IO) sink_fail(o, s, err.text, 0);
    else sink_check(o, s, status);
    return !s->failed;
}

static void sink_close(sink *s, bool keep) {
    am_writer_close(&s->writer);
    if (!s->file || s->is_stdout) return;
    struct stat info;
    bool is_empty = fstat(fileno(s->file), &info) != 0 || info.st_size == 0;
    fclose(s->file);
    s->file = NULL;
    if (is_empty || !keep) unlink(s->part);
}

/* The file is whole: give it its name. */
static void sink_publish(am_cli_output *o, sink *s) {
    if (fsync(fileno(s->file)) != 0 && errno != EINVAL && errno != EROFS) {
        sink_fail(o, s, strerror(errno), errno);
        return;
    }
    FILE *file = s->file;
    s->file = NULL;
    if (fclose(file) != 0 || rename(s->part, s->path) != 0) {
        sink_fail(o, s, strerror(errno), errno);
        unlink(s->part);
    }
}

int am_cli_output_open(am_cli_output **output, const am_cli_plan *plan, int index) {
    am_cli_output *o = *output = calloc(1, sizeof *o);
    if (!o) {
        am_cli_say("out of memory: %zu bytes for the output", sizeof *o);
        return AM_EXIT_DEVICE;
    }
    bool good = true;
    if (plan->stdout_format) {
        sink *s = &o->sinks[o->n_sinks++];
        s->is_stdout = true;
        s->file = stdout;
        good = sink_open_writer(o, s, plan->stdout_format);
    }
    for (int i = 0; good && i < plan->files.n; i++) {
        sink *s = &o->sinks[o->n_sinks++];
        good = sink_open_file(o, s, plan, index, plan->files.name[i]) && sink_open_writer(o, s, plan->files.name[i]);
    }
    return good ? AM_EXIT_OK : AM_EXIT_OUTPUT;
}

bool am_cli_output_segment(am_cli_output *o, const am_segment *segment) {
    bool any = false;
    o->begun = true;
    for (int i = 0; i < o->n_sinks; i++) {
        sink *s = &o->sinks[i];
        if (s->failed) continue;
        if (s->is_stdout) am_cli_console_bar(NULL);
        sink_check(o, s, am_writer_segment(s->writer, segment));
        any |= !s->failed;
    }
    return any;
}

int am_cli_output_finish(am_cli_output *o, const am_transcript_info *info) {
    int code = AM_EXIT_OK;
    for (int i = 0; i < o->n_sinks; i++) {
        sink *s = &o->sinks[i];
        if (!s->failed) sink_check(o, s, am_writer_finish(s->writer, info));
        if (!s->failed && !s->is_stdout) sink_publish(o, s);
        if (s->failed) code = AM_EXIT_OUTPUT;
    }
    return code;
}

bool am_cli_output_lost_stdout(const am_cli_output *o) {
    return o->lost_stdout;
}

const char *am_cli_output_reason(const am_cli_output *o) {
    return o->reason;
}

void am_cli_output_close(am_cli_output **output) {
    if (!*output) return;
    for (int i = 0; i < (*output)->n_sinks; i++) sink_close(&(*output)->sinks[i], (*output)->begun);
    free(*output);
    *output = NULL;
}
