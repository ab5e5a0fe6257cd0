"""Writes Tests/golden/text/: what Hugging Face's tokenizer makes of every code point, of an odd corpus and of AG News.

    python Tests/golden/text/make.py AG_NEWS_FOLDER     # tokenizers 0.23.3, transformers 5.24.0

- vocab.txt: 3,000 word pieces, trained by `tokenizers` on AG News' training texts and the odd corpus (the official
  vocabulary is not at hand; the rules do not depend on it).
- code_points.json: for each block of 256 code points the FNV-1a hash of what becomes of "a" + c + "b": the words that
  BertNormalizer and BertPreTokenizer make, joined by spaces, a newline behind each.
- corpus.json: texts and their numbers, [CLS] and [SEP] included, cut at 64; asserted equal to transformers' BertTokenizer.
- ag_news.json: of the first 2,000 rows of test.csv the FNV-1a hash of their numbers, as text. The texts are not ours.
- trained.json: words of the corpus with their counts and the vocabulary that the rule of Datasets.VocabularyTrainer
  makes of them, by a plain implementation that counts all pairs anew before each merge.
"""

import csv
import json
import pathlib
import sys
import tempfile
from collections import Counter

import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

here = pathlib.Path(__file__).parent
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MASK = 0xFFFFFFFFFFFFFFFF


def fnv(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return f"{value:016x}"


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) % bound

    def choice(self, items):
        return items[self.below(len(items))]


# Inclusive ranges to draw characters from; what is in them is partly unassigned.
RANGES = {
    "ascii": [(0x20, 0x7E)], "latin": [(0xA0, 0x24F)], "greek": [(0x370, 0x3FF), (0x1F00, 0x1FFF)],
    "cyrillic": [(0x400, 0x52F)], "hebrew": [(0x591, 0x5F4)], "arabic": [(0x600, 0x6FF)],
    "indic": [(0x900, 0x9FF), (0xB80, 0xBFF)], "thai": [(0xE01, 0xE5B)], "hangul": [(0x1100, 0x11FF), (0xAC00, 0xD7A3)],
    "kana": [(0x3040, 0x30FF)], "cjk": [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0xF900, 0xFAFF)],
    "emoji": [(0x1F300, 0x1F6FF), (0x1F900, 0x1F9FF), (0x2600, 0x27BF)], "marks": [(0x300, 0x36F), (0x1AB0, 0x1AFF),
    (0x20D0, 0x20F0), (0x302A, 0x302F), (0x1D165, 0x1D172)], "controls": [(0x0, 0x1F), (0x7F, 0x9F), (0x200B, 0x200F),
    (0x2028, 0x202E), (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFD), (0xE0001, 0xE007F)],
    "spaces": [(0x2000, 0x200A), (0x3000, 0x3000), (0x1680, 0x1680), (0xA0, 0xA0), (0x85, 0x85)],
    "symbols": [(0x2010, 0x205E), (0x20A0, 0x20BF), (0x2100, 0x23FF), (0x3001, 0x303F), (0xFF01, 0xFF65)],
    "private": [(0xE000, 0xE0FF), (0xF0000, 0xF00FF)], "math": [(0x1D400, 0x1D7FF)],
}
FIXED = [
    "", " ", "\t\n\r", "a", "##a", "[CLS] [SEP] [MASK] [PAD] [UNK]", "[unk]", "Hello, World!", "don't", "e\u0301\u0301e",
    "\u00c5ngstr\u00f6m \u212bngstr\u00f6m A\u030angstro\u0308m", "\u0130stanbul I\u0307stanbul \u0131", "STRASSE stra\u00dfe \u1e9e",
    "\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3 \u03a3", "ﬁnancial oﬃce", "x" * 100, "x" * 101, "the" * 40, "\u4e2d\u6587text\u4e2d",
    "na\u0308ive cafe\u0301", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "1,234.56$ 50% #tag @user a_b",
    "\ufffdbad\ufffd bytes\ufffd", "zero\u200bwidth soft\u00adhyphen \ufeffbom", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22",
    "\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab", "\u0928\u092e\u0938\u094d\u0924\u0947", "a\u0000b\u0001c", "\u2028line\u2029sep",
    "\u1734\u166d\U000111c9", "\u302e\u302f\u302e \U0001d16d\U0001d165\U0001d166", "\u0345\u0301\u0316\u0344", "\u2126\u212a\u212b",
    "https://example.com/a?b=c&d=#39;", "O'Neill's #39;s \\b\\n \"quoted\" (paren) [x] {y} <z>", "word " * 90,
]


