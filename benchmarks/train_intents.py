"""Train the small intent model that the product ships, in plain Python (under a minute).

    python benchmarks/train_intents.py

Data: CLINC150 (Larson et al. 2019, CC BY 3.0) and Banking77 (Casanueva et al. 2020, CC BY 4.0), the half "tune" of
``signal_quality.py`` only, so that the half "report" stays unseen. Writes ``routing/lexicon/intent_weights.json``.
"""

from __future__ import annotations

import json
import os
import random
import zlib
from collections import Counter
from math import exp
from pathlib import Path

from pointsman.routing.lexicon.match import tokenize

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("POINTSMAN_DATA", ROOT.parent / "shared/data"))
MAP = json.loads((ROOT / "benchmarks/intent_map.json").read_text(encoding="utf-8"))
OUT = ROOT / "src/pointsman/routing/lexicon/intent_weights.json"
NONE = "none"
EPOCHS, RATE, DECAY, SEEN = 10, 0.5, 2e-5, 3


def examples() -> list[tuple[list[str], str]]:
    """Return (features, label) of every training text."""
    import pyarrow.parquet

    out = []
    for name in ("banking77", "clinc150"):
        mapping = {theirs: frozenset(ours.split()) for ours, names in MAP[name].items() for theirs in names}
        for row in pyarrow.parquet.read_table(DATA / f"{name}.parquet").to_pylist():
            theirs = row["intent"]
            if zlib.crc32(row["text"].encode()) & 1:  # the half that signal_quality.py calls "report"
                continue
            if theirs in mapping:
                out.append((row["text"], _first(mapping[theirs])))
            elif theirs in MAP["outside"] or theirs in MAP["outside_too"]:
                out.append((row["text"], NONE))
    return [(feats(text), label) for text, label in out]


def _first(labels: frozenset[str]) -> str:
    """Of several right labels take the commonest kind, always the same one."""
    if labels >= {"payment", "technical_problem", "billing"}:
        return "payment"
    order = (
        "refund",
        "fraud",
        "cancel",
        "account_access",
        "technical_problem",
        "billing",
        "booking",
        "order_status",
        "faq",
    )
    return next((label for label in order if label in labels), min(labels))


def feats(text: str) -> list[str]:
    """Return the features of a text, each once."""
    from pointsman.routing.lexicon.intent_model import features

    words, pairs = features(tokenize(text))
    return list(dict.fromkeys(words + pairs))


def train(rows: list[tuple[list[str], str]], labels: list[str]) -> tuple[dict[str, list[float]], list[float]]:
    """Fit by stochastic gradient descent with AdaGrad steps."""
    index = {label: at for at, label in enumerate(labels)}
    counts = Counter(feature for names, _ in rows for feature in names)
    weights = {feature: [0.0] * len(labels) for feature, seen in counts.items() if seen >= SEEN}
    grads = {feature: [1.0] * len(labels) for feature in weights}
    bias, rng = [0.0] * len(labels), random.Random(7)  # noqa: S311 - repeatable, no secret
    data = [([name for name in names if name in weights], index[label]) for names, label in rows]
    for epoch in range(EPOCHS):
        rng.shuffle(data)
        loss = 0.0
        for names, truth in data:
            scores = bias[:]
            for name in names:
                scores = [score + weight for score, weight in zip(scores, weights[name], strict=True)]
            top = max(scores)
            shares = [exp(score - top) for score in scores]
            total = sum(shares)
            loss += 1 - shares[truth] / total
            for at, share in enumerate(shares):
                error = share / total - (at == truth)
                if abs(error) < 0.01:
                    continue
                bias[at] -= 0.01 * error
                for name in names:
                    past = grads[name]
                    past[at] += error * error
                    row = weights[name]
                    row[at] -= RATE * (error + DECAY * row[at]) / past[at] ** 0.5 / max(1, len(names)) ** 0.5
        print(f"epoch {epoch + 1}: mean error {loss / len(data):.4f}", flush=True)
    return weights, bias


def main() -> None:
    """Train and write."""
    rows = examples()
    labels = sorted({label for _, label in rows})
    print(f"{len(rows)} texts, {len(labels)} classes: {Counter(label for _, label in rows).most_common()}", flush=True)
    weights, bias = train(rows, labels)
    table = {}
    for feature in sorted(weights):
        flat = [
            part
            for at, weight in enumerate(weights[feature])
            if abs(weight) >= 0.15
            for part in (at, round(weight * 10))
        ]
        if flat:
            table[feature] = flat
    content = {"labels": labels, "bias": [round(value * 10) for value in bias], "features": table}
    Path(OUT).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    print(f"{OUT.name}: {len(table)} features, {OUT.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
