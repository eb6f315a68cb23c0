"""Losses: what training pulls towards, each from its paper, each weighted by the recipe.

A loss is a settings class whose call maps `Outputs` to a scalar; `LOSSES` lists them.
"""

from restore.losses.adversarial import (
    GAMES,
    R1,
    R2,
    Adversarial,
    Auxiliary,
    FeatureMatching,
    GradientPenalty,
    Penalty,
    Played,
)
from restore.losses.contract import Loss, Outputs, counted_share
from restore.losses.pictures import (
    CrossEntropy,
    Dice,
    Diversity,
    KlDivergence,
    Perceptual,
    Reconstruction,
    Repulsion,
    TotalVariation,
    WeightSize,
)

__all__ = [
    "GAMES",
    "LOSSES",
    "R1",
    "R2",
    "Adversarial",
    "Auxiliary",
    "CrossEntropy",
    "Dice",
    "Diversity",
    "FeatureMatching",
    "GradientPenalty",
    "KlDivergence",
    "Loss",
    "Outputs",
    "Penalty",
    "Perceptual",
    "Played",
    "Reconstruction",
    "Repulsion",
    "TotalVariation",
    "WeightSize",
    "counted_share",
]

LOSSES: dict[str, type[Loss]] = {
    "reconstruction": Reconstruction,
    "adversarial": Adversarial,
    "r1": R1,
    "r2": R2,
    "gradient_penalty": GradientPenalty,
    "feature_matching": FeatureMatching,
    "perceptual": Perceptual,
    "diversity": Diversity,
    "repulsion": Repulsion,
    "total_variation": TotalVariation,
    "weight_size": WeightSize,
    "cross_entropy": CrossEntropy,
    "dice": Dice,
    "auxiliary": Auxiliary,
    "kl": KlDivergence,
}
