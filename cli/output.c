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
    bool is_stdout, is_terminal, failed;
    char last_byte;                                    /* written, 0 at first */
    char path[AM_CLI_PATH_MAX], part[AM_CLI_PATH_MAX]; /* of a file: its name, and its name until it is whole */
} sink;

struct am_cli_output {
    sink sinks[AM_CLI_MAX_FORMATS + 1];
    int n_sinks;
    bool begun; /* a segment was written, or the end: a part file that cannot become whole is kept */
    bool lost_stdout;
    char reason[2 * AM_CLI_PATH_MAX], kept[2 * AM_CLI_PATH_MAX];
};

static bool has_bytes(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && info.st_size > 0;
}

/* The place is lost.  Say why, unless it is a reader that had enough (`| head -1`). */
static void sink_fail(am_cli_output *o, sink *s, const char *why, int error) {
    if (s->failed) return;
    s->failed = true;
    o->lost_stdout |= s->is_stdout;
    if (s->is_stdout && error == EPIPE) return;
    char sentence[2 * AM_CLI_PATH_MAX];
    if (s->is_stdout) snprintf(sentence, sizeof sentence, "cannot write to standard output: %s", why);
    else if (o->begun && has_bytes(s->part))
        snprintf(sentence, sizeof sentence, "cannot write \"%.2000s\": %s (what there is: \"%.2000s\")", s->path, why,
                 s->part);
    else snprintf(sentence, sizeof sentence, "cannot write \"%.4000s\": %s", s->path, why);
    am_cli_say("%s", sentence);
    if (!o->reason[0]) memcpy(o->reason, sentence, sizeof sentence);
}

static int sink_write(void *cookie, const void *bytes, size_t n_bytes) {
    sink *s = cookie;
    if (n_bytes > 0) s->last_byte = ((const char *)bytes)[n_bytes - 1];
    return fwrite(bytes, 1, n_bytes, s->file) != n_bytes;
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

/* Create the temporary file.  It must not exist: no link somebody left there is followed.  A kept one may have the name
 * already, since in a container every process may be number 1. */
static int create_part(sink *s) {
    enum { TRIES = 1000 };
    int fd = -1;
    size_t len = strlen(s->path);
    memcpy(s->part, s->path, len);
    for (int i = 1; fd < 0 && i <= TRIES; i++) {
        int n = snprintf(s->part + len, sizeof s->part - len, ".part-%ld", (long)getpid());
        if (i > 1) snprintf(s->part + len + n, sizeof s->part - len - (size_t)n, "-%d", i);
        fd = open(s->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) break;
    }
    return fd;
}

static bool sink_open_file(am_cli_output *o, sink *s, const am_cli_plan *plan, int index, const char *format) {
    const char *folder = plan->folder ? plan->folder : "";
    const char *slash = folder[0] && folder[strlen(folder) - 1] != '/' ? "/" : "";
    int len = snprintf(s->path, sizeof s->path, "%s%s%s.%s", folder, slash, plan->stems[index], format);
    if (len < 0 || (size_t)len + sizeof ".part-2147483647-1000" + 16 > sizeof s->path) {
        sink_fail(o, s, strerror(ENAMETOOLONG), ENAMETOOLONG);
        return false;
    }
    struct stat info;
    if (stat(s->path, &info) == 0 && S_ISDIR(info.st_mode)) {
        sink_fail(o, s, strerror(EISDIR), EISDIR);
        return false;
    }
    if (is_same_file(s->path, plan->inputs[index])) {
        sink_fail(o, s, "it is the input", 0);
        return false;
    }
    int fd = create_part(s);
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
    cfg.cookie = s;
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

static bool is_there(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

/* Leave the file its temporary name. */
static void sink_keep(am_cli_output *o, sink *s) {
    size_t used = strlen(o->kept);
    FILE *file = s->file;
    s->file = NULL;
    if (fclose(file) != 0) sink_fail(o, s, strerror(errno), errno);
    else snprintf(o->kept + used, sizeof o->kept - used, "%s%s", used ? ", " : "", s->part);
}

/* The file is whole: give it its name.  Where that fails the work is not thrown away: it keeps its temporary name. */
static void sink_publish(am_cli_output *o, sink *s) {
    if (fsync(fileno(s->file)) != 0 && errno != EINVAL && errno != EROFS) {
        sink_fail(o, s, strerror(errno), errno);
        return;
    }
    FILE *file = s->file;
    s->file = NULL;
    if (fclose(file) != 0 || rename(s->part, s->path) != 0) sink_fail(o, s, strerror(errno), errno);
}

/* Between the transcripts of several inputs, as `head` does it: the stream can be taken apart again. */
static void write_heading(am_cli_output *o, sink *s, am_cli_plan *plan, int index) {
    char name[AM_CLI_PATH_MAX];
    snprintf(name, sizeof name, "%s", am_cli_input_path(plan->inputs[index]));
    am_cli_make_printable(name);
    fprintf(s->file, "%s==> %s <==\n", plan->n_headings++ ? "\n" : "", name);
    sink_check(o, s, AM_OK);
}

static bool open_stdout(am_cli_output *o, am_cli_plan *plan, int index) {
    sink *s = &o->sinks[o->n_sinks++];
    s->is_stdout = true;
    s->is_terminal = isatty(STDOUT_FILENO);
    s->file = stdout;
    if (plan->n_inputs > 1) write_heading(o, s, plan, index);
    return !s->failed && sink_open_writer(o, s, plan->stdout_format);
}

int am_cli_output_open(am_cli_output **output, am_cli_plan *plan, int index) {
    am_cli_output *o = *output = calloc(1, sizeof *o);
    if (!o) {
        am_cli_say("out of memory: %zu bytes for the output", sizeof *o);
        return AM_EXIT_DEVICE;
    }
    /* Files are worth the work without the lines on stdout. */
    bool good = !plan->stdout_format || open_stdout(o, plan, index) || plan->files.n > 0;
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
        if (s->is_terminal) am_cli_console_bar(NULL);
        sink_check(o, s, am_writer_segment(s->writer, segment));
        any |= !s->failed;
    }
    return any;
}

/* The end of a transcript.  JSON has no newline there, and a prompt would follow in the same line. */
static void sink_end(am_cli_output *o, sink *s, const am_transcript_info *info) {
    am_status status = am_writer_finish(s->writer, info);
    if (status == AM_OK && s->is_terminal && s->last_byte && s->last_byte != '\n') fputc('\n', s->file);
    sink_check(o, s, status);
}

int am_cli_output_finish(am_cli_output *o, const am_transcript_info *info, am_cli_extent extent) {
    int code = AM_EXIT_OK;
    for (int i = 0; i < o->n_sinks; i++) {
        sink *s = &o->sinks[i];
        if (!s->failed) sink_end(o, s, info);
        if (!s->failed && !s->is_stdout && extent != AM_CLI_NOTHING) {
            if (extent == AM_CLI_PARTIAL && is_there(s->path)) sink_keep(o, s);
            else sink_publish(o, s);
        }
        if (s->failed) code = AM_EXIT_OUTPUT;
    }
    return code;
}

const char *am_cli_output_kept(const am_cli_output *o) {
    return o->kept;
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
