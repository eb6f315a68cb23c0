from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, ValidationError

from restore.config import Settings, apply_overrides, read_toml, validate
from restore.errors import RestoreError, UsageError


class Optimizer(Settings):
    name: Literal["adam", "sgd"] = "adam"
    lr: float = Field(1e-3, gt=0)


class Recipe(Settings):
    steps: int
    optimizer: Optimizer = Optimizer()
    parts: tuple[Optimizer, ...] = ()


def test_valid_settings_come_through() -> None:
    recipe = validate(Recipe, {"steps": 3, "optimizer": {"lr": 1}}, "r.toml")
    assert (recipe.steps, recipe.optimizer.lr) == (3, 1.0)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            {"steps": 3, "optimizer": {"lrr": 1}},
            "r.toml: There is no key 'optimizer.lrr'; known: name, lr. Did you mean 'lr'?",
        ),
        (
            {"stpes": 3},
            "r.toml: There is no key 'stpes'; known: steps, optimizer, parts. "
            "Did you mean 'steps'?",
        ),
        ({}, "r.toml: The key 'steps' is missing."),
        (
            {"steps": 3, "optimizer": {"lr": -1}},
            "r.toml: 'optimizer.lr' must be greater than 0, not -1.",
        ),
        (
            {"steps": 3, "optimizer": {"name": "adm"}},
            "r.toml: 'optimizer.name' must be 'adam' or 'sgd', not 'adm'. Did you mean 'adam'?",
        ),
        (
            {"steps": 3, "parts": [{}, {"nme": "sgd"}]},
            "r.toml: There is no key 'parts.1.nme'; known: name, lr. Did you mean 'name'?",
        ),
        (
            {"steps": 3, "optimizer": {"lr": float("nan")}},
            "r.toml: 'optimizer.lr' must be a finite number, not nan.",
        ),
    ],
)
def test_a_mistake_is_one_sentence(data: dict, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate(Recipe, data, "r.toml")
    assert str(caught.value) == sentence


def test_a_long_value_is_cut_in_the_sentence() -> None:
    with pytest.raises(UsageError) as caught:
        validate(Recipe, {"steps": "x" * 1000}, "r.toml")
    assert len(str(caught.value)) < 160


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Optimizer().lr = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("3", 3),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ('"3"', "3"),
        ("wide", "wide"),
        ("free-form", "free-form"),
        ("a=b", "a=b"),
        ("", ""),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_an_override_is_toml_or_text(text: str, value: object) -> None:
    assert apply_overrides({"a": {"c": 1}}, [f"a.b={text}"]) == {"a": {"c": 1, "b": value}}


def test_overrides_leave_the_data_alone_and_the_last_one_wins() -> None:
    data = {"a": {"b": 1}}
    assert apply_overrides(data, ["a.b=2", "a.b=3", "new.deep.key=x"]) == {
        "a": {"b": 3},
        "new": {"deep": {"key": "x"}},
    }
    assert data == {"a": {"b": 1}}


@pytest.mark.parametrize("override", ["steps", "=3", "a..b=3", "steps.b=3", ".a=1"])
def test_an_impossible_override_is_refused(override: str) -> None:
    with pytest.raises(UsageError, match="Can't set"):
        apply_overrides({"steps": 1}, [override])


def test_toml_is_read(tmp_path: Path) -> None:
    (tmp_path / "ok.toml").write_text("[a]\nb = 'ä'\n", encoding="utf-8")
    assert read_toml(tmp_path / "ok.toml") == {"a": {"b": "ä"}}


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"a = " + b"[" * 100_000])
def test_what_is_not_toml_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(RestoreError, match=r"bad\.toml is not a TOML file: .*\.$"):
        read_toml(tmp_path / "bad.toml")


@pytest.mark.parametrize("name", ["none.toml", "."])
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(RestoreError, match=r"^Can't read"):
        read_toml(tmp_path / name)
