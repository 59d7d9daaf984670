"""Converts the prices of the PyPI package `genai-prices` (MIT) into `catalog.json`.

    pip install genai-prices==0.2.3
    python convert.py > catalog.json

The output is deterministic: the package's own order of providers and models (the first match wins, so
the order is part of the data), sorted keys where order means nothing, one model per line so that a new
release reads as a diff. Every amount is a decimal string, taken digit by digit from the package's
`Decimal`s. Whatever this script does not know how to carry over stops it.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from genai_prices import types
from genai_prices.data import providers
from genai_prices.units import _get_registry

PACKAGE_VERSION = "0.2.3"

# The package's price keys by our own. Two of ours stand for a pair of theirs that never differ.
KEYS = {
    "input_mtok": "input",
    "input_text_mtok": "input.text",
    "input_audio_mtok": "input.audio",
    "input_image_mtok": "input.image",
    "input_video_mtok": "input.video",
    "input_tool_mtok": "input.tool",
    "cache_read_mtok": "cache_read",
    "cache_text_read_mtok": "cache_read.text",
    "cache_audio_read_mtok": "cache_read.audio",
    "cache_image_read_mtok": "cache_read.image",
    "cache_video_read_mtok": "cache_read.video",
    "cache_write_mtok": "cache_write",
    "cache_write_5m_mtok": "cache_write.5m",
    "cache_write_1h_mtok": "cache_write.1h",
    "output_mtok": "output",
    "output_text_mtok": "output.text",
    "output_audio_mtok": "output.audio",
    "output_image_mtok": "output.image",
    "output_video_mtok": "output.video",
    "output_reasoning_mtok": "reasoning",
    "output_citation_mtok": "citation",
    "web_searches_kcount": "web_search",
    "social_searches_kcount": "x_search",
    "storage_searches_kcount": "file_search",
    "code_executions_kcount": "code_exec",
    "requests_kcount": "request",
    "rerank_searches_kcount": "rerank_search",
    "audio_hours": "audio_seconds",
    "input_audio_hours": "audio_seconds",
    "input_document_kpages": "pages",
    "input_annotated_document_kpages": "pages.annotated",
    "input_mchars": "characters",
    "input_text_messages_kcount": "messages",
}

# Rates for what the package has no unit for; an operator's file may give them.
OWN_PER = {
    "cache_write.30m": 1_000_000,
    "cache_write.12h": 1_000_000,
    "images": 1,
    "cache_storage_tok_hours": 1_000_000,
    "container_hours": 1,
    "gpu_hour": 3_600_000_000,
}

# The package keeps this rule in code (`ModelInfo.calc_price`): Groq bills at least ten seconds.
MINIMUM = {
    ("groq", "whisper-large-v3"): {"audio_seconds": 10},
    ("groq", "whisper-large-v3-turbo"): {"audio_seconds": 10},
}


def decimal(value: Decimal) -> str:
    if not value.is_finite() or value < 0:
        raise ValueError(f"not a price: {value}")
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def clause(logic: Any) -> dict[str, Any]:
    match logic:
        case types.ClauseEquals():
            return {"equals": logic.equals}
        case types.ClauseStartsWith():
            return {"starts_with": logic.starts_with}
        case types.ClauseEndsWith():
            return {"ends_with": logic.ends_with}
        case types.ClauseContains():
            return {"contains": logic.contains}
        case types.ClauseOr():
            return {"or": [clause(part) for part in logic.or_]}
        case types.ClauseAnd():
            return {"and": [clause(part) for part in logic.and_]}
        case types.ClauseRegex():
            return regex(logic.regex)
    raise TypeError(f"unknown clause {logic!r}")


def regex(pattern: str) -> dict[str, Any]:
    """A regular expression without look-around, which a linear-time engine cannot run: a leading
    negative lookahead becomes a `not` beside the rest."""
    pattern = pattern.replace(r"\d", "[0-9]")
    head = re.match(r"\^\(\?!", pattern)
    if head is None:
        if "(?!" in pattern or "(?=" in pattern or "(?<" in pattern:
            raise ValueError(f"look-around in the middle of {pattern!r}")
        return {"regex": pattern}
    end = closing(pattern, head.end())
    refused, rest = "^" + pattern[head.end() : end], "^" + pattern[end + 1 :]
    refused = refused.removeprefix("^.*")
    parts = [{"not": regex(refused)}] + ([regex(rest)] if rest != "^" else [])
    return parts[0] if len(parts) == 1 else {"and": parts}


def closing(pattern: str, start: int) -> int:
    depth, escaped, in_class = 1, False, False
    for index in range(start, len(pattern)):
        char = pattern[index]
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return index
    raise ValueError(f"unbalanced {pattern!r}")


def rates(prices: types.ModelPrice) -> dict[str, Any]:
    """Base rates, and one tier per threshold with the rates that change there."""
    base: dict[str, str] = {}
    tiers: dict[int, dict[str, str]] = {}
    for price_key, value in prices.__dict__.items():
        if value is None:
            continue
        key = KEYS[price_key]
        if isinstance(value, types.TieredPrices):
            put(base, key, decimal(value.base))
            for tier in value.tiers:
                put(tiers.setdefault(tier.start, {}), key, decimal(tier.price))
        else:
            put(base, key, decimal(value))
    out: dict[str, Any] = {"rates": base}
    if tiers:
        out["tiers"] = [{"above": start, "rates": tiers[start]} for start in sorted(tiers)]
    return out


def put(into: dict[str, str], key: str, amount: str) -> None:
    if into.setdefault(key, amount) != amount:
        raise ValueError(f"two prices for {key}: {into[key]} and {amount}")


def window(constraint: Any) -> dict[str, Any]:
    match constraint:
        case None:
            return {}
        case types.StartDateConstraint():
            return {"from": constraint.start_date.isoformat()}
        case types.TimeOfDateConstraint():
            return {"daily": [utc(constraint.start_time), utc(constraint.end_time)]}
    raise TypeError(f"unknown constraint {constraint!r}")


def utc(of_day: time) -> str:
    if of_day.tzinfo is not None:
        of_day = datetime.combine(date(1970, 1, 1), of_day).astimezone(UTC).time()
    return of_day.isoformat()


def model(provider_id: str, info: types.ModelInfo) -> dict[str, Any]:
    out: dict[str, Any] = {"id": info.id, "match": clause(info.match)}
    if info.context_window is not None:
        out["context_tokens"] = info.context_window
    dated = info.prices
    if isinstance(dated, types.ModelPrice):
        dated = [types.ConditionalPrice(prices=dated)]
    out["prices"] = [window(entry.constraint) | rates(entry.prices) for entry in dated]
    # The package writes a model that is free as one without prices, and so it does some whose price is
    # not public. Only the name tells them apart: without it the price is unknown, which is not zero.
    if info.id.endswith(":free"):
        for sheet in out["prices"]:
            sheet["rates"] = sheet["rates"] or {"input": "0", "output": "0"}
    if info.price_variants:
        out["variants"] = [
            {"when": dict(sorted(entry.when.items()))} | window(entry.constraint) | rates(entry.prices)
            for entry in info.price_variants
        ]
    if (provider_id, info.id) in MINIMUM:
        out["minimum"] = MINIMUM[provider_id, info.id]
    return out


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    if version("genai-prices") != PACKAGE_VERSION:
        sys.exit(f"expected genai-prices {PACKAGE_VERSION}, found {version('genai-prices')}")
    registry = _get_registry()
    per = {key: registry.unit_for_price_key(name).per for name, key in KEYS.items()} | OWN_PER
    lines = ["{", f'"source":{compact("genai-prices " + PACKAGE_VERSION + " (MIT, see LICENSE.genai-prices)")},']
    lines += [f'"per":{compact(dict(sorted(per.items())))},', '"providers":[']
    for index, provider in enumerate(providers):
        head: dict[str, Any] = {"id": provider.id}
        if provider.provider_match is not None:
            head["match"] = clause(provider.provider_match)
        if provider.model_match is not None:
            head["model_match"] = clause(provider.model_match)
        if provider.fallback_model_providers:
            head["fallback"] = provider.fallback_model_providers
        lines.append(compact(head)[:-1] + ',"models":[')
        models = [compact(model(provider.id, info)) for info in provider.models]
        lines += [text + "," for text in models[:-1]] + models[-1:]
        lines.append("]}" + ("," if index + 1 < len(providers) else ""))
    lines.append("]}")
    print("\n".join(lines))


main()
