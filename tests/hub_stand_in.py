"""A stand-in for the Hugging Face Hub: the real client speaks real HTTP to it, on this machine.

It has those endpoints that huggingface_hub uses to make a repository or a branch, to commit (small
files within the commit, weights by the LFS protocol before it), and to look at and fetch files, and
answers as the Hub does, error codes and headers included. Its own are what is behind them: dicts
instead of git, made-up commit ids, no Xet storage, and of the checks of a card's metadata the one
of its licence.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import huggingface_hub
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

LICENCES = {"mit", "apache-2.0", "cc-by-sa-4.0"}


@dataclass
class Stored:
    """One repository."""

    commits: dict[str, dict[str, bytes]]
    """The files of each commit."""
    branches: dict[str, str]
    private: bool = False
    gated: bool = False
    messages: list[str] = field(default_factory=list)


@dataclass
class StandIn:
    """What the server knows, and what it was asked."""

    address: str
    owner: str = "ada"
    token: str = "hf_canaryCanaryCanary"
    repositories: dict[str, Stored] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Method and path of every request."""
    failing: dict[str, int] = field(default_factory=dict)
    """Status to answer with, by a part of the path."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Sizes that are told in place of the real ones, by name."""

    def store(self, name: str, files: dict[str, bytes], **about: Any) -> Stored:
        """A repository that has these files in its main branch."""
        commit = commit_id(name)
        stored = Stored({commit: files}, {"main": commit}, **about)
        self.repositories[name] = stored
        return stored

    def files(self, name: str, branch: str = "main") -> dict[str, bytes]:
        """What a repository has in a branch."""
        stored = self.repositories[name]
        return stored.commits[stored.branches[branch]]


