"""Whether two names mean one model: a judge must not be of the kind that it judges, wherever that is hosted."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pointsman.catalog.book import Catalog
from pointsman.errors import UsageError

_NOTE = re.compile(r"\s*\([^)]*\)\s*$|-fc$|-prompt$")
"""How benchmarks note the way they asked: ``gpt-4o (FC)``."""
_DATE = re.compile(r"[-@_](?:20\d{2}-?\d{2}-?\d{2}|\d{2}-20\d{2}|\d{4}|\d{3})(?=$|[-:@])")
_HOSTED = re.compile(
    r"^(?:(?:us|eu|apac|global)\.)?(?:anthropic|meta|mistral|amazon|cohere|google|openai|deepseek|qwen)\."
)
_VERSION = re.compile(r"-v\d+(?::\d+)?$")
_WORDS = re.compile(
    r"-instruct-turbo|[-:](?:instruct|instant|versatile|latest|preview|exp|hf|it|fp8|fp16|bf16|int4|int8|awq|gptq|q\d\w*|free|"
    r"nitro|beta)(?=$|[-:])"
)
_MAKER = re.compile(r"^meta-(?=llama)")


def plain_name(name: str) -> str:
    """Return what is left of a model's name without host, maker, date, packing and the way it is asked."""
    plain = name.strip().lower().rpartition("/")[2]
    for _ in range(3):  # a date behind a packing behind a note
        for found in (_NOTE, _VERSION, _DATE, _WORDS):
            plain = found.sub("", plain)
    plain = _MAKER.sub("", _HOSTED.sub("", plain))
    return re.sub(r"(?<=[a-z])(?=\d)|[-_:\s.]+", "", plain)


def same_model(catalog: Catalog, one: str, other: str) -> bool:
    """Return whether two names mean the same model: equal, by alias, a dated snapshot, or the same model at another host."""
    return bool(_meanings(catalog, one) & _meanings(catalog, other))


def _meanings(catalog: Catalog, name: str) -> set[str]:
    found = catalog.find(name)
    names = {name} if found is None else {name, found.id, found.name}
    return {plain_name(each) for each in names} - {""}


def refuse_own_kind(catalog: Catalog, judge: str, compared: Iterable[str]) -> None:
    """Refuse a judge that is one of the models it would judge.

    Raises:
        UsageError: it is.
    """
    for name in compared:
        if same_model(catalog, judge, name):
            alias = "" if judge == name else f" ({name} is the same model)"
            raise UsageError(
                f"{judge} cannot judge: it is one of the models compared{alias}, and models prefer their own words. "
                "Name another with --judge."
            )
