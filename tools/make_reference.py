#!/usr/bin/env python3
"""Writes the reference of all operations and kinds of model from the registry: make_reference.py PROGRAM FOLDER"""
import json
import pathlib
import subprocess
import sys


def ports(title, items):
    lines = [f"**{title}**", "", "| name | kind | types | |", "| --- | --- | --- | --- |"]
    for port in items:
        types = ", ".join(port.get("types", []))
        name = port["name"] + (" (may be left out)" if port["optional"] else "")
        lines.append(f"| {name} | {port['kind']} | {types} | {port['help']} |")
    return lines + [""]


def range_of(param):
    if param["type"] == "enum":
        return ", ".join(param["choices"])
    if "min" in param:
        text = f"{param['min']} to {param['max']}"
        if "min_count" in param:
            text += f"; {param['min_count']} to {param['max_count']} numbers"
        return text
    return ""


def parameters(items):
    if not items:
        return []
    lines = ["**Parameters**", "", "| name | type | default | range | unit | |", "| --- | --- | --- | --- | --- | --- |"]
    for p in items:
        lines.append(f"| {p['name']} | {p['type']} | {p['default']} | {range_of(p)} | {p['unit']} | {p['help']} |")
    return lines + [""]


def operation(op):
    lines = [f"## {op['name']}", "", op["summary"], ""]
    if op["details"]:
        lines += [op["details"], ""]
    lines += ports("In", op["inputs"]) + ports("Out", op["outputs"]) + parameters(op["params"])
    same = "the same bits everywhere" if op["tolerance"] == 0 else f"within {op['tolerance']:g} (relative) between machines"
    lines += [f"Results: {same}. Since {op['since']}.", ""]
    if op["cite"]:
        lines += [f"Source: {op['cite']}", ""]
    if op["examples"]:
        lines += ["```", op["examples"].strip(), "```", ""]
    return lines


def model(kind):
    about = kind["about"]
    lines = [f"## {about['name']}", "", about["summary"], "", about["details"], "", "Tasks: " + ", ".join(kind["tasks"]) + ".", ""]
    traits = [text for key, text in (("takes_missing", "takes missing values"), ("takes_unlabelled", "trains on rows without a target too"),
                                     ("explains_rows", "explains rows")) if kind[key]]
    if traits:
        lines += [f"It {' and '.join(traits)}.", ""]
    return lines + parameters(about["params"]) + [f"Source: {about['cite']}", ""]


def ask(program, what):
    return json.loads(subprocess.run([program, what, "--json"], check=True, capture_output=True, text=True).stdout)


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    registry, kinds = ask(program, "ops"), ask(program, "models")
    families = sorted({op["family"] for op in registry})
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        old.unlink()
    index = ["# Operations", "", "Made from the registry by `make docs`; `cormack NAME --help` says the same.", ""]
    for family in families:
        members = [op for op in registry if op["family"] == family]
        index.append(f"- [{family}]({family}.md): " + ", ".join(f"[{m['name']}]({family}.md#{m['name']})" for m in members))
        page = [f"# {family}", ""] + [line for op in members for line in operation(op)]
        (folder / f"{family}.md").write_text("\n".join(page).rstrip() + "\n")
    index.append("- [models](models.md): " + ", ".join(f"[{k['about']['name']}](models.md#{k['about']['name']})" for k in kinds))
    (folder / "models.md").write_text("\n".join(["# Kinds of model", ""] + [line for k in kinds for line in model(k)]).rstrip() + "\n")
    (folder / "README.md").write_text("\n".join(index) + "\n")


main()
