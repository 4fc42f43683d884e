"""Deep encoders trained on any objective, with the exact optimum of their head beside them."""

from eigenpairs.deep import views
from eigenpairs.deep.data import Samples, samples
from eigenpairs.deep.encoders import MLP, ConvNet, Projector, SeriesNet, build_encoder, resnet18, resnet50
from eigenpairs.deep.evaluate import evaluate, features
from eigenpairs.deep.methods import BYOL, Direct, Joint, Method, SimSiam
from eigenpairs.deep.run import Run, load_run
from eigenpairs.deep.train import train, train_config

__all__ = [
    "BYOL",
    "MLP",
    "ConvNet",
    "Direct",
    "Joint",
    "Method",
    "Projector",
    "Run",
    "Samples",
    "SeriesNet",
    "SimSiam",
    "build_encoder",
    "evaluate",
    "features",
    "load_run",
    "resnet18",
    "resnet50",
    "samples",
    "train",
    "train_config",
    "views",
]
