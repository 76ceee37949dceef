/* See json.h.  A state machine over the text: `state` says what may come next, `stack` which containers are open.
 *
 * Strict RFC 8259: no comments, no trailing commas, no NaN, no leading zeros, no raw control characters, no text that
 * is not UTF-8.  A number a double cannot hold is an error, so `number` is always finite.  The text need not end in a
 * NUL: no byte at or past `len` is read.
 *
 * SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { STATE_VALUE, STATE_FIRST_ITEM, STATE_FIRST_KEY, STATE_AFTER, STATE_DONE, STATE_FAILED };
enum { IN_ARRAY, IN_OBJECT };

/* Longer numbers are refused: nobody writes them, and it bounds the copy strtod() needs. */
enum { MAX_NUMBER = 400 };

void am_json_init(am_json *j, const char *text, size_t len) {
    *j = (am_json){ .text = text, .len = len, .state = STATE_VALUE };
}

static am_json_token fail(am_json *j, const char *why) {
    j->error = why;
    j->state = STATE_FAILED;
    return AM_JSON_ERROR;
}

/* The byte at pos, or -1 at the end. */
static int peek(const am_json *j) {
    return j->pos < j->len ? (unsigned char)j->text[j->pos] : -1;
}

static int peek_after_space(am_json *j) {
    int c;
    while ((c = peek(j)) == ' ' || c == '\t' || c == '\n' || c == '\r') j->pos++;
    return c;
}

static am_json_token value_done(am_json *j, am_json_token token) {
    j->state = j->depth ? STATE_AFTER : STATE_DONE;
    return token;
}

static am_json_token open_container(am_json *j, am_json_token token) {
    if (j->depth == AM_JSON_MAX_DEPTH) return fail(j, "nested more than 64 deep");
    j->pos++;
    j->stack[j->depth++] = token == AM_JSON_OBJECT ? IN_OBJECT : IN_ARRAY;
    j->state = token == AM_JSON_OBJECT ? STATE_FIRST_KEY : STATE_FIRST_ITEM;
    return token;
}

static am_json_token close_container(am_json *j) {
    j->pos++;
    j->depth--;
    return value_done(j, j->stack[j->depth] == IN_OBJECT ? AM_JSON_OBJECT_END : AM_JSON_ARRAY_END);
}

