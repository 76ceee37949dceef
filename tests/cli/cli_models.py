#!/usr/bin/env python3
"""The models commands on a cache of their own, and models that are none: exit code 3 and one sentence.

Nothing here downloads: pulling is tested where it can be watched, on a model that is there already.

SPDX-License-Identifier: MIT"""
import os
import resource
import shutil

from cli_case import MODEL, SPEECH, SPEECH_WORDS, Case, main, silence, words


class Models(Case):
    def setUp(self):
        super().setUp()
        self.cache = self.path("cache")
        self.place = os.path.join(self.cache, "amanuensis", "models", "base")
        self.env = self.environment(XDG_CACHE_HOME=self.cache)

    def models(self, *argv, **kwargs):
        return self.run_program("models", *argv, env=self.env, **kwargs)

    def install(self):
        """A copy of the default model, its large file as a link."""
        os.makedirs(self.place)
        for name in os.listdir(MODEL):
            if name == "model.bin":
                os.symlink(os.path.join(os.path.realpath(MODEL), name), os.path.join(self.place, name))
            elif os.path.isfile(os.path.join(MODEL, name)):
                shutil.copy(os.path.join(MODEL, name), self.place)

    def row(self, name):
        done = self.models("list")
        self.assertEqual((done.returncode, done.err), (0, ""))
        rows = [line.split() for line in done.out.splitlines()]
        self.assertEqual(rows[0], ["NAME", "SIZE", "INSTALLED", "CHECKSUM", "CONVERTED", "DESCRIPTION"])
        return [row for row in rows if row and row[0] == name][0]

    def test_list(self):
        self.assertEqual(self.row("base")[:5], ["base", "145", "MB", "no", "pinned"])
        self.assertEqual(self.row("tiny")[:5], ["tiny", "-", "no", "not", "pinned"])
        self.assertIn("(default)", self.models("list").out)
        self.assertTrue(self.models("list").out.endswith("Models are kept in %s/amanuensis\n" % self.cache))
        self.install()
        self.assertEqual(self.row("base")[:5], ["base", "145", "MB", "yes", "pinned"])

    def test_other_names(self):
        self.assertIn('"large" is another name of large-v3, and "turbo" of large-v3-turbo.\n', self.models("list").out)
        self.assertFails(self.models("verify", "large"), 3, '^model "large-v3" is not in the cache')
        self.assertFails(self.models("verify", "turbo"), 3, '^model "large-v3-turbo" is not in the cache')

    def test_pull_without_a_network(self):
        """The proxy is a port where nobody listens."""
        self.env.update({name: "http://127.0.0.1:1" for name in ("http_proxy", "https_proxy", "all_proxy")})
        self.env.update({"no_proxy": "", "NO_PROXY": ""})
        self.assertFails(self.models("pull", "-q", "tiny"), 3, "; transcribe -m PATH takes a model that came from anywhere else$")
        self.assertEqual(self.row("tiny")[2], "no")

    def test_a_file_of_the_same_name_is_not_installed(self):
        self.make("base", "not a model")
        self.assertEqual(self.row("base")[3], "no")

    def test_cache_folder(self):
        home = self.environment(HOME="/home/somebody")
        self.assertIn("Models are kept in /home/somebody/.cache/amanuensis\n",
                      self.run_program("models", "list", env=home).out)
        home["XDG_CACHE_HOME"] = "relative"  # to be ignored, says the specification
        self.assertIn("/home/somebody/.cache/", self.run_program("models", "list", env=home).out)
        homeless = self.environment(HOME=None)
        self.assertFails(self.run_program("models", "list", env=homeless), 3, "neither XDG_CACHE_HOME nor HOME is set")

    def test_installed_model_is_found_by_name(self):
        self.install()
        for argv in ([], ["--model", "base"]):
            done = self.run_program("transcribe", *argv, SPEECH, env=self.env)
            self.assertFine(done)
            self.assertEqual(words(done.out), SPEECH_WORDS)

    def test_not_installed(self):
        done = self.run_program("transcribe", SPEECH, env=self.env)
        self.assertFails(done, 3, "amanuensis models pull base")
        self.assertFails(self.models("rm", "base"), 3, "base")
        self.assertFails(self.models("verify", "base"), 3, "base")
        self.assertFails(self.models("info", "base"), 3, "amanuensis models pull base")

    def test_unknown_name(self):
        for action in ("pull", "rm", "verify"):
            with self.subTest(action):
                self.assertFails(self.models(action, "bass"), 1, r'\bbass\b')
        self.assertFails(self.models("info", "bass"), 3, r'\bbass\b')
        self.assertFails(self.run_program("transcribe", "--model", "bass", SPEECH, env=self.env), 3, r'\bbass\b')

    def test_verify_and_pull_of_what_is_there(self):
        self.install()
        done = self.models("verify", "base")
        self.assertEqual((done.out, done.err, done.returncode), ("base: whole\n", "", 0))
        done = self.models("pull", "base")
        self.assertEqual((done.out, done.err, done.returncode), ("base: ready in %s\n" % self.place, "", 0))
        self.assertEqual(self.models("pull", "--quiet", "base").out, "")

    def test_verify_finds_one_flipped_bit(self):
        self.install()
        os.remove(os.path.join(self.place, "model.bin"))
        shutil.copy(os.path.join(MODEL, "model.bin"), self.place)
        with open(os.path.join(self.place, "model.bin"), "r+b") as f:
            f.seek(100000000)
            byte = f.read(1)[0]
            f.seek(100000000)
            f.write(bytes([byte ^ 1]))
        self.assertFails(self.models("verify", "base"), 3, "model.bin")

    def test_verify_finds_a_short_file(self):
        self.install()
        os.remove(os.path.join(self.place, "model.bin"))
        self.make("cache/amanuensis/models/base/model.bin", "x" * 1000)
        self.assertFails(self.models("verify", "base"), 3, "1,?000")

    def test_rm(self):
        self.install()
        done = self.models("rm", "base")
        self.assertEqual((done.out, done.err, done.returncode), ("base: removed\n", "", 0))
        self.assertEqual(self.row("base")[3], "no")
        self.assertFalse(os.path.exists(self.place))
        self.assertTrue(os.path.exists(os.path.join(MODEL, "model.bin")))

    def test_info(self):
        done = self.models("info", MODEL)
        self.assertEqual((done.err, done.returncode), ("", 0))
        self.assertIn("format       ctranslate2\n", done.out)
        # Radford et al. 2022, table 1: base has 6 + 6 layers of 512, 8 heads, 74 million parameters with positions.
        self.assertRegex(done.out, r"size         base, 7[1-4]\.\d million parameters\n")
        # A byte for each of them, and two more for those of the token embedding: its rows stay exact as well.
        self.assertRegex(done.out, r"memory       13\d MB prepared for \w+ \(computed in int8\)\n")
        self.assertIn("audio        80 mels, 1500 positions, 6 layers of 512, 8 heads\n", done.out)
        self.assertIn("text         51865 tokens, 448 positions, 6 layers of 512, 8 heads\n", done.out)
        self.assertIn("languages    99, translation into English\n", done.out)


