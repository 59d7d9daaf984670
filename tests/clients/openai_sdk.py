"""The official OpenAI SDK of PyPI, unmodified, against a gateway: what applications do with it.

Arguments: base URL, key, model. Prints one JSON object of what was seen; raises on what is wrong.
"""

import decimal
import json
import sys

import openai
from pydantic import BaseModel

base_url, key, model = sys.argv[1:4]
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
ask = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
tool = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
seen = {}

models = [entry.id for entry in client.models.list()]
assert model in models, models

raw = client.chat.completions.with_raw_response.create(
    model=model, messages=ask, extra_headers={"x-tollgate-customer": "globex"}
)
plain = raw.parse()
assert plain.choices[0].message.content and plain.choices[0].finish_reason == "stop"
# The shortest text of the float that JSON became is the amount's own digits.
cost = decimal.Decimal(repr(plain.usage.model_extra["cost"]))
seen["plain"] = {
    "input": plain.usage.prompt_tokens,
    "output": plain.usage.completion_tokens,
    "cost": f"{cost:f}",
}
seen["request_id"] = raw.headers["x-tollgate-request-id"]
seen["cost_header"] = raw.headers["x-tollgate-cost-usd"]

# A client that did not ask for usage does not see any, and every chunk has a choice.
text = ""
for chunk in client.chat.completions.create(model=model, messages=ask, stream=True):
    assert chunk.usage is None and len(chunk.choices) == 1, chunk
    text += chunk.choices[0].delta.content or ""
assert text, "a stream without text"
seen["streamed_text"] = text

*_, last = client.chat.completions.create(
    model=model, messages=ask, stream=True, stream_options={"include_usage": True}
)
assert last.choices == [] and last.usage.total_tokens > 0, last
seen["streamed"] = {"input": last.usage.prompt_tokens, "output": last.usage.completion_tokens}

with client.chat.completions.stream(model=model, messages=ask) as events:
    final = events.get_final_completion()
assert final.choices[0].message.content == text

called = client.chat.completions.create(
    model=model, messages=ask, tools=[tool], tool_choice="required"
).choices[0]
assert called.finish_reason == "tool_calls", called
call = called.message.tool_calls[0]
json.loads(call.function.arguments)
answered = client.chat.completions.create(
    model=model,
    tools=[tool],
    messages=[
        *ask,
        called.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ],
)
assert answered.choices[0].message.content

arguments = ""
for chunk in client.chat.completions.create(
    model=model, messages=ask, tools=[tool], tool_choice="required", stream=True
):
    for delta in chunk.choices[0].delta.tool_calls or []:
        arguments += delta.function.arguments or ""
json.loads(arguments)
seen["tool"] = call.function.name


class Capital(BaseModel):
    """What structured output must be shaped like."""

    city: str
    population: int


parsed = client.chat.completions.parse(model=model, messages=ask, response_format=Capital)
assert isinstance(parsed.choices[0].message.parsed, Capital), parsed
seen["parsed"] = parsed.choices[0].message.parsed.city

# The SDK asks for base64 by itself and reads either form.
vectors = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
assert len(vectors.data) == 2 and len(vectors.data[0].embedding) > 8, vectors
assert isinstance(vectors.data[0].embedding[0], float) and vectors.usage.prompt_tokens > 0

azure = openai.AzureOpenAI(
    azure_endpoint=base_url.removesuffix("/v1"), api_key=key, api_version="2025-04-01-preview"
)
assert azure.chat.completions.create(model=model, messages=ask).choices[0].message.content

for wrong, kind in [
    (lambda: openai.OpenAI(base_url=base_url, api_key="tg_wrong").models.list(), openai.AuthenticationError),
    (lambda: client.chat.completions.create(model="no-such-model", messages=ask), openai.NotFoundError),
    (lambda: client.chat.completions.create(model=model, messages=[]), openai.BadRequestError),
]:
    try:
        wrong()
    except kind as error:
        assert error.body["message"], error
    else:
        raise AssertionError(f"expected {kind.__name__}")

print(json.dumps(seen))
