import { CfnOutput, type Stack } from "aws-cdk-lib";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnSchedule, CfnScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import type { DeploymentOptions } from "./options.ts";
import { idOf, type Queues } from "./queues.ts";

export interface Schedules {
  readonly group: CfnScheduleGroup;
  /** What the scheduler may do: send to the queue `timers` and its dead-letter queue. */
  readonly role: Role;
}

/** The app's cron timers, and the group of one-time schedules that functions make for entities' timers. */
export function createSchedules(stack: Stack, { plan }: DeploymentOptions, queues: Queues): Schedules {
  const { queue, dead } = queues.of("timers");
  const group = new CfnScheduleGroup(stack, "Schedules", { name: `${stack.stackName}-timers` });
  const role = new Role(stack, "SchedulerRole", {
    assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
      conditions: { StringEquals: { "aws:SourceAccount": stack.account } },
    }),
    description: "Sends that timers may be due",
  });
  role.addToPolicy(new PolicyStatement({ actions: ["sqs:SendMessage"], resources: [queue.queueArn, dead.queueArn] }));
  for (const [i, { timer, expression, zone, message }] of plan.schedules.entries()) {
    new CfnSchedule(stack, `${idOf(`timer:${timer}`)}Schedule${i}`, {
      groupName: group.ref,
      scheduleExpression: expression,
      scheduleExpressionTimezone: zone,
      flexibleTimeWindow: { mode: "OFF" },
      target: {
        arn: queue.queueArn,
        roleArn: role.roleArn,
        input: message,
        deadLetterConfig: { arn: dead.queueArn },
        retryPolicy: { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 },
      },
    });
  }
  new CfnOutput(stack, "ScheduleGroup", { value: group.ref });
  return { group, role };
}
