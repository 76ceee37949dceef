#!/usr/bin/env python3
"""Inputs good and bad.  Bad ones: one sentence that names the file, exit code 2, and whatever could be read of them is
still transcribed.  Good ones: the words of the book, from every container and from standard input.

SPDX-License-Identifier: MIT"""
import math
import os
import struct
import subprocess

from cli_case import SPEECH, SPEECH_WORDS, Case, main, pcm16, silence, speech_samples, wav, words


def ffmpeg(*argv):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *argv], check=True)


class Refused(Case):
    """Nothing can be read at all."""

    def assertRefused(self, name, pattern, *argv):
        done = self.transcribe(name, *argv)
        self.assertFails(done, 2, pattern)
        self.assertIn(name, done.err)
        self.assertEqual(done.out, "")
        self.assertEqual(len(done.err.splitlines()), 1)

    def test_missing(self):
        self.assertRefused("missing.wav", "No such file")

    def test_folder(self):
        os.mkdir(self.path("folder.wav"))
        self.assertRefused("folder.wav", "directory")

    def test_unreadable(self):
        os.chmod(self.make("secret.wav", silence(1)), 0)
        if os.access(self.path("secret.wav"), os.R_OK):
            self.skipTest("this user may read everything")
        self.assertRefused("secret.wav", "Permission denied")

    def test_empty(self):
        self.make("empty.wav", b"")
        self.assertRefused("empty.wav", "empty")

    def test_not_audio(self):
        self.make("letter.txt", "Dear Sir,\nthis is not a recording.\n" * 50)
        self.assertRefused("letter.txt", "not|no audio")
        self.make("noise.mp3", bytes((i * 7919 >> 3) & 255 for i in range(5000)))
        self.assertFails(self.transcribe("noise.mp3"), 2, "noise.mp3")

    def test_no_audio_stream(self):
        ffmpeg("-f", "lavfi", "-i", "color=s=16x16:d=0.2", self.path("mute.mkv"))
        self.assertRefused("mute.mkv", "audio")

    def test_no_samples(self):
        self.make("none.wav", wav(b""))
        self.assertRefused("none.wav", "no .*samples")

    def test_header_only(self):
        self.make("head.wav", silence(1)[:30])
        self.assertFails(self.transcribe("head.wav"), 2, "head.wav")

    def test_offset_behind_the_end(self):
        self.make("short.wav", silence(2))
        self.assertRefused("short.wav", "100", "--offset", "1:40")

    def test_bad_raw_format(self):
        self.make("x.pcm", bytes(100))
        for raw in ("s16le", "s16le,0,1", "s17le,16000,1", "s16le,16000,0", "s16le,16000,1,1"):
            done = self.transcribe("x.pcm", "--raw", raw)
            self.assertFails(done, 1, raw.split(",")[0])

    def test_control_bytes_in_a_name_do_not_reach_the_terminal(self):
        done = self.transcribe("bad\033[2Jname\n.wav")
        self.assertFails(done, 2, "name")
        self.assertNotIn("\033", done.err)


