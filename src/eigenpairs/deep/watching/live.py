"""The live view of a run, on stderr: a line per epoch and, on a terminal, a bar that moves with the steps."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]


class Live:
    """Shows the records of a run as they come; it computes nothing, and the log gets the same records.

    Parameters
    ----------
    progress : bool
        False shows nothing.
    epochs, steps_per_epoch : int

    Examples
    --------
    >>> live = Live(False, epochs=2, steps_per_epoch=10)
    >>> live.on_start({"method": {"name": "vicreg"}})
    >>> live.on_epoch({"epoch": 0, "loss": 3.25})
    >>> live.on_stop()
    """

    def __init__(self, progress: bool, epochs: int, steps_per_epoch: int):
        self.epochs, self.steps_per_epoch = epochs, steps_per_epoch
        self._console: Any = None
        self._bar: Any = None
        if progress:
            from rich.console import Console

            terminal = sys.stderr.isatty()
            # Files get whole lines, however long.
            self._console = Console(
                file=sys.stderr, markup=False, highlight=False, emoji=False, soft_wrap=True,
                width=None if terminal else 10_000, force_terminal=terminal,
            )  # fmt: skip

    def on_start(self, record: Record) -> None:
        """The run begins; the record is its card."""
        if self._console is None:
            return
        self._say(start_line(record))
        if self._console.is_terminal and self._bar is None:
            self._bar = _bar(self._console)
            self._bar.start()
            self._task = self._bar.add_task("", total=self.epochs * self.steps_per_epoch, now="")

    def on_step(self, record: Record) -> None:
        """Steps have been taken: `step` of all, and what is known of the last one."""
        if self._bar is not None:
            self._bar.update(self._task, completed=record.get("step", 0), now=step_line(record, self.epochs))

    def on_epoch(self, record: Record) -> None:
        """An epoch is over."""
        if self._console is None:
            return
        self._say(epoch_line(record, self.epochs))
        if record.get("certificate"):
            self._say(f"  {record['certificate']}")
        if record.get("alarm"):
            self._say(f"  collapse alarm: {record.get('alarm_text') or 'no reason given'}", "bold red")

    def on_stop(self, record: Record | None = None) -> None:
        """The run is over, or cut off; `record["message"]` is its last word. May be called twice."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._console is not None and record and record.get("message"):
            self._say(str(record["message"]), "bold red" if record.get("alarm") else None)

    def _say(self, line: str, style: str | None = None) -> None:
        # Above the bar, when there is one.
        self._console.print(line, style=style)


def start_line(card: Record) -> str:
    """What is trained, in one line.

    Examples
    --------
    >>> start_line({"method": {"name": "vicreg"}, "encoder": {"module": "Sequential"}, "n_samples": 50_000})
    'method vicreg  encoder Sequential  samples 50,000'
    """
    training = card.get("training") or {}
    found = {
        "method": _name(card.get("method")),
        "encoder": _name(card.get("encoder")),
        "samples": card.get("n_samples"),
        "epochs": training.get("epochs"),
        "batch": training.get("batch_size"),
        "device": training.get("device"),
    }
    return "  ".join(f"{name} {_value(value)}" for name, value in found.items() if value is not None)


def epoch_line(record: Record, epochs: int) -> str:
    """One epoch in one line; what the record lacks is left out.

    Examples
    --------
    >>> epoch_line({"epoch": 4, "loss": 3.25, "knn": {"digit": 0.9731}, "rankme": 51.2, "gap": None}, epochs=10)
    'epoch 5/10  loss 3.25  kNN digit .973  RankMe 51.2'
    """
    parts = [_epoch(record, epochs), *_losses(record)]
    knn = record.get("knn") or {}
    parts += [f"kNN {name} {_accuracy(value)}" for name, value in knn.items()]
    parts += [f"RankMe {_value(record['rankme'])}"] if record.get("rankme") is not None else []
    if record.get("sum_rho") is not None and not knn:
        parts.append(f"sum rho {_value(record['sum_rho'])}")
    parts += [f"gap {_value(record['gap'])}"] if record.get("gap") is not None else []
    parts += [str(record["verdict"])] if record.get("verdict") not in (None, "healthy") else []
    return "  ".join((*parts, *_speed(record)))


def step_line(record: Record, epochs: int) -> str:
    """What stands beside the bar."""
    return "  ".join((_epoch(record, epochs), *_losses(record), *_speed(record)))


def _epoch(record: Record, epochs: int) -> str:
    return f"epoch {record.get('epoch', 0) + 1}/{epochs}"


def _losses(record: Record) -> list[str]:
    """The loss, and its terms where there are several."""
    if record.get("loss") is None:
        return []
    terms = record.get("terms") or {}
    inside = ", ".join(f"{name} {_value(value)}" for name, value in terms.items()) if len(terms) > 1 else ""
    return [f"loss {_value(record['loss'])}" + (f" ({inside})" if inside else "")]


def _speed(record: Record) -> list[str]:
    rate, seconds = record.get("images_per_second"), record.get("seconds")
    return ([f"{rate:,.0f}/s"] if rate else []) + ([f"{seconds:.1f} s"] if seconds else [])


def _accuracy(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".removeprefix("0")


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _name(entry: Any) -> Any:
    """Of an entry of the card: its name, or the class of a user's own module."""
    return entry.get("name", entry.get("module")) if isinstance(entry, Mapping) else entry


def _bar(console: Any) -> Any:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(bar_width=24), TextColumn("{task.percentage:>3.0f} %", markup=False), TimeRemainingColumn(),
        TextColumn("{task.fields[now]}", markup=False), console=console, transient=True,
    )  # fmt: skip
