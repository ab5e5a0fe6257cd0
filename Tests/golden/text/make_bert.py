"""Writes Tests/golden/text/<model>.json: logits and gradients of Hugging Face's BertForSequenceClassification.

    python Tests/golden/text/make_bert.py [MODEL ...]        # torch 2.11.0, transformers 5.24.0, numpy

All in float64, weights by formula.py, without dropout, 5 classes, 61 tokens; a batch of four texts of 12, 7, 3 and 12
tokens, padded to 12. The gradients are those of the mean cross entropy, as a norm and 32 projections on random signs.
"""

import json
import pathlib
import sys

import torch
from transformers import BertConfig, BertForSequenceClassification

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent))
import formula  # noqa: E402

CLASSES, VOCABULARY, LENGTHS, TARGETS = 5, 61, [12, 7, 3, 12], [0, 3, 1, 4]
SIZES = {"bert": (12, 12, 768), "bert-mini": (4, 4, 256), "bert-tiny": (2, 2, 128)}


def digits(values):
    return [float(f"{value:.13g}") for value in values]


def make(name):
    layers, heads, width = SIZES[name]
    config = BertConfig(
        vocab_size=VOCABULARY, num_hidden_layers=layers, num_attention_heads=heads, hidden_size=width,
        intermediate_size=4 * width, num_labels=CLASSES, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        attn_implementation="eager")
    model = BertForSequenceClassification(config).double().eval()
    with torch.no_grad():
        for key, tensor in model.named_parameters():
            tensor.copy_(torch.from_numpy(formula.state(key, tuple(tensor.shape))))
    length = max(LENGTHS)
    # Token 0 is [PAD], whose embedding Hugging Face does not train; no text has it.
    tokens = torch.from_numpy(formula.uniform("tokens", (len(LENGTHS), length), 1, VOCABULARY)).long()
    mask = torch.tensor([[1] * n + [0] * (length - n) for n in LENGTHS])
    logits = model(input_ids=tokens * mask, attention_mask=mask).logits
    nll = torch.nn.functional.cross_entropy(logits, torch.tensor(TARGETS))
    result = {
        "classes": CLASSES, "vocabulary": VOCABULARY, "lengths": LENGTHS, "targets": TARGETS,
        "parameters": sum(p.numel() for p in model.parameters()), "logits": digits(logits.flatten().tolist()),
        "nll": nll.item(), "names": [key for key, _ in model.named_parameters()],
    }
    if name != "bert":
        nll.backward()
        result["gradients"] = {}
        for key, tensor in model.named_parameters():
            gradient = tensor.grad.numpy()
            result["gradients"][key] = {
                "norm": float((gradient**2).sum() ** 0.5), "projections": digits(formula.projections(key, gradient, 32))}
    spread = (logits.std(0).norm() / logits.norm() * len(LENGTHS) ** 0.5).item()
    print(f"{name}: {result['parameters']} parameters, |logits| {logits.norm():.3g}, spread {spread:.2g}, NLL {nll:.4f}")
    (here / f"{name}.json").write_text(json.dumps(result).replace(', "', ',\n"') + "\n")


for name in sys.argv[1:] or SIZES:
    make(name)
