#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make, or with --check measure against, the golden files in tests/golden/data.

    make_golden.py MODEL_FOLDER                    writes mel.golden, speech_base.golden, speech_base.txt
    make_golden.py --check MODEL_FOLDER BUILD_DIR  makes the numbers anew, compares them with the committed files, runs
                                                   whisper_reference and the golden tests, prints all differences

MODEL_FOLDER is Systran/faster-whisper-base (model.bin SHA-256 d01c3014...a6a9).  Made with PyPI faster-whisper 1.2.1,
ctranslate2 4.8.5 (compute type float32), numpy 2.4.6; nothing of ours takes part in making a golden.

Arrays (format: tests/support/golden.h):
  mel.golden          {speech,noise,square}_{80,128}: FeatureExtractor(feature_size)(480,000 samples, padding=0), columns
                      kept where f % step == 0 or within three of either end; step 7 for speech, 61 for the others.
                      short_80: 16,160 samples of speech from 20,000 on, all 101 frames.
  speech_base.golden  encoded        Whisper.encode of the speech's 80-band mel: positions 0, 25, 50, ... [60, 512]
                      languages      the five likeliest of Whisper.detect_language: token, probability [5, 2]
                      tokens         greedy decoding (beam_size=1) behind <sot><en><transcribe> with CTranslate2's own
                                     timestamp and suppression rules, without the end token
                      prompt         <sot><en><transcribe><notimestamps>: what the steps below continue
                      step_tokens    ten greedy steps with suppress_tokens=[] and suppress_blank=False, so that no rule
                      step_logprobs  touches the numbers: the 20 likeliest tokens of each step, best first, and the log
                                     of their softmax over the whole vocabulary (return_logits_vocab gives raw logits;
                                     the softmax is taken here in double precision) [10, 20]
  speech_base.txt     the text of `tokens`, by faster-whisper's tokenizer
