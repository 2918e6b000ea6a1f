// LangGraph.js traces by environment variables alone: see matrix.test.ts.
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import { awaitAllCallbacks } from "@langchain/core/callbacks/promises";

const State = Annotation.Root({ text: Annotation() });
const graph = new StateGraph(State)
  .addNode("shout", async ({ text }) => ({ text: text.toUpperCase() }))
  .addNode("twice", async ({ text }) => ({ text: `${text} ${text}` }))
  .addEdge(START, "shout")
  .addEdge("shout", "twice")
  .addEdge("twice", END)
  .compile();
const { text } = await graph.invoke(
  { text: "hi" },
  { configurable: { thread_id: "thread of a graph" }, tags: ["graph"] },
);
await awaitAllCallbacks();
console.log(JSON.stringify({ text }));
