/* Any bytes through the JSON reader: it must end, keep its promises about depth and numbers, and its strings must
 * survive unescape and escape.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) abort();
}

static void read_through(const char *text, size_t size, bool skip_keys) {
    am_json j;
    am_json_init(&j, text, size);
    am_buf plain, escaped;
    am_buf_init(&plain, size * 3 + 16);
    am_buf_init(&escaped, size * 18 + 64);
    am_json_token t;
    size_t n_tokens = 0;
    while ((t = am_json_next(&j)) != AM_JSON_END && t != AM_JSON_ERROR) {
        require(++n_tokens <= size && j.pos <= size && j.depth >= 0 && j.depth <= AM_JSON_MAX_DEPTH);
        if (t == AM_JSON_NUMBER) require(isfinite(j.number));
        if (t == AM_JSON_KEY || t == AM_JSON_STRING) {
            am_buf_clear(&plain);
            am_buf_clear(&escaped);
            require(am_json_unescape(&j, &plain) == AM_OK);
            require(am_json_escape(&escaped, plain.data ? plain.data : "", plain.len) == AM_OK);
        }
        if (t == AM_JSON_KEY && skip_keys && am_json_skip(&j) == AM_JSON_ERROR) break;
    }
    require(am_json_next(&j) == (t == AM_JSON_END ? AM_JSON_END : AM_JSON_ERROR));
    am_buf_free(&plain);
    am_buf_free(&escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 1 << 20) return 0;
    read_through((const char *)data, size, false);
    read_through((const char *)data, size, true);
    return 0;
}
