"""LPIPS-squeeze against published values, the package it stands in for, and numerical gradients."""

import socket
import threading
import warnings
from pathlib import Path

import pytest
import torch

from restore import lpips
from restore.errors import RestoreError
from restore.lpips import Lpips, load_lpips


@pytest.fixture(scope="module")
def net() -> Lpips:
    """The real network; its backbone is fetched by a user, never by a test."""
    loaded = load_lpips()
    if loaded is None:
        pytest.skip(
            f"LPIPS backbone {lpips.BACKBONE_FILE} is neither in TORCH_HOME nor in ../shared"
        )
    return loaded


def pair(size: int = 64, seed: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    clean = torch.rand(2, 3, size, size, generator=random)
    return (clean + 0.2 * torch.randn(clean.shape, generator=random)).clamp(0, 1), clean


def test_published_value(net: Lpips) -> None:
    """0.1008 stands in the documentation of torchmetrics for two pictures of noise, seed 123."""
    torch.manual_seed(123)
    first, second = (torch.rand(10, 3, 100, 100) for _ in range(2))
    assert net(first, second).mean().item() == pytest.approx(0.1008, abs=5e-5)


def test_same_as_the_package(net: Lpips) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lpips as package

        theirs = package.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    layers = [layer for stage in theirs.net.children() for layer in stage.children()]
    torch.nn.Sequential(*layers).load_state_dict(net.layers.state_dict())
    restored, clean = pair(77)
    expected = theirs(restored, clean, normalize=True).flatten()
    torch.testing.assert_close(net(restored, clean), expected, rtol=1e-5, atol=1e-7)


def test_equal_pictures_are_at_no_distance(net: Lpips) -> None:
    _, clean = pair()
    assert net(clean, clean).tolist() == [0, 0]


def test_measuring_in_pieces_gives_the_same(net: Lpips, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lpips, "ROWS_PIXELS", 100)
    restored, clean = pair()
    found = net.measure(restored.requires_grad_(), clean)
    torch.testing.assert_close(found, net(restored, clean).detach())
    assert not found.requires_grad


def test_gradient_flows_to_the_restored_picture_only(net: Lpips) -> None:
    restored, clean = (picture.requires_grad_() for picture in pair())
    net(restored, clean).sum().backward()
    assert restored.grad is not None and restored.grad.abs().sum() > 0
    assert clean.grad is None
    assert all(parameter.grad is None for parameter in net.parameters())


def test_both_sides_get_gradients_through_distance(net: Lpips) -> None:
    first, second = (picture.requires_grad_() for picture in pair())
    net.distance(net.features(first), net.features(second)).sum().backward()
    assert first.grad is not None and second.grad is not None
    alone = first.grad.clone()
    first.grad = None
    net(first, second).sum().backward()
    torch.testing.assert_close(first.grad, alone)


def test_gradient_of_a_stage_is_right() -> None:
    random = torch.Generator().manual_seed(0)
    first, second = (
        torch.rand(2, 5, 3, 4, dtype=torch.double, generator=random).requires_grad_()
        for _ in range(2)
    )
    weight = torch.rand(5, dtype=torch.double, generator=random)
    assert torch.autograd.gradcheck(lpips._StageDistance.apply, (first, second, weight))


def test_dead_pixels_have_no_gradient() -> None:
    """The package gives NaN where a pixel has no feature at all."""
    first = torch.rand(1, 4, 2, 2)
    first[:, :, 0, 0] = 0
    first.requires_grad_()
    lpips._StageDistance.apply(first, torch.rand(1, 4, 2, 2), torch.ones(4)).sum().backward()
    assert first.grad is not None and first.grad.isfinite().all()
    assert (first.grad[:, :, 0, 0] == 0).all() and (first.grad[:, :, 1, 1] != 0).any()


def test_bf16_and_channels_last_stay_close(net: Lpips) -> None:
    restored, clean = pair(96)
    exact = net(restored, clean)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = net(
            restored.contiguous(memory_format=torch.channels_last),
            clean.contiguous(memory_format=torch.channels_last),
        )
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0)


def test_loading_draws_no_random_numbers_and_says_nothing(
    net: Lpips, capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_lpips() is not None
    assert torch.equal(before, torch.get_rng_state())
    assert capsys.readouterr() == ("", "")


def test_none_where_the_backbone_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_lpips([tmp_path]) is None
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert load_lpips() is None


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 half a zip"])
def test_a_broken_backbone_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / lpips.BACKBONE_FILE).write_bytes(content)
    with pytest.raises(RestoreError, match="is not SqueezeNet") as caught:
        load_lpips([tmp_path])
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / lpips.BACKBONE_FILE)
    with pytest.raises(RestoreError, match="is not SqueezeNet"):
        load_lpips([tmp_path])


def test_fetching_without_a_network_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(lpips, "BACKBONE_URL", "http://127.0.0.1:9/nothing.pth")
    with pytest.raises(RestoreError, match="could not be fetched"):
        lpips.fetch_lpips()
    assert not list(tmp_path.rglob("*.pth"))


def _answer_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"rubbish\r\n\r\n", r"\(rubbish\)"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc", "IncompleteRead"),
    ],
    ids=["no status", "cut off"],
)
def test_an_answer_that_is_no_whole_http_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, words: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        thread = threading.Thread(target=_answer_once, args=(listener, answer))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/weights.pth"
        monkeypatch.setattr(lpips, "BACKBONE_URL", url)
        with pytest.raises(RestoreError, match=f"could not be fetched.*{words}") as caught:
            lpips.fetch_lpips()
        thread.join()
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.p*"))


def test_among_many_each_pair_is_at_its_distance(net: Lpips) -> None:
    images = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    images[4] = images[1]
    found = net.among(images, batch=2)
    expected = torch.stack([net(images[n : n + 1].expand_as(images), images) for n in range(5)])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert found[1, 4] < 1e-5
