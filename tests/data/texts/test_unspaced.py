"""Texts without blanks between words are recognized, and told from texts that are cut into words already."""

from __future__ import annotations

import pytest

from rnnexp.data.texts.prepare import suggest_tokens
from rnnexp.data.texts.tokens import is_unspaced, split_runs

UNSPACED = (
    ["这家酒店的服务非常好,房间干净舒适", "位置偏僻。再也不来了"],
    ["とても楽しい映画でした", "つまらなかったので途中で寝てしまいました。"],
    ["ร้านนี้อร่อยมากครับ", "พนักงานบริการไม่ดีเลย"],
    ["ຂ້ອຍມັກຮູບເງົາເລື່ອງນີ້ຫຼາຍ"],
    ["iPhone 的屏幕很好看,我很喜欢这个手机"],
)
SPACED = (
    ["a stirring , funny film", "dull"],
    ["这家 酒店 的 服务 非常 好", "房间 干净 舒适"],
    ["이 영화는 정말 재미있었습니다", "다시는 보고 싶지 않아요"],
    ["यह फिल्म बहुत अच्छी है"],
    ["the sign said 出口, which means exit", "nothing but English otherwise"],
    ["好", "差"],
    [""],
    [],
)


@pytest.mark.parametrize("texts", UNSPACED)
def test_texts_without_blanks_between_words_are_recognized(texts: list[str]) -> None:
    assert is_unspaced(texts)


@pytest.mark.parametrize("texts", SPACED)
def test_texts_whose_words_stand_apart_are_not(texts: list[str]) -> None:
    assert not is_unspaced(texts)


def test_runs_are_cut_about_where_words_end() -> None:
    assert split_runs("买了 2 个手机了").split() == ["买了", "2", "个手", "机了"]
    assert split_runs("plain words") == "plain words"


@pytest.mark.parametrize(("tokens", "advised"), [("word", True), ("blank", True), ("character", False)])
def test_characters_are_advised_where_clauses_would_be_words(tokens: str, advised: bool) -> None:
    assert bool(suggest_tokens(UNSPACED[0], tokens)) == advised  # type: ignore[arg-type]
    assert suggest_tokens(SPACED[0], tokens) == []  # type: ignore[arg-type]
