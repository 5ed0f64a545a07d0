"""A small project in the middle of its work, the same each time: what the pictures in the docs show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.fleet import Fleet
from support.manifests import account, bead
from support.station import AGENT, git

SHIP = {
    "question": "When does the first version go out?",
    "options": [
        {"name": "Monday", "consequence": "Without receipts by mail."},
        {"name": "Friday", "consequence": "With everything; four more days."},
    ],
    "recommendation": "Friday: nobody waits for it before.",
}
Steps = list[dict[str, Any]]


def written(name: str, text: str, tokens: int = 20_000) -> Steps:
    """A run that writes one file."""
    used = {"tokens": {"input": tokens, "cached": tokens // 2, "output": tokens // 20}}
    return [
        used,
        {"say": text},
        {"write": {"path": f"shop/{name}.py", "text": f'"""{text}"""\n'}},
        {"done": text},
    ]


SCENARIOS: dict[str, dict[str, Any]] = {
    "cart-total": {"steps": written("cart_total", "Sums are taken in whole cents.")},
    "tax-rules": {
        "runs": [
            {
                "iteration": 1,
                "steps": [
                    {"tokens": {"input": 60_000, "output": 4_000}},
                    {"incomplete": "Rates abroad are left."},
                ],
            },
            {"iteration": 2, "steps": written("tax_rules", "Rates of all countries are in one table.")},
        ]
    },
    "old-browsers": {
        "steps": [
            {"tokens": {"input": 90_000, "output": 9_000}},
            {"failed": "The library needs a newer browser."},
        ]
    },
    "pay-by-card": {
        "steps": [
            {"tokens": {"input": 30_000, "cached": 20_000, "output": 2_000}},
            {"say": "I read how the provider's sandbox answers before I write the client."},
            {"sleep": 600},
        ]
    },
    "search": {
        "steps": [
            {"tokens": {"input": 12_000, "output": 900}},
            {"say": "The index is built in the background; I measure how long it takes."},
            {"sleep": 600},
        ]
    },
}


def beads(origin: Path) -> list[dict[str, Any]]:
    """The backlog: two are worked first, for which all others wait; one gives up; two go on; one asks."""
    repository = {"repository": {"url": str(origin)}}
    work = {**repository, "parent": "checkout", "capabilities": ["python"]}

    def checked(name: str) -> dict[str, Any]:
        return {"acceptance": {"verify": [f"test -s shop/{name}.py"]}}

    return [
        bead("checkout", title="Let people check out", type="epic", priority="P1", description=EPIC),
        bead("cart-total", title="Add up the cart", **work, **checked("cart_total"), priority="P1"),
        bead(
            "tax-rules",
            title="Apply the tax of each country",
            description=RATES,
            **work,
            **checked("tax_rules"),
            priority="P1",
        ),
        bead(
            "old-browsers",
            title="Support browsers of ten years ago",
            **repository,
            capabilities=["python"],
            priority="P1",
            limits={"maxAttempts": 1},
        ),
        bead(
            "pay-by-card", title="Pay by card", dependsOn=["cart-total", "tax-rules"], priority="P2", **work
        ),
        bead("receipt", title="Send a receipt by mail", dependsOn=["pay-by-card"], priority="P0", **work),
        bead("refund", title="Give money back", dependsOn=["pay-by-card"], priority="P3", **work),
        bead(
            "launch", title="Open the shop", dependsOn=["receipt", "ship-date"], priority="P2", **repository
        ),
        bead("ship-date", title="When do we ship?", type="decision", priority="P1", decision=SHIP),
        bead("search", title="Find goods by their names", priority="P2", **repository),
        bead("wish-list", title="Keep a list of wishes", priority="P3", **repository),
        bead("dark-mode", title="A dark theme", priority="P4", desired="Hold", **repository),
    ]


RATES = "Prices in the cart have the tax of the country that they are sent to. Rates come from one table."
EPIC = "Everything from the cart to the receipt. Sums are exact, and nobody pays twice."


class Scene:
    """The project, on a fleet of its own."""

    def __init__(self, cluster: Any, folder: Path) -> None:
        self.fleet = Fleet(cluster, folder)
        seed = folder / "seed"
        (seed / "scenarios").mkdir()
        for name, scenario in SCENARIOS.items():
            (seed / "scenarios" / f"{name}.json").write_text(json.dumps(scenario))
        git(seed, "add", ".")
        git(seed, "commit", "--quiet", "-m", "What the agents do")
        git(seed, "push", "--quiet", str(self.fleet.origin), "main")

    def play(self) -> None:
        """Until two beads are done, one has failed, two are worked on and one asks."""
        fleet = self.fleet
        fleet.operator.start()
        coders = {
            "replicas": 2,
            "capabilities": [{"name": "python", "confidence": 0.7}],
            "budget": {"usdPerDay": 5},
        }
        agent = {"profile": "claude-code", "command": [str(AGENT)]}
        fleet.apply(account("w"), fleet.worker(agent=agent, **coders), *beads(fleet.origin))
        fleet.until(lambda: self.running() == {"pay-by-card", "search"}, "two are worked on")
        fleet.until(lambda: fleet.status("old-browsers").get("phase") == "Failed", "one has failed")

    def running(self) -> set[str]:
        """Beads that are worked on."""
        return {name for name, status in self.fleet.beads().items() if status.get("phase") == "Running"}
