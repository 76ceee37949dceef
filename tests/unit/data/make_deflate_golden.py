#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write deflate_golden.txt: "kind seed length size" per line, where size is len(zlib.compress(text)).

The texts are made from kind, seed and length by the same few lines here and in tests/unit/test_deflate_size.c.
Needs a Python with the original zlib, not zlib-ng, whose sizes differ (checked at the top).
"""
import pathlib
import zlib

WORDS = ("the of and to in is you that it he was for on are as with his they at be this have from or one had by word but "
         "not what all were we when your can said there use an each which she do how their if will up other about out "
         "many then them these so some her would make like him into time has look two more write go see number no way "
         "could people my than first water been call who oil its now find long down day did get come made may part "
         "große größer où être niño año привет мир это слово 你好 世界 ありがとう ございます").encode().split(b" ")


class Random:
    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % n


def single_letter(r, out, n):
    out += bytes([97 + r.state % 26]) * n


def random_bytes(r, out, n):
    out += bytes(r.below(256) for _ in range(n))


def few_letters(r, out, n):
    k = 2 + r.state % 60
    out += bytes(33 + r.below(k) for _ in range(n))


def words(r, out, n):
    while len(out) < n:
        out += WORDS[r.below(len(WORDS))] + b" "


def loop(r, out, n):
    phrase = bytearray()
    words(r, phrase, 3 + r.below(120))
    while len(out) < n:
        out += phrase


def skewed(r, out, n):
    """Letter k about half as often as k - 1: codes longer than 15 bits, which have to be shortened."""
    for _ in range(n):
        k = 0
        while k < 40 and r.below(2):
            k += 1
        out.append(65 + k)


def chunks(r, out, n):
    """New letters and copies of earlier stretches from any distance."""
    out += b"abc"
    while len(out) < n:
        if r.below(3) == 0:
            out.append(r.below(256))
            continue
        start, length = r.below(len(out)), 3 + r.below(1 + r.below(400))
        for i in range(length):
            out.append(out[start + i])


def hash_twins(r, out, n):
    """Many threes of bytes with the same hash in zlib's chains: the search runs into its limit of steps."""
    while len(out) < n:
        a = r.below(32)
        out += bytes([64 + (a & 7), (r.below(4) << 5) ^ (a * 3 & 31), r.below(256)])


KINDS = [single_letter, random_bytes, few_letters, words, loop, skewed, chunks, hash_twins]


def make(kind, seed, length):
    out = bytearray()
    KINDS[kind](Random(seed), out, length)
    return bytes(out[:length])


def main():
    assert zlib.ZLIB_RUNTIME_VERSION.startswith("1.") and "ng" not in zlib.ZLIB_RUNTIME_VERSION
    lines = []
    for kind in range(len(KINDS)):
        lengths = [0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 17, 25, 33, 47, 64, 99, 130, 257, 258, 259, 260, 261, 300, 411, 513]
        lengths += [700, 1000, 1234, 1500, 2000, 2500, 3100, 4095, 4096, 4500, 5000, 6000, 17000, 25000, 32767, 32768]
        for i, length in enumerate(lengths):
            seed = 1 + kind * 1000 + i * 7
            lines.append((kind, seed, length))
        lines += [(kind, 5000 + kind * 100 + i, 37 * i + 20) for i in range(60)]
    with open(pathlib.Path(__file__).parent / "deflate_golden.txt", "w") as f:
        for kind, seed, length in lines:
            print(kind, seed, length, len(zlib.compress(make(kind, seed, length))), file=f)


if __name__ == "__main__":
    main()
