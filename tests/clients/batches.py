"""The official OpenAI and Anthropic SDKs of PyPI, unmodified: batches made, waited for and downloaded.

Arguments: what to do (`make` or `download`), base URL (ends in /v1), key. To make, the number of requests
of each batch follows, to download the two batches' ids. Prints one JSON object; raises on what is wrong.
"""

import json
import sys

import anthropic
import openai

what, base_url, key, *rest = sys.argv[1:]
first = openai.OpenAI(
    base_url=base_url,
    api_key=key,
    max_retries=0,
    default_headers={"x-tollgate-provider": "openai", "x-tollgate-customer": "globex"},
)
second = anthropic.Anthropic(
    base_url=base_url.removesuffix("/v1"),
    api_key=key,
    max_retries=0,
    default_headers={"x-tollgate-customer": "globex"},
)
ask = [{"role": "user", "content": "Say something about tolls."}]


def make(count):
    """Makes a batch of each vendor, the first with two requests that fail."""
    models = ["gpt-5.4", "gpt-5.4-mini-2026-03-17"]
    lines = [
        {
            "custom_id": f"line-{n}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": models[n % 2] if n > 1 else "gpt-5.4+status=500", "messages": ask},
        }
        for n in range(count)
    ]
    text = "\n".join(json.dumps(line) for line in lines).encode()
    seen = {}
    raw = first.files.with_raw_response.create(file=("b.jsonl", text), purpose="batch")
    seen["file"] = raw.headers["x-tollgate-request-id"]
    raw = first.batches.with_raw_response.create(
        input_file_id=raw.parse().id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    seen["batch"] = raw.headers["x-tollgate-request-id"]
    seen["ids"] = [raw.parse().id]
    raw = second.messages.batches.with_raw_response.create(
        requests=[
            {
                "custom_id": f"line-{n}",
                "params": {"model": "claude-haiku-5-5", "max_tokens": 64, "messages": ask},
            }
            for n in range(count)
        ]
    )
    seen["message_batch"] = raw.headers["x-tollgate-request-id"]
    seen["ids"].append(raw.parse().id)
    return seen


def download(batch, message_batch):
    """Downloads what became of both batches."""
    raw = first.batches.with_raw_response.retrieve(batch)
    seen = {"poll": raw.headers["x-tollgate-request-id"]}
    done = raw.parse()
    assert done.status == "completed" and done.usage.input_tokens > 0, done
    files = [done.output_file_id, done.error_file_id]
    seen["files"] = files
    texts = [first.files.content(file).text.splitlines() for file in files]
    lines = [json.loads(line) for text in texts for line in text]
    seen["first"] = sorted(line["id"] for line in lines)
    assert {line["response"]["status_code"] for line in lines} == {200, 500}, lines[:2]
    results = list(second.messages.batches.results(message_batch))
    assert all(result.result.type == "succeeded" for result in results), results[:2]
    seen["second"] = sorted(result.result.message.id for result in results)
    return seen


print(json.dumps(make(int(rest[0])) if what == "make" else download(*rest)))
