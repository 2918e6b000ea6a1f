"""The real Python SDK against a server: tracing, reading, feedback, datasets, evaluate. Prints one JSON object."""
import json
import os
import sys

os.environ["LANGSMITH_TRACING"] = "true"
os.environ["LANGSMITH_PROJECT"] = "python"
import langsmith

client = langsmith.Client(api_url=sys.argv[1], api_key="any")


@langsmith.traceable(run_type="tool", client=client)
def shout(text: str) -> str:
    return text.upper()


@langsmith.traceable(client=client, metadata={"thread_id": "t"})
def agent(text: str) -> dict:
    return {"answer": shout(text)}


agent("hello")
client.flush()
runs = list(client.list_runs(project_name="python"))
root = next(run for run in runs if run.parent_run_id is None)
client.create_feedback(root.id, "rating", score=1, correction={"answer": "hi"}, trace_id=root.trace_id)
client.flush()
dataset = client.create_dataset("python", description="from Python")
client.create_examples(dataset_id=dataset.id, examples=[{"inputs": {"text": "a"}, "outputs": {"answer": "A"}}])
results = client.evaluate(
    lambda inputs: agent(inputs["text"]),
    data="python",
    evaluators=[lambda outputs, reference_outputs: outputs == reference_outputs],
    blocking=True,
)
client.flush()
experiment = client.read_project(project_name=results.experiment_name)
print(
    json.dumps(
        {
            "version": langsmith.__version__,
            "names": sorted(run.name for run in runs),
            "outputs": root.outputs,
            "child_parent": next(str(r.parent_run_id) == str(root.id) for r in runs if r.name == "shout"),
            "feedback": [[f.key, f.score, f.correction] for f in client.list_feedback(run_ids=[root.id])],
            "examples": [e.inputs for e in client.list_examples(dataset_id=dataset.id)],
            "experiment_dataset": str(experiment.reference_dataset_id) == str(dataset.id),
            "experiment_runs": [str(r.reference_example_id) != "None" for r in client.list_runs(project_id=experiment.id, is_root=True)],
        }
    )
)
