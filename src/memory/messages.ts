import type {
  Change,
  DeadLetter,
  DeadLetterStore,
  MessageStore,
  ParkedLane,
  Replay,
  ReplayStore,
  StoreListener,
  QueuedMessage,
  Reason,
} from "../core/delivery/port.ts";
import type { StreamId } from "../core/journal/port.ts";
import type { Failures } from "../core/messaging/policy.ts";
import { streamKey } from "../core/runtime/live.ts";

interface Consumer {
  position: number;
  owner: string;
  until: number;
}

interface Row extends Omit<QueuedMessage, "failures"> {
  readonly consumer: string;
  readonly parked: boolean;
  readonly armed: boolean;
  readonly failures: Failures | undefined;
  /** Absent: dead. */
  readonly due: number | undefined;
  readonly reason?: Reason;
}

export interface MemoryMessages extends Omit<MessageStore, "recordsAfter">, DeadLetterStore, ReplayStore {
  readonly notify: StoreListener;
  /** The stream was erased. */
  blank(stream: StreamId): void;
}

/** What waits to be delivered, in memory. */
export function createMemoryMessages(journal: {
  readonly head: () => number;
  /** The stream's last sequence up to a position. */
  readonly lastSequence: (stream: StreamId, position: number) => number;
  readonly isErased: (stream: StreamId) => boolean;
}): MemoryMessages {
  const consumers = new Map<string, Consumer>();
  const rows = new Map<number, Row>();
  const replays = new Map<string, Replay>();
  const listeners = new Set<StoreListener>();
  let lastId = 0;

  const notify: StoreListener = (what, records) => {
    for (const listener of listeners) listener(what, records);
  };

  function add(row: Omit<Row, "id">): void {
    lastId++;
    rows.set(lastId, { ...row, id: lastId });
  }

  function change(id: number, to: Partial<Row>): void {
    const row = rows.get(id);
    if (row) rows.set(id, { ...row, ...to });
  }

  function find(of: (row: Row) => boolean): Row | undefined {
    for (const row of rows.values()) if (of(row)) return row;
    return undefined;
  }

  function isOf(row: Row, stream: StreamId): boolean {
    return row.stream !== undefined && streamKey(row.stream) === streamKey(stream);
  }

  function blank(stream: StreamId): void {
    for (const row of rows.values()) {
      if (row.reason && isOf(row, stream)) change(row.id, { reason: { code: "erased", message: "" } });
    }
  }

  /** A handler that ran while its stream was erased may have put what it saw into its error. */
  function forgetErased(stream: StreamId | undefined): void {
    if (stream && journal.isErased(stream)) blank(stream);
  }

  function apply(consumer: string, made: Change): void {
    const plain = { consumer, parked: false, armed: false, failures: undefined };
    switch (made.kind) {
      case "park": {
        const { at, failures, due } = made;
        const row = find((row) => row.consumer === consumer && row.parked && isOf(row, at.stream));
        if (row) change(row.id, { sequence: at.sequence, n: at.n, failures, due });
        else add({ ...plain, ...at, parked: true, failures, due, created: due });
        break;
      }
      case "unpark": {
        const row = find((row) => row.consumer === consumer && row.parked && isOf(row, made.stream));
        if (row) rows.delete(row.id);
        break;
      }
      case "delete":
        if (isUnchanged(made)) rows.delete(made.id);
        break;
      case "postpone":
        if (!isUnchanged(made)) break;
        change(made.id, {
          due: made.due,
          failures: made.failures,
          ...(made.body !== undefined && { body: made.body }),
        });
        break;
      case "bury":
        if (!isUnchanged(made)) break;
        change(made.id, { due: undefined, armed: false, failures: made.failures, reason: made.reason });
        forgetErased(rows.get(made.id)?.stream);
        break;
      case "dead": {
        const { message, failures, reason, consumer: of = consumer } = made;
        const { stream, sequence, n, again } = message;
        const isSame = (row: Row): boolean =>
          row.sequence === sequence && row.n === n && row.again === again && row.due === undefined;
        const row = n && stream && find((row) => row.consumer === of && isSame(row) && isOf(row, stream));
        if (row) change(row.id, { failures, reason });
        else add({ ...plain, ...message, consumer: of, failures, reason, due: undefined });
        forgetErased(stream);
        break;
      }
      case "arm": {
        const { name, stream, due, sequence, now } = made;
        const row = find((row) => row.consumer === consumer && row.armed && row.name === name && isOf(row, stream));
        if (row) change(row.id, { due: Math.min(row.due ?? due, due), sequence, failures: undefined });
        else add({ ...plain, name, stream, armed: true, sequence, due, created: now });
        break;
      }
      case "plan": {
        const { name, due, body, now } = made;
        const row = find((row) => row.consumer === consumer && row.armed && row.name === name);
        if (!row) add({ ...plain, name, armed: true, due, body, created: now });
        else if (!row.failures && row.due !== undefined && due < row.due) change(row.id, { due, body });
        break;
      }
      case "disarm":
        for (const row of rows.values()) {
          if (row.consumer === consumer && row.due !== undefined && isOf(row, made.stream)) rows.delete(row.id);
        }
        break;
      case "replayed": {
        const { id, handled = 0, skipped = 0, finished } = made;
        const replay = replays.get(id);
        if (!replay) break;
        const counts = { handled: replay.handled + handled, skipped: replay.skipped + skipped };
        replays.set(id, { ...replay, ...counts, ...(finished !== undefined && { finished }) });
      }
    }
  }

  function isUnchanged({ id, sequence }: { readonly id: number; readonly sequence?: number | undefined }): boolean {
    return sequence === undefined || rows.get(id)?.sequence === sequence;
  }

  return {
    notify,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async take(name, { owner, now, until, longest, start }) {
      const found = consumers.get(name);
      if (found && found.owner !== owner && found.until > now && found.until <= longest) {
        return { kind: "held", until: found.until, position: found.position };
      }
      const kept = found?.owner === owner;
      const position = found?.position ?? (start === "now" ? journal.head() : 0);
      consumers.set(name, { position, owner, until });
      const parked: ParkedLane[] = [];
      for (const { consumer, parked: isParked, stream, sequence = 1, n = 1, failures, due = 0 } of rows.values()) {
        if (consumer !== name || !isParked || !stream) continue;
        parked.push({ at: { stream, sequence, n }, through: journal.lastSequence(stream, position), failures, due });
      }
      return { kind: "taken", kept, position, parked };
    },
    async settle(name, owner, { position, until, changes }) {
      const found = consumers.get(name);
      if (found?.owner !== owner) return false;
      consumers.set(name, { position, until, owner });
      for (const made of changes) apply(name, made);
      return true;
    },
    async due(name, { now, limit }) {
      const messages: Row[] = [];
      let nextAt: number | undefined;
      let parkedAt: number | undefined;
      for (const row of rows.values()) {
        if (row.consumer !== name || row.due === undefined) continue;
        if (row.parked) parkedAt = Math.min(parkedAt ?? row.due, row.due);
        else if (row.due <= now) messages.push(row);
        else nextAt = Math.min(nextAt ?? row.due, row.due);
      }
      messages.sort((a, b) => (a.due ?? 0) - (b.due ?? 0) || a.id - b.id);
      return { messages: messages.slice(0, limit).map(asMessage), nextAt, parkedAt };
    },
    async send(consumer, messages) {
      for (const message of messages) {
        add({ consumer, parked: false, armed: false, failures: undefined, ...message, due: message.created });
      }
      notify("messages");
    },
    async dead({ consumer, after = 0, limit }) {
      const dead: DeadLetter[] = [];
      for (const row of rows.values()) {
        const { id, due, failures, reason } = row;
        if (due !== undefined || id <= after || dead.length === limit || !failures || !reason) continue;
        if (consumer === undefined || row.consumer === consumer) {
          dead.push({ ...asMessage(row), consumer: row.consumer, failures, reason });
        }
      }
      return dead;
    },
    async redrive(ids, now) {
      const dead = [...new Set(ids)].filter((id) => rows.has(id) && rows.get(id)?.due === undefined);
      for (const id of dead) {
        const { reason: _reason, ...row } = rows.get(id) as Row;
        rows.set(id, { ...row, due: now, failures: undefined });
      }
      notify("messages");
      return dead.length;
    },
    async drop(ids) {
      const dead = [...new Set(ids)].filter((id) => rows.has(id) && rows.get(id)?.due === undefined);
      for (const id of dead) rows.delete(id);
      return dead.length;
    },
    async addReplay(request) {
      replays.set(request.id, { ...request, through: journal.head(), position: 0, handled: 0, skipped: 0 });
      notify("messages");
    },
    async replays(which) {
      return [...replays.values()]
        .filter(({ finished }) => which === undefined || finished === undefined)
        .map((replay) => ({ ...replay, position: consumers.get(`replay:${replay.id}`)?.position ?? 0 }));
    },
    blank,
  };
}

function asMessage(row: Row): QueuedMessage {
  const { consumer: _c, parked: _p, armed: _a, due: _d, reason: _r, failures, ...message } = row;
  return { ...message, ...(failures && { failures }) };
}
