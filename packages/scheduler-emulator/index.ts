import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fireOne, type Input, Refusal, type Schedule, scheduleOf } from "./schedules.ts";

export interface SchedulerOptions {
  /** Where SQS is: `http://127.0.0.1:<port>`. Targets are found there by the names in their ARNs. */
  readonly sqs: string;
  /** Schedule groups besides `default`. */
  readonly groups?: readonly string[];
  /** Epoch milliseconds. Default: this process's clock. */
  readonly now?: () => number;
  /** Sends by itself what is due, looking once a second. Default: only when `fire` is called. */
  readonly realTime?: boolean;
}

/** An EventBridge Scheduler of this process's own, in memory. */
export interface Scheduler {
  /** `http://127.0.0.1:<port>`; takes any credentials and any region. */
  readonly endpoint: string;
  /** Sends all that is due until then (default: now), in the order of its times; answers how many messages that was. */
  fire(until?: number): Promise<number>;
  /** Its schedules, by name: when each fires next (epoch milliseconds) and what it sends. */
  pending(): ReadonlyMap<string, { readonly next: number | undefined; readonly input: string | undefined }>;
  /** Ends it, and its schedules are gone. Repeatable. */
  stop(): Promise<void>;
}

/**
 * Starts the emulator on a free port of the loopback interface. It knows CreateSchedule, GetSchedule, DeleteSchedule,
 * ListSchedules, CreateScheduleGroup and GetScheduleGroup, and targets that are SQS queues.
 */
export async function startScheduler(options: SchedulerOptions): Promise<Scheduler> {
  // Looked up at each call: tests replace it.
  const { sqs, now = () => Date.now() } = options;
  const groups = new Set(["default", ...(options.groups ?? [])]);
  const schedules = new Map<string, Schedule>();

  function inGroup(group: string): string {
    if (groups.has(group)) return group;
    throw new Refusal(404, "ResourceNotFoundException", `Schedule group ${group} does not exist.`);
  }

  function found(name: string, group: string): Schedule {
    const schedule = schedules.get(`${inGroup(group)}/${name}`);
    if (schedule) return schedule;
    throw new Refusal(404, "ResourceNotFoundException", `Schedule ${name} does not exist.`);
  }

  function create(name: string, input: Input): object {
    const schedule = scheduleOf(name, input, now());
    const key = `${inGroup(schedule.GroupName)}/${name}`;
    if (schedules.has(key)) throw new Refusal(409, "ConflictException", `Schedule ${name} already exists.`);
    schedules.set(key, schedule);
    return { ScheduleArn: schedule.Arn };
  }

  function list(query: URLSearchParams): object {
    const { group, prefix, state, next, max } = {
      group: query.get("ScheduleGroup"),
      prefix: query.get("NamePrefix") ?? "",
      state: query.get("State"),
      next: Number(query.get("NextToken") ?? 0),
      max: Number(query.get("MaxResults") ?? 100),
    };
    const all = [...schedules.values()].filter(
      ({ Name, GroupName, State }) =>
        Name.startsWith(prefix) && (group === null || GroupName === group) && (state === null || State === state),
    );
    const Schedules = all.slice(next, next + max).map(({ Name, Arn, GroupName, State, Target, CreationDate }) => {
      return { Name, Arn, GroupName, State, Target: { Arn: Target.Arn }, CreationDate };
    });
    return { Schedules, ...(next + max < all.length && { NextToken: String(next + max) }) };
  }

  function answer(method: string, url: URL, body: string): object {
    const [, kind, name] = url.pathname.split("/").map(decodeURIComponent);
    const group = url.searchParams.get("groupName") ?? "default";
    const route = `${method} ${kind}${name === undefined ? "" : "/"}`;
    if (route === "POST schedules/") return create(name ?? "", JSON.parse(body) as Input);
    if (route === "GET schedules") return list(url.searchParams);
    if (route === "GET schedules/") {
      const { times: _times, next: _next, ...schedule } = found(name ?? "", group);
      return schedule;
    }
    if (route === "DELETE schedules/") {
      found(name ?? "", group);
      schedules.delete(`${group}/${name}`);
      return {};
    }
    if (route === "POST schedule-groups/") {
      if (groups.has(name ?? "")) throw new Refusal(409, "ConflictException", `Schedule group ${name} already exists.`);
      groups.add(name ?? "");
      return { ScheduleGroupArn: `arn:aws:scheduler:eu-central-1:000000000000:schedule-group/${name}` };
    }
    if (route === "GET schedule-groups/") return { Name: inGroup(name ?? ""), State: "ACTIVE" };
    throw new Refusal(400, "ValidationException", `This emulator does not know ${method} ${url.pathname}.`);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
    const send = (status: number, value: object, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
    };
    try {
      send(200, answer(request.method ?? "", new URL(request.url ?? "/", "http://127.0.0.1"), body));
    } catch (error) {
      const { name, message } = error as Error;
      send(error instanceof Refusal ? error.status : 500, { Message: message }, { "x-amzn-errortype": name });
    }
  }

  let turn: Promise<unknown> = Promise.resolve();

  async function fireAll(until: number): Promise<number> {
    for (let count = 0; ; count++) {
      const [first] = [...schedules]
        .filter(([, { next, State }]) => next !== undefined && next <= until && State === "ENABLED")
        .toSorted(([, a], [, b]) => (a.next ?? 0) - (b.next ?? 0));
      if (!first) return count;
      const [key, schedule] = first;
      const goesOn = await fireOne(sqs, schedule, schedule.next ?? until);
      if (!goesOn && schedule.ActionAfterCompletion === "DELETE") schedules.delete(key);
    }
  }

  /** One call at a time, or two of them would send the same. */
  function fire(until: number = now()): Promise<number> {
    const fired = turn.then(() => fireAll(until));
    turn = fired.catch(() => {});
    return fired;
  }

  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  // It listens on a TCP port, so it has one.
  const { port } = server.address() as AddressInfo;
  const ticking = options.realTime ? setInterval(() => void fire().catch(() => {}), 1_000).unref() : undefined;
  let stopped: Promise<void> | undefined;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    fire,
    pending: () =>
      new Map([...schedules.values()].map(({ Name, next, Target }) => [Name, { next, input: Target.Input }])),
    stop() {
      stopped ??= new Promise((resolve) => {
        clearInterval(ticking);
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return stopped;
    },
  };
}
