"""Pages of a list, as SageMaker's List requests ask for them."""

from collections.abc import Sequence

from local_mode.aws.protocol import Document, validation_error

# What SageMaker answers when a request names no MaxResults.
_DEFAULT_SIZE = 10


def ordered(
    items: Sequence[Document], request: Document, *, key: str, order: str
) -> list[Document]:
    """Return items by `key` and then by their order of creation, `order` unless asked otherwise."""
    descending = request.get("SortOrder", order) == "Descending"
    newest_last = sorted(items, key=lambda item: item[key])
    return newest_last[::-1] if descending else newest_last


def page(items: Sequence[Document], request: Document, *, member: str) -> Document:
    """Return the page that a request asks for, with a token if more follow.

    Raises:
        AwsError: If the token is none that was given out.
    """
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise validation_error("Invalid pagination token.")
    start = int(token)
    end = start + request.get("MaxResults", _DEFAULT_SIZE)
    answer: Document = {member: list(items[start:end])}
    if end < len(items):
        answer["NextToken"] = str(end)
    return answer
