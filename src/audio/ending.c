/* See ending.h.
 *
 * Matroska: the Segment, which holds everything, says how many bytes it has, unless it was written to a pipe.
 * Ogg: pages say how long they are, and the last one of a stream should say that it is the last.  Recordings of live
 * streams are without that mark though whole to their last page, so its absence alone convicts nobody: an incomplete page
 * does, or a packet that should go on.
 *
 * SPDX-License-Identifier: MIT */
#include "audio/ending.h"

#ifdef AM_WITH_FFMPEG

#include <stdio.h>
#include <string.h>

/* ---- Matroska ----------------------------------------------------------------------------------------------- */

enum { ID_EBML = 0x1a45dfa3, ID_SEGMENT = 0x18538067 };

/* An EBML number: the zeros before its first one bit say how many bytes follow.  A size goes without that bit and is
 * UINT64_MAX when all others are ones (not known); an ID keeps it.  Returns its length, 0 when it is not all there. */
static size_t take_vint(const unsigned char *p, size_t len, bool is_id, uint64_t *value) {
    size_t n = 1;
    if (len == 0 || p[0] == 0) return 0;
    while (!(p[0] & 0x80 >> (n - 1))) n++;
    if (n > len) return 0;
    uint64_t x = p[0];
    for (size_t i = 1; i < n; i++) x = x << 8 | p[i];
    uint64_t marker = UINT64_C(1) << (7 * n);
    if (!is_id) x = x - marker == marker - 1 ? UINT64_MAX : x - marker;
    *value = x;
    return n;
}

/* Where the Segment ends, 0 when that is not known. */
static uint64_t matroska_end(const unsigned char *head, size_t len) {
    size_t pos = 0;
    for (;;) {
        uint64_t id, size;
        size_t n_id = take_vint(head + pos, len - pos, true, &id);
        pos += n_id;
        size_t n_size = n_id ? take_vint(head + pos, len - pos, false, &size) : 0;
        if (!n_size || size > INT64_MAX) return 0;
        pos += n_size;
        if (id == ID_SEGMENT) return pos + size;
        if (size > len - pos) return 0;
        pos += (size_t)size;
    }
}

static bool is_matroska_cut(uint64_t promised, am_input *in, char *why, size_t cap) {
    uint64_t pos = am_input_pos(in), there;
    if (am_input_is_seekable(in)) {
        there = (uint64_t)am_input_size(in);
    } else {
        if (pos < promised) am_input_skip(in, promised - pos);
        there = am_input_pos(in);
    }
    if (there >= promised) return false;
    snprintf(why, cap, "its header promises %llu bytes, %llu are there", (unsigned long long)promised,
             (unsigned long long)there);
    return true;
}

/* ---- Ogg ---------------------------------------------------------------------------------------------------- */

/* Can these first bytes be those of a page's header? */
static bool may_be_header(const unsigned char *h, size_t n) {
    return memcmp(h, "OggS", n < 4 ? n : 4) == 0 && (n < 5 || h[4] == 0) && (n < 6 || h[5] < 8);
}

static void take_header(am_ogg_pages *o) {
    const unsigned char *lacing = o->header + 27;
    size_t n = o->header[26];
    o->n_body = 0;
    for (size_t i = 0; i < n; i++) o->n_body += lacing[i];
    o->any = true;
    o->lost = false;
    o->is_last = o->header[5] & 4;
    o->goes_on = n > 0 && lacing[n - 1] == 255;
    o->n_header = 0;
}

static void follow_pages(am_ogg_pages *o, const unsigned char *bytes, size_t len) {
    while (len > 0) {
        if (o->n_body) {
            size_t n = len < o->n_body ? len : o->n_body;
            o->n_body -= n;
            bytes += n;
            len -= n;
            continue;
        }
        o->header[o->n_header++] = *bytes++;
        len--;
        while (o->n_header && !may_be_header(o->header, o->n_header)) {
            memmove(o->header, o->header + 1, --o->n_header);
            o->lost = true;
        }
        if (o->n_header >= 27 && o->n_header == 27u + o->header[26]) take_header(o);
    }
}

/* The end of a file that was not followed while it was read: two pages' room has the last one's beginning in it. */
static void read_last_pages(am_ogg_pages *o, am_input *in) {
    uint64_t size = (uint64_t)am_input_size(in), room = 2 * AM_OGG_PAGE_MAX;
    if (!am_input_seek(in, size > room ? size - room : 0)) return;
    unsigned char bytes[4096];
    ptrdiff_t n;
    while ((n = am_input_read(in, bytes, sizeof bytes)) > 0) follow_pages(o, bytes, (size_t)n);
}

static bool is_ogg_cut(const am_ogg_pages *o, char *why, size_t cap) {
    if (!o->any || o->lost) return false;
    bool page = o->n_body > 0 || o->n_header > 0;
    if (!page && (!o->goes_on || o->is_last)) return false;
    snprintf(why, cap, page ? "its last page is not all there" : "its last packet is not all there");
    return true;
}

/* ---- Both --------------------------------------------------------------------------------------------------- */

void am_ending_init(am_ending *e, const unsigned char *head, size_t len) {
    memset(e, 0, sizeof *e);
    uint64_t id;
    if (take_vint(head, len, true, &id) && id == ID_EBML) e->promised = matroska_end(head, len);
    e->is_ogg = len >= 4 && memcmp(head, "OggS", 4) == 0;
}

void am_ending_feed(am_ending *e, const unsigned char *bytes, size_t len) {
    if (e->is_ogg) follow_pages(&e->pages, bytes, len);
}

bool am_ending_is_cut(am_ending *e, am_input *in, char *why, size_t cap) {
    if (e->promised) return is_matroska_cut(e->promised, in, why, cap);
    if (!e->is_ogg) return false;
    if (am_input_is_seekable(in)) {
        memset(&e->pages, 0, sizeof e->pages);
        read_last_pages(&e->pages, in);
    }
    return is_ogg_cut(&e->pages, why, cap);
}

#endif
