"""Handlers of the test functions."""

import os
import time

calls = 0


class NotYetError(Exception):
    """Raised until the call that the event names."""


def echo(event, context):
    print("echo", event)
    return {
        "event": event,
        "pid": os.getpid(),
        "name": context.function_name,
        "arn": context.invoked_function_arn,
        "left": context.get_remaining_time_in_millis(),
        "environment": {k: v for k, v in os.environ.items() if k != "COVERAGE_PROCESS_CONFIG"},
    }


def fail(event, context):
    raise ValueError("no such thing")


def sleep(event, context):
    time.sleep(event["seconds"])
    return "slept"


def crash(event, context):
    os._exit(9)


def flaky(event, context):
    global calls
    calls += 1
    if calls < event["succeed_at"]:
        raise NotYetError(f"call {calls}")
    return {"calls": calls}


def list_buckets(event, context):
    import boto3

    return [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
