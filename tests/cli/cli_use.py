#!/usr/bin/env python3
"""Help texts to the letter, and every way to say it wrong: exit code 1, one exact sentence, nothing on stdout.

The help texts are in expected/; a change of an option is made there too.

SPDX-License-Identifier: MIT"""
import os

from cli_case import Case, main, silence

HELP = {
    "help.txt": ["--help"],
    "help_transcribe.txt": ["transcribe", "--help"],
    "help_models.txt": ["models", "--help"],
    "help_models_pull.txt": ["models", "pull", "--help"],
    "help_version.txt": ["version", "--help"],
}

# What was typed -> the sentence.
BAD_USE = [
    (["transcrib", "a"], 'unknown command "transcrib": did you mean "transcribe"?'),
    (["frobnicate"], 'unknown command "frobnicate": it is one of transcribe|models|version|help'),
    (["--verison"], 'unknown option "--verison": did you mean "version"?'),
    (["here.wav"], '"here.wav" is not a command; to transcribe it: amanuensis transcribe "here.wav"'),
    (["help", "nothing"], 'unknown command "nothing": it is one of transcribe|models|version|help'),
    (["version", "now"], 'version takes no arguments, not "now"'),
    (["transcribe"], "transcribe what? Name a file, or - for standard input"),
    (["transcribe", ""], "a file name is empty"),
    (["transcribe", "-", "-"], "standard input (-) can be read only once"),
    (["transcribe", "a", "--modle", "base"], 'unknown option "--modle": did you mean "--model"?'),
    (["transcribe", "a", "--output"], 'unknown option "--output": did you mean "--output-format"?'),
    (["transcribe", "a", "--output_dir=x"], 'unknown option "--output_dir": did you mean "--output-dir"?'),
    (["transcribe", "a", "--lange", "en"], 'unknown option "--lange": see "amanuensis transcribe --help"'),
    (["transcribe", "a", "--beam-size", "5"], 'option "--beam-size" is not in this version'),
    (["transcribe", "a", "--beam_size=5"], 'option "--beam_size" is not in this version'),
    (["transcribe", "a", "--best-of", "5"], 'option "--best-of" is not in this version'),
    (["transcribe", "a", "--temperature", "0"], 'option "--temperature" is not in this version'),
    (["transcribe", "a", "--vad-filter"], 'option "--vad-filter" is not in this version'),
    (["transcribe", "a", "--word-timestamps"], 'option "--word-timestamps" is not in this version'),
    (["transcribe", "a", "--word_timestamps", "True"], 'option "--word_timestamps" is not in this version'),
    (["transcribe", "a", "--duration", "0"], "--duration 0: nothing to transcribe"),
    (["transcribe", "a", "--duration", "0:00.0"], "--duration 0: nothing to transcribe"),
    (["transcribe", "a", "--zzz"], 'unknown option "--zzz": see "amanuensis transcribe --help"'),
    (["transcribe", "a", "-z"], 'unknown option "-z": see "amanuensis transcribe --help"'),
    (["transcribe", "a", "-qx"], 'unknown option "-qx": see "amanuensis transcribe --help"'),
    (["transcribe", "a", "--quiet=yes"], 'option "--quiet" takes no value'),
    (["transcribe", "a", "--model"], 'option "--model" needs a value (NAME|PATH)'),
    (["transcribe", "a", "--model="], 'option "--model" needs a value that is not empty (NAME|PATH)'),
    (["transcribe", "a", "--task", "sing"], 'unknown value of --task "sing": it is one of transcribe|translate'),
    (["transcribe", "a", "--task", "translat"], 'unknown value of --task "translat": did you mean "translate"?'),
    (["transcribe", "a", "--device", "npu9"], 'unknown value of --device "npu9": it is one of auto|cpu'),
    (["transcribe", "a", "--cpu", "avx3"], 'unknown value of --cpu "avx3": did you mean "avx2"?'),
    (["transcribe", "a", "--compute", "f64"], 'unknown value of --compute "f64": it is one of auto|int8|f32'),
    (["transcribe", "a", "--progress", "x"], 'unknown value of --progress "x": it is one of auto|never'),
    (["transcribe", "a", "--threads", "0"], 'option "--threads" wants a whole number from 1 to 256, not "0"'),
    (["transcribe", "a", "--threads", "-1"], 'option "--threads" wants a whole number from 1 to 256, not "-1"'),
    (["transcribe", "a", "-t2x"], 'option "--threads" wants a whole number from 1 to 256, not "2x"'),
    (["transcribe", "a", "-t", "99999999999999999999"],
     'option "--threads" wants a whole number from 1 to 256, not "99999999999999999999"'),
    (["transcribe", "a", "--offset", "1:60"], 'option "--offset" wants seconds or [hh:]mm:ss, not "1:60"'),
    (["transcribe", "a", "--offset", "nan"], 'option "--offset" wants seconds or [hh:]mm:ss, not "nan"'),
    (["transcribe", "a", "--offset", "-1"], 'option "--offset" wants seconds or [hh:]mm:ss, not "-1"'),
    (["transcribe", "a", "--offset", "1.5:00"], 'option "--offset" wants seconds or [hh:]mm:ss, not "1.5:00"'),
    (["transcribe", "a", "--offset", "1:2:3:4"], 'option "--offset" wants seconds or [hh:]mm:ss, not "1:2:3:4"'),
    (["transcribe", "a", "--duration", "5s"], 'option "--duration" wants seconds or [hh:]mm:ss, not "5s"'),
    (["transcribe", "a", "-f", "doc"],
     'unknown output format "doc": it is one of all|txt|srt|vtt|json|tsv|lrc|lines'),
    (["transcribe", "a", "-f", "srt,jsn"], 'unknown output format "jsn": did you mean "json"?'),
    (["transcribe", "a", "-f", "srt,"], 'unknown output format "": it is one of all|txt|srt|vtt|json|tsv|lrc|lines'),
    (["transcribe", "x/a.wav", "y/a.wav", "-f", "srt"],
     '"x/a.wav" and "y/a.wav" would both be written as "a.wav.srt": transcribe them one at a time, each with its own '
     '--output-dir'),
    (["models", "lst"], 'unknown action of "models" "lst": did you mean "list"?'),
    (["models", "pull"], 'models pull needs a name; "amanuensis models list" shows them'),
    (["models", "list", "x"], 'models list takes no arguments, not "x"'),
    (["models", "rm", "--all"], 'unknown option "--all": see "amanuensis models rm --help"'),
]


