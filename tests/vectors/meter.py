"""A small host of the plain module's meter: Python sums up by itself, and hands over at a collection what has come since.

A call into the module costs more than an addition, so a measurement is none. What has come is a list of tuples, marshalled at
once. The classes are made for one thread at a time: whoever measures from several wraps them in a lock, or gives each thread its
own and hands all of them over.
"""

import marshal
import math
from bisect import bisect_left

from host import _cleaned, layout

Temporality = layout.Temporality
_Kind = layout.MetricKind
_INF = math.inf
_MARSHAL = 2
# So many numbers of an exponential histogram wait; then they are handed over.
_MOST_WAITING = 4096
_OVERFLOW = {"otel.metric.overflow": True}


class Sum:
    """A series of a counter or an up-down counter."""

    __slots__ = ("_meter", "_labels", "_least", "_start", "_value", "_is_new")

    def __init__(self, meter, instrument, labels):
        self._meter = meter
        self._labels = labels
        self._least = 0 if instrument.kind == _Kind.COUNTER else -_INF
        self._start = meter._now()
        self._value = instrument.number()
        self._is_new = True

    def add(self, amount):
        if self._least <= amount < _INF and amount != -_INF:
            self._value += amount
        else:
            self._meter.invalid += 1

    def _take(self, now):
        value = self._value
        if not value and not self._is_new:
            return None
        point = (self._labels, self._start, now, value)
        self._value = type(value)()
        self._start = now
        self._is_new = False
        return point


class Gauge:
    """A series of a gauge."""

    __slots__ = ("_meter", "_labels", "_number", "_value", "_is_new")

    def __init__(self, meter, instrument, labels):
        self._meter = meter
        self._labels = labels
        self._number = instrument.number
        self._value = None
        self._is_new = False

    def set(self, number):
        self._value = number
        self._is_new = True

    def add(self, amount):
        self.set((self._value or 0) + amount)

    def _take(self, now):
        if not self._is_new:
            return None
        self._is_new = False
        try:
            return (self._labels, 0, now, self._number(self._value))
        except (TypeError, ValueError, OverflowError):
            # No number, or one without end where whole ones are kept.
            self._meter.invalid += 1
            return None


class Histogram:
    """A series of a histogram with bounds."""

    __slots__ = ("_meter", "_labels", "_bounds", "_start", "_counts", "_sum", "_min", "_max", "_is_new")

    def __init__(self, meter, instrument, labels):
        self._meter = meter
        self._labels = labels
        self._bounds = instrument.bounds
        self._start = meter._now()
        self._is_new = True
        self._clear()

    def _clear(self):
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._min = _INF
        self._max = -_INF

    def record(self, number):
        if not -_INF < number < _INF:
            self._meter.invalid += 1
            return
        self._counts[bisect_left(self._bounds, number)] += 1
        self._sum += number
        if number < self._min:
            self._min = number
        if number > self._max:
            self._max = number

    def _take(self, now):
        if self._min == _INF:
            if not self._is_new:
                return None
            self._min = self._max = None
        point = (self._labels, self._start, now, self._counts, self._sum, self._min, self._max)
        self._start = now
        self._is_new = False
        self._clear()
        return point


class Exponential:
    """A series of an exponential histogram: the numbers wait as they are, the module finds their buckets."""

    __slots__ = ("_meter", "_labels", "_start", "_numbers", "_is_new")

    def __init__(self, meter, _instrument, labels):
        self._meter = meter
        self._labels = labels
        self._start = meter._now()
        self._numbers = []
        self._is_new = True

    def record(self, number):
        if not -_INF < number < _INF:
            self._meter.invalid += 1
            return
        numbers = self._numbers
        numbers.append(number)
        if len(numbers) >= _MOST_WAITING:
            self._meter.hand_over()

    def _take(self, now):
        numbers = self._numbers
        if not numbers and not self._is_new:
            return None
        point = (self._labels, self._start, now, numbers)
        self._numbers = []
        self._start = now
        self._is_new = False
        return point


_SERIES = {
    _Kind.COUNTER: Sum,
    _Kind.UP_DOWN_COUNTER: Sum,
    _Kind.GAUGE: Gauge,
    _Kind.HISTOGRAM: Histogram,
    _Kind.EXPONENTIAL: Exponential,
}


class Instrument:
    """What is measured. `number` is the type of its numbers: `int` or `float`."""

    def __init__(self, meter, kind, number, name, unit, description, bounds):
        self.kind = kind
        self.number = number
        self.bounds = tuple(bounds)
        self._about = (kind, name, unit, description, self.bounds if kind == _Kind.HISTOGRAM else None)
        self._meter = meter
        self._series = {}

    def series(self, labels=None):
        """The series with these labels. Keep it: that saves looking them up."""
        labels = labels or {}
        key = _key(labels)
        found = self._series.get(key)
        if found is None:
            if len(self._series) >= self._meter.limit - 1:
                labels = _OVERFLOW
                key = _key(labels)
            found = self._series.get(key)
        if found is None:
            found = self._series[key] = _SERIES[self.kind](self._meter, self, dict(labels))
        return found

    def _take(self, now):
        points = [point for point in (series._take(now) for series in self._series.values()) if point is not None]
        return (*self._about, points) if points else None


def _key(value):
    """Equal for equal values of the same types, whatever the order of the keys in maps."""
    if isinstance(value, dict):
        return frozenset((name, _key(inner)) for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return (list, tuple(map(_key, value)))
    return (type(value), value)


class Meter:
    """The meter of an instance of the plain module."""

    def __init__(self, module, now, limit=2000):
        self._module = module
        self._now = now
        self._instruments = []
        self.limit = limit
        # Measurements that are no number, without end, or negative where only growth is possible.
        self.invalid = 0
        module.call("meter_limit", limit)

    def instrument(self, kind, number, name, unit="", description="", bounds=()):
        usable = kind == _Kind.HISTOGRAM and len(bounds) > 0 and all(a < b for a, b in zip(bounds, bounds[1:]))
        bounds = bounds if usable else layout.Bounds.OPENTELEMETRY
        made = Instrument(self, kind, number, name, unit, description, bounds)
        self._instruments.append(made)
        return made

    def hand_over(self):
        """Gives the module what has come since the last time."""
        now = self._now()
        metrics = [taken for taken in (made._take(now) for made in self._instruments) if taken is not None]
        if metrics:
            self._module.give("meter_fold", _marshalled(metrics), now)

    def collect(self, temporality):
        """What everything stands at, as an OTLP metrics request; no bytes where there is nothing to say."""
        self.hand_over()
        return self._module.answer("meter_collect", self._now(), temporality)

    def json(self):
        """The request that was collected last, as JSON. Needs the module with views."""
        return self._module.answer("metrics_to_json").decode()

    def commit(self):
        """What was collected last has arrived."""
        self._module.call("meter_commit")

    def problems(self):
        problems = vars(layout.MeterProblem)
        return {name: self._module.call("meter_problems", at) for name, at in problems.items() if name.isupper()}


def _marshalled(metrics):
    """The batch as bytes. Only a batch that holds something strange is looked at value by value."""
    try:
        return marshal.dumps(metrics, _MARSHAL)
    except ValueError:
        return marshal.dumps([_cleaned(metric) for metric in metrics], _MARSHAL)
