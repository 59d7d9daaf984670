"""The official OpenAI SDK of PyPI as applications on Azure use it, unmodified: deployments in the path,
a dated version in the query, `api-key` as the credential.

Arguments: base URL, key. Prints one JSON object of the requests made, by name; raises on what is wrong.
"""

import io
import json
import sys

import openai

base_url, key = sys.argv[1:3]
endpoint = base_url.removesuffix("/v1")
usual = {
    "api_key": key,
    "api_version": "2025-04-01-preview",
    "max_retries": 0,
    "default_headers": {"x-tollgate-provider": "openai", "x-tollgate-customer": "globex"},
}
client = openai.AzureOpenAI(
    azure_endpoint=endpoint, websocket_base_url=f"ws{endpoint[4:]}/openai", **usual
)
seen = {}


def told(name, raw):
    """Notes the request's id and gives what the SDK made of the answer."""
    seen[name] = raw.headers["x-tollgate-request-id"]
    return raw.parse()


prompt = "Say something about tolls."
answer = told(
    "response", client.responses.with_raw_response.create(model="openai/gpt-5.4", input=prompt)
)
assert answer.output_text and answer.usage.output_tokens > 0, answer
text = ""
with client.responses.stream(model="openai/gpt-5.4", input=prompt) as events:
    for event in events:
        text += event.delta if event.type == "response.output_text.delta" else ""
assert text, "no text in the stream"

completion = told(
    "completion",
    client.completions.with_raw_response.create(model="instruct", prompt=prompt, max_tokens=7),
)
assert completion.usage.completion_tokens == 7, completion
picture = told("image", client.images.with_raw_response.generate(model="picture", prompt=prompt))
assert len(picture.data) == 1, picture
edited = told(
    "image_edit",
    client.images.with_raw_response.edit(
        model="picture", image=("a.png", b"\x89PNG\r\n", "image/png"), prompt=prompt
    ),
)
assert edited.usage.input_tokens_details.image_tokens > 0, edited.usage
sound = ("a.wav", io.BytesIO(b"RIFF" + bytes(20_000)), "audio/wav")
heard = told(
    "transcription",
    client.audio.transcriptions.with_raw_response.create(model="heard", file=sound),
)
assert heard.usage.seconds == 9, heard
told(
    "translation",
    client.audio.translations.with_raw_response.create(
        model="heard", file=("a.wav", b"RIFF", "audio/wav"), response_format="text"
    ),
)
spoken = client.audio.speech.with_raw_response.create(
    model="spoken", voice="alloy", input="Tolls are paid."
)
seen["speech"] = spoken.headers["x-tollgate-request-id"]
assert spoken.content, "no sound"

# The deployment of the client decides, whatever model a call names.
deployed = openai.AzureOpenAI(
    azure_endpoint=endpoint, azure_deployment="openai/text-embedding-3-small", **usual
)
vectors = told(
    "embedding", deployed.embeddings.with_raw_response.create(model="nobody", input=["a", "b"])
)
assert len(vectors.data) == 2, vectors
assert any(model.id for model in client.models.list()), "no models"

kept = told("file", client.files.with_raw_response.create(file=("b", b"{}\n"), purpose="batch"))
told("file_get", client.files.with_raw_response.retrieve(kept.id))
with client.realtime.connect(model="openai/gpt-realtime") as session:
    assert next(iter(session)).type == "session.created"

try:
    client.images.edit(model="nobody", image=("a.png", b"x", "image/png"), prompt=prompt)
    raise AssertionError("a deployment that is not there")
except openai.NotFoundError as error:
    assert error.code == "model_not_found", error

print(json.dumps(seen))
