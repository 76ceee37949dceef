"""The speech the benchmarks run on: real recordings with human transcripts, as the distribution packages them.

  en es fr it ru   telephone prompts (asterisk-core-sounds-LANG-wav, texts in asterisk-core-sounds-LANG), 8 kHz
  librivox         a reader of "Sense and Sensibility" (pocketsphinx-testdata), 16 kHz

Each language becomes one file of about ten minutes: prompts of at least 4 s in the order of the text file, 0.6 s of
silence between.  Left out are texts with brackets, which describe a sound or hold words that may not be spoken, and lines
of the text file that lost their line breaks and hold the names and texts of several prompts.
Packages that are not installed are downloaded and unpacked below bench/data; nothing is installed.

SPDX-License-Identifier: MIT"""
import glob
import gzip
import os
import re
import subprocess
import sys
import wave

from common import DATA

LANGUAGES = ["en", "es", "fr", "it", "ru"]
MIN_SECONDS, GAP_SECONDS, TOTAL_SECONDS = 4.0, 0.6, 600.0


def need_packages(prefix, packages, pattern):
    """The first of `prefix` (may be None), / and bench/data/packages that has a file like `pattern`; downloads into the last."""
    unpacked = os.path.join(DATA, "packages")
    for root in [prefix or "/", "/", unpacked]:
        if glob.glob(os.path.join(root, pattern)):
            return root
    os.makedirs(unpacked, exist_ok=True)
    print("downloading %s" % " ".join(packages), file=sys.stderr)
    if subprocess.run(["apt-get", "-q", "download", *packages], cwd=unpacked, stdout=sys.stderr).returncode:
        sys.exit("could not download them; install them yourself: apt-get install %s" % " ".join(packages))
    for name in packages:
        for deb in glob.glob(os.path.join(unpacked, name + "_*.deb")):
            subprocess.run(["dpkg-deb", "-x", deb, unpacked], check=True)
    return unpacked


def read_wav(path):
    """(rate, bytes) of a mono 16-bit file."""
    with wave.open(path) as w:
        if (w.getnchannels(), w.getsampwidth()) != (1, 2):
            sys.exit("%s is not mono 16-bit" % path)
        return w.getframerate(), w.readframes(w.getnframes())


def prompts(root, language):
    """(text, WAV path) in the order of the package's text file."""
    text = os.path.join(root, "usr/share/doc/asterisk-core-sounds-%s/core-sounds-%s.txt.gz" % (language, language))
    folders = glob.glob(os.path.join(root, "usr/share/asterisk/sounds", language + "_*"))
    with gzip.open(text, "rt", encoding="utf-8-sig") as f:
        for line in f:
            name, colon, words = line.strip().partition(":")
            if not colon or line.startswith(";"):
                continue
            for folder in folders:
                path = os.path.join(folder, name.strip() + ".wav")
                if words.strip() and not re.search(r"[\[\](){}<>]|\w-\w+ ?:", words) and os.path.exists(path):
                    yield words.strip(), path
                    break


def librivox(root):
    folder = os.path.join(root, "usr/share/pocketsphinx/test/data/librivox")
    with open(os.path.join(folder, "transcription"), encoding="utf-8") as f:
        for line in f:
            found = re.match(r"<s> (.*) </s> \((.*)\)", line)
            if found:
                yield found[1], os.path.join(folder, found[2] + ".wav")


def join(pairs, min_seconds):
    """One recording and its text out of (text, path) pairs."""
    pcm, words, rate = bytearray(), [], None
    for text, path in pairs:
        this_rate, samples = read_wav(path)
        rate = rate or this_rate
        if this_rate != rate:
            sys.exit("%s has %d Hz, others %d Hz" % (path, this_rate, rate))
        if len(samples) < min_seconds * rate * 2:
            continue
        gap = bytes(int(GAP_SECONDS * rate) * 2) if pcm else b""
        if len(pcm) + len(gap) + len(samples) > TOTAL_SECONDS * rate * 2:
            break
        pcm += gap + samples
        words.append(text)
    return rate, pcm, " ".join(words)


def need_speech(name, prefix=None):
    """Paths of the recording `name` ("en" .. "ru", "librivox") and its transcript, made when missing."""
    wav, txt = (os.path.join(DATA, "speech", name + ext) for ext in (".wav", ".txt"))
    if not os.path.exists(txt):
        if name == "librivox":
            root = need_packages(prefix, ["pocketsphinx-testdata"], "usr/share/pocketsphinx/test/data/librivox/*.wav")
            rate, pcm, text = join(librivox(root), 0)
        else:
            packages = ["asterisk-core-sounds-%s%s" % (name, kind) for kind in ("-wav", "")]
            root = need_packages(prefix, packages, "usr/share/asterisk/sounds/%s_*/*.wav" % name)
            rate, pcm, text = join(prompts(root, name), MIN_SECONDS)
        os.makedirs(os.path.dirname(wav), exist_ok=True)
        with wave.open(wav, "wb") as w:
            w.setparams((1, 2, rate, 0, "NONE", ""))
            w.writeframes(pcm)
        with open(txt, "w", encoding="utf-8") as f:
            f.write(text + "\n")
    return wav, txt


def seconds(path):
    with wave.open(path) as w:
        return w.getnframes() / w.getframerate()


if __name__ == "__main__":
    for each in LANGUAGES + ["librivox"]:
        recording, transcript = need_speech(each, *sys.argv[1:2])
        with open(transcript, encoding="utf-8") as f:
            print("%-9s %6.1f s %5d words  %s" % (each, seconds(recording), len(f.read().split()), recording))
