"""The component running in a thread, with the real SDK client and an emulated nucleus."""

import json
import threading
import time

from edge_policy.backoff import Backoff
from edge_policy.ipc import SdkSession
from edge_policy.service import STOP, Service
from tests.edge_src.nuclei import COMMAND, STATE, answers, telemetry
from tests.edge_src.support import core


class Running:
    """A service in a thread."""

    def __init__(self, nucleus, work, model, configuration):
        self.core = core(work, model, **{"Telemetry": {"interval_seconds": 3600}, **configuration})
        self.service = Service(self.core, SdkSession, backoff=Backoff(0.05, 0.2))
        self.nucleus = nucleus
        self.thread = threading.Thread(target=self.service.run)
        self.thread.start()

    def ready(self):
        assert self.service.ready.wait(10)
        assert self.nucleus.wait_for(lambda: self.nucleus.subscribed(STATE))
        return self

    def ask(self, message, topic=STATE):
        """Return the answer to a message."""
        before = len(answers(self.nucleus))
        publish = self.nucleus.publish
        publish = self.nucleus.publish_from_iot_core if topic == COMMAND else publish
        assert publish(topic, json.dumps(message).encode()) == 1
        assert self.nucleus.wait_for(lambda: len(answers(self.nucleus)) > before)
        return answers(self.nucleus)[-1]

    def told(self, kind, count=1):
        """Return telemetry of a kind that has reached AWS IoT Core, once there is so much."""
        nucleus = self.nucleus
        assert nucleus.wait_for(lambda: len(telemetry(nucleus, kind)) >= count), (
            kind,
            telemetry(nucleus),
        )
        return telemetry(nucleus, kind)

    def stop(self):
        """Return the seconds that ending takes."""
        began = time.monotonic()
        self.service.signals.put(STOP)
        self.thread.join(20)
        assert not self.thread.is_alive()
        return time.monotonic() - began


def wait_for_settings(running, changed=(), refused=""):
    """Wait until telemetry tells of settings that changed, and of one that was refused."""

    def told():
        return any(
            each["changed"] == list(changed) and refused in " ".join(each["refused"])
            for each in telemetry(running.nucleus, "settings")
        )

    assert running.nucleus.wait_for(told), telemetry(running.nucleus, "settings")
