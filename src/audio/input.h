/* Bytes from a file, a pipe, standard input or memory, read front to back.  On a pipe the first megabyte is remembered
 * until am_input_forget(), so that whoever looks at the beginning can hand the stream on as if untouched.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_AUDIO_INPUT_H
#define AM_AUDIO_INPUT_H

#include "base/error.h"

typedef struct am_input am_input;

/* Asked about ten times a second while bytes are waited for; non-zero ends the wait.  fn NULL: wait for ever. */
typedef struct am_input_cancel {
    int (*fn)(void *cookie);
    void *cookie;
} am_input_cancel;

/* `path` "-" is standard input, which is left open at the end.  Returns AM_OK; AM_E_OPEN (missing, no permission, a
 * directory: the sentence has the system's reason); AM_E_CANCELLED; AM_E_NOMEM. */
am_status am_input_open(am_input **in, const char *path, am_input_cancel cancel, am_error *err);

/* `len` bytes that stay the caller's and must outlive the input; with `seekable` false they behave like a pipe. */
am_status am_input_open_memory(am_input **in, const void *bytes, size_t len, bool seekable, am_error *err);

void am_input_close(am_input **in);

/* What to call it in a sentence: "\"x.wav\"" with its quotes, or "standard input".  Valid UTF-8 without control
 * characters, at most AM_INPUT_LABEL_MAX bytes. */
const char *am_input_label(const am_input *in);
enum { AM_INPUT_LABEL_MAX = 400 };

/* The last part of the path, as it was given; "" for standard input and memory. */
const char *am_input_basename(const am_input *in);

/* Up to `len` bytes, as many as there are right now but at least one.  0 at the end, -1 on failure (am_input_fail()). */
ptrdiff_t am_input_read(am_input *in, void *bytes, size_t len);

/* Exactly `len` bytes unless the end comes first; returns how many, -1 on failure. */
ptrdiff_t am_input_read_full(am_input *in, void *bytes, size_t len);

/* Pass over `len` bytes, by seeking where possible.  False when the end or a failure comes first. */
bool am_input_skip(am_input *in, uint64_t len);

bool am_input_is_seekable(const am_input *in);
bool am_input_seek(am_input *in, uint64_t pos); /* false on a pipe; the position may lie behind the end */
uint64_t am_input_pos(const am_input *in);
int64_t am_input_size(const am_input *in); /* -1 when not known */

/* Back to the first byte.  False on a pipe that was read further than is remembered, or after am_input_forget(). */
bool am_input_rewind(am_input *in);
void am_input_forget(am_input *in);

/* True after a read failed; am_input_fail() is AM_E_IO with the position and the system's reason, or
 * AM_E_CANCELLED. */
bool am_input_failed(const am_input *in);
am_status am_input_fail(const am_input *in, am_error *err);

#endif
