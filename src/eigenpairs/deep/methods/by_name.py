"""Methods by the names of configuration files: every objective, and the methods that have none."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from eigenpairs._names import kebab
from eigenpairs.deep.methods.direct import Direct
from eigenpairs.deep.methods.joint import Joint
from eigenpairs.deep.methods.method import Method
from eigenpairs.deep.methods.self_prediction import BYOL, SimSiam
from eigenpairs.objective import OBJECTIVES, DirectCopy, DirectPred, DirectSet, Objective

METHODS: dict[str, Method] = {
    **{kebab(name): Joint(kind()) for name, kind in OBJECTIVES.items() if kind is not DirectSet},
    "direct-set": Direct(),
    "direct-copy": Direct(DirectCopy()),
    "direct-pred": Direct(DirectPred()),
    **{kebab(kind.__name__): kind() for kind in (BYOL, SimSiam)},
}
"""Every method with its defaults."""


def as_method(objective: Any) -> Method:
    """A method from itself, from an objective, or from a name with default parameters.

    Raises
    ------
    TypeError, ValueError
        If it is neither, or the name is unknown.

    Examples
    --------
    >>> import eigenpairs as ep
    >>> from eigenpairs.deep.methods import as_method
    >>> as_method(ep.DirectCopy()).averaging
    0.5
    """
    if isinstance(objective, Method):
        return objective
    if isinstance(objective, DirectSet):
        return Direct(objective)
    if isinstance(objective, Objective):
        return Joint(objective)
    if isinstance(objective, str):
        return build_method(objective)
    raise TypeError(
        f"objective = {objective!r} is no method; give an objective such as ep.VICReg(), a method such as "
        f"ep.deep.BYOL(), or one of {', '.join(METHODS)}"
    )


def method_parameters(name: str) -> dict[str, Any]:
    """The parameters of the method called `name` with their defaults, those of its objective first."""
    method = METHODS[_known(name, METHODS, "method")]
    own = {key: value for key, value in method.get_params().items() if key != "objective"}
    return (method.objective.get_params() if method.objective is not None else {}) | own


def build_method(name: str, **settings: Any) -> Method:
    """The method called `name`; settings are parameters of the objective or of the method.

    Raises
    ------
    ValueError, TypeError
        If the name or a parameter is unknown, or a value is not allowed.

    Examples
    --------
    >>> from eigenpairs.deep.methods import build_method
    >>> build_method("vicreg", invariance=10.0).objective
    VICReg(invariance=10.0, variance=25.0, covariance=None, form='practice')
    """
    defaults = method_parameters(name)
    for key in settings:
        _known(key, defaults, f"parameter of {name}")
    method = METHODS[name]
    own = {key: settings.get(key, value) for key, value in method.get_params().items() if key != "objective"}
    if method.objective is None:
        return type(method)(**own)
    params = {key: settings.get(key, value) for key, value in method.objective.get_params().items()}
    changed: Any = type(method)
    return changed(type(method.objective)(**params), **own)


def _known(name: str, allowed: Any, what: str) -> str:
    if name in allowed:
        return name
    near = get_close_matches(str(name), list(allowed), n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"{name!r} is no {what}; {hint}choose from {', '.join(allowed) or 'none'}")
