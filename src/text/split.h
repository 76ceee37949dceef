/* GPT-2's pre-splitting: text is cut into words, numbers, runs of symbols and runs of white space before any byte-pair
 * merge, so that no token spans two of them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEXT_SPLIT_H
#define AM_TEXT_SPLIT_H

#include <stddef.h>

/* Length of the first piece of text[0..len), at least 1 for len > 0.  Calling it on what follows each piece is linear
 * in the text, whatever the text.  Bytes that are not UTF-8 count as symbols. */
size_t am_split_next(const char *text, size_t len);

#endif