class Damaged(Case):
    """Something can be read: it is transcribed, the damage is told, the exit code says so."""

    def test_truncated_keeps_its_words(self):
        data = speech_samples()
        self.make("cut.wav", wav(data, claimed=2 * len(data)))
        done = self.transcribe("cut.wav")
        self.assertFails(done, 2, r'"cut\.wav"')
        self.assertEqual(words(done.out), SPEECH_WORDS)

    def test_not_numbers(self):
        samples = struct.unpack("<%dh" % (len(speech_samples()) // 2), speech_samples())
        floats = [s / 32768 for s in samples]
        floats[100], floats[200], floats[-5] = math.nan, math.inf, -math.inf
        self.make("nan.wav", wav(struct.pack("<%df" % len(floats), *floats), bits=32, fmt=3))
        done = self.transcribe("nan.wav")
        self.assertFails(done, 2, r'^"nan\.wav": 3 samples are not numbers')
        self.assertEqual(words(done.out), SPEECH_WORDS)

    def test_others_are_still_done(self):
        self.make("quiet.wav", silence(1))
        self.make("empty.wav", b"")
        done = self.transcribe("gone.wav", SPEECH, "empty.wav", "quiet.wav", "-f", "txt")
        self.assertEqual(done.returncode, 2)
        said = self.sentences(done)
        self.assertEqual(len(said), 3, done.err)
        self.assertIn("gone.wav", said[0])
        self.assertIn("empty.wav", said[1])
        self.assertEqual(said[2], "2 of 4 files failed:")
        summary = done.err.splitlines()[-2:]
        self.assertRegex(summary[0], r'^  gone\.wav: .*No such file')
        self.assertRegex(summary[1], r'^  empty\.wav: .*empty')
        stem = os.path.basename(SPEECH)[:-4]
        self.assertEqual([f for f in self.files() if f.endswith(".txt")], ["quiet.txt", stem + ".txt"])
        self.assertEqual(words(self.read(stem + ".txt")), SPEECH_WORDS)


class Silent(Case):
    """No speech is no failure."""

    def assertSilent(self, name, *argv):
        done = self.transcribe(name, *argv)
        self.assertFine(done)
        self.assertEqual(done.out, "")
        self.assertEqual(done.err.splitlines()[0], '"%s": no speech found' % name)
        return done

    def test_silence(self):
        self.make("silence.wav", silence(5))
        done = self.assertSilent("silence.wav")
        self.assertRegex(done.err.splitlines()[1], r"^silence\.wav: 5\.0 s of audio in ")

    def test_ten_milliseconds(self):
        self.make("ten.wav", silence(0.01))
        self.assertSilent("ten.wav")
        tone = pcm16([int(8000 * math.sin(i / 3)) for i in range(160)])
        self.make("tone.wav", wav(tone))
        self.assertEqual(self.transcribe("tone.wav").returncode, 0)

    def test_one_sample(self):
        self.make("one.wav", wav(pcm16([0])))
        self.assertSilent("one.wav")

    def test_twelve_hours_of_zeros(self):
        """Streamed: as fast as it is read, in bounded memory."""
        seconds = 12 * 3600
        head = wav(b"", claimed=seconds * 32000)
        self.make("zeros.wav", head)
        os.truncate(self.path("zeros.wav"), len(head) + seconds * 32000)
        done = self.assertSilent("zeros.wav")
        self.assertIn("zeros.wav: 43200.0 s of audio", done.err)


class Good(Case):
    def test_words_and_report(self):
        done = self.transcribe(SPEECH, "--threads", "2")
        self.assertFine(done)
        self.assertEqual(words(done.out), SPEECH_WORDS)
        self.assertRegex(done.out, r"^\[00:00\.\d00 --> 00:0[23]\.\d[02468]0\]  ?He was")
        self.assertRegex(done.err, r"^\S+-0880\.wav: 3\.0 s of audio in \d+\.\d s \(\d+\.\dx realtime\), "
                                   r"language en \(p [01]\.\d\d\), model base int8 on \w+, 2 threads\n$")

    def test_containers(self):
        for name, codec in [("a.opus", "libopus"), ("b.mkv", "flac"), ("c.m4a", "aac")]:
            with self.subTest(name):
                ffmpeg("-i", SPEECH, "-c:a", codec, self.path(name))
                done = self.transcribe(name, "--language", "en")
                self.assertFine(done)
                self.assertEqual(words(done.out), SPEECH_WORDS)

    def test_film(self):
        ffmpeg("-f", "lavfi", "-i", "color=s=16x16:d=3", "-i", SPEECH, "-ar", "48000", "-ac", "2", self.path("film.mkv"))
        # in f32: a test of what is read; in int8 one of its seven words sounds a little different after Vorbis
        self.assertEqual(words(self.transcribe("film.mkv", "--compute", "f32").out), SPEECH_WORDS)

    def test_standard_input(self):
        with open(SPEECH, "rb") as f:
            done = self.transcribe("-", stdin=f)
        self.assertFine(done)
        self.assertEqual(words(done.out), SPEECH_WORDS)
        self.assertRegex(done.err, r"^stdin: 3\.0 s of audio")

    def test_pipe(self):
        with open(SPEECH, "rb") as f:
            done = self.transcribe("-", input=f.read())
        self.assertEqual(words(done.out), SPEECH_WORDS)

    def test_raw_pipe(self):
        done = self.transcribe("--raw", "s16le,16000,1", "-", input=speech_samples())
        self.assertFine(done)
        self.assertEqual(words(done.out), SPEECH_WORDS)

    def test_offset_and_duration(self):
        data = bytes(16000 * 2 * 70) + speech_samples() + bytes(16000 * 2 * 10)
        self.make("late.wav", wav(data))
        done = self.transcribe("late.wav", "--offset", "1:10", "--duration", "4", "-f", "lines")
        self.assertFine(done)
        self.assertEqual(words(done.out), SPEECH_WORDS)
        self.assertRegex(done.out, r"^\[01:10\.")
        self.assertIn("4.0 s of audio", done.err)

    def test_same_words_with_other_settings(self):
        for argv in (["--cpu", "avx2"], ["--threads", "1"], ["--no-timestamps"], ["--language", "english"],
                     ["--device", "cpu", "--compute", "f32"]):
            with self.subTest(argv):
                done = self.transcribe(SPEECH, *argv)
                if "avx2" in argv and done.returncode == 4:
                    self.skipTest("no AVX2 here")
                self.assertFine(done)
                self.assertEqual(words(done.out), SPEECH_WORDS)


if __name__ == "__main__":
    main()
