"""Extends moto's interpreter by the tasks of the workflow."""

from local_mode.aws.settings import Settings
from local_mode.aws.states.interpreter import module_of
from local_mode.aws.states.repairs import repair
from local_mode.aws.states.sagemaker_task import SageMakerTask
from local_mode.aws.states.sdk_task import SdkTask
from local_mode.aws.training.service import TrainingJobs


def install(settings: Settings, jobs: TrainingJobs) -> None:
    """Register the tasks and put the interpreter right; called once in a server's life."""
    factory = module_of("state_task_service_for")
    tasks_of_moto = factory.state_task_service_for

    def task_for(service_name: str) -> object:
        if service_name == "sagemaker":
            return SageMakerTask(jobs, settings.client("sagemaker"))
        if service_name == "aws-sdk":
            return SdkTask()
        return tasks_of_moto(service_name)

    factory.state_task_service_for = task_for
    repair()
