import type { Mutant, Patch } from "./mutants.ts";

const one = (file: string, find: string, replace: string): readonly Patch[] => [{ file, find, replace }];

/** Broken code on the way through a broker, which the simulator must notice where its target is one. */
export const brokerMutants: readonly Mutant[] = [
  {
    name: "relay: what the broker does not take is passed over",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered", "sends"],
    patches: one(
      "core/broker/relay.ts",
      "else if (committed) refused(lane, committed, error);",
      "else if (committed) lane.rest?.shift();",
    ),
  },
  {
    name: "relay: what the broker does not take goes behind later records of its entity",
    app: "random",
    seeds: 60,
    caughtBy: ["ordered"],
    patches: one(
      "core/broker/relay.ts",
      "else if (committed) refused(lane, committed, error);",
      "else if (committed) { lane.records.push(...lane.records.splice(0, 1)); lane.rest = undefined; }",
    ),
  },
  {
    name: "relay: a batch is reported as relayed though some of it is not",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered", "sends"],
    patches: one("core/broker/relay.ts", "return records.filter(({ record }) => left.has(record));", "return [];"),
  },
  {
    name: "relay: two events of a record have one id",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered"],
    patches: one(
      "core/broker/outbox.ts",
      "const { id, type } = envelope;",
      "const { type } = envelope; const { id } = record;",
    ),
  },
  {
    name: "relay: two messages of a command have one id",
    app: "random",
    seeds: 60,
    caughtBy: ["sends"],
    patches: one(
      "core/broker/outbox.ts",
      "parcel: { stream, id: `${entry.id}-m${place}`, body }",
      "parcel: { stream, id: `${entry.id}-m${place > 0}`, body }",
    ),
  },
  {
    name: "relay: of the fields that filters compare only texts are carried",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered"],
    patches: one("core/broker/outbox.ts", "if (value !== undefined) fields", 'if (typeof value === "string") fields'),
  },
  {
    name: "receiver: a message is done before its handler has run",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered", "ordered"],
    patches: one(
      "core/broker/receive.ts",
      "again ?? (await handle(message).catch((error: unknown) => unhandled(message, error)));",
      "again ?? (void handle(message).catch((error: unknown) => unhandled(message, error)), done);",
    ),
  },
  {
    name: "receiver: a group goes on behind one that has failed",
    app: "random",
    seeds: 20,
    caughtBy: ["ordered"],
    patches: one("core/broker/receive.ts", 'if (outcome.kind === "again") again = outcome;', ""),
  },
  {
    name: "receiver: messages of a group are handled side by side",
    app: "random",
    seeds: 20,
    caughtBy: ["ordered"],
    patches: one("core/broker/receive.ts", "const { group = message } = message;", "const group = message;"),
  },
  {
    name: "receiver: failures are not counted, so poison is never given up",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered", "rest"],
    patches: one(
      "core/broker/receive.ts",
      "await failures.saveFailures(consumer, id, count, count.since + policy.maxAgeMs + dayMs);",
      "void count; void id; void policy;",
    ),
  },
  {
    name: "receiver: what is given up is no dead letter",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered"],
    patches: one("core/broker/receive.ts", "await failures.bury(letter);", "void letter;"),
  },
  {
    name: "receiver: a timer that is woken up early is let go",
    app: "random",
    seeds: 20,
    caughtBy: ["timers"],
    patches: one(
      "core/broker/receive.ts",
      "return result.due === undefined ? done : postpone(message, result.due);",
      "return done;",
    ),
  },
  {
    name: "receiver: the filter is not asked again",
    app: "random",
    seeds: 20,
    caughtBy: ["committed"],
    patches: one(
      "core/broker/receive.ts",
      "if (spec.pick && !spec.pick({ stream, record }).includes(n)) return undefined;",
      "",
    ),
  },
  {
    name: "redrive: a dead letter is dropped before it is sent, and not sent",
    app: "random",
    seeds: 40,
    faults: { operate: 1, poison: 0.1 },
    caughtBy: ["delivered", "sends"],
    patches: one(
      "core/broker/redrive.ts",
      "const [error] = await bus.send(queue, [parcel]);",
      "const error = undefined; void queue; void parcel;",
    ),
  },
];
