// Runs inside a folder with its own versions of openai and OpenTelemetry: see matrix.test.ts.
import { register, traceTool, withConversation, wrapOpenAI } from "@counterfoil/instrumentation";

const registration = await register({ serviceName: "matrix" });
if (process.env.MODEL_URL === undefined) {
  traceTool({ name: "t" }, () => 1)();
} else {
  const { default: OpenAI } = await import("openai");
  const client = wrapOpenAI(new OpenAI({ apiKey: "k", baseURL: process.env.MODEL_URL, maxRetries: 0 }));
  const messages = [{ role: "user", content: "hi" }];
  await withConversation({ conversationId: "c1" }, async () => {
    const { response } = await client.chat.completions.create({ model: "plain", messages }).withResponse();
    if (response.status !== 200) throw new Error("withResponse is broken");
    const stream = await client.chat.completions.create({ model: "streamed", messages, stream: true });
    for await (const _chunk of stream);
    await client.responses.create({ model: "responses", input: "hi" });
    await client.embeddings.create({ model: "embedded", input: "hi", encoding_format: "float" });
    const failure = await client.chat.completions
      .create({ model: "refused", messages })
      .catch((error) => error);
    if (failure.status !== 429) throw new Error("the error is not the client's own");
  });
}
console.log(registration.state);
await registration.shutdown();
