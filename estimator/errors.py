"""What goes wrong with a job, in one line that says what to do."""


class EstimatorError(ValueError):
    """A mistake in the call; nothing has been uploaded or started."""


class JobFailedError(RuntimeError):
    """A training job or an endpoint that did not end as it should; the text holds its reason."""
