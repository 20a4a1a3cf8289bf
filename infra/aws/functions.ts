import { join } from "node:path";
import { CfnOutput, Duration, RemovalPolicy, type Stack } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { Table } from "aws-cdk-lib/aws-dynamodb";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Architecture, CfnEventSourceMapping, Code, Function as Lambda, Runtime } from "aws-cdk-lib/aws-lambda";
import { FilterPattern, LogGroup, MetricFilter, RetentionDays } from "aws-cdk-lib/aws-logs";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import type { DeploymentOptions } from "./options.ts";
import type { Queues } from "./queues.ts";
import type { Schedules } from "./schedules.ts";
import { retention } from "./stack.ts";
import type { EventTopic } from "./topic.ts";

interface Parts {
  readonly table: Table;
  readonly topic: EventTopic;
  readonly queues: Queues;
  readonly schedules: Schedules;
}

interface FunctionOptions {
  readonly code: "http" | "queue" | "stream";
  readonly seconds: number;
  readonly statements: readonly PolicyStatement[];
  readonly environment?: { readonly [name: string]: string };
  readonly reserved?: number;
}

/** What the journal of every function needs. docs/aws.md, permissions. */
const journalActions = ["PutItem", "Query", "GetItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"].map(
  (action) => `dynamodb:${action}`,
);

