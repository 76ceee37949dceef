#!/usr/bin/env python3
"""Write src/text/unicode_tables.c: which code points are letters, numbers and white space.

    python3 tools/make_unicode_tables.py > src/text/unicode_tables.c

Letters are general categories L*, numbers N*, from Python's unicodedata; white space is the White_Space property of
PropList.txt (Python knows only str.isspace(), which adds U+001C..U+001F to it).
"""
import sys
import unicodedata

OTHER, LETTER, NUMBER, SPACE = range(4)
NOT_WHITE_SPACE = range(0x1C, 0x20)


def class_of(code_point):
    char = chr(code_point)
    if char.isspace() and code_point not in NOT_WHITE_SPACE:
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(unicodedata.category(char)[0], OTHER)


def boundaries():
    before = None
    for code_point in range(sys.maxunicode + 1):
        now = class_of(code_point)
        if now != before:
            yield code_point << 2 | now
        before = now


def main():
    entries = [f"0x{e:X}" for e in boundaries()]
    print("/* Classes of code points, Unicode " + unicodedata.unidata_version + "; written by tools/make_unicode_tables.py, not by hand.")
    print(" * Each entry is first code point << 2 | class and holds up to the next entry.")
    print(" *")
    print(" * SPDX-License-Identifier: MIT */")
    print('#include "text/unicode.h"\n')
    print("/* clang-format off */")
    print(f"const uint32_t am_unicode_boundaries[] = {{")
    line = "   "
    for entry in entries:
        if len(line) + len(entry) + 2 > 120:
            print(line)
            line = "   "
        line += " " + entry + ","
    print(line)
    print("};")
    print("const size_t am_unicode_n_boundaries = sizeof am_unicode_boundaries / sizeof am_unicode_boundaries[0];")


main()
