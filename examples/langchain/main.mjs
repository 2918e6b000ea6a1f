/**
 * LangChain's OpenTelemetry output by OpenInference, sent to Counterfoil. `register()` sets tracing up, OpenInference
 * hooks LangChain's callbacks. The model is LangChain's fake one, so this runs without a key.
 */
import { register, withConversation } from "@counterfoil/instrumentation";
import { LangChainInstrumentation } from "@arizeai/openinference-instrumentation-langchain";
import * as callbackManager from "@langchain/core/callbacks/manager";
import { awaitAllCallbacks } from "@langchain/core/callbacks/promises";
import { StringOutputParser } from "@langchain/core/output_parsers";
import { ChatPromptTemplate } from "@langchain/core/prompts";
import { RunnableLambda } from "@langchain/core/runnables";
import { FakeListChatModel } from "@langchain/core/utils/testing";

const registration = await register({ serviceName: "hotel-langchain" });
new LangChainInstrumentation().manuallyInstrument(callbackManager);

const findPolicy = RunnableLambda.from(async ({ question }) => ({
  question,
  policy: "Breakfast is served from 7:00 to 10:30, at weekends until 11:00.",
})).withConfig({ runName: "find_policy" });

const prompt = ChatPromptTemplate.fromMessages([
  ["system", "Answer from this policy: {policy}"],
  ["user", "{question}"],
]);
const model = new FakeListChatModel({ responses: ["Breakfast is from 7:00 to 11:00 on Sundays."] });
const chain = findPolicy.pipe(prompt).pipe(model).pipe(new StringOutputParser());

const answer = await withConversation({ conversationId: "conv-langchain", userId: "guest-1" }, () =>
  chain.invoke({ question: "When is breakfast on Sunday?" }, { runName: "front-desk" }),
);

console.log(answer);
// LangChain runs its callbacks in the background: without this the last span is lost.
await awaitAllCallbacks();
await registration.shutdown();
