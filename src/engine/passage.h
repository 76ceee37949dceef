/* What a window came to: its tokens, where segments begin and end among them, and the numbers they are judged by.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_PASSAGE_H
#define AM_ENGINE_PASSAGE_H

#include "base/buf.h"
#include "engine/decoder.h"
#include "engine/timestamps.h"

typedef struct am_passage {
    int64_t seek; /* where the window begins: frames of 10 ms from the first sample fed */
    int n_frames; /* of it that are done */
    am_decode_result result;
    float compression_ratio;
    am_span *spans; /* [AM_MAX_SAMPLED + 1] */
    int n_spans, next_span;
} am_passage;

am_status am_passage_open(am_passage *p, const am_dims *dims, am_error *err);
void am_passage_close(am_passage *p);

/* A window without text. */
void am_passage_set_silent(am_passage *p, int64_t seek, int n_frames);

/* Judge what was decoded, in p->result, of the window of n_frames at `seek`.  *is_silence: there is probably no speech;
 * *is_good: fit to be continued.  `text` is working memory.  Returns AM_OK, AM_E_MODEL (damaged) or AM_E_NOMEM. */
am_status am_passage_judge(am_passage *p, const am_model *model, int64_t seek, int n_frames, am_buf *text,
                           bool *is_silence, bool *is_good, am_error *err);

/* Segments of a window that is continued by the next one; p->n_frames is where that begins. */
am_cut am_passage_cut(am_passage *p, const am_model *model);
/* Segments of a window that stands alone. */
void am_passage_cut_whole(am_passage *p, const am_model *model);

/* The next segment with words in it; its text lies in `text`.  id, language and start_sec are the session's:
 * start and end count from the first sample.  Returns AM_OK, AM_E_END or AM_E_NOMEM. */
am_status am_passage_next(am_passage *p, const am_model *model, am_buf *text, am_segment *segment, am_error *err);

#endif
