"""Which encodings a file may have been saved in: those under which all of its words look like words.

Statistics over a file, as detectors take them, say little where only two words of a header are not ASCII. Here an
encoding is out if it has no character for a byte, or makes of a word what no language writes; of what is left the user
is shown the readings.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

MARKS = (  # the mark of UTF-32 begins with the one of UTF-16: longer ones come first
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = (
    "äöüß",
    "àâæçéèêëîïôœùûüÿ",
    "áéíñóúü",
    "ãáâàçéêíõóôú",
    "àèéìíòóù",
    "åäöæøéü",
    "åäöšž",
    "áðéíóúýþæö",
    "àçéèíïóòúü",
)
CENTRAL = ("áčďéěíňóřšťúůýž", "áäčďéíľňóôšťúýž", "ąćęłńóśźż", "áéíóöőúüű", "čćđšž", "ăâîşţ")
CYRILLIC = ("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўјљњћђџѓќѕ",)
GREEK = ("αβγδεζηθικλμνξοπρστυφχψωάέήίόύώϊϋΐΰς",)
TURKISH = ("çğıöşüâîû",)
ALPHABETS = {
    "cp1252": WESTERN,
    "cp1250": CENTRAL,
    "cp1251": CYRILLIC,
    "cp1253": GREEK,
    "cp1254": TURKISH,
    "iso8859-15": WESTERN,
    "iso8859-2": CENTRAL,
    "koi8-r": CYRILLIC,
    "mac-roman": WESTERN,
}
# The bytes of common characters: first and second byte, from and to.
COMMON = {
    "gb18030": (((0xB0, 0xD7), (0xA1, 0xFE)),),
    "big5": (((0xA4, 0xC6), (0x40, 0xFE)),),
    "shift_jis": (((0x88, 0x97), (0x40, 0xFC)), ((0x82, 0x83), (0x40, 0xFC))),
    "euc_jp": (((0xB0, 0xCF), (0xA1, 0xFE)), ((0xA4, 0xA5), (0xA1, 0xFE))),
    "euc_kr": (((0xB0, 0xC8), (0xA1, 0xFE)),),
}
BIGGER = {"big5": "cp950", "shift_jis": "cp932", "euc_kr": "cp949"}  # as spreadsheets write them
# Characters that headers of tables of numbers are full of: they tell languages whose bytes are all common ones apart.
HAN = (
    "日期年月天分秒度雨雪量格收入成本率合均最高低大小地城市省名型人口商品水力流交通比指位元千中国北京上海店用一二三四五"
)
JAPANESE = HAN + "付時刻間週曜気温湿圧風速降価額売原利益数値総計平域区県都道府称番号種類駅東大阪円万電需要"
USUAL = {
    "gb18030": HAN + "时间周份季温湿气压风速降价额销售利润数据值总计区县称编号类站点广州深圳产电负荷功开盘户单万吨瓦",
    "big5": HAN + "時間週份季溫濕氣壓風速降價額銷售利潤數據值總計區縣稱編號類站點臺台國產電負荷功開盤戶單萬噸瓦",
    "shift_jis": JAPANESE,
    "euc_jp": JAPANESE,
    "euc_kr": "날짜시간연도월일주년분초온습기압풍속강수눈량가격액매출입원이익치총합계평균최고저대소지역구군명칭번호종류"
    + "점인서울부산한국상품용전력하율비단위개",
}
ALONE = frozenset("àáâèéêíòóôùúåæøö")  # letters that are words
SYMBOLS = frozenset("°€£¥²³µ·§±×‰–—’‘“”„…«»†•½¼¾ºª№\xa0")
WITHIN = frozenset("’·\xad")  # may stand between letters
BEFORE = WITHIN | frozenset("µ–—‘“„«\xa0±×§№")  # may stand before a letter that is not ASCII
WORD = re.compile(r"[^\W\d_]+")
STRANGE = re.compile(r"\w*[^\x00-\x7f][\w°³²]*")
SHARE = 0.6  # of characters or words that must be usual


def find_mark(start: bytes) -> str | None:
    """Return the encoding that the first bytes of a file declare."""
    return next((name for mark, name in MARKS if start.startswith(mark)), None)


def find_unmarked(start: bytes) -> str | None:
    """Tell UTF-16 without a mark: every other byte of what is mostly ASCII is zero."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    half = len(start) // 2
    if half > 1 and max(even, odd) > 0.7 * half and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    return None


