/* How writers treat text, times and numbers that come from a model; see writer.h.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"
#include "text/writer.h"

double am_writer_time(double seconds) {
    if (!(seconds > 0)) return 0; /* NaN too */
    return seconds < 1e9 ? seconds : 1e9;
}

/* What Python's str.strip() takes away: \s and the four information separators. */
static bool is_space(uint32_t c) {
    return am_unicode_class_of(c) == AM_UNICODE_SPACE || (c >= 0x1C && c <= 0x1F);
}

/* Cut [*start, *end) of the text to what strip() leaves. */
static void strip(const char *text, size_t *start, size_t *end) {
    uint32_t c;
    size_t first = *end, last = *end;
    for (size_t i = *start, n; i < *end; i += n) {
        n = am_utf8_next(text + i, *end - i, &c);
        if (is_space(c)) continue;
        if (first == *end) first = i;
        last = i + n;
    }
    *start = first;
    *end = last;
}

/* Drop hyphens so that no "-->" is left: in a run of them before a '>', all but one.  Works in place. */
static size_t remove_arrows(char *text, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '>')
            while (n >= 2 && text[n - 1] == '-' && text[n - 2] == '-') n--;
        text[n++] = text[i];
    }
    return n;
}

void am_writer_add_line(am_buf *out, const char *text, unsigned flags) {
    if (out->status != AM_OK) return;
    size_t start = 0, end = text ? strlen(text) : 0, line = out->len;
    if (flags & AM_LINE_STRIP) strip(text, &start, &end);
    if (start == end) return;
    if (am_utf8_add(out, text + start, end - start) != AM_OK) return;
    for (size_t i = line; i < out->len; i++) {
        unsigned char c = (unsigned char)out->data[i];
        bool keep_tab = c == '\t' && !(flags & AM_LINE_NO_TAB);
        if ((c < 0x20 && !keep_tab) || c == 0x7F) out->data[i] = ' ';
    }
    if (flags & AM_LINE_NO_ARROW) out->len = line + remove_arrows(out->data + line, out->len - line);
    out->data[out->len] = '\0';
}

/* Digits d.ddd... times ten to the exponent, in Python's layout: plain between 1e-4 and 1e16, else with an exponent. */
static void add_digits(am_buf *out, const char *digits, int n, int exponent) {
    if (exponent < -4 || exponent >= 16) {
        am_buf_add(out, digits, 1);
        if (n > 1) am_buf_add_char(out, '.');
        am_buf_add(out, digits + 1, (size_t)n - 1);
        am_buf_add_fmt(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0) am_buf_add_str(out, "0.");
    for (int i = -1; i > exponent; i--) am_buf_add_char(out, '0');
    for (int i = 0; i < n || i <= exponent; i++) {
        if (i > 0 && i == exponent + 1) am_buf_add_char(out, '.');
        am_buf_add_char(out, i < n ? digits[i] : '0');
    }
    if (exponent >= 0 && n <= exponent + 1) am_buf_add_str(out, ".0");
}

/* The shortest digits that read back as the value, as a float if it is one.  printf and strtod agree on the decimal
 * point whatever the locale; only the digits and the exponent are used. */
static void add_number(am_buf *out, double value, bool is_float) {
    if (!isfinite(value)) {
        am_buf_add_str(out, "null");
        return;
    }
    char text[40], digits[20];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, fabs(value));
        if (is_float ? strtof(text, NULL) == (float)fabs(value) : strtod(text, NULL) == fabs(value)) break;
    }
    int n = 0;
    char *c = text;
    for (; *c && *c != 'e'; c++)
        if (*c >= '0' && *c <= '9' && n < 17) digits[n++] = *c;
    int exponent = *c ? (int)strtol(c + 1, NULL, 10) : 0;
    if (signbit(value)) am_buf_add_char(out, '-');
    add_digits(out, digits, n, exponent);
}

void am_writer_add_double(am_buf *out, double value) {
    add_number(out, value, false);
}

void am_writer_add_float(am_buf *out, float value) {
    add_number(out, value, true);
}