/** Every function with a role, a log and a mapping of its own. */
export function createFunctions(
  stack: Stack,
  { plan, code, environment = {} }: DeploymentOptions,
  { table, topic, queues, schedules }: Parts,
): { readonly http: Lambda; readonly stream: Lambda } {
  const timers = queues.of("timers");
  const shared = {
    ...environment,
    HOLDFAST_TABLE: table.tableName,
    HOLDFAST_TOPIC: topic.topic.topicArn,
    HOLDFAST_QUEUES: queues.urlPrefix,
    HOLDFAST_SCHEDULES: schedules.group.ref,
    HOLDFAST_SCHEDULE_ROLE: schedules.role.roleArn,
    HOLDFAST_SCHEDULE_TARGET: timers.queue.queueArn,
    HOLDFAST_SCHEDULE_DEAD: timers.dead.queueArn,
  };
  const journal = new PolicyStatement({ actions: journalActions, resources: [table.tableArn] });
  // What comes too early, or is due again, is sent once more.
  const wakeUps = [
    new PolicyStatement({ actions: ["sqs:SendMessage"], resources: [timers.queue.queueArn] }),
    new PolicyStatement({
      actions: ["scheduler:CreateSchedule"],
      resources: [
        stack.formatArn({ service: "scheduler", resource: "schedule", resourceName: `${stack.stackName}-timers/*` }),
      ],
    }),
    new PolicyStatement({
      actions: ["iam:PassRole"],
      resources: [schedules.role.roleArn],
      conditions: { StringEquals: { "iam:PassedToService": "scheduler.amazonaws.com" } },
    }),
  ];

  function create(
    id: string,
    { code: folder, seconds, statements, environment: own, reserved }: FunctionOptions,
  ): Lambda {
    const logs = new LogGroup(stack, `${id}Log`, {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new Role(stack, `${id}Role`, { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    role.addToPolicy(
      new PolicyStatement({ actions: ["logs:CreateLogStream", "logs:PutLogEvents"], resources: [logs.logGroupArn] }),
    );
    for (const statement of statements) role.addToPolicy(statement);
    const made = new Lambda(stack, `${id}Function`, {
      runtime: new Runtime("nodejs24.x"),
      architecture: Architecture.ARM_64,
      memorySize: 512,
      handler: "index.handler",
      code: Code.fromAsset(join(code, folder)),
      timeout: Duration.seconds(seconds),
      environment: { ...shared, ...own },
      logGroup: logs,
      role,
      ...(reserved !== undefined && { reservedConcurrentExecutions: reserved }),
    });
    givenUpAlarm(stack, id, logs);
    return made;
  }

  const http = create("Http", { code: "http", seconds: plan.httpSeconds, statements: [journal] });

  const failed = new Queue(stack, "RelayDead", {
    queueName: `${stack.stackName}-relay-dead`,
    retentionPeriod: retention,
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
  });
  alarmOnAny(stack, "RelayDeadAlarm", failed, "Records were not relayed within a day: run holdfast relay --since.");
  const stream = create("Relay", {
    code: "stream",
    seconds: plan.streamSeconds,
    statements: [
      new PolicyStatement({
        actions: ["dynamodb:Query", "dynamodb:PutItem", "dynamodb:ConditionCheckItem"],
        resources: [table.tableArn],
      }),
      new PolicyStatement({
        actions: ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
        resources: [table.tableStreamArn ?? ""],
      }),
      new PolicyStatement({ actions: ["sns:Publish"], resources: [topic.topic.topicArn] }),
      new PolicyStatement({
        actions: ["sqs:SendMessage"],
        resources: [queues.of("sends").queue.queueArn, failed.queueArn],
      }),
      ...wakeUps,
    ],
  });
  new CfnEventSourceMapping(stack, "RelayMapping", {
    functionName: stream.functionArn,
    eventSourceArn: table.tableStreamArn ?? "",
    startingPosition: "TRIM_HORIZON",
    batchSize: 1_000,
    // A batch is at most 6 MB.
    maximumBatchingWindowInSeconds: 0,
    parallelizationFactor: 1,
    bisectBatchOnFunctionError: true,
    // A stream keeps records for a day.
    maximumRecordAgeInSeconds: 82_800,
    maximumRetryAttempts: 10_000,
    functionResponseTypes: ["ReportBatchItemFailures"],
    destinationConfig: { onFailure: { destination: failed.queueArn } },
    // Time-to-live removes; erasing modifies.
    filterCriteria: {
      filters: [
        { pattern: JSON.stringify({ eventName: ["INSERT"], dynamodb: { Keys: { sk: { S: [{ prefix: "r" }] } } } }) },
      ],
    },
  });

  for (const { queue, planned, id } of queues.all) {
    const { consumer, timeoutSeconds, batchSize, parallel } = planned;
    const worker = create(id, {
      code: "queue",
      seconds: timeoutSeconds,
      environment: { HOLDFAST_CONSUMER: consumer },
      statements: [
        journal,
        new PolicyStatement({
          actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
          resources: [queue.queueArn],
        }),
        ...(consumer === "timers" ? wakeUps : []),
      ],
      ...(parallel === 1 && { reserved: 1 }),
    });
    new CfnEventSourceMapping(stack, `${id}Mapping`, {
      functionName: worker.functionArn,
      eventSourceArn: queue.queueArn,
      batchSize,
      functionResponseTypes: ["ReportBatchItemFailures"],
      ...(parallel > 1 && { scalingConfig: { maximumConcurrency: parallel } }),
    });
  }
  new CfnOutput(stack, "TableName", { value: table.tableName });
  return { http, stream };
}

/** Messages that Holdfast gave up are rows of the table; the log says so when it happens. */
function givenUpAlarm(stack: Stack, id: string, logGroup: LogGroup): void {
  const filter = new MetricFilter(stack, `${id}GivenUp`, {
    logGroup,
    filterPattern: FilterPattern.all(
      FilterPattern.stringValue("$.level", "=", "ERROR"),
      FilterPattern.stringValue("$.message", "=", "*dead letters*"),
    ),
    metricNamespace: `Holdfast/${stack.stackName}`,
    metricName: `${id}GivenUp`,
    metricValue: "1",
  });
  new Alarm(stack, `${id}GivenUpAlarm`, {
    alarmDescription: "A message was given up: npx holdfast dead-letters list says why.",
    metric: filter.metric({ statistic: "sum", period: Duration.minutes(5) }),
    threshold: 1,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}

function alarmOnAny(stack: Stack, id: string, queue: Queue, alarmDescription: string): void {
  new Alarm(stack, id, {
    alarmDescription,
    metric: queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5) }),
    threshold: 1,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}
