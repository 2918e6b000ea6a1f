"""Calls every method of the Python client with something of everything, and prints the requests that each makes."""

import datetime
import inspect
import json
import signal
import sys
from urllib.parse import urlparse

import requests
from langsmith import Client

ID = "11111111-2222-4333-8444-555555555555"
TIME = "2026-11-20T10:00:00Z"
THING = {
    **{name: ID for name in ("id", "name", "tenant_id", "dataset_id", "session_id", "trace_id", "repo_handle")},
    **{name: TIME for name in ("start_time", "created_at", "modified_at", "as_of", "expires_at")},
    **{name: {} for name in ("inputs", "outputs", "metadata", "manifest")},
    "dotted_order": "20261120T100000000000Z" + ID,
    "run_type": "chain",
    "commit_hash": "abcdef1",
    "key": "k",
    "feedback_key": "k",
    "url": f"http://langsmith.test/public/{ID}/d",
    "share_token": ID,
    "commits": [],
    "cursors": {},
    "total": 0,
}
LISTS = {"runs": [THING], "items": [THING], "repos": [THING], "repo": THING, "commit": THING, "result": THING}
ANSWERS = [{**THING, **LISTS}, [THING], {**THING, "runs": [], "items": [], "repos": []}]
INFO = {
    "version": "0.16.14",
    "batch_ingest_config": {"use_multipart_endpoint": True, "size_limit": 100, "size_limit_bytes": 20971520},
    "instance_flags": {"dataset_examples_multipart_enabled": True},
}
TRY_SECONDS = 0.3

seen = {}
now = {"method": "", "answer": {}}


class Session(requests.Session):
    def request(self, method, url, **_options):
        seen[now["method"]].add(f"{method.upper()} {urlparse(url).path}")
        response = requests.Response()
        response.status_code = 200
        response._content = json.dumps(now["answer"]).encode()
        response.url = url
        response.request = requests.Request(method, url).prepare()
        return response


def value_of(name):
    if name in ("as_of", "start_time", "end_time", "from_version", "to_version"):
        return datetime.datetime(2026, 11, 20)
    if name.endswith("ids") or name in ("runs", "keys"):
        return [ID]
    if name in ("inputs", "outputs", "metadata") or "object" in name:
        return {"a": 1}
    if name in ("examples", "updates"):
        return [{"id": ID, "inputs": {"a": 1}, "outputs": {}, "dataset_id": ID}]
    if name.startswith(("include", "is_", "has_", "load", "eager")):
        return False
    if name in ("limit", "offset", "score"):
        return 1
    if name == "files":
        return {"a": {"type": "file", "content": "x"}}
    return ID


def wanted(parameter, mode):
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return False
    by_name = {"ids": ("_id", "_ids"), "names": ("_name",), "all": ("",), "required": ()}[mode]
    return parameter.default is inspect.Parameter.empty or (by_name and parameter.name.endswith(by_name))


class TookTooLong(Exception):
    pass


def stop(*_):
    raise TookTooLong


def attempt(function, mode):
    parameters = inspect.signature(function).parameters.values()
    given = {each.name: value_of(each.name) for each in parameters if wanted(each, mode)}
    first = [given.pop(each.name) for each in parameters if each.kind == each.POSITIONAL_ONLY and each.name in given]
    signal.setitimer(signal.ITIMER_REAL, TRY_SECONDS)
    try:
        result = function(*first, **given)
        if inspect.isgenerator(result):
            next(result, None)
    except BaseException:
        pass  # What it makes of the answer is not asked here.
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


signal.signal(signal.SIGALRM, stop)
client = Client("http://langsmith.test", api_key="any", session=Session(), auto_batch_tracing=False, info=INFO)
for name in dir(client):
    # This one is the way of the others, and takes any method and path.
    if name.startswith("_") or name in ("close", "cleanup", "flush", "request_with_retries"):
        continue
    if not callable(getattr(client, name, None)):
        continue
    seen[name] = set()
    for answer in ANSWERS:
        for mode in ("required", "all", "ids", "names"):
            now.update(method=name, answer=answer)
            attempt(getattr(client, name), mode)

print(json.dumps({name: sorted(requests_made) for name, requests_made in seen.items()}))
sys.stdout.flush()
