"""The metrics against scikit-image and closed forms."""

import numpy as np
import pytest
import torch
from skimage.data import astronaut, chelsea
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from restore import metrics
from restore.metrics import METRICS


def batch() -> tuple[Tensor, Tensor]:
    """Two photos (2, 3, 120, 150) and the same with noise and with a flat hole."""
    clean = np.stack([astronaut()[:120, 150:300], chelsea()[:120, 100:250]]) / 255
    restored = clean.copy()
    restored[0] += np.random.default_rng(0).normal(0, 0.05, restored[0].shape)
    restored[1, 30:70, 40:90] = 0.5
    to_tensor = torch.from_numpy(restored.clip(0, 1)).float(), torch.from_numpy(clean).float()
    return to_tensor[0].permute(0, 3, 1, 2), to_tensor[1].permute(0, 3, 1, 2)


def pictures(images: Tensor) -> list[np.ndarray]:
    return list(images.permute(0, 2, 3, 1).double().numpy())


def test_psnr_agrees_with_scikit_image() -> None:
    restored, clean = batch()
    expected = [
        peak_signal_noise_ratio(c, r, data_range=1)
        for r, c in zip(pictures(restored), pictures(clean), strict=True)
    ]
    assert metrics.psnr(restored, clean).tolist() == pytest.approx(expected, abs=1e-4)


def test_ssim_agrees_with_scikit_image() -> None:
    restored, clean = batch()
    expected = [
        structural_similarity(
            c,
            r,
            data_range=1,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for r, c in zip(pictures(restored), pictures(clean), strict=True)
    ]
    assert metrics.ssim(restored, clean).tolist() == pytest.approx(expected, abs=1e-4)


def test_l1_of_a_constant_shift_is_the_shift() -> None:
    clean = torch.full((2, 3, 8, 8), 0.25)
    shift = torch.tensor([0.5, 0.125]).view(2, 1, 1, 1)
    assert metrics.l1(clean + shift, clean).tolist() == [0.5, 0.125]


@pytest.mark.parametrize(
    ("name", "best"), [("psnr", float("inf")), ("ssim", 1), ("l1", 0), ("lpips", 0)]
)
def test_equal_pictures_score_best(name: str, best: float) -> None:
    _, clean = batch()
    scores = METRICS[name](clean, clean)
    if name == "lpips" and scores.isnan().all():
        pytest.skip("the LPIPS backbone is not on disk")
    assert scores.tolist() == pytest.approx([best, best])


@pytest.mark.parametrize("name", METRICS)
def test_a_picture_scores_the_same_alone_and_in_a_batch(name: str) -> None:
    restored, clean = batch()
    together = METRICS[name](restored, clean)
    alone = torch.cat([METRICS[name](restored[i : i + 1], clean[i : i + 1]) for i in range(2)])
    assert together.shape == (2,)
    if name == "lpips" and together.isnan().all():
        pytest.skip("the LPIPS backbone is not on disk")
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)


def test_lpips_is_nan_without_its_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_lpips_on", lambda device: None)
    restored, clean = batch()
    assert METRICS["lpips"](restored, clean).isnan().tolist() == [True, True]


def test_lpips_is_measured_as_soon_as_its_backbone_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "_LPIPS", {})
    monkeypatch.setattr(metrics, "load_lpips", lambda: None)
    assert not metrics.knows_lpips()
    monkeypatch.setattr(metrics, "load_lpips", torch.nn.Identity)
    assert metrics.knows_lpips()
