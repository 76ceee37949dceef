/* Byte-pair encoding of one piece of text, as tiktoken does it: of all neighbours that together are a token, those with
 * the lowest number are joined first, the leftmost of equals.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEXT_BPE_H
#define AM_TEXT_BPE_H

#include <stdint.h>

#include "base/error.h"

/* Longer tokens are never produced (Whisper's longest has 128 bytes): it bounds what one look-up costs. */
#define AM_BPE_MAX_TOKEN 256

/* bytes[offset[t] .. offset[t+1]) is token t; borrowed, and must outlive the table. */
typedef struct am_bpe {
    const uint32_t *offset;
    const char *bytes;
    uint32_t *slots; /* open addressing: token + 1, or 0 */
    size_t mask;
} am_bpe;

/* Where tokens go: at most cap are written, n counts them all. */
typedef struct am_bpe_out {
    int32_t *tokens;
    int cap, n;
} am_bpe_out;

/* Offsets must not fall.  Of equal tokens the lowest number counts.  Returns AM_OK or AM_E_NOMEM. */
am_status am_bpe_open(am_bpe *b, int n_tokens, const uint32_t *offset, const char *bytes, am_error *err);
void am_bpe_close(am_bpe *b);

/* The token with exactly these bytes, or -1. */
int32_t am_bpe_find(const am_bpe *b, const char *bytes, size_t len);

/* Longest piece am_bpe_encode() takes. */
#define AM_BPE_MAX_PIECE ((size_t)1 << 28)

/* Append the tokens of a piece, in time n log n whatever the piece.  A byte that is no token is left out.
 * Returns AM_OK, AM_E_LIMIT (longer than AM_BPE_MAX_PIECE) or AM_E_NOMEM (only for pieces over 64 bytes). */
am_status am_bpe_encode(const am_bpe *b, const char *piece, size_t len, am_bpe_out *out);

#endif
