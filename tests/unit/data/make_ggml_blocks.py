#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes ggml_blocks.inc: blocks of every quantised ggml type and the numbers they stand for, by PyPI `gguf` 0.19
(gguf.quants), which the llama.cpp project keeps.  Run: python3 make_ggml_blocks.py > ggml_blocks.inc"""

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize, quantize

rng = np.random.default_rng(20240229)
rows = np.stack([
    rng.normal(0, 1, 32), rng.uniform(-1e-3, 2e-3, 32), np.zeros(32), np.linspace(-60000, 60000, 32),
    rng.normal(5, 0.1, 32), np.where(np.arange(32) == 7, -3.0, 0.0),
]).astype(np.float32)

print("/* Made by make_ggml_blocks.py; each row: the bytes of one block, the 32 numbers as the bits of f32. */")
print("/* clang-format off */")
print("static const struct {\n    am_dtype dtype;\n    const char *bytes;\n    uint32_t bits[32];\n} ggml_blocks[] = {")
for kind in (T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1):
    blocks = quantize(rows, kind)
    # Blocks nobody quantised: any bytes behind a scale (and minimum) that is a number.
    wild = rng.integers(0, 256, blocks.shape, dtype=np.uint8)
    wild[:, 1] &= 0xBB
    wild[:, 3] &= 0xBB
    for block in np.concatenate([blocks, wild[:4]]):
        numbers = dequantize(block[None], kind).astype(np.float32).view(np.uint32).ravel()
        text = "".join(f"\\x{b:02x}" for b in block)
        bits = ", ".join(f"0x{n:08x}" for n in numbers)
        print(f'    {{ AM_DTYPE_{kind.name}, "{text}", {{ {bits} }} }},')
print("};\n/* clang-format on */")