def commit_id(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


@contextmanager
def serving() -> Iterator[StandIn]:
    """A stand-in that answers until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hub = StandIn(f"http://127.0.0.1:{server.server_address[1]}")
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def use(hub: StandIn, patch: pytest.MonkeyPatch, cache: Path) -> None:
    """Let huggingface_hub ask ``hub`` from now on, with its token and an empty cache."""
    huggingface_hub.close_session()
    for name, value in {
        "ENDPOINT": hub.address,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.address + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_TOKEN_PATH": str(cache / "no-token"),
    }.items():
        patch.setattr(huggingface_hub.constants, name, value)
    patch.setenv("HF_TOKEN", hub.token)
    patch.setenv("NO_PROXY", "127.0.0.1")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> StandIn:
        return self.server.hub  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Not on stderr."""

    def do_GET(self) -> None:
        self.answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - the names are http.server's

    def answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        for part, status in self.hub.failing.items():
            if part in path:
                return self.refuse(status, "", "the stand-in was told to fail")
        given = self.headers.get("Authorization")
        if given is not None and given != f"Bearer {self.hub.token}":
            return self.refuse(401, "", "Invalid credentials in Authorization header")
        for pattern, method in ROUTES.items():
            match = re.fullmatch(pattern, path)
            if match is not None:
                return method(self, **match.groupdict())
        return self.refuse(404, "", "no such page")

    @property
    def knows(self) -> bool:
        return self.headers.get("Authorization") is not None

    def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def say(self, answer: Any, status: int = 200) -> None:
        self.send(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message}
        headers = {name: value for name, value in headers.items() if value}
        self.send(status, json.dumps({"error": message}).encode(), headers)

    def find(self, name: str, revision: str) -> tuple[Stored, str] | None:
        """A repository and a commit of it; None, and an answer, if there is none to be seen."""
        stored = self.hub.repositories.get(name)
        if stored is None or (stored.private and not self.knows):
            self.refuse(401 if not self.knows else 404, "RepoNotFound", "Repository not found")
            return None
        if stored.gated and "/resolve/" in self.path:
            self.refuse(403, "GatedRepo", f"Access to model {name} is restricted")
            return None
        commit = stored.branches.get(revision, revision)
        if commit not in stored.commits:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return stored, commit

    def may_write(self, name: str) -> bool:
        if name.startswith(f"{self.hub.owner}/") and self.knows:
            return True
        self.refuse(403, "", f"You don't have the rights to write to {name}")
        return False

    def size(self, name: str, content: bytes) -> int:
        return self.hub.sizes.get(name, len(content))

    def info(self, name: str, revision: str | None = None) -> None:
        found = self.find(name, revision or "main")
        if found is None:
            return
        stored, commit = found
        files = stored.commits[commit].items()
        siblings = [{"rfilename": path, "size": self.size(path, held)} for path, held in files]
        about = {"id": name, "sha": commit, "private": stored.private, "gated": stored.gated}
        self.say({**about, "siblings": siblings, "tags": [], "downloads": 0, "likes": 0})

    def tree(self, name: str, revision: str) -> None:
        found = self.find(name, revision)
        if found is None:
            return
        stored, commit = found
        self.say(
            [
                {"type": "file", "path": path, "size": self.size(path, held), "oid": oid(held)}
                for path, held in stored.commits[commit].items()
            ]
        )

    def resolve(self, name: str, revision: str, path: str) -> None:
        found = self.find(name, revision)
        if found is None:
            return
        stored, commit = found
        content = stored.commits[commit].get(path)
        if content is None:
            self.refuse(404, "EntryNotFound", f"Entry not found: {path}")
            return
        self.send(200, content, {"ETag": f'"{oid(content)}"', "X-Repo-Commit": commit})

    def create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or self.hub.owner}/{asked['name']}"
        if not self.may_write(name):
            return
        address = {"url": f"{self.hub.address}/{name}"}
        if name in self.hub.repositories:
            self.say({**address, "error": "You already created this model repo"}, 409)
            return
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.store(name, {".gitattributes": b"*.safetensors filter=lfs\n"}, private=private)
        self.say(address)

    def branch(self, name: str, branch: str) -> None:
        if not self.may_write(name):
            return
        stored = self.hub.repositories[name]
        if branch in stored.branches:
            self.refuse(409, "", "Reference already exists")
            return
        stored.branches[branch] = stored.branches["main"]
        self.say({}, 201)

    def validate(self) -> None:
        content = json.loads(self.body)["content"]
        licence = yaml.safe_load(content.split("---")[1]).get("license")
        wrong = licence is not None and licence not in LICENCES
        errors = [{"message": '"license" must be one of [mit, ...]'}] if wrong else []
        self.say({"errors": errors, "warnings": []}, 400 if wrong else 200)

    def preupload(self, name: str, revision: str) -> None:
        if not self.may_write(name) or self.find(name, revision) is None:
            return
        asked = json.loads(self.body)["files"]
        self.say(
            {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if file["path"].endswith("safetensors") else "regular",
                        "shouldIgnore": False,
                    }
                    for file in asked
                ]
            }
        )

    def batch(self, name: str) -> None:
        upload = {"href": f"{self.hub.address}/objects"}
        self.say(
            {
                "objects": [
                    {**each, "actions": {"upload": {"href": f"{upload['href']}/{each['oid']}"}}}
                    for each in json.loads(self.body)["objects"]
                ]
            }
        )

    def put(self, sha: str) -> None:
        assert hashlib.sha256(self.body).hexdigest() == sha
        self.hub.objects[sha] = self.body
        self.say({})

    def commit(self, name: str, revision: str) -> None:
        found = self.find(name, revision) if self.may_write(name) else None
        if found is None:
            return
        stored, before = found
        files = dict(stored.commits[before])
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                stored.messages.append(value["summary"])
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
        after = commit_id(before)
        stored.commits[after] = files
        stored.branches[revision] = after
        address = f"{self.hub.address}/{name}/commit/{after}"
        self.say({"commitUrl": address, "commitOid": after, "success": True})


def oid(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_NAME = r"(?P<name>[^/]+/[^/]+)"
ROUTES = {
    rf"/api/models/{_NAME}": _Handler.info,
    rf"/api/models/{_NAME}/revision/(?P<revision>.+)": _Handler.info,
    rf"/api/models/{_NAME}/tree/(?P<revision>.+)": _Handler.tree,
    rf"/api/models/{_NAME}/branch/(?P<branch>.+)": _Handler.branch,
    rf"/api/models/{_NAME}/preupload/(?P<revision>.+)": _Handler.preupload,
    rf"/api/models/{_NAME}/commit/(?P<revision>.+)": _Handler.commit,
    "/api/repos/create": _Handler.create,
    "/api/validate-yaml": _Handler.validate,
    rf"/{_NAME}\.git/info/lfs/objects/batch": _Handler.batch,
    r"/objects/(?P<sha>\w+)": _Handler.put,
    rf"/{_NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)": _Handler.resolve,
}
