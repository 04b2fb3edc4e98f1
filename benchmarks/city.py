"""
A made-up city for the benchmarks: agents of 11 districts, what they can do, and who comes to them.

40 skills, three languages, 7 to 13 skills an agent; districts as large as Guangzhou's are. Chance is handed
in, so that both sides of a comparison serve the very same people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from cloudwindow.domain.ids import DistrictCode, StaffId
from cloudwindow.domain.match import AgentProfile, Lane

DISTRICTS = {
    "440103": 12,
    "440104": 10,
    "440105": 18,
    "440106": 22,
    "440111": 37,
    "440112": 12,
    "440113": 28,
    "440114": 17,
    "440115": 9,
    "440117": 7,
    "440118": 15,
}
"""Residents in hundreds of thousands, rounded: the shares of agents and of citizens."""
SKILLS = [f"S{number:02}" for number in range(39)]
SCARCE = "S39"
LANGUAGES = {"zh": 75, "yue": 20, "en": 5}
"""Citizens in a hundred."""
SPEAKERS = {"yue": 0.6, "en": 0.25}
"""Share of agents; everybody speaks zh."""
SCARCE_AGENTS = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Agents, and how much of the demand asks for the skill that hardly anybody has."""

    agents: Sequence[AgentProfile]
    scarce_share: float = 0.0

    def lane(self, chance: Random) -> Lane:
        """The lane of somebody who comes."""
        scarce = chance.random() < self.scarce_share
        return self.lane_of(chance, scarce=scarce)

    def lane_of(self, chance: Random, *, scarce: bool) -> Lane:
        """The lane of somebody who comes for the scarce skill, or for another."""
        return Lane(
            home_district=DistrictCode(chance.choices([*DISTRICTS], [*DISTRICTS.values()])[0]),
            skill=SCARCE if scarce else chance.choice(SKILLS),
            language=chance.choices([*LANGUAGES], [*LANGUAGES.values()])[0],
            mode="video",
        )


def city(chance: Random, *, agents: int = 2000, skill_sets: int = 12, scarce_share: float = 0.0) -> City:
    """A city whose agents have ``skill_sets`` different sets of skills; each skill is in some set."""
    sets = _skill_sets(chance, skill_sets)
    staff = [_agent(chance, number, sets[number % len(sets)]) for number in range(agents)]
    return City(agents=staff, scarce_share=scarce_share)


def _skill_sets(chance: Random, wanted: int) -> list[frozenset[str]]:
    sets = [frozenset(SKILLS[start : start + 10]) for start in range(0, len(SKILLS), 10)][:wanted]
    while len(sets) < wanted:
        drawn = frozenset(chance.sample(SKILLS, chance.randint(7, 13)))
        if drawn not in sets:
            sets.append(drawn)
    return sets


def _agent(chance: Random, number: int, skills: frozenset[str]) -> AgentProfile:
    scarce = frozenset({SCARCE}) if number < SCARCE_AGENTS else frozenset[str]()
    spoken = {language for language, share in SPEAKERS.items() if chance.random() < share}
    return AgentProfile(
        agent=StaffId(f"a{number:05}"),
        district=DistrictCode(chance.choices([*DISTRICTS], [*DISTRICTS.values()])[0]),
        skills=skills | scarce,
        languages=frozenset({"zh"} | spoken),
        modes=frozenset({"video"}),
    )
