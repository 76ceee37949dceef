/* Numbers in the formats model files have, the writing way round.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_NUMBER_FORMATS_H
#define AM_TEST_NUMBER_FORMATS_H

#include <stdint.h>
#include <stdio.h>

#include "support/model_writer.h"

/* Little-endian, whatever the machine. */
void put_u16(FILE *f, uint32_t v);
void put_u32(FILE *f, uint32_t v);
void put_f32(FILE *f, float x);

/* n numbers as `dtype`; for the block formats n is a multiple of 32. */
void put_numbers(FILE *f, mw_dtype dtype, const float *x, size_t n);

/* Round to nearest and keep within low..high. */
int clamp_round(float x, int low, int high);

/* IEEE half floats by the definition: round to nearest even, subnormals, infinities. */
uint16_t mw_half_from_float(float f);
float mw_float_from_half(uint16_t h);

#endif
