"""What is trained for: every objective of the core, and the methods without negatives."""

from eigenpairs.deep.methods.by_name import METHODS, as_method, build_method, method_parameters
from eigenpairs.deep.methods.direct import Direct
from eigenpairs.deep.methods.joint import Joint
from eigenpairs.deep.methods.method import Head, Method
from eigenpairs.deep.methods.self_prediction import BYOL, SimSiam

__all__ = [
    "BYOL",
    "METHODS",
    "Direct",
    "Head",
    "Joint",
    "Method",
    "SimSiam",
    "as_method",
    "build_method",
    "method_parameters",
]
