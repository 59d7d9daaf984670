// The responses operation of the official OpenAI SDK of npm, unmodified, against a gateway.
// Arguments: base URL, key, models. Each model's calls carry the customer `responses-npm-MODEL`.
// Prints a JSON list of what was seen by model; throws on what is wrong.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const [baseURL, apiKey, ...models] = process.argv.slice(2);
const input = "Say hello.";
const tool = {
  type: "function",
  name: "get_weather",
  description: "Weather of a city",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
  },
};
const Capital = z.object({ city: z.string(), population: z.number().int() });

function tokens({ usage }) {
  return [usage.input_tokens, usage.output_tokens];
}

async function visit(model) {
  const customer = `responses-npm-${model}`;
  const defaultHeaders = { "x-tollgate-customer": customer };
  const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, defaultHeaders });
  const common = { model, instructions: "Be brief.", store: false };
  const calls = [];

  const { data: plain, response } = await client.responses
    .create({ input, ...common })
    .withResponse();
  assert.equal(plain.status, "completed");
  assert.ok(plain.output_text);
  calls.push(tokens(plain));

  const stream = client.responses.stream({ input, ...common });
  let text = "";
  stream.on("response.output_text.delta", (event) => (text += event.delta));
  const final = await stream.finalResponse();
  assert.ok(text);
  assert.equal(final.output_text, text);
  calls.push(tokens(final));

  const called = await client.responses.create({
    input,
    tools: [tool],
    tool_choice: "required",
    ...common,
  });
  const asked = called.output.filter((item) => item.type === "function_call");
  assert.equal(typeof JSON.parse(asked[0].arguments).city, "string");
  calls.push(tokens(called));
  const outputs = asked.map(({ call_id }) => ({
    type: "function_call_output",
    call_id,
    output: "sunny",
  }));
  const answered = await client.responses.create({
    input: [{ role: "user", content: input }, ...called.output, ...outputs],
    tools: [tool],
    ...common,
  });
  assert.ok(answered.output_text);
  calls.push(tokens(answered));

  const parsed = await client.responses.parse({
    input,
    text: { format: zodTextFormat(Capital, "capital") },
    ...common,
  });
  assert.equal(typeof parsed.output_parsed.city, "string");
  calls.push(tokens(parsed));

  assert.ok((await client.responses.inputTokens.count({ model, input })).input_tokens > 0);
  return {
    model,
    customer,
    calls,
    tool: asked[0].name,
    request_id: response.headers.get("x-tollgate-request-id"),
    cost_header: response.headers.get("x-tollgate-cost-usd"),
  };
}

const seen = [];
for (const model of models) seen.push(await visit(model));

const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
await assert.rejects(
  client.responses.create({ model: "no-such-model", input }),
  OpenAI.NotFoundError,
);
await assert.rejects(
  client.responses.create({ model: models[0], input: 7 }),
  OpenAI.BadRequestError,
);

console.log(JSON.stringify(seen));
