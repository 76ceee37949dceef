/* How long zlib would make a text: Whisper calls output whose compression ratio is above 2.4 a loop.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEXT_DEFLATE_SIZE_H
#define AM_TEXT_DEFLATE_SIZE_H

#include <stddef.h>

/* Longest text that is measured; of a longer one only this much is looked at. */
#define AM_DEFLATE_MAX 32768

/* The bytes zlib.compress(text) (level 6, zlib header and checksum included) produces, exactly.  Takes
 * about 135 KB of stack and no other memory; never fails.  Any thread. */
size_t am_deflate_size(const char *text, size_t len);

/* len / am_deflate_size(text, len); 0 for an empty text. */
float am_compression_ratio(const char *text, size_t len);

#endif
