"""The official Anthropic SDK of PyPI, unmodified: a model that asks a dearer one for advice.

Arguments: base URL (ends in /v1), key, model, the advisor's model. Prints one JSON object of what was
seen; raises on what is wrong.
"""

import json
import sys

import anthropic

base_url, key, model, advisor = sys.argv[1:5]
client = anthropic.Anthropic(base_url=base_url.removesuffix("/v1"), api_key=key, max_retries=0)
asked = {
    "model": model,
    "max_tokens": 200,
    "messages": [{"role": "user", "content": "How is a bridge built?"}],
    "tools": [
        {
            "type": "advisor_20260301",
            "name": "advisor",
            "model": advisor,
            "max_uses": 2,
            "max_tokens": 120,
        }
    ],
    "betas": ["advisor-tool-2026-03-01"],
}
seen = {}


def told(message):
    """What a message says of the advisor."""
    kinds = [block.type for block in message.content]
    assert kinds[:2] == ["server_tool_use", "advisor_tool_result"], kinds
    assert message.content[1].content.text, message
    advice = [it for it in message.usage.iterations if it.type == "advisor_message"]
    assert advice and all(it.model == advisor for it in advice), message.usage
    return {
        "input": message.usage.input_tokens,
        "output": message.usage.output_tokens,
        "advice_input": sum(it.input_tokens for it in advice),
        "advice_output": sum(it.output_tokens for it in advice),
    }


raw = client.beta.messages.with_raw_response.create(**asked)
seen["plain"] = told(raw.parse())
seen["plain"]["request_id"] = raw.headers["x-tollgate-request-id"]
seen["plain"]["cost"] = raw.headers["x-tollgate-cost-usd"]

with client.beta.messages.stream(**asked) as stream:
    final = stream.get_final_message()
    headers = stream.response.headers
seen["streamed"] = told(final)
seen["streamed"]["request_id"] = headers["x-tollgate-request-id"]
print(json.dumps(seen))
