#!/usr/bin/env python3
"""The progress bar: on a terminal only, wiped before any line is printed, gone at the end.  Runs the program on a
pseudo-terminal and shows its bytes on a screen of one line.

SPDX-License-Identifier: MIT"""
import os
import pty
import re
import select
import subprocess
import time

from cli_case import MODEL, PROGRAM, SPEECH, SPEECH_WORDS, Case, main, speech_samples, wav, words


def screen(data):
    """The lines a person sees in the end, and everything that was ever in the last line before it was overwritten."""
    lines, seen, current = [], [], ""
    for part in re.split(r"(\r\n|\n|\r|\033\[K)", data):
        if part in ("\r\n", "\n"):
            lines.append(current)
            current = ""
        elif part == "\r":
            seen.append(current)
            current = ""
        elif part == "\033[K":
            pass
        else:
            current += part
    return lines + [current], seen


class Terminal(Case):
    def on_terminal(self, *argv, stdout_too=True, **env):
        master, slave = pty.openpty()
        child = subprocess.Popen([PROGRAM, "transcribe", "--model", MODEL, *argv], cwd=self.folder,
                                 stdin=subprocess.DEVNULL, stdout=slave if stdout_too else subprocess.DEVNULL,
                                 stderr=slave, env=self.environment(**{"TERM": "xterm", **env}))
        os.close(slave)
        data, deadline = b"", time.monotonic() + 300
        while time.monotonic() < deadline:
            if select.select([master], [], [], 1)[0]:
                try:
                    more = os.read(master, 65536)
                except OSError:  # EIO: the other side was closed
                    break
                if not more:
                    break
                data += more
        os.close(master)
        self.assertEqual(child.wait(timeout=60), 0, data)
        return data.decode()

    def make_long(self):
        return self.make("long.wav", wav((speech_samples() + bytes(64320)) * 18))  # 90 s, three windows

    def test_bar(self):
        self.make_long()
        data = self.on_terminal("long.wav")
        lines, seen = screen(data)
        bars = [line for line in seen if "[" in line and "%" in line]
        self.assertGreaterEqual(len(bars), 2, data)
        for bar in bars:
            self.assertRegex(bar, r"^ *\d+% \[[#.]*\] \d+:\d\d / 1:30(  \d+\.\dx  \d+:\d\d left)?$")
            self.assertLess(len(bar), 80)
        self.assertTrue(any("left" in bar for bar in bars), bars)
        percent = [int(bar.split("%")[0]) for bar in bars]
        self.assertEqual(percent, sorted(percent))
        for line in lines[:-2]:
            self.assertRegex(line, r"^\[\d\d:\d\d\.\d{3} --> \d\d:\d\d\.\d{3}\]  ?\S")
            self.assertEqual(line.count("-->"), 1)
        self.assertRegex(lines[-2], r"^long\.wav: 90\.0 s of audio")
        self.assertEqual(lines[-1], "")

    def test_no_bar(self):
        self.make_long()
        for argv, env in [(["--progress", "never"], {}), (["--quiet"], {}), ([], {"TERM": "dumb"}), ([], {"TERM": None})]:
            with self.subTest(argv=argv, env=env):
                data = self.on_terminal(SPEECH, *argv, **env)
                self.assertNotIn("%", data)
                self.assertNotIn("\033", data)
                self.assertIn(SPEECH_WORDS, words(data.replace("\r", "")))

    def test_no_bar_in_a_pipe(self):
        done = self.transcribe(SPEECH, env=self.environment(TERM="xterm"))
        self.assertNotIn("\r", done.err + done.out)
        self.assertEqual(len(done.err.splitlines()), 1)


if __name__ == "__main__":
    main()
