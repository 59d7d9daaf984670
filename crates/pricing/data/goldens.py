"""Records what the package `genai-prices` answers for generated requests, as goldens for our own `price`.

    pip install genai-prices==0.2.3
    python goldens.py --cases 500 --seed 1 > goldens.jsonl

One line per case: provider, model, instant, context and meters as we name them, then the package's
model id and total in USD, rounded once, half to even, to twelve decimals. Deliberate differences are
applied here, where they can be read, and named in the case:

- `unknown`: the package knows no such provider or model. It raises, we answer "unpriced".
- `unpriced`: none of the meters used has a price in force. The package says 0, we say "unpriced":
  an unknown cost is never 0.

Not generated, because no meter of ours counts them: messages, annotated pages, video output, pixels.
Not generated, because we answer otherwise on purpose: a served tier `batch` counts as batch processing;
a fee per request is not charged where nothing was used; the provider `litellm` is not looked through;
names are trimmed, and one of more than 256 bytes is unknown.
"""

from __future__ import annotations

import argparse
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, getcontext
from typing import Any

from genai_prices import Usage, calc_price, types
from genai_prices.data import providers
from genai_prices.data_snapshot import get_snapshot
from genai_prices.units import _get_registry

# Where each meter lies in the package's dimensions; a unit there counts every meter it covers.
METERS: dict[str, dict[str, str]] = {}
for _modality in ("text", "audio", "image", "video"):
    _input = {"family": "tokens", "direction": "input", "modality": _modality}
    METERS["input." + _modality] = _input
    METERS["cache_read." + _modality] = _input | {"token_type": "cache_read"}
for _modality in ("text", "audio", "image"):
    METERS["output." + _modality] = {"family": "tokens", "direction": "output", "modality": _modality}
for _ttl in ("5m", "30m", "1h", "12h"):
    METERS["cache_write." + _ttl] = METERS["input.text"] | {"token_type": "cache_write", "cache_ttl": _ttl}
METERS |= {
    "input.tool": METERS["input.text"] | {"token_type": "tool"},
    "reasoning": METERS["output.text"] | {"token_type": "reasoning"},
    "citation": METERS["output.text"] | {"token_type": "citation"},
    "web_search": {"family": "tool_calls", "tool_type": "web_search"},
    "x_search": {"family": "tool_calls", "tool_type": "social_search"},
    "file_search": {"family": "tool_calls", "tool_type": "storage_search"},
    "code_exec": {"family": "tool_calls", "tool_type": "code_execution"},
    "rerank_search": {"family": "rerank"},
    "audio_seconds": {"family": "durations", "direction": "input", "modality": "audio"},
    "pages": {"family": "document_pages", "direction": "input"},
    "characters": {"family": "characters", "direction": "input"},
}
TOKENS = [name for name, dimensions in METERS.items() if dimensions["family"] == "tokens"]
COMMON = ["input.text", "cache_read.text", "cache_write.5m", "cache_write.1h", "output.text", "reasoning"]
CONTEXTS = [
    {},
    {"service_tier": "flex"},
    {"service_tier": "priority"},
    {"service_tier": "default"},
    {"service_tier": "fast"},
    {"processing": "batch"},
    {"speed": "fast"},
    {"search_type": "fast"},
    {"route": "mistral/eu"},
]
THRESHOLDS = [32_000, 100_000, 128_000, 199_999, 200_000, 256_000, 272_000, 512_000, 524_288]
PICO = Decimal("1e-12")


def covered(unit: Any, meters: dict[str, int]) -> int:
    wanted = unit.dimensions.items()
    return sum(n for name, n in meters.items() if wanted <= METERS[name].items())


def usage(meters: dict[str, int]) -> Usage:
    """Our disjoint meters as the package's inclusive, nested counts."""
    units = _get_registry().units.values()
    counts = {unit.usage_key: covered(unit, meters) for unit in units if unit.usage_key != "requests"}
    return Usage(**{key: Decimal(n) for key, n in counts.items()})


def atoms(logic: Any) -> list[str]:
    match logic:
        case types.ClauseEquals():
            return [logic.equals]
        case types.ClauseStartsWith():
            return [logic.starts_with, logic.starts_with + "-x", logic.starts_with + "-20260115"]
        case types.ClauseEndsWith():
            return ["x/" + logic.ends_with]
        case types.ClauseContains():
            return ["x-" + logic.contains + "-y", logic.contains]
        case types.ClauseOr():
            return [atom for part in logic.or_ for atom in atoms(part)]
        case types.ClauseAnd():
            return [atom for part in logic.and_ for atom in atoms(part)]
        case types.ClauseRegex():
            text = logic.regex.strip("^$").replace(r"\d{8}", "20260115").replace(r"\d{4}-\d{2}-\d{2}", "2026-01-15")
            return [text.replace("\\", ""), text.replace("\\", "").replace("2026-01-15", "20260115")]
    raise TypeError(f"unknown clause {logic!r}")


