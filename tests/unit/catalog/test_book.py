"""The catalogue finds models by the names people use, and says when it is old."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from pointsman.catalog.book import Catalog, retired
from pointsman.catalog.models import Model
from pointsman.catalog.pricebook import PriceBook
from pointsman.errors import CatalogError

CATALOG = Catalog.load()
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("anthropic/claude-haiku-4-5", "anthropic/claude-haiku-4-5"),
        ("claude-haiku-4-5", "anthropic/claude-haiku-4-5"),
        ("claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5"),
        ("Claude-Haiku-4-5", "anthropic/claude-haiku-4-5"),
        ("gpt-5.4-2026-03-05", "openai/gpt-5.4"),
        ("openai/gpt-5.4-2026-03-05", "openai/gpt-5.4"),
        ("models/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("google/models/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("gemini-3.1-pro", "google/gemini-3.1-pro-preview"),
        ("claude-3-5-haiku-20241022", "anthropic/claude-3-5-haiku"),
        ("claude-3-5-haiku-latest", "anthropic/claude-3-5-haiku"),
        ("smollm2-135m", "local/smollm2-135m"),
    ],
)
def test_names_people_use_are_understood(name: str, model_id: str) -> None:
    found = CATALOG.find(name)
    assert found is not None
    assert found.id == model_id
    assert CATALOG.get(name) is found


@pytest.mark.parametrize("name", ["", "auto", "gpt-6", "openai/", "claude", "-2026-03-05", "models/"])
def test_other_names_are_not(name: str) -> None:
    assert CATALOG.find(name) is None


def test_an_unknown_model_is_an_error_that_offers_near_names() -> None:
    with pytest.raises(CatalogError, match=r"'gpt5-mini'.*openai/gpt-5-mini"):
        CATALOG.get("gpt5-mini")
    with pytest.raises(CatalogError, match="pointsman models"):
        CATALOG.get("zzzzzzzz")
    with pytest.raises(CatalogError):
        CATALOG.rates("zzzzzzzz", NOW)


def test_every_model_has_a_price_or_runs_on_the_users_own_machine() -> None:
    for model in CATALOG.models():
        assert CATALOG.rates(model.id, NOW) is not None, model.id
        assert model.free is (model.hosting == "on_prem")


def test_every_field_that_is_not_a_default_names_its_source_and_day() -> None:
    plain = {"id", "provider", "name", "price_ref", "provenance"}
    for model in CATALOG.models():
        default = Model(model.id, model.provider, model.name, "small")
        said = {
            field.name
            for field in msgspec.structs.fields(Model)
            if field.name not in plain and getattr(model, field.name) != getattr(default, field.name)
        }
        assert said - model.provenance.keys() == set(), model.id
        for vouched in model.provenance.values():
            assert vouched.source
            date.fromisoformat(vouched.as_of)


def test_sizes_are_sane() -> None:
    for model in CATALOG.models():
        window = model.context_window
        assert window is not None, model.id
        assert model.effective_context is None or model.effective_context <= window
        assert model.max_output is None or model.max_output <= window


def test_lineups_go_from_small_to_flagship() -> None:
    lineup = CATALOG.lineup("anthropic")
    assert [*lineup] == ["small", "mid", "flagship"]
    assert all(model.tier == tier for provider in ("anthropic", "openai", "google", "groq", "together")
               for tier, model in CATALOG.lineup(provider).items())  # fmt: skip
    for provider in ("anthropic", "openai", "google"):
        costs = [CATALOG.rates(model.id, NOW).output for model in CATALOG.lineup(provider).values()]  # type: ignore[union-attr]
        assert costs == sorted(costs)
    assert CATALOG.lineup("nobody") == {}


def test_a_lineup_on_a_day_leaves_out_what_is_retired() -> None:
    assert CATALOG.lineup("together", on=date(2026, 11, 21)).keys() == {"mid"}
    assert CATALOG.lineup("together", on=date(2026, 1, 1)).keys() == {"small", "mid"}
    assert retired(CATALOG.get("gpt-5-mini"), date(2026, 12, 11))
    assert not retired(CATALOG.get("gpt-5-mini"), date(2026, 12, 10))


def test_a_catalogue_older_than_six_months_warns() -> None:
    assert CATALOG.staleness(date(2026, 11, 21)) is None
    assert CATALOG.staleness(date(2027, 5, 21)) is None
    warning = CATALOG.staleness(date(2027, 5, 22))
    assert warning is not None
    assert "2026-11-21" in warning


def test_another_version_of_the_price_data_is_compiled_from_the_package() -> None:
    assert PriceBook(None).schedule("anthropic", "claude-haiku-4-5") == PriceBook.load().schedule(
        "anthropic", "claude-haiku-4-5"
    )
    assert PriceBook(None).schedule("anthropic", "no-such-model").at(date(2026, 1, 1)) is None


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_users_add_and_correct_models_in_their_own_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
models:
  openai/gpt-5-mini:
    max_output: 64000
    prices:
      - {input: 0.25, output: 2, cache_read: 0.025}
      - {from: 2026-11-01, input: 0.2, output: 1.6, batch: {input: 0.1, output: 0.8}}
    source: our contract
    as_of: 2026-11-01
  vllm/our-llama:
    tier: mid
    context_window: 32768
    hosting: on_prem
    prices: {input: 0.1, output: 0.2, long_above: 1000, long: {input: 0.3, output: 0.4}}
  acme/unpriced: {tier: small}
aliases: {our: vllm/our-llama}
lineups: {openai: {small: openai/gpt-4o-mini}}
""",
    )
    catalog = Catalog.load(path)
    mini = catalog.get("gpt-5-mini")
    assert mini.max_output == 64000
    assert mini.reasoning.kind == "effort"
    assert mini.provenance["max_output"].source == "our contract"
    assert mini.provenance["context_window"].source.startswith("models.dev")
    old, new = (catalog.rates(mini.id, datetime(2026, month, 1, tzinfo=UTC)) for month in (10, 11))
    assert old is not None
    assert new is not None
    assert (old.input, new.input) == (Decimal("2.5E-7"), Decimal("2E-7"))
    assert (old.cache_read, new.cache_read) == (Decimal("2.5E-8"), None)
    assert catalog.rates(mini.id, datetime(2026, 10, 20, tzinfo=UTC), "batch") is None
    assert catalog.rates(mini.id, NOW, "batch") is not None
    ours = catalog.get("our")
    assert ours.id == "vllm/our-llama"
    rates = catalog.rates(ours.id, NOW)
    assert rates is not None
    assert rates.for_prompt(1001).output == Decimal("4E-7")
    assert catalog.rates("acme/unpriced", NOW) is None
    assert catalog.lineup("openai")["small"].id == "openai/gpt-4o-mini"
    assert catalog.lineup("acme")["small"].id == "acme/unpriced"
    assert catalog.lineup("vllm")["mid"].id == "vllm/our-llama"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models:\n  openai/gpt-4o:\n    max_outptu: 3\n", r"models.yaml:3: models.openai/gpt-4o.max_outptu: .*max_output\?"),
        ("models:\n  openai/gpt-4o:\n    max_output: many\n", r"models.yaml:3: models.openai/gpt-4o.max_output: Expected int"),
        ("models:\n  openai/gpt-4o:\n    context_window: 0\n", r":3: .*context_window: must be more than 0"),
        ("models:\n  openai/gpt-4o:\n    retires: soon\n", r":3: .*retires: must be a day"),
        ("models:\n  openai/gpt-4o:\n    cache:\n      minimun: 3\n", r":4: .*cache.minimun: .*minimum\?"),
        ("models:\n  openai/gpt-4o:\n    reasoning: {kind: deep}\n", r":3: .*reasoning.kind: Invalid enum value 'deep'"),
        ("models:\n  openai/gpt-4o:\n    prices: {input: -1, output: 2}\n", r":3: .*prices.input: must be a number"),
        ("models:\n  openai/gpt-4o:\n    prices: {input: .nan, output: 2}\n", r":3: .*prices.input: must be a number"),
        ("models:\n  openai/gpt-4o:\n    prices: {input: .inf, output: 2}\n", r":3: .*prices.input: must be a number"),
        ("models:\n  openai/gpt-4o:\n    prices: {input: 1}\n", r":3: .*prices: .*output"),
        ("models:\n  openai/gpt-4o:\n    prices: {input: 1, output: 1, long_above: 3}\n", "belong together"),
        ("models:\n  openai/gpt-4o:\n    prices: {from: yesterday, input: 1, output: 1}\n", r"prices.from: must be a day"),
        ("models:\n  acme/new:\n    tools: true\n", r":2: models.acme/new: a new model needs its tier"),
        ("models:\n  new: {tier: small}\n", r":2: models.new: a model's id is provider/name"),
        ("models: [1]\n", r":1: models: must be a mapping"),
        ("- 1\n", r":1: must be a mapping"),
        ("modles: {}\n", r":1: modles: .*did you mean models\?"),
        ("models: {\n", r":2: this is not valid YAML"),
        ("aliases:\n  a: openai/gpt-4\n", r":2: aliases.a: no model 'openai/gpt-4'; did you mean openai/gpt-4o\?"),
        ("lineups:\n  openai: {tiny: openai/gpt-4o}\n", r":2: lineups.openai.tiny: .*small, mid, flagship"),
        ("models:\n  openai/gpt-4o: {}\n  openai/gpt-4o: {}\n", r":3: models.openai/gpt-4o: stands twice"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_an_error_with_file_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        Catalog.load(write(tmp_path, text))


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"nowhere\.yaml: cannot be read: No such file"):
        Catalog.load(tmp_path / "nowhere.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert Catalog.load(write(tmp_path, "")).models() == CATALOG.models()


DOCS = Path(__file__).parents[3] / "docs" / "reference" / "catalogue.md"


def test_the_example_in_the_docs_is_a_file_that_loads(tmp_path: Path) -> None:
    example = DOCS.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    catalog = Catalog.load(write(tmp_path, example))
    assert catalog.get("our-llama-latest").hosting == "on_prem"
    december = catalog.rates("openai/gpt-5-mini", datetime(2026, 12, 1, tzinfo=UTC))
    assert december is not None
    assert december.cache_read is None


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


HOSTILE = [
    BOMB,
    "a: &a [*a]\n",
    "[" * 1500,
    "a: 2026-13-45\n",
    "a: \x00\n",
    "{[1]: 2}\n",
    "1: 2\n",
    "models: {1: {}}\n",
    "~: 1\n",
    "a: !!python/object:os.system x\n",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_file_is_an_error_of_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogError) as caught:
        Catalog.load(write(tmp_path, text))
    assert len(str(caught.value).splitlines()) == 1


def test_the_rates_of_a_day_are_those_of_each_model() -> None:
    for hour in (0, 23, 24, 48):
        at = NOW + timedelta(hours=hour)
        assert CATALOG.rates_on(at) == {model.id: CATALOG.rates(model.id, at) for model in CATALOG.models()}
