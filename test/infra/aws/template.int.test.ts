import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filterPolicies } from "holdfast/aws/sns-sqs";
import { afterAll, describe, expect, test } from "vitest";
import app from "../../../functions/app.ts";
import { plan } from "../../../functions/aws/plan.ts";
import { createJsonLogger } from "../../../src/core/runtime/json-logger.ts";
import { checkName } from "../../../infra/aws/options.ts";
import { synthesise } from "../../../infra/aws/stack.ts";

/** A resource of the template; what is in it, the assertions say. */
interface Resource {
  readonly Type: string;
  readonly Properties: { readonly [name: string]: unknown };
  readonly DependsOn?: readonly string[];
}

const folder = mkdtempSync(join(tmpdir(), "holdfast-infra-"));
afterAll(() => rmSync(folder, { recursive: true }));

for (const name of ["http", "queue", "stream"]) {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "index.mjs"), "");
}
const options = { name: "shop", plan, code: folder };
const template = synthesise(join(folder, "out"), options) as { readonly Resources: { [id: string]: Resource } };

function all(type: string): readonly [id: string, resource: Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
}

/** The id of the resource that a reference names. */
function idIn(reference: unknown): string {
  const { "Fn::GetAtt": att, Ref: ref } = reference as { "Fn::GetAtt"?: [string, string]; Ref?: string };
  return att?.[0] ?? ref ?? "";
}

const queues = new Map(all("AWS::SQS::Queue").map(([id, { Properties }]) => [id, Properties]));
const functions = new Map(all("AWS::Lambda::Function").map(([id, { Properties }]) => [id, Properties]));
const mappings = all("AWS::Lambda::EventSourceMapping").map(([, { Properties }]) => Properties);
const ofQueues = mappings.filter(({ EventSourceArn }) => queues.has(idIn(EventSourceArn)));
const statements = all("AWS::IAM::Policy").flatMap(([id, { Properties }]) => {
  const { PolicyDocument, Roles } = Properties as {
    PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown; Effect: string }[] };
    Roles: unknown[];
  };
  return PolicyDocument.Statement.map((statement) => ({ id, role: idIn(Roles[0]), ...statement }));
});