def odd_corpus(count):
    random = Random(7)
    kinds = list(RANGES)
    texts = list(FIXED)
    while len(texts) < count:
        chosen = [random.choice(kinds) for _ in range(1 + random.below(4))]
        words = []
        for _ in range(1 + random.below(12)):
            length = 1 + random.below(9) if random.below(40) else 95 + random.below(12)
            characters = []
            while len(characters) < length:
                low, high = random.choice(RANGES["latin"] if random.below(12) == 0 else RANGES[random.choice(chosen)])
                code = low + random.below(high - low + 1)
                if not 0xD800 <= code < 0xE000:
                    characters.append(chr(code))
            words.append("".join(characters))
        texts.append(random.choice([" ", " ", "", "\t", "\u3000"]).join(words))
    return texts


def news(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [" ".join(row[1:]).strip() for row in csv.reader(file)]


def words_of(text):
    return [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(
        normalizers.BertNormalizer().normalize_str(text))]


def write(name, value):
    (here / name).write_text(json.dumps(value, ensure_ascii=True, indent=None, separators=(",", ":")) + "\n")
    print(name, (here / name).stat().st_size, "bytes")


def train(tokenizer, texts, size):
    tokenizer.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=size, special_tokens=SPECIAL, limit_alphabet=900, show_progress=False))


def code_points():
    blocks = []
    for block in range(0x110000 // 256):
        lines = []
        for code in range(256 * block, 256 * block + 256):
            text = "a" + ("" if 0xD800 <= code < 0xE000 else chr(code)) + "b"
            lines.append(" ".join(words_of(text)) + "\n")
        blocks.append(fnv("".join(lines).encode()))
    # Most blocks are alike: runs of equal hashes are (hash, count).
    runs = []
    for value in blocks:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    write("code_points.json", {"runs": [{"hash": value, "count": count} for value, count in runs]})


def own_rule(counts, size):
    """The vocabulary of Datasets.VocabularyTrainer: most frequent pair first, then the smallest numbers."""
    characters = Counter()
    for word, count in counts.items():
        for character in word:
            characters[character] += count
    kept = sorted(characters, key=lambda c: (-characters[c], ord(c)))[:1000]
    kept.sort(key=ord)
    tokens = SPECIAL + kept + ["##" + c for c in kept]
    numbers = {token: number for number, token in enumerate(tokens)}
    words = [([numbers[c if i == 0 else "##" + c] for i, c in enumerate(word)], count)
             for word, count in counts.items() if len(word) <= 100 and all(c in characters and c in kept for c in word)]
    while len(tokens) < size:
        pairs = Counter()
        for pieces, count in words:
            for pair in zip(pieces, pieces[1:]):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        if pairs[best] < 2:
            break
        token = tokens[best[0]] + tokens[best[1]][2:]
        if token not in numbers:
            numbers[token] = len(tokens)
            tokens.append(token)
        for pieces, _ in words:
            place = 0
            while place + 1 < len(pieces):
                if (pieces[place], pieces[place + 1]) == best:
                    pieces[place:place + 2] = [numbers[token]]
                place += 1
    return tokens


def main(folder):
    odd = odd_corpus(420)
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if (here / "vocab.txt").exists():
        vocabulary = (here / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    else:
        train(tokenizer, news(folder / "train.csv") + odd, 3000)
        vocabulary = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
        (here / "vocab.txt").write_text("".join(token + "\n" for token in vocabulary), encoding="utf-8")
    numbers = {token: number for number, token in enumerate(vocabulary)}
    # Without added tokens: the names of special tokens in a text are text, as in Google's own tokenizer.
    tokenizer.model = models.WordPiece(numbers, unk_token="[UNK]", max_input_chars_per_word=100)
    tokenizer = Tokenizer.from_str(json.dumps({**json.loads(tokenizer.to_str()), "added_tokens": []}))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])])
    tokenizer.enable_truncation(64)

    rows = [tokenizer.encode(text).ids for text in odd]
    with tempfile.TemporaryDirectory() as path:
        (pathlib.Path(path) / "vocab.txt").write_bytes((here / "vocab.txt").read_bytes())
        reference = transformers.BertTokenizer.from_pretrained(path, do_lower_case=True)
        differing = 0
        for text, row in zip(odd, rows):
            if not any(token in text for token in SPECIAL):
                differing += reference(text, truncation=True, max_length=64)["input_ids"] != row
        print(f"transformers' {type(reference).__name__} differs in {differing} of {len(odd)} texts")
        assert differing == 0
    unknown = sum(row.count(numbers["[UNK]"]) for row in rows) / sum(map(len, rows))
    print(f"{len(odd)} odd texts, {sum(map(len, rows))} numbers, {unknown:.0%} unknown")
    write("corpus.json", {"texts": odd, "numbers": rows})
    hashes = [fnv(" ".join(map(str, tokenizer.encode(text).ids)).encode()) for text in news(folder / "test.csv")[:2000]]
    write("ag_news.json", {"hashes": hashes})
    counts = Counter(word for text in odd[:90] for word in words_of(text))
    write("trained.json", {"texts": odd[:90], "size": 700, "tokens": own_rule(counts, 700)})
    code_points()


main(pathlib.Path(sys.argv[1]))
