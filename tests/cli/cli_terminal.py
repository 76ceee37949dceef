#!/usr/bin/env python3
"""The progress bar: on a terminal only, there whenever the program computes, wiped before any line is printed, gone at
the end.  Runs the program on a pseudo-terminal and shows its bytes on a screen of one line.

SPDX-License-Identifier: MIT"""
import json
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


def last_line(data):
    """What stands in the last line of the screen when these bytes have come."""
    line, column = "", 0
    for part in re.findall(r"\r|\n|\033\[K|[^\r\n\033]+", data):
        if part == "\r":
            column = 0
        elif part == "\n":
            line = ""
        elif part == "\033[K":
            line = line[:column]
        else:
            line = line[:column] + part + line[column + len(part):]
            column += len(part)
    return line


BAR = r"^ *\d+% \[[#.]{30}\] "
LISTENS = BAR + r"listening \.\.\.$"
GOES_ON = BAR + r"\d+:\d\d / 1:30  \d+\.\dx  \d+:\d\d left$"


class Terminal(Case):
    def on_terminal(self, *argv, stdout_too=True, **env):
        try:
            master, slave = pty.openpty()
        except OSError as error:  # a chroot without /dev/pts
            self.skipTest("no pseudo-terminal to be had: %s" % error)
        child = subprocess.Popen([PROGRAM, "transcribe", "--model", MODEL, *argv], cwd=self.folder,
                                 stdin=subprocess.DEVNULL, stdout=slave if stdout_too else subprocess.DEVNULL,
                                 stderr=slave, env=self.environment(**{"TERM": "xterm", **env}))
        os.close(slave)
        self.pauses = []  # what had come when nothing more came for a while
        data, deadline = b"", time.monotonic() + 300
        while time.monotonic() < deadline:
            if not select.select([master], [], [], 0.2)[0]:
                self.pauses.append(data.decode())
            else:
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
            self.assertRegex(bar, "%s|%s" % (LISTENS, GOES_ON))
            self.assertLess(len(bar), 80)
        self.assertRegex(bars[0], LISTENS)
        self.assertTrue(any("left" in bar for bar in bars), bars)
        percent = [int(bar.split("%")[0]) for bar in bars]
        self.assertEqual(percent, sorted(percent))
        for line in lines[:-2]:
            self.assertRegex(line, r"^\[\d\d:\d\d\.\d{3} --> \d\d:\d\d\.\d{3}\]  ?\S")
            self.assertEqual(line.count("-->"), 1)
        self.assertRegex(lines[-2], r"^long\.wav: 90\.0 s of audio")
        self.assertEqual(lines[-1], "")

    def test_bar_stands_while_windows_are_computed(self):
        """Lines come in a burst for each window.  The bar was wiped for the first of them and not drawn again, since
        that was too soon after it had been drawn: there was none while the next window was computed."""
        self.make_long()
        data = self.on_terminal("long.wav", "--batch", "1")
        self.assertIn("left", data)
        waits = [last_line(pause) for pause in self.pauses if "%" in pause and "long.wav:" not in pause]
        first = [line for line in waits if re.match(LISTENS, line)]
        self.assertGreaterEqual(len(first), 1, self.pauses)
        later = [line for line in waits if line not in first]
        self.assertGreaterEqual(len(later), 2, self.pauses)
        for line in later:
            self.assertRegex(line, GOES_ON)
        # The 2nd window begins near 0:28, where the first one's last whole sentence ends, the 3rd near 0:55.
        self.assertGreaterEqual(len({line.split()[2] for line in later}), 2, later)
        for line in later:
            self.assertGreater(int(line.split("%")[0]), 20)

    def test_bar_is_left_alone_when_the_lines_go_elsewhere(self):
        self.make_long()
        data = self.on_terminal("long.wav", stdout_too=False)
        self.assertEqual(data.count("\r\033[K"), 1, data)  # at the end
        self.assertRegex(data, r"left\033\[K\r\033\[Klong\.wav: 90\.0 s of audio[^\r\n]*\r\n$")

    def test_json_ends_its_line_on_a_terminal(self):
        data = self.on_terminal(SPEECH, "-f", "json", "--quiet")
        self.assertRegex(data, r"\}\r\n$")
        found = json.loads(data)
        self.assertEqual(words(found["text"]), SPEECH_WORDS)
        self.assertRegex(self.transcribe(SPEECH, "-f", "json").out, r"\}$")

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
