"""Collapse: every outermost scope as one box, parameters folded into what reads them. View → View.

A picture of more than about forty boxes is looked at, not read. Blocks that repeat, one after the
other and equal but for the numbers in their names, become one box with the number of times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from viz.formulas import NOTHING, Label
from viz.typeset import protect
from viz.view import Box, Edge, View

MANY = 40  # boxes: a larger picture is collapsed where nothing else was asked for
_LISTED = 2  # parameters of a box that are named; more are counted
_INDEX = re.compile("[₀-₉]+")


def collapsed(view: View) -> View:
    """The View with one box for each outermost scope, and parameters in the box that reads them."""
    owners = _owners(view)
    members: dict[str, list[Box]] = {}
    for box in view.boxes:
        members.setdefault(owners[box.key], []).append(box)
    names = {box.key: box.name.text for box in view.boxes}
    entering: dict[str, list[str]] = {}
    for edge in view.edges:
        if owners[edge.tail] != owners[edge.head]:
            entering.setdefault(owners[edge.head], []).append(names[edge.tail])
    boxes = tuple(_merged(key, inside, entering.get(key, ())) for key, inside in members.items())
    edges = _outside(view.edges, owners)
    path = None if view.path is None else frozenset(owners[key] for key in view.path)
    made = replace(view, boxes=_ordered(boxes, edges), edges=edges, clusters=(), path=path, sums=())
    return _counted(made)


def _owners(view: View) -> dict[str, str]:
    """Box → the box that stands for it."""
    readers: dict[str, set[str]] = {}
    for edge in view.edges:
        readers.setdefault(edge.tail, set()).add(edge.head)
    own = {box.key: box.key for box in view.boxes}
    for scope in dict.fromkeys(box.scope[:1] for box in view.boxes if box.scope):
        inside = [box for box in view.boxes if box.scope[:1] == scope and box.kind != "input"]
        tried = own | {box.key: f"scope:{scope[0]}" for box in inside}
        if not _is_cyclic(view.edges, tried):
            own = tried
    for box in view.boxes:
        if box.kind in ("parameter", "constant") and own[box.key] == box.key:
            into = {own[reader] for reader in readers.get(box.key, ())}
            if len(into) == 1:
                own[box.key] = into.pop()
    return own


def _is_cyclic(edges: Iterable[Edge], owners: Mapping[str, str]) -> bool:
    """Whether edges between owners lead back: two scopes that feed each other stay open."""
    after: dict[str, set[str]] = {}
    waiting: dict[str, int] = dict.fromkeys(owners.values(), 0)
    for edge in edges:
        tail, head = owners[edge.tail], owners[edge.head]
        if tail != head and head not in after.setdefault(tail, set()):
            after[tail].add(head)
            waiting[head] += 1
    ready = [owner for owner, count in waiting.items() if count == 0]
    for owner in ready:
        for head in after.get(owner, ()):
            waiting[head] -= 1
            if waiting[head] == 0:
                ready.append(head)
    return len(ready) < len(waiting)


def _merged(key: str, inside: Sequence[Box], entering: Sequence[str]) -> Box:
    """One box for several; its `shape` tells what happens inside, of what enters as □."""
    folded = [box for box in inside if box.kind in ("parameter", "constant")]
    if len(inside) == 1:
        return replace(inside[0], key=key)
    if not key.startswith("scope:"):
        (box,) = (b for b in inside if b.key == key)
        return replace(box, note=_parameters(folded))
    name = key.removeprefix("scope:")
    called = Label(rf"\text{{{protect(name)}}}", name)
    kind = "loss" if any(box.kind == "loss" for box in inside) else "statement"
    told = "; ".join(box.formula.text for box in inside if not box.is_leaf)
    for one in entering:
        told = re.sub(rf"(?<!\w){re.escape(one)}(?![₀-₉])", "□", told)
    last = inside[-1]
    return Box(
        key, kind, called, called, Label(NOTHING.latex, told), last.above, NOTHING,
        note=_parameters(folded),
    )  # fmt: skip


def _parameters(folded: Sequence[Box]) -> Label:
    """W₁, b₁ and where they live; how many there are, where they are many."""
    if not folded:
        return NOTHING
    if len(folded) > _LISTED:
        text = f"{len(folded)} parameters"
        return Label(rf"\text{{{text}}}", text)
    listed = [
        box.name + (Label(r" \in ", " ∈ ") + box.shape if box.shape else NOTHING) for box in folded
    ]
    return Label(r",\; ".join(one.latex for one in listed), ", ".join(one.text for one in listed))


def _outside(edges: Sequence[Edge], owners: Mapping[str, str]) -> tuple[Edge, ...]:
    """The edges between owners; several from one owner to another become one."""
    found: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        tail, head = owners[edge.tail], owners[edge.head]
        if tail == head:
            continue
        moved = replace(edge, tail=tail, head=head)
        before = found.get((tail, head))
        if before is None:
            found[tail, head] = moved
        else:
            backward = before.backward or edge.backward
            found[tail, head] = replace(before if before.backward else moved, backward=backward)
    return tuple(found.values())


def _ordered(boxes: Sequence[Box], edges: Sequence[Edge]) -> tuple[Box, ...]:
    """Leaves first, then the others in an order in which every box stands after what it reads."""
    waiting = {box.key: sum(edge.head == box.key for edge in edges) for box in boxes}
    by_key = {box.key: box for box in boxes}
    out: dict[str, list[str]] = {}
    for edge in edges:
        out.setdefault(edge.tail, []).append(edge.head)
    first = [key for key, count in waiting.items() if not count]
    order = sorted(first, key=lambda key: not by_key[key].is_leaf)
    for key in order:
        for head in out.get(key, ()):
            waiting[head] -= 1
            if waiting[head] == 0:
                order.append(head)
    return tuple(by_key[key] for key in order)


# ---- blocks that repeat ---------------------------------------------------------------------


def _counted(view: View) -> View:
    """Runs of equal blocks, each reading the one before and nothing else, as one box."""
    before: dict[str, list[Edge]] = {}
    after: dict[str, list[Edge]] = {}
    for edge in view.edges:
        before.setdefault(edge.head, []).append(edge)
        after.setdefault(edge.tail, []).append(edge)
    by_key = {box.key: box for box in view.boxes}
    run: list[list[str]] = []
    for box in view.boxes:
        entering = before.get(box.key, [])
        tail = entering[0].tail if len(entering) == 1 else ""
        follows = (
            tail in by_key
            and len(after[tail]) == 1
            and _signature(by_key[tail]) == _signature(box)
            and box.key.startswith("scope:")
        )
        places = [k for k, keys in enumerate(run) if keys[-1] == tail] if follows else []
        if places:
            run[places[0]].append(box.key)
        else:
            run.append([box.key])
    into = {key: keys[0] for keys in run for key in keys}
    boxes = [_times([by_key[key] for key in keys]) for keys in run]
    path = None if view.path is None else frozenset(into[key] for key in view.path)
    return replace(view, boxes=tuple(boxes), edges=_outside(view.edges, into), path=path)


def _signature(box: Box) -> str:
    told = f"{box.kind} {box.shape.text} {box.note.text}"
    return _INDEX.sub("#", told.replace(" ", ""))


def _times(boxes: Sequence[Box]) -> Box:
    first, last = boxes[0], boxes[-1]
    if len(boxes) == 1:
        return first
    times = Label(rf"\; \times {len(boxes)}", f" × {len(boxes)}")
    through = Label(
        rf"{first.name.latex} \ldots {last.name.latex}", f"{first.name.text} … {last.name.text}"
    )
    return replace(first, formula=through + times, name=through, above=last.above)
