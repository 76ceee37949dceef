/* The languages Whisper was trained on, in the order of their tokens.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEXT_LANGUAGE_H
#define AM_TEXT_LANGUAGE_H

#define AM_N_LANGUAGES 100

const char *am_language_code(int index); /* "en"; NULL outside 0..99 */
const char *am_language_name(int index); /* "english" */

/* Index of a code, an English name or a common alias ("castilian"), whatever the case; -1 when unknown. */
int am_language_find(const char *code_or_name);

#endif
