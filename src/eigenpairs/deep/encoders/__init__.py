"""Encoders: modules from a batch (b, *shape) float32 to features (b, n_features)."""

from eigenpairs.deep.encoders.by_name import ENCODERS, build_encoder
from eigenpairs.deep.encoders.conv_net import ConvNet
from eigenpairs.deep.encoders.mlp import MLP
from eigenpairs.deep.encoders.projector import Projector
from eigenpairs.deep.encoders.res_net import ResNet, resnet18, resnet50
from eigenpairs.deep.encoders.series_net import SeriesNet

__all__ = ["ENCODERS", "MLP", "ConvNet", "Projector", "ResNet", "SeriesNet", "build_encoder", "resnet18", "resnet50"]
