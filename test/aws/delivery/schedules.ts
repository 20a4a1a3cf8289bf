import { CreateScheduleCommand, DeleteScheduleCommand, type SchedulerClient } from "@aws-sdk/client-scheduler";
import type { Scheduler } from "@holdfast/scheduler-emulator";
import type { AwsPlan } from "holdfast/aws/plan";

/** Epoch milliseconds. */
export interface Times {
  readonly now: number;
  /** What schedules have sent before it is not kept any more. */
  readonly kept: number;
}

interface Target {
  readonly group: string;
  readonly role: string;
  /** ARN of the queue. */
  readonly target: string;
}

/** Makes the schedules of the cron timers of a plan, and takes those away that it does not have. */
export function createSchedules(client: SchedulerClient, scheduler: Scheduler, { group, role, target }: Target) {
  /** By name, the expression. */
  const made = new Map<string, string>();

  return async ({ schedules }: AwsPlan, { kept, now }: Times): Promise<void> => {
    const wanted = new Map(schedules.map((one, i) => [`${one.timer}-${i}`, one]));
    const starts = new Map<string, number>();
    for (const [Name, is] of made) {
      const isSame = wanted.get(Name)?.expression === is;
      if (isSame && (scheduler.pending().get(Name)?.next ?? 0) >= kept) {
        wanted.delete(Name);
      } else {
        made.delete(Name);
        if (isSame) starts.set(Name, kept);
        await client.send(new DeleteScheduleCommand({ Name, GroupName: group }));
      }
    }
    for (const [Name, { expression, zone, message }] of wanted) {
      made.set(Name, expression);
      await client.send(
        new CreateScheduleCommand({
          Name,
          GroupName: group,
          ScheduleExpression: expression,
          ScheduleExpressionTimezone: zone,
          // Not for this very moment.
          StartDate: new Date((starts.get(Name) ?? now) + 1_000),
          FlexibleTimeWindow: { Mode: "OFF" },
          Target: { Arn: target, RoleArn: role, Input: message },
        }),
      );
    }
  };
}
