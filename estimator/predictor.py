"""A predictor: asks an endpoint."""

import json
from typing import Any

from estimator.errors import EstimatorError
from estimator.hosting import delete_endpoint
from estimator.session import Session, as_session, asking

_JSON = "application/json"


class Predictor:
    """Asks one endpoint; JSON goes in and comes out unless other forms are given.

    Args:
        endpoint_name: Name of the endpoint.
        sagemaker_session: As `RLEstimator` takes it.
        serializer: An object with `serialize` and `CONTENT_TYPE`, as the SDK's are; None: JSON.
        deserializer: An object with `deserialize` and `ACCEPT`, as the SDK's are; None: JSON.
        model_name: The model behind it, deleted by `delete_model`.
    """

    def __init__(
        self,
        endpoint_name: str,
        sagemaker_session: object = None,
        serializer: Any = None,  # noqa: ANN401 - the SDK's
        deserializer: Any = None,  # noqa: ANN401
        *,
        model_name: str | None = None,
    ) -> None:
        self.endpoint_name = endpoint_name
        self.session: Session = as_session(sagemaker_session, project=None, stage=None)
        self.serializer = serializer
        self.deserializer = deserializer
        self._model_name = model_name

    def predict(
        self,
        data: Any,  # noqa: ANN401 - anything that the serializer takes
        *,
        target_variant: str | None = None,
        inference_id: str | None = None,
        custom_attributes: str | None = None,
    ) -> Any:  # noqa: ANN401
        """Ask the endpoint.

        Args:
            data: For this project's policies `{"observations": [[…]]}` or `{"states": [{…}]}`.
            target_variant: Variant that is to answer; None: by the variants' weights.
            inference_id: Marks the request in captured data.
            custom_attributes: Handed to the program.

        Returns:
            The answer, `{"actions": […], …}`.

        Raises:
            EstimatorError: If the data cannot be sent, or the endpoint refuses it.
        """
        optional = {
            "TargetVariant": target_variant,
            "InferenceId": inference_id,
            "CustomAttributes": custom_attributes,
        }
        with asking(f"endpoint {self.endpoint_name}"):
            answer = self.session.runtime_client.invoke_endpoint(
                EndpointName=self.endpoint_name,
                Body=self._body(data),
                ContentType=getattr(self.serializer, "CONTENT_TYPE", _JSON),
                Accept=_accept(self.deserializer),
                **{key: value for key, value in optional.items() if value is not None},
            )
            if self.deserializer is not None:
                return self.deserializer.deserialize(answer["Body"], answer["ContentType"])
            return json.loads(answer["Body"].read())

    def delete_endpoint(self, delete_endpoint_config: bool = True) -> None:
        """Delete the endpoint, and its configuration unless that is to stay."""
        delete_endpoint(self.session, self.endpoint_name, configuration=delete_endpoint_config)

    def delete_model(self) -> None:
        """Delete the model behind the endpoint.

        Raises:
            EstimatorError: If this predictor did not come from `deploy`, or it is gone.
        """
        if self._model_name is None:
            raise EstimatorError(
                "this predictor does not know its model: use the one that deploy() returned"
            )
        with asking(f"model {self._model_name}"):
            self.session.sagemaker_client.delete_model(ModelName=self._model_name)

    def _body(self, data: Any) -> Any:  # noqa: ANN401
        if self.serializer is not None:
            return self.serializer.serialize(data)
        try:
            return json.dumps(data, default=_plain).encode()
        except TypeError as error:
            raise EstimatorError(
                f"the data is no JSON ({error}): pass dicts, lists, texts and numbers, or a "
                "serializer"
            ) from None


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return NumPy's arrays and scalars as lists and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} in it")


def _accept(deserializer: Any) -> str:  # noqa: ANN401
    accepted = getattr(deserializer, "ACCEPT", _JSON)
    return accepted if isinstance(accepted, str) else ", ".join(accepted)
