"""Makes the fixtures of T5 in t5/: two small encoders with their tokenizers, what transformers and SentencePiece make
of prompts, and captions before and after the published cleaning.

    .venv/bin/python make_t5_fixtures.py [--captions]

t5/plain/   an encoder alone, with a tokenizer of 220 pieces; states.safetensors has a text of 300 tokens too
t5/flan/    a whole model with its decoder and a head, with a tokenizer of 120 pieces and 4 further tokens
    config.json, model.safetensors   as transformers writes them
    pieces.model, pieces.json        spiece.model and tokenizer.json without their map of characters
    tokens.json                      prompts and their ids, by SentencePiece and by reference/t5_torch.py
    states.safetensors               ids, keep and states of some prompts
t5/characters.bin    the map of characters of both
t5/captions.json     captions as diffusers' PixArtAlphaPipeline cleans them; needs --captions, beautifulsoup4 and ftfy
"""
import argparse
import base64
import io
import json
import random
import tempfile
from pathlib import Path

import sentencepiece
import torch
from safetensors.torch import save_file
from transformers import T5Config, T5EncoderModel, T5ForConditionalGeneration, T5Tokenizer

from reference import t5_torch

FOLDER = Path(__file__).parent / "t5"
WORDS = (
    "a the small old red green blue photo painting of cat dog house tree river mountain lake city street "
    "at night in morning light with soft colours and long shadows bright watercolour sketch portrait "
    "robot castle garden flower bird fish horse boat train cloud snow rain fog forest desert island "
    "beach window door lamp book cup coffee bread apple orange lemon under behind beside stands sleeps "
    "runs looks wearing hat coat umbrella detailed 4k 35mm close-up view café naïve über don't it's"
).split()
PROMPTS = [
    "", " ", "a", "   spaces   in  and around ", "tab\tand\nline", "ｆｕｌｌ ｗｉｄｔｈ ①② ﬁne ½", "猫 a cat 日本",
    "🐈🐈 two cats 🐈", "cafe\u0301 café", "soft\u00adhyphen, zero\u200bwidth\u2060", "non\u00a0breaking\u3000wide",
    "“quotes”—dash…", "ALL CAPITALS", "a" * 90, "x" * 300, "\ufeffmark", "ﷺ", "don't it's 35mm 4k",
    "</s> inside <pad> text", "<extra_id_0>", "\U0001d400 bold math", "Ω µ ﬂ ǆ",
]


def randomise(model, generator):
    """Every tensor at a size at which it matters: nothing is zero, norms are near one."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = torch.randn(parameter.shape, generator=generator)
            if "embed" in name or "shared" in name or "bias" in name:
                parameter.copy_(0.7 * draw)
            elif parameter.dim() > 1:
                parameter.copy_(draw / parameter[0].numel() ** 0.5)
            else:
                parameter.copy_(1 + 0.1 * draw)
    return model.eval()


def fields(message):
    """The fields of a protobuf message: number, all bytes, bytes of the value."""
    for number, value in t5_torch.wire(message):
        if isinstance(value, bytes):
            size, length = len(value), b""
            while size > 127:
                length, size = length + bytes([size & 127 | 128]), size >> 7
            yield number, bytes([number << 3 | 2]) + length + bytes([size]) + value, value


def learn(lines, folder, size, extra):
    """A tokenizer in both files, with the map of characters taken out; the pieces of prompts."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=written, vocab_size=size, model_type="unigram", pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, normalization_rule_name="nmt_nfkc", character_coverage=1.0, minloglevel=2, num_threads=1)
    whole = written.getvalue()
    normalizer = next(value for number, _, value in fields(whole) if number == 3)
    characters = next(value for number, _, value in fields(normalizer) if number == 2)
    (folder / "pieces.model").write_bytes(b"".join(field for number, field, _ in fields(whole) if number != 3))
    (FOLDER / "characters.bin").write_bytes(characters)
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "spiece.model").write_bytes(whole)
        T5Tokenizer.from_pretrained(place, extra_ids=extra).save_pretrained(place)
        text = (Path(place) / "tokenizer.json").read_text()
        files = [t5_torch.Unigram.from_spiece(f"{place}/spiece.model"),
                 t5_torch.Unigram.from_json(f"{place}/tokenizer.json")]
        library = sentencepiece.SentencePieceProcessor(model_file=f"{place}/spiece.model")
    settings = json.loads(text.replace(base64.b64encode(characters).decode(), "@"))
    assert settings["normalizer"]["precompiled_charsmap"] == "@"
    (folder / "pieces.json").write_text(json.dumps(settings, ensure_ascii=False, separators=(",", ":")))
    prompts, rows = lines[:20] + PROMPTS, []
    for prompt in prompts:
        ids = library.encode(prompt)
        assert all(ids == file.ids(prompt) for file in files), prompt
        rows.append({"text": prompt, "pieces": ids, "padded": files[0].batch([prompt], 24)[0][0].tolist()})
    (folder / "tokens.json").write_text(json.dumps(rows, ensure_ascii=False, indent=0))
    return files[0], [row["text"] for row in rows]


def encoder(name, kind, width, rows, size, extra, seed):
    folder, generator, draw = FOLDER / name, torch.Generator().manual_seed(seed), random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [" ".join(draw.choices(WORDS, k=draw.randint(4, 18))).capitalize() + draw.choice([".", "!", ""])
             for _ in range(3000)]
    tokenizer, prompts = learn(lines, folder, size, extra)
    config = T5Config(
        vocab_size=rows, d_model=width, d_kv=width // 4 + 2, d_ff=2 * width + 8, num_layers=3, num_heads=4,
        num_decoder_layers=1, feed_forward_proj="gated-gelu", tie_word_embeddings=False, decoder_start_token_id=0)
    model = randomise(kind(config), generator)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    # The states of every prompt of tokens.json, so that a test may take any of them.
    ids, keep = tokenizer.batch(prompts, 24)
    own = t5_torch.T5Encoder(rows, width, 3, 4, width // 4 + 2, 2 * width + 8).eval()
    own.load_state_dict({key: value for key, value in model.state_dict().items() if key in own.state_dict()})
    long = torch.randint(3, size, (1, 300), generator=generator)
    with torch.no_grad():
        states = model.encoder(input_ids=ids, attention_mask=keep).last_hidden_state
        far = model.encoder(input_ids=long).last_hidden_state
        for theirs, ours in ((states[keep > 0], own(ids, keep)[keep > 0]), (far, own(long))):
            assert (theirs - ours).abs().max() < 2e-5 * theirs.abs().max()
    save_file({"ids": ids, "keep": keep, "states": states * keep[..., None], "long_ids": long, "long_states": far},
              folder / "states.safetensors")


def captions():
    from diffusers import PixArtAlphaPipeline
    cleaner, path = PixArtAlphaPipeline.__new__(PixArtAlphaPipeline), FOLDER / "captions.json"
    rows = [{"raw": row["raw"], "clean": cleaner._text_preprocessing(row["raw"], clean_caption=True)[0],
             "plain": cleaner._text_preprocessing(row["raw"], clean_caption=False)[0]}
            for row in json.loads(path.read_text())]
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encoder("plain", T5EncoderModel, 16, 224, 220, 0, 1)
    encoder("flan", T5ForConditionalGeneration, 24, 136, 120, 4, 2)
    if arguments.captions:
        captions()
