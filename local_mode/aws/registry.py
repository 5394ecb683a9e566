"""The model registry: groups, and the packages in them with their approval."""

import copy
import threading

from local_mode.aws.paging import ordered, page
from local_mode.aws.protocol import AwsError, Document, now, validation_error
from local_mode.aws.resources import Resources, resource_arn

_SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
)


class ModelRegistry:
    """The model package groups and model packages of the account."""

    def __init__(self) -> None:
        self.groups = Resources(
            kind="model-package-group", member="ModelPackageGroup", words="model package group"
        )
        self.tags: dict[str, list[Document]] = {}
        self._packages: dict[str, Document] = {}
        self._last_version: dict[str, int] = {}
        self._lock = threading.Lock()

    def create_group(self, request: Document) -> Document:
        """CreateModelPackageGroup."""
        return self.groups.create(request, ModelPackageGroupStatus="Completed")

    def list_groups(self, request: Document) -> Document:
        """ListModelPackageGroups."""
        member = "ModelPackageGroupSummaryList"
        return self.groups.list_items(request, member=member, order="Ascending")

    def delete_group(self, request: Document) -> Document:
        """DeleteModelPackageGroup.

        Raises:
            AwsError: ConflictException while packages are in the group.
        """
        name = request["ModelPackageGroupName"]
        if any(item.get("ModelPackageGroupName") == name for item in self._copies()):
            raise AwsError("ConflictException", f"Model package group {name} still has packages.")
        return self.groups.delete(request)

    def create(self, request: Document) -> Document:
        """CreateModelPackage: the next version of a group, or a package with a name of its own.

        Raises:
            AwsError: If the group is missing, or not exactly one of the names is given.
        """
        group, name = request.get("ModelPackageGroupName"), request.get("ModelPackageName")
        if (group is None) == (name is None):
            raise validation_error("Give either ModelPackageName or ModelPackageGroupName.")
        kept = {key: value for key, value in request.items() if key not in ("Tags", "ClientToken")}
        if group is not None:
            group = self.groups.get(group)["ModelPackageGroupName"]
            kept["ModelPackageGroupName"] = group
            kept.setdefault("ModelApprovalStatus", "PendingManualApproval")
        with self._lock:
            if group is not None:
                version = self._last_version.get(group, 0) + 1
                self._last_version[group] = version
                kept["ModelPackageVersion"] = version
                name = f"{group}/{version}"
            arn = resource_arn("model-package", str(name))
            if arn in self._packages:
                raise validation_error(f"Model package {arn} already exists.")
            self._packages[arn] = {
                "CertifyForMarketplace": False,
                **kept,
                "ModelPackageArn": arn,
                "ModelPackageStatus": "Completed",
                "ModelPackageStatusDetails": {"ValidationStatuses": []},
                "CreationTime": now(),
            }
            self.tags[arn] = list(request.get("Tags", []))
        return {"ModelPackageArn": arn}

    def describe(self, request: Document) -> Document:
        """DescribeModelPackage, by ARN or by the name of a package without a group.

        Raises:
            AwsError: If there is none.
        """
        name = request["ModelPackageName"]
        arn = name if name.startswith("arn:") else resource_arn("model-package", name)
        with self._lock:
            if arn not in self._packages:
                raise validation_error(f"ModelPackage {arn} does not exist.")
            return copy.deepcopy(self._packages[arn])

    def update(self, request: Document) -> Document:
        """UpdateModelPackage: only what the request names changes."""
        arn = self.describe({"ModelPackageName": request["ModelPackageArn"]})["ModelPackageArn"]
        with self._lock:
            package = self._packages[arn]
            for member in ("ModelApprovalStatus", "ApprovalDescription", "InferenceSpecification"):
                if member in request:
                    package[member] = request[member]
            properties = package.get("CustomerMetadataProperties", {})
            properties = {**properties, **request.get("CustomerMetadataProperties", {})}
            for key in request.get("CustomerMetadataPropertiesToRemove", []):
                properties.pop(key, None)
            if properties:
                package["CustomerMetadataProperties"] = properties
            package["LastModifiedTime"] = now()
        return {"ModelPackageArn": arn}

    def delete(self, request: Document) -> Document:
        """DeleteModelPackage."""
        arn = self.describe(request)["ModelPackageArn"]
        with self._lock:
            self._packages.pop(arn, None)
            self.tags.pop(arn, None)
        return {}

    def list_packages(self, request: Document) -> Document:
        """ListModelPackages: those of a group, or those without one."""
        group = request.get("ModelPackageGroupName")
        if group is not None:
            group = self.groups.get(group)["ModelPackageGroupName"]
        status = request.get("ModelApprovalStatus")
        summaries = [
            {member: item[member] for member in _SUMMARY if member in item}
            for item in self._copies()
            if item.get("ModelPackageGroupName") == group
            and status in (None, item.get("ModelApprovalStatus"))
        ]
        items = ordered(summaries, request, key="CreationTime", order="Ascending")
        return page(items, request, member="ModelPackageSummaryList")

    def approved_container(self, name: str) -> Document:
        """Return the container of a package that may be deployed.

        Raises:
            AwsError: If the package is not approved.
        """
        package = self.describe({"ModelPackageName": name})
        if package.get("ModelApprovalStatus", "Approved") != "Approved":
            raise validation_error(f"Model package {package['ModelPackageArn']} is not approved.")
        container: Document = package["InferenceSpecification"]["Containers"][0]
        return container

    def _copies(self) -> list[Document]:
        with self._lock:
            return [copy.deepcopy(item) for item in self._packages.values()]
