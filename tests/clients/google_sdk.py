"""Google's official SDK of PyPI, unmodified, against a gateway: what applications do with it.

Arguments: base URL (ends in /v1), key, model. Prints one JSON object of what was seen; raises on what
is wrong.
"""

import json
import sys

from google import genai
from google.genai import errors, types

base_url, key, model = sys.argv[1:4]


def connect(with_key):
    """A client of the gateway."""
    options = types.HttpOptions(
        base_url=base_url.removesuffix("/v1"), headers={"x-tollgate-customer": "globex"}
    )
    return genai.Client(api_key=with_key, vertexai=False, http_options=options)


client = connect(key)
weather = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="Weather of a city",
            parameters_json_schema={
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        )
    ]
)
brief = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=200)
must_call = types.GenerateContentConfig(
    tools=[weather],
    max_output_tokens=200,
    tool_config=types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(mode="ANY")
    ),
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)
seen = {}

plain = client.models.generate_content(model=model, contents="Say hello.", config=brief)
assert plain.text, plain
assert plain.candidates[0].finish_reason == types.FinishReason.STOP, plain
used = plain.usage_metadata
headers = {name.lower(): value for name, value in plain.sdk_http_response.headers.items()}
seen["plain"] = {
    "input": used.prompt_token_count,
    "output": (used.candidates_token_count or 0) + (used.thoughts_token_count or 0),
}
seen["request_id"] = headers["x-tollgate-request-id"]
seen["cost_header"] = headers["x-tollgate-cost-usd"]

text, last = "", None
for last in client.models.generate_content_stream(model=model, contents="Say hello.", config=brief):
    text += last.text or ""
assert text and last.usage_metadata.prompt_token_count > 0, last

called = client.models.generate_content(model=model, contents="Weather?", config=must_call)
assert called.function_calls and called.function_calls[0].name == "get_weather", called
seen["tool"] = called.function_calls[0].name
answered = client.models.generate_content(
    model=model,
    contents=[
        types.Content(role="user", parts=[types.Part(text="Weather?")]),
        called.candidates[0].content,
        types.Content(
            role="user",
            parts=[
                types.Part(
                    function_response=types.FunctionResponse(
                        id=call.id, name=call.name, response={"result": "sunny"}
                    )
                )
                for call in called.function_calls
            ],
        ),
    ],
    config=types.GenerateContentConfig(tools=[weather], max_output_tokens=200,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)),
)
assert answered.candidates, answered

calls = []
for chunk in client.models.generate_content_stream(model=model, contents="Weather?", config=must_call):
    calls += chunk.function_calls or []
assert [call.name for call in calls][:1] == ["get_weather"], calls

counted = client.models.count_tokens(model=model, contents="Say hello.")
assert counted.total_tokens > 0, counted

# Held, because a client that is dropped closes its connections.
stranger = connect("tg_wrong")
for wrong, status in [
    (lambda: stranger.models.generate_content(model=model, contents="x"), 401),
    (lambda: client.models.generate_content(model="no-such-model", contents="x"), 404),
]:
    try:
        wrong()
    except errors.ClientError as error:
        assert error.code == status and error.message, error
    else:
        raise AssertionError(f"expected {status}")

print(json.dumps(seen))
