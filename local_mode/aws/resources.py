"""Named resources that are no more than what their request said, as SageMaker keeps many of."""

import copy
import threading

from local_mode.aws.paging import ordered, page
from local_mode.aws.protocol import Document, now, validation_error
from local_mode.deployment import ACCOUNT, REGION


def resource_arn(kind: str, name: str) -> str:
    """Return the ARN of a SageMaker resource."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


class Resources:
    """One kind of named resource: created once, described, listed, deleted.

    Args:
        kind: As in the ARN, for example `endpoint-config`.
        member: Start of the member names, for example `EndpointConfig` for EndpointConfigName.
        words: What error messages call it.
    """

    def __init__(self, *, kind: str, member: str, words: str) -> None:
        self.kind = kind
        self.name_member = f"{member}Name"
        self.arn_member = f"{member}Arn"
        self._words = words
        self._items: dict[str, Document] = {}
        self.tags: dict[str, list[Document]] = {}
        self._lock = threading.Lock()

    def create(self, request: Document, **members: object) -> Document:
        """Keep a request as a new resource.

        Raises:
            AwsError: If the name is taken.
        """
        name = request[self.name_member]
        arn = resource_arn(self.kind, name)
        kept = {key: value for key, value in request.items() if key != "Tags"}
        with self._lock:
            if name in self._items:
                raise validation_error(f'Cannot create already existing {self._words} "{arn}".')
            document = {**kept, self.arn_member: arn, "CreationTime": now(), **members}
            self._items[name] = document
            self.tags[arn] = list(request.get("Tags", []))
        return {self.arn_member: arn}

    def get(self, name: str) -> Document:
        """Return a copy of the resource, named by its name or ARN.

        Raises:
            AwsError: If there is none.
        """
        with self._lock:
            try:
                return copy.deepcopy(self._items[name.rpartition("/")[2]])
            except KeyError:
                raise self._missing(name) from None

    def describe(self, request: Document) -> Document:
        """Answer a Describe request."""
        return self.get(request[self.name_member])

    def delete(self, request: Document) -> Document:
        """Answer a Delete request.

        Raises:
            AwsError: If there is no such resource.
        """
        name = request[self.name_member]
        with self._lock:
            if self._items.pop(name, None) is None:
                raise self._missing(name)
            self.tags.pop(resource_arn(self.kind, name), None)
        return {}

    def list_items(self, request: Document, *, member: str, order: str = "Descending") -> Document:
        """Answer a List request whose answer holds the resources as `member`."""
        with self._lock:
            items = [copy.deepcopy(item) for item in self._items.values()]
        wanted = request.get("NameContains", "")
        items = [item for item in items if wanted in item[self.name_member]]
        key = self.name_member if request.get("SortBy") == "Name" else "CreationTime"
        return page(ordered(items, request, key=key, order=order), request, member=member)

    def _missing(self, name: str) -> Exception:
        arn = resource_arn(self.kind, name.rpartition("/")[2])
        return validation_error(f'Could not find {self._words} "{arn}".')
