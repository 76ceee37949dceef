"""The programs that bench/e2e and bench/start compare, each with its options: how it is called, what it says about its
own time, and the loop in which all of them take turns.

SPDX-License-Identifier: MIT"""
import os
import re
import statistics
import wave

import common
import speech

KEYS = ["int8", "int8-b1", "int8-avx2", "f32", "f32-b1", "default", "fw-int8-batch", "fw-int8", "fw-f32", "whisper-cpp"]
ORDINARY = [key for key in KEYS if key != "default"]


class Ours:
    name, is_ours = "amanuensis", True

    def __init__(self, model, compute=None, batch=None, cpu=None):
        self.model, self.compute, self.batch, self.cpu = model, compute, batch, cpu
        self.options = " ".join([compute or "defaults"] + (["batch %d" % batch] if batch else []) + ([cpu] if cpu else []))

    def command(self, audio, language, threads):
        return common.our_command(self.model, audio, language, threads, self.cpu, (), self.compute, self.batch)

    def own_seconds(self, run):
        """Loading and transcribing; ours does not tell them apart, and loading is little."""
        return None, run.seconds


class FasterWhisper:
    name, is_ours = "faster-whisper", False

    def __init__(self, model, compute, batch=None):
        self.model, self.compute, self.batch = model, compute, batch
        self.options = compute + (" batch %d" % batch if batch else "")

    def command(self, audio, language, threads):
        return common.peer_command(self.model, audio, language, threads, self.compute, (), self.batch)

    def own_seconds(self, run):
        """(loading the model, transcribing) as its script measures them: without Python's start and imports."""
        found = re.search(r"load ([\d.]+) s, transcribe ([\d.]+) s", run.stderr)
        return float(found[1]), float(found[2])


class WhisperCpp:
    name, is_ours = "whisper.cpp", False

    def __init__(self, programs, ggml):
        self.cli, self.ggml = common.whisper_cpp(programs, "whisper-cli"), ggml
        self.options = common.ggml_name(ggml)

    def command(self, audio, language, threads):
        return [self.cli, "-m", self.ggml, "-l", language, "-t", str(threads), "-bs", "1", "-bo", "1", "-nf", audio]

    def own_seconds(self, run):
        load, total = (float(re.search(what + r" time = *([\d.]+) ms", run.stderr)[1]) for what in ("load", "total"))
        return load / 1000, (total - load) / 1000


def add_arguments(p):
    """The options both benchmarks have."""
    p.add_argument("--model", help="CTranslate2 folder of the model (default: base, pulled)")
    p.add_argument("--threads", default=str(len(os.sched_getaffinity(0))), help="a number, or several: 1,2")
    p.add_argument("--batch", type=int, default=8, help="windows together where windows are batched (default: 8)")
    p.add_argument("--only", help="some of: %s" % ",".join(KEYS))
    p.add_argument("--whisper-cpp", metavar="PATH", help="folder of whisper.cpp's programs, or its whisper-cli")
    p.add_argument("--ggml", action="append", default=[], metavar="FILE", help="a model for it; may be repeated")


def chosen(args, parser):
    """The programs of --only, or all that can be run."""
    keys = args.only.split(",") if args.only else ORDINARY
    if set(keys) - set(KEYS):
        parser.error("--only knows %s, not %s" % (", ".join(KEYS), ", ".join(sorted(set(keys) - set(KEYS)))))
    if bool(args.whisper_cpp) != bool(args.ggml):
        parser.error("--whisper-cpp and --ggml belong together")
    model, batch = args.model, args.batch
    make = {"int8": lambda: [Ours(model, "int8", batch)], "int8-b1": lambda: [Ours(model, "int8", 1)],
            "int8-avx2": lambda: [Ours(model, "int8", batch, "avx2")], "f32": lambda: [Ours(model, "f32", batch)],
            "f32-b1": lambda: [Ours(model, "f32", 1)], "default": lambda: [Ours(model)],
            "fw-int8-batch": lambda: [FasterWhisper(model, "int8", batch)],
            "fw-int8": lambda: [FasterWhisper(model, "int8")], "fw-f32": lambda: [FasterWhisper(model, "float32")],
            "whisper-cpp": lambda: [WhisperCpp(args.whisper_cpp, ggml) for ggml in args.ggml]}
    found = [program for key in KEYS if key in keys for program in make[key]()]
    if not found:
        parser.error("nothing to run: whisper-cpp needs --whisper-cpp and --ggml")
    return found


def label(program, threads=None):
    return "%s %s%s" % (program.name, program.options, ", %d threads" % threads if threads else "")


def one_second():
    """A file of one second of speech, cut from the prompts once."""
    path = os.path.join(common.DATA, "speech", "en-1s.wav")
    if not os.path.exists(path):
        rate, pcm = speech.read_wav(speech.need_speech("en")[0])
        with wave.open(path + ".part", "wb") as w:
            w.setparams((1, 2, rate, 0, "NONE", ""))
            w.writeframes(pcm[:rate * 2])
        os.rename(path + ".part", path)
    return path


def take_turns(programs, threads, audio, language, n_runs, show=None):
    """{(program, threads): [Run, ...]}: A B C A B C ..., so that a machine that slows down slows all of them.  Before the
    first turn each one transcribes a second that is not counted: files come into the page cache, and ours makes its
    container if it has none yet."""
    for program in programs:
        common.Run(program.command(one_second(), "en", max(threads)))
    runs = {(program, n): [] for n in threads for program in programs}
    for turn in range(n_runs):
        for (program, n), done in runs.items():
            done.append(common.Run(program.command(audio, language, n)))
            if show:
                show(turn, program, n, done[-1])
    return runs


def spread(values):
    """(median, least, greatest)."""
    return statistics.median(values), min(values), max(values)


def ratios(above, below):
    """Spread of the quotients of what was measured in the same turn."""
    return spread([a / b for a, b in zip(above, below)])
