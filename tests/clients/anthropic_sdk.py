"""The official Anthropic SDK of PyPI, unmodified, against a gateway: what applications do with it.

Arguments: base URL (ends in /v1), key, model. Prints one JSON object of what was seen; raises on what
is wrong.
"""

import json
import sys

import anthropic

base_url, key, model = sys.argv[1:4]
client = anthropic.Anthropic(base_url=base_url.removesuffix("/v1"), api_key=key, max_retries=0)
ask = [{"role": "user", "content": "Say hello."}]
tool = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
common = {"model": model, "max_tokens": 200, "system": "Be brief."}
seen = {}

models = [entry.id for entry in client.models.list()]
assert model in models, models

raw = client.messages.with_raw_response.create(
    messages=ask, extra_headers={"x-tollgate-customer": "globex"}, **common
)
plain = raw.parse()
assert plain.role == "assistant" and plain.stop_reason == "end_turn", plain
assert "".join(block.text for block in plain.content if block.type == "text"), plain
used = plain.usage
seen["plain"] = {
    "input": used.input_tokens
    + (used.cache_read_input_tokens or 0)
    + (used.cache_creation_input_tokens or 0),
    "output": used.output_tokens,
}
seen["request_id"] = raw.headers["x-tollgate-request-id"]
seen["cost_header"] = raw.headers["x-tollgate-cost-usd"]

with client.messages.stream(messages=ask, **common) as stream:
    text = "".join(stream.text_stream)
    final = stream.get_final_message()
assert text and final.stop_reason == "end_turn", final
assert final.usage.output_tokens > 0, final.usage
assert "".join(block.text for block in final.content if block.type == "text") == text

called = client.messages.create(
    messages=ask, tools=[tool], tool_choice={"type": "any"}, **common
)
assert called.stop_reason == "tool_use", called
calls = [block for block in called.content if block.type == "tool_use"]
assert calls and calls[0].name == "get_weather", called
seen["tool"] = calls[0].name
answered = client.messages.create(
    tools=[tool],
    messages=[
        *ask,
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in called.content]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls
            ],
        },
    ],
    **common,
)
assert answered.content, answered

with client.messages.stream(
    messages=ask, tools=[tool], tool_choice={"type": "any"}, **common
) as stream:
    final = stream.get_final_message()
assert [block.name for block in final.content if block.type == "tool_use"], final

counted = client.messages.count_tokens(model=model, messages=ask, system="Be brief.")
assert counted.input_tokens > 0, counted

for wrong, kind in [
    (
        lambda: anthropic.Anthropic(
            base_url=base_url.removesuffix("/v1"), api_key="tg_wrong", max_retries=0
        ).messages.create(messages=ask, **common),
        anthropic.AuthenticationError,
    ),
    (
        lambda: client.messages.create(messages=ask, **{**common, "model": "no-such-model"}),
        anthropic.NotFoundError,
    ),
    (lambda: client.messages.create(messages=[], **common), anthropic.BadRequestError),
]:
    try:
        wrong()
    except kind as error:
        assert error.body["type"] == "error" and error.body["error"]["message"], error.body
    else:
        raise AssertionError(f"expected {kind.__name__}")

print(json.dumps(seen))
