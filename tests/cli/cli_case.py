"""What the tests of the program share: running it, making recordings, checking what it says.  Standard library only.

AM_PROGRAM is the program, AM_TEST_MODEL the folder of the default model.

SPDX-License-Identifier: MIT"""
import atexit
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.environ.get("AM_PROGRAM", "amanuensis")
MODEL = os.environ.get("AM_TEST_MODEL", "")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRIVOX = "/usr/share/pocketsphinx/test/data/librivox"

# Where all tests of a run keep converted models: the default model is converted once, not by every command.
CACHE = tempfile.mkdtemp(prefix="amanuensis-cli-cache-")
atexit.register(shutil.rmtree, CACHE, True)

# A recording of 3 s and what the book says there (Jane Austen, Sense and Sensibility, chapter 1).
SPEECH = os.path.join(LIBRIVOX, "sense_and_sensibility_01_austen_64kb-0880.wav")
SPEECH_WORDS = "he was not an ill disposed young man"


def words(text):
    """Text without times, case and punctuation."""
    text = re.sub(r"^\[[0-9:. >-]+\]", " ", text, flags=re.M)
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def pcm16(samples):
    return struct.pack("<%dh" % len(samples), *samples)


def wav(data, bits=16, fmt=1, rate=16000, channels=1, claimed=None):
    """A WAV file of sample bytes; `claimed` is the length its header tells when that is a lie."""
    size = len(data) if claimed is None else claimed
    block = channels * bits // 8
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, fmt, channels, rate,
                       rate * block, block, bits, b"data", size)
    return head + data


def silence(seconds):
    return wav(bytes(int(seconds * 16000) * 2))


def speech_samples():
    """The bytes of SPEECH without its header (44 bytes, s16le)."""
    with open(SPEECH, "rb") as f:
        return f.read()[44:]


class Case(unittest.TestCase):
    """A test in a temporary folder."""

    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="amanuensis-cli-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name, data):
        """A file in the folder; returns its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def files(self, name=""):
        return sorted(os.listdir(self.path(name)))

    def environment(self, **changes):
        env = {k: v for k, v in os.environ.items() if k not in ("XDG_CACHE_HOME", "TERM")}
        env["HOME"] = self.folder
        if "HOME" not in changes:
            env["XDG_CACHE_HOME"] = CACHE
        env.update(changes)
        return {k: v for k, v in env.items() if v is not None}

    def run_program(self, *argv, env=None, timeout=300, **kwargs):
        kwargs.setdefault("stdout", subprocess.PIPE)
        if "input" not in kwargs:
            kwargs.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run([PROGRAM, *argv], stderr=subprocess.PIPE, cwd=self.folder, timeout=timeout, check=False,
                              env=env or self.environment(), **kwargs)
        done.out = done.stdout.decode() if done.stdout is not None else ""
        done.err = done.stderr.decode()
        return done

    def transcribe(self, *argv, **kwargs):
        if "--model" not in argv:
            argv = ("--model", MODEL) + argv
        return self.run_program("transcribe", *argv, **kwargs)

    def sentences(self, done):
        """What it complained about: the lines that begin with the program's name."""
        return [line[len("amanuensis: "):] for line in done.err.splitlines() if line.startswith("amanuensis: ")]

    def assertFails(self, done, code, pattern):
        """Exit code, and exactly one sentence, which matches."""
        self.assertEqual(done.returncode, code, done.err)
        found = self.sentences(done)
        self.assertEqual(len(found), 1, done.err)
        self.assertRegex(found[0], pattern)

    def assertFine(self, done):
        self.assertEqual(done.returncode, 0, done.err)
        self.assertEqual(self.sentences(done), [])


def main():
    if MODEL and not os.path.isabs(MODEL):
        sys.exit("AM_TEST_MODEL must be an absolute path")
    if not MODEL and os.path.basename(sys.argv[0]) != "cli_use.py":
        print("AM_TEST_MODEL is not set: ./run test does that")
        sys.exit(77)
    if MODEL:
        subprocess.run([PROGRAM, "models", "convert", "-q", MODEL], env={**os.environ, "XDG_CACHE_HOME": CACHE}, check=True)
    unittest.main(verbosity=2)
