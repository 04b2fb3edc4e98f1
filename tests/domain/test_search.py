"""Items are found by what people say."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwindow.catalogue_files import load
from cloudwindow.domain.catalogue import Text, Words
from cloudwindow.domain.ids import ItemId
from cloudwindow.domain.search import Search, one_slip

CATALOGUE = load(Path("catalogue"))
SEARCH = Search(CATALOGUE.items)


def best(text: str) -> str | None:
    """The id of the first item found."""
    hits = SEARCH.find(text)
    return hits[0].item.id if hits else None


@pytest.mark.parametrize(
    ("said", "item"),
    [
        ("个人就业登记", "HR01"),
        ("我想登记工作", "HR01"),
        ("我找到工作了", "HR01"),
        ("我开了个店想登记", "HR01"),
        ("灵活就业怎么登记", "HR01"),
        ("就业创业证", "HR01"),
        ("老人钱", "CA04"),
        ("给妈妈领高龄补贴", "CA04"),
        ("老人家的津贴怎么领？", "CA04"),
        ("我妈70岁了", "CA04"),
        ("办居住证", "PS01"),
        ("暂住证", "PS01"),
        ("外地人办证", "PS01"),
        ("HR01", "HR01"),
        ("ｈｒ０１", "HR01"),
    ],
)
def test_everyday_words_find_the_item(said: str, item: str) -> None:
    assert best(said) == item


@pytest.mark.parametrize(
    ("typed", "item"),
    [
        ("jiuyedengji", "HR01"),
        ("jiu ye deng ji", "HR01"),
        ("grjydj", "HR01"),
        ("jydj", "HR01"),
        ("changshoubaojianjin", "CA04"),
        ("csbjj", "CA04"),
        ("laorenqian", "CA04"),
        ("juzhuzheng", "PS01"),
        ("jzz", "PS01"),
    ],
)
def test_pinyin_and_initials_find_the_item(typed: str, item: str) -> None:
    assert best(typed) == item


@pytest.mark.parametrize(
    ("typed", "item"),
    [
        ("就夜登记", "HR01"),
        ("久夜灯记", "HR01"),
        ("长受保健金", "CA04"),
        ("居往证", "PS01"),
        ("juzhuzhen", "PS01"),
        ("jiuyedenji", "HR01"),
        ("residnce permit", "PS01"),
    ],
)
def test_a_slip_still_finds_the_item(typed: str, item: str) -> None:
    assert best(typed) == item


@pytest.mark.parametrize(
    ("typed", "item"),
    [
        ("residence permit", "PS01"),
        ("how do I register my job", "HR01"),
        ("employment", "HR01"),
        ("money for my parents", "CA04"),
    ],
)
def test_english_finds_the_item(typed: str, item: str) -> None:
    assert best(typed) == item


@pytest.mark.parametrize(
    "typed", ["", "   ", "？？", "开飞机", "买房", "护照", "xyz", "the", "driving licence", "🙂"]
)
def test_what_nobody_offers_finds_nothing(typed: str) -> None:
    assert SEARCH.find(typed) == []


def test_an_exact_name_scores_highest_and_says_what_fitted() -> None:
    hit = SEARCH.find("个人就业登记")[0]
    assert (hit.score, hit.matched) == (1.0, "个人就业登记")
    assert SEARCH.find("老人钱")[0].matched == "老人钱"


def test_hits_come_best_first_and_no_more_than_asked() -> None:
    hits = SEARCH.find("证")
    assert len(hits) > 1
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(SEARCH.find("证", limit=1)) == 1


@given(st.text(max_size=80))
def test_any_text_gets_an_answer(typed: str) -> None:
    for hit in SEARCH.find(typed):
        assert 0 < hit.score <= 1


def test_the_right_item_is_found_among_thousands() -> None:
    """2,800 classes as in the city's list; names share most of their words."""
    acts = ["登记", "注销", "变更", "备案", "申领", "补换", "认定", "查询", "年检", "延续"]
    things = [
        "个体工商户",
        "食品经营许可",
        "养老保险",
        "失业保险",
        "残疾人证",
        "公租房",
        "驾驶证",
        "医疗保险",
    ]
    names = [f"{thing}{act}{number}号情形" for thing in things for act in acts for number in range(35)]
    template = CATALOGUE.item("HR01")
    many = [
        replace(
            template,
            id=ItemId(f"X{number:04}"),
            name=Text(zh=name, en=f"Matter {number}"),
            short_name=Text(zh=name[:6], en=f"Short {number}"),
            description=Text(zh=name, en=f"Matter {number}"),
            synonyms=Words(zh=(name,), en=(f"thing {number}",)),
        )
        for number, name in enumerate(names)
    ]
    search = Search([*many, *CATALOGUE.items])
    assert search.find("办居住证")[0].item.id == "PS01"
    assert search.find("老人钱")[0].item.id == "CA04"
    assert search.find("残疾人证补换7号情形")[0].item.name.zh == "残疾人证补换7号情形"
    assert search.find("gongzufangshenling")[0].item.name.zh.startswith("公租房申领")


@pytest.mark.parametrize(
    ("one", "other", "slip"),
    [
        ("abcd", "abd", True),
        ("abcd", "abcde", True),
        ("abcd", "abxd", True),
        ("abcd", "acbd", True),
        ("abcd", "abcd", False),
        ("abcd", "badc", False),
        ("abcd", "ab", False),
        ("abcd", "axyd", False),
    ],
)
def test_one_slip_is_a_letter_more_less_other_or_swapped(one: str, other: str, slip: bool) -> None:
    assert one_slip(one, other) is slip
    assert one_slip(other, one) is slip
