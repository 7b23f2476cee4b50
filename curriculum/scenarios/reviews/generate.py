"""Invents reviews of a tea shop chain in English and Chinese: ``python generate.py FOLDER [SEED]``.

Every review is put together from pairs of phrases that mean the same in both languages, so that
half of them have a twin: the same meaning in the other language.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

SEED = 2026
MEANINGS = 3000
SHOPS = ("Central", "Mong Kok", "Sha Tin", "Tsim Sha Tsui", "Tuen Mun")
DISHES = [
    ("egg tart", "蛋撻"),
    ("fish ball noodles", "魚蛋麵"),
    ("hot milk tea", "熱奶茶"),
    ("iced lemon tea", "凍檸茶"),
    ("mango pudding", "芒果布甸"),
    ("pineapple bun", "菠蘿包"),
]
# What is said about a topic: (bad, middling, good), each a few pairs of the same meaning.
PHRASES = {
    "taste": (
        [("The {dish} tasted of nothing.", "{dish}完全沒有味道。"),
         ("Far too sweet, the {dish} was left on the table.", "{dish}太甜，吃不完。"),
         ("The {dish} was not fresh.", "{dish}不新鮮。"),
         ("I would not order the {dish} again.", "我不會再點{dish}。")],
        [("The {dish} was all right.", "{dish}還可以。"),
         ("Nothing special about the {dish}.", "{dish}沒有甚麼特別。"),
         ("The {dish} is like anywhere else.", "{dish}跟別處差不多。")],
        [("The {dish} is the best in town.", "{dish}是全城最好的。"),
         ("Fresh, fragrant, perfect: the {dish}!", "{dish}新鮮香濃，一流！"),
         ("My children ask for the {dish} every day.", "孩子每天都說要吃{dish}。"),
         ("I came back the next day for the {dish}.", "為了{dish}，第二天又來了。")],
    ),
    "service": (
        [("The staff were rude.", "店員態度很差。"),
         ("Nobody looked at us for twenty minutes.", "二十分鐘都沒有人理我們。"),
         ("They got the order wrong twice.", "下單錯了兩次。")],
        [("The service is what you expect.", "服務一般。"), ("Staff were busy.", "店員很忙。")],
        [("The staff remembered my name.", "店員記得我的名字。"),
         ("Friendly people, always smiling.", "員工友善，總是面帶笑容。"),
         ("They helped my mother to a seat.", "他們扶我媽媽坐下。")],
    ),
    "price": (
        [("Much too expensive for what it is.", "太貴了，不值得。"),
         ("They raised the price again.", "又加價了。")],
        [("The price is average.", "價錢一般。"), ("Neither cheap nor dear.", "不便宜也不貴。")],
        [("Cheap and filling.", "又便宜又飽肚。"), ("Good value for money.", "物有所值。")],
    ),
    "waiting": (
        [("We queued for an hour.", "排了一小時的隊。"),
         ("So slow that I missed my train.", "太慢了，我趕不上火車。")],
        [("We waited a little.", "等了一會兒。")],
        [("No queue, and served at once.", "不用排隊，立即有得吃。"), ("Very quick.", "非常快。")],
    ),
    "delivery": (
        [("Delivered cold and half spilt.", "外賣送到時冷了，還倒了一半。"),
         ("The rider never came.", "外賣員一直沒有來。")],
        [("The delivery came on time, more or less.", "外賣大致準時。")],
        [("Delivered hot in fifteen minutes.", "外賣十五分鐘就到，還是熱的。"),
         ("Carefully packed, nothing spilt.", "包裝得很仔細，一點也沒有倒。")],
    ),
}  # fmt: skip
OPENINGS = [("", ""), ("", ""), ("Came here after work. ", "下班後來的。"),
            ("First visit. ", "第一次來。"), ("We are regulars. ", "我們是熟客。"),
            ("On a rainy Sunday. ", "下雨的星期日來。")]  # fmt: skip


def meaning(rng: np.random.Generator) -> dict:
    """What one review says: topic, stars 1 to 5, and its text in both languages."""
    topic = rng.choice(list(PHRASES), p=[0.4, 0.22, 0.14, 0.12, 0.12])
    mood = rng.choice(3, p=[0.3, 0.2, 0.5])
    dish, said = DISHES[rng.integers(len(DISHES))], [OPENINGS[rng.integers(len(OPENINGS))]]
    said.append(pick(rng, PHRASES[topic][mood]))
    # A second remark, mostly of the same mood; the first one is the topic.
    second = mood if rng.random() < 0.75 else rng.integers(3)
    if rng.random() < 0.5:
        other = rng.choice([one for one in PHRASES if one != topic])
        said.append(pick(rng, PHRASES[other][second]))
    else:
        second = mood
    liking = 3 + 1.2 * (mood - 1) + 0.5 * (second - 1) + rng.normal(0, 0.5)
    stars = int(np.clip(round(liking), 1, 5))
    english = " ".join(part[0].strip() for part in said if part[0]).format(dish=dish[0])
    chinese = "".join(part[1] for part in said).format(dish=dish[1])
    mixed = "".join(part[1] for part in said).format(dish=f" {dish[0]} ").strip()
    return {"topic": topic, "stars": stars, "dish": dish[0], "shop": rng.choice(SHOPS),
            "en": english, "zh": chinese, "mixed": mixed}  # fmt: skip


def pick(rng: np.random.Generator, among: list) -> tuple[str, str]:
    """One of a list."""
    return among[rng.integers(len(among))]


def reviews(rng: np.random.Generator) -> list[dict]:
    """All reviews in random order; ``twin`` is the number of the same meaning, or empty."""
    rows = []
    for number in range(MEANINGS):
        one = meaning(rng)
        # Half are said twice, in each language; some who write Chinese name dishes in English.
        first = rng.choice(["en", "zh"])
        said = ["en", "zh"] if rng.random() < 0.5 else [first]
        for language in said:
            mixes = language == "zh" and one["mixed"] != one["zh"] and rng.random() < 1 / 3
            own = "mixed" if mixes else language
            # Who writes Chinese here gives a star less one time in four, for the same remarks.
            stars = max(1, one["stars"] - (own != "en" and rng.random() < 0.25))
            kept = {name: one[name] for name in ("topic", "dish", "shop")}
            rows.append(
                {"meaning": number, "language": own, "text": one[own], "stars": stars, **kept}
            )
    rows = [rows[place] for place in rng.permutation(len(rows))]
    places: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row["meaning"], []).append(place)
    for place, row in enumerate(rows):
        others = [other for other in places[row.pop("meaning")] if other != place]
        row |= {"id": place, "twin": others[0] if others else ""}
    return rows


def write(folder: Path, seed: int = SEED) -> None:
    """Write ``reviews.csv``; the same seed gives the same bytes."""
    columns = ["id", "language", "text", "topic", "stars", "dish", "shop", "twin"]
    with open(folder / "reviews.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(reviews(np.random.default_rng(seed)))


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
