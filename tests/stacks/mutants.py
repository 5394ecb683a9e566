"""Mistakes of one line in the checked templates, each with the check that has to notice it."""

from tests.stacks.mutations import (
    Mutant,
    drop,
    drop_resource,
    in_definition,
    in_state,
    of,
    policy,
    put,
    resource,
    with_statement,
    without,
)

bucket = of("S3::Bucket", "Artifacts")
function = of("Lambda::Function", "FunctionsDeploy")
key = of("KMS::Key")
images = of("ECR::Repository")
topic = of("SNS::Topic")
logs = of("Logs::LogGroup", "FunctionsGate")
machine = of("StepFunctions::StateMachine")
training_role = of("IAM::Role", "RolesTraining")
passing = policy("WorkflowPolicy", "iam:PassRole")
deploying = policy("FunctionsDeployPolicy", "sagemaker:CreateModel")
describing = policy("FunctionsSmokeTestPolicy", "sagemaker:InvokeEndpoint")

_PUBLIC = {"Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
_ANOTHER = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/another"

MUTANTS = (
    Mutant("bucket-not-encrypted", "cfn-guard s3_bucket_default", drop(bucket, "BucketEncryption")),
    Mutant("bucket-not-versioned", "Versioning", drop(bucket, "VersioningConfiguration")),
    Mutant(
        "bucket-may-be-public",
        "S3BucketPublicReadProhibited",
        drop(bucket, "PublicAccessBlockConfiguration"),
    ),
    Mutant("bucket-without-access-log", "S3BucketLogging", drop(bucket, "LoggingConfiguration")),
    Mutant(
        "bucket-without-replica", "S3BucketReplication", drop(bucket, "ReplicationConfiguration")
    ),
    Mutant("bucket-without-lock", "S3BucketDefaultLock", drop(bucket, "ObjectLockConfiguration")),
    Mutant("bucket-without-lifecycle", "cfn-guard s3_", drop(bucket, "LifecycleConfiguration")),
    Mutant(
        "bucket-answers-without-tls",
        "S3BucketSSL",
        without(of("S3::BucketPolicy"), "SecureTransport"),
    ),
    Mutant(
        "bucket-answers-old-tls", "promise transport", without(of("S3::BucketPolicy"), "TlsVersion")
    ),
    Mutant(
        "bucket-read-by-everybody",
        "contract public",
        with_statement(of("S3::BucketPolicy"), **_PUBLIC),
    ),
    Mutant(
        "bucket-goes-with-the-stack",
        "promise retention",
        lambda t: resource(t, "S3::Bucket").update(DeletionPolicy="Delete"),
    ),
    Mutant(
        "loads-not-readable", "executions refused", without(of("S3::BucketPolicy"), "/executions/*")
    ),
    Mutant(
        "bundles-not-readable", "executions refused", without(of("S3::BucketPolicy"), "/source/*")
    ),
    Mutant("key-not-rotated", "KMS5", drop(key, "EnableKeyRotation")),
    Mutant(
        "key-of-everybody",
        "checkov CKV_AWS_33",
        with_statement(key, Principal="*", Action="kms:*", Resource="*"),
    ),
    Mutant("key-without-root", "contract key-without-root", without(key, "kms:*")),
    Mutant("images-not-scanned", "checkov CKV_AWS_163", drop(images, "ImageScanningConfiguration")),
    Mutant(
        "images-change-under-their-tag",
        "checkov CKV_AWS_51",
        put(images, "ImageTagMutability", "MUTABLE"),
    ),
    Mutant("images-not-encrypted", "checkov CKV_AWS_136", drop(images, "EncryptionConfiguration")),
    Mutant("function-without-dead-letters", "LambdaDLQ", drop(function, "DeadLetterConfig")),
    Mutant("function-not-traced", "LambdaTracing", drop(function, "TracingConfig")),
    Mutant("function-outside-network", "LambdaInsideVPC", drop(function, "VpcConfig")),
    Mutant(
        "function-without-concurrency",
        "LambdaConcurrency",
        drop(function, "ReservedConcurrentExecutions"),
    ),
    Mutant("function-variables-not-encrypted", "checkov CKV_AWS_173", drop(function, "KmsKeyArn")),
    Mutant("function-on-an-old-runtime", "L1", put(function, "Runtime", "python3.9")),
    Mutant(
        "function-without-a-variable",
        "contract variable",
        lambda t: function(t)["Environment"]["Variables"].pop("IMAGE_URI"),
    ),
    Mutant(
        "function-with-a-secret",
        "checkov CKV_AWS_45",
        lambda t: function(t)["Environment"]["Variables"].update(
            AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        ),
    ),
    Mutant("function-with-a-misspelt-property", "cfn-lint", put(function, "TimeOut", 900)),
    Mutant("function-with-a-word-for-a-number", "cfn-lint", put(function, "MemorySize", "much")),
    Mutant(
        "function-before-its-policy", "", lambda t: resource(t, "Lambda::Function").pop("DependsOn")
    ),
    Mutant("logs-kept-for-ever", "LogGroupRetention", drop(logs, "RetentionInDays")),
    Mutant("logs-not-encrypted", "LogGroupEncrypted", drop(logs, "KmsKeyId")),
    Mutant("topic-not-encrypted", "SNSEncryptedKMS", drop(topic, "KmsMasterKeyId")),
    Mutant(
        "topic-takes-messages-without-tls",
        "promise transport",
        without(of("SNS::TopicPolicy"), "SecureTransport"),
    ),
    Mutant(
        "topic-of-everybody",
        "contract public",
        with_statement(of("SNS::TopicPolicy"), Principal="*", Action="sns:Publish", Resource="*"),
    ),
    Mutant("machine-not-logged", "SF1", drop(machine, "LoggingConfiguration")),
    Mutant("machine-not-traced", "SF2", drop(machine, "TracingConfiguration")),
    Mutant("machine-not-encrypted", "promise encryption", drop(machine, "EncryptionConfiguration")),
    Mutant("task-not-tried-again", "definition no-retry", in_state("Gate", "Retry")),
    Mutant("task-not-caught", "definition not-caught", in_state("Register", "Catch")),
    Mutant("task-without-end", "definition no-timeout", in_state("Deploy", "TimeoutSeconds")),
    Mutant(
        "machine-without-end",
        "definition no-timeout",
        in_definition(lambda m: m.pop("TimeoutSeconds")),
    ),
    Mutant(
        "retries-in-step",
        "definition retries-in-step",
        in_definition(lambda m: m["States"]["Train"]["Retry"][0].pop("JitterStrategy")),
    ),
    Mutant(
        "job-outside-network",
        "definition network",
        in_definition(lambda m: m["States"]["Evaluate"]["Parameters"].pop("VpcConfig")),
    ),
    Mutant(
        "job-not-isolated",
        "definition unprotected",
        in_definition(lambda m: m["States"]["Train"]["Parameters"].pop("EnableNetworkIsolation.$")),
    ),
    Mutant(
        "state-leads-nowhere",
        "asl-validator",
        in_definition(lambda m: m["States"]["Gate"].update(Next="Nowhere")),
    ),
    Mutant(
        "state-is-never-reached",
        "asl-validator",
        in_definition(lambda m: m["States"]["EndpointReady?"].update(Default="Deployed")),
    ),
    Mutant(
        "action-missing",
        "contract missing",
        lambda t: deploying(t).update(Action="sagemaker:DescribeModel"),
    ),
    Mutant(
        "action-added",
        "contract unneeded",
        with_statement(
            of("IAM::ManagedPolicy", "FunctionsGate"),
            Action="sagemaker:DeleteModel",
            Resource=_ANOTHER,
        ),
    ),
    Mutant(
        "action-misspelt",
        "parliament",
        lambda t: deploying(t).update(Action="sagemaker:CreateModels"),
    ),
    Mutant(
        "every-action",
        "IAM5",
        with_statement(of("IAM::ManagedPolicy", "FunctionsGate"), Action="s3:*", Resource="*"),
    ),
    Mutant("every-resource", "IAM5", lambda t: deploying(t).update(Resource="*")),
    Mutant(
        "another-resource", "executions refused", lambda t: describing(t).update(Resource=_ANOTHER)
    ),
    Mutant("role-passed-to-anybody", "contract unbounded", lambda t: passing(t).pop("Condition")),
    Mutant("any-role-passed", "IAM5[Resource::*]", lambda t: passing(t).update(Resource="*")),
    Mutant(
        "grants-for-anybody",
        "cfn-guard kms_create_grant",
        without(key, "NoOtherGrants"),
    ),
    Mutant(
        "metrics-of-any-name",
        "contract unbounded",
        lambda t: policy("UnscopedContainers", "cloudwatch:PutMetricData")(t).pop("Condition"),
    ),
    Mutant(
        "role-assumed-for-any-account",
        "contract any-account",
        lambda t: training_role(t)["AssumeRolePolicyDocument"]["Statement"][0].pop("Condition"),
    ),
    Mutant(
        "role-assumed-by-everybody",
        "checkov CKV_AWS_60",
        lambda t: training_role(t)["AssumeRolePolicyDocument"]["Statement"][0].update(
            Principal={"AWS": "*"}
        ),
    ),
    Mutant(
        "role-with-a-managed-policy",
        "IAM4",
        put(training_role, "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    Mutant(
        "endpoint-not-encrypted",
        "SageMakerEndpointConfigurationKMS",
        drop(of("SageMaker::EndpointConfig"), "KmsKeyId"),
    ),
    Mutant(
        "alarm-that-tells-nobody",
        "cfn-guard cloudwatch_alarm_action",
        drop(of("CloudWatch::Alarm", "AlarmsFailed"), "AlarmActions"),
    ),
    Mutant(
        "parameter-missing",
        "promise parameter",
        drop_resource("SSM::Parameter", "ParametersImageUri"),
    ),
    Mutant(
        "parameter-renamed",
        "promise parameter",
        put(of("SSM::Parameter", "ParametersEndpoint"), "Name", "/endpoint"),
    ),
    Mutant("tag-missing", "promise tags", drop(topic, "Tags")),
    Mutant("rule-switched-off", "", put(of("Events::Rule", "EventsFailed"), "State", "DISABLED")),
)

NOT_FOR_CDK = ("function-with-a-word-for-a-number",)
"""Mutants that the CDK's own types refuse: cdk-nag cannot look at them."""
