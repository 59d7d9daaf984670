"""A document of the request that the answer cites, asked for and read with PyPI's `anthropic`, unmodified.

Arguments: base URL (ends in /v1), key, model, and what is expected: the answer's text, the words that rest on
the document, and what it says there. Prints one JSON object: the ids of the requests sent.
"""

import json
import sys

import anthropic

base_url, key, model, answer, words, passage = sys.argv[1:7]
client = anthropic.Anthropic(base_url=base_url.removesuffix("/v1"), api_key=key, max_retries=0)
requests = []


def document(title, cites):
    source = {"type": "text", "media_type": "text/plain", "data": f"{title}. {passage}"}
    return {"type": "document", "title": title, "source": source, "citations": {"enabled": cites}}


question = {"type": "text", "text": "Where are tolls paid?"}
content = [document("Fees", True), question]
ask = {"model": model, "max_tokens": 200, "messages": [{"role": "user", "content": content}]}


def read(message, headers):
    requests.append(headers["x-tollgate-request-id"])
    assert "".join(block.text for block in message.content) == answer, message
    (cited,) = [block for block in message.content if block.citations]
    (place,) = cited.citations
    assert cited.text == words, cited
    assert (place.type, place.document_index, place.document_title) == ("char_location", 0, "Fees"), place
    assert place.cited_text == passage, place
    assert (place.start_char_index, place.end_char_index) == (0, len(passage)), place


raw = client.messages.with_raw_response.create(**ask)
read(raw.parse(), raw.headers)
with client.messages.stream(**ask) as stream:
    read(stream.get_final_message(), stream.response.headers)
print(json.dumps({"requests": requests}))
