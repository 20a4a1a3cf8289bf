import { isDeepStrictEqual } from "node:util";
import { parseKey } from "../../../src/core/journal/keys.ts";
import type { Observed, Told } from "../observed.ts";
import { entriesOf, eventsOf, nameOf, type CommittedEntry } from "./committed.ts";

/** What clients were told, against what is stored. */
export function checkAnswers(observed: Observed): readonly string[] {
  const stored = new Map<string, CommittedEntry>();
  for (const { stream, record } of observed.records) {
    for (const committed of entriesOf(record)) {
      if (committed.entry.key !== undefined) stored.set(`${nameOf(stream)} ${committed.entry.key}`, committed);
    }
  }
  const balances = balancesOf(observed);
  return [
    ...observed.told.flatMap((told) => [...checkTold(told, stored, balances)]),
    ...checkShown(observed, balances),
    ...checkOrder(observed),
    ...checkAgain(observed),
    ...checkFull(observed),
    ...observed.odd.map((text) => `odd: ${text}`),
  ];
}

/** Account id to its balance at each version, from the events alone. */
type Balances = ReadonlyMap<string, readonly number[]>;

function balancesOf({ records }: Observed): Balances {
  const balances = new Map<string, number[]>();
  for (const { entity, subject, data } of records.flatMap(eventsOf)) {
    if (entity !== "account") continue;
    const list = balances.get(subject) ?? [0];
    list.push((list.at(-1) ?? 0) + Number(data["amount"]));
    balances.set(subject, list);
  }
  return balances;
}

const hashOf = (key: string): string => parseKey(key, "foreign", 0).hash;

/** An accepted command is stored as it was told; a rejected one has left nothing, and was right. */
function* checkTold(
  { entity, id, command, key, input, attempts, result }: Told,
  stored: ReadonlyMap<string, CommittedEntry>,
  balances: Balances,
): Generator<string> {
  const name = `${command} ${key} of ${nameOf({ entity, id })}`;
  // What was there already: whether that is so is looked at with the workflows.
  if (entity === "errand" && (!result.ok || command === "cancel")) return;
  const found = stored.get(`${nameOf({ entity, id })} ${hashOf(key)}`);
  const balance = balances.get(id)?.[result.version] ?? (result.version === 0 ? 0 : undefined);
  if (!result.ok) {
    // An earlier attempt, given up by its client, may run after this answer, unless rejections are remembered.
    const isFinal = attempts === 1 || command === "charge";
    if (isFinal && found?.entry.events) yield `rejected: ${name} was rejected and is stored`;
    if (command === "charge" && !found?.entry.rejected) yield `rejected: ${name} is not remembered`;
    if (balance === undefined) yield `rejected: ${name} was rejected at ${result.version}, which was never reached`;
    else if (balance >= (input.amount ?? 0)) yield `rejected: ${name} was rejected while there were ${balance}`;
    return;
  }
  if (!found) return yield `durable: ${name} was acknowledged and is not stored`;
  const { entry, version } = found;
  if (entry.rejected) yield `answer: ${name} was accepted, and is stored as rejected`;
  if (version !== result.version) yield `answer: ${name} was told ${result.version} and is stored at ${version}`;
  if (!isDeepStrictEqual(entry.reply, result.reply)) {
    yield `answer: ${name} was told ${JSON.stringify(result.reply)}, stored is ${JSON.stringify(entry.reply)}`;
  }
  if (entity === "account" && !isDeepStrictEqual(result.reply, { balance })) {
    yield `answer: ${name} was told ${JSON.stringify(result.reply)}, the events say ${balance}`;
  }
  const marks = (entry.events ?? []).map(({ data }) => markOf(data as Marked));
  if (marks.length === 0 || marks.some((mark) => mark !== input.mark)) {
    yield `effect: ${name} has the effect of ${JSON.stringify(marks)}`;
  }
}

interface Marked {
  readonly mark?: unknown;
  /** What a workflow was started with. */
  readonly input?: Marked;
  /** What it was signalled. */
  readonly data?: Marked;
}

function markOf({ mark, input, data }: Marked): unknown {
  return mark ?? input?.mark ?? data?.mark;
}

/** A view is the fold of the events up to its version. */
function* checkShown({ shown }: Observed, balances: Balances): Generator<string> {
  for (const { id, view, version } of shown) {
    const balance = balances.get(id)?.[version] ?? (version === 0 ? 0 : undefined);
    if (balance === view.balance) continue;
    yield `fold: account/${id} showed ${view.balance} at ${version}, its events say ${balance}`;
  }
}

/** No answer is older than one that had been received before it was asked for; what was new then is newer. */
function* checkOrder({ told, shown, watched }: Observed): Generator<string> {
  const answers = [
    ...told.map(({ entity, id, command, key, span, result }) => {
      const at = nameOf({ entity, id });
      return { at, span, version: result.version, what: key, isNew: result.ok && command !== "cancel" };
    }),
    ...shown.map((one) => ({ ...one, at: `account/${one.id}`, what: "a view", isNew: false })),
    ...watched.map((one) => ({ ...one, at: `errand/${one.id}`, what: "a view", isNew: false })),
  ];
  for (const [name, list] of Map.groupBy(answers, ({ at }) => at)) {
    const byAnswer = list.toSorted((a, b) => a.span.to - b.span.to);
    const bySend = list.toSorted((a, b) => a.span.from - b.span.from);
    let newest = 0;
    let at = 0;
    for (const { span, version, what, isNew } of bySend) {
      for (let done = byAnswer[at]; done && done.span.to < span.from; done = byAnswer[++at]) {
        newest = Math.max(newest, done.version);
      }
      if (isNew ? version <= newest : version < newest) yield `order: ${name} ${what} has ${version} after ${newest}`;
    }
  }
}

/** The same key gets the same answer again. */
function* checkAgain({ told, again }: Observed): Generator<string> {
  const before = new Map(told.map((one) => [one.key, one.result]));
  for (const { key, result } of again) {
    const first = before.get(key);
    if (!first?.ok || !result.ok || !result.replayed) yield `replay: ${key} was run again`;
    else if (first.version !== result.version || !isDeepStrictEqual(first.reply, result.reply)) {
      yield `replay: ${key} was told ${JSON.stringify(first)}, then ${JSON.stringify(result)}`;
    }
  }
}

/** While nothing can be stored nothing new is acknowledged. */
function* checkFull({ wire, full }: Observed): Generator<string> {
  for (const { key, span, status, replayed } of wire) {
    if (status >= 300 || replayed) continue;
    const isInside = full.some(
      ({ span: { from, to }, storable }) => storable === "nothing" && span.from > from && span.to < to,
    );
    if (isInside) yield `full: ${key} was answered with ${status} while nothing could be stored`;
  }
}
