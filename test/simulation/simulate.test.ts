import { accept, holdfast, isHoldfastError, on, reject } from "holdfast";
import { simulate, type SimulationFailure } from "holdfast/simulation";
import { expect, test } from "vitest";
import * as z from "zod";

interface Services {
  readonly mail: { send(to: string): Promise<void> };
}

const h = holdfast<Services>();

/** Seats of a cinema, and letters to those who have one. */
const cinema = h
  .entity("cinema", {
    initial: () => ({ taken: 0 }),
    events: { booked: z.object({ who: z.string() }) },
    evolve: { booked: ({ taken }) => ({ taken: taken + 1 }) },
  })
  .command("book", {
    input: z.object({ who: z.string() }),
    decide: ({ taken }, { who }, { events }) =>
      taken < 3
        ? accept(events.booked({ who }), { reply: { seat: taken + 1 } })
        : reject("full", "All seats are taken."),
  });

const letters = h.subscription("letters", {
  to: [on(cinema.events.booked)],
  handle: async (event, { services }) => services.mail.send(event.data.who),
});

const app = h.app({ entities: [cinema], subscriptions: [letters] });
const step = async ({
  call,
  client,
  pick,
  step,
}: Parameters<Parameters<typeof simulate<Services, string[]>>[1]["step"]>[0]) => {
  await call(cinema, pick(["one", "two"])).book({ who: `${client}-${step}` });
};
const world = {
  clients: 5,
  steps: 4,
  outside: (): string[] => [],
  services: (sent: string[], unreliable: <T extends object>(name: string, service: T) => T): Services => ({
    mail: unreliable("mail", { send: async (to: string) => void sent.push(to) }),
  }),
  step,
};

async function failureOf(work: Promise<unknown>): Promise<SimulationFailure & { readonly message: string }> {
  try {
    await work;
  } catch (error) {
    if (!isHoldfastError(error, "simulation-failed")) throw error;
    return { ...(error.details as SimulationFailure), message: error.message };
  }
  throw new Error("Nothing failed.");
}

test("an app that keeps its promises passes, and the report says what was done", async () => {
  const worlds: number[] = [];
  const report = await simulate(app, {
    ...world,
    seeds: 10,
    from: 5,
    onWorld: ({ seed }) => worlds.push(seed),
    invariants: { "no seat is sold twice": ({ entities }) => entities(cinema).every(({ version }) => version <= 3) },
  });
  expect(report.seeds).toBe(10);
  expect(worlds).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  expect(report.requests).toBeGreaterThan(100);
});

test("a wrong invariant is refuted, with the shortest world that does it and the way to see it again", async () => {
  // Delivery is at least once: whoever thinks otherwise is told.
  const invariants = {
    "each letter is sent once": ({ outside }: { readonly outside: readonly string[] }) =>
      new Set(outside).size === outside.length,
  };
  const failure = await failureOf(simulate(app, { ...world, seeds: 50, invariants }));
  expect(failure.violations.map(({ checker }) => checker)).toEqual(["invariant each letter is sent once"]);
  // Of twenty bookings and a dozen faults only those on the letter's way.
  const [, ...needed] = failure.replay.split(" ");
  expect(needed.length).toBeGreaterThanOrEqual(2);
  expect(needed.length).toBeLessThanOrEqual(8);
  expect(failure.message).toContain(`replay: ${JSON.stringify(failure.replay)}`);
  expect(failure.lines.some((line) => line.includes("fault"))).toBe(true);
  expect(failure.lines.some((line) => line.includes("cinema") && line.includes("book"))).toBe(true);
  const again = await failureOf(simulate(app, { ...world, invariants, replay: failure.replay }));
  expect(again.violations).toEqual(failure.violations);
  expect(again.lines).toEqual(failure.lines);
});

test("without faults nothing happens twice", async () => {
  const report = await simulate(app, {
    ...world,
    seeds: 10,
    faults: "none",
    invariants: { "each letter is sent once": ({ outside }) => new Set(outside).size === outside.length },
  });
  expect(report.faults).toEqual({});
});

test("an invariant may throw, return false or say what is wrong", async () => {
  for (const [invariant, message] of [
    [() => false, "It does not hold."],
    [() => "two seats are missing", "two seats are missing"],
    [
      () => {
        throw new Error("oh");
      },
      "oh",
    ],
  ] as const) {
    const failure = await failureOf(simulate(app, { ...world, shrinkMax: 0, invariants: { never: invariant } }));
    expect(failure.violations).toEqual([{ checker: "invariant never", message }]);
  }
});

test("a step that throws an error of its own ends the world with it", async () => {
  const failure = await failureOf(
    simulate(app, {
      ...world,
      shrinkMax: 0,
      step: () => {
        throw new Error("my own mistake");
      },
    }),
  );
  expect(failure.violations[0]?.checker).toBe("step");
  expect(failure.violations[0]?.message).toContain("my own mistake");
});

test("whoever waits for the world outside is told", async () => {
  const failure = await failureOf(
    simulate(app, { ...world, shrinkMax: 0, faults: "none", steps: 1, step: () => new Promise(() => {}) }),
  );
  expect(failure.violations[0]?.checker).toBe("rest");
});

test("an app that uses a clock of its own is found out", async () => {
  let runs = 0;
  await expect(
    simulate(app, {
      ...world,
      faults: "none",
      step: async ({ call }) => void (await call(cinema, `${++runs}`).book({ who: "me" })),
    }),
  ).rejects.toThrow("was another world the second time");
});

test("a replay that names no seed is refused", async () => {
  await expect(simulate(app, { ...world, replay: "i1.append#3" })).rejects.toMatchObject({ code: "invalid-options" });
});
