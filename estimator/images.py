"""The image of a job: this project's own, AWS's unsupported ones, or the one that is named."""

import enum
import warnings

from estimator.errors import EstimatorError
from estimator.kinds import check_kind
from estimator.sdk import load
from estimator.session import Session
from estimator.toolkits import OWN, RLFramework, RLToolkit, check_pair, find_framework, find_toolkit


class Image:
    """What the arguments `image_uri`, `toolkit`, `toolkit_version` and `framework` come to.

    Attributes:
        toolkit: None if the image is named.
        framework: None if the image is named.

    Raises:
        EstimatorError: If one is no text, or they name no image, or two.
    """

    def __init__(
        self,
        *,
        image_uri: str | None,
        toolkit: RLToolkit | str | None,
        toolkit_version: str | None,
        framework: RLFramework | str | None,
    ) -> None:
        named = {"toolkit": toolkit, "toolkit_version": toolkit_version, "framework": framework}
        for name, value in {**named, "image_uri": image_uri}.items():
            check_kind(name, value.value if isinstance(value, enum.Enum) else value, str)
        given = [name for name, value in named.items() if value]
        if image_uri and given:
            raise EstimatorError(
                f"image_uri and {', '.join(given)} both choose the image: leave out one of the two"
            )
        if not image_uri and not toolkit:
            raise EstimatorError(
                "nothing chooses the image: write toolkit='cem' with framework='numpy', "
                "toolkit='sb3' with framework='pytorch', or image_uri"
            )
        self._uri = image_uri
        self._version = toolkit_version
        self.toolkit = find_toolkit(toolkit) if toolkit else None
        asked = find_framework(framework) if framework else None
        self.framework = check_pair(self.toolkit, toolkit_version, asked) if self.toolkit else None
        self._warn()

    @property
    def is_legacy(self) -> bool:
        """Whether it is one of AWS's unsupported images."""
        return self.toolkit is not None and self.toolkit not in OWN

    def uri(self, session: Session, *, instance_type: str | None) -> str:
        """Return the image's address.

        Args:
            session: Knows the region, and the stage whose image it is.
            instance_type: AWS's images are made for CPUs or for GPUs.

        Raises:
            EstimatorError: If the stage has no image, or AWS none in this region.
        """
        if self._uri:
            return self._uri
        if not self.is_legacy:
            return session.parameter("image-uri", otherwise="pass image_uri=")
        assert self.toolkit is not None
        assert self.framework is not None
        retrieve = load("sagemaker.core.image_uris").retrieve
        try:
            return str(
                retrieve(
                    f"{self.toolkit.value}-{self.framework.value}",
                    session.region,
                    version=self._version,
                    instance_type=instance_type,
                )
            )
        except ValueError as error:
            raise EstimatorError(f"AWS has no image for this: {error}") from None

    def _warn(self) -> None:
        if self.is_legacy:
            assert self.toolkit is not None
            warnings.warn(
                f"the images of {self.toolkit.value} {self._version} are AWS's old ones: Python "
                "3.6 or 3.7, no Gymnasium, no updates or support any more. This project's bundle "
                "does not run in them: take toolkit='sb3' with framework='pytorch'",
                stacklevel=4,
            )
        elif self.toolkit and self._version:
            warnings.warn(
                f"toolkit_version={self._version!r} chooses nothing: the stage's image decides "
                f"which {self.toolkit.value} there is",
                stacklevel=4,
            )