/* Four hexadecimal digits, or -1. */
static int hex4(const char *s, size_t len) {
    int value = 0;
    if (len < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int c = s[i], digit;
        if (c >= '0' && c <= '9') digit = c - '0';
        else if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
        else return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The byte a one-letter escape stands for, or -1. */
static int simple_escape(char c) {
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? bytes[at - letters] : -1;
}

/* Length of the escape behind the backslash at s[0], 0 when it is none. */
static size_t escape_len(const char *s, size_t len) {
    if (len < 2) return 0;
    if (s[1] == 'u') return hex4(s + 2, len - 2) >= 0 ? 6 : 0;
    return simple_escape(s[1]) >= 0 ? 2 : 0;
}

/* From the opening quote at pos to behind the closing one. */
static bool read_string(am_json *j) {
    const char *s = j->text;
    size_t i = j->pos + 1;
    while (i < j->len && s[i] != '"') {
        uint32_t c = (unsigned char)s[i];
        size_t n = 1;
        const char *why = NULL;
        if (c == '\\') {
            n = escape_len(s + i, j->len - i);
            if (!n) why = "a string holds an unknown or unfinished escape";
        } else if (c < 0x20) {
            why = "a string holds a raw control character";
        } else if (c >= 0x80) {
            n = am_utf8_next(s + i, j->len - i, &c);
            if (c == AM_UTF8_BAD) why = "a string is not UTF-8";
        }
        if (why) {
            j->pos = i;
            fail(j, why);
            return false;
        }
        i += n;
    }
    if (i >= j->len) {
        j->pos = j->len;
        fail(j, "a string is not closed");
        return false;
    }
    j->str = s + j->pos + 1;
    j->str_len = i - j->pos - 1;
    j->pos = i + 1;
    return true;
}

static am_json_token read_key(am_json *j) {
    if (peek_after_space(j) != '"') return fail(j, "expected a key in quotes");
    if (!read_string(j)) return AM_JSON_ERROR;
    if (peek_after_space(j) != ':') return fail(j, "expected a colon after the key");
    j->pos++;
    j->state = STATE_VALUE;
    return AM_JSON_KEY;
}

/* Append digits from pos to `out`, return how many there were. */
static int take_digits(am_json *j, char *out, int *n) {
    int count = 0;
    for (int c; (c = peek(j)) >= '0' && c <= '9' && count <= MAX_NUMBER; count++, j->pos++)
        if (*n < MAX_NUMBER) out[(*n)++] = (char)c;
    return count;
}

/* The exponent, held within +-100000: past that every number of MAX_NUMBER digits is 0 or too large. */
static bool read_exponent(am_json *j, int *exponent) {
    *exponent = 0;
    if (peek(j) != 'e' && peek(j) != 'E') return true;
    j->pos++;
    bool negative = peek(j) == '-';
    if (negative || peek(j) == '+') j->pos++;
    int c = peek(j);
    if (c < '0' || c > '9') return false;
    for (; (c = peek(j)) >= '0' && c <= '9'; j->pos++)
        if (*exponent < 10000) *exponent = *exponent * 10 + (c - '0');
    if (negative) *exponent = -*exponent;
    return true;
}

/* strtod() gets the number as digits and an exponent, without its point: what it takes for one depends on the locale
 * of the program we live in. */
static am_json_token read_number(am_json *j) {
    size_t start = j->pos;
    char digits[MAX_NUMBER + 16];
    int n = 0, exponent;
    if (peek(j) == '-') {
        digits[n++] = '-';
        j->pos++;
    }
    bool zero = peek(j) == '0';
    int n_whole = take_digits(j, digits, &n), n_fraction = 0;
    if (!n_whole) return fail(j, "expected a value");
    if (zero && n_whole > 1) return fail(j, "a number begins with a superfluous 0");
    if (peek(j) == '.') {
        j->pos++;
        n_fraction = take_digits(j, digits, &n);
        if (!n_fraction) return fail(j, "a number has no digit after its point");
    }
    if (!read_exponent(j, &exponent)) return fail(j, "a number has no digit in its exponent");
    if (j->pos - start > MAX_NUMBER) return fail(j, "a number is longer than 400 characters");
    exponent -= n_fraction;
    digits[n++] = 'e';
    if (exponent < 0) digits[n++] = '-';
    unsigned magnitude = (unsigned)abs(exponent);
    for (unsigned unit = 100000; unit; unit /= 10) digits[n++] = (char)('0' + magnitude / unit % 10);
    digits[n] = '\0';
    j->number = strtod(digits, NULL);
    if (!isfinite(j->number)) return fail(j, "a number is too large");
    return value_done(j, AM_JSON_NUMBER);
}

static am_json_token read_word(am_json *j, const char *word, am_json_token token) {
    size_t n = strlen(word);
    if (j->len - j->pos < n || memcmp(j->text + j->pos, word, n) != 0) return fail(j, "expected a value");
    j->pos += n;
    return value_done(j, token);
}

static am_json_token read_value(am_json *j) {
    switch (peek_after_space(j)) {
    case '{': return open_container(j, AM_JSON_OBJECT);
    case '[': return open_container(j, AM_JSON_ARRAY);
    case '"': return read_string(j) ? value_done(j, AM_JSON_STRING) : AM_JSON_ERROR;
    case 't': return read_word(j, "true", AM_JSON_TRUE);
    case 'f': return read_word(j, "false", AM_JSON_FALSE);
    case 'n': return read_word(j, "null", AM_JSON_NULL);
    case -1: return fail(j, "the text ends too early");
    default: return read_number(j);
    }
}

/* Behind a value in a container: its end, or a comma and what follows it. */
static am_json_token read_after(am_json *j) {
    bool in_object = j->stack[j->depth - 1] == IN_OBJECT;
    int c = peek_after_space(j);
    if (c == (in_object ? '}' : ']')) return close_container(j);
    if (c == -1) return fail(j, "the text ends too early");
    if (c != ',') return fail(j, in_object ? "expected a comma or }" : "expected a comma or ]");
    j->pos++;
    return in_object ? read_key(j) : read_value(j);
}

am_json_token am_json_next(am_json *j) {
    switch (j->state) {
    case STATE_VALUE: return read_value(j);
    case STATE_FIRST_ITEM: return peek_after_space(j) == ']' ? close_container(j) : read_value(j);
    case STATE_FIRST_KEY: return peek_after_space(j) == '}' ? close_container(j) : read_key(j);
    case STATE_AFTER: return read_after(j);
    case STATE_DONE: return peek_after_space(j) == -1 ? AM_JSON_END : fail(j, "more text after the value");
    default: return AM_JSON_ERROR;
    }
}

am_json_token am_json_skip(am_json *j) {
    int floor = j->state == STATE_VALUE || j->depth == 0 ? j->depth : j->depth - 1;
    am_json_token t;
    do t = am_json_next(j);
    while (t != AM_JSON_ERROR && t != AM_JSON_END && j->depth > floor);
    return t;
}

bool am_json_is(const am_json *j, const char *text) {
    return j->str && strlen(text) == j->str_len && memcmp(text, j->str, j->str_len) == 0;
}

/* The code point of the \u escape at s[*i], a surrogate pair taken together; *i moves behind it. */
static uint32_t unescape_unicode(const char *s, size_t len, size_t *i) {
    int unit = hex4(s + *i + 2, len - *i - 2);
    *i += 6;
    if (unit < 0xD800 || unit > 0xDFFF) return (uint32_t)unit;
    if (unit < 0xDC00 && len - *i >= 6 && s[*i] == '\\' && s[*i + 1] == 'u') {
        int low = hex4(s + *i + 2, 4);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *i += 6;
            return 0x10000u + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
        }
    }
    return 0xFFFD;
}

am_status am_json_unescape(const am_json *j, am_buf *out) {
    const char *s = j->str ? j->str : "";
    size_t start = 0, i = 0;
    while (i < j->str_len) {
        if (s[i] != '\\') {
            i++;
            continue;
        }
        am_buf_add(out, s + start, i - start);
        if (s[i + 1] == 'u') {
            char bytes[4];
            size_t n = am_utf8_put(bytes, unescape_unicode(s, j->str_len, &i));
            am_buf_add(out, bytes, n);
        } else {
            am_buf_add_char(out, (char)simple_escape(s[i + 1]));
            i += 2;
        }
        start = i;
    }
    return am_buf_add(out, s + start, j->str_len - start);
}

/* The escapes Python's json module writes: short ones where they exist, \u00xx for the other control characters. */
am_status am_json_escape(am_buf *out, const char *text, size_t len) {
    static const char letters[] = "\"\\bfnrt", bytes[] = "\"\\\b\f\n\r\t";
    size_t start = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        am_utf8_add(out, text + start, i - start);
        const char *at = c ? strchr(bytes, c) : NULL;
        if (at) am_buf_add_fmt(out, "\\%c", letters[at - bytes]);
        else am_buf_add_fmt(out, "\\u%04x", (unsigned)c);
        start = i + 1;
    }
    return am_utf8_add(out, text + start, len - start);
}
