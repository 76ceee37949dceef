"""What all benchmarks share: where things lie, which machine and commit this is, how a program is run and measured,
and the table its numbers are added to.  Standard library only.

SPDX-License-Identifier: MIT"""
import csv
import datetime
import functools
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import venv

BENCH = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(BENCH)
DATA = os.path.join(BENCH, "data")  # never committed
PROGRAM = os.path.join(ROOT, "build", "release", "cli", "amanuensis")
PYTHON = os.path.join(DATA, "venv", "bin", "python")

SCORING = ["jiwer", "whisper-normalizer"]
PEER = ["faster-whisper"]

COLUMNS = ["date", "commit", "benchmark", "program", "options", "subject", "measure", "value", "unit", "machine"]
# By the last word of a measure: "peak_mb", "cpu_seconds", "times_faster" ...; "_min" and "_max" may follow.
UNITS = {"seconds": "s", "milliseconds": "ms", "mb": "MB", "percent": "%", "points": "points", "words": "words",
         "realtime": "x", "ours": "x", "faster": "x", "speedup": "x", "gmacs": "GMAC/s", "gbs": "GB/s"}


@functools.lru_cache(maxsize=None)
def machine():
    """A name for this processor that is good as a file name: "amd-epyc-f25m17-2cpu"."""
    found = {}
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            key, _, value = line.partition(":")
            found.setdefault(key.strip(), value.strip())
    name = re.sub(r"\(.*?\)|CPU|Processor|@.*", " ", found.get("model name", os.uname().machine))
    name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    family = "-f%sm%s" % (found["cpu family"], found["model"]) if "cpu family" in found else ""
    return "%s%s-%dcpu" % (name, family, len(os.sched_getaffinity(0)))


def git(*args):
    return subprocess.run(["git", "-C", ROOT, *args], capture_output=True, text=True, check=False).stdout.strip()


@functools.lru_cache(maxsize=None)
def commit():
    """Short hash, with "+" when the tree has changes other than results.  As it was at the first call: what is committed
    while a benchmark runs is not what it measures."""
    changes = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results", ":!docs")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changes else "")


def results_path():
    return os.path.join(BENCH, "results", machine() + ".csv")


def unit_of(measure):
    return UNITS[re.sub(r"_(min|max)$", "", measure).rpartition("_")[2]]


def record(benchmark, program, options, subject, **numbers):
    """Append one row per number to bench/results/<machine>.csv."""
    path = results_path()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    new = not os.path.exists(path)
    with open(path, "a", newline="", encoding="utf-8") as f:
        table = csv.writer(f, lineterminator="\n")
        if new:
            table.writerow(COLUMNS)
        day = datetime.date.today().isoformat()
        for measure, value in numbers.items():
            table.writerow([day, commit(), benchmark, program, options, subject, measure, "%.5g" % value, unit_of(measure),
                            machine()])


class Run:
    """One finished run of a program: what it printed, wall and processor seconds, peak resident memory."""

    def __init__(self, argv):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.monotonic()
            child = subprocess.Popen(argv, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            self.seconds = time.monotonic() - start
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            self.stdout = out.read().decode("utf-8", "replace")
            self.stderr = err.read().decode("utf-8", "replace")
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.peak_mb = usage.ru_maxrss / 1024.0  # Linux counts in KiB
        if child.returncode:
            sys.exit("%s%s: exit code %d" % (self.stderr, shlex.join(argv), child.returncode))

    def text(self):
        """Standard output without the "[00:00.000 --> 00:02.000]" that programs put in front of lines."""
        lines = (re.sub(r"^\[[0-9:., >-]+\]\s*", "", line).strip() for line in self.stdout.splitlines())
        return " ".join(line for line in lines if line)


def need_program():
    if not os.access(PROGRAM, os.X_OK):
        sys.exit("%s is not built yet: cmake --preset release && cmake --build --preset release" % PROGRAM)
    return PROGRAM


def need_model(path):
    """The given path, or where `amanuensis models pull base` has the default model."""
    if path:
        return path
    out = subprocess.run([need_program(), "models", "pull", "base"], capture_output=True, text=True, check=True).stdout
    return re.search(r"^base: ready in (.*)$", out, re.M)[1]


def need_packages(packages):
    """Make bench/data/venv with Python packages from the package index, once.  Returns its interpreter."""
    if not os.path.exists(PYTHON):
        print("making %s" % os.path.dirname(os.path.dirname(PYTHON)), file=sys.stderr)
        venv.create(os.path.dirname(os.path.dirname(PYTHON)), with_pip=True)
    stamp = os.path.join(DATA, "venv", "installed-" + "-".join(packages))
    if not os.path.exists(stamp):
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", *packages], check=True)
        with open(stamp, "w", encoding="utf-8"):
            pass
    return PYTHON


def in_venv():
    return os.path.realpath(sys.prefix) == os.path.realpath(os.path.join(DATA, "venv"))


def need_built(name):
    """Path of a benchmark written in C."""
    path = os.path.join(ROOT, "build", "release", "bench", name)
    if not os.access(path, os.X_OK):
        sys.exit("%s is not built yet: cmake --preset release && cmake --build --preset release" % path)
    return path


def our_command(model, audio, language, threads, cpu=None, extra=(), compute=None, batch=None):
    """What is None is left to the program's default."""
    argv = [need_program(), "transcribe", "--model", model, "--language", language, "--threads", str(threads),
            "--progress", "never", "--quiet"]
    for option, value in (("--cpu", cpu), ("--compute", compute), ("--batch", batch)):
        argv += [option, str(value)] if value else []
    return argv + [*extra, audio]


def peer_command(model, audio, language, threads, compute="float32", extra=(), batch=None):
    """`batch`: None for one window after the other, else its batched pipeline."""
    python = need_packages(PEER)
    return [python, os.path.join(BENCH, "faster_whisper_peer.py"), "--model", model, "--language", language, "--threads",
            str(threads), "--compute", compute, *(["--batch", str(batch)] if batch else []), *extra, audio]


def whisper_cpp(path, tool):
    """The program `tool` of whisper.cpp; `path` is the folder of its programs or one of them."""
    found = os.path.join(path if os.path.isdir(path) else os.path.dirname(path), tool)
    if not os.access(found, os.X_OK):
        sys.exit("%s: there is no such program" % found)
    return found


def ggml_name(path):
    """"base-q8_0" for ".../ggml-base-q8_0.bin"."""
    return re.sub(r"^ggml-|\.bin$", "", os.path.basename(path))
