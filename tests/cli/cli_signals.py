#!/usr/bin/env python3
"""Ctrl-C and SIGTERM in the middle of a long recording: what is done is kept, whole.

SPDX-License-Identifier: MIT"""
import json
import os
import re
import signal
import subprocess
import time

from cli_case import MODEL, PROGRAM, Case, main, silence, speech_samples, wav


class Signals(Case):
    def setUp(self):
        super().setUp()
        # 10 minutes: the 3 s of speech and 2 s of silence, again and again.
        self.make("long.wav", wav((speech_samples() + bytes(64320)) * 120))

    def start(self, *argv, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        child = subprocess.Popen([PROGRAM, "transcribe", "--model", MODEL, *argv], cwd=self.folder,
                                 env=self.environment(), bufsize=0, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, **kwargs)
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def interrupt_after_first_line(self, number, *argv):
        child = self.start(*argv)
        first = child.stdout.readline()
        while first.startswith(b"==>") or first == b"\n":  # above each of several inputs
            first = child.stdout.readline()
        self.assertTrue(first)
        sent = time.monotonic()
        child.send_signal(number)
        rest, err = child.communicate(timeout=60)
        self.assertLess(time.monotonic() - sent, 30)
        self.assertEqual(child.returncode, 130, err)
        return (first + rest).decode(), err.decode()

    def check_kept(self, number):
        out, err = self.interrupt_after_first_line(number, "long.wav", "never.wav", "-f", "json,srt,txt", "-o", "out")
        said = [line for line in err.splitlines() if line.startswith("amanuensis: ")]
        self.assertEqual(len(said), 1, err)
        self.assertRegex(said[0], r'^amanuensis: interrupted at \d+:\d\d of 10:00 in "long\.wav": what was done is kept$')
        self.assertNotIn("never.wav", err)
        self.assertEqual(self.files("out"), ["long.json", "long.srt", "long.txt"])
        lines = out.splitlines()
        segments = json.loads(self.read("out/long.json"))["segments"]
        self.assertGreaterEqual(len(segments), 1)
        self.assertEqual(len(segments), len(lines))
        self.assertLess(segments[-1]["end"], 590)
        cues = self.read("out/long.srt").strip().split("\n\n")
        self.assertEqual(len(cues), len(lines))
        for i, cue in enumerate(cues, 1):
            self.assertRegex(cue, r"^%d\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}\n\S" % i)
        self.assertEqual(len(self.read("out/long.txt").splitlines()), len(lines))

    def test_ctrl_c_keeps_what_is_done(self):
        self.check_kept(signal.SIGINT)

    def test_sigterm_too(self):
        self.check_kept(signal.SIGTERM)

    def test_json_on_stdout_is_whole(self):
        child = self.start("long.wav", "-f", "json")
        time.sleep(4)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 130, err)
        json.loads(out)

    def test_second_one_ends_at_once(self):
        child = self.start("long.wav")
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)
        sent = time.monotonic()
        child.communicate(timeout=60)
        self.assertEqual(child.returncode, 130)
        self.assertLess(time.monotonic() - sent, 5)

    def start_on_pipe(self, data, *argv):
        """A program that reads `data` from a pipe, which then neither brings more nor ends."""
        source = subprocess.Popen(["sh", "-c", "cat; exec sleep 60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(source.wait)
        self.addCleanup(source.kill)
        child = self.start("-", *argv, stdin=source.stdout)
        source.stdout.close()
        source.stdin.write(data)
        source.stdin.close()
        return child

    def interrupt(self, child):
        """SIGINT, once; what it then says on standard error."""
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
        self.assertLess(time.monotonic() - sent, 2, err)
        self.assertEqual(child.returncode, 130, err)
        return err.decode()

    def test_while_waiting_for_more(self):
        with open(self.path("long.wav"), "rb") as f:
            child = self.start_on_pipe(f.read(1300000), "-f", "srt", "-o", "io")  # 40 s: one window and a piece
        self.assertTrue(child.stdout.readline())
        time.sleep(1)
        err = self.interrupt(child)
        self.assertRegex(err, r'^amanuensis: interrupted at 0:[23]\d of 10:00 in "stdin": what was done is kept\n$')
        self.assertEqual(self.files("io"), ["stdin.srt"])
        cues = self.read("io/stdin.srt").strip().split("\n\n")
        self.assertGreaterEqual(len(cues), 3)
        for i, cue in enumerate(cues, 1):
            self.assertRegex(cue, r"^%d\n00:00:\d\d,\d{3} --> 00:00:\d\d,\d{3}\n\S" % i)

    def test_while_waiting_for_the_first_window(self):
        child = self.start_on_pipe(bytes(32000), "--raw", "s16le,16000,1", "-f", "txt,json", "-o", "out")
        time.sleep(3)
        self.assertEqual(self.interrupt(child), "amanuensis: interrupted\n")
        self.assertEqual(self.files("out"), [])

    def test_while_waiting_for_the_first_byte(self):
        child = self.start_on_pipe(b"", "-f", "txt,json", "-o", "out")
        time.sleep(1)
        self.assertEqual(self.interrupt(child), "amanuensis: interrupted\n")
        self.assertEqual(self.files("out"), [])

    def test_older_result_is_not_replaced_by_a_partial_one(self):
        self.make("out/long.srt", "whole")
        _, err = self.interrupt_after_first_line(signal.SIGINT, "long.wav", "-f", "srt,txt", "-o", "out")
        kept = re.search(r'what was done is kept in (out/long\.srt\.part-\d+), and the older result stays$', err.strip())
        self.assertTrue(kept, err)
        self.assertEqual(self.read("out/long.srt"), "whole")
        self.assertRegex(self.read(kept[1]), r"^1\n00:00:0\d,\d{3} --> [^\n]*\n\S(.|\n)*\n$")
        self.assertEqual(self.files("out"), ["long.srt", os.path.basename(kept[1]), "long.txt"])

    def test_done_files_stay(self):
        self.make("first.wav", silence(1))
        self.interrupt_after_first_line(signal.SIGINT, "first.wav", "long.wav", "-f", "txt")
        self.assertIn("first.txt", self.files())
        self.assertIn("long.txt", self.files())


if __name__ == "__main__":
    main()
