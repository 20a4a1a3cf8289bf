import { type Times, timesOf } from "./times.ts";
import { sendTo } from "./queue.ts";

/** What CreateSchedule takes, as far as it is heeded. */
export interface Input {
  readonly GroupName?: string;
  readonly ScheduleExpression: string;
  readonly ScheduleExpressionTimezone?: string;
  readonly State?: "ENABLED" | "DISABLED";
  /** Epoch seconds. */
  readonly StartDate?: number;
  readonly EndDate?: number;
  readonly FlexibleTimeWindow: { readonly Mode: string };
  readonly ActionAfterCompletion?: "NONE" | "DELETE";
  readonly Target: {
    readonly Arn: string;
    readonly RoleArn: string;
    readonly Input?: string;
    readonly DeadLetterConfig?: { readonly Arn?: string };
    readonly SqsParameters?: { readonly MessageGroupId?: string };
  };
}

export interface Schedule extends Input {
  readonly Name: string;
  readonly Arn: string;
  readonly GroupName: string;
  readonly State: "ENABLED" | "DISABLED";
  /** Epoch seconds. */
  readonly CreationDate: number;
  readonly times: Times;
  /** When it fires next, epoch milliseconds. */
  next: number | undefined;
}

/** An answer that is an error, by the service's name for it. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, name: string, message: string) {
    super(message);
    this.status = status;
    this.name = name;
  }
}

/** @throws Refusal `ValidationException` */
export function scheduleOf(name: string, input: Input, now: number): Schedule {
  const {
    GroupName = "default",
    ScheduleExpressionTimezone: zone = "UTC",
    State = "ENABLED",
    StartDate,
    Target,
  } = input;
  const invalid = (message: string): Refusal => new Refusal(400, "ValidationException", message);
  if (!/^[\w.-]{1,64}$/.test(name)) throw invalid(`The name ${name} is not 1 to 64 of [0-9a-zA-Z-_.].`);
  if (!["OFF", "FLEXIBLE"].includes(input.FlexibleTimeWindow?.Mode)) throw invalid("FlexibleTimeWindow has no Mode.");
  if (!/^arn:[\w-]+:sqs:/.test(Target?.Arn ?? ""))
    throw invalid("Target.Arn is not the ARN of an SQS queue; this emulator knows no others.");
  if (!/^arn:[\w-]+:iam:/.test(Target.RoleArn ?? "")) throw invalid("Target.RoleArn is not the ARN of a role.");
  // Source: the documentation of Target in the API reference.
  if (Target.Arn.endsWith(".fifo") !== (Target.SqsParameters?.MessageGroupId !== undefined)) {
    throw invalid("A FIFO queue needs a MessageGroupId, and no other queue takes one.");
  }
  const start = StartDate === undefined ? now : StartDate * 1_000;
  let times: Times;
  try {
    times = timesOf(input.ScheduleExpression, zone, start);
  } catch (error) {
    throw invalid(String(error));
  }
  const isOnce = input.ScheduleExpression.startsWith("at(");
  return {
    ...input,
    Name: name,
    Arn: `arn:aws:scheduler:eu-central-1:000000000000:schedule/${GroupName}/${name}`,
    GroupName,
    State,
    CreationDate: now / 1_000,
    times,
    next: bounded(times(isOnce ? 0 : start), input),
  };
}

/** Sends what the schedule is to send at its time, and moves it on; false: it has no further time. */
export async function fireOne(sqs: string, schedule: Schedule, at: number): Promise<boolean> {
  const { Target, times } = schedule;
  const body = (Target.Input ?? "{}")
    .replaceAll("<aws.scheduler.scheduled-time>", new Date(at).toISOString().replace(/\.\d+Z$/, "Z"))
    .replaceAll("<aws.scheduler.schedule-arn>", schedule.Arn);
  const group = Target.SqsParameters?.MessageGroupId;
  try {
    await sendTo(sqs, Target.Arn, { MessageBody: body, ...(group !== undefined && { MessageGroupId: group }) });
  } catch (error) {
    const dead = Target.DeadLetterConfig?.Arn;
    if (dead === undefined) throw error;
    const { name, message } = error as Error;
    const attribute = (StringValue: string) => ({ DataType: "String", StringValue });
    const MessageAttributes = { ERROR_CODE: attribute(name), ERROR_MESSAGE: attribute(message) };
    await sendTo(sqs, dead, { MessageBody: body, MessageAttributes });
  }
  schedule.next = schedule.ScheduleExpression.startsWith("at(") ? undefined : bounded(times(at + 1), schedule);
  return schedule.next !== undefined;
}

function bounded(time: number | undefined, { EndDate }: Pick<Input, "EndDate">): number | undefined {
  return time !== undefined && (EndDate === undefined || time <= EndDate * 1_000) ? time : undefined;
}
