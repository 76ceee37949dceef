/* Did a file end where its container says, or was it cut?  FFmpeg plays a cut Matroska, WebM or Ogg to its last byte and
 * is content; this reads just enough of the two formats to know better, on files and on pipes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_AUDIO_ENDING_H
#define AM_AUDIO_ENDING_H

#include "audio/input.h"

enum {
    AM_ENDING_HEAD = 256,         /* first bytes of a file to look at */
    AM_OGG_HEADER_MAX = 27 + 255, /* of a page */
    AM_OGG_PAGE_MAX = 282 + 255 * 255,
};

/* The pages of an Ogg stream, followed byte by byte. */
typedef struct am_ogg_pages {
    unsigned char header[AM_OGG_HEADER_MAX];
    size_t n_header; /* bytes of a page's header seen so far; 0 between pages */
    size_t n_body;   /* bytes of the page's body still to come */
    bool any;        /* one header at least was seen */
    bool lost;       /* what came last is no page, such as a tag somebody appended */
    bool is_last;    /* the page is marked as its stream's last one */
    bool goes_on;    /* the page's last packet goes on in the next one */
} am_ogg_pages;

typedef struct am_ending {
    bool is_ogg;
    uint64_t promised; /* bytes, by a Matroska header; 0 when it does not say */
    am_ogg_pages pages;
} am_ending;

/* `head` is the beginning of the stream, at most AM_ENDING_HEAD bytes of it are of use. */
void am_ending_init(am_ending *e, const unsigned char *head, size_t len);

/* Of an input that cannot seek: every byte once, as it is read. */
void am_ending_feed(am_ending *e, const unsigned char *bytes, size_t len);

/* To be asked when the reader has come to its end.  True when the input stops short, with the reason in `why`.  Moves
 * the input's position; a pipe is read on as far as its header promises.  A read that fails is am_input_failed(). */
bool am_ending_is_cut(am_ending *e, am_input *in, char *why, size_t cap);

#endif
