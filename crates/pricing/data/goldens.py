"""Records what the package `genai-prices` answers for generated requests, as goldens for our own `price`.

    pip install genai-prices==0.2.3
    python goldens.py > goldens.jsonl
    python goldens.py --cases 20000 --seed 7

One line per case: provider, model, instant, context and meters as we name them, then the package's
model id and total in USD, rounded once, half to even, to twelve decimals. Every model of the catalog is
asked for before any is asked for twice; models with dates, hours, tiers or variants are asked for more
often. Deliberate differences are applied here, where they can be read, and named in the case; the
reasons are in `DIFFERENCES.md`:

- `unknown`: the package knows no such provider or model. It raises, we answer "unpriced".
- `unpriced`: none of the meters used has a price in force. The package says 0, we say "unpriced".
- `batch_tier`: a served tier `batch` is asked of the package as batch processing.
- `name`: the name is one that vendors and gateways write and the package does not know; it is asked
  for the plain name.

Not generated, because no meter of ours counts them: messages, annotated pages, video output, pixels.
"""

from __future__ import annotations

import argparse
import json
import random
from datetime import UTC, datetime, time, timedelta
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
    {"service_tier": "standard"},
    {"service_tier": "on_demand"},
    {"service_tier": "batch"},
    {"service_tier": "flex", "processing": "batch"},
    {"service_tier": "priority", "speed": "fast"},
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


def edges(info: types.ModelInfo, day: datetime) -> list[datetime]:
    """The instants at which some price of the model begins or ends; hours of the day are those of `day`."""
    dated = [] if isinstance(info.prices, types.ModelPrice) else info.prices
    found = []
    for entry in [*dated, *(info.price_variants or [])]:
        match entry.constraint:
            case types.StartDateConstraint(start_date=start):
                found.append(datetime(start.year, start.month, start.day, tzinfo=UTC))
            case types.TimeOfDateConstraint(start_time=start, end_time=end):
                found += [at_hour(day, start), at_hour(day, end)]
    return found


def at_hour(day: datetime, hour: time) -> datetime:
    if hour.tzinfo is None:
        hour = hour.replace(tzinfo=UTC)
    return datetime.combine(day, hour).astimezone(UTC)


def thresholds(info: types.ModelInfo) -> list[int]:
    """The prompts at which some price of the model changes."""
    dated = [info.prices] if isinstance(info.prices, types.ModelPrice) else [entry.prices for entry in info.prices]
    sheets = dated + [variant.prices for variant in info.price_variants or []]
    values = [value for sheet in sheets for value in sheet.__dict__.values()]
    return sorted({tier.start for value in values if isinstance(value, types.TieredPrices) for tier in value.tiers})


def instant(rng: random.Random, info: types.ModelInfo) -> datetime:
    # From 2024 to 2027, beyond the first and the last date of the catalog.
    any_time = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=rng.randrange(1_200 * 86_400_000_000))
    near = edges(info, any_time)
    if near and rng.random() < 0.7:
        return rng.choice(near) + timedelta(microseconds=rng.choice([-1_000_000, -1, 0, 1, 3_600_000_000]))
    return any_time


def quantity(rng: random.Random) -> int:
    return int(10 ** rng.uniform(0, 6))


def draw(rng: random.Random, starts: list[int]) -> dict[str, int]:
    names = COMMON if rng.random() < 0.7 else list(METERS)
    meters = {name: quantity(rng) for name in rng.sample(names, rng.randint(1, min(5, len(names))))}
    if rng.random() < (0.7 if starts else 0.2):
        rest = sum(n for name, n in meters.items() if name in TOKENS and METERS[name]["direction"] == "input")
        target = rng.choice(starts or THRESHOLDS) + rng.choice([-1, 0, 1, 2])
        if target > rest:
            meters["input.text"] = meters.get("input.text", 0) + target - rest
    return meters


