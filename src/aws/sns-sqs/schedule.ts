import { CreateScheduleCommand } from "@aws-sdk/client-scheduler";
import type { Parcel } from "../../core/broker/bus.ts";
import type { HoldfastError } from "../../core/errors.ts";
import { isoTime } from "../../core/runtime/system.ts";
import { sendableJson } from "./attributes.ts";
import { messageRefused } from "../../core/broker/bus-errors.ts";
import { token } from "../../core/broker/groups.ts";
import { translated } from "./errors.ts";
import type { SendPorts } from "./send.ts";

const minuteMs = 60_000;

/**
 * Leaves a message with EventBridge Scheduler, which sends it one to two minutes before its time: whoever gets it sends
 * it again for the rest. One schedule per id; that it is there already is as good. Never rejects.
 * Source: docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html (precision of 60 seconds)
 */
export async function schedule(
  { schedules, request }: Pick<SendPorts, "schedules" | "request">,
  consumer: string,
  { id, body, attributes = {}, notBefore = 0 }: Parcel,
): Promise<HoldfastError | undefined> {
  if (consumer !== "timers" || Object.keys(attributes).length > 0) {
    return messageRefused(
      `A message for ${consumer} is to wait for more than 15 minutes; only those for timers can, and without attributes.`,
    );
  }
  if (!schedules) {
    return messageRefused("A timer is to wait for more than 15 minutes, but the bus has no `schedules`.");
  }
  const { client, group, role, target, dead } = schedules;
  const minute = Math.floor(notBefore / minuteMs) * minuteMs - minuteMs;
  const command = new CreateScheduleCommand({
    Name: token(id),
    GroupName: group,
    ScheduleExpression: `at(${isoTime(minute).slice(0, "2026-01-01T00:00:00".length)})`,
    ScheduleExpressionTimezone: "UTC",
    FlexibleTimeWindow: { Mode: "OFF" },
    ActionAfterCompletion: "DELETE",
    Target: { Arn: target, RoleArn: role, Input: sendableJson(body), DeadLetterConfig: { Arn: dead } },
  });
  try {
    await request((how) => client.send(command, how));
    return undefined;
  } catch (error) {
    if (error instanceof Error && error.name === "ConflictException") return undefined;
    return translated(error, {
      name: `Schedule group "${group}"`,
      expected: "a group of EventBridge Scheduler in this account and region",
    });
  }
}
