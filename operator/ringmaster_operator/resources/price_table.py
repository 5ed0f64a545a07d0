"""The public price list, as data of the package genai-prices: no network, loaded when it is first asked."""

from __future__ import annotations

from datetime import datetime

from ringmaster_operator.resources.protocol import ModelUsage


def table_price(row: ModelUsage, *, at: datetime) -> float | None:
    """US dollars of one row at a time, or None when the list does not know the model.

    Long-context tiers count per request: a sum over several requests is priced as so many average ones.
    Figures that contradict each other (more cached than sent) are evened out rather than refused.
    """
    if not row.model:
        return None
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    number = max(1, row.requests)
    sent = row.input_tokens / number
    read = min(row.cache_read_tokens / number, sent)
    written = min(row.cache_write_tokens / number, sent - read)
    tokens = Tokens(
        input_tokens=round(sent),
        cache_read_tokens=int(read) or None,
        cache_write_tokens=int(written) or None,
        cache_write_1h_tokens=int(min(row.cache_write_hour_tokens / number, written)) or None,
        output_tokens=round(row.output_tokens / number),
    )
    provider, _, bare = row.model.rpartition("/")
    for provider_id, model in ((row.provider or provider or None, bare), (None, bare), (None, row.model)):
        try:
            found = calc_price(tokens, model, provider_id=provider_id, genai_request_timestamp=at)
        except (LookupError, ValueError):
            continue
        return float(found.total_price) * number
    return None


def table_version() -> str:
    """Name and version of the list."""
    from importlib.metadata import version

    return f"genai-prices {version('genai-prices')}"
