/* Names of result files: decided for all inputs before the first is read, so that no result can overwrite another
 * of the same run.  See output.h.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "console.h"
#include "options.h"
#include "output.h"

/* ---- Formats ------------------------------------------------------------------------------------------------ */

static const char *find_format(const char *name, size_t len) {
    const char *format;
    for (size_t i = 0; (format = am_writer_format(i)) != NULL; i++)
        if (strlen(format) == len && strncmp(format, name, len) == 0) return format;
    return NULL;
}

static bool add_format(am_cli_formats *formats, const char *format) {
    for (int i = 0; i < formats->n; i++)
        if (formats->name[i] == format) return true;
    if (formats->n == AM_CLI_MAX_FORMATS) return false;
    formats->name[formats->n++] = format;
    return true;
}

static void say_unknown_format(const char *name, size_t len) {
    char typed[64], list[256] = "all";
    const char *format;
    snprintf(typed, sizeof typed, "%.*s", (int)(len < 60 ? len : 60), name);
    for (size_t i = 0; (format = am_writer_format(i)) != NULL; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "|%s", format);
    }
    am_cli_say_unknown("output format", typed, list);
}

bool am_cli_formats_parse(am_cli_formats *formats, const char *list) {
    formats->n = 0;
    for (;;) {
        size_t len = strcspn(list, ",");
        const char *format = find_format(list, len);
        if (len == 3 && strncmp(list, "all", 3) == 0) {
            /* "lines" is for eyes; the others are the file formats. */
            for (size_t i = 0; (format = am_writer_format(i)) != NULL; i++)
                if (strcmp(format, "lines") != 0 && !add_format(formats, format)) return false;
        } else if (!format) {
            say_unknown_format(list, len);
            return false;
        } else if (!add_format(formats, format)) {
            return false;
        }
        if (!list[len]) return true;
        list += len + 1;
    }
}

/* ---- Names -------------------------------------------------------------------------------------------------- */

const char *am_cli_input_path(const char *path) {
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

const char *am_cli_input_name(const char *path) {
    if (strcmp(path, "-") == 0) return "stdin";
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* "talk.wav" -> "talk"; ".wav" and "talk" stay. */
static char *without_extension(const char *name) {
    const char *dot = strrchr(name, '.');
    size_t len = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    char *stem = malloc(len + 1);
    if (!stem) return NULL;
    memcpy(stem, name, len);
    stem[len] = '\0';
    return stem;
}

static bool is_shared(const am_cli_plan *plan, int index, const char *stem) {
    for (int i = 0; i < plan->n_inputs; i++)
        if (i != index && strcmp(plan->stems[i], stem) == 0) return true;
    return false;
}

/* talk.wav and talk.mp3 become "talk.wav" and "talk.mp3"; a/talk.wav and b/talk.wav cannot be told apart. */
static int choose_stems(am_cli_plan *plan) {
    bool *shared = calloc((size_t)plan->n_inputs, sizeof *shared);
    plan->stems = calloc((size_t)plan->n_inputs, sizeof *plan->stems);
    bool good = shared && plan->stems;
    for (int i = 0; good && i < plan->n_inputs; i++) {
        plan->stems[i] = without_extension(am_cli_input_name(plan->inputs[i]));
        good = plan->stems[i] != NULL;
    }
    for (int i = 0; good && i < plan->n_inputs; i++) shared[i] = is_shared(plan, i, plan->stems[i]);
    for (int i = 0; good && i < plan->n_inputs; i++) {
        if (!shared[i]) continue;
        free(plan->stems[i]);
        plan->stems[i] = strdup(am_cli_input_name(plan->inputs[i]));
        good = plan->stems[i] != NULL;
    }
    free(shared);
    if (!good) {
        am_cli_say("out of memory for the names of %d results", plan->n_inputs);
        return AM_EXIT_DEVICE;
    }
    return AM_EXIT_OK;
}

static int refuse_same_names(const am_cli_plan *plan) {
    for (int i = 0; i < plan->n_inputs; i++) {
        for (int j = 0; j < i; j++) {
            if (strcmp(plan->stems[i], plan->stems[j]) != 0) continue;
            am_cli_say("\"%s\" and \"%s\" would both be written as \"%s.%s\": transcribe them one at a time, each "
                       "with its own --output-dir",
                       plan->inputs[j], plan->inputs[i], plan->stems[i], plan->files.name[0]);
            return AM_EXIT_USE;
        }
    }
    return AM_EXIT_OK;
}

/* mkdir -p */
int am_cli_plan_make_folder(const am_cli_plan *plan) {
    const char *folder = plan->folder;
    if (!folder) return AM_EXIT_OK;
    char path[AM_CLI_PATH_MAX];
    int error = 0;
    if (strlen(folder) >= sizeof path) error = ENAMETOOLONG;
    else strcpy(path, folder);
    for (char *at = path + 1; !error && at[-1]; at++) {
        if (*at != '/' && *at) continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST) error = errno;
        *at = kept;
    }
    struct stat info;
    if (!error && (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))) error = ENOTDIR;
    if (!error) return AM_EXIT_OK;
    am_cli_say("cannot make the output folder \"%s\": %s", folder, strerror(error));
    return AM_EXIT_OUTPUT;
}

int am_cli_plan_open(am_cli_plan *plan) {
    if (plan->files.n == 0) return AM_EXIT_OK;
    int code = choose_stems(plan);
    return code == AM_EXIT_OK ? refuse_same_names(plan) : code;
}

void am_cli_plan_close(am_cli_plan *plan) {
    for (int i = 0; plan->stems && i < plan->n_inputs; i++) free(plan->stems[i]);
    free(plan->stems);
    plan->stems = NULL;
}
