import { accept, holdfast, isHoldfastError, on, reject } from "holdfast";
import { simulate, type FinalWorld, type SimulationFailure, type Step } from "holdfast/simulation";
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

test("an invariant may throw, return what is wrong, or a promise of that", async () => {
  for (const [invariant, message] of [
    [() => false, "It does not hold."],
    [() => "two seats are missing", "two seats are missing"],
    [() => "", 'It answers "" instead of true.'],
    [() => ["seat 1"], 'It answers ["seat 1"] instead of true.'],
    [() => new Error("no seats"), "no seats"],
    [() => null, "It answers null instead of true."],
    [() => Promise.resolve(false), "It does not hold."],
    [() => Promise.reject(new Error("later")), "later"],
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

test("an invariant holds that returns true, nothing, or a promise of that", async () => {
  const invariants = { a: () => true, b: () => {}, c: () => Promise.resolve(true), d: async () => {} };
  expect(await simulate(app, { ...world, seeds: 1, invariants })).toMatchObject({ seeds: 1 });
});

test("an invariant is not shrunk to where it says something else", async () => {
  const invariants = {
    "both are sold out": ({ entities }: FinalWorld) => {
      const versions = entities(cinema).map(({ version }) => version);
      if (versions.length < 2) return "there is nothing to see";
      return `sold are ${versions.join(" and ")}`;
    },
  };
  const failure = await failureOf(simulate(app, { ...world, faults: "none", invariants }));
  expect(failure.violations[0]?.message).toBe("sold are 1 and 1");
  expect(failure.replay.split(" ")).toHaveLength(3);
});

test("an invariant is not shrunk to a world in which nobody does anything", async () => {
  const invariants = {
    "a cinema has four seats": ({ entities }: FinalWorld) => entities(cinema).some(({ version }) => version > 3),
  };
  const failure = await failureOf(simulate(app, { ...world, faults: "none", invariants }));
  expect(failure.replay).toMatch(/^1 c\d+\.\d+$/);
});

test("what breaks without any step or fault is replayed without any", async () => {
  const invariants = {
    "nobody starts": ({ outside }: { readonly outside: readonly string[] }) => outside.length === 0,
  };
  const counting = {
    ...world,
    services: (sent: string[]): Services => {
      sent.push("start");
      return { mail: { send: async () => {} } };
    },
    step: () => {
      throw new Error("a step was made");
    },
  };
  const failure = await failureOf(simulate(app, { ...counting, replay: "1 -", invariants }));
  expect(failure.violations).toEqual([{ checker: "invariant nobody starts", message: "It does not hold." }]);
  expect(failure.replay).toBe("1 -");
});

test("services that cannot be made for an instance end the world with what they throw", async () => {
  // The fourth is the one that follows the first crash.
  const services = (made: string[]): Services => {
    if (made.push("made") === 4) throw new Error("no mail today");
    return { mail: { send: async () => {} } };
  };
  const failure = await failureOf(
    simulate(app, { ...world, steps: 40, faults: { crash: 0.05 }, shrinkMax: 0, services }),
  );
  expect(failure.violations).toMatchObject([
    { checker: "step", message: expect.stringContaining("no mail today") as unknown },
  ]);
});

test("a world in which a worker and its entities belong to another tenant keeps its promises", async () => {
  const guests = h.worker("guests", {
    queue: "guests",
    input: z.object({ who: z.string() }),
    tenant: "acme",
    handle: async ({ who }, { call }) => void (await call(cinema, "three").book({ who })),
  });
  const both = h.app({ entities: [cinema], subscriptions: [letters], workers: [guests] });
  const { entries } = await simulate(both, {
    ...world,
    seeds: 5,
    step: ({ send, client }) => send("guests", { who: `${client}` }),
    invariants: { "it has guests": ({ entities }) => entities(cinema).some(({ version }) => version > 0) },
  });
  expect(entries).toBeGreaterThan(0);
});

test("requests that are refused for their key or id are no broken promise", async () => {
  const { answers } = await simulate(app, {
    ...world,
    seeds: 1,
    faults: "none",
    step: async ({ call, client }) => {
      if (client === 1) await call(cinema, "one", { key: "k".repeat(300) }).book({ who: "me" });
      else await call(cinema, "").book({ who: "me" });
    },
  });
  expect(answers).toEqual({ "invalid-idempotency-key": 4, "invalid-id": 16 });
});

test("the report tells what steps were told", async () => {
  const { answers } = await simulate(app, { ...world, seeds: 2, faults: "none" });
  // Two cinemas of three seats each, in two worlds.
  expect(answers).toEqual({ ok: 12, full: 28 });
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

test.each([
  ["a queue that no worker reads", (step: Step) => step.send("nowhere", {})],
  ["a choice of nothing", (step: Step) => step.pick([])],
  ["a time that is none", (step: Step) => step.sleep(NaN)],
])("a step that asks for %s ends the world, too", async (_what, step) => {
  const failure = await failureOf(simulate(app, { ...world, shrinkMax: 0, step }));
  expect(failure.violations[0]?.checker).toBe("step");
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

test("a world that is another one the second time has broken no promise: chance in a step comes first", async () => {
  let runs = 0;
  const invariants = { "never twice": () => ++runs % 2 === 0 };
  const work = simulate(app, { ...world, faults: "none", invariants });
  await expect(work).rejects.toThrow("was another world the second time");
});

test("one more step is made when nothing fails any more", async () => {
  const worlds: number[] = [];
  const { answers } = await simulate(app, {
    ...world,
    seeds: 5,
    step: ({ sleep }) => sleep(1),
    afterwards: async ({ client, call }) => {
      worlds.push(client);
      await call(cinema, "last").book({ who: "me" });
    },
  });
  // The first world is run twice.
  expect(worlds).toEqual([0, 0, 0, 0, 0, 0]);
  expect(answers).toEqual({ ok: 5 });
});

test.each(["i1.append#3", "", " ", "x", "1.5", "-1", "1 nonsense", "1 c1", "1 - c1.1"])(
  "the replay %j is refused",
  async (replay) => {
    await expect(simulate(app, { ...world, replay })).rejects.toMatchObject({ code: "invalid-options" });
  },
);

test.each([
  ["no seeds", { seeds: 0 }],
  ["a negative number of seeds", { seeds: -1 }],
  ["NaN seeds", { seeds: NaN }],
  ["a text for seeds", { seeds: "2" }],
  ["a seed that is none", { from: 0.5 }],
  ["NaN clients", { clients: NaN }],
  ["no steps", { steps: 0 }],
  ["no instances", { instances: 0 }],
  ["a fault that is none", { faults: { crsh: 1 } }],
  ["a chance above 1", { faults: { crash: 2 } }],
  ["chances that exceed 1 together", { faults: { crash: 0.6, lost: 0.6 } }],
  ["a text for faults", { faults: "all" }],
  ["a clock that is off by an hour", { faults: { skewMs: 3_600_000 } }],
  ["an unknown limit", { limits: { keyz: 1 } }],
  ["a limit that is none", { limits: { groupMax: 0 } }],
  ["an invariant that is no function", { invariants: { never: false } }],
  ["an unknown option", { seed: 1 }],
  ["something that is no app as the next one", { next: {} }],
  ["no step", { step: undefined }],
])("%s: refused before anything runs", async (_what, options) => {
  // What TypeScript would not let through.
  const given = { ...world, ...options } as typeof world;
  await expect(simulate(app, given)).rejects.toMatchObject({ code: "invalid-options" });
});

test("no options, and no app, are refused as such", async () => {
  await expect(simulate(app, undefined as unknown as typeof world)).rejects.toMatchObject({ code: "invalid-options" });
  await expect(simulate({} as typeof app, world)).rejects.toMatchObject({ code: "invalid-options" });
});
