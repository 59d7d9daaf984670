// The official OpenAI SDK of npm, unmodified, against a gateway: what applications do with it.
// Arguments: base URL, key, model. Prints one JSON object of what was seen; throws on what is wrong.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Say hello." },
];
const tool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Weather of a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
  },
};
const seen = {};

const models = (await client.models.list()).data.map((entry) => entry.id);
assert.ok(models.includes(model), models.join());

const { data: plain, response } = await client.chat.completions
  .create({ model, messages }, { headers: { "x-tollgate-customer": "globex" } })
  .withResponse();
assert.equal(plain.choices[0].finish_reason, "stop");
assert.ok(plain.choices[0].message.content);
seen.plain = {
  input: plain.usage.prompt_tokens,
  output: plain.usage.completion_tokens,
  // Twelve decimals are the finest unit of the ledger.
  cost: plain.usage.cost.toFixed(12),
};
seen.request_id = response.headers.get("x-tollgate-request-id");
seen.cost_header = response.headers.get("x-tollgate-cost-usd");

let text = "";
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
  assert.equal(chunk.choices.length, 1);
  text += chunk.choices[0].delta.content ?? "";
}
assert.ok(text);

const final = await client.chat.completions.stream({ model, messages }).finalChatCompletion();
assert.equal(final.choices[0].message.content, text);

const called = await client.chat.completions.create({
  model,
  messages,
  tools: [tool],
  tool_choice: "required",
});
assert.equal(called.choices[0].finish_reason, "tool_calls");
JSON.parse(called.choices[0].message.tool_calls[0].function.arguments);

const Capital = z.object({ city: z.string(), population: z.number().int() });
const parsed = await client.chat.completions.parse({
  model,
  messages,
  response_format: zodResponseFormat(Capital, "capital"),
});
assert.equal(typeof parsed.choices[0].message.parsed.city, "string");

await assert.rejects(
  new OpenAI({ baseURL, apiKey: "tg_wrong", maxRetries: 0 }).models.list(),
  OpenAI.AuthenticationError,
);
await assert.rejects(
  client.chat.completions.create({ model: "no-such-model", messages }),
  OpenAI.NotFoundError,
);

console.log(JSON.stringify(seen));