def case(rng: random.Random, provider: Any, info: Any) -> dict[str, Any]:
    ref = rng.choice([info.id, *atoms(info.match)])
    if rng.random() < 0.08:
        provider = rng.choice([p for p in providers if p.fallback_model_providers])
    if rng.random() < 0.1:
        ref = ref.upper()
    if rng.random() < 0.02:
        ref = "no-such-model-" + str(rng.randrange(100))
    context = rng.choice(CONTEXTS) if rng.random() < 0.5 else {}
    if info.price_variants and rng.random() < 0.7:
        context = rng.choice(info.price_variants).when
    at = instant(rng, info)
    written = "{}"
    if provider.id in WRITTEN and "/" not in ref and rng.random() < 0.1:
        written = rng.choice(WRITTEN[provider.id])
    return record(provider.id, (ref, written), at, dict(context), draw(rng, thresholds(info)))


# How names of a provider's models are written elsewhere.
WRITTEN = {
    "aws": [
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/{}",
        "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/{}",
    ],
    "google": ["models/{}", "publishers/google/models/{}", "projects/p/locations/eu/publishers/v/models/{}"],
}


def priced_units(info: types.ModelInfo, prices: types.ModelPrice) -> list[Any]:
    """The units with a price; a `:free` model, which has none here, has input and output at zero with us."""
    registry = _get_registry()
    found = [registry.unit_for_price_key(key) for key, value in prices.__dict__.items() if value is not None]
    if not found and info.id.endswith(":free"):
        found = [registry.units["input_tokens"], registry.units["output_tokens"]]
    return found


def known(ref: str, provider: str) -> bool:
    try:
        get_snapshot().find_provider_model(ref, None, provider, None)
    except LookupError:
        return False
    return True


def unprefixed(ref: str, provider: str) -> str:
    """The name without the provider's own before it, where it is no variation such as `:batch`."""
    prefix, _, rest = ref.lower().partition("/")
    variation = any(char.isalpha() for char in rest.rpartition(":")[2]) and ":" in rest
    return rest if prefix == provider and not variation else ref


def record(
    provider: str, name: tuple[str, str], at: datetime, context: dict[str, str], meters: dict[str, int]
) -> dict[str, Any]:
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    ref, written = name
    out: dict[str, Any] = {
        "provider": provider,
        "model": written.format(ref),
        "at": micros,
        "context": context,
        "meters": meters,
    }
    asked = context
    if context.get("service_tier") == "batch" and "processing" not in context:
        asked = context | {"processing": "batch"}
        out["differs"] = "batch_tier"
    if written != "{}":
        out["differs"] = "name"
    elif not known(ref, provider) and known(plain := unprefixed(ref, provider), provider):
        ref, out["differs"] = plain, "name"
    try:
        _, info = get_snapshot().find_provider_model(ref, None, provider, None)
    except LookupError:
        return out | {"model_id": None, "usd": None, "differs": "unknown"}
    answer = calc_price(
        usage(meters), ref, provider_id=provider, genai_request_timestamp=at, price_context=asked or None
    )
    if not any(covered(unit, meters) or unit.usage_key == "requests" for unit in priced_units(info, answer.model_price)):
        return out | {"model_id": info.id, "usd": None, "differs": "unpriced"}
    total = answer.total_price.quantize(PICO, rounding=ROUND_HALF_EVEN)
    return out | {"model_id": info.id, "usd": format(total, "f")}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=3_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    getcontext().prec = 60
    rng = random.Random(chosen.seed)
    pairs = [(provider, info) for provider in providers for info in provider.models]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    special = [(p, info) for p, info in pairs if info.price_variants or edges(info, now) or thresholds(info)]
    # Each model before any a second time; a third of what is left goes to every model, the rest to the special.
    wanted = list(pairs)
    while len(wanted) < chosen.cases:
        wanted += special + special + (pairs if len(wanted) % 3 == 0 else [])
    for provider, info in wanted[: chosen.cases]:
        print(json.dumps(case(rng, provider, info), separators=(",", ":")))


main()
