"""Who is a positive pair of whom."""

from eigenpairs.relation.relation import Relation

__all__ = ["Relation"]
