#!/usr/bin/env python3
"""Where results go, under which names, and what happens when they cannot be written.

SPDX-License-Identifier: MIT"""
import json
import os
import re
import resource
import shutil
import subprocess

from cli_case import MODEL, PROGRAM, SPEECH, SPEECH_WORDS, Case, main, silence, speech_samples, wav, words

STEM = os.path.basename(SPEECH)[:-4]
FORMATS = ["txt", "srt", "vtt", "json", "tsv", "lrc"]


class Places(Case):
    def test_one_format_goes_to_stdout(self):
        done = self.transcribe(SPEECH, "-f", "srt")
        self.assertFine(done)
        self.assertRegex(done.out, r"^1\n00:00:00,\d{3} --> 00:00:0[23],\d{3}\nHe was")
        self.assertEqual(self.files(), [])

    def test_all_formats_go_to_files(self):
        done = self.transcribe(SPEECH, "-f", "all")
        self.assertFine(done)
        self.assertEqual(self.files(), sorted(STEM + "." + f for f in FORMATS))
        self.assertEqual(words(done.out), SPEECH_WORDS)
        for name in self.files():
            self.assertIn("ill-disposed", self.read(name), name)
        found = json.loads(self.read(STEM + ".json"))
        self.assertEqual(words(found["text"]), SPEECH_WORDS)
        self.assertEqual(found["language"], "en")
        for key in ("id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio",
                    "no_speech_prob"):
            self.assertIn(key, found["segments"][0])

    def test_quiet_leaves_stdout_alone(self):
        done = self.transcribe(SPEECH, "-f", "txt,json", "--quiet", "-o", "out")
        self.assertEqual((done.out, done.err, done.returncode), ("", "", 0))
        self.assertEqual(self.files("out"), [STEM + ".json", STEM + ".txt"])

    def test_folder_is_made(self):
        self.make("a.wav", silence(1))
        self.assertFine(self.transcribe("a.wav", "-o", "x/y/z/", "-f", "srt,srt"))
        self.assertEqual(self.files("x/y/z"), ["a.srt"])
        self.assertFine(self.transcribe("a.wav", "-o", "x/y/z"))
        self.assertEqual(self.files("x/y/z"), sorted("a." + f for f in FORMATS))

    def test_same_stem_keeps_the_extension(self):
        for name in ("a.wav", "a.wave", "b.c.wav", "plain", ".hidden"):
            self.make(name, silence(1))
        done = self.transcribe("a.wav", "a.wave", "b.c.wav", "plain", ".hidden", "-o", "out", "-f", "txt")
        self.assertFine(done)
        self.assertEqual(self.files("out"), [".hidden.txt", "a.wav.txt", "a.wave.txt", "b.c.txt", "plain.txt"])

    def test_stdin_has_a_name(self):
        self.assertFine(self.transcribe("-", "-f", "txt,srt", input=silence(1)))
        self.assertEqual(self.files(), ["stdin.srt", "stdin.txt"])

    def test_old_result_is_replaced(self):
        self.make("a.wav", silence(1))
        self.make("a.json", "old " * 1000)
        self.make("a.txt", "old")
        self.assertFine(self.transcribe("a.wav", "-f", "json,txt"))
        self.assertEqual(json.loads(self.read("a.json"))["segments"], [])
        self.assertEqual(self.read("a.txt"), "")

    def test_old_result_stays_when_there_is_no_new_one(self):
        self.make("a.wav", b"")
        self.make("a.txt", "old")
        self.assertEqual(self.transcribe("a.wav", "-f", "txt,srt").returncode, 2)
        self.assertEqual(self.files(), ["a.txt", "a.wav"])
        self.assertEqual(self.read("a.txt"), "old")

    def make_cut(self):
        """A recording that ends before its header says so."""
        self.make("cut.wav", wav(speech_samples(), claimed=1000000))

    def test_old_result_stays_when_the_new_one_is_partial(self):
        self.make_cut()
        self.make("cut.txt", "old")
        done = self.transcribe("cut.wav", "-f", "txt,srt")
        self.assertEqual(done.returncode, 2)
        said = self.sentences(done)
        self.assertEqual(len(said), 2, done.err)
        kept = re.match(r'"cut\.wav": what was done is kept in (cut\.txt\.part-\d+), and the older result stays$', said[1])
        self.assertTrue(kept, done.err)
        self.assertEqual(self.read("cut.txt"), "old")
        self.assertEqual(words(self.read(kept[1])), SPEECH_WORDS)
        self.assertEqual(self.files(), ["cut.srt", "cut.txt", kept[1], "cut.wav"])

    def test_partial_result_is_published_where_there_is_no_older_one(self):
        self.make_cut()
        self.assertEqual(self.transcribe("cut.wav", "-f", "txt,srt").returncode, 2)
        self.assertEqual(self.files(), ["cut.srt", "cut.txt", "cut.wav"])

    def test_temporary_name_that_is_taken(self):
        """By what an earlier process of the same number kept: in a container every one may be number 1."""
        self.make("a.wav", silence(1))

        def take():
            name = "a.txt.part-%d" % os.getpid()
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
                f.write("kept")
        self.assertFine(self.transcribe("a.wav", "-f", "txt,srt", preexec_fn=take))
        taken = [name for name in self.files() if ".part-" in name]
        self.assertEqual(self.files(), ["a.srt", "a.txt"] + taken + ["a.wav"])
        self.assertEqual([self.read(name) for name in taken], ["kept"])

    def test_several_inputs_on_stdout_can_be_told_apart(self):
        self.make("quiet.wav", silence(1))
        shutil.copy(SPEECH, self.path("talk.wav"))
        done = self.transcribe("talk.wav", "missing.wav", "quiet.wav", "./talk.wav")
        self.assertEqual(done.returncode, 2)
        line = self.transcribe("talk.wav").out
        self.assertNotIn("==>", line)
        self.assertEqual(done.out, "==> talk.wav <==\n%s\n==> quiet.wav <==\n\n==> ./talk.wav <==\n%s" % (line, line))
        self.assertNotIn("talk.wav:\n", done.err)

    def test_input_is_not_overwritten(self):
        self.make("a.txt", silence(1))
        done = self.transcribe("a.txt", "-f", "srt,txt")
        self.assertFails(done, 5, r'^cannot write "a\.txt": it is the input$')
        self.assertEqual(self.files(), ["a.txt"])

    def test_no_timestamps_is_plain_text(self):
        self.assertRegex(self.transcribe(SPEECH, "--no-timestamps").out, r"^He was not an ill-disposed young man\.\n$")

    def test_verbose_only_adds_to_stderr(self):
        self.make("a.wav", silence(1))
        self.assertEqual(self.transcribe("a.wav", "--verbose").out, "")


