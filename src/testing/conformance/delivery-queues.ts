import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { App } from "../../core/app.ts";
import { isoTime } from "../../core/runtime/system.ts";
import {
  dead,
  h,
  hour,
  leasePast,
  minute,
  newServices,
  pass,
  redriveAll,
  schemaOf,
  sumIs,
  total,
  type Services,
} from "./delivery-app.ts";
import type { DeliveryCase } from "./delivery-case.ts";
import { numbers } from "./fixtures.ts";
import { eventually } from "./wait.ts";

interface Row {
  readonly id: string;
  readonly n: number;
}

const imports = h.worker("imports", {
  queue: "imports",
  input: schemaOf<Row>((row) => typeof row?.n === "number"),
  key: (row) => row.id,
  authorize: (row) => row.n < 100_000,
  maxAttempts: 2,
  handle: async (row, { call, services, message, attempt }) => {
    services.seen.push(`${row.id} ${message.id}`);
    await services.act(`${row.id}/${attempt}`);
    await call(total, "all").count({ n: row.n });
  },
});

const working = h.app({ entities: [total], workers: [imports] });

interface Ticking {
  readonly missed?: "latest" | "skip";
  readonly cron?: string;
  readonly zone?: string;
  readonly fails?: () => boolean;
}

function ticking({ fails = () => false, cron = "0 * * * *", ...rest }: Ticking = {}): App<unknown, Services> {
  const hourly = h.timer("hourly", {
    cron,
    ...rest,
    maxAttempts: 2,
    handle: async ({ tick, services, call }) => {
      services.seen.push(isoTime(tick).slice(5, 16));
      await call(total, "all").count({ n: 1 });
      if (fails()) throw new Error("no");
    },
  });
  return h.app({ entities: [total], timers: [hourly] });
}

/** 2026-03-28T12:00:00Z and 2026-10-24T12:00:00Z: the clocks of Vienna change in the night that follows. */
const spring = 1_774_699_200_000;
const autumn = 1_792_843_200_000;

const missedTicks = (missed: "latest" | "skip", expected: readonly string[]): DeliveryCase => ({
  name: `cron: of missed ticks ${missed === "latest" ? "the latest is made up for" : "none is made up for"}: ${missed}`,
  async run({ start }) {
    const services = newServices();
    const one = await start(ticking({ missed }), { services });
    await pass(one, hour, 15 * minute);
    await one.close();
    const now = one.clock.now() + 9.5 * hour;
    const two = await start(ticking({ missed }), { services, seed: 2, now });
    await two.delivered();
    await pass(two, hour / 2, 10 * minute);
    deepEqual(services.seen, expected);
  },
});

