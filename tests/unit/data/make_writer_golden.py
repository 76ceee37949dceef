#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write writer_golden.{txt,srt,vtt,json,tsv,lrc,lines} from writer_segments.json, by Python's own rounding, stripping,
JSON and repr().

The formats are openai/whisper's: its documentation and output files say how times and texts are laid out.  On top of
that come the rules that keep output valid: control characters are spaces in formats of lines, and no "-->" survives.
"""
import json
import pathlib
import re
import struct

HERE = pathlib.Path(__file__).parent


def clock(seconds, comma=False, with_hours=False):
    total_ms = round(seconds * 1000.0)
    minutes, ms = divmod(total_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{ms // 1000:02d}{',' if comma else '.'}{ms % 1000:03d}"
    return f"{hours:02d}:{text}" if with_hours or hours else text


def one_line(text):
    return re.sub("[\x00-\x08\x0a-\x1f\x7f]", " ", text)


def cue(text):
    return re.sub("-{2,}>", "->", one_line(text.strip()))


def txt(segments):
    return "".join(one_line(s["text"].strip()) + "\n" for s in segments)


def srt(segments):
    blocks = []
    for number, s in enumerate(segments, 1):
        span = clock(s["start"], True, True) + " --> " + clock(s["end"], True, True)
        blocks.append(f"{number}\n{span}\n{cue(s['text'])}\n\n")
    return "".join(blocks)


def vtt(segments):
    return "WEBVTT\n\n" + "".join(f"{clock(s['start'])} --> {clock(s['end'])}\n{cue(s['text'])}\n\n" for s in segments)


def tsv(segments):
    rows = [("start", "end", "text")]
    rows += [(str(round(1000 * s["start"])), str(round(1000 * s["end"])), one_line(s["text"].strip()).replace("\t", " ")) for s in segments]
    return "".join("\t".join(row) + "\n" for row in rows)


def lrc(segments):
    out = ""
    for s in segments:
        hundredths = round(s["start"] * 100)
        out += f"[{hundredths // 6000:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}]{one_line(s['text'].strip())}\n"
    return out


def lines(segments):
    return "".join(f"[{clock(s['start'])} --> {clock(s['end'])}] {one_line(s['text'])}\n" for s in segments)


def single(value):
    """The double a 32-bit float of this value is."""
    return struct.unpack("f", struct.pack("f", value))[0]


def json_text(document):
    segments = []
    for s in document["segments"]:
        s = dict(s, start=round(float(s["start"]), 2), end=round(float(s["end"]), 2), temperature=float(s["temperature"]))
        for key in ("avg_logprob", "compression_ratio", "no_speech_prob"):
            s[key] = single(s[key])
        segments.append(s)
    probs = [dict(p, probability=single(p["probability"])) for p in document["languages"][:5]]
    whole = {
        "text": "".join(s["text"] for s in segments),
        "segments": segments,
        "language": document["language"],
        "language_probs": probs,
        "duration": document["duration"],
    }
    return json.dumps(whole, ensure_ascii=False)


def main():
    document = json.loads((HERE / "writer_segments.json").read_text(encoding="utf-8"))
    for make in (txt, srt, vtt, tsv, lrc, lines):
        (HERE / f"writer_golden.{make.__name__}").write_bytes(make(document["segments"]).encode())
    (HERE / "writer_golden.json").write_bytes(json_text(document).encode())


main()
