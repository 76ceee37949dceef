/* A pull reader for JSON that comes from outside: config.json, tokenizer.json, safetensors headers.  Works in place
 * on a text of known length, allocates nothing, recurses never, stops at the first error.
 *
 *     am_json j;  am_json_init(&j, text, len);
 *     am_json_token t;
 *     while ((t = am_json_next(&j)) != AM_JSON_END && t != AM_JSON_ERROR) ...
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_JSON_H
#define AM_BASE_JSON_H

#include <stdbool.h>

#include "base/buf.h"

#define AM_JSON_MAX_DEPTH 64

typedef enum am_json_token {
    AM_JSON_END,    /* the text is one whole value and nothing else but white space */
    AM_JSON_ERROR,  /* see error and pos */
    AM_JSON_OBJECT, /* { */
    AM_JSON_OBJECT_END,
    AM_JSON_ARRAY, /* [ */
    AM_JSON_ARRAY_END,
    AM_JSON_KEY,    /* str, len: the raw bytes between the quotes, escapes not undone */
    AM_JSON_STRING, /* likewise */
    AM_JSON_NUMBER, /* number */
    AM_JSON_TRUE,
    AM_JSON_FALSE,
    AM_JSON_NULL,
} am_json_token;

typedef struct am_json {
    const char *text;
    size_t len, pos;
    const char *str; /* of the last KEY or STRING */
    size_t str_len;
    double number;     /* always finite: a number too large for a double is an error */
    const char *error; /* what is wrong, static */
    int depth;
    unsigned char stack[AM_JSON_MAX_DEPTH]; /* private */
    unsigned char state;                    /* private */
} am_json;

void am_json_init(am_json *j, const char *text, size_t len);
am_json_token am_json_next(am_json *j);

/* After a KEY, skip its value; anywhere else, skip to the end of the innermost open container (so right after an opening
 * token, all of that container).  Returns the last token read: the scalar, the closing token, or AM_JSON_ERROR. */
am_json_token am_json_skip(am_json *j);

/* The last KEY or STRING is exactly `text` (compared raw). */
bool am_json_is(const am_json *j, const char *text);

/* Append the last KEY or STRING to out with its escapes undone, as UTF-8.  A lone surrogate becomes U+FFFD. */
am_status am_json_unescape(const am_json *j, am_buf *out);

/* Append text as the inside of a JSON string, escaped; not UTF-8 becomes U+FFFD.  Non-ASCII stays as it is. */
am_status am_json_escape(am_buf *out, const char *text, size_t len);

#endif
