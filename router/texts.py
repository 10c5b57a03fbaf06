"""What every refusal says, by code: its status, its French and English texts, and OpenAI's own words for it (C-10)."""

from msgspec import Struct

INVALID = "invalid_request_error"


class Text(Struct, frozen=True):
    """One code of C-10: braces in the texts are filled with the reason; `type` and `code` are those of family F3."""

    status: int
    french: str
    english: str
    type: str = INVALID
    code: str | None = None
    retried: bool = True


NO_KEY = (
    "You didn't provide an API key. Send it as `Authorization: Bearer YOUR_KEY` or in the header `x-api-key`; "
    "`router keys create` makes one."
)

TEXTS: dict[str, Text] = {
    "invalid_request": Text(400, "Requête invalide : {reason}", "Invalid request: {reason}"),
    "model_not_found": Text(400, "Modèle inconnu : {reason}", "Unknown model: {reason}", code="model_not_found"),
    "agent_not_found": Text(400, "Agent inconnu : {reason}", "Unknown agent: {reason}", code="agent_not_found"),
    "audio_too_long": Text(400, "Audio trop long : {reason}", "Audio too long: {reason}", code="audio_too_long"),
    "unauthorized": Text(
        401,
        "Token invalide ou expiré",
        "Incorrect API key provided: {reason}. It is wrong, revoked, expired or not for this route; "
        "the key page of your gateway lists those that hold.",
        code="invalid_api_key",
    ),
    "forbidden": Text(403, "Accès refusé : {reason}", "Access denied: {reason}", code="insufficient_permissions"),
    "not_found": Text(404, "Ressource introuvable : {reason}", "Not found: {reason}", code="not_found"),
    "prompt_not_found": Text(404, "Prompt introuvable : {reason}", "{reason}", code="prompt_not_found"),
    "method_not_allowed": Text(405, "Méthode non autorisée", "Method not allowed", code="method_not_supported"),
    "request_timeout": Text(408, "La requête est arrivée trop lentement", "The request came in too slowly"),
    "conflict": Text(409, "Conflit : {reason}", "Conflict: {reason}", code="conflict"),
    "body_too_large": Text(413, "Corps de requête trop volumineux : {reason}", "Request body too large: {reason}"),
    "unsupported_media_type": Text(
        415,
        "Type de contenu non pris en charge : {reason}",
        "Unsupported content type: {reason}",
    ),
    "rate_limited": Text(
        429, "Limite de débit : {reason}", "Rate limit reached: {reason}", "requests", "rate_limit_exceeded"
    ),
    "request_running": Text(
        429, "Cette requête est en cours : {reason}", "{reason}", "requests", "rate_limit_exceeded"
    ),
    "budget_exceeded_eur": Text(
        429,
        "Budget en euros épuisé : {reason}",
        "You exceeded your budget in EUR: {reason}",
        "insufficient_quota",
        "insufficient_quota",
        retried=False,
    ),
    "budget_exceeded_co2e": Text(
        429,
        "Budget carbone épuisé : {reason}",
        "You exceeded your budget in gCO2e: {reason}",
        "insufficient_quota",
        "insufficient_quota",
        retried=False,
    ),
    "headers_too_large": Text(
        431, "En-têtes de requête trop nombreux ou trop longs", "Too many request headers, or too long"
    ),
    "internal": Text(500, "Erreur interne du routeur", "Internal error of the gateway", "server_error"),
    "run_failed": Text(500, "L'exécution a échoué : {reason}", "The run failed: {reason}", "server_error"),
    "run_timeout": Text(500, "Le modèle n'a pas répondu à temps : {reason}", "{reason}", "server_error"),
    "provider_error": Text(502, "Le fournisseur du modèle a échoué", "The model's provider failed", "server_error"),
    "model_unavailable": Text(
        503, "Modèle indisponible : {reason}", "Model unavailable: {reason}", "server_error", "model_unavailable"
    ),
    "overloaded": Text(
        503,
        "Service momentanément indisponible, réessayez plus tard",
        "Service unavailable for the moment, try again later",
        "server_error",
        "overloaded",
    ),
    "provider_timeout": Text(
        504,
        "Le fournisseur du modèle n'a pas répondu à temps",
        "The model's provider did not answer in time",
        "server_error",
        "provider_timeout",
    ),
}
