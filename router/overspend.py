"""What a caller reads when a budget stops a request: the code of the unit, and OpenAI's own for whose budget it is."""

from datetime import UTC, datetime

from accounts.decimals import as_text
from accounts.errors import BudgetSpent, FootprintUnknown
from router.families import Family

QUOTA = "insufficient_quota"
CODES = {"EUR": "budget_exceeded_eur", "gCO2e": "budget_exceeded_co2e"}
# OpenAI knows no budget of a key; its older code says what no newer one does (6.5).
OPENAI_CODES = {
    ("EUR", "organization"): "organization_spend_limit_exceeded",
    ("EUR", "project"): "project_spend_limit_exceeded",
    ("gCO2e", "organization"): "organization_usage_limit_exceeded",
}
FRENCH = {"organization": "l'organisation", "project": "le projet", "key": "la clé"}


def code_of(error: BudgetSpent | FootprintUnknown) -> str:
    """Return the code of C-10."""
    return CODES[error.unit] if isinstance(error, BudgetSpent) else CODES["gCO2e"]


def openai_of(error: BudgetSpent | FootprintUnknown) -> tuple[str, str]:
    """Return type and code of family F3 (6.5)."""
    if isinstance(error, BudgetSpent):
        return QUOTA, OPENAI_CODES.get((error.unit, error.scope), QUOTA)
    return QUOTA, QUOTA


def wait_of(error: BudgetSpent | FootprintUnknown) -> float | None:
    """Return after how many seconds the next window opens, which family F2 tells with every 429 (3.1.3)."""
    if isinstance(error, FootprintUnknown):
        return None
    return max(1.0, (error.resets_at - datetime.now(UTC)).total_seconds())


def reason_of(error: BudgetSpent | FootprintUnknown, family: Family) -> str:
    """Return what stops the request and what helps, in the language of the family."""
    if isinstance(error, FootprintUnknown):
        return family.choose(
            "l'empreinte de ce modèle ne peut pas être bornée ; demandez-en un dont elle est connue",
            "the footprint of this model cannot be bounded; ask for one whose footprint is known",
        )
    amount, until = f"{as_text(error.limit)} {error.unit}", error.resets_at.isoformat(timespec="seconds")
    return family.choose(
        f"{amount} pour {FRENCH[error.scope]}, jusqu'au {until} ; relevez le budget ou attendez",
        f"{amount} for the {error.scope}, until {until}; raise the budget or wait",
    )