"""
import os
import subprocess
import sys
import tempfile
import wave

import ctranslate2
import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from tokenizers import Tokenizer as HubTokenizer

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
N_SAMPLES = 480000
SOT, EN, TRANSCRIBE, NO_TIMESTAMPS = 50258, 50259, 50359, 50363


def speech():
    with wave.open(os.path.join(DATA, "speech.wav")) as w:
        assert (w.getframerate(), w.getnchannels(), w.getsampwidth()) == (16000, 1, 2)
        x = np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float32) / 32768
    return np.pad(x, (0, N_SAMPLES - len(x)))


def noise():
    seed, out = 1, np.empty(N_SAMPLES, np.uint32)
    for i in range(N_SAMPLES):
        seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = seed & 0xFFFFFF00
    return out.view(np.int32).astype(np.float32) / np.float32(2147483648)


def square():
    return np.where(np.arange(N_SAMPLES) // 40 % 2, 1, -1).astype(np.float32)


def mel_of(x, n_mels):
    return FeatureExtractor(feature_size=n_mels)(x, padding=0).astype(np.float32)


def kept(mel, step):
    f = np.arange(mel.shape[1])
    return mel[:, (f % step == 0) | (f < 3) | (f >= len(f) - 3)]


def mel_arrays():
    arrays = {}
    for name, x, step in (("speech", speech(), 7), ("noise", noise(), 61), ("square", square(), 61)):
        for n_mels in (80, 128):
            arrays[f"{name}_{n_mels}"] = kept(mel_of(x, n_mels), step)
    arrays["short_80"] = mel_of(speech()[20000:36160], 80)
    return arrays


def log_softmax(logits):
    x = np.asarray(logits, np.float64).ravel()
    return x - (np.log(np.exp(x - x.max()).sum()) + x.max())


def model_results(folder):
    """Everything CTranslate2 says about the speech: encoder output, languages, tokens, log-probabilities of ten steps."""
    model = ctranslate2.models.Whisper(folder, device="cpu", compute_type="float32", intra_threads=2)
    features = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel_of(speech(), 80)[None]))
    encoded = model.encode(features, to_cpu=True)
    hub = HubTokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    languages = [[hub.token_to_id(t), p] for t, p in model.detect_language(encoded)[0]]
    greedy = dict(beam_size=1, max_length=448)
    tokens = model.generate(encoded, [[SOT, EN, TRANSCRIBE]], **greedy)[0].sequences_ids[0]
    raw = model.generate(encoded, [[SOT, EN, TRANSCRIBE, NO_TIMESTAMPS]], suppress_tokens=[], suppress_blank=False,
                         return_logits_vocab=True, **greedy)[0]
    steps = np.array([log_softmax(step) for step in raw.logits[0][:10]])
    assert [int(s.argmax()) for s in steps] == raw.sequences_ids[0][:10]
    text = Tokenizer(hub, True, task="transcribe", language="en").decode([t for t in tokens if t < 50257])
    return np.array(encoded)[0], languages, tokens, steps, text


def model_arrays(results):
    encoded, languages, tokens, steps, _ = results
    top = np.argsort(-steps, axis=1, kind="stable")[:, :20]
    return {
        "encoded": encoded[::25],
        "languages": np.array(languages[:5]),
        "tokens": np.array([tokens]),
        "prompt": np.array([[SOT, EN, TRANSCRIBE, NO_TIMESTAMPS]]),
        "step_tokens": top,
        "step_logprobs": np.take_along_axis(steps, top, axis=1),
    }


def write_arrays(name, arrays):
    with open(os.path.join(DATA, name), "wb") as f:
        for key, x in arrays.items():
            f.write(key.encode().ljust(16, b"\0") + np.array(x.shape, "<u4").tobytes() + x.astype("<f4").tobytes())


def read_arrays(path):
    arrays, at = {}, 0
    with open(path, "rb") as f:
        data = f.read()
    while at < len(data):
        key = data[at:at + 16].rstrip(b"\0").decode()
        shape = np.frombuffer(data, "<u4", 2, at + 16)
        n = int(shape[0]) * int(shape[1])
        arrays[key] = np.frombuffer(data, "<f4", n, at + 24).reshape(shape)
        at += 24 + 4 * n
    return arrays


def show(what, got, expected):
    got, expected = np.asarray(got, np.float64).ravel(), np.asarray(expected, np.float64).ravel()
    d = np.abs(got - expected)
    r = np.corrcoef(got, expected)[0, 1] if expected.std() > 0 else 1.0
    print(f"{what:44} max abs {d.max():.3e}  mean abs {d.mean():.3e}  1 - correlation {1 - r:.1e}")


def check(folder, build):
    results = model_results(folder)
    encoded, languages, tokens, steps, text = results
    print("committed goldens against the same made now")
    for name, arrays in (("mel.golden", mel_arrays()), ("speech_base.golden", model_arrays(results))):
        committed = read_arrays(os.path.join(DATA, name))
        for key, x in arrays.items():
            show(f"  {name} {key}", committed[key], x)
    print("whisper_reference against faster-whisper and CTranslate2 float32, every number")
    with tempfile.TemporaryDirectory() as temporary:
        dump = os.path.join(temporary, "dump")
        out = subprocess.run([os.path.join(build, "reference", "whisper_reference"), folder,
                              os.path.join(DATA, "speech.wav"), dump], capture_output=True, text=True, check=True).stdout
        got = read_arrays(dump)
    show("  mel", got["mel"], mel_of(speech(), 80))
    show("  encoder output", got["encoded"], encoded)
    show("  top-20 log-probabilities, 10 steps", got["step_logprobs"],
         np.take_along_axis(steps, got["step_tokens"].astype(int), axis=1))
    lines = dict(line.split(":", 1) for line in out.splitlines())
    print("  tokens", "equal" if lines["tokens"].split() == [str(t) for t in tokens] else "DIFFER",
          "  text", "equal" if lines["text"] == text else "DIFFERS", "  language" + lines["language"], f"({languages[0][1]:.4f})")
    print("engine against the goldens")
    environment = dict(os.environ, AM_TEST_MODEL=folder)
    for test in ("test_mel", "test_encoder", "test_logits"):
        run = subprocess.run([os.path.join(build, "tests", test)], capture_output=True, text=True, env=environment)
        for line in (run.stdout + run.stderr).splitlines():
            if line.startswith("measured:"):
                print("  " + line[10:])
        if run.returncode:
            print(f"  {test} FAILED")


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--check":
        check(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        results = model_results(sys.argv[1])
        write_arrays("mel.golden", mel_arrays())
        write_arrays("speech_base.golden", model_arrays(results))
        with open(os.path.join(DATA, "speech_base.txt"), "w", encoding="utf-8") as f:
            f.write(results[4] + "\n")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
