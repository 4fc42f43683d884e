"""Value objects with named parameters, in the shape scikit-learn's clone and grid search expect."""

from __future__ import annotations

from copy import copy
from dataclasses import fields
from typing import Any, Self


class Parameters:
    """Base of the dataclasses whose fields are hyper-parameters.

    `get_params` and `set_params` follow scikit-learn, so that ``objective__invariance`` can be searched, without
    importing scikit-learn. Values are stored as given and checked by `validate` when made or changed.
    """

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
        """What every change of parameters has to pass."""
        self.validate()

    def validate(self) -> None:
        """Raise ValueError or TypeError for a parameter that is not allowed."""

    @classmethod
    def parameter_types(cls) -> dict[str, str]:
        """The parameters' names and the text of their types."""
        # Every subclass is a dataclass; this base, which has no fields of its own, is not.
        return {field.name: str(field.type) for field in fields(cls)}  # type: ignore[arg-type]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name (`deep` is accepted for scikit-learn; parameters here are plain values)."""
        return {name: getattr(self, name) for name in self.parameter_types()}

    def set_params(self, **params: Any) -> Any:
        """Change parameters by name; returns self. Nothing changes if one of them is not allowed."""
        known = self.get_params()
        for name in params:
            if name not in known:
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}")
        try:
            vars(self).update(params)
            self._check()
        except (ValueError, TypeError):
            vars(self).update(known)
            raise
        return self

    def with_params(self, **params: Any) -> Self:
        """A copy with some parameters changed; raises as `set_params` does."""
        changed: Self = copy(self).set_params(**params)
        return changed
