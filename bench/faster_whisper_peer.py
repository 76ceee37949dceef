"""Transcribe one file with PyPI faster-whisper and print the text, one segment per line: the peer the benchmarks
compare with.  Language given.  Sequential without voice activity filter; or, with --batch, its batched pipeline as it is
by default: voice activity filter, windows that do not know each other, no times inside a window (so it decodes fewer
tokens than a program that writes them).

Seconds for imports, for loading the model and for transcribing go to standard error, as most of a short run is Python
starting.

SPDX-License-Identifier: MIT"""
import argparse
import os
import sys
import time


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("audio")
    p.add_argument("--model", required=True, help="CTranslate2 folder")
    p.add_argument("--language", default="en")
    p.add_argument("--compute", default="float32", help="float32, int8, ...")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--beam", type=int, default=1)
    p.add_argument("--batch", type=int, default=0, help="windows together; 0: one after the other")
    p.add_argument("--fallback", action="store_true", help="decode again with temperature, as is its default")
    p.add_argument("--no-previous-text", action="store_true")
    p.add_argument("--segments", action="store_true", help="print times, log-probability and compression as well")
    args = p.parse_args()

    os.environ["HF_HUB_OFFLINE"] = "1"
    start = time.monotonic()
    from faster_whisper import BatchedInferencePipeline, WhisperModel
    imported = time.monotonic()
    model = WhisperModel(args.model, device="cpu", compute_type=args.compute, cpu_threads=args.threads)
    loaded = time.monotonic()
    if args.batch:  # of the temperatures it takes only the first
        segments, _ = BatchedInferencePipeline(model).transcribe(
            args.audio, language=args.language, beam_size=args.beam, temperature=0.0, batch_size=args.batch)
    else:
        segments, _ = model.transcribe(
            args.audio, language=args.language, beam_size=args.beam, best_of=1 if not args.fallback else 5,
            temperature=[0.0, 0.2, 0.4, 0.6, 0.8, 1.0] if args.fallback else 0.0, vad_filter=False,
            condition_on_previous_text=not args.no_previous_text)
    for s in segments:
        if args.segments:
            print("[%.2f -> %.2f] seek=%d t=%.1f logprob=%.3f compression=%.2f nospeech=%.3f%s" % (
                s.start, s.end, s.seek, s.temperature or 0, s.avg_logprob, s.compression_ratio, s.no_speech_prob, s.text))
        else:
            print(s.text.strip())
    print("import %.3f s, load %.3f s, transcribe %.3f s" % (
        imported - start, loaded - imported, time.monotonic() - loaded), file=sys.stderr)


if __name__ == "__main__":
    main()
