"""A run from its first epoch to its last: training, measuring, logging, checkpoints, and going on after a stop."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eigenpairs._json import plain
from eigenpairs.deep.checkpoints.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint
from eigenpairs.deep.run import BEST, LAST, Run
from eigenpairs.deep.settings.card import CARD, read_card, write_card
from eigenpairs.deep.training.diverged import Diverged
from eigenpairs.deep.training.loop import Loop
from eigenpairs.deep.watching.live import Live
from eigenpairs.deep.watching.logs import BOARD, LOG, Logs, read_log
from eigenpairs.deep.watching.monitor import Monitor
from eigenpairs.relation import Relation


class Session:
    """One call of `train`.

    Parameters
    ----------
    loop : Loop
    monitor : Monitor
    card : dict
        What becomes `run.json`.
    folder : Path or None
        None: nothing is written.
    save_every : int
        Epochs between checkpoints; the last epoch always has one.
    renew : callable, optional
        Gives the relation of the next epoch.
    """

    def __init__(
        self, loop: Loop, monitor: Monitor, card: dict[str, Any], folder: Path | None, save_every: int,
        renew: Callable[[], Relation] | None = None,
    ):  # fmt: skip
        self.loop, self.monitor, self.card, self.folder = loop, monitor, plain(card), folder
        self.save_every, self.renew = save_every, renew
        self.history: list[dict[str, Any]] = []
        self.best = float("-inf")

    def run(self, resume: bool, overwrite: bool, tensorboard: bool, progress: bool) -> Run:
        """All epochs that are left."""
        first = self._begin(resume, overwrite)
        try:
            self._train(first, tensorboard, progress)
        except Diverged:
            raise
        except Exception:  # whatever it is, it is raised again
            self._withdraw()
            raise
        return Run(self.loop.network, self.card, self.history, self.folder, self.loop.method)

    def _train(self, first: int, tensorboard: bool, progress: bool) -> None:
        """The epochs from `first` on."""
        epochs = self.card["training"]["epochs"]
        live = Live(progress=progress, epochs=epochs, steps_per_epoch=self.loop.batches.steps)
        logs = None if self.folder is None else Logs(self.folder, tensorboard, self.loop.step_number if first else None)
        try:
            live.on_start(self.card)
            for epoch in range(first, epochs):
                self._keep(self._epoch(epoch, epochs, live.on_step), logs, live)
                if (epoch + 1) % self.save_every == 0 or epoch + 1 == epochs:
                    self._save(LAST, epoch)
        except Diverged as error:
            if logs is not None:
                logs.write({"event": "diverged", "epoch": error.epoch, "step": error.step, "text": str(error)})
            raise error.kept(self._kept()) from None
        finally:
            live.on_stop()
            if logs is not None:
                logs.close()

    # ------------------------------------------------------------- beginning

    def _begin(self, resume: bool, overwrite: bool) -> int:
        """Make or reopen the folder; the first epoch to train."""
        if self.folder is None:
            if resume:
                raise ValueError("resume = True needs out, the folder of the run to go on with")
            return 0
        if resume and has_checkpoint(self.folder / LAST):
            return self._reopen(self.folder)
        begun = (self.folder / CARD).exists() and not overwrite
        if begun and resume:  # cut off before its first checkpoint: the same run begins anew
            self._same_settings(self.folder)
        elif begun:
            raise FileExistsError(
                f"{self.folder} holds a run; go on with it (resume=True, --resume), begin again (overwrite=True, on "
                "the command line --force), or choose another folder"
            )
        self._make(self.folder)
        return 0

    def _make(self, folder: Path) -> None:
        if not folder.parent.is_dir():
            raise FileNotFoundError(f"{folder.parent} is not a folder; create it first")
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(f"{folder} is a file; choose a new folder for the run")
        if folder.exists() and not (folder / CARD).exists() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} holds other files; choose a new folder for the run")
        folder.mkdir(exist_ok=True)
        (folder / LOG).unlink(missing_ok=True)
        shutil.rmtree(folder / BOARD, ignore_errors=True)
        for name in (LAST, BEST):
            for file in (folder / name).glob("*"):
                file.unlink()
            if (folder / name).is_dir():
                (folder / name).rmdir()
        write_card(folder, self.card)

    def _same_settings(self, folder: Path) -> None:
        before = read_card(folder)
        for key in before:
            if before[key] != self.card.get(key) and key not in ("package_version", "reading"):
                difference = _difference(before[key], self.card.get(key))
                raise ValueError(
                    f"{folder} was made with {key} = {difference}; resume with the same settings, or choose another "
                    "folder"
                )

    def _reopen(self, folder: Path) -> int:
        self._same_settings(folder)
        extra = load_checkpoint(folder / LAST, self.loop.modules, self.loop.optimizer)
        self.loop.step_number, self.best = extra["step"], extra["best"]
        self.history = [record for record in read_log(folder) if record.get("event") == "epoch"]
        self.history = [record for record in self.history if record["step"] <= self.loop.step_number]
        return int(extra["epoch"]) + 1

    # ------------------------------------------------------------- an epoch

    def _epoch(self, epoch: int, epochs: int, report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        if self.renew is not None and epoch > 0:
            self.loop.batches.relation = self.renew()
            self.monitor.watch(self.loop.batches.relation)
        record = {"event": "epoch"} | self.loop.epoch(epoch, report)
        evaluation = self.card["evaluation"]
        last = epoch + 1 == epochs
        every, certify_every = evaluation["every"], evaluation["certificate_every"]
        due = bool(certify_every) and (last or (epoch + 1) % certify_every == 0)
        if every and (due or last or (epoch + 1) % every == 0):
            spreads = [earlier["spread"] for earlier in self.history if earlier.get("spread") is not None]
            record |= self.monitor.measure(
                self.loop.network, epoch, certificate=due, before=spreads[-1] if spreads else None
            )
            if "invalid" in (record["verdict"], record["verdict_projection"]):
                raise Diverged(
                    epoch, self.loop.step_number, record["terms"], self.loop.learning_rate, self.loop.largest_weight()
                )
            predictor = self.loop.head.describe()
            if predictor:  # beside where the dynamics ends, which the monitor knows
                record["predictor"] = predictor | record.get("predictor", {})
        return record

    def _keep(self, record: dict[str, Any], logs: Logs | None, live: Live) -> None:
        self.history.append(record)
        if logs is not None:
            logs.write(record)
        live.on_epoch(record)
        quality = None if record.get("alarm") else _quality(record)
        if quality is not None and quality > self.best:
            self.best = quality
            self._save(BEST, record["epoch"])

    def _save(self, name: str, epoch: int) -> None:
        if self.folder is None:
            return
        extra = {"epoch": epoch, "step": self.loop.step_number, "best": self.best}
        save_checkpoint(self.folder / name, self.loop.modules, self.loop.optimizer, extra=extra)

    def _kept(self) -> str:
        """Where the last good network is."""
        if self.folder is None or not has_checkpoint(self.folder / LAST):
            return "no checkpoint was written yet"
        epoch = load_checkpoint(self.folder / LAST)["epoch"]
        alarms = [record["alarm"] for record in self.history if record["epoch"] == epoch and "alarm" in record]
        said = f"the checkpoint of epoch {epoch} is kept in {self.folder / LAST}"
        if not any(alarms):
            return said
        if not has_checkpoint(self.folder / BEST):
            return f"{said}, but had collapsed by then"
        best = load_checkpoint(self.folder / BEST)["epoch"]
        return f"{said}, but had collapsed by then; that of epoch {best} is kept in {self.folder / BEST}"

    def _withdraw(self) -> None:
        """Leave no folder behind that says there is a run, where an error came before its first checkpoint."""
        if self.folder is None or any(has_checkpoint(self.folder / name) for name in (LAST, BEST)):
            return
        for name in (CARD, LOG):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / BOARD, ignore_errors=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


def _quality(record: dict[str, Any]) -> float | None:
    """What the best epoch is chosen by: kNN accuracy of the first label set, else the sum of rho, else the loss."""
    for value in (record.get("knn") or {}).values():
        return value
    if "sum_rho" not in record:
        return None
    return -record["loss"] if record["sum_rho"] is None else record["sum_rho"]


def _difference(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        return f"{{{keys[0]}: {before.get(keys[0])!r}}}, now {now.get(keys[0])!r}"
    return f"{before!r}, now {now!r}"