def edges(info: types.ModelInfo) -> list[datetime]:
    """The instants at which some price of the model begins or ends."""
    dated = [] if isinstance(info.prices, types.ModelPrice) else info.prices
    found = []
    for entry in [*dated, *(info.price_variants or [])]:
        match entry.constraint:
            case types.StartDateConstraint(start_date=day):
                found.append(datetime(day.year, day.month, day.day, tzinfo=UTC))
            case types.TimeOfDateConstraint(start_time=start, end_time=end):
                day = datetime(2026, 5, 17, tzinfo=UTC)
                found += [datetime.combine(day, start.replace(tzinfo=UTC)), datetime.combine(day, end.replace(tzinfo=UTC))]
    return found


def instant(rng: random.Random, info: types.ModelInfo) -> datetime:
    near = edges(info)
    if near and rng.random() < 0.7:
        return rng.choice(near) + timedelta(microseconds=rng.choice([-1_000_000, -1, 0, 1, 3_600_000_000]))
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=rng.randrange(1_200 * 86_400_000_000))


def quantity(rng: random.Random) -> int:
    return int(10 ** rng.uniform(0, 6))


def draw(rng: random.Random) -> dict[str, int]:
    names = COMMON if rng.random() < 0.7 else list(METERS)
    meters = {name: quantity(rng) for name in rng.sample(names, rng.randint(1, min(5, len(names))))}
    if rng.random() < 0.4:
        rest = sum(n for name, n in meters.items() if name in TOKENS and METERS[name]["direction"] == "input")
        target = rng.choice(THRESHOLDS) + rng.choice([-1, 0, 1])
        if target > rest:
            meters["input.text"] = meters.get("input.text", 0) + target - rest
    return meters


def case(rng: random.Random, special: list[tuple[Any, Any]]) -> dict[str, Any]:
    provider = rng.choice(providers)
    info = rng.choice(provider.models)
    if rng.random() < 0.5:
        provider, info = rng.choice(special)
    ref = rng.choice([info.id, *atoms(info.match)])
    if rng.random() < 0.1:
        fallback = [p for p in providers if p.fallback_model_providers]
        provider = rng.choice(fallback)
    if rng.random() < 0.1:
        ref = ref.upper()
    if rng.random() < 0.02:
        ref = "no-such-model-" + str(rng.randrange(100))
    context = rng.choice(CONTEXTS) if rng.random() < 0.5 else {}
    if info.price_variants and rng.random() < 0.7:
        context = rng.choice(info.price_variants).when
    at = instant(rng, info)
    return record(provider.id, ref, at, dict(context), draw(rng))


def priced_units(info: types.ModelInfo, prices: types.ModelPrice) -> list[Any]:
    """The units with a price; a `:free` model, which has none here, has input and output at zero with us."""
    registry = _get_registry()
    found = [registry.unit_for_price_key(key) for key, value in prices.__dict__.items() if value is not None]
    if not found and info.id.endswith(":free"):
        found = [registry.units["input_tokens"], registry.units["output_tokens"]]
    return found


def record(provider: str, ref: str, at: datetime, context: dict[str, str], meters: dict[str, int]) -> dict[str, Any]:
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    out: dict[str, Any] = {"provider": provider, "model": ref, "at": micros, "context": context, "meters": meters}
    try:
        _, info = get_snapshot().find_provider_model(ref, None, provider, None)
    except LookupError:
        return out | {"model_id": None, "usd": None, "differs": "unknown"}
    answer = calc_price(
        usage(meters), ref, provider_id=provider, genai_request_timestamp=at, price_context=context or None
    )
    if not any(covered(unit, meters) or unit.usage_key == "requests" for unit in priced_units(info, answer.model_price)):
        return out | {"model_id": info.id, "usd": None, "differs": "unpriced"}
    total = answer.total_price.quantize(PICO, rounding=ROUND_HALF_EVEN)
    return out | {"model_id": info.id, "usd": format(total, "f")}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=500)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    getcontext().prec = 60
    rng = random.Random(chosen.seed)
    pairs = [(provider, info) for provider in providers for info in provider.models]
    special = [(p, info) for p, info in pairs if info.price_variants or edges(info) or "tiers" in repr(info.prices)]
    for _ in range(chosen.cases):
        print(json.dumps(case(rng, special), separators=(",", ":")))


main()
