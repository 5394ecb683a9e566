"""Requests that are sent again: the same `clientToken` gets the same answer."""

from local_mode.aws.protocol import AwsError, Document


class Tokens:
    """The tokens of one operation; its lock is the caller's."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[object, Document]] = {}

    def answer(self, token: str | None, request: object) -> Document | None:
        """Return what the token's request was answered; None: it is a new one.

        Raises:
            AwsError: ConflictException, if the token belongs to another request.
        """
        if token not in self._seen:
            return None
        before, answer = self._seen[token]
        if before != request:
            raise AwsError("ConflictException", "The clientToken belongs to another request.")
        return answer

    def keep(self, token: str | None, request: object, answer: Document) -> None:
        """Note what a request was answered; one without a token is not kept."""
        if token:
            self._seen[token] = (request, answer)
