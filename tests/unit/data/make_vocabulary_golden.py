#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write vocabulary_golden.jsonl: texts in many scripts and how PyPI `tokenizers` encodes them with Whisper's own
tokenizer.json (multilingual), one {"text", "tokens"} per line; and suppress_golden.txt: the suppressed tokens that
openai's conversion of the base model lists in its config.json.

    python3 make_vocabulary_golden.py MODEL_FOLDER

Some published tokenizer.json files of this model lack the first merge ("\u0120 t") and cut " they" in two, which neither
openai's own encoder nor the library the models were trained with does; such a file is refused here.
"""
import json
import pathlib
import random
import sys

from tokenizers import Tokenizer

TEXTS = [
    # English, contractions, case, apostrophes
    "Hello world", " Hello world", "  Hello  world  ", "hello", " hello", "HELLO", "Hello, world!", "it's", "It'S", "IT'S",
    "I'm we're you've they'll he'd she's don't", "I’m we’re", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'", "''", "'''s",
    " 's", "a's's", "'lll", "'r e", "rock 'n' roll", "'Tis", "o'clock", "the dogs' bowls", "'v", "x'", "don't.", "\"it's\"",
    # Digits
    "1", "12", "123456789012345", " 3.14159", "1,000,000", "2nd", "B2B", "10:30", "½ cup", "Ⅷ", "x²+y³", "٣٤٥", "१२३", "①②③", " 007 ",
    "1st2nd3rd", "$5.00", "50%", "3\u00d74=12", "-40°C", "+1 (555) 010-9999",
    # White space
    "", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", " \n ", "a\nb", "a \n b", "a\n\nb", "a  b", "a   b", "a\tb", "\t\tx", "a\r\nb", "\x0b\x0c",
    "a\u00a0b", "a\u00a0\u00a0b", "\u3000全角", "a\u2003b", "a\u2028b", "a\u200bb", "\ufeffbom", "a \u00a0 b", "x \t", " \t x", "trailing   ",
    "\u0085next", "\u1680ogham", "a\x1cb", "a\x1f b", "\u180emvs", "a \n", "end.\n", "tab\t ", "    indented", "\n    code",
    # Symbols
    "!!!", "...", "…", " - ", "--", "---", "a-b", "a - b", "(a)", "[music]", "♪ la la ♪", "♪♪♪", "<|endoftext|>", "<|en|>", "<|0.00|>", "a_b_c",
    "snake_case_name", "foo@bar.com", "https://example.org/path?q=1&r=2#frag", "C:\\dir\\file", "{\"k\": [1, 2]}", "#tag @you", "a/b", "50/50",
    "«quoted»", "„unten“", "「日本」", "¿Qué?", "¡Hola!", "€100", "£5", "10 ₽", "§ 5", "©®™", "→ ← ↑", "∑∫√", "½¼", "~^`", "==", "!=", "// c", "!'s",
    # Latin scripts
    "Ça va très bien, merci.", "Où est la bibliothèque ?", "Größe Straße Übung", "El niño comió piñas", "À bientôt", "coração não", "Łódź żółć",
    "Dvořák čeština", "Árvíztűrő tükörfúrógép", "İstanbul ığüşöç", "Tiếng Việt rất khó", "ʻōlelo Hawaiʻi", "Þórr æsir ð", "naïve café",
    "Fußgängerübergänge", "œuvre", "ﬁne ﬂow", "Ǆ ǅ ǆ", "ªº", "𝓜𝓪𝓽𝓱 𝔽𝕒𝕔𝕖",
    # Combining marks
    "e\u0301", "cafe\u0301 au lait", "a\u0300\u0301\u0302b", "\u0301", " \u0301x", "n\u0303o", "Z\u0351\u036b\u0343algo", "क्षि", "กำ", "अनुच्छेद",
    # Other alphabets
    "Привет, мир!", "Съешь же ещё этих мягких французских булок", "Українська мова їжак", "Здраво свете", "Γειά σου Κόσμε", "ἄνθρωπος",
    "Բարեւ աշխարհ", "გამარჯობა მსოფლიო", "שלום עולם", "שָׁלוֹם", "مرحبا بالعالم", "مَرْحَبًا", "سلام دنیا", "ہیلو دنیا", "ሰላም ልዑል", "ᏣᎳᎩ",
    "नमस्ते दुनिया", "হ্যালো বিশ্ব", "ਸਤ ਸ੍ਰੀ ਅਕਾਲ", "નમસ્તે", "வணக்கம் உலகம்", "హలో ప్రపంచం", "ಹಲೋ ವರ್ಲ್ಡ್", "ഹലോ വേൾഡ്", "ආයුබෝවන්",
    "สวัสดีชาวโลก", "ພາສາລາວ", "မင်္ဂလာပါ", "សួស្តី", "བཀྲ་ཤིས", "Сайн уу", "ᠮᠣᠩᠭᠣᠯ", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "𐍈𐌰𐌹", "𒀀𒁀", "ꦧꦱꦗꦮ",
    # CJK
    "你好,世界!", "我爱北京天安门。", "繁體中文", "こんにちは世界", "カタカナとひらがな", "日本語のテキスト 123 です。", "안녕하세요 세계", "대한민국 만세!", "ﾊﾝｶｸ",
    "中English混合text", "𠮷野家", "々〆〤", "ㄅㄆㄇ", "ｆｕｌｌｗｉｄｔｈ １２３",
    # Emoji
    "😀", "😀😀😀", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "❤️", "a😀b", " 😀", "1️⃣", "🏳️‍🌈 flag", "☺", "☕ time",
    # Control characters and oddities
    "\x00", "a\x00b", "\x7f", "\x1b[0m", "\ufffd", "\U0010ffff", "\ue000", "\u2060", "\u00ad", "\uffff", "\u0378", "a\u061cb",
    # Long and repetitive
    "a" * 300, "ab" * 200, " " * 200, "\n" * 70, "=" * 130, "-" * 65, "ha" * 100, "1" * 99, "é" * 80, "あ" * 90, "😀" * 40, "A" * 65, "x " * 60,
    "la la la " * 20, "<<<>>>" * 12, ".,;" * 40,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "pneumonoultramicroscopicsilicovolcanoconiosis antidisestablishmentarianism",
    "And so, my fellow Americans, ask not what your country can do for you — ask what you can do for your country.",
    " The quick brown fox jumps over the lazy dog. THE QUICK BROWN FOX! the-quick-brown-fox?",
]


def random_texts(n):
    """Mixtures nobody would think of; white space and apostrophes often, because that is where splitting is delicate."""
    rng = random.Random(20)
    pools = [" ", "  ", "\n", "'", "'s", "'ll", "\t", "\u00a0", "-", ".", "é", "е\u0301", "9", "٣", "漢", "か", "ק", "ا", "ก", "😀", "a", "the", "Zu", "ß"]
    for _ in range(n):
        yield "".join(rng.choice(pools) for _ in range(rng.randint(2, 30)))


def main():
    model = pathlib.Path(sys.argv[1])
    here = pathlib.Path(__file__).parent
    spec = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    spec["added_tokens"] = []  # special tokens in a text are ordinary text to us
    spec["post_processor"] = None
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    if tokenizer.encode(" they", add_special_tokens=False).tokens != ["\u0120they"]:
        sys.exit("this tokenizer.json lacks merges: take another conversion of the model")
    with open(here / "vocabulary_golden.jsonl", "w", encoding="utf-8") as out:
        for text in TEXTS + list(random_texts(100)):
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            out.write(json.dumps({"text": text, "tokens": ids}, ensure_ascii=False, separators=(",", ":")) + "\n")
    suppressed = json.loads((model / "config.json").read_text())["suppress_ids"]
    (here / "suppress_golden.txt").write_text("\n".join(map(str, suppressed)) + "\n")


main()