class Converted(Case):
    """A cache with a copy of the default model, and what transcribe makes of it."""

    def setUp(self):
        super().setUp()
        self.cache = self.path("cache")
        self.place = os.path.join(self.cache, "amanuensis", "models", "base")
        self.containers = os.path.join(self.cache, "amanuensis", "containers")
        self.env = self.environment(XDG_CACHE_HOME=self.cache)
        os.makedirs(self.place)
        for name in os.listdir(MODEL):
            if os.path.isfile(os.path.join(MODEL, name)):
                os.symlink(os.path.join(os.path.realpath(MODEL), name), os.path.join(self.place, name))

    def models(self, *argv, **kwargs):
        return self.run_program("models", *argv, env=self.env, **kwargs)

    def int8(self, *argv, model="base", **kwargs):
        return self.run_program("transcribe", "--compute", "int8", "--model", model, SPEECH, *argv, env=self.env, **kwargs)

    def assertHears(self, done):
        self.assertEqual(done.returncode, 0, done.err)
        self.assertEqual(words(done.out), SPEECH_WORDS)

    def container(self):
        """The one file in the folder of containers."""
        names = os.listdir(self.containers)
        self.assertEqual(len(names), 1, names)
        self.assertRegex(names[0], r"^base-[0-9a-f]{16}\.am$")
        return os.path.join(self.containers, names[0])

    def test_round_trip(self):
        done = self.models("convert", "base")
        self.assertEqual((done.err, done.returncode), ("", 0))
        container = self.container()
        self.assertRegex(done.out, r"^base: converted into %s, 13\d MB in \d+\.\d s\n$" % container)
        before = os.stat(container)
        done = self.int8("-v")
        self.assertHears(done)
        self.assertNotIn("[info]", done.err)
        self.assertEqual(os.stat(self.container()).st_ino, before.st_ino)
        self.assertEqual(self.models("convert", "-q", "base", "mine.am").out, "")
        with open(container, "rb") as a, open(self.path("mine.am"), "rb") as b:
            self.assertEqual(a.read(), b.read())
        self.assertHears(self.transcribe("--model", "mine.am", SPEECH, env=self.env))
        self.assertIn("computed in int8", self.models("info", "mine.am").out)
        self.assertFails(self.transcribe("--model", "mine.am", "--compute", "f32", SPEECH), 4, "mine.am.*int8")

    def test_transcribe_converts_once(self):
        done = self.int8("-v")
        self.assertHears(done)
        self.assertRegex(done.err, r"\[info\] %s: converted, 13\d MB" % self.container())
        self.assertNotIn("[info]", self.int8("-v").err)
        self.assertIn("pinned yes", " ".join(self.models("list").out.split()))

    def test_damaged_container_is_made_again(self):
        self.models("convert", "base")
        with open(self.container(), "r+b") as f:
            f.seek(50000000)
            byte = f.read(1)[0]
            f.seek(50000000)
            f.write(bytes([byte ^ 64]))
        self.assertFails(self.models("verify", "base"), 3, r"^%s: section \S+ .* checksum" % self.container())
        done = self.int8()
        self.assertHears(done)
        self.assertNotIn("damaged", done.err)  # only -v tells
        self.assertEqual(self.models("verify", "base").out, "base: whole\n")

    def test_changed_model_is_converted_again(self):
        self.models("convert", "base")
        before = os.stat(self.container())
        os.remove(os.path.join(self.place, "config.json"))
        shutil.copy(os.path.join(MODEL, "config.json"), self.place)  # the same words, another time of change
        done = self.int8("-v")
        self.assertHears(done)
        self.assertIn("the model has changed since", done.err)
        self.assertNotEqual(os.stat(self.container()).st_ino, before.st_ino)
        self.assertNotIn("[info]", self.int8("-v").err)

    def test_cache_that_takes_nothing(self):
        self.make("cache/amanuensis/containers", "a file in the way")
        done = self.int8()
        self.assertHears(done)
        self.assertRegex(done.err, r"the converted model is not kept: .*containers")
        self.assertFails(self.models("convert", "base"), 5, "containers")

    def test_full_disk(self):
        """A limit on the size of files stands in for a full disk."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (50000000, 50000000))
        done = self.models("convert", "base", preexec_fn=limit)
        self.assertFails(done, 5, "File too large")
        self.assertEqual(os.listdir(self.containers), [])
        done = self.int8(preexec_fn=limit)
        self.assertHears(done)
        self.assertIn("the converted model is not kept", done.err)
        self.assertEqual(os.listdir(self.containers), [])

    def test_rm_takes_the_container_along(self):
        self.models("convert", "base")
        self.make(os.path.basename(self.container()), "")  # of the same name elsewhere
        killed = self.container() + ".tmp-1-0"
        shutil.copy(self.path(os.path.basename(self.container())), killed)
        self.assertEqual(self.models("rm", "base").out, "base: removed\n")
        self.assertEqual(os.listdir(self.containers), [])

    def test_wrong_use(self):
        self.assertFails(self.models("convert"), 1, "needs a name")
        self.assertFails(self.models("convert", "base", "a.am", "b.am"), 1, '"b.am"')
        self.assertFails(self.models("convert", "bass"), 3, r"\bbass\b")
        self.make("letter.txt", "Dear Sir")
        self.assertFails(self.models("convert", "base", "letter.txt"), 1, "letter.txt.*not replaced")
        self.assertEqual(self.read("letter.txt"), "Dear Sir")
        self.assertFails(self.models("convert", "base", "no/such/folder.am"), 5, "no/such/folder.am")
        self.assertFails(self.models("convert", "letter.txt"), 3, "letter.txt")


class NoModel(Case):
    def test_paths_that_are_no_models(self):
        self.make("speech.wav", silence(1))
        self.make("letter.txt", "Dear Sir,\n" * 100)
        self.make("empty.bin", b"")
        os.mkdir(self.path("folder"))
        for path in ("letter.txt", "empty.bin", "folder", "speech.wav", "/dev/null", "no/such/model"):
            with self.subTest(path):
                done = self.transcribe("--model", path, "speech.wav", "speech.wav")
                self.assertEqual((done.returncode, done.out), (3, ""))
                self.assertIn(path, done.err)
                said = self.sentences(done)
                self.assertIn(len(said), (1, 2))  # the second is the summary
                self.assertFails(self.run_program("models", "info", path), 3, path)

    def test_truncated(self):
        with open(os.path.join(MODEL, "model.bin"), "rb") as f:
            data = f.read(5000000)
        for name in os.listdir(MODEL):
            if name != "model.bin" and os.path.isfile(os.path.join(MODEL, name)):
                os.makedirs(self.path("cut"), exist_ok=True)
                shutil.copy(os.path.join(MODEL, name), self.path("cut"))
        self.make("cut/model.bin", data)
        self.assertFails(self.transcribe("--model", "cut", SPEECH), 3, "model.bin")

    def test_model_failure_comes_once(self):
        done = self.transcribe("--model", "/dev/null", SPEECH, SPEECH, SPEECH)
        self.assertEqual(done.err.count("/dev/null") - done.err.count("  " + os.path.basename(SPEECH)), 1, done.err)

    def test_instruction_set_that_is_not_here(self):
        done = self.run_program("version")
        if "avx512" in done.out:
            self.skipTest("this machine has them all")
        self.assertFails(self.transcribe("--cpu", "avx512", SPEECH), 4, "avx512")

    def test_language_nobody_speaks(self):
        done = self.transcribe("--language", "klingon", SPEECH)
        self.assertFails(done, 1, '"klingon"')


if __name__ == "__main__":
    main()
