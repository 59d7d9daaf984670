"""The responses operation of the official OpenAI SDK of PyPI, unmodified, against a gateway.

Arguments: base URL, key, model. Prints one JSON object of what was seen; raises on what is wrong.
"""

import json
import sys

import openai
from pydantic import BaseModel

base_url, key, model = sys.argv[1:4]
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
tool = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
common = {"model": model, "instructions": "Be brief.", "store": False}
seen = {}

raw = client.responses.with_raw_response.create(
    input="Say hello.", extra_headers={"x-tollgate-customer": "globex"}, **common
)
plain = raw.parse()
assert plain.status == "completed" and plain.output_text, plain
seen["plain"] = {"input": plain.usage.input_tokens, "output": plain.usage.output_tokens}
seen["request_id"] = raw.headers["x-tollgate-request-id"]
seen["cost_header"] = raw.headers["x-tollgate-cost-usd"]

with client.responses.stream(input="Say hello.", **common) as events:
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    final = events.get_final_response()
assert text and final.output_text == text and final.usage.output_tokens > 0, final

called = client.responses.create(
    input="Weather?", tools=[tool], tool_choice="required", **common
)
calls = [item for item in called.output if item.type == "function_call"]
assert calls and json.loads(calls[0].arguments) is not None, called
seen["tool"] = calls[0].name
answered = client.responses.create(
    input=[
        {"role": "user", "content": "Weather?"},
        *[item.model_dump(exclude_none=True) for item in called.output],
        *[
            {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
            for call in calls
        ],
    ],
    tools=[tool],
    **common,
)
assert answered.output_text, answered


class Capital(BaseModel):
    """What structured output must be shaped like."""

    city: str
    population: int


parsed = client.responses.parse(input="Capital?", text_format=Capital, **common)
assert isinstance(parsed.output_parsed, Capital), parsed

counted = client.responses.input_tokens.count(model=model, input="Say hello.")
assert counted.input_tokens > 0, counted

for wrong, kind in [
    (lambda: client.responses.create(input="x", **{**common, "model": "no-such-model"}), openai.NotFoundError),
    (lambda: client.responses.create(input=7, **common), openai.BadRequestError),
]:
    try:
        wrong()
    except kind as error:
        assert error.body["message"], error
    else:
        raise AssertionError(f"expected {kind.__name__}")

print(json.dumps(seen))
