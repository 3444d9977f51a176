"""Runs a notebook through the Jupyter protocol and streams its output. Called by run.ts.

Usage: run_notebook.py NOTEBOOK OUT SECONDS ROOT
Standard output carries one JSON object a line: {"kind": "line" | "progress" | "cell" | "error", ...}.
The executed notebook is written also when a cell fails; the exit status is then 1.
"""
import asyncio
import json
import os
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError


def tell(kind, **fields):
    sys.stdout.write(json.dumps({"kind": kind, **fields}) + "\n")
    sys.stdout.flush()


def is_progress(content):
    metadata = content.get("metadata", {})
    return metadata.get("ms-rnn", {}).get("progress") is True


class StreamingClient(NotebookClient):
    partial = ""

    def process_message(self, msg, cell, cell_index):
        content = msg["content"]
        if msg["msg_type"] == "stream":
            *lines, self.partial = (self.partial + content["text"]).split("\n")
            for line in lines:
                tell("line", text=line, stream=content["name"])
        elif msg["msg_type"] in ("display_data", "update_display_data") and is_progress(content):
            tell("progress", text=str(content["data"].get("text/plain", "")))
        return super().process_message(msg, cell, cell_index)


def write(notebook, path):
    draft = f"{path}.{os.getpid()}.tmp"
    try:
        nbformat.write(notebook, draft)
        os.replace(draft, path)
    finally:
        if os.path.exists(draft):
            os.unlink(draft)


def first_line(text):
    return str(text).strip().split("\n")[0]


def failed_cell(notebook):
    """Number, among the code cells from 1, and error of the first cell that failed."""
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return number, f"{output.ename}: {first_line(output.evalue)}"
    return None


def running_cell(notebook):
    """Number of the last code cell that was started."""
    codes = [c for c in notebook.cells if c.cell_type == "code"]
    started = [n for n, c in enumerate(codes, start=1) if "execution" in c.metadata]
    return started[-1] if started else 0


def main(source, out, seconds, root):
    notebook = nbformat.read(source, as_version=4)
    deadline = time.monotonic() + float(seconds)
    client = StreamingClient(
        notebook,
        timeout_func=lambda cell: max(1, int(deadline - time.monotonic())),
        kernel_name="ms-rnn",
        resources={"metadata": {"path": root}},
        startup_timeout=60,
    )
    error = None
    try:
        client.execute()
    except CellExecutionError as failure:
        cell, text = failed_cell(notebook) or (running_cell(notebook), first_line(failure))
        error = {"cell": cell, "text": text}
    except DeadKernelError:
        error = {"cell": running_cell(notebook), "text": "the kernel died"}
    except (CellControlSignal, TimeoutError, asyncio.TimeoutError):
        error = {"cell": running_cell(notebook), "text": f"not finished after {seconds} s"}
    except Exception as failure:
        error = {"cell": running_cell(notebook), "text": f"{type(failure).__name__}: {first_line(failure)}"}
    if client.partial:
        tell("line", text=client.partial, stream="stdout")
    write(notebook, out)
    if error is None:
        return 0
    tell("error", **error)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
