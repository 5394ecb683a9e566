"""SageMaker models and endpoints: each production variant is a local `serve` process."""
