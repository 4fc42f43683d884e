"""The contract of an experiment: claim, source and setting in words, parameters in a dataclass, a pure function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from eigenpairs._parameters import Parameters
from eigenpairs._validate import an_instance, real_number, whole_number
from eigenpairs.lab.result import Result

Progress = Any
"""Called with the share done, 0 to 1."""


class Experiment(Parameters, ABC):
    """A claim of the theory that a computer can test.

    An experiment is one module of `lab.experiments` with one dataclass like this, whose fields are its parameters and
    whose name in kebab case is that of the experiment; nothing has to be registered. The docstring of the class says
    claim, source, setting and what is expected, in this order, each a paragraph that begins with its word; where a
    paper's own constants were not available it says "in the spirit of".

    Attributes
    ----------
    paper : str
        Whose claim it is: "A" to "D" as in docs/theory.md, "ours" for what goes beyond.
    fast : dict
        Parameters that make it a matter of seconds.
    needs : tuple of str
        Modules without which it is not testable here, such as "torch".
    """

    paper: ClassVar[str] = "ours"
    fast: ClassVar[dict[str, Any]] = {}
    needs: ClassVar[tuple[str, ...]] = ()

    def _check(self) -> None:
        """Numbers of the kind that each field's type says, finite, counts and seeds not negative; then `validate`."""
        for name, kind in self.parameter_types().items():
            _check_kind(getattr(self, name), name, kind)
        super()._check()

    @abstractmethod
    def measure(self, progress: Progress) -> Result:
        """Run it: a pure function of the parameters, seeds among them.

        Parameters
        ----------
        progress : callable
            To be called with the share done, 0 to 1, now and then.
        """

    @classmethod
    def paragraph(cls, word: str) -> str:
        """What the docstring says under "Claim", "Source", "Setting" or "Expected", on one line."""
        import inspect

        text = inspect.getdoc(cls) or ""
        for part in text.split("\n\n"):
            if part.startswith(f"{word}:"):
                return " ".join(part.removeprefix(f"{word}:").split())
        raise ValueError(f"{cls.__name__} says nothing under {word!r} in its docstring")


def _check_kind(value: Any, name: str, kind: str) -> None:
    """Raise unless `value` is an int, a float, a str, or a tuple of one of these, as the text `kind` of a type says."""
    if kind == "int":
        whole_number(value, name, 0)
    elif kind == "float":
        real_number(value, name)
    elif kind == "str":
        an_instance(value, str, name, "a text")
    else:
        inner = kind.removeprefix("tuple[").removesuffix(", ...]")
        if not an_instance(value, tuple, name, f"a tuple of {inner}"):
            raise ValueError(f"{name} = () is empty; give a tuple of {inner} with one entry or more")
        for at, entry in enumerate(value):
            _check_kind(entry, f"{name}[{at}]", inner)
