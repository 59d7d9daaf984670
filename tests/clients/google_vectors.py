"""Vectors by Google's official SDK of PyPI, unmodified, against a gateway.

Arguments: base URL (ends in /v1), key, model. Prints one JSON object of what was seen; raises on what
is wrong.
"""

import json
import sys

from google import genai
from google.genai import errors, types

base_url, key, model = sys.argv[1:4]
options = types.HttpOptions(
    base_url=base_url.removesuffix("/v1"), headers={"x-tollgate-customer": "globex"}
)
client = genai.Client(api_key=key, vertexai=False, http_options=options)

texts = ["a toll is paid", "a gate is opened"]
several = client.models.embed_content(
    model=model, contents=texts, config=types.EmbedContentConfig(output_dimensionality=8)
)
assert [len(vector.values) for vector in several.embeddings] == [8, 8], several
one = client.models.embed_content(model=model, contents=texts[0])
assert len(one.embeddings) == 1 and one.embeddings[0].values, one
headers = {name.lower(): value for name, value in several.sdk_http_response.headers.items()}

try:
    client.models.embed_content(model="no-such-model", contents="x")
except errors.ClientError as error:
    assert error.code == 404 and error.message, error
else:
    raise AssertionError("expected 404")

print(json.dumps({
    "request_id": headers["x-tollgate-request-id"],
    "vectors": [vector.values for vector in several.embeddings],
}))
