"""A local process that does what a nucleus does: takes deployments, runs components, reports.

    python -m local_mode.greengrass.device --thing NAME [--group GROUP] [--profile lite|full]

It talks to the local AWS alone, with the variables that `python -m local_mode up` prints. It is an
emulator: what works here has been seen by no nucleus.
"""

import argparse
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local_mode.aws.storage import Storage
from local_mode.clients import make_client
from local_mode.deployment import Deployment
from local_mode.errors import UserError
from local_mode.greengrass import remembered
from local_mode.greengrass.configuration import Configuration
from local_mode.greengrass.installation import Installation, InstallationError, without
from local_mode.greengrass.ipc import IpcServer
from local_mode.greengrass.running import RunningComponent

if TYPE_CHECKING:
    from botocore.client import BaseClient

ClientFactory = Callable[[str], "BaseClient"]
Document = dict[str, Any]

_AWS = "aws.greengrass."
_POLL_SECONDS = 0.25
_AWAY_SECONDS = 2.0
_START_SECONDS = 30.0
_logger = logging.getLogger(__name__)
_INHERITED = ("COVERAGE_PROCESS_CONFIG", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
"""What a component may see of the environment that the device was started in."""


class Device:
    """One device.

    Args:
        client: Returns the boto3 client of a service of the local AWS.
        thing: Its name, registered already.
        folder: Where its packages, work folders and logs are; they outlive it.
        profile: `lite` or `full`: what its IPC has, and whether it takes a failed update back.
        settle_seconds: How long a component must run until a deployment has succeeded.
    """

    def __init__(
        self,
        client: ClientFactory,
        thing: str,
        folder: Path,
        *,
        profile: str = "lite",
        settle_seconds: float = 1.0,
    ) -> None:
        self._client, self.thing, self.folder = client, thing, folder
        self._settle_seconds = settle_seconds
        # A socket's path is short, a folder's may be long.
        self._run_folder = Path(tempfile.mkdtemp(prefix="nucleus-"))
        # A script is a line of a shell: where its files are must have no blanks in its name.
        self._root = self._run_folder / "root"
        socket = self._run_folder / "ipc.socket"
        self.ipc = IpcServer(socket, {}, profile=profile, component="local", thing_name=thing)
        self._storage = Storage(client("s3"))
        self._installed: dict[str, Installation] = {}
        self._running: dict[str, RunningComponent] = {}
        self._targets: dict[str, set[str]] = {}
        self._ending = threading.Event()
        self._report_due = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def start(self) -> Self:
        """Run what was installed, and begin to look for deployments."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._root.symlink_to(self.folder.resolve())
        self.ipc.start()
        known = remembered.load(self.folder, self._root)
        self._targets = known.targets
        for name, installation in known.installed.items():
            try:
                self._run(installation, known.configurations[name])
            except InstallationError as error:
                _logger.warning("%s: %s %s: %s", self.thing, name, installation.version, error)
        self._report_due.set()
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it and its components; what they have stored stays."""
        self._ending.set()
        self._thread.join(_START_SECONDS)
        for component in self._running.values():
            component.stop()
        self._remember()
        self._running.clear()
        self.ipc.stop()
        shutil.rmtree(self._run_folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def versions(self) -> dict[str, str]:
        """Return the version of each component that is installed."""
        return {name: item.version for name, item in self._installed.items()}

    def state(self, component: str) -> str:
        """Return a component's state, empty if it is not there."""
        found = self._running.get(component)
        return found.state if found else ""

    def pid(self, component: str) -> int | None:
        """Return the id of a component's process, while it runs."""
        found = self._running.get(component)
        return found.pid if found else None

    def log(self, component: str) -> Path:
        """Return where a component's output is."""
        return self.folder / "logs" / f"{component}.log"

    def ask(self, component: str, state: Mapping[str, Any], seconds: float = 20.0) -> Document:
        """Send a component a state over its local topic; return its answer.

        Raises:
            TimeoutError: There is none within `seconds`.
        """
        configuration = self.ipc.nucleus.components[component].configuration
        topics = configuration.read(("Topics",))
        identity = uuid.uuid4().hex
        self.ipc.wait_for(lambda: self.ipc.subscribed(topics["state"]), seconds)
        self.ipc.publish(topics["state"], json.dumps({**state, "id": identity}).encode())

        def answers() -> list[Document]:
            found = [it.document for it in self.ipc.messages(topics["decision"])]
            return [it for it in found if it.get("id") == identity]

        if not self.ipc.wait_for(answers, seconds):
            raise TimeoutError(f"{component} did not answer within {seconds:g} s")
        return answers()[0]

    def _poll(self) -> None:
        while not self._ending.is_set():
            try:
                self._look()
            except (BotoCoreError, ClientError) as error:
                # The cloud is away, or has called off what was just done: a device goes on.
                _logger.warning("%s: %s", self.thing, error)
                self._ending.wait(_AWAY_SECONDS)
            self._ending.wait(_POLL_SECONDS)

    def _look(self) -> None:
        jobs = self._client("iot-jobs-data")
        execution = jobs.start_next_pending_job_execution(thingName=self.thing).get("execution", {})
        if execution.get("jobId"):
            self._report_due.set()
            self._take(execution["jobId"], json.loads(execution["jobDocument"]))
        if self._report_due.is_set():
            self._report()
            self._report_due.clear()

    def _take(self, job: str, deployment: Document) -> None:
        status, details = "SUCCEEDED", {"detailed-deployment-status": "SUCCESSFUL"}
        before = dict(self._installed)
        try:
            self._deploy(deployment)
        except InstallationError as error:
            status = "FAILED"
            details = {"reason": str(error)[:1024], **self._take_back(before, deployment)}
        self._remember()
        self._client("iot-jobs-data").update_job_execution(
            thingName=self.thing, jobId=job, status=status, statusDetails=details
        )

    def _remember(self) -> None:
        components = self.ipc.nucleus.components
        configurations = {name: components[name].configuration.read() for name in self._installed}
        remembered.save(self.folder, self._installed.values(), configurations, self._targets)

    def _take_back(self, before: Mapping[str, Installation], deployment: Document) -> Document:
        key = "detailed-deployment-status"
        lite = self.ipc.nucleus.profile.name == "lite"
        if lite or deployment.get("failureHandlingPolicy") != "ROLLBACK":
            return {key: "FAILED_ROLLBACK_NOT_REQUESTED"}
        for name in deployment["components"]:
            self._stop(name)
            if name in before:
                self._begin(before[name], {})
        return {key: "FAILED_ROLLBACK_COMPLETE"}

    def _deploy(self, deployment: Document) -> None:
        wanted = {
            name: item
            for name, item in deployment["components"].items()
            if not name.startswith(_AWS)
        }
        for name, item in wanted.items():
            _merged(name, item.get("configurationUpdate", {}))  # before anything is stopped
        installations = {name: self._fetch(name, item) for name, item in wanted.items()}
        for name, installation in installations.items():
            if not self._unchanged(name, installation, wanted[name]):
                self._stop(name)
                self._begin(installation, wanted[name].get("configurationUpdate", {}))
        for name in installations:
            self._wait_until_settled(name)
        target = deployment["configurationArn"].rpartition(":")[0]
        gone = self._targets.get(target, set()) - wanted.keys()
        self._targets[target] = set(wanted)
        for name in gone - set().union(*self._targets.values()):
            self._stop(name)
            self._installed.pop(name, None)
        for installation in installations.values():
            installation.remove_others()

    def _fetch(self, name: str, wanted: Mapping[str, Any]) -> Installation:
        version = wanted["componentVersion"]
        try:
            [found] = self._client("greengrassv2").resolve_component_candidates(
                componentCandidates=[{"componentName": name, "componentVersion": version}]
            )["resolvedComponentVersions"]
        except self._client("greengrassv2").exceptions.ResourceNotFoundException as error:
            raise InstallationError(str(error)) from error
        installation = Installation(self._root, json.loads(found["recipe"]))
        installation.install(self._storage)
        return installation

    def _unchanged(self, name: str, installation: Installation, wanted: Mapping[str, Any]) -> bool:
        same = self.versions().get(name) == installation.version
        return same and self.state(name) == "RUNNING" and not wanted.get("configurationUpdate")

    def _begin(self, installation: Installation, update: Mapping[str, Any]) -> None:
        known = self.ipc.nucleus.components.get(installation.name)
        # Keys of an older version survive an update, new defaults take the place of old values.
        configuration = Configuration(known.configuration.read() if known else {})
        configuration.merge(installation.defaults())
        values = configuration.read()
        without(values, update.get("reset") or [])
        configuration = Configuration(values)
        configuration.merge(_merged(installation.name, update))
        self._run(installation, configuration.read())

    def _run(self, installation: Installation, values: Mapping[str, Any]) -> None:
        name = installation.name
        script = installation.script(values, self.thing)
        component = self.ipc.nucleus.add(name, values, version=installation.version)
        environment = {
            **{key: os.environ[key] for key in _INHERITED if key in os.environ},
            **self.ipc.environment(component),
            "AWS_IOT_THING_NAME": self.thing,
            "GGC_VERSION": "0.0.0",
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        }
        self._running[name] = RunningComponent(
            script,
            environment=environment,
            work=installation.work,
            log=self.log(name),
            changed=self._report_due.set,
        )
        self._installed[name] = installation

    def _stop(self, name: str) -> None:
        running = self._running.pop(name, None)
        if running is not None:
            running.stop()

    def _wait_until_settled(self, name: str) -> None:
        running = self._running[name]

        def settled() -> bool:
            fine = running.state == "FINISHED" or running.up_for() >= self._settle_seconds
            return fine or running.state == "BROKEN" or self._ending.is_set()

        if not self.ipc.wait_for(settled, _START_SECONDS) or running.state == "BROKEN":
            codes = ", ".join(map(str, running.exit_codes))
            raise InstallationError(f"{name} does not run: exit codes {codes}")

    def _report(self) -> None:
        states = {name: self.state(name) for name in self._installed}
        broken = "BROKEN" in states.values()
        health = {
            "thing": self.thing,
            "ggcVersion": "0.0.0",
            "platform": "linux",
            "architecture": os.uname().machine,
            "runtime": f"local_mode_{self.ipc.nucleus.profile.name}",
            "overallDeviceStatus": "UNHEALTHY" if broken else "HEALTHY",
            "components": [
                {"componentName": name, "version": item.version, "status": states[name]}
                for name, item in self._installed.items()
            ],
        }
        topic = f"$aws/things/{self.thing}/greengrassv2/health/json"
        self._client("iot-data").publish(topic=topic, qos=1, payload=json.dumps(health))


def _merged(name: str, update: Mapping[str, Any]) -> Document:
    """Return what a deployment merges into a configuration.

    Raises:
        InstallationError: It is no JSON object.
    """
    try:
        found = json.loads(update.get("merge") or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InstallationError(f"{name}: configurationUpdate.merge is no JSON object")
    return found


def register(client: ClientFactory, thing: str, group: str) -> None:
    """Register a thing and put it into a group, as provisioning does.

    Raises:
        UserError: There is no such group.
    """
    iot = client("iot")
    try:
        iot.describe_thing_group(thingGroupName=group)
    except iot.exceptions.ResourceNotFoundException:
        raise UserError(
            f"--group: there is no thing group {group}; create it, or start `python -m local_mode "
            "up`, which has the stage's own"
        ) from None
    iot.create_thing(thingName=thing)
    iot.add_thing_to_thing_group(thingName=thing, thingGroupName=group)


def main(argv: Sequence[str] | None = None) -> int:
    """Be a device until told to end; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local_mode.greengrass.device")
    parser.add_argument("--thing", default="rl-autoscaling-dev-0001")
    parser.add_argument("--group", default=Deployment().thing_group)
    parser.add_argument("--folder", type=Path, help="keeps packages, work folders and logs")
    parser.add_argument("--profile", choices=("lite", "full"), default="lite")
    options = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        url = _local_url()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    clients: dict[str, BaseClient] = {}

    def client(service: str) -> "BaseClient":
        return clients.setdefault(service, make_client(service, url))

    folder = options.folder or Path(tempfile.mkdtemp(prefix="device-"))
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        register(client, options.thing, options.group)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    with Device(client, options.thing, folder, profile=options.profile):
        print(f"{options.thing} is in {options.group}; its files are in {folder}", flush=True)
        stop.wait()
    return 0


def _local_url() -> str:
    url = os.environ.get("AWS_ENDPOINT_URL", "")
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        raise UserError(
            "AWS_ENDPOINT_URL: is not the local AWS; start `python -m local_mode up` and set the "
            "variables that it prints"
        )
    return url


if __name__ == "__main__":
    sys.exit(main())