def find_encodings(lines: Iterable[bytes]) -> dict[str, list[str]]:
    """Return the encodings of which one must be meant, each with the words that are not ASCII as it reads them."""
    data = b"\n".join(sorted({line for line in lines if not line.isascii()}))
    if (text := _decode(data, "utf-8")) is not None:
        return {"utf-8": _find_words(text)}
    found: dict[str, str] = {}
    shares: dict[str, float] = {}
    for name in (*COMMON, *ALPHABETS):
        for codec in (name, BIGGER.get(name, name)):
            text = _decode(data, codec)
            if text is not None and text not in found.values() and _is_plausible(text, name):
                found[codec], shares[codec] = text, _usual_share(text, name)
                break
    return {name: _find_words(found[name]) for name in _most_usual(shares)}


def _find_words(text: str) -> list[str]:
    return sorted(dict.fromkeys(STRANGE.findall(text)), key=lambda word: not word[0].isalpha())


def _most_usual(shares: dict[str, float]) -> list[str]:
    """Put the reading first that is made of usual characters; it is the only one if no other has them."""
    ordered = sorted(shares, key=lambda name: -shares[name])
    alone = len(ordered) > 1 and shares[ordered[0]] >= 0.75 and shares[ordered[1]] <= 0.25
    return ordered[:1] if alone else ordered


def _usual_share(text: str, name: str) -> float:
    wide = [letter for letter in text if not letter.isascii() and letter.isalpha()]
    usual = USUAL.get(name, "")
    return sum(letter in usual or (bool(usual) and _is_kana(letter)) for letter in wide) / max(1, len(wide))


def _is_kana(letter: str) -> bool:
    return "\u3041" <= letter <= "\u30ff" or "\uff66" <= letter <= "\uff9f"


def _decode(data: bytes, name: str) -> str | None:
    try:
        text = data.decode(name)
    except UnicodeError:
        return None
    usable = all(unicodedata.category(letter) not in ("Cc", "Cn", "Co") or letter in "\t\r\n" for letter in set(text))
    return text if usable else None


def _is_plausible(text: str, name: str) -> bool:
    if name in ALPHABETS:
        return _is_written(text, ALPHABETS[name])
    wide = [letter for letter in text if not letter.isascii() and letter.isalpha()]
    halves = sum("\uff61" <= letter <= "\uff9f" for letter in wide)
    glued = [bool(before) for before in re.findall(r"([a-z]?)[^\x00-\x7f]+", text)]
    if len(set(wide)) < 2 or 2 * halves > len(wide) or 2 * sum(glued) >= len(glued):
        return False
    return sum(_is_common(letter, name) for letter in wide) >= 0.75 * len(wide)


def _is_common(letter: str, name: str) -> bool:
    first, second, *_ = (*letter.encode(BIGGER.get(name, name)), 0)
    if _is_kana(letter):
        return name in ("shift_jis", "euc_jp")
    return any(low <= first <= high and start <= second <= end for (low, high), (start, end) in COMMON[name])


def _is_written(text: str, alphabets: tuple[str, ...]) -> bool:
    """Tell whether words are those of one alphabet, with capitals at their beginning, and signs outside of them."""
    for before, sign, after in _triples(f" {text} "):
        glued = (sign not in WITHIN and before.isalpha()) or (sign not in BEFORE and not after.isascii())
        if sign in SYMBOLS and after.isalpha() and glued:
            return False
    text = text.translate(dict.fromkeys(map(ord, SYMBOLS), " "))
    words = [word for word in WORD.findall(text) if not word.isascii()]
    letters = {letter for letter in text.lower() if not letter.isascii()}
    latin = alphabets not in (CYRILLIC, GREEK)
    if len(letters) == 1 and not latin:
        return False
    usual = sum(_is_cased(word) and _is_spelled(word, alphabets) for word in words)
    return any(letters <= set(alphabet) for alphabet in alphabets) and usual >= SHARE * len(words)


def _triples(text: str) -> Iterator[tuple[str, str, str]]:
    return ((one, two, three) for (one, two), (_, three) in pairwise(pairwise(text)))


def _is_cased(word: str) -> bool:
    return word.islower() or word.isupper() or word.istitle() or word[1:].islower()


def _is_spelled(word: str, alphabets: tuple[str, ...]) -> bool:
    """Tell Latin words, of which only some letters have accents, and words of another alphabet, which mix with none."""
    strange = [not letter.isascii() for letter in word]
    if alphabets in (CYRILLIC, GREEK):
        return all(strange) and "ς" not in word[:-1]
    runs = "".join("x" if one else " " for one in strange).split()
    rare = re.search("ń[aeiouyó]", word.lower())  # Polish writes "ni" there; in Spanish it is ñ
    short = alphabets == CENTRAL and len(word) == 2
    mixed = word in ALONE or sum(strange) <= 2 * strange.count(False)
    return max(map(len, runs)) < 3 and mixed and not rare and not short
