/* What a deflate block costs with fixed and with its own Huffman codes, to the bit as zlib would write it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEXT_HUFFMAN_H
#define AM_TEXT_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

enum { AM_N_LITERALS = 286, AM_N_DISTANCES = 30 };

/* Bits of a block with these counts of literal/length and distance codes, extra bits and (for the dynamic block) the
 * description of the codes included, the three bits of the block's header not.  The counts sum up to less than 65536. */
void am_huffman_block_bits(const uint16_t literal_freq[AM_N_LITERALS], const uint16_t distance_freq[AM_N_DISTANCES],
                           size_t *dynamic, size_t *fixed);

#endif