class Use(Case):
    def test_help_to_the_letter(self):
        for name, argv in HELP.items():
            with self.subTest(name):
                done = self.run_program(*argv)
                with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected", name),
                          encoding="utf-8") as f:
                    self.assertEqual(done.out, f.read())
                self.assertEqual((done.err, done.returncode), ("", 0))

    def test_help_has_short_lines_and_no_tabs(self):
        for argv in HELP.values():
            for line in self.run_program(*argv).out.splitlines():
                self.assertLessEqual(len(line), 110, line)
                self.assertEqual(line, line.rstrip())
                self.assertNotIn("\t", line)

    def test_help_lists_the_languages(self):
        codes = self.run_program("transcribe", "--help").out.split("\nLanguages:\n")[1].split()
        # Radford et al. 2022 train on 99 languages; large-v3 added Cantonese.
        self.assertEqual(len(codes), 100)
        self.assertEqual(len(set(codes)), 100)
        for code in ("en", "de", "zh", "haw", "jw", "yue"):
            self.assertIn(code, codes)

    def test_other_ways_to_help(self):
        expected = self.run_program("transcribe", "--help").out
        self.assertEqual(self.run_program("help", "transcribe").out, expected)
        self.assertEqual(self.run_program("transcribe", "-h", "--nonsense").out, expected)
        self.assertEqual(self.run_program("-h").out, self.run_program("help").out)

    def test_nothing_typed_is_bad_use(self):
        for argv in ([], ["models"]):
            done = self.run_program(*argv)
            self.assertEqual((done.returncode, done.out), (1, ""))
            self.assertEqual(done.err, self.run_program(*argv, "--help").out)

    def test_bad_use(self):
        self.make("here.wav", silence(0.1))
        for argv, sentence in BAD_USE:
            with self.subTest(" ".join(argv)):
                done = self.run_program(*argv)
                self.assertEqual(done.err, "amanuensis: %s\n" % sentence)
                self.assertEqual((done.returncode, done.out), (1, ""))

    def test_dashes_end_options(self):
        done = self.run_program("transcribe", "--model", self.folder, "--", "--model")
        self.assertFails(done, 2, r'"--model"')

    def test_version(self):
        done = self.run_program("version")
        lines = done.out.splitlines()
        self.assertRegex(lines[0], r"^amanuensis \d+\.\d+\.\d+$")
        self.assertRegex(lines[1], r"^instruction sets: c\b")
        self.assertEqual(self.run_program("--version").out, done.out)

    def test_result_that_cannot_be_written(self):
        for argv in (["--help"], ["version"], ["transcribe", "--help"], ["models", "list"]):
            with self.subTest(argv), open("/dev/full", "wb") as full:
                done = self.run_program(*argv, stdout=full)
                self.assertEqual(done.err, "amanuensis: cannot write to standard output: No space left on device\n")
                self.assertEqual(done.returncode, 5)


if __name__ == "__main__":
    main()
