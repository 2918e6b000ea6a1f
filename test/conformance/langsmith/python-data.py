"""The real Python SDK against a server: feedback configs, tokens, comparisons, results, prompts. Prints one JSON object."""
import importlib.util
import json
import sys

import langsmith
from langsmith import evaluate
from langsmith.evaluation import evaluate_comparative

client = langsmith.Client(api_url=sys.argv[1], api_key="any")
dataset = client.create_dataset("compared")
client.create_examples(
    dataset_id=dataset.id,
    examples=[{"inputs": {"n": n}, "outputs": {"n": 2 * n}} for n in (1, 2)],
)
names = [
    evaluate(
        target,
        data="compared",
        evaluators=[lambda outputs, reference_outputs: {"key": "right", "score": outputs == reference_outputs}],
        client=client,
        blocking=True,
    ).experiment_name
    for target in (lambda inputs: {"n": 2}, lambda inputs: {"n": 2 * inputs["n"]})
]
client.flush()


def prefer(runs, example):
    return {"key": "preferred", "scores": {run.id: int(run.outputs == example.outputs) for run in runs}}


compared = evaluate_comparative(tuple(names), evaluators=[prefer], client=client)
client.flush()
results = client.get_experiment_results(name=names[1])
by_example = [[row.inputs["n"], [run.outputs["n"] for run in row.runs]] for row in results["examples_with_runs"]]

config = client.create_feedback_config("stars", feedback_config={"type": "continuous", "min": 1, "max": 5})
run = next(client.list_runs(project_name=names[0], is_root=True))
refused = ""
try:
    client.create_feedback(run.id, "stars", score=7)
except langsmith.utils.LangSmithError as error:
    refused = str(error)
token = client.create_presigned_feedback_token(run.id, "stars")
client.create_feedback_from_token(token.url, score=4, comment="by token")
tokens = list(client.list_presigned_feedback_tokens(run.id))
many = client.create_presigned_feedback_tokens(run.id, ["a", "b"])

manifest = {"lc": 1, "type": "constructor", "id": ["langchain", "prompts", "PromptTemplate"], "kwargs": {"template": "Hi"}}
second = {**manifest, "kwargs": {"template": "Ho"}}
if importlib.util.find_spec("langchain_core"):
    client.push_prompt("python", object=manifest, description="from Python", tags=["t"])
    client.create_commit("python", second, tags="prod")
else:
    # The client makes commits with the package langchain-core only: send what it would.
    client.create_prompt("python", description="from Python", tags=["t"])
    for body in ({"manifest": manifest}, {"manifest": second}):
        commit = client.request_with_retries("POST", "/commits/-/python", json=body).json()["commit"]
    client._create_commit_tags("-/python", commit["id"], "prod")
client.like_prompt("python")
prompt = client.get_prompt("python")

print(
    json.dumps(
        {
            "compared": len(list(compared)),
            "results": sorted(by_example),
            "config": config.feedback_config,
            "refused": "at most 5" in refused,
            "by_token": [
                [f.score, f.comment, f.feedback_source.type]
                for f in client.list_feedback(run_ids=[run.id], feedback_key=["stars"])
            ],
            "tokens": [len(tokens), len(many)],
            "prompt": [prompt.description, prompt.num_commits, prompt.num_likes, prompt.tags],
            "pulled": client.pull_prompt_commit("python:prod").manifest["kwargs"],
            "commits": len(list(client.list_prompt_commits("python"))),
            "prompts": [p.repo_handle for p in client.list_prompts().repos],
        }
    )
)
