#!/usr/bin/env python3
"""Makes g711.h: what the 256 A-law and mu-law bytes mean as 16-bit samples, from Python's own audioop module
(an implementation independent of ours; part of Python up to 3.12).

    python3 make_g711.py > g711.h

SPDX-License-Identifier: MIT"""
import audioop
import struct

print("/* Made by make_g711.py from Python's audioop.  SPDX-License-Identifier: MIT */")
for name, decode in (("alaw", audioop.alaw2lin), ("mulaw", audioop.ulaw2lin)):
    values = struct.unpack("<256h", decode(bytes(range(256)), 2))
    print(f"static const short golden_{name}[256] = {{")
    for i in range(0, 256, 16):
        print("    " + " ".join(f"{v}," for v in values[i:i + 16]))
    print("};")
