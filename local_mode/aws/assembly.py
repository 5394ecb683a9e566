"""Puts the parts of one local AWS together."""

import gc
import threading
from concurrent.futures import Future

from local_mode.aws.bundles import Bundles
from local_mode.aws.front import Front
from local_mode.aws.functions.service import Functions
from local_mode.aws.hosting.models import Models
from local_mode.aws.hosting.service import Endpoints
from local_mode.aws.hosting.serving import ServingLauncher
from local_mode.aws.moto_edge import create_app, find_function, load_services
from local_mode.aws.processes import ProcessKeeper
from local_mode.aws.registry import ModelRegistry
from local_mode.aws.sagemaker_api import SageMakerApi
from local_mode.aws.settings import Settings
from local_mode.aws.storage import Storage
from local_mode.aws.training.runner import JobRunner
from local_mode.aws.training.service import TrainingJobs
from local_mode.greengrass.service import Greengrass


def assemble(settings: Settings, keeper: ProcessKeeper) -> Front:
    """Return the WSGI application of a local AWS."""
    moto = create_app(settings.port)
    storage = Storage(settings.client("s3"))
    bundles = Bundles(storage, settings.cache_dir)
    runner = JobRunner(settings, keeper, storage, bundles)
    jobs = TrainingJobs(runner, max_running=settings.max_training_jobs)
    registry = ModelRegistry()
    models = Models(registry, storage, startup_limit=settings.startup_limit)
    endpoints = Endpoints(models, ServingLauncher(settings, keeper, storage, bundles))
    interpreter: Future[None] = Future()
    threading.Thread(target=_load, args=(settings, jobs, interpreter), daemon=True).start()
    return Front(
        moto,
        api=SageMakerApi(jobs=jobs, registry=registry, models=models, endpoints=endpoints),
        endpoints=endpoints,
        functions=Functions(settings, keeper, find_function),
        greengrass=Greengrass(settings, storage),
        interpreter=interpreter,
    )


def _load(settings: Settings, jobs: TrainingJobs, interpreter: "Future[None]") -> None:
    """Import what takes seconds, beside the first requests instead of before them."""
    try:
        load_services()
        from local_mode.aws.formation.install import install as install_kinds
        from local_mode.aws.states.install import install

        install(settings, jobs)
        install_kinds(settings.client)
    except Exception as fault:  # whoever waits for the interpreter must hear of it
        interpreter.set_exception(fault)
    else:
        interpreter.set_result(None)
    # What is loaded now stays: the garbage collector need not look at it ever again.
    gc.enable()
    gc.freeze()
