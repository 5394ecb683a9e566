"""Runs in the environment `notebooks`: run_notebook.py NOTEBOOK FOLDER [OLD NEW]...

Executes a notebook, each OLD in it replaced by NEW first, and puts its pictures into FOLDER. Prints
every text that it shows.
"""

import base64
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

path, folder, *texts = sys.argv[1:]
content = Path(path).read_text("utf-8")
for old, new in zip(texts[::2], texts[1::2], strict=True):
    assert old in content, old
    content = content.replace(old, new)
notebook = nbformat.reads(content, 4)
place = {"metadata": {"path": str(Path(path).parent)}}
NotebookClient(notebook, timeout=300, resources=place).execute()
pictures = 0
for output in (each for cell in notebook.cells for each in cell.get("outputs", ())):
    data = output.get("data", {})
    if "image/png" in data:
        pictures += 1
        target = Path(folder) / f"{Path(path).stem}_{pictures}.png"
        target.write_bytes(base64.b64decode(data["image/png"]))
    print(f"{output.get('name', 'shown')}:", output.get("text") or data.get("text/plain", ""))
