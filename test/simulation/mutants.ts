import type { Faults } from "holdfast/simulation";

/** One change to a file of `src/`: the text that must be there, once, and what stands there instead. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Broken code that the simulator must notice. */
export interface Mutant {
  readonly name: string;
  readonly app: "shop" | "random";
  /** Within so many seeds, from 1. */
  readonly seeds: number;
  /** What makes the weakness show sooner. */
  readonly faults?: Partial<Faults>;
  /** By one of these checkers. */
  readonly caughtBy: readonly string[];
  readonly patches: readonly Patch[];
}

const one = (file: string, find: string, replace: string): readonly Patch[] => [{ file, find, replace }];

export const mutants: readonly Mutant[] = [
  {
    name: "rejects from a stale cache",
    app: "random",
    seeds: 20,
    caughtBy: ["fresh", "linearisable"],
    patches: one("core/runtime/commit.ts", "if (!current && round.answers.length > 0) {", "if (!live) {"),
  },
  {
    name: "the condition is dropped: whoever comes last has the slot",
    app: "random",
    seeds: 20,
    caughtBy: ["dense", "acknowledged", "linearisable"],
    patches: one(
      "memory/journal.ts",
      'if (standing) return standing.id === record.id ? "stored" : "taken";',
      'if (standing) { records[record.sequence - 1] = record; return "stored"; }',
    ),
  },
  {
    name: "conditional on the version instead of the sequence",
    app: "random",
    seeds: 60,
    caughtBy: ["dense", "linearisable"],
    patches: one(
      "memory/journal.ts",
      `const standing = records[record.sequence - 1];
      if (standing) return standing.id === record.id ? "stored" : "taken";
      if (record.sequence !== records.length + 1 || record.previous !== (records.at(-1)?.id ?? "")) {`,
      `const standing = records[record.sequence - 1];
      if (standing?.id === record.id) return "stored";
      if (standing && (records.at(-1)?.version ?? 0) !== record.version - 1) return "taken";
      if (!record) {`,
    ),
  },
  {
    name: "its own write is taken for a conflict",
    app: "random",
    seeds: 20,
    caughtBy: ["linearisable"],
    patches: one(
      "core/runtime/commit.ts",
      'if (result === "taken" && tail[0]?.id !== append.record.id) {',
      'if (result === "taken") {',
    ),
  },
  {
    name: "an unknown outcome is reported as a failure",
    app: "random",
    seeds: 100,
    faults: { lost: 0.1, late: 0.1 },
    caughtBy: ["linearisable"],
    patches: one(
      "core/runtime/commit.ts",
      'if (result === "unknown") throw outcomeUnknown(live.stream);',
      'if (result === "unknown") throw new HoldfastError("overloaded", "It was not stored.", { retry: "later" });',
    ),
  },
  {
    name: "an unknown outcome is reported as success",
    app: "random",
    seeds: 200,
    caughtBy: ["acknowledged", "linearisable"],
    patches: one("core/runtime/commit.ts", 'result = "unknown";\n    }', 'result = "stored";\n    }'),
  },
  {
    name: "the key is stored apart from the state, and lost with the process",
    app: "random",
    seeds: 20,
    caughtBy: ["acknowledged", "linearisable"],
    patches: one("core/runtime/decide.ts", "...(key && { key: key.hash }),", ""),
  },
  {
    name: "the fingerprint is ignored",
    app: "random",
    seeds: 40,
    caughtBy: ["linearisable"],
    patches: [
      ...one("core/runtime/replay.ts", "if (entry.fp !== item.fingerprint) throw reusedError(item);", ""),
      ...one("core/runtime/round.ts", "const same = twin.fingerprint === item.fingerprint;", "const same = true;"),
    ],
  },
  {
    name: "two requests with one key are decided in one group",
    app: "random",
    seeds: 200,
    caughtBy: ["once"],
    patches: one(
      "core/runtime/round.ts",
      "const twin = key && draft.taken.get(key.hash);",
      "const twin = key && draft.taken.get(`no ${key.hash}`);",
    ),
  },
  {
    name: "a snapshot without its keys",
    app: "random",
    seeds: 20,
    caughtBy: ["once"],
    patches: one("core/runtime/snapshots.ts", "{ ...(page && { page }), forgotten },", "{ forgotten },"),
  },
  {
    name: "keys are evicted without a horizon",
    app: "random",
    seeds: 20,
    caughtBy: ["once"],
    patches: one("core/journal/key-window.ts", "horizon = Math.max(horizon, range.newest);", ""),
  },
  {
    name: "what is older than the horizon runs again",
    app: "random",
    seeds: 20,
    caughtBy: ["once"],
    patches: one(
      "core/journal/key-window.ts",
      "return key.born !== undefined && key.born <= horizon[key.origin];",
      "return key.born === -horizon[key.origin];",
    ),
  },
  {
    name: "an older snapshot takes the place of a newer one",
    app: "random",
    seeds: 100,
    caughtBy: ["snapshots"],
    patches: one(
      "memory/journal.ts",
      "if (isNewer(snapshot, found.snapshot)) found.snapshot",
      "if (isNewer(snapshot, undefined)) found.snapshot",
    ),
  },
  {
    name: "the chain is not checked, and erasing frees the slots",
    app: "random",
    seeds: 200,
    caughtBy: ["dense", "linearisable", "snapshots"],
    patches: [
      ...one(
        "core/runtime/live.ts",
        "record.sequence !== live.sequence + 1 || record.previous !== live.recordId",
        "record.sequence < 0",
      ),
      ...one(
        "memory/journal.ts",
        'if (record.sequence !== records.length + 1 || record.previous !== (records.at(-1)?.id ?? "")) {',
        "if (record.sequence < 0) {",
      ),
      ...one(
        "memory/journal.ts",
        "found.pages.clear();",
        "found.pages.clear(); found.records.length = 0; found.snapshot = undefined;",
      ),
    ],
  },
  {
    name: "a rejection under a derived key is forgotten",
    app: "random",
    seeds: 40,
    caughtBy: ["sends", "linearisable"],
    patches: one(
      "core/runtime/decide.ts",
      'const isRemembered = item.key && (item.command.remember || item.key.origin === "derived");\n      const { code',
      "const isRemembered = item.key && item.command.remember;\n      const { code",
    ),
  },
  {
    name: "published before it is committed",
    app: "random",
    seeds: 40,
    caughtBy: ["committed"],
    patches: one(
      "memory/journal.ts",
      "const { records, positions } = found;",
      'const { records, positions } = found; messages.notify("records", [{ position: commits.length + 1, stream, record }]);',
    ),
  },
  {
    name: "acknowledged before its effect",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered", "sends", "timers"],
    patches: one(
      "core/delivery/attempt.ts",
      "const done = await spec.run({ ...work, attempt: (before?.attempts ?? 0) + 1, about });",
      "const done = undefined as never; void spec.run({ ...work, attempt: (before?.attempts ?? 0) + 1, about }).catch(() => {});",
    ),
  },
  {
    name: "the reply is given before it is durable",
    app: "random",
    seeds: 40,
    caughtBy: ["acknowledged", "linearisable", "fresh"],
    patches: one(
      "core/runtime/commit.ts",
      "const result = await appendSettled(ports, append);\n    appended();",
      "for (const answer of round.answers) answer.give();\n    const result = await appendSettled(ports, append);\n    appended();",
    ),
  },
  {
    name: "the relay skips what fails",
    app: "shop",
    seeds: 20,
    caughtBy: ["delivered"],
    patches: one(
      "core/delivery/attempt.ts",
      "const error = readable(thrown);",
      'const error = readable(thrown); if (!spec.end) return { kind: "done", failures: undefined, due: undefined, body: undefined, changes: [] };',
    ),
  },
  {
    name: "the order is lost with a retry",
    app: "random",
    seeds: 40,
    caughtBy: ["ordered"],
    patches: one(
      "core/delivery/serve.ts",
      'const { failures, due } = result;\n    progress.note({ kind: "park", at: item.at, failures, due });',
      'const { failures, due } = result;\n    if (lane.items.length > 1) { lane.items.push(item); return void lane.items.shift(); }\n    progress.note({ kind: "park", at: item.at, failures, due });',
    ),
  },
  {
    name: "a timer's generation is ignored",
    app: "random",
    seeds: 200,
    faults: { freeze: 0.02, slow: 0.1 },
    caughtBy: ["timers"],
    patches: [
      ...one(
        "core/runtime/round.ts",
        "if (timer && timers.get(timer.name)?.generation !== timer.generation) {",
        "if (timer && timers.get(timer.name) === undefined) {",
      ),
    ],
  },
  {
    name: "a timer fires whenever it was ever due",
    app: "random",
    seeds: 40,
    caughtBy: ["timers"],
    patches: one("core/delivery/timers.ts", "if (timer.at > system.now()) return { again: { due: timer.at } };", ""),
  },
  {
    name: "a tick is done twice",
    app: "random",
    seeds: 100,
    caughtBy: ["effects"],
    patches: one(
      "core/delivery/crons.ts",
      "const cause = { id, born: tick,",
      "const cause = { id: `${id} ${system.now()}`, born: tick,",
    ),
  },
  {
    name: "a handler's keys depend on the attempt",
    app: "random",
    seeds: 20,
    caughtBy: ["effects"],
    patches: one(
      "core/messaging/handler.ts",
      'derivedKey(cause, [handler, target, String(n), attempt.again ?? ""])',
      "derivedKey(cause, [handler, target, String(n), String(attempt.attempt)])",
    ),
  },
  {
    name: "what is sent gets another key each time",
    app: "random",
    seeds: 100,
    caughtBy: ["sends"],
    patches: one("core/delivery/sends.ts", '["send"]', '["send", runtime.system.newId()]'),
  },
  {
    name: "a dead letter is dropped",
    app: "shop",
    seeds: 20,
    caughtBy: ["delivered"],
    patches: [
      ...one("core/delivery/serve.ts", 'progress.note({ kind: "dead", consumer, message, failures, reason });', ""),
    ],
  },
  {
    name: "progress is stored without the lease's token",
    app: "random",
    seeds: 200,
    faults: { freeze: 0.02, slow: 0.05, fail: 0.3 },
    caughtBy: ["delivered", "ordered", "rest", "sends"],
    patches: one("memory/messages.ts", "if (found?.owner !== owner) return false;", "if (!found) return false;"),
  },
  {
    name: "If-Match is ignored",
    app: "random",
    seeds: 20,
    caughtBy: ["linearisable"],
    patches: one(
      "core/runtime/round.ts",
      "if (expectedVersion !== undefined && !matches) {",
      "if (expectedVersion !== undefined && !matches && item === undefined) {",
    ),
  },
  {
    name: "any command begins an entity",
    app: "random",
    seeds: 20,
    caughtBy: ["linearisable"],
    patches: one(
      "core/runtime/round.ts",
      "if (version === 0 && live.definition.startsWith &&",
      "if (version === -1 && live.definition.startsWith &&",
    ),
  },
  {
    name: "what is sent is not stored with the entry",
    app: "random",
    seeds: 20,
    caughtBy: ["linearisable"],
    patches: one(
      "core/runtime/round.ts",
      "const text = encodeEntry(entry);",
      "const { messages: _lost, ...rest } = entry; const text = encodeEntry(rest);",
    ),
  },
  {
    name: "a timer that is set is not stored with the entry",
    app: "random",
    seeds: 20,
    caughtBy: ["linearisable"],
    patches: one(
      "core/runtime/round.ts",
      "const text = encodeEntry(entry);",
      "const { timers: set, ...rest } = entry; const left = set?.filter(({ at }) => at === undefined) ?? []; const text = encodeEntry({ ...rest, ...(left.length > 0 && { timers: left }) });",
    ),
  },
  {
    name: "a rejection that is to be remembered is not",
    app: "random",
    seeds: 20,
    caughtBy: ["acknowledged"],
    patches: one(
      "core/runtime/decide.ts",
      'const isRemembered = item.key && (item.command.remember || item.key.origin === "derived");\n      const { code',
      'const isRemembered = item.key && item.key.origin === "derived";\n      const { code',
    ),
  },
  {
    name: "filters are ignored",
    app: "random",
    seeds: 20,
    caughtBy: ["committed"],
    patches: one(
      "core/delivery/subscriptions.ts",
      "return filters.some((filter) => matches(filter, data));",
      "return filters.some((filter) => matches(filter, data)) || true;",
    ),
  },
  {
    name: "a handler sees the data of another event of the record",
    app: "random",
    seeds: 40,
    caughtBy: ["committed"],
    patches: one(
      "core/delivery/subscriptions.ts",
      "data: dataOf(runtime.app.entities.get(entity)?.events.get(of.type), of),",
      'data: dataOf(runtime.app.entities.get(entity)?.events.get(of.type), partsOf(stored, "events").find((part) => part.of.type === of.type)!.of),',
    ),
  },
  {
    name: "a handler sees the record's version at each of its events",
    app: "random",
    seeds: 20,
    caughtBy: ["committed"],
    patches: one(
      "core/delivery/subscriptions.ts",
      'version: stored.version - partsOf(stored, "events").length + found.n,',
      "version: stored.version,",
    ),
  },
  {
    name: "a handler's keys leave out the cause",
    app: "random",
    seeds: 20,
    caughtBy: ["acknowledged"],
    patches: one(
      "core/messaging/handler.ts",
      'const digest = hash("sha256", [id, ...parts].join("\\0"), "base64url").slice(0, 32);',
      'const isCall = /^(subscription|worker):/.test(parts[0] ?? ""); const digest = hash("sha256", [isCall ? "" : id, ...parts].join("\\0"), "base64url").slice(0, 32); if (isCall) return `hd1.${digest}`;',
    ),
  },
  {
    name: "a cron timer never fires",
    app: "random",
    seeds: 20,
    caughtBy: ["ticks"],
    patches: one(
      "core/delivery/crons.ts",
      "if (planned.tick > now) return { again: { due: planned.tick } };",
      "if (planned.tick > 0) return { again: after(now) };",
    ),
  },
  {
    name: "an erasure does nothing",
    app: "random",
    seeds: 40,
    caughtBy: ["erased"],
    patches: one(
      "core/runtime/erase.ts",
      "for (let attempt = 0; attempt <= limits.conflictsMax; attempt++) {",
      'if (stream.id !== "") return;\n  for (let attempt = 0; attempt <= limits.conflictsMax; attempt++) {',
    ),
  },
  {
    name: "an erasure leaves the payloads",
    app: "random",
    seeds: 40,
    caughtBy: ["erased"],
    patches: one(
      "memory/journal.ts",
      "if (record.sequence < tombstone) found",
      "if (record.sequence < -tombstone) found",
    ),
  },
  {
    name: "the fingerprint is of the command only",
    app: "random",
    seeds: 40,
    caughtBy: ["linearisable"],
    patches: one("core/journal/keys.ts", "canonicalJson(input)}`);", "canonicalJson(input).slice(0, 0)}`);"),
  },
  {
    name: "keys that are young enough are refused as expired",
    app: "random",
    seeds: 20,
    caughtBy: ["refused"],
    patches: one(
      "core/journal/key-window.ts",
      "return key.born !== undefined && key.born <= horizon[key.origin];",
      'return key.born !== undefined && (key.born <= horizon[key.origin] || key.hash < "K");',
    ),
  },
  {
    name: "what is sent arrives with another input",
    app: "random",
    seeds: 20,
    caughtBy: ["sends"],
    patches: one(
      "core/delivery/sends.ts",
      "...(input !== undefined && { input }),",
      "...(input !== undefined && { input: { ...(input as object), n: 1 } }),",
    ),
  },
  {
    name: "what is sent and refused counts as done",
    app: "random",
    seeds: 40,
    caughtBy: ["sends"],
    patches: one(
      "core/delivery/sends.ts",
      "const outcome = await knownLater(() =>\n          runtime.execute({",
      'const skip = (error: { code?: string }): never => { if (error.code === "not-found") return { ok: true } as never; throw error; };\n        const outcome = await knownLater(() => ((request: Parameters<typeof runtime.execute>[0]) => runtime.execute(request).catch(skip))({',
    ),
  },
  {
    name: "a message is dead at its first failure",
    app: "random",
    seeds: 20,
    caughtBy: ["dead"],
    patches: one(
      "core/messaging/policy.ts",
      "const tooOften = !outage && attempts >= policy.maxAttempts;",
      "const tooOften = !outage;",
    ),
  },
  {
    name: "a message is dead of an outage",
    app: "random",
    seeds: 20,
    caughtBy: ["dead"],
    patches: one(
      "core/messaging/policy.ts",
      "const tooOften = !outage && attempts >= policy.maxAttempts;",
      "const tooOften = outage || attempts >= policy.maxAttempts;",
    ),
  },
  {
    name: "a conflict is answered as a failure of the app",
    app: "random",
    seeds: 20,
    caughtBy: ["refused"],
    patches: one(
      "core/runtime/commit.ts",
      "moveOn(ports, live, tail);\n      return { again: round.answers",
      'ports.drop(live); throw new HoldfastError("internal", "conflict");\n      return { again: round.answers',
    ),
  },
  {
    name: "what is stored is answered as refused",
    app: "random",
    seeds: 20,
    caughtBy: ["refused"],
    patches: one(
      "core/runtime/round.ts",
      "draft.answers.push({ item, ofEntry: decided.entry !== undefined, give: () => item.resolve(outcome) });",
      'draft.answers.push({ item, ofEntry: decided.entry !== undefined, give: () => decided.entry && !decided.entry.events ? item.reject(new HoldfastError("overloaded", "x")) : item.resolve(outcome) });',
    ),
  },
  {
    name: "the tenant is left out of the stream",
    app: "random",
    seeds: 20,
    caughtBy: ["acknowledged", "linearisable"],
    patches: one(
      "core/runtime/runtime.ts",
      "return { tenant: principal.tenant, entity: definition.name, id };",
      'return { tenant: "default", entity: definition.name, id };',
    ),
  },
  {
    name: "a snapshot of another revision is used as it is",
    app: "random",
    seeds: 60,
    caughtBy: ["snapshots", "linearisable"],
    patches: one(
      "core/runtime/live.ts",
      "!body?.erased && snapshot.revision !== definition.revision;",
      "!body?.erased && snapshot.revision === -1;",
    ),
  },
  {
    name: "keys leave memory though the snapshot was not stored",
    app: "random",
    seeds: 40,
    caughtBy: ["once"],
    patches: one(
      "core/runtime/snapshots.ts",
      "live.snapshotDue = sequence + Math.max(1,",
      "pageStored(keys, sequence, ranges); live.snapshotDue = sequence + Math.max(1,",
    ),
  },
  {
    name: "timers that others have set are not seen",
    app: "random",
    seeds: 20,
    caughtBy: ["timers"],
    patches: one(
      "core/runtime/live.ts",
      "remember(live.keys, keysOf(entries, record.time), record.sequence);\n  for (const entry of entries) applyEntry(live, entry);",
      "remember(live.keys, keysOf(entries, record.time), record.sequence);\n  for (const { timers: _lost, ...entry } of entries) applyEntry(live, entry);",
    ),
  },
  {
    name: "keys of the tail are lost while pages load",
    app: "random",
    seeds: 100,
    caughtBy: ["once"],
    patches: one(
      "core/journal/key-window.ts",
      "const tail = [...window.recent.values()].map(({ hash, sequence }) => [hash, sequence] as const);",
      "const tail: (readonly [string, number])[] = [];",
    ),
  },
  {
    name: "one parked entity stops all others",
    app: "random",
    seeds: 120,
    faults: { poison: 0.3 },
    caughtBy: ["prompt"],
    patches: one(
      "core/delivery/consumer.ts",
      "if (closing || progress.noted >= changesMax || lanes.parked >= parkedMax) return false;",
      "if (closing || progress.noted >= changesMax || lanes.parked >= 1) return false;",
    ),
  },
  {
    name: "a request is refused before its deadline",
    app: "random",
    seeds: 20,
    caughtBy: ["refused"],
    patches: one(
      "core/runtime/round.ts",
      "if (item.deadline < ports.system.now()) {",
      "if (item.deadline < ports.system.now() + 9_990) {",
    ),
  },
  {
    name: "different keys are stored as one",
    app: "random",
    seeds: 20,
    caughtBy: ["once"],
    patches: one(
      "core/journal/keys.ts",
      "hash: digest(`${origin}\\0${text}`) };",
      "hash: digest(`${origin}\\0${text.slice(0, -1)}`) };",
    ),
  },
  {
    name: "a range leaves out its own bound",
    app: "random",
    seeds: 40,
    caughtBy: ["delivered"],
    patches: one(
      "core/messaging/filter.ts",
      "(gte !== undefined && value < gte)",
      "(gte !== undefined && value <= gte)",
    ),
  },
  {
    name: "a timer that was cancelled is pending",
    app: "random",
    seeds: 40,
    caughtBy: ["timers"],
    patches: one(
      "core/runtime/live.ts",
      "if (at === undefined || command === undefined) after.delete(name);",
      "if (command === undefined || at === undefined) continue;",
    ),
  },
];