/** What comes from outside: queues' messages, and the time. */
export const queueCases: readonly DeliveryCase[] = [
  {
    name: "workers: equal keys have one effect, whichever message brings them",
    async run({ start }) {
      const services = newServices();
      const run = await start(working, { services });
      await run.send("imports", { id: "r1", n: 1 }, { id: "m1" });
      await run.send("imports", { id: "r1", n: 1 }, { id: "m2" });
      await run.delivered();
      await pass(run, 24 * hour, hour);
      await run.send("imports", { id: "r1", n: 1 }, { id: "m3" });
      await run.delivered();
      deepEqual(services.seen.toSorted(), ["r1 m1", "r1 m2", "r1 m3"]);
      await sumIs(run, { sum: 1, count: 1 });
    },
  },
  {
    name: "workers: what is malformed or not allowed is dead-lettered with the reason",
    async run({ start }) {
      const run = await start(working, { services: newServices() });
      await run.send("imports", { id: "r1" });
      await run.send("imports", { id: "r2", n: 100_000 });
      await run.journal.send("queue:imports", [{ name: "m", body: "{not json", created: run.clock.now() }]);
      await run.delivered();
      const letters = await dead(run);
      deepEqual(letters.map(({ reason }) => reason.code).toSorted(), [
        "forbidden",
        "malformed-json",
        "validation-failed",
      ]);
      equal(letters.find(({ name }) => name === "m")?.body, "{not json");
      await rejects(run.send("imports", "x".repeat(300_000)), { code: "message-too-large" });
    },
  },
  {
    name: "workers: a message that fails is tried again, then dead; redriven, it has its effect",
    async run({ start }) {
      const services = newServices((what) => {
        if (what.startsWith("bad/")) throw new Error("no");
      });
      const run = await start(working, { services });
      await run.send("imports", { id: "bad", n: 1 }, { id: "m1" });
      await run.send("imports", { id: "good", n: 2 }, { id: "m2" });
      await run.delivered();
      await sumIs(run, { sum: 2, count: 1 });
      await pass(run, 2_000);
      deepEqual(
        (await dead(run)).map(({ consumer, name, failures }) => [consumer, name, failures.attempts]),
        [["queue:imports", "m1", 2]],
      );
      services.act = () => {};
      await redriveAll(run);
      await run.delivered();
      await sumIs(run, { sum: 3, count: 2 });
      deepEqual([await dead(run), services.seen.length], [[], 4]);
    },
  },
  {
    name: "workers: thousands of messages that wait when it starts are handled, without anybody asking",
    async run({ start }) {
      const before = await start(h.app({ entities: [total] }), { services: newServices() });
      await Promise.all(numbers(1, 3_000).map((n) => before.send("imports", { id: `r${n}`, n: 1 }, { id: `m${n}` })));
      await before.close();
      const services = newServices();
      const run = await start(working, { services, seed: 2, now: before.clock.now() + 1_000 });
      await eventually(() => services.seen.length >= 3_000, "three thousand messages");
      await run.delivered();
      equal(new Set(services.seen).size, 3_000);
      await sumIs(run, { sum: 3_000, count: 3_000 });
      deepEqual((await run.journal.due("queue:imports", { now: run.clock.now(), limit: 9 })).messages, []);
    },
  },
  {
    name: "workers: those that wait are read as there is room for them, not all at once",
    needs: ["faults"],
    async run({ start }) {
      const before = await start(h.app({ entities: [total] }), { services: newServices() });
      await Promise.all(numbers(1, 5_000).map((n) => before.send("imports", { id: `r${n}`, n: 1 }, { id: `m${n}` })));
      await before.close();
      let largest = 0;
      let release = (): void => {};
      const held = new Promise<void>((resolve) => void (release = resolve));
      const services = newServices(() => held);
      const run = await start(working, {
        services,
        seed: 2,
        now: before.clock.now() + 1_000,
        through: (store) => ({
          ...store,
          async due(consumer, range) {
            const due = await store.due(consumer, range);
            largest = Math.max(largest, due.messages.length);
            return due;
          },
        }),
      });
      // Each message that comes makes it look again.
      for (const n of numbers(1, 60)) await run.send("imports", { id: `s${n}`, n: 1 }, { id: `s${n}` });
      await eventually(() => services.seen.length > 0, "the first one");
      for (const _ of numbers(1, 20)) await run.clock.advance(100);
      ok(largest <= 4_096, `${largest} messages were read at once`);
      release();
      await run.delivered();
      equal(services.seen.length, 5_060);
    },
  },
  {
    name: "workers: a message that its process has not finished is handled by the next one",
    needs: ["owner"],
    async run({ start }) {
      const slow = newServices(() => new Promise(() => {}));
      const one = await start(working, { services: slow });
      await one.send("imports", { id: "r1", n: 1 }, { id: "m1" });
      await eventually(() => slow.seen.length === 1, "the handler");
      const services = newServices();
      const two = await start(working, { services, seed: 2, now: one.clock.now() + leasePast });
      await two.delivered();
      deepEqual(services.seen, ["r1 m1"]);
      await sumIs(two, { sum: 1, count: 1 });
    },
  },
  {
    name: "cron: a tick happens once, with two instances too",
    async run({ start }) {
      const services = newServices();
      const one = await start(ticking(), { services });
      const two = await start(ticking(), { services, seed: 2 });
      for (let i = 0; i < 12; i++) {
        await Promise.all([one.clock.advance(hour / 4), two.clock.advance(hour / 4)]);
        await one.delivered();
        await two.delivered();
      }
      deepEqual(services.seen, ["01-01T01:00", "01-01T02:00", "01-01T03:00"]);
      await sumIs(one, { sum: 3, count: 3 });
    },
  },
  missedTicks("latest", ["01-01T01:00", "01-01T10:00", "01-01T11:00"]),
  missedTicks("skip", ["01-01T01:00", "01-01T11:00"]),
  {
    name: "cron: a tick that fails for good is a dead letter, the next one comes, and a redrive runs it as it was",
    async run({ start }) {
      let failing = true;
      const services = newServices();
      const run = await start(ticking({ fails: () => failing }), { services });
      await pass(run, hour, 10 * minute);
      await pass(run, 2_000);
      failing = false;
      await pass(run, hour, 10 * minute);
      const letters = await dead(run);
      deepEqual(
        letters.map(({ consumer, failures }) => [consumer, failures.attempts]),
        [["timer:hourly", 2]],
      );
      await redriveAll(run);
      await run.delivered();
      await pass(run, hour, 10 * minute);
      deepEqual(services.seen, ["01-01T01:00", "01-01T01:00", "01-01T02:00", "01-01T01:00", "01-01T03:00"]);
      await sumIs(run, { sum: 3, count: 3 });
    },
  },
  {
    name: "cron: a changed schedule takes the place of the old one",
    async run({ start }) {
      const services = newServices();
      const one = await start(ticking({ cron: "0 12 * * *" }), { services });
      await one.delivered();
      await one.close();
      const two = await start(ticking({ cron: "30 * * * *" }), { services, seed: 2 });
      await two.delivered();
      await pass(two, hour, 10 * minute);
      await two.close();
      const three = await start(ticking({ cron: "0 6 * * *" }), { services, seed: 3, now: two.clock.now() });
      await three.delivered();
      await pass(three, 6 * hour, 30 * minute);
      deepEqual(services.seen, ["01-01T00:30", "01-01T06:00"]);
    },
  },
  {
    name: "cron: daylight saving time, both ways, in a zone of its own",
    async run({ start }) {
      const services = newServices();
      const app = ticking({ cron: "30 2 * * *", zone: "Europe/Vienna" });
      for (const now of [spring, autumn]) {
        const run = await start(app, { services, now, seed: now });
        await run.delivered();
        await pass(run, 48 * hour, 15 * minute);
        await run.close();
        services.seen.push("|");
      }
      // The second run makes up for the latest tick of the summer that it has missed.
      const after = services.seen.filter((tick) => !tick.startsWith("10-24"));
      deepEqual(after, ["03-29T01:00", "03-30T00:30", "|", "10-25T00:30", "10-26T01:30", "|"]);
    },
  },
];