describe("the template of the shop on AWS", () => {
  test("has a queue for each consumer, named as the functions name it", () => {
    const names = [...queues.values()].map(({ QueueName }) => QueueName);
    for (const { name, deadName } of plan.queues) {
      expect(names).toContain(`shop-${name}`);
      expect(names).toContain(`shop-${deadName}`);
    }
  });

  test("every queue that has a consumer has a dead-letter queue, of its own kind, with an alarm", () => {
    expect(ofQueues).toHaveLength(plan.queues.length);
    const alarmed = all("AWS::CloudWatch::Alarm").map(([, { Properties }]) => JSON.stringify(Properties));
    for (const { EventSourceArn } of ofQueues) {
      const queue = queues.get(idIn(EventSourceArn));
      const { deadLetterTargetArn, maxReceiveCount } = (queue ?? {})["RedrivePolicy"] as {
        deadLetterTargetArn: unknown;
        maxReceiveCount: number;
      };
      const dead = queues.get(idIn(deadLetterTargetArn));
      expect(maxReceiveCount).toBe(1_000);
      expect(dead?.["FifoQueue"]).toBe(queue?.["FifoQueue"]);
      expect(dead?.["MessageRetentionPeriod"]).toBe(14 * 86_400);
      expect(alarmed.some((alarm) => alarm.includes(`"${idIn(deadLetterTargetArn)}"`))).toBe(true);
    }
  });

  test("a message is hidden six times as long as its function may take, which is longer than its handler", () => {
    for (const { EventSourceArn, FunctionName } of ofQueues) {
      const queue = queues.get(idIn(EventSourceArn));
      const { Timeout } = functions.get(idIn(FunctionName)) as { Timeout: number };
      expect(queue?.["VisibilityTimeout"]).toBeGreaterThanOrEqual(6 * Timeout);
      expect(Timeout).toBeLessThanOrEqual(900);
    }
    for (const { timeoutSeconds } of plan.queues) expect(timeoutSeconds).toBeGreaterThanOrEqual(31);
  });

  test("subscriptions have the filter policies of the app, raw delivery, and a net", () => {
    const compiled = filterPolicies(app);
    const found = all("AWS::SNS::Subscription").map(([, { Properties }]) => Properties);
    expect(found).toHaveLength(app.subscriptions.size);
    for (const [name, { policy }] of compiled) {
      const one = found.find(({ FilterPolicy }) => JSON.stringify(FilterPolicy) === JSON.stringify(policy));
      expect(one, name).toMatchObject({ RawMessageDelivery: true, FilterPolicyScope: "MessageAttributes" });
      expect(
        queues.get(idIn(((one ?? {})["RedrivePolicy"] as { deadLetterTargetArn: unknown }).deadLetterTargetArn)),
      ).toBeDefined();
    }
  });

  test("a subscription is made after the relay that knows its fields", () => {
    const [relay] = [...functions].find(([id]) => id.startsWith("Relay")) ?? [];
    for (const [, { DependsOn }] of all("AWS::SNS::Subscription")) expect(DependsOn).toContain(relay);
  });

  test("the topic keeps an order for each group", () => {
    const [[, topic] = []] = all("AWS::SNS::Topic");
    expect(topic?.Properties).toMatchObject({ FifoTopic: true, FifoThroughputScope: "MessageGroup" });
  });

  test("the relay gets inserted records only, one shard at a time, and what it cannot do within a day is kept", () => {
    const [mapping, ...others] = mappings.filter((each) => !ofQueues.includes(each));
    expect(others).toEqual([]);
    expect(mapping).toMatchObject({
      ParallelizationFactor: 1,
      BisectBatchOnFunctionError: true,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      MaximumRecordAgeInSeconds: 82_800,
    });
    const { Filters } = (mapping ?? {})["FilterCriteria"] as { Filters: { Pattern: string }[] };
    expect(Filters.map(({ Pattern }) => JSON.parse(Pattern))).toEqual([
      { eventName: ["INSERT"], dynamodb: { Keys: { sk: { S: [{ prefix: "r" }] } } } },
    ]);
    const { OnFailure } = (mapping ?? {})["DestinationConfig"] as { OnFailure: { Destination: unknown } };
    expect(queues.has(idIn(OnFailure.Destination))).toBe(true);
  });

  test("mappings of queues report single failures, and run as many at once as the app allows", () => {
    for (const { FunctionResponseTypes, BatchSize, ScalingConfig, FunctionName } of ofQueues) {
      expect(FunctionResponseTypes).toEqual(["ReportBatchItemFailures"]);
      expect(BatchSize).toBeLessThanOrEqual(10);
      const { MaximumConcurrency } = (ScalingConfig ?? {}) as { MaximumConcurrency?: number };
      const { ReservedConcurrentExecutions } = functions.get(idIn(FunctionName)) ?? {};
      expect(MaximumConcurrency ?? ReservedConcurrentExecutions).toBeGreaterThanOrEqual(1);
    }
  });

  test("each function has a role of its own, which may do no more than a list of actions on named resources", () => {
    const roles = [...functions.values()].map(({ Role }) => idIn(Role));
    expect(new Set(roles).size).toBe(functions.size);
    for (const { id, Action, Resource, Effect } of statements) {
      expect(Effect).toBe("Allow");
      for (const action of [Action].flat()) expect(action, id).not.toContain("*");
      for (const resource of [Resource].flat()) expect(resource, id).not.toBe("*");
    }
  });

  test("only the relay may publish, and only it and the timers' function may make schedules", () => {
    const may = (action: string): string[] =>
      [
        ...new Set(statements.filter(({ Action }) => [Action].flat().includes(action)).map(({ role }) => role)),
      ].toSorted();
    expect(may("sns:Publish").map((role) => role.replace(/[0-9A-F]{8}$/, ""))).toEqual(["RelayRole"]);
    expect(may("scheduler:CreateSchedule").map((role) => role.replace(/[0-9A-F]{8}$/, ""))).toEqual([
      "RelayRole",
      "TimersRole",
    ]);
  });

  test("functions run on arm64 and the newest Node.js of Lambda, with a log that is not kept for ever", () => {
    for (const [id, { Runtime, Architectures, LoggingConfig }] of functions) {
      expect([Runtime, Architectures], id).toEqual(["nodejs24.x", ["arm64"]]);
      const { LogGroup } = LoggingConfig as { LogGroup: unknown };
      expect(template.Resources[idIn(LogGroup)]?.Properties["RetentionInDays"], id).toBe(30);
    }
  });

  test("the table is on demand, can be restored to a point in time, streams, expires, and stays when the stack goes", () => {
    const [[, table] = []] = all("AWS::DynamoDB::Table");
    expect(table?.Properties).toMatchObject({
      BillingMode: "PAY_PER_REQUEST",
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      StreamSpecification: { StreamViewType: "NEW_IMAGE" },
      TimeToLiveSpecification: { AttributeName: "expires", Enabled: true },
      DeletionProtectionEnabled: true,
    });
    expect(table).toMatchObject({ DeletionPolicy: "Retain" });
    expect(table?.Properties["LocalSecondaryIndexes"]).toBeUndefined();
  });

  test("cron timers are schedules that send to the queue of timers, with a net", () => {
    const schedules = all("AWS::Scheduler::Schedule").map(([, { Properties }]) => Properties);
    expect(schedules).toHaveLength(plan.schedules.length);
    for (const [i, { expression, zone, message }] of plan.schedules.entries()) {
      expect(schedules[i]).toMatchObject({
        ScheduleExpression: expression,
        ScheduleExpressionTimezone: zone,
        Target: { Input: message, DeadLetterConfig: { Arn: expect.anything() as unknown } },
      });
    }
  });

  test("what a function says when it gives a message up is counted, with an alarm", () => {
    const filters = all("AWS::Logs::MetricFilter").map(([, { Properties }]) => Properties);
    expect(filters).toHaveLength(functions.size);
    const lines: string[] = [];
    createJsonLogger(
      "info",
      () => 0,
      (line) => lines.push(line),
    ).error({}, "x gives a message up (bad); it is among the dead letters");
    expect(JSON.parse(lines.join(""))).toMatchObject({
      level: "ERROR",
      message: expect.stringContaining("dead letters") as unknown,
    });
    for (const { FilterPattern } of filters) {
      expect(FilterPattern).toBe('{ ($.level = "ERROR") && ($.message = "*dead letters*") }');
    }
  });

  test("the interface is throttled", () => {
    const [[, stage] = []] = all("AWS::ApiGatewayV2::Stage");
    expect(stage?.Properties["DefaultRouteSettings"]).toEqual({
      ThrottlingRateLimit: 1_000,
      ThrottlingBurstLimit: 2_000,
    });
  });

  test("a stack has the same template each time", () => {
    expect(synthesise(join(folder, "again"), options)).toEqual(template);
  });
});

test.each(["Shop", "a", "shop_1", "-shop", "a".repeat(18), ""])("a deployment may not be called %j", (name) => {
  expect(() => checkName(name)).toThrow(/has to be 2 to 17/);
});
