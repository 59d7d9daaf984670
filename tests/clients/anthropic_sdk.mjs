// The official Anthropic SDK of npm, unmodified, against a gateway: what applications do with it.
// Arguments: base URL (ends in /v1), key, models. Each model's calls carry the customer
// `anthropic-npm-MODEL`. Prints a JSON list of what was seen by model; throws on what is wrong.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";

const [baseURL, apiKey, ...models] = process.argv.slice(2);
const options = { baseURL: baseURL.replace(/\/v1$/, ""), maxRetries: 0 };
const messages = [{ role: "user", content: "Say hello." }];
const tool = {
  name: "get_weather",
  description: "Weather of a city",
  input_schema: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
  },
};
const tools = { tools: [tool], tool_choice: { type: "any" } };

function tokens({ usage }) {
  const cached = (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
  return [usage.input_tokens + cached, usage.output_tokens];
}

function text(message) {
  return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

async function visit(model) {
  const customer = `anthropic-npm-${model}`;
  const client = new Anthropic({
    ...options,
    apiKey,
    defaultHeaders: { "x-tollgate-customer": customer },
  });
  const common = { model, max_tokens: 200, system: "Be brief." };
  const calls = [];

  const listed = [];
  for await (const entry of client.models.list()) listed.push(entry.id);
  assert.ok(listed.includes(model), listed.join());
  assert.equal((await client.models.retrieve(model)).id, model);

  const { data: plain, response } = await client.messages
    .create({ messages, ...common })
    .withResponse();
  assert.equal(plain.stop_reason, "end_turn");
  assert.ok(text(plain));
  calls.push(tokens(plain));

  const stream = client.messages.stream({ messages, ...common });
  let streamed = "";
  stream.on("text", (delta) => (streamed += delta));
  const final = await stream.finalMessage();
  assert.ok(streamed);
  assert.equal(text(final), streamed);
  calls.push(tokens(final));

  const called = await client.messages.create({ messages, ...tools, ...common });
  assert.equal(called.stop_reason, "tool_use");
  const uses = called.content.filter((block) => block.type === "tool_use");
  assert.equal(typeof uses[0].input.city, "string");
  calls.push(tokens(called));
  const results = uses.map((use) => ({ type: "tool_result", tool_use_id: use.id, content: "sunny" }));
  const answered = await client.messages.create({
    tools: [tool],
    messages: [
      ...messages,
      { role: "assistant", content: called.content },
      { role: "user", content: results },
    ],
    ...common,
  });
  assert.ok(text(answered));
  calls.push(tokens(answered));

  const streamedCall = await client.beta.messages
    .stream({ messages, ...tools, ...common })
    .finalMessage();
  assert.equal(typeof streamedCall.content.find((b) => b.type === "tool_use").input.city, "string");
  calls.push(tokens(streamedCall));

  const counted = await client.messages.countTokens({ model, messages, system: "Be brief." });
  assert.ok(counted.input_tokens > 0);
  return {
    model,
    customer,
    calls,
    tool: uses[0].name,
    request_id: response.headers.get("x-tollgate-request-id"),
    cost_header: response.headers.get("x-tollgate-cost-usd"),
  };
}

const seen = [];
for (const model of models) seen.push(await visit(model));

const ask = (key, model) =>
  new Anthropic({ ...options, apiKey: key }).messages.create({ model, max_tokens: 9, messages });
await assert.rejects(ask("tg_wrong", models[0]), Anthropic.AuthenticationError);
await assert.rejects(ask(apiKey, "no-such-model"), Anthropic.NotFoundError);

console.log(JSON.stringify(seen));
