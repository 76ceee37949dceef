/* IEEE half precision in plain C: exact widening, and narrowing to nearest even.  No step works on a subnormal float, so
 * a processor told to flush those gives the same numbers.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_HALF_H
#define AM_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float am_half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t exponent = (h >> 10) & 31, fraction = h & 1023, bits;
    if (exponent == 31) bits = sign | 0x7f800000 | fraction << 13;
    else if (exponent) bits = sign | (exponent + 112) << 23 | fraction << 13;
    else { /* zero or subnormal: the fraction counts units of 2^-24 */ float f = (float)fraction * 0x1p-24f;
        memcpy(&bits, &f, 4);
        bits |= sign;
    }
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static inline uint16_t am_half_from_float(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) return sign | 0x7e00;  /* NaN */
    if (bits >= 0x477ff000) return sign | 0x7c00; /* rounds to 65536 or beyond */
    if (bits < 0x38800000) {                      /* below 2^-14: let the adder round to units of 2^-24 */
        float magnitude;
        memcpy(&magnitude, &bits, 4);
        magnitude += 0.5f; /* the unit of 0.5's last place is 2^-24 */
        memcpy(&bits, &magnitude, 4);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    bits += 0xfff + (bits >> 13 & 1); /* round to nearest even on the 13 bits that go */
    return (uint16_t)(sign | (bits - 0x38000000) >> 13);
}

#endif
