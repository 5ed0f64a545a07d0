"""Lessons and past outcomes as arithmetic: words, ranking, likeness, figures. Pure, over plain values.

The history finds candidates with it, the claims choose with it. Both databases keep the same words of a
lesson, so the same lessons rank the same in either.
"""

from ringmaster_operator.recall.figures import held_out, hopeless, mean, wilson
from ringmaster_operator.recall.ranking import (
    MAX_TERMS,
    Known,
    Match,
    Situation,
    bm25,
    choose,
    fit,
    frequencies,
    key_of,
    rarity,
    worth,
)
from ringmaster_operator.recall.similar import MOST as MOST_PAST
from ringmaster_operator.recall.similar import Arm, Outcomes, Outlook, Past, Traits, labelled, place, said
from ringmaster_operator.recall.words import SAME, negative, overlap, terms

__all__ = [
    "MAX_TERMS",
    "MOST_PAST",
    "SAME",
    "Arm",
    "Known",
    "Match",
    "Outcomes",
    "Outlook",
    "Past",
    "Situation",
    "Traits",
    "bm25",
    "choose",
    "fit",
    "frequencies",
    "held_out",
    "hopeless",
    "key_of",
    "labelled",
    "mean",
    "negative",
    "overlap",
    "place",
    "rarity",
    "said",
    "terms",
    "wilson",
    "worth",
]
