/* exp and GELU, written once over v16: the sixteen floats of an instruction set's vec16_*.h, included before.
 *
 * SPDX-License-Identifier: MIT */

/* e^x for x <= 0 or small positive x; below -87 the result is e^-87, about 1.6e-38, which every caller can take for 0.
 * x = i ln 2 + r, |r| <= ln 2 / 2, e^r by its Taylor polynomial of degree 7 (next term < 2^-27), ln 2 in two parts
 * (Cody and Waite) so that r is exact.  Error below 2 ulp. */
INLINE v16 v_exp(v16 x) {
    x = v_min(v_max(x, v_set(-87.0f)), v_set(88.0f));
    v16 i = v_round(v_mul(x, v_set(1.44269504f)));
    v16 r = v_fma(i, v_set(-0.693359375f), x);
    r = v_fma(i, v_set(2.12194440e-4f), r);
    v16 p = v_set(1.0f / 5040);
    p = v_fma(p, r, v_set(1.0f / 720));
    p = v_fma(p, r, v_set(1.0f / 120));
    p = v_fma(p, r, v_set(1.0f / 24));
    p = v_fma(p, r, v_set(1.0f / 6));
    p = v_fma(p, r, v_set(0.5f));
    p = v_fma(p, r, v_set(1.0f));
    p = v_fma(p, r, v_set(1.0f));
    return v_mul(p, v_pow2(i));
}

/* 2^x for x <= 0; below -125 the result is 2^-125, which every caller can take for 0.  NaN is not kept.
 * x = i + f, |f| <= 1/2; adding 1.5 * 2^23 leaves i in the low bits.  2^f by the polynomial of degree 5 with the least
 * greatest relative error, 7.5e-8, which rounding makes 2.2e-7; i goes straight into the exponent. */
INLINE v16 v_exp2(v16 x) {
    v16 magic = v_set(12582912.0f);
    x = v_max(x, v_set(-125.0f));
    v16 i = v_add(x, magic), f = v_sub(x, v_sub(i, magic));
    v16 p = v_set(0.00132764725f);
    p = v_fma(p, f, v_set(0.00967554096f));
    p = v_fma(p, f, v_set(0.0555071309f));
    p = v_fma(p, f, v_set(0.240221202f));
    p = v_fma(p, f, v_set(0.693146944f));
    p = v_fma(p, f, v_set(1.00000012f));
    return v_from_bits(i_add(v_bits(p), i_shift_left(v_bits(i), 23)));
}

/* x/2 (1 + erf(x/sqrt 2)) = max(x, 0) - |x|/2 erfc(|x|/sqrt 2), with erfc from Abramowitz and Stegun 7.1.26
 * (absolute error 1.5e-7, and the form keeps the tail of negative x small instead of cancelling).  Its exp(-x^2 / 2) is
 * 2^(-x^2 / (2 ln 2)): what rounding does to that exponent is small where the power is not. */
INLINE v16 v_gelu(v16 x) {
    v16 magnitude = v_abs(x);
    v16 z = v_mul(magnitude, v_set(0.70710678f));
    v16 t = v_div(v_set(1.0f), v_fma(z, v_set(0.3275911f), v_set(1.0f)));
    v16 p = v_set(1.061405429f);
    p = v_fma(p, t, v_set(-1.453152027f));
    p = v_fma(p, t, v_set(1.421413741f));
    p = v_fma(p, t, v_set(-0.284496736f));
    p = v_fma(p, t, v_set(0.254829592f));
    v16 erfc = v_mul(v_mul(p, t), v_exp2(v_mul(v_mul(x, x), v_set(-0.72134752f))));
    v16 tail = v_mul(v_mul(magnitude, v_set(0.5f)), erfc);
    return v_sub(v_max(x, v_zero()), tail);
}
