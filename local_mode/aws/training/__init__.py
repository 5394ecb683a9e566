"""SageMaker training jobs as local processes in a re-rooted /opt/ml."""
