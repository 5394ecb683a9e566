"""Training jobs and endpoints from Python: `RLEstimator`, as the SDK's version 2 had it."""

from estimator.comparison import compare
from estimator.decision_log import decisions
from estimator.errors import EstimatorError, JobFailedError
from estimator.estimator import RLEstimator
from estimator.inputs import TrainingInput
from estimator.job import Job
from estimator.local_aws import stop_local_aws
from estimator.predictor import Predictor
from estimator.ranges import CategoricalParameter, ContinuousParameter, IntegerParameter
from estimator.results import Results, backtest, fetch_results
from estimator.settings import InstanceGroup
from estimator.toolkits import RLFramework, RLToolkit
from estimator.tuner import HyperparameterTuner

__all__ = [
    "CategoricalParameter",
    "ContinuousParameter",
    "EstimatorError",
    "HyperparameterTuner",
    "InstanceGroup",
    "IntegerParameter",
    "Job",
    "JobFailedError",
    "Predictor",
    "RLEstimator",
    "RLFramework",
    "RLToolkit",
    "Results",
    "TrainingInput",
    "backtest",
    "compare",
    "decisions",
    "fetch_results",
    "stop_local_aws",
]
