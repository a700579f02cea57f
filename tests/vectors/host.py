"""A small host of the plain module: the handles of the SDK for Python, without delivery.

A span lives in one object while it runs. When it ends it becomes one tuple; a batch of tuples is marshalled at once and
given to the module, which needs one call. So recording needs no wasm at all, and a call into it is paid once a batch.
"""

import importlib.util
import marshal
import operator
import os
import pathlib
import struct
import time
from collections.abc import Mapping

import wasmtime

_LAYOUT = pathlib.Path(__file__).resolve().parents[2] / "bindings" / "abi" / "layout.py"


def _load_layout():
    spec = importlib.util.spec_from_file_location("spanloom_layout", _LAYOUT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layout = _load_layout()
Key, Limit, SpanKind, StatusCode, UsageMode = (
    layout.Key, layout.Limit, layout.SpanKind, layout.StatusCode, layout.UsageMode,
)
_Item = layout.Item

BATCH = 512
# The version of the format: the last one without back references.
_MARSHAL = 2
_POOL = 8192
_DEEPEST = 200
_MOST_VALUES = 100_000

_NODE = layout.HostFlag.NODE << 32
_UNSET, _OK, _ERROR = StatusCode.UNSET, StatusCode.OK, StatusCode.ERROR
_FINISHED = layout.RecordKind.FINISHED
_CLOSED = layout.RecordKind.WORKFLOW_CLOSED
_OPENED = layout.RecordKind.WORKFLOW_OPENED
_STARTED = layout.RecordKind.STARTED
_INTERNAL = SpanKind.INTERNAL << 8
_NO_SPAN = bytes(8)
_new = object.__new__


class ManualClock:
    """A clock that is moved by hand."""

    def __init__(self, unix_nanos):
        self.time = unix_nanos

    def __call__(self):
        return self.time

    def advance(self, nanos):
        self.time += nanos


def seeded_entropy(seed):
    """SplitMix64: the same numbers for the same seed in every language. Not for production."""
    mask = (1 << 64) - 1
    state = seed

    def draw(length):
        nonlocal state
        words = []
        for _ in range(length // 8):
            state = (state + 0x9E3779B97F4A7C15) & mask
            z = state
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
            words.append((z ^ (z >> 31)).to_bytes(8, "big"))
        return b"".join(words)

    return draw


class _Cleaner:
    """Makes values that can be marshalled of values that cannot: subclasses, foreign objects, what is too deep."""

    def __init__(self):
        self.values = 0

    def clean(self, value, depth=0):
        self.values += 1
        if value is None or value is True or value is False:
            return value
        if self.values > _MOST_VALUES:
            return None
        for kind in (int, float, str):
            if isinstance(value, kind):
                return kind.__str__(value) if kind is str else kind(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        if depth >= _DEEPEST:
            return None
        if isinstance(value, Mapping):
            return {self.key(key): self.clean(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.clean(inner, depth + 1) for inner in value]
        return _said(value)

    @staticmethod
    def key(key):
        if isinstance(key, str):
            return str.__str__(key)
        return key if key.__class__ in (int, bool) or key is None else _said(key)


def _said(value):
    """What an object says of itself; one that cannot say it is named by its type."""
    try:
        return str(value)
    except Exception:  # An object of the program may do anything here; tracing does not.
        return f"<{type(value).__name__}>"


def _marshalled(spans):
    """The batch as bytes. Only a batch that holds something strange is looked at value by value."""
    try:
        return marshal.dumps(spans, _MARSHAL)
    except ValueError:
        return marshal.dumps([_cleaned(span) for span in spans], _MARSHAL)


def _cleaned(span):
    try:
        marshal.dumps(span, _MARSHAL)
        return span
    except ValueError:
        return tuple(_Cleaner().clean(member) for member in span)


class PlainModule:
    """An instance of the plain module."""

    def __init__(self, module, engine):
        self._store = wasmtime.Store(engine)
        exports = wasmtime.Instance(self._store, module, []).exports(self._store)
        self._exports = exports
        self._memory = exports["memory"]
        self._ingest = exports["ingest_marshal"]
        self._block = self._capacity = 0
        version = self.call("abi_version")
        if version != layout.Abi.ABI_VERSION:
            raise RuntimeError(f"the module speaks version {version}, this host {layout.Abi.ABI_VERSION}")

    def call(self, name, *words):
        return self._exports[name](self._store, *words)

    def _put(self, data):
        """Copies bytes into the module's memory; gives where they are."""
        length = len(data)
        if length > self._capacity:
            if self._capacity:
                self.call("free", self._block, self._capacity)
            self._capacity = max(length, 1 << 18)
            self._block = self.call("alloc", self._capacity) & 0xFFFFFFFF
            if self._block == 0:
                self._capacity = 0
                raise MemoryError(f"the module has no {length} bytes")
        self._memory.write(self._store, data, self._block)
        return self._block

    def ingest(self, spans):
        """Takes a batch of tuples; gives how many became records."""
        data = _marshalled(spans)
        return self._ingest(self._store, self._put(data), len(data))

    def set_resource(self, attributes):
        head = _FINISHED | _INTERNAL
        span = (head, "", None, None, None, None, 0, 0, None, None, None, attributes, None, None)
        self.ingest([span])
        if self.call("take_resource") != layout.Answer.OK:
            raise TypeError("no resource")

    def set_scope(self, name, version):
        data = f"{name}\n{version}".encode()
        if self.call("scope", self._put(data), len(data)) != layout.Answer.OK:
            raise TypeError("no scope")

    def set_limit(self, limit, value):
        if self.call("set_limit", limit, float(value)) != layout.Answer.OK:
            raise ValueError(f"no limit {limit}")

    def give(self, name, data, *words):
        """Copies bytes into the module's memory and calls `name` with them."""
        return self.call(name, self._put(data), len(data), *words)

    def records(self):
        return self._copy("records")

    def clear_records(self):
        self.call("clear_records")

    def otlp(self):
        """The finished spans as an OTLP export request."""
        return self.answer("encode_otlp")

    def otlp_json(self):
        return self.answer("to_otlp_json").decode()

    def trace_log_json(self, utc_offset_minutes):
        return self.answer("to_trace_log_json", utc_offset_minutes).decode()

    def counts(self):
        counts = vars(layout.Count)
        return {name: self.call("counted", number) for name, number in counts.items() if name.isupper()}

    def answer(self, name, *words):
        answer = self.call(name, *words)
        if answer != layout.Answer.OK:
            raise RuntimeError(f"{name} answered {answer}")
        return self._copy("answer")

    def _copy(self, what):
        start = self.call(f"{what}_ptr") & 0xFFFFFFFF
        return bytes(self._memory.read(self._store, start, start + self.call(f"{what}_len")))


class _Trace:
    """What all spans of a run have in common."""

    __slots__ = ("trace_id", "flags", "state", "workflow", "identity")

    def __init__(self, trace_id, flags, state):
        self.trace_id = trace_id
        self.flags = flags << 24
        self.state = state
        self.workflow = _NO_SPAN
        self.identity = None


class Node:
    """One step of a workflow, or a plain span. After its end nothing that is said to it counts."""

    # `_head` is the kind of span and its flags as the module wants them; negative once the span has ended.
    __slots__ = (
        "_loom", "_trace", "_name", "_kind", "_head", "_id", "_parent", "_start", "_attributes", "_events", "_extras",
        "_status", "_message",
    )

    def span(self, name, kind=None, span_kind=SpanKind.INTERNAL, start=None):
        return self.node(name, kind, span_kind, start, 0)

    # Making and ending a node is one call each, without further ones: a call costs more than what is done here.
    def node(self, name, kind=None, span_kind=SpanKind.INTERNAL, start=None, _flags=_NODE):
        loom = self._loom
        child = _new(Node)
        child._loom = loom
        child._trace = self._trace
        child._name = name
        child._kind = kind
        child._head = span_kind << 8 | _flags
        child._id = next(loom._ids, None) or loom._refill()
        child._parent = self._id
        child._attributes = {}
        child._events = child._extras = None
        child._status = 0
        child._start = loom._now() if start is None else start
        if loom._live:
            loom._announce(child, _STARTED)
        return child

    def attribute(self, key, value):
        self._attributes[key] = value
        return self

    def input(self, name, value):
        return self._extra((_Item.INPUT, {name: value}))

    def output(self, name, value):
        return self._extra((_Item.OUTPUT, {name: value}))

    def config(self, name, value):
        return self._extra((_Item.CONFIG, {name: value}))

    def _extra(self, extra):
        if self._extras is None:
            self._extras = [extra]
        else:
            self._extras.append(extra)
        return self

    def event(self, name, attributes=None):
        event = (self._loom._now(), name, attributes)
        if self._events is None:
            self._events = [event]
        else:
            self._events.append(event)
        return self

    def info(self, text):
        return self.event(Key.INFO_EVENT, {Key.INFO_LOG: text})

    def error(self, text):
        self.attribute("error", True)
        self.event(Key.ERROR_EVENT, {Key.ERROR_LOG: text})
        return self.status(_ERROR, text)

    def exception(self, kind, message):
        self.event(Key.EXCEPTION_EVENT, {Key.EXCEPTION_TYPE: kind, Key.EXCEPTION_MESSAGE: message})
        self.attribute(Key.ERROR_TYPE, kind)
        return self.status(_ERROR, message)

    def usage(self, numbers, mode=UsageMode.TOTAL):
        """Tokens: prompt, completion, question, total, cache read, cache write, reasoning."""
        return self._extra((_Item.USAGE, *numbers, mode))

    def first_frame(self):
        # The module counts the first one only.
        return self._extra((_Item.FIRST_FRAME, self._loom._now()))

    def next(self, node_id):
        return self._extra((_Item.NEXT, node_id))

    def status(self, code, message=""):
        """`OK` is final, `UNSET` changes nothing, and a message is kept with an error only."""
        if self._status != _OK and code != _UNSET:
            self._status = code
            self._message = message if code == _ERROR else ""
        return self

    def link(self, to, attributes=None):
        flags = to["flags"] | (0x300 if to["is_remote"] else 0x100)
        return self._extra((_Item.LINK, to["trace_id"], to["span_id"], flags, to["trace_state"], attributes))

    def end(self, at=None):
        """Ends it now, or at a time in nanoseconds since 1970."""
        head = self._head
        if head < 0:
            return
        self._head = -1
        status = self._status
        if status == _ERROR and self._message:
            self._extra((_Item.STATUS_MESSAGE, self._message))
        loom = self._loom
        trace = self._trace
        spans = loom._spans
        spans.append((
            self._ends_as | head | status << 16 | trace.flags, self._name, trace.trace_id, self._id, self._parent,
            trace.workflow, self._start, loom._now() if at is None else at, self._kind, trace.state, trace.identity,
            self._attributes, self._events, self._extras,
        ))
        # What is said from now on goes nowhere: what was handed over is not shared any more.
        self._attributes = {}
        self._events = self._extras = None
        if len(spans) >= BATCH:
            loom.flush()

    _ends_as = _FINISHED


class Workflow(Node):
    """One run of a workflow: the root of a tree."""

    __slots__ = ()
    _ends_as = _CLOSED

    def question(self, text):
        return self.attribute(Key.QUESTION, text)

    def answer(self, text):
        return self.attribute(Key.ANSWER, text)

    def tag(self, name, text):
        return self.attribute(f"{Key.TAGS}.{name}", text)

    def status(self, code, message=""):
        """A number of the program's own, 0 for success, and what it means."""
        self.attribute(Key.STATUS_CODE, code)
        return Node.status(self, _OK if code == 0 else _ERROR, message)


class _Unrecorded:
    """Stands for what is not recorded: every call costs nothing but itself."""

    __slots__ = ()

    def __getattr__(self, verb):
        return self._nothing

    def _nothing(self, *_, **__):
        return self


_UNRECORDED = _Unrecorded()


def _remote(parent):
    """The host flag of a span whose parent lives in another process."""
    return layout.HostFlag.PARENT_IS_REMOTE << 32 if parent is not None and parent["is_remote"] else 0


class Loom:
    """The handle that a program makes once."""

    def __init__(self, module, clock=time.time_ns, entropy=os.urandom, live=False):
        self._module = module
        self._now = clock
        self._entropy = entropy
        self._live = live
        self._spans = []
        self._ids = iter(())

    def _refill(self):
        """The first id of a new pool: a call of the system costs ten times as much as an id out of a pool."""
        words = map(operator.itemgetter(0), struct.iter_unpack("8s", self._entropy(_POOL)))
        self._ids = filter(_NO_SPAN.__ne__, words)
        return self._new_id()

    def _new_id(self):
        return next(self._ids, None) or self._refill()

    def workflow(self, name, *, sid="", app="", user="", chat="", question="", parent=None, start=None):
        found = self._root(parent, True)
        if found is None:
            return _UNRECORDED
        trace, parent_id, span_id = found
        trace.workflow = span_id
        if sid or app or user or chat:
            trace.identity = (sid, app, user, chat)
        head = _INTERNAL | _remote(parent)
        run = self._first(_new(Workflow), trace, name, None, head, span_id, parent_id, start)
        if question:
            run._attributes[Key.QUESTION] = question
        if self._live:
            self._announce(run, _OPENED)
        return run

    def span(self, name, *, kind=None, span_kind=SpanKind.INTERNAL, parent=None, start=None):
        """A plain span: the root of a trace of its own, or below `parent`."""
        found = self._root(parent, False)
        if found is None:
            return _UNRECORDED
        trace, parent_id, span_id = found
        head = span_kind << 8 | _remote(parent)
        span = self._first(_new(Node), trace, name, kind, head, span_id, parent_id, start)
        if self._live:
            self._announce(span, _STARTED)
        return span

    def _root(self, parent, is_workflow):
        """Trace, parent's id and own id of a span at the top; `None` where the parent's program did not record."""
        if parent is None:
            return _Trace(self._new_id() + self._new_id(), 1, None), None, self._new_id()
        if not parent["flags"] & 1:
            if is_workflow:
                self._new_id()
            return None
        trace = _Trace(parent["trace_id"], parent["flags"] & 2 | 1, parent["trace_state"])
        return trace, parent["span_id"], self._new_id()

    def _first(self, made, trace, name, kind, head, span_id, parent_id, start):
        made._loom = self
        made._trace = trace
        made._name = name
        made._kind = kind
        made._head = head
        made._id = span_id
        made._parent = parent_id
        made._attributes = {}
        made._events = made._extras = None
        made._status = 0
        made._start = self._now() if start is None else start
        return made

    def _announce(self, span, kind):
        """Tells of a span that has begun: what is known of it so far."""
        trace = span._trace
        self._spans.append((
            kind | span._head | trace.flags, span._name, trace.trace_id, span._id, span._parent, trace.workflow,
            span._start, 0, span._kind, trace.state, trace.identity, dict(span._attributes), None, None,
        ))

    def flush(self):
        """Gives everything that has ended to the module; tells how many spans became records."""
        spans, self._spans = self._spans, []
        return self._module.ingest(spans) if spans else 0