class Failures(Case):
    def test_full_disk_on_stdout(self):
        with open("/dev/full", "wb") as full:
            done = self.transcribe(SPEECH, stdout=full)
        self.assertFails(done, 5, "^cannot write to standard output: No space left on device$")

    def test_closed_stdout(self):
        done = self.transcribe(SPEECH, stdout=None, preexec_fn=lambda: os.close(1))
        self.assertFails(done, 5, "^cannot write to standard output: Bad file descriptor$")

    def closed_pipe(self):
        read, write = os.pipe()
        os.close(read)
        self.addCleanup(os.close, write)
        return write

    def test_reader_that_left_is_no_cause_for_words(self):
        done = self.transcribe(SPEECH, SPEECH, stdout=self.closed_pipe())
        self.assertEqual(done.returncode, 5)
        self.assertEqual(done.err, "")
        self.assertEqual(self.transcribe(SPEECH, stdout=self.closed_pipe()).err, "")

    def test_reader_that_left_does_not_hurt_files(self):
        done = self.transcribe(SPEECH, "-o", "out", "-f", "txt", stdout=self.closed_pipe())
        self.assertEqual((done.returncode, self.sentences(done)), (5, []))
        self.assertEqual(words(self.read("out/" + STEM + ".txt")), SPEECH_WORDS)

    def test_closed_descriptors_do_not_hurt_files(self):
        def close_all():
            os.close(0)
            os.close(1)
        self.make("a.wav", silence(1))
        done = self.transcribe("a.wav", "-f", "json,srt", "--quiet", stdout=None, stdin=None, preexec_fn=close_all)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertEqual(json.loads(self.read("a.json"))["segments"], [])

    def test_full_disk_on_files(self):
        """A file size limit stands in for a full disk: writing fails in the middle."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        done = self.transcribe(SPEECH, "-f", "txt,srt", preexec_fn=limit)
        self.assertEqual(done.returncode, 5)
        self.assertEqual(sorted(self.sentences(done)), ['cannot write "%s.%s": File too large' % (STEM, f)
                                                        for f in ("srt", "txt")])
        self.assertEqual(words(done.out), SPEECH_WORDS)
        self.assertEqual(self.files(), [])

    def test_folder_that_cannot_be_made(self):
        self.make("file", "")
        done = self.transcribe(SPEECH, "-o", "file/out")
        self.assertFails(done, 5, r'^cannot make the output folder "file/out": Not a directory$')

    def test_folder_that_takes_no_files(self):
        folder = "/proc/self"  # root may write into any ordinary folder
        if os.geteuid() != 0:
            folder = self.path("locked")
            os.mkdir(folder, 0o555)
        done = self.transcribe(SPEECH, "-o", folder, "-f", "srt")
        self.assertFails(done, 5, r'^cannot write "%s/%s\.srt": \w+' % (re.escape(folder), re.escape(STEM)))
        self.assertEqual(done.out, "")

    def test_name_that_is_taken_by_a_folder(self):
        self.make("a.wav", silence(1))
        os.mkdir(self.path("a.srt"))
        done = self.transcribe("a.wav", "-f", "srt,txt")
        self.assertFails(done, 5, r'^cannot write "a\.srt": Is a directory$')
        self.assertEqual(self.files(), ["a.srt", "a.wav"])  # told before the work, not after it

    def test_lines_come_as_they_are_recognised(self):
        """The first line is there while the program still waits for more input."""
        with open(SPEECH, "rb") as f:
            speech = f.read()[44:]
        child = subprocess.Popen([PROGRAM, "transcribe", "--model", MODEL, "--raw", "s16le,16000,1", "-"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            child.stdin.write(speech + bytes(32000 * 45))
            child.stdin.flush()
            self.assertEqual(words(child.stdout.readline().decode()), SPEECH_WORDS)
            child.stdin.close()
            self.assertEqual(child.wait(timeout=120), 0)
        finally:
            child.kill()
            child.wait()
            child.stdout.close()


if __name__ == "__main__":
    main()
