import {
  createRuntime,
  formatKey,
  HoldfastError,
  isHoldfastError,
  type AppendResult,
  type CommandRequest,
  type Journal,
  type Outcome,
  type Runtime,
} from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createRandom, createVirtualSystem, type VirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import { decodeEntries } from "../../../src/core/journal/format.ts";
import { anonymous, busyApp, services, stream } from "../fixtures.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 2_000 : 200;
const instances = 3;
const clients = 6;
const commands = 8;

/** A store behind a bad network: answers are late or lost, writes land late, the SDK retries by itself, some calls fail. */
function faulty(inner: Journal, system: VirtualSystem, random: () => number): Journal {
  const delay = () => new Promise<void>((resolve) => void system.after(Math.floor(random() * 40), resolve));
  const failing = async <T>(work: () => Promise<T>): Promise<T> => {
    await delay();
    if (random() < 0.05) throw new HoldfastError("overloaded", "throttled", { retry: "later" });
    const result = await work();
    await delay();
    return result;
  };
  return {
    ...inner,
    keys:
      inner.keys.kind === "pages"
        ? { kind: "pages", load: (...args) => failing(() => loadPages(inner, args)) }
        : inner.keys,
    load: (...args) => failing(() => inner.load(...args)),
    record: (...args) => failing(() => inner.record(...args)),
    history: (...args) => failing(() => inner.history(...args)),
    saveSnapshot: (...args) => failing(() => inner.saveSnapshot(...args)),
    append: async (append): Promise<AppendResult> => {
      await delay();
      const fate = random();
      if (fate < 0.05) throw new HoldfastError("overloaded", "throttled", { retry: "later" });
      if (fate < 0.1) return "unknown";
      if (fate < 0.15) {
        // It lands after the caller has stopped waiting; nobody hears of it.
        system.after(Math.floor(random() * 20_000), () => void inner.append(append).catch(() => {}));
        return "unknown";
      }
      const result = await inner.append(append);
      await delay();
      if (fate < 0.2) return "unknown";
      if (fate < 0.25) throw new Error("socket hang up");
      if (fate < 0.35) return "taken";
      return result;
    },
  };
}

const loadPages = async (inner: Journal, args: Parameters<Extract<Journal["keys"], { kind: "pages" }>["load"]>) =>
  inner.keys.kind === "pages" ? inner.keys.load(...args) : [];

interface Answered {
  readonly key: string;
  readonly amount: number;
  readonly outcome: Outcome;
}

async function run(seed: number): Promise<{ answered: readonly Answered[]; journal: Journal; trace: string }> {
  const random = createRandom(seed);
  const system = createVirtualSystem({ seed: seed + 1 });
  const inner = createMemoryJournal();
  const start = (): Runtime =>
    createRuntime(busyApp, {
      journal: faulty(inner, system, random),
      system,
      services,
      limits: { settleMs: random() < 0.5 ? 0 : 500 },
    });
  const running = Array.from({ length: instances }, start);
  const answered: Answered[] = [];
  const accepted: { readonly request: CommandRequest; readonly outcome: Outcome }[] = [];
  const unequal: string[] = [];
  const resend = async (instance: Runtime, { request, outcome }: (typeof accepted)[number]): Promise<void> => {
    const again = await instance.execute(request).catch(() => undefined);
    if (again && JSON.stringify({ ...again, replayed: false }) !== JSON.stringify({ ...outcome, replayed: false })) {
      unequal.push(`${request.key}: ${JSON.stringify(outcome)}, then ${JSON.stringify(again)}`);
    }
  };
  let done = 0;
  const client = async (number: number): Promise<void> => {
    for (let n = 0; n < commands; n++) {
      const amount = 1 + Math.floor(random() * 20);
      const command = random() < 0.5 ? "deposit" : "withdraw";
      const key = random() < 0.5 ? `${number}-${n}` : formatKey(system.now(), `${number}-${n}`);
      for (;;) {
        const at = Math.floor(random() * instances);
        // A crash: the instance with all it knows is gone, another takes its place.
        if (random() < 0.05) running[at] = start();
        try {
          const request: CommandRequest = {
            entity: "account",
            id: "a",
            command,
            input: { amount },
            key,
            principal: anonymous,
          };
          const outcome = await (running[at] as Runtime).execute(request);
          answered.push({ key, amount: command === "deposit" ? amount : -amount, outcome });
          if (outcome.ok) accepted.push({ request, outcome });
          // Duplicates that were on their way all the time (a rejected one might succeed, and rightly so).
          const old = accepted[Math.floor(random() * accepted.length)];
          if (old && random() < 0.5) void resend(running[0] as Runtime, old);
          break;
        } catch (error) {
          if (!isHoldfastError(error) || error.retry !== "later") throw error;
          await new Promise<void>((resolve) => void system.after(1 + random() * 200, resolve));
        }
      }
    }
    done++;
  };
  const all = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  let failed: unknown;
  all.catch((error: unknown) => (failed = error));
  while (done < clients && failed === undefined) await system.clock.advance(100);
  await all;
  await system.clock.advance(60_000);
  expect(unequal, `seed ${seed}: equal answers`).toEqual([]);
  const records = await inner.history(stream, { after: 0, limit: 10_000 });
  return { answered, journal: inner, trace: JSON.stringify([answered, records]) };
}

test(`${seeds} seeds of lost answers, late writes, SDK retries, crashes and duplicates: every key once, every answer true`, async () => {
  let replays = 0;
  let stored = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const { answered, journal } = await run(seed);
    const records = await journal.history(stream, { after: 0, limit: 10_000 });
    const balances = new Map<string, { balance: number; version: number }>();
    let balance = 0;
    let version = 0;
    let previous = "";
    for (const [i, record] of records.entries()) {
      expect([record.sequence, record.previous], `seed ${seed}: dense and chained`).toEqual([i + 1, previous]);
      previous = record.id;
      for (const entry of decodeEntries(record)) {
        for (const { type, data } of entry.events ?? []) {
          const { amount } = data as { readonly amount: number };
          balance += type === "deposited" ? amount : -amount;
          version++;
        }
        expect(balance, `seed ${seed}: never overdrawn`).toBeGreaterThanOrEqual(0);
        expect(balances.has(entry.key ?? ""), `seed ${seed}: ${entry.key} once`).toBe(false);
        balances.set(entry.key ?? "", { balance, version });
      }
    }
    const accepted = answered.filter(({ outcome }) => outcome.ok);
    // A rejected command stores nothing, so everything stored was answered with success.
    expect(balances.size, `seed ${seed}: nothing lost, nothing more`).toBe(accepted.length);
    const told = accepted.map(({ outcome }) => [outcome.ok && outcome.reply, outcome.version]);
    const happened = [...balances.values()].map(({ balance, version }) => [{ balance }, version]);
    const sorted = (list: readonly (readonly unknown[])[]) => list.toSorted((a, b) => Number(a[1]) - Number(b[1]));
    expect(sorted(told), `seed ${seed}: every answer is what was stored`).toEqual(sorted(happened));
    replays += answered.filter(({ outcome }) => outcome.replayed).length;
    stored += accepted.length;
  }
  // The faults did happen, and so did the work.
  expect(replays).toBeGreaterThan(seeds / 2);
  expect(stored).toBeGreaterThan(seeds * 10);
}, 300_000);

test("a seed gives the same trace each time", async () => {
  expect((await run(7)).trace).toBe((await run(7)).trace);
});
